#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/state.h"

static volatile sig_atomic_t is_stop_wanted;

static void
on_stop(int number)
{
	(void)number;
	is_stop_wanted = 1;
}

void
state_catch_stop(bool is_filter)
{
	/* A second one ends the program as usual. */
	struct sigaction action = { .sa_handler = on_stop,
		.sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (!is_filter)
		signal(SIGPIPE, SIG_IGN);
}

bool
state_stop_wanted(void)
{
	return is_stop_wanted != 0;
}

char *
state_path(const char *path, const char *ending)
{
	char *longer = NULL;

	return asprintf(&longer, "%s%s", path, ending) < 0 ? NULL : longer;
}

/* Write STATE to a new file PATH and have it on disk. */
static bool
write_whole(const char *path, json_t *state)
{
	FILE *file = fopen(path, "we");
	bool  is_written;

	if (file == NULL)
		return false;
	is_written = json_dumpf(state, file, JSON_COMPACT) == 0 &&
		     fputc('\n', file) != EOF && fflush(file) == 0 &&
		     fsync(fileno(file)) == 0;
	return fclose(file) == 0 && is_written;
}

bool
state_rename(const char *from, const char *path)
{
	const char *slash = strrchr(path, '/');
	char       *folder =
            slash == NULL ? strdup(".") : strndup(path, (size_t)(slash + 1 - path));
	int fd = folder == NULL ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* EINVAL: a file system that keeps no folders of its own. */
	bool is_named =
	    fd >= 0 && rename(from, path) == 0 && (fsync(fd) == 0 || errno == EINVAL);

	if (fd >= 0)
		close(fd);
	free(folder);
	return is_named;
}

bool
state_save(const char *path, json_t *state)
{
	char *new_path = state_path(path, ".new");
	bool  is_saved = new_path != NULL && write_whole(new_path, state) &&
			state_rename(new_path, path);

	if (!is_saved)
		ctl_say("%s: %s", path, strerror(errno));
	free(new_path);
	return is_saved;
}

json_t *
state_load(const char *path)
{
	json_t *state = json_load_file(path, 0, NULL);

	if (json_is_object(state))
		return state;
	json_decref(state);
	return NULL;
}
