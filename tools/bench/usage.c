#include "tools/bench/usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "client/customerd.h"

/* What all threads of a process have used; 0 if it has gone. */
static double
process_s(long pid)
{
	struct timespec used = { 0, 0 };
	clockid_t       clock;

	if (clock_getcpuclockid((pid_t)pid, &clock) != 0 ||
	    clock_gettime(clock, &used) != 0)
		return 0;
	return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* The same with the children of its main thread: some servers are a family. */
static double
family_s(long pid)
{
	double seconds = process_s(pid);
	char   path[64];
	long   child;
	FILE  *file;

	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", pid, pid);
	file = fopen(path, "re");
	if (file == NULL)
		return seconds;
	while (fscanf(file, "%ld", &child) == 1)
		seconds += process_s(child);
	fclose(file);
	return seconds;
}

static void
ask_customerd(struct usage *usage, const char *path)
{
	struct customerd_options options = { .connect_timeout_ms = 5000 };
	struct customerd_call    call = { .method = "server.status" };
	struct customerd_slice   status;
	struct customerd        *c;
	char                     address[128];

	snprintf(address, sizeof(address), "unix:%s", path);
	options.address = address;
	if (customerd_open(&c, &options, NULL) != CUSTOMERD_OK)
		return;
	if (customerd_call(c, &call, &status, NULL) == CUSTOMERD_OK) {
		customerd_get_integer(status, "writer.commits", &usage->commits);
		customerd_get_integer(status, "writer.operations", &usage->operations);
		customerd_get_integer(status, "storage.bytes_used", &usage->bytes_used);
	}
	customerd_close(c);
}

void
usage_read(struct usage *usage, const char *pids, const char *operator_path)
{
	char *end = (char *)pids;

	*usage = (struct usage){ .server_s = pids[0] == '\0' ? -1 : 0 };
	usage->own_s = process_s(getpid());
	while (*end != '\0') {
		long pid = strtol(end, &end, 10);

		if (pid <= 0)
			break;
		usage->server_s += family_s(pid);
		end += *end == ',';
	}
	if (operator_path[0] != '\0')
		ask_customerd(usage, operator_path);
}
