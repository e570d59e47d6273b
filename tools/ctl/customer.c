/*
 * What only customers have: tags given and taken, anonymisation, passwords.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tools/ctl/print.h"
#include "tools/ctl/request.h"

/* Call with EXTRA, which is taken, as the argument KEY, and print the answer. */
static enum ctl_exit
run_with(struct ctl *ctl, const struct command *command, const char *key, json_t *extra)
{
	json_t       *args, *result = NULL;
	enum ctl_exit done = request_begin(ctl, command, &args);

	if (done == CTL_DONE)
		done = request_target(ctl, command, args);
	json_object_set_new(args, key, extra);
	if (done == CTL_DONE)
		done = request_call(ctl, command, args, &result);
	if (done == CTL_DONE && ctl->options.json != NULL)
		done = ctl_print(ctl, result);
	else if (done == CTL_DONE && ctl->options.quiet == NULL)
		print_record(request_shape(command), result);
	json_decref(result);
	json_decref(args);
	return done == CTL_DONE ? ctl_flush() : done;
}

static json_t *
tags_of(const struct command *command)
{
	json_t *tags = json_array();

	for (int i = 0; i < command->many_count; i++)
		json_array_append_new(tags, json_string(command->many[i]));
	return tags;
}

enum ctl_exit
ctl_run_tag(struct ctl *ctl, const struct command *command)
{
	return run_with(ctl, command, "add_tags", tags_of(command));
}

enum ctl_exit
ctl_run_untag(struct ctl *ctl, const struct command *command)
{
	return run_with(ctl, command, "remove_tags", tags_of(command));
}

enum ctl_exit
ctl_run_anonymize(struct ctl *ctl, const struct command *command)
{
	return run_with(ctl, command, "anonymize", json_string("request"));
}

enum ctl_exit
ctl_run_cancel(struct ctl *ctl, const struct command *command)
{
	return run_with(ctl, command, "anonymize", json_string("cancel"));
}

/* A line of standard input, to be freed; on a terminal it is not shown. */
static char *
read_password(void)
{
	struct termios before, silent;
	bool           is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
	char          *line = NULL;
	size_t         size = 0;
	ssize_t        len;

	if (is_terminal) {
		fprintf(stderr, "password: ");
		silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	}
	len = getline(&line, &size, stdin);
	if (is_terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	if (len > 0 && line[len - 1] == '\n')
		line[len - 1] = '\0';
	if (len > 0)
		return line;
	free(line);
	return NULL;
}

enum ctl_exit
ctl_run_verify(struct ctl *ctl, const struct command *command)
{
	json_t       *args = json_object(), *result = NULL;
	const char   *who = command->arguments[0];
	char         *password;
	enum ctl_exit done = CTL_DONE;
	bool          matches;

	/* By email in one call: that a customer is missing must not show. */
	if (strchr(who, '@') != NULL)
		json_object_set_new(args, "email", json_string(who));
	else
		done = request_target(ctl, command, args);
	password = done == CTL_DONE ? read_password() : NULL;
	if (done == CTL_DONE && password == NULL) {
		ctl_say("no password came on standard input");
		done = CTL_USAGE;
	}
	json_object_set_new(args, "password", json_string(password));
	free(password);
	if (done == CTL_DONE)
		done = request_call(ctl, command, args, &result);
	json_decref(args);
	if (done != CTL_DONE)
		return done;
	matches = json_is_true(json_object_get(result, "matches"));
	if (ctl->options.json != NULL)
		done = ctl_print(ctl, result);
	else if (ctl->options.quiet == NULL)
		puts(matches ? "the password matches" : "the password does not match");
	json_decref(result);
	return done == CTL_DONE && !matches ? CTL_REFUSED : done;
}
