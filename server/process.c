#include "server/process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/rlimit.h"

/* What the handler says; made beforehand, because a handler may not format. */
static char   bus_error_line[4352];
static size_t bus_error_len;

void
process_init(bool dumps)
{
	signal(SIGPIPE, SIG_IGN);
	/* A limit on file sizes is a full disk, not a reason to die. */
	signal(SIGXFSZ, SIG_IGN);
	umask(077);
	if (!dumps)
		rlimit_no_core_dumps();
}

static void
on_bus_error(int number)
{
	(void)number;
	(void)!write(STDERR_FILENO, bus_error_line, bus_error_len);
	_exit(PROCESS_EXIT_DISK);
}

void
process_catch_bus_errors(const char *data)
{
	struct sigaction action = { .sa_handler = on_bus_error };
	int              len;

	len = snprintf(bus_error_line, sizeof(bus_error_line),
	    "customerd: the data file in %s cannot be read (SIGBUS): the disk failed, "
	    "or somebody has cut the file; see \"customerd verify\"\n",
	    data);
	bus_error_len = len < (int)sizeof(bus_error_line) ? (size_t)len
							  : sizeof(bus_error_line) - 1;
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}
