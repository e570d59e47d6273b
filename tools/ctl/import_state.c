#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "tools/ctl/import.h"
#include "tools/ctl/state.h"
#include "tools/ctl/when.h"

#define SAVE_EVERY_MS 1000

static bool
refuse(const struct import *import, const char *reason)
{
	ctl_say("%s: %s", import->name, reason);
	return false;
}

static bool
begin_new(struct import *import)
{
	unsigned char random[8];

	if (import->state_path != NULL && access(import->state_path, F_OK) == 0) {
		ctl_say("%s was stopped before its end: go on with --resume, or delete "
			"%s and begin anew",
		    import->name, import->state_path);
		return false;
	}
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return refuse(import, "there are no random numbers");
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(import->run + 2 * i, 3, "%02x", random[i]);
	if (unlink(import->failed_path) != 0 && errno != ENOENT)
		return refuse(import, strerror(errno));
	return true;
}

/* Does the state belong to this file, this store and this command? */
static bool
is_ours(const struct import *import, json_t *state)
{
	const char *how = "", *run = "";
	json_int_t  bytes = -1, store = -1;

	if (json_unpack(state, "{s:s, s:s, s:I, s:I}", "run", &run, "how", &how,
		"bytes", &bytes, "store", &store) != 0 ||
	    strlen(run) >= sizeof(import->run))
		return refuse(import, "the state is damaged");
	if (bytes != source_bytes(import->source))
		return refuse(import, "the file has changed since it was stopped");
	if (store != import->store)
		return refuse(import, "it was begun in another store");
	if (strcmp(how, import->how) != 0)
		return refuse(import, "it was begun with other options");
	return true;
}

static bool
take_state(struct import *import, json_t *state)
{
	const char *run = "";
	json_int_t  offset = 0, line = 0, done = 0, failed = 0, failed_bytes = 0;

	if (!is_ours(import, state) ||
	    json_unpack(state, "{s:s, s:I, s:I, s:I, s:I, s:I}", "run", &run, "offset",
		&offset, "line", &line, "done", &done, "failed", &failed,
		"failed_bytes", &failed_bytes) != 0)
		return false;
	snprintf(import->run, sizeof(import->run), "%s", run);
	import->place = (struct source_place){ offset, line };
	import->done_count = done;
	import->failed_count = failed;
	import->failed_bytes = failed_bytes;
	import->resumed_count = done + failed;
	/* What failed behind the place will fail again. */
	if (truncate(import->failed_path, failed_bytes) != 0 &&
	    !(errno == ENOENT && failed_bytes == 0))
		return refuse(import, "the file of failed lines is gone");
	return offset == 0 || source_seek(import->source, import->place);
}

bool
import_begin(struct import *import, bool is_resumed)
{
	json_t *state;
	bool    is_taken;

	if (!is_resumed)
		return begin_new(import);
	state = import->state_path == NULL ? NULL : state_load(import->state_path);
	if (state == NULL)
		return refuse(import, "there is nothing to resume");
	is_taken = take_state(import, state);
	json_decref(state);
	return is_taken;
}

/* ---- lines that failed ---- */

/* LINE as it goes to the file: the record, with the reason as remarks. */
static void
write_failed(struct import *import, const struct unit_line *line)
{
	json_t *object = line->record != NULL ? json_copy(line->record) : json_object();
	char   *text;

	json_object_set_new(object, "_line", json_integer(line->line));
	json_object_set_new(object, "_error", json_string(line->error));
	json_object_del(object, "password"); /* not into a file */
	text = json_dumps(object, JSON_COMPACT);
	if (text == NULL || fprintf(import->failed_file, "%s\n", text) < 0) {
		ctl_say("%s: %s", import->failed_path, strerror(errno));
		import_stop(import, CTL_STOPPED);
	} else {
		import->failed_bytes += (int64_t)strlen(text) + 1;
	}
	free(text);
	json_decref(object);
}

static void
fail(struct import *import, const struct unit_line *line)
{
	if (import->failed_file == NULL)
		import->failed_file = fopen(import->failed_path, "ae");
	if (import->failed_file == NULL) {
		ctl_say("%s: %s", import->failed_path, strerror(errno));
		import_stop(import, CTL_STOPPED);
		return;
	}
	write_failed(import, line);
	import->failed_count++;
}

void
import_retire(struct import *import, struct unit *unit)
{
	for (unsigned i = 0; i < unit->count; i++) {
		struct unit_line *line = &unit->lines[i];

		if (line->error != NULL)
			fail(import, line);
		else
			import->done_count++;
		free(line->error);
		json_decref(line->record);
	}
	import->place = unit->behind;
}

/* ---- the state ---- */

void
import_save(struct import *import, bool is_now)
{
	int64_t now_ms = when_mono_ms();
	json_t *state;

	if (import->state_path == NULL ||
	    (!is_now && now_ms - import->saved_ms < SAVE_EVERY_MS))
		return;
	import->saved_ms = now_ms;
	if (import->failed_file != NULL && (fflush(import->failed_file) != 0 ||
					       fsync(fileno(import->failed_file)) != 0))
		import_stop(import, CTL_STOPPED);
	state = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "run",
	    import->run, "how", import->how, "bytes",
	    (json_int_t)source_bytes(import->source), "store",
	    (json_int_t)import->store, "offset", (json_int_t)import->place.offset,
	    "line", (json_int_t)import->place.line, "done",
	    (json_int_t)import->done_count, "failed", (json_int_t)import->failed_count,
	    "failed_bytes", (json_int_t)import->failed_bytes);
	if (!state_save(import->state_path, state))
		import_stop(import, CTL_STOPPED);
	json_decref(state);
}

void
import_finish(struct import *import)
{
	if (import->failed_file != NULL && fflush(import->failed_file) != 0)
		ctl_say("%s: %s", import->failed_path, strerror(errno));
	if (import->state_path != NULL)
		unlink(import->state_path);
}
