/*
 * ping, status, backup, scrub and call: one request, one answer.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/limits.h"
#include "tools/ctl/json.h"
#include "tools/ctl/sentence.h"

static int64_t
clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

enum ctl_exit
ctl_run_ping(struct ctl *ctl, const struct command *command)
{
	struct customerd_call ping = { .method = "ping" };
	enum ctl_exit         done = ctl_connect(ctl);
	int64_t               begin_us = clock_us(), took_us;
	json_t               *result;

	(void)command;
	if (done == CTL_DONE)
		done = ctl_call(ctl, &ping, NULL, &result, "");
	if (done != CTL_DONE)
		return done;
	took_us = clock_us() - begin_us;
	json_object_set_new(result, "round_trip_us", json_integer(took_us));
	if (ctl->options.json != NULL)
		done = ctl_print(ctl, result);
	else
		printf("the server answers in %lld microseconds\n", (long long)took_us);
	json_decref(result);
	return done;
}

/* Print VALUE as lines "path value", which people read and grep finds. */
static void
print_lines(const char *path, json_t *value)
{
	char        longer[512], line[512];
	char       *text;
	const char *key;
	json_t     *item;

	json_object_foreach (value, key, item) {
		snprintf(longer, sizeof(longer), "%s%s%s", path,
		    path[0] == '\0' ? "" : ".", key);
		print_lines(longer, item);
	}
	if (json_is_object(value))
		return;
	text = json_is_string(value)
		   ? strdup(json_string_value(value))
		   : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	snprintf(longer, sizeof(longer), "%-40s %s", path, text == NULL ? "" : text);
	free(text);
	customerd_printable(
	    line, sizeof(line), (struct customerd_slice){ longer, strlen(longer) });
	puts(line);
}

enum ctl_exit
ctl_run_status(struct ctl *ctl, const struct command *command)
{
	struct customerd_call call = { .method = "server.status" };
	json_t               *result;
	enum ctl_exit         done = ctl_call(ctl, &call, NULL, &result, "");

	(void)command;
	if (done != CTL_DONE)
		return done;
	if (ctl->options.json != NULL)
		done = ctl_print(ctl, result);
	else
		print_lines("", result);
	json_decref(result);
	return done;
}

/* PATH as the server may understand it, to be freed: it has a directory of its own. */
static char *
absolute(const char *path)
{
	char *whole = NULL, *here = path[0] == '/' ? strdup("") : getcwd(NULL, 0);

	if (here != NULL &&
	    asprintf(&whole, path[0] == '/' ? "%s%s" : "%s/%s", here, path) < 0)
		whole = NULL;
	free(here);
	return whole;
}

/* Have the server do its long work CALL, which takes its time, with ARGS. */
static enum ctl_exit
run_job(struct ctl *ctl, struct customerd_call *call, json_t *args)
{
	json_t       *result;
	enum ctl_exit done;

	if (ctl->options.timeout_ms == NULL)
		call->timeout_ms = TIMEOUT_MS_MAX;
	done = ctl_call(ctl, call, args, &result, "");
	json_decref(args);
	if (done != CTL_DONE)
		return done;
	if (ctl->options.json != NULL)
		done = ctl_print(ctl, result);
	else if (ctl->options.quiet == NULL)
		print_lines("", result);
	json_decref(result);
	return done;
}

enum ctl_exit
ctl_run_backup(struct ctl *ctl, const struct command *command)
{
	struct customerd_call call = { .method = "server.backup" };
	char                 *path = absolute(command->arguments[0]);
	json_t *args = path == NULL ? NULL : json_pack("{s:s}", "directory", path);

	free(path);
	if (args == NULL) {
		ctl_say("%s: not a path that can be sent", command->arguments[0]);
		return CTL_USAGE;
	}
	return run_job(ctl, &call, args);
}

enum ctl_exit
ctl_run_scrub(struct ctl *ctl, const struct command *command)
{
	struct customerd_call call = { .method = "server.scrub" };

	(void)command;
	return run_job(ctl, &call, NULL);
}

/* Put one pair of --meta into CALL; the text stays the object's. */
static bool
take_meta(struct customerd_call *call, const char *key, const json_t *value)
{
	const struct {
		const char  *key;
		const char **text;
	} texts[] = {
		{ "token", &call->token },
		{ "idempotency_key", &call->idempotency_key },
		{ "traceparent", &call->traceparent },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(key, texts[i].key) == 0) {
			*texts[i].text = json_string_value(value);
			return json_is_string(value);
		}
	if (strcmp(key, "timeout_ms") == 0) {
		call->timeout_ms = json_integer_value(value);
		return call->timeout_ms >= 1 && call->timeout_ms <= TIMEOUT_MS_MAX;
	}
	call->dry_run = json_is_true(value);
	return strcmp(key, "dry_run") == 0 && json_is_boolean(value);
}

/* Read --meta into CALL, which then borrows from *META. */
static enum ctl_exit
parse_meta(const char *text, json_t **meta, struct customerd_call *call)
{
	char        why[JSON_WHY_BYTES];
	const char *key;
	json_t     *value;

	if (text == NULL)
		return CTL_DONE;
	*meta = json_parse_object(text, strlen(text), why);
	if (*meta == NULL) {
		ctl_say("--meta: %s", why);
		return CTL_USAGE;
	}
	json_object_foreach (*meta, key, value) {
		if (take_meta(call, key, value))
			continue;
		ctl_say("--meta: no such key, or not its type: %s", key);
		return CTL_USAGE;
	}
	return CTL_DONE;
}

/* Read the arguments; NULL with CTL_DONE when there are none. */
static enum ctl_exit
parse_args(const char *text, json_t **args)
{
	char   why[JSON_WHY_BYTES];
	char  *input = NULL;
	size_t size = 0;

	if (text == NULL)
		return CTL_DONE;
	if (strcmp(text, "-") == 0 && getdelim(&input, &size, '\0', stdin) > 0)
		text = input;
	*args = json_parse_object(text, strlen(text), why);
	free(input);
	if (*args != NULL)
		return CTL_DONE;
	ctl_say("the arguments: %s", why);
	return CTL_USAGE;
}

enum ctl_exit
ctl_run_call(struct ctl *ctl, const struct command *command)
{
	struct customerd_call call = { .method = command->arguments[0] };
	json_t               *meta = NULL, *args = NULL, *result = NULL;
	enum ctl_exit         done = parse_args(command->arguments[1], &args);

	if (done == CTL_DONE)
		done = parse_meta(ctl->options.meta, &meta, &call);
	if (done == CTL_DONE)
		done = ctl_call(ctl, &call, args, &result, "");
	if (done == CTL_DONE)
		done = ctl_print(ctl, result);
	json_decref(meta);
	json_decref(args);
	json_decref(result);
	return done;
}
