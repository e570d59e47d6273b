/*
 * import: create or change the customers of a file.
 */

#include <stdlib.h>
#include <string.h>

#include "tools/ctl/import.h"
#include "tools/ctl/state.h"
#include "tools/ctl/when.h"

#define RETRIES_MAX 10 /* of a call, when the connection breaks */
#define WAIT_MS 100

static struct unit *
unit_at(struct import *import, unsigned i)
{
	return &import->units[(import->first + i) % UNITS_MAX];
}

/* Begin as many units as may be under way. */
static void
fill(struct import *import)
{
	unsigned used_max = import->is_update ? UPDATE_UNITS_MAX : UNITS_MAX;

	while (import->used < used_max && !import->is_ended && !import->is_stopped) {
		struct unit *unit = unit_at(import, import->used);

		import->is_ended = !import_fill(import, unit);
		if (import->is_ended)
			return;
		import->used++;
		import_send(import, unit);
	}
}

static bool
is_first_done(struct import *import)
{
	return import->used > 0 && unit_at(import, 0)->status == UNIT_DONE;
}

/* Send again what is due, and let go what is done. */
static void
settle(struct import *import)
{
	int64_t now_ms = when_mono_ms();

	for (unsigned i = 0; i < import->used && !import->is_stopped; i++) {
		struct unit *unit = unit_at(import, i);

		if (unit->status == UNIT_AGAIN && unit->again_ms <= now_ms)
			import_send(import, unit);
	}
	while (is_first_done(import)) {
		import_retire(import, unit_at(import, 0));
		import->first = (import->first + 1) % UNITS_MAX;
		import->used--;
	}
}

static void
run_all(struct import *import)
{
	while (true) {
		if (state_stop_wanted())
			import_stop(import, CTL_STOPPED);
		settle(import);
		fill(import);
		if (import->in_flight == 0 &&
		    (import->is_stopped || (import->is_ended && import->used == 0)))
			break;
		/* What was refused here, unsent, is waited for by nobody. */
		customerd_async_wait(
		    import->async, is_first_done(import) ? 0 : WAIT_MS);
		progress_show(&import->progress, import->place.offset,
		    import->done_count + import->failed_count - import->resumed_count);
		import_save(import, false);
	}
	progress_end(&import->progress);
	if (source_error(import->source) != 0) {
		ctl_say("%s: %s", import->name, strerror(source_error(import->source)));
		import_stop(import, CTL_STOPPED);
	}
}

static enum ctl_exit
say_result(struct import *import)
{
	int64_t count =
	    import->done_count + import->failed_count - import->resumed_count;
	double        seconds = progress_seconds(&import->progress);
	const char   *verb = import->is_update ? "updated" : "created";
	enum ctl_exit done = CTL_DONE;
	json_t       *result;

	if (import->ctl->options.json != NULL) {
		result = json_pack("{s:I, s:I, s:b}", verb,
		    (json_int_t)import->done_count, "failed",
		    (json_int_t)import->failed_count, "complete", !import->is_stopped);
		done = ctl_print(import->ctl, result);
		json_decref(result);
	}
	ctl_note(import->ctl, "%lld %s, %lld failed; %.1f s, %.0f a second%s",
	    (long long)import->done_count, verb, (long long)import->failed_count,
	    seconds, (double)count / seconds,
	    import->is_dry_run ? "; a dry run: nothing was changed" : "");
	if (import->failed_count > 0)
		ctl_note(import->ctl, "%s has the lines that failed, and why",
		    import->failed_path);
	if (import->is_stopped && import->state_path != NULL)
		ctl_note(import->ctl, "stopped at line %lld; --resume goes on there",
		    (long long)import->place.line);
	return done;
}

static enum ctl_exit
run(struct import *import)
{
	enum ctl_exit done;
	bool          is_begun;

	run_all(import);
	is_begun = import->done_count + import->failed_count > 0;
	if (import->is_stopped && is_begun)
		import_save(import, true);
	else
		import_finish(import);
	if (import->is_stopped && !is_begun)
		return import->done;
	done = say_result(import);
	if (import->is_stopped)
		return CTL_STOPPED;
	return done == CTL_DONE && import->failed_count > 0 ? CTL_REFUSED : done;
}

/* Two connections: a blocking one tells who we are, the other one carries the load. */
static enum ctl_exit
connect_twice(struct import *import)
{
	struct customerd_options options;
	struct customerd_error   error;
	enum customerd_status    status;
	char                    *address;
	enum ctl_exit            done = ctl_connect(import->ctl);

	if (done != CTL_DONE)
		return done;
	customerd_get_integer(
	    customerd_greeting(import->ctl->c), "identity.store", &import->store);
	done = ctl_connection(import->ctl, &options, &address);
	if (done == CTL_DONE) {
		options.retries_max = RETRIES_MAX;
		status = customerd_async_new(&import->async, &options, &error);
		if (status != CUSTOMERD_OK)
			done = ctl_say_error(import->ctl, status, &error, "");
	}
	free(address);
	return done;
}

static struct import *
import_new(struct ctl *ctl, const char *name)
{
	struct import *import = calloc(1, sizeof(*import));
	bool           is_stdin = strcmp(name, "-") == 0;

	if (import == NULL)
		return NULL;
	import->ctl = ctl;
	import->name = name;
	import->is_update = ctl->options.update != NULL;
	import->keeps_ids = ctl->options.keep_ids != NULL;
	import->is_dry_run = ctl->options.dry_run != NULL;
	import->how = import->is_update   ? "update"
		      : import->keeps_ids ? "create with ids"
					  : "create";
	if (!is_stdin && !import->is_dry_run)
		import->state_path = state_path(name, ".state");
	import->failed_path = ctl->options.failed != NULL
				  ? strdup(ctl->options.failed)
				  : state_path(is_stdin ? "import" : name, ".failed");
	return import;
}

static void
import_free(struct import *import)
{
	customerd_async_free(import->async);
	for (unsigned i = 0; i < import->used; i++) {
		struct unit *unit = unit_at(import, i);

		for (unsigned k = 0; k < unit->count; k++) {
			free(unit->lines[k].error);
			json_decref(unit->lines[k].record);
		}
	}
	source_close(import->source);
	if (import->failed_file != NULL)
		fclose(import->failed_file);
	free(import->failed_path);
	free(import->state_path);
	free(import);
}

enum ctl_exit
ctl_run_import(struct ctl *ctl, const struct command *command)
{
	const char        *name = command->arguments[0];
	struct import     *import = import_new(ctl, name);
	enum source_format format;
	enum ctl_exit      done = CTL_USAGE;

	if (import == NULL)
		return CTL_NOT_CONNECTED;
	if (import->is_update && import->keeps_ids)
		ctl_say("--update and --keep-ids exclude each other");
	else if (source_format(ctl->options.format, name, &format))
		import->source = source_open(name, format);
	if (import->source != NULL)
		done = connect_twice(import);
	if (done == CTL_DONE && import->source != NULL) {
		done = CTL_USAGE;
		if (import_begin(import, ctl->options.resume != NULL)) {
			state_catch_stop(false);
			progress_init(&import->progress, import->place.offset,
			    source_bytes(import->source), ctl->options.quiet != NULL);
			done = run(import);
		}
	}
	import_free(import);
	return done;
}
