/*
 * Refusing: what is wrong with a request, in its format's words.
 */

#include <assert.h>
#include <stdio.h>

#include "tools/rest/engine.h"
#include "tools/rest/work_internal.h"

const char *
fill_in(struct work *work, const char *text, struct slice subject)
{
	const char *gap = strstr(text, "{}");

	if (gap == NULL)
		return text;
	return work_text(work, "%.*s%.*s%s", (int)(gap - text), text, (int)subject.len,
	    subject.len > 0 ? subject.data : "", gap + 2);
}

struct fault_text
fault_text_of(const struct work *work, const struct field_fault *fault)
{
	const char *dot = strrchr(fault->path, '.');
	const char *name = dot != NULL ? dot + 1 : fault->path;

	return format_fault(
	    work->format, fault->fault, fault->row != NULL ? fault->row->name : name);
}

const char *
fault_words(
    struct work *work, const struct field_fault *fault, const struct fault_text *text)
{
	const struct mapping *row = fault->row;
	bool                  is_lower =
	    fault->fault == FAULT_TOO_SHORT || fault->fault == FAULT_TOO_SMALL;
	int64_t bound = 0;

	if (row != NULL)
		bound = is_lower ? row->min : row->max;
	if (row != NULL && row->field != FIELD_NONE && bound == 0 &&
	    fault->shape != NULL)
		bound = is_lower ? fault->shape->fields[row->field].min
				 : fault->shape->fields[row->field].max;
	return fill_in(
	    work, text->text, slice_text(work_text(work, "%lld", (long long)bound)));
}

struct field_fault *
work_fault(
    struct work *work, enum fault fault, const struct mapping *row, const char *path)
{
	struct field_fault *noted;

	if (work->fault_count == FAULTS_MAX)
		return NULL;
	if (work->faults == NULL)
		work->faults =
		    arena_alloc(work_arena(work), FAULTS_MAX * sizeof(*noted));
	if (work->faults == NULL)
		return NULL; /* nor will there be memory for a call */
	noted = &work->faults[work->fault_count++];
	*noted = (struct field_fault){ .fault = fault, .row = row };
	snprintf(noted->path, sizeof(noted->path), "%s", path);
	return noted;
}

static void
render(struct work *work, const struct complaint *complaint)
{
	struct out  json = work_json(work);
	const char *page = NULL;

	if (work->format->error_page != NULL)
		page = work->format->error_page(complaint);
	if (page == NULL)
		work->format->write_error(&json, work, complaint);
	else
		buf_put(json.out, page, strlen(page));
	work->is_answered = true;
	work->response = (struct http_response){
		.status = complaint->http,
		.content_type =
		    page != NULL ? "text/html" : work->format->response_type,
		.body = buf_slice(json.out),
	};
}

static void
complain(struct work *work, const struct reason_text *text, struct slice subject,
    bool with_faults)
{
	struct complaint complaint = {
		.reason = text->reason,
		.http = text->http,
		.code = text->code,
		.title = text->title,
		.detail = text->detail,
		.subject = subject,
		.faults = work->faults,
		.fault_count = with_faults ? work->fault_count : 0,
	};

	work->revision = 0;
	render(work, &complaint);
}

void
work_refuse(struct work *work, enum reason reason, struct slice subject)
{
	struct reason_text text = format_reason(work->format, reason);

	complain(work, &text, subject, false);
}

void
work_refuse_text(struct work *work, const struct reason_text *text,
    struct slice subject, bool with_faults)
{
	work->is_refusing = true;
	if (work_verify(work, work->looks_first))
		complain(work, text, subject, with_faults);
}

void
work_refuse_faults(struct work *work)
{
	struct reason_text text = format_reason(work->format, REASON_INVALID);

	for (unsigned i = 0; i < work->fault_count; i++)
		if (fault_text_of(work, &work->faults[i]).http != 0)
			text.http = fault_text_of(work, &work->faults[i]).http;
	work->is_refusing = true;
	/* A record that is not there has no rules to break. */
	if (work_verify(work, true))
		complain(work, &text, slice_of(NULL, 0), true);
}

static enum reason
reason_of(const struct answer *answer)
{
	static const enum reason reasons[STATUS_COUNT] = {
		[STATUS_MALFORMED] = REASON_FAILED,
		[STATUS_UNKNOWN_METHOD] = REASON_FAILED,
		[STATUS_INVALID] = REASON_INVALID,
		[STATUS_UNAUTHENTICATED] = REASON_BAD_TOKEN,
		[STATUS_FORBIDDEN] = REASON_FORBIDDEN,
		[STATUS_NOT_FOUND] = REASON_NO_RECORD,
		[STATUS_REVISION_MISMATCH] = REASON_REVISION_MISMATCH,
		[STATUS_REVISION_REQUIRED] = REASON_REVISION_REQUIRED,
		[STATUS_LOCKED] = REASON_LOCKED,
		[STATUS_IDEMPOTENCY_MISMATCH] = REASON_KEY_REUSED,
		[STATUS_TOO_LARGE] = REASON_TOO_LARGE,
		[STATUS_BUSY] = REASON_UNAVAILABLE,
		[STATUS_DEADLINE] = REASON_TIMEOUT,
		[STATUS_CANCELLED] = REASON_UNAVAILABLE,
		[STATUS_SHUTTING_DOWN] = REASON_UNAVAILABLE,
		[STATUS_STORAGE_FULL] = REASON_STORAGE_FULL,
		[STATUS_STORAGE_FAILED] = REASON_UNAVAILABLE,
		[STATUS_UNKNOWN] = REASON_FAILED,
		[STATUS_DAMAGED] = REASON_FAILED,
		[STATUS_NO_MEMORY] = REASON_UNAVAILABLE,
	};

	return reasons[answer->status];
}

static bool
has_fault_at(const struct work *work, const char *path)
{
	for (unsigned i = 0; i < work->fault_count; i++)
		if (strcmp(work->faults[i].path, path) == 0)
			return true;
	return false;
}

/* Note ERROR, {path, code, message}, of the server as a fault of the JSON. */
static void
note_violation(struct work *work, struct customerd_slice error)
{
	struct customerd_slice path = { NULL, 0 }, code = { NULL, 0 };
	struct fault_place     place;
	struct field_fault    *noted;
	enum fault             fault = FAULT_CONFLICT;

	customerd_get_text(error, "path", &path);
	customerd_get_text(error, "code", &code);
	for (enum fault i = 0; i < FAULT_COUNT; i++)
		if (i < (enum fault)RULE_COUNT &&
		    slice_equal(
			slice_text(rule_info((enum rule)i)->name), from_client(code)))
			fault = i;
	fault_place_of(&place, work, from_client(path));
	/* What was found wrong here was not sent, and so the server misses it. */
	if (has_fault_at(work, place.path))
		return;
	noted = work_fault(work, fault, place.row, place.path);
	if (noted == NULL)
		return;
	noted->shape = place.shape;
	noted->value = value_at(work, place.path);
}

void
work_note_violations(struct work *work, const struct answer *answer)
{
	struct customerd_slice details = { answer->details.data, answer->details.len };
	struct customerd_slice errors, item;
	struct customerd_walk  walk;

	if (!customerd_get(details, "errors", &errors))
		return;
	customerd_walk(&walk, errors);
	while (customerd_next(&walk, NULL, &item))
		note_violation(work, item);
}

/* The step that the request asks for by a row of its own, or NULL. */
static const struct mapping *
find_trigger(const struct work *work)
{
	const struct mapping *row = work->route->resource->fields;

	for (; row->name != NULL; row++)
		if ((row->flags & MAP_TRIGGER) != 0 &&
		    json_is_true(json_object_get(work->object, row->name)))
			return row;
	return NULL;
}

void
work_refuse_answer(struct work *work, const struct answer *answer)
{
	const struct mapping *trigger;

	if (answer->status == STATUS_LOCKED && (trigger = find_trigger(work)) != NULL) {
		work_fault(work, FAULT_CONFLICT, trigger, trigger->name);
		work_refuse_faults(work);
		return;
	}
	if (answer->status == STATUS_INVALID) {
		work_note_violations(work, answer);
		work_refuse_faults(work);
		return;
	}
	work_refuse(work, reason_of(answer), work->parameters[PARAMETER_ID]);
}

bool
work_accepts(struct work *work, const struct answer *answer)
{
	if (answer->status == STATUS_INVALID)
		work_note_violations(work, answer);
	if (work->fault_count > 0)
		work_refuse_faults(work);
	else if (answer->status != STATUS_OK)
		work_refuse_answer(work, answer);
	else
		return true;
	return false;
}
