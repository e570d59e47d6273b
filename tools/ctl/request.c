#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/json.h"
#include "tools/ctl/request.h"
#include "tools/ctl/typed.h"

#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define FILE_VALUE_BYTES_MAX (64u * 1024) /* more than any field may have */

enum record_kind
request_record(const struct command *command)
{
	return methods[command->sentence->method].record;
}

const struct shape *
request_shape(const struct command *command)
{
	return &record_shapes[request_record(command)];
}

/* "set" in ARGS, made when it is not there. */
static json_t *
set_of(json_t *args)
{
	json_t *set = json_object_get(args, "set");

	if (set == NULL) {
		set = json_object();
		json_object_set_new(args, "set", set);
	}
	return set;
}

/* ---- options ---- */

/* What --scopes all stands for: each that a token can have. */
static json_t *
all_scopes(void)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < SCOPE_COUNT; i++)
		if (i != SCOPE_OPERATE)
			json_array_append_new(list, json_string(scope_words[i]));
	return list;
}

static json_t *
option_json(const struct field *field, const char *text, char why[JSON_WHY_BYTES])
{
	if (field->kind == FIELD_WORDS && strcmp(text, "all") == 0)
		return all_scopes();
	return typed_value(field, text, why);
}

/* Put option I, which was given as TEXT, where its key belongs. */
static bool
put_option(const struct command *command, unsigned i, const char *text, json_t *args)
{
	const struct method *method = &methods[command->sentence->method];
	const struct shape  *shape = &argument_shape;
	struct slice         key = slice_text(option_rows[i].key);
	char                 why[JSON_WHY_BYTES];
	int                  place = shape_find(shape, key, 0);
	json_t              *value;

	if (place < 0 || (method->args & ARG_BIT(place)) == 0) {
		shape = request_shape(command);
		place = shape_find(shape, key, 0);
		args = set_of(args);
	}
	value = option_json(&shape->fields[place], text, why);
	if (value == NULL)
		ctl_say("--%s %s", option_rows[i].name, why);
	return value != NULL &&
	       json_object_setn_new(args, key.data, key.len, value) == 0;
}

enum ctl_exit
request_begin(const struct ctl *ctl, const struct command *command, json_t **args)
{
	*args = json_object();
	for (unsigned i = 0; i < OPTION_COUNT; i++) {
		const char *text = option_value(&ctl->options, (enum ctl_option)i);

		if (text != NULL && option_rows[i].key != NULL &&
		    !put_option(command, i, text, *args)) {
			json_decref(*args);
			*args = NULL;
			return CTL_USAGE;
		}
	}
	return CTL_DONE;
}

/* ---- which record ---- */

/* Find the record whose KEY is TEXT, and put its id into ARGS. */
static enum ctl_exit
look_up(struct ctl *ctl, const char *method, const char *key, const char *text,
    json_t *args)
{
	struct customerd_call call = { .method = method };
	json_t               *query = json_pack("{s:s}", key, text), *record = NULL;
	enum ctl_exit         done;

	if (query == NULL) {
		ctl_say("\"%s\" is no valid UTF-8", text);
		return CTL_USAGE;
	}
	done = ctl_call(ctl, &call, query, &record, "");
	if (done == CTL_DONE)
		json_object_set(args, "id", json_object_get(record, "id"));
	json_decref(record);
	json_decref(query);
	return done;
}

enum ctl_exit
request_target(struct ctl *ctl, const struct command *command, json_t *args)
{
	const char *text = command->arguments[0];
	char        why[JSON_WHY_BYTES];
	json_t     *id;

	if (text == NULL)
		return CTL_DONE;
	if (text[strspn(text, "0123456789")] == '\0') {
		id = typed_value(&argument_shape.fields[ARG_ID], text, why);
		if (id != NULL)
			return json_object_set_new(args, "id", id) == 0 ? CTL_DONE
									: CTL_USAGE;
		ctl_say("an id %s", why);
		return CTL_USAGE;
	}
	if (request_record(command) == RECORD_TAG)
		return look_up(ctl, "tag.find", "name", text, args);
	if (strchr(text, '@') != NULL)
		return look_up(ctl, "customer.find", "email", text, args);
	json_object_set_new(args, "uid", json_string(text));
	return CTL_DONE;
}

/* ---- fields ---- */

/* How an assignment gives its value. */
enum giving {
	GIVES_TEXT, /* FIELD=TEXT */
	GIVES_JSON, /* FIELD:=JSON */
	GIVES_FILE, /* FIELD@FILE */
};

struct assignment {
	char        path[128];
	const char *text;
	enum giving giving;
};

static bool
split(struct assignment *assignment, const char *word)
{
	size_t len = strcspn(word, "=:@");

	if (len >= sizeof(assignment->path))
		return false;
	memcpy(assignment->path, word, len);
	assignment->path[len] = '\0';
	assignment->giving = word[len] == '='   ? GIVES_TEXT
			     : word[len] == ':' ? GIVES_JSON
						: GIVES_FILE;
	assignment->text = word + len + (word[len] == ':' ? 2 : 1);
	return true;
}

/* All of the file NAME, to be freed, without the line feed at its end. */
static char *
read_file(const char *name, char why[JSON_WHY_BYTES])
{
	FILE  *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	char  *text = malloc(FILE_VALUE_BYTES_MAX + 1);
	size_t len = 0;

	if (file == NULL || text == NULL) {
		snprintf(why, JSON_WHY_BYTES, "%s: %s", name, strerror(errno));
		free(text);
		return NULL;
	}
	len = fread(text, 1, FILE_VALUE_BYTES_MAX, file);
	if (file != stdin)
		fclose(file);
	if (len > 0 && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	if (strlen(text) == len)
		return text;
	snprintf(why, JSON_WHY_BYTES, "%s: is no text", name);
	free(text);
	return NULL;
}

static json_t *
assigned_value(const struct assignment *assignment, const struct field *field,
    char why[JSON_WHY_BYTES])
{
	json_error_t error;
	json_t      *value;
	char        *text;

	if (assignment->giving == GIVES_TEXT)
		return assignment->text[0] == '\0'
			   ? json_null()
			   : typed_value(field, assignment->text, why);
	if (assignment->giving == GIVES_JSON) {
		value = json_loads(
		    assignment->text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
		if (value == NULL)
			snprintf(why, JSON_WHY_BYTES, "is no JSON: %s", error.text);
		return value;
	}
	text = read_file(assignment->text, why);
	value = text == NULL ? NULL : typed_value(field, text, why);
	free(text);
	return value;
}

/* Carry out one assignment; false, with a sentence in WHY, when it cannot be. */
static bool
assign(const struct command *command, const char *word, json_t *set,
    char why[JSON_WHY_BYTES])
{
	bool is_creation =
	    (methods[command->sentence->method].args & ARG_BIT(ARG_CREATED_AT)) != 0;
	struct assignment   assignment;
	const struct field *field;
	char                reason[JSON_WHY_BYTES];
	json_t             *value;

	snprintf(why, JSON_WHY_BYTES, "the name of a field is shorter than that");
	if (!split(&assignment, word))
		return false;
	field = typed_find(request_shape(command), assignment.path, why);
	if (field == NULL)
		return false;
	if (!is_creation && strchr(assignment.path, '.') != NULL) {
		snprintf(why, JSON_WHY_BYTES,
		    "an update replaces %.*s as a whole; give it as %.*s:={…}",
		    (int)strcspn(assignment.path, "."), assignment.path,
		    (int)strcspn(assignment.path, "."), assignment.path);
		return false;
	}
	value = assigned_value(&assignment, field, why);
	if (value != NULL)
		return typed_put(set, assignment.path, value);
	snprintf(reason, sizeof(reason), "%s", why);
	snprintf(why, JSON_WHY_BYTES, "%.100s %.400s", assignment.path, reason);
	return false;
}

enum ctl_exit
request_fields(const struct command *command, json_t *args)
{
	char    why[JSON_WHY_BYTES];
	json_t *set = set_of(args);

	for (int i = 0; i < command->many_count; i++) {
		if (assign(command, command->many[i], set, why))
			continue;
		ctl_say("%s", why);
		fprintf(stderr, "customerctl help %.*s lists the fields\n",
		    (int)strcspn(command->sentence->text, CAPITALS) - 1,
		    command->sentence->text);
		return CTL_USAGE;
	}
	return CTL_DONE;
}

/* ---- the call ---- */

enum ctl_exit
request_call(
    struct ctl *ctl, const struct command *command, json_t *args, json_t **result)
{
	struct customerd_call call = { .method =
					   methods[command->sentence->method].name.data,
		.dry_run = ctl->options.dry_run != NULL,
		.idempotency_key = ctl->options.idempotency_key };
	enum ctl_exit         done = ctl_call(ctl, &call, args, result, "");

	if (done == CTL_DONE && call.dry_run)
		ctl_note(ctl, "a dry run: nothing was changed");
	return done;
}

enum ctl_exit
request_make(struct ctl *ctl, const struct command *command, json_t **result)
{
	json_t       *args;
	enum ctl_exit done = request_begin(ctl, command, &args);
	bool          has_fields = strstr(command->sentence->text, "FIELD=") != NULL;

	if (done == CTL_DONE && has_fields)
		done = request_fields(command, args);
	if (done == CTL_DONE &&
	    (command->many == NULL || command->arguments[0] != command->many[0]))
		done = request_target(ctl, command, args);
	if (done == CTL_DONE)
		done = request_call(ctl, command, args, result);
	json_decref(args);
	return done;
}
