/*
 * load: make the calls of a file, one after another.
 *
 * A line is a JSON object: "method", and if wanted "args"; "token", who asks, when
 * that is not who connected; "save", a name under which the answer is kept.  A text
 * "$NAME.KEY" in a later line's args or token stands for what that answer has at
 * KEY; so a token can be made, used and deleted without being known before.  A text
 * that itself begins with a dollar sign is written with two.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/json.h"
#include "tools/ctl/sentence.h"

struct load {
	struct ctl *ctl;
	json_t     *saved;      /* answers by name */
	char        where[512]; /* "FILE:LINE: " */
};

static enum ctl_exit
refuse(const struct load *load, const char *reason, const char *what)
{
	ctl_say("%s%s: %s", load->where, reason, what);
	return CTL_USAGE;
}

/* What TEXT stands for: a new reference, or NULL when it names nothing. */
static json_t *
resolve_text(const struct load *load, json_t *text)
{
	const char *name = json_string_value(text);
	const char *dot;
	json_t     *answer;

	if (name[0] != '$')
		return json_incref(text);
	if (name[1] == '$')
		return json_string(name + 1);
	dot = strchr(++name, '.');
	if (dot == NULL)
		return NULL;
	answer = json_object_getn(load->saved, name, (size_t)(dot - name));
	return json_incref(json_object_get(answer, dot + 1));
}

/* VALUE with all that was saved put in: a new reference, or NULL. */
static json_t *
resolve(const struct load *load, json_t *value)
{
	json_t     *copy, *item, *resolved;
	const char *key;
	size_t      i;

	if (json_is_string(value))
		return resolve_text(load, value);
	copy = json_copy(value);
	json_object_foreach (value, key, item) {
		resolved = resolve(load, item);
		if (resolved == NULL || json_object_set_new(copy, key, resolved) != 0)
			goto failed;
	}
	json_array_foreach (value, i, item) {
		resolved = resolve(load, item);
		if (resolved == NULL || json_array_set_new(copy, i, resolved) != 0)
			goto failed;
	}
	return copy;

failed:
	json_decref(copy);
	return NULL;
}

/* The one key of LINE that is not what it should be, or NULL. */
static const char *
find_bad_key(json_t *line)
{
	const char *key;
	json_t     *value;

	json_object_foreach (line, key, value) {
		bool is_text = strcmp(key, "method") == 0 ||
			       strcmp(key, "token") == 0 || strcmp(key, "save") == 0;
		bool is_args = strcmp(key, "args") == 0;

		if (!(is_text && json_is_string(value)) &&
		    !(is_args && json_is_object(value)))
			return key;
	}
	return json_object_get(line, "method") == NULL ? "method" : NULL;
}

/* Make the call of LINE, whose references are resolved. */
static enum ctl_exit
run_call(struct load *load, json_t *line)
{
	struct customerd_call call = { .method = json_string_value(
					   json_object_get(line, "method")),
		.token = json_string_value(json_object_get(line, "token")) };
	json_t               *save = json_object_get(line, "save");
	json_t               *answer = NULL;
	enum ctl_exit         done = ctl_call(
		    load->ctl, &call, json_object_get(line, "args"), &answer, load->where);

	if (done == CTL_DONE && save != NULL)
		json_object_set(load->saved, json_string_value(save), answer);
	json_decref(answer);
	return done;
}

static enum ctl_exit
run_line(struct load *load, const char *text, size_t len)
{
	char          why[JSON_WHY_BYTES];
	json_t       *line = json_parse_object(text, len, why);
	json_t       *resolved;
	const char   *bad_key;
	enum ctl_exit done;

	if (line == NULL)
		return refuse(load, "the line is", why);
	bad_key = find_bad_key(line);
	resolved = bad_key == NULL ? resolve(load, line) : NULL;
	if (bad_key != NULL)
		done = refuse(load, "no such key, or not its type", bad_key);
	else if (resolved == NULL)
		done = refuse(load, "a name stands for nothing", "$NAME.KEY");
	else
		done = run_call(load, resolved);
	json_decref(resolved);
	json_decref(line);
	return done;
}

static enum ctl_exit
run_file(struct load *load, FILE *file, const char *name)
{
	enum ctl_exit done = CTL_DONE;
	unsigned long number = 0, calls = 0;
	size_t        size = 0;
	char         *text = NULL;
	ssize_t       len;

	while (done == CTL_DONE && (len = getline(&text, &size, file)) > 0) {
		number++;
		if (text[strspn(text, " \t\r\n")] == '\0')
			continue;
		snprintf(load->where, sizeof(load->where), "%s:%lu: ", name, number);
		done = run_line(load, text, (size_t)len);
		calls += done == CTL_DONE;
	}
	free(text);
	if (done == CTL_DONE && ferror(file)) {
		ctl_say("%s: %s", name, strerror(errno));
		return CTL_USAGE;
	}
	ctl_say("%s: %lu calls made", name, calls);
	return done;
}

enum ctl_exit
ctl_run_load(struct ctl *ctl, const struct command *command)
{
	bool          is_stdin = strcmp(command->arguments[0], "-") == 0;
	FILE         *file = is_stdin ? stdin : fopen(command->arguments[0], "re");
	struct load   load = { .ctl = ctl };
	enum ctl_exit done;

	if (file == NULL) {
		ctl_say("%s: %s", command->arguments[0], strerror(errno));
		return CTL_USAGE;
	}
	load.saved = json_object();
	done =
	    run_file(&load, file, is_stdin ? "standard input" : command->arguments[0]);
	json_decref(load.saved);
	if (!is_stdin)
		fclose(file);
	return done;
}
