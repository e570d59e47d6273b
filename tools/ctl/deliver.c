#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/ctl/deliver.h"

extern char **environ;

/* Start the shell with COMMAND and READ_FD as its standard input. */
static int
start(const char *command, int read_fd, pid_t *pid)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, strdup(command), NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t          attributes;
	sigset_t                   defaults;
	int                        failure;

	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE); /* ignored here, but not there */
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, read_fd, STDIN_FILENO);
	failure = posix_spawn(pid, "/bin/sh", &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	free(argv[2]);
	return failure;
}

/* A command need not read its input, so what happens to the pipe does not count. */
static void
give(int fd, const char *text)
{
	FILE *pipe = fdopen(fd, "w");

	if (pipe == NULL) {
		close(fd);
		return;
	}
	fprintf(pipe, "%s\n", text);
	fclose(pipe);
}

static bool
wait_for(pid_t pid, char why[DELIVER_WHY_BYTES])
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			break;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFEXITED(status))
		snprintf(why, DELIVER_WHY_BYTES, "the command ended with %d",
		    WEXITSTATUS(status));
	else
		snprintf(why, DELIVER_WHY_BYTES, "the command was ended by signal %d",
		    WTERMSIG(status));
	return false;
}

bool
deliver_exec(
    const char *command, const char *body, json_int_t seq, char why[DELIVER_WHY_BYTES])
{
	int   fds[2], failure;
	pid_t pid;
	char  number[24];

	snprintf(number, sizeof(number), "%lld", (long long)seq);
	setenv("CUSTOMERD_SEQ", number, 1);
	failure = pipe2(fds, O_CLOEXEC) != 0 ? errno : 0;
	if (failure == 0) {
		failure = start(command, fds[0], &pid);
		close(fds[0]);
		if (failure != 0)
			close(fds[1]);
	}
	if (failure != 0) {
		snprintf(why, DELIVER_WHY_BYTES, "%s", strerror(failure));
		return false;
	}
	give(fds[1], body);
	return wait_for(pid, why);
}
