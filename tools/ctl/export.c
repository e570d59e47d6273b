/*
 * export: write all customers to a file.
 *
 * Pages come by customer.list; while one is written the next is on its way.  The file
 * is made beside its place and moved there when it is whole.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/limits.h"
#include "tools/ctl/progress.h"
#include "tools/ctl/request.h"
#include "tools/ctl/sheet.h"
#include "tools/ctl/source.h"
#include "tools/ctl/state.h"
#include "tools/ctl/when.h"

#define RETRIES_MAX 10
#define WAIT_MS 100
#define SAVE_EVERY_MS 1000
#define STREAM_BYTES (256 * 1024)

struct export
{
	struct ctl             *ctl;
	struct customerd_async *async;
	const char             *name;
	char                   *part_path, *state_path; /* NULL for standard output */
	FILE                   *file;
	enum source_format      format;
	struct sheet            sheet;
	json_t                 *args; /* of customer.list */

	struct buf      page; /* the answer that came */
	bool            has_page, is_waiting, is_ended, is_stopped;
	int64_t         after, total, count, resumed_count;
	int64_t         saved_ms;
	enum ctl_exit   done;
	struct progress progress;
};

static void
stop(struct export *export, enum ctl_exit done)
{
	if (!export->is_stopped)
		export->done = done;
	export->is_stopped = true;
}

/* ---- pages ---- */

static void
on_page(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct export *export = user;

	export->is_waiting = false;
	if (status == CUSTOMERD_OK) {
		buf_clear(&export->page, SIZE_MAX);
		buf_put(&export->page, result.data, result.len);
		export->has_page = !export->page.failed;
	}
	if (status != CUSTOMERD_OK && !export->is_stopped)
		stop(export, ctl_say_error(export->ctl, status, error, ""));
	else if (!export->has_page)
		stop(export, CTL_STOPPED);
}

/* Ask for the page behind AFTER. */
static void
ask(struct export *export, int64_t after)
{
	char                   why[JSON_WHY_BYTES];
	struct buf             packed;
	struct customerd_call  call = { .method = "customer.list" };
	struct customerd_error error;
	enum customerd_status  status;

	json_object_set_new(export->args, "after", json_integer(after));
	buf_init(&packed, FRAME_BYTES_MAX);
	json_pack_value(&packed, export->args, why);
	call.args = (struct customerd_slice){ packed.data, packed.len };
	status =
	    customerd_async_call(export->async, &call, on_page, export, NULL, &error);
	buf_fini(&packed);
	export->is_waiting = status == CUSTOMERD_OK;
	if (status != CUSTOMERD_OK)
		stop(export, ctl_say_error(export->ctl, status, &error, ""));
}

static void
write_record(struct export *export, struct customerd_slice bytes)
{
	json_t *record = json_unpack_value(slice_of(bytes.data, bytes.len));

	if (export->format == SOURCE_CSV) {
		sheet_row(&export->sheet, export->file, record);
	} else {
		json_dumpf(record, export->file, JSON_COMPACT);
		putc('\n', export->file);
	}
	json_decref(record);
	export->count++;
}

/* Write the page that came, after asking for the next one. */
static void
take_page(struct export *export)
{
	struct buf             page = export->page;
	struct customerd_slice answer = { page.data, page.len }, items = { NULL, 0 },
			       one;
	struct customerd_walk walk;
	int64_t               next = -1;

	export->has_page = false;
	buf_init(&export->page, SIZE_MAX); /* it goes to another place */
	customerd_get_integer(answer, "total", &export->total);
	export->progress.total = export->total;
	export->is_ended = !customerd_get_integer(answer, "next", &next);
	if (!export->is_ended && !state_stop_wanted())
		ask(export, next);
	customerd_get(answer, "items", &items);
	customerd_walk(&walk, items);
	while (customerd_next(&walk, NULL, &one)) {
		write_record(export, one);
		customerd_get_integer(one, "id", &export->after);
	}
	buf_fini(&page);
	if (ferror(export->file)) {
		ctl_say("%s: %s", export->name, strerror(errno));
		stop(export, CTL_STOPPED);
	}
}

/* ---- the state ---- */

static void
save(struct export *export, bool is_now)
{
	int64_t now_ms = when_mono_ms();
	json_t *state;

	if (export->state_path == NULL ||
	    (!is_now && now_ms - export->saved_ms < SAVE_EVERY_MS))
		return;
	export->saved_ms = now_ms;
	if (fflush(export->file) != 0 || fsync(fileno(export->file)) != 0)
		stop(export, CTL_STOPPED);
	state = json_pack("{s:I, s:I, s:I, s:i}", "after", (json_int_t) export->after,
	    "count", (json_int_t) export->count, "bytes",
	    (json_int_t)ftello(export->file), "format", (int)export->format);
	if (!state_save(export->state_path, state))
		stop(export, CTL_STOPPED);
	json_decref(state);
}

/* Go on with the part that is there.  False when it was said why not. */
static bool
resume(struct export *export)
{
	json_t    *state = state_load(export->state_path);
	json_int_t after = 0, count = 0, bytes = 0;
	int        format = -1;
	bool is_whole = json_unpack(state, "{s:I, s:I, s:I, s:i}", "after", &after,
			    "count", &count, "bytes", &bytes, "format", &format) == 0 &&
			format == (int)export->format;

	json_decref(state);
	if (is_whole && truncate(export->part_path, bytes) == 0)
		export->file = fopen(export->part_path, "ae");
	if (export->file == NULL) {
		ctl_say("%s: there is nothing to resume, or with other options",
		    export->name);
		return false;
	}
	export->after = after;
	export->count = export->resumed_count = count;
	return true;
}

static bool
begin(struct export *export, bool is_resumed)
{
	if (is_resumed && export->state_path != NULL)
		return resume(export);
	export->file =
	    export->part_path == NULL ? stdout : fopen(export->part_path, "we");
	if (export->file == NULL) {
		ctl_say("%s: %s", export->part_path, strerror(errno));
		return false;
	}
	setvbuf(export->file, NULL, _IOFBF, STREAM_BYTES);
	if (export->format == SOURCE_CSV)
		sheet_head(&export->sheet, export->file);
	return true;
}

/* ---- the whole ---- */

static void
run_all(struct export *export)
{
	ask(export, export->after);
	while (!export->is_stopped && !export->is_ended) {
		if (export->has_page)
			take_page(export);
		else if (state_stop_wanted())
			stop(export, CTL_STOPPED);
		else
			customerd_async_wait(export->async, WAIT_MS);
		if (!export->is_stopped)
			save(export, false);
		progress_show(&export->progress, export->count,
		    export->count - export->resumed_count);
	}
	progress_end(&export->progress);
}

static enum ctl_exit
finish(struct export *export)
{
	bool is_whole = fflush(export->file) == 0 && !ferror(export->file);

	if (export->part_path != NULL)
		is_whole = is_whole && fsync(fileno(export->file)) == 0 &&
			   state_rename(export->part_path, export->name);
	if (!is_whole) {
		ctl_say("%s: %s", export->name, strerror(errno));
		return CTL_STOPPED;
	}
	if (export->state_path != NULL)
		unlink(export->state_path);
	return CTL_DONE;
}

/* Nothing was written, so there is nothing to go on with. */
static void
forget(struct export *export)
{
	if (export->part_path == NULL)
		return;
	unlink(export->part_path);
	unlink(export->state_path);
}

static enum ctl_exit
run(struct export *export)
{
	double seconds;

	run_all(export);
	seconds = progress_seconds(&export->progress);
	if (export->is_stopped && export->count == 0) {
		forget(export);
		return export->done;
	}
	if (!export->is_stopped) {
		export->done = finish(export);
	} else {
		export->done = CTL_STOPPED;
		save(export, true);
	}
	ctl_note(export->ctl, "%lld customers written; %.1f s, %.0f a second%s",
	    (long long)export->count, seconds,
	    (double)(export->count - export->resumed_count) / seconds,
	    export->is_stopped && export->state_path != NULL
		? "; stopped, --resume goes on"
		: "");
	return export->done;
}

static enum ctl_exit
prepare(struct export *export, const struct command *command)
{
	struct customerd_options options;
	struct customerd_error   error;
	enum customerd_status    status;
	char                    *address = NULL;
	enum ctl_exit done = request_begin(export->ctl, command, &export->args);

	if (done != CTL_DONE)
		return done;
	json_object_set_new(export->args, "limit", json_integer(LIST_LIMIT_MAX));
	if (!sheet_init(&export->sheet, export->ctl->options.columns))
		return CTL_USAGE;
	done = ctl_connection(export->ctl, &options, &address);
	if (done != CTL_DONE)
		return done;
	options.retries_max = RETRIES_MAX;
	status = customerd_async_new(&export->async, &options, &error);
	free(address);
	return status == CUSTOMERD_OK ? CTL_DONE
				      : ctl_say_error(export->ctl, status, &error, "");
}

enum ctl_exit
ctl_run_export(struct ctl *ctl, const struct command *command)
{
	const char *name = command->arguments[0];
	struct export export = { .ctl = ctl, .name = name };
	enum ctl_exit done = CTL_USAGE;

	if (strcmp(name, "-") != 0) {
		export.part_path = state_path(name, ".part");
		export.state_path = state_path(name, ".state");
	}
	buf_init(&export.page, SIZE_MAX);
	if (source_format(ctl->options.format, name, &export.format))
		done = prepare(&export, command);
	if (done == CTL_DONE && !begin(&export, ctl->options.resume != NULL))
		done = CTL_USAGE;
	if (done == CTL_DONE) {
		state_catch_stop(export.part_path == NULL);
		progress_init(
		    &export.progress, export.count, 0, ctl->options.quiet != NULL);
		done = run(&export);
	}
	customerd_async_free(export.async);
	if (export.file != NULL && export.file != stdout)
		fclose(export.file);
	sheet_fini(&export.sheet);
	buf_fini(&export.page);
	json_decref(export.args);
	free(export.part_path);
	free(export.state_path);
	return done;
}
