#include <stdlib.h>
#include <string.h>

#include "tools/ctl/import.h"
#include "tools/ctl/when.h"

#define UNIT_BYTES_MAX (512u * 1024) /* of the file, but for its last line */
#define UNIT_PASSWORDS_MAX 10u       /* the server takes no more at once */
#define ATTEMPTS_MAX 8u
#define PAUSE_MS 50 /* before the second attempt; then twice as long each time */

/* ---- from lines to a call ---- */

bool
import_fill(struct import *import, struct unit *unit)
{
	struct source_record next;
	unsigned             count_max = import->is_update ? UPDATE_MANY_MAX : 1;
	unsigned             passwords = 0;
	int64_t              begin = -1;

	*unit = (struct unit){ .import = import };
	while (unit->count < count_max && passwords < UNIT_PASSWORDS_MAX &&
	       source_next(import->source, &next)) {
		if (begin < 0)
			begin = next.behind.offset;
		unit->behind = next.behind;
		unit->lines[unit->count++] = (struct unit_line){ .line = next.line,
			.record = next.record,
			.error = next.record == NULL ? strdup(next.why) : NULL };
		passwords += json_object_get(next.record, "password") != NULL;
		if (next.behind.offset - begin > UNIT_BYTES_MAX)
			break;
	}
	return unit->count > 0;
}

static bool
is_key_of_create(const char *key)
{
	return strcmp(key, "id") == 0 || strcmp(key, "uid") == 0 ||
	       strcmp(key, "created_at") == 0;
}

/* What RECORD sets: not what the server sets itself, and no remarks. */
static json_t *
set_of(json_t *record)
{
	const struct shape *shape = &record_shapes[RECORD_CUSTOMER];
	json_t             *set = json_object(), *value;
	const char         *key;

	json_object_foreach (record, key, value) {
		int place = shape_find(shape, slice_text(key), 0);

		if (key[0] == '_' ||
		    (place >= 0 && (shape->fields[place].flags & READ_ONLY) != 0))
			continue;
		json_object_set(set, key, value);
	}
	return set;
}

static json_t *
create_args(const struct import *import, json_t *record)
{
	json_t     *args = json_pack("{s:o}", "set", set_of(record)), *value;
	const char *key;

	json_object_foreach (record, key, value)
		if (import->keeps_ids && is_key_of_create(key))
			json_object_set(args, key, value);
	return args;
}

/* One of the updates; of id and uid the server takes only one. */
static json_t *
update_item(json_t *record)
{
	json_t     *item = json_pack("{s:o}", "set", set_of(record));
	const char *key = json_object_get(record, "id") != NULL ? "id" : "uid";

	if (json_object_get(record, key) != NULL)
		json_object_set(item, key, json_object_get(record, key));
	return item;
}

static json_t *
update_args(const struct unit *unit)
{
	json_t *updates = json_array();

	for (unsigned i = 0; i < unit->count; i++)
		if (unit->lines[i].error == NULL)
			json_array_append_new(
			    updates, update_item(unit->lines[i].record));
	return json_pack("{s:o}", "updates", updates);
}

/* ---- answers ---- */

void
import_stop(struct import *import, enum ctl_exit done)
{
	if (import->is_stopped)
		return;
	import->is_stopped = true;
	import->done = done;
}

/* Stop because of ERROR, which is said if it is the first. */
static void
stop_for(struct import *import, enum customerd_status status,
    const struct customerd_error *error)
{
	if (!import->is_stopped)
		import_stop(import, ctl_say_error(import->ctl, status, error, ""));
}

/* The error map ERROR in one line, to be freed. */
static char *
error_text(struct customerd_slice error)
{
	struct customerd_walk  walk;
	struct customerd_slice list = { NULL, 0 }, one, code, path, message;
	char                  *text = NULL;
	size_t                 size;
	FILE                  *stream = open_memstream(&text, &size);
	const char            *mark = ":";

	if (stream == NULL)
		return NULL;
	if (customerd_get_text(error, "code", &code))
		fprintf(stream, "%.*s", (int)code.len, code.data);
	if (customerd_get_text(error, "message", &message))
		fprintf(stream, ": %.*s", (int)message.len, message.data);
	customerd_get(error, "errors", &list);
	customerd_walk(&walk, list);
	for (; customerd_next(&walk, NULL, &one); mark = ";")
		if (customerd_get_text(one, "path", &path) &&
		    customerd_get_text(one, "message", &message))
			fprintf(stream, "%s %.*s %.*s", mark, (int)path.len, path.data,
			    (int)message.len, message.data);
	fclose(stream);
	return text;
}

static void
fail_line(struct unit_line *line, struct customerd_slice error)
{
	if (line->error == NULL)
		line->error = error_text(error);
}

/* The line of UNIT that was update number INDEX, or NULL. */
static struct unit_line *
line_of(struct unit *unit, int64_t index)
{
	for (unsigned i = 0; i < unit->count; i++)
		if (unit->lines[i].error == NULL && index-- == 0)
			return &unit->lines[i];
	return NULL;
}

/*
 * All updates were refused because of a few.  Those fail, and the others are sent
 * once more, as the next part of the unit.
 */
static void
leave_out(struct unit *unit, struct customerd_slice error)
{
	struct unit_line      *wrong[UPDATE_MANY_MAX] = { NULL };
	struct customerd_walk  walk;
	struct customerd_slice list = { NULL, 0 }, one, path;
	char                   name[32];
	unsigned               count = 0;

	customerd_get(error, "errors", &list);
	customerd_walk(&walk, list);
	while (customerd_next(&walk, NULL, &one) && count < UPDATE_MANY_MAX) {
		if (!customerd_get_text(one, "path", &path))
			continue;
		customerd_printable(name, sizeof(name), path);
		if (strncmp(name, "updates.", 8) == 0)
			wrong[count++] = line_of(unit, strtoll(name + 8, NULL, 10));
	}
	for (unsigned i = 0; i < unit->count && count == 0; i++)
		fail_line(&unit->lines[i], error);
	for (unsigned i = 0; i < count; i++)
		if (wrong[i] != NULL)
			fail_line(wrong[i], error);
	unit->status = UNIT_AGAIN;
	unit->part++;
}

static bool
is_for_everybody(const struct customerd_error *error)
{
	struct customerd_slice list;

	return strcmp(error->code, "UNAUTHENTICATED") == 0 ||
	       (strcmp(error->code, "FORBIDDEN") == 0 &&
		   !customerd_get(error->details, "errors", &list));
}

static void
on_refusal(struct unit *unit, const struct customerd_error *error)
{
	struct import *import = unit->import;

	if (is_for_everybody(error) ||
	    (error->retryable && unit->attempts == ATTEMPTS_MAX)) {
		stop_for(import, CUSTOMERD_REFUSED, error);
	} else if (error->retryable) {
		unit->status = UNIT_AGAIN;
		unit->again_ms = when_mono_ms() + (PAUSE_MS << unit->attempts++);
	} else if (import->is_update) {
		leave_out(unit, error->details);
	} else {
		fail_line(&unit->lines[0], error->details);
		unit->status = UNIT_DONE;
	}
}

/* The results of the updates; those that failed have errors. */
static void
take_results(struct unit *unit, struct customerd_slice result)
{
	struct unit_line      *lines[UPDATE_MANY_MAX];
	struct customerd_walk  walk;
	struct customerd_slice list = { NULL, 0 }, one, error;
	unsigned               count = 0;

	for (unsigned i = 0; i < unit->count; i++)
		if (unit->lines[i].error == NULL)
			lines[count++] = &unit->lines[i];
	customerd_get(result, "results", &list);
	customerd_walk(&walk, list);
	for (unsigned i = 0; i < count && customerd_next(&walk, NULL, &one); i++)
		if (customerd_get(one, "error", &error))
			fail_line(lines[i], error);
}

static void
on_answer(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct unit   *unit = user;
	struct import *import = unit->import;

	import->in_flight--;
	if (status == CUSTOMERD_OK) {
		unit->status = UNIT_DONE;
		if (import->is_update)
			take_results(unit, result);
	} else if (status == CUSTOMERD_REFUSED) {
		on_refusal(unit, error);
	} else {
		stop_for(import, status, error);
	}
}

/* ---- sending ---- */

static bool
is_empty(const struct unit *unit)
{
	for (unsigned i = 0; i < unit->count; i++)
		if (unit->lines[i].error == NULL)
			return false;
	return true;
}

static void
call(struct import *import, struct unit *unit, struct buf *args)
{
	char                   key[64];
	struct customerd_call  call = { .method = import->is_update
						      ? "customer.update_many"
						      : "customer.create",
		 .args = { args->data, args->len },
		 .idempotency_key = key,
		 .dry_run = import->is_dry_run };
	struct customerd_error error;
	enum customerd_status  status;

	snprintf(key, sizeof(key), "%s:%lld:%u", import->run,
	    (long long)unit->lines[0].line, unit->part);
	status =
	    customerd_async_call(import->async, &call, on_answer, unit, NULL, &error);
	if (status == CUSTOMERD_OK) {
		unit->status = UNIT_SENT;
		import->in_flight++;
	} else if (status == CUSTOMERD_NOT_SENT) {
		unit->status = UNIT_AGAIN; /* no room in the queue yet */
		unit->again_ms = when_mono_ms() + PAUSE_MS;
	} else {
		stop_for(import, status, &error);
	}
}

void
import_send(struct import *import, struct unit *unit)
{
	char       why[JSON_WHY_BYTES] = "";
	struct buf packed;
	json_t    *args;

	if (is_empty(unit)) {
		unit->status = UNIT_DONE;
		return;
	}
	args = import->is_update ? update_args(unit)
				 : create_args(import, unit->lines[0].record);
	buf_init(&packed, FRAME_BYTES_MAX);
	if (args != NULL && json_pack_value(&packed, args, why)) {
		call(import, unit, &packed);
	} else {
		unit->status = UNIT_DONE;
		for (unsigned i = 0; i < unit->count; i++)
			if (unit->lines[i].error == NULL)
				unit->lines[i].error = strdup(why);
	}
	buf_fini(&packed);
	json_decref(args);
}
