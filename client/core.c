/*
 * What becomes of calls: begun, sent, given up.  What arrives is in receive.c.
 */

#include <assert.h>
#include <stdlib.h>

#include "client/feed.h"
#include "proto/limits.h"
#include "proto/message.h"
#include "proto/pack.h"

#define PENDING_BYTES_MAX (32u * 1024 * 1024)   /* of their requests */
#define OUTPUT_BYTES (64u * 1024)               /* given to the connection at once */
#define OUTPUT_BYTES_MAX (4u * FRAME_BYTES_MAX) /* never reached by honest use */

_Static_assert(
    (PENDING_MAX & (PENDING_MAX - 1)) == 0, "a slot is the msgid's low bits");
_Static_assert(OUTPUT_BYTES + FRAME_BYTES_MAX <= OUTPUT_BYTES_MAX, "one always fits");

/* ---- Making and freeing ---- */

static void
begin_stream(struct customerd_core *core)
{
	core->greeted = false;
	core->window = INFLIGHT_MAX;
	core->frame_bytes_max = FRAME_BYTES_MAX;
	buf_clear(&core->in, 0);
	buf_clear(&core->out, BUF_BYTES_KEPT);
	core->out_sent = 0;
	core->out_before = 0;
	core->farewell.code[0] = '\0';
	scan_init(&core->scan, &core->limits);
}

enum customerd_status
customerd_core_new(struct customerd_core **out, const struct customerd_options *options,
    struct customerd_error *error)
{
	struct customerd_core *core = calloc(1, sizeof(*core));
	size_t                 answer_bytes_max = options->answer_bytes_max;

	*out = NULL;
	if (core == NULL)
		return error_no_memory(error);
	if (answer_bytes_max == 0)
		answer_bytes_max = ANSWER_BYTES_MAX_DEFAULT;
	core->call_timeout_ms =
	    option_or(options->call_timeout_ms, CALL_TIMEOUT_MS_DEFAULT);
	core->retries_max = options->retries_max == 0  ? RETRIES_DEFAULT
			    : options->retries_max < 0 ? 0
						       : options->retries_max;
	core->limits = (struct scan_limits){ .bytes_max = answer_bytes_max,
		.depth_max = FRAME_DEPTH_MAX,
		.elements_max = ANSWER_BYTES_MAX_DEFAULT };
	core->deadline_ms = -1;
	for (unsigned place = 0; place < CALL_PLACE_COUNT; place++)
		TAILQ_INIT(&core->calls[place]);
	spare_calls_init(&core->spare);
	LIST_INIT(&core->feeds);
	/* The scan bounds a message; what else one feed may bring is its caller's. */
	buf_init(&core->in, SIZE_MAX / 2);
	buf_init(&core->out, OUTPUT_BYTES_MAX);
	buf_init(&core->scratch, OUTPUT_BYTES_MAX);
	begin_stream(core);
	*out = core;
	return CUSTOMERD_OK;
}

static void
release(struct customerd_core *core)
{
	assert(core->pending == 0);
	spare_calls_fini(&core->spare);
	buf_fini(&core->in);
	buf_fini(&core->out);
	buf_fini(&core->scratch);
	free(core);
}

/* ---- The calls ---- */

static void
move(struct customerd_core *core, struct call *call, enum call_place place)
{
	TAILQ_REMOVE(&core->calls[call->place], call, link);
	core->sent -= call->place == CALL_SENT;
	call->place = place;
	core->sent += place == CALL_SENT;
	TAILQ_INSERT_TAIL(&core->calls[place], call, link);
}

void
core_forget(struct customerd_core *core, struct call *call)
{
	TAILQ_REMOVE(&core->calls[call->place], call, link);
	core->sent -= call->place == CALL_SENT;
	core->slots[call->msgid % PENDING_MAX] = NULL;
	core->pending--;
	core->pending_bytes -= call->len;
	call_free(call, &core->spare);
}

void
core_finish(struct customerd_core *core, struct call *call,
    enum customerd_status status, struct slice result,
    const struct customerd_error *error)
{
	customerd_callback *callback = call->callback;
	void               *user = call->user;

	core_forget(core, call);
	if (callback == NULL)
		return;
	core->busy++;
	callback(
	    user, status, slice_out(result), status == CUSTOMERD_OK ? NULL : error);
	core->busy--;
}

/* CALL is over without an answer. */
static void
give_up(
    struct customerd_core *core, struct call *call, const struct customerd_error *why)
{
	struct customerd_error error = *why;
	enum customerd_status  status = CUSTOMERD_NOT_SENT;

	if (call->was_sent || call->place == CALL_SENT) {
		status = CUSTOMERD_UNKNOWN;
		error.retryable = call->is_repeatable;
	}
	core_finish(core, call, status, slice_of(NULL, 0), &error);
}

void
customerd_core_free(struct customerd_core *core)
{
	struct customerd_error error;
	struct call           *call;

	if (core == NULL || core->doomed)
		return;
	error_set(&error, "CLOSED", false, "the handle was closed before the answer");
	core->doomed = true;
	core->busy++;
	feed_abandon(core, &error);
	for (unsigned place = 0; place < CALL_PLACE_COUNT; place++)
		while ((call = TAILQ_FIRST(&core->calls[place])) != NULL)
			give_up(core, call, &error);
	core_leave(core);
}

void
core_enter(struct customerd_core *core)
{
	core->busy++;
}

bool
core_leave(struct customerd_core *core)
{
	bool is_last = --core->busy == 0;

	if (!core->doomed)
		return true;
	if (is_last)
		release(core);
	return false;
}

/* A msgid whose slot is free; there must be one. */
static uint32_t
next_msgid(struct customerd_core *core)
{
	do
		core->msgid++;
	while (core->slots[core->msgid % PENDING_MAX] != NULL);
	return core->msgid;
}

static enum customerd_status
queue_full(struct customerd_error *error)
{
	error_set(error, "QUEUE_FULL", true, "too many calls are waiting");
	return CUSTOMERD_NOT_SENT;
}

enum customerd_status
core_begin(struct customerd_core *core, const struct customerd_call *requested,
    int64_t now_ms, customerd_callback *callback, void *user, struct call **out,
    struct customerd_error *error)
{
	int64_t               timeout_ms = requested->timeout_ms == 0
					       ? core->call_timeout_ms
					       : option_or(requested->timeout_ms, 0);
	struct call          *call;
	enum customerd_status status;

	if (core->doomed)
		return error_misuse(error, "the handle is being freed");
	if (core->pending == PENDING_MAX)
		return queue_full(error);
	status = call_new(&call, requested, next_msgid(core), timeout_ms,
	    core->frame_bytes_max, &core->scratch, &core->spare, error);
	if (status != CUSTOMERD_OK)
		return status;
	call->callback = callback;
	call->user = user;
	call->repeats_left = core->retries_max;
	call->deadline_ms = timeout_ms < 0 ? -1 : now_ms + timeout_ms;
	if (timeout_ms >= 0 &&
	    (core->deadline_ms < 0 || call->deadline_ms < core->deadline_ms))
		core->deadline_ms = call->deadline_ms;
	core->slots[call->msgid % PENDING_MAX] = call;
	core->pending++;
	core->pending_bytes += call->len;
	TAILQ_INSERT_TAIL(&core->calls[CALL_QUEUED], call, link);
	*out = call;
	return CUSTOMERD_OK;
}

enum customerd_status
customerd_core_call(struct customerd_core *core, const struct customerd_call *requested,
    int64_t now_ms, customerd_callback *callback, void *user, uint32_t *id,
    struct customerd_error *error)
{
	struct call          *call;
	enum customerd_status status;

	if (core->pending >= CALLS_MAX || core->pending_bytes > PENDING_BYTES_MAX)
		return queue_full(error);
	status = core_begin(core, requested, now_ms, callback, user, &call, error);
	if (status == CUSTOMERD_OK && id != NULL)
		*id = call->msgid;
	return status;
}

size_t
customerd_core_pending(const struct customerd_core *core)
{
	return core->pending;
}

void
customerd_core_on_notification(
    struct customerd_core *core, customerd_notified *notified, void *user)
{
	core->notified = notified;
	core->notified_user = user;
}

/* ---- Sending ---- */

bool
core_send(struct customerd_core *core, struct call *call)
{
	size_t len = core->out.len;

	call->start = core->out_before + len;
	buf_put(&core->out, call->request, call->len);
	if (core->out.failed) {
		buf_truncate(&core->out, len);
		return false;
	}
	move(core, call, CALL_SENT);
	return true;
}

/* Ask the server to drop CALL, if it has heard of it. */
static void
send_cancel(struct customerd_core *core, const struct call *call)
{
	size_t len = core->out.len;

	if (call->place != CALL_SENT || len > OUTPUT_BYTES)
		return;
	message_pack_notification(&core->out, SLICE("cancel"));
	pack_array(&core->out, 1);
	pack_integer(&core->out, call->msgid);
	if (core->out.failed)
		buf_truncate(&core->out, len);
}

static bool
may_send_more(const struct customerd_core *core)
{
	return core->greeted && core->sent < core->window &&
	       core->out.len < OUTPUT_BYTES && !TAILQ_EMPTY(&core->calls[CALL_QUEUED]);
}

bool
core_has_output(const struct customerd_core *core)
{
	return core->out.len > core->out_sent || may_send_more(core) ||
	       feed_has_work(core);
}

struct customerd_slice
customerd_core_output(struct customerd_core *core)
{
	feed_poke(core);
	while (may_send_more(core))
		if (!core_send(core, TAILQ_FIRST(&core->calls[CALL_QUEUED])))
			break; /* out of memory; perhaps the next time */
	return slice_out(
	    slice_of(core->out.data + core->out_sent, core->out.len - core->out_sent));
}

void
customerd_core_sent(struct customerd_core *core, size_t len)
{
	assert(len <= core->out.len - core->out_sent);
	core->out_sent += len;
	if (core->out_sent < core->out.len)
		return;
	core->out_before += core->out.len;
	core->out_sent = 0;
	buf_clear(&core->out, BUF_BYTES_KEPT);
}

bool
customerd_core_cancel(struct customerd_core *core, uint32_t id)
{
	struct call           *call = core->slots[id % PENDING_MAX];
	struct customerd_error error;

	if (call == NULL || call->msgid != id || call->is_hello)
		return false;
	send_cancel(core, call);
	error_set(&error, "CANCELLED", true, "the call was cancelled");
	core->busy++;
	give_up(core, call, &error);
	core_leave(core);
	return true;
}

/* ---- The end of time, and of connections ---- */

int64_t
customerd_core_deadline_ms(const struct customerd_core *core)
{
	return core->deadline_ms;
}

/* The first call that is over at NOW_MS, or NULL; notes the next deadline. */
static struct call *
find_expired(struct customerd_core *core, int64_t now_ms)
{
	int64_t earliest_ms = -1;

	for (unsigned place = 0; place < CALL_PLACE_COUNT; place++) {
		struct call *call;

		TAILQ_FOREACH (call, &core->calls[place], link) {
			if (call->deadline_ms < 0)
				continue;
			if (call->deadline_ms <= now_ms)
				return call;
			if (earliest_ms < 0 || call->deadline_ms < earliest_ms)
				earliest_ms = call->deadline_ms;
		}
	}
	core->deadline_ms = earliest_ms;
	return NULL;
}

void
customerd_core_expire(struct customerd_core *core, int64_t now_ms)
{
	struct customerd_error error;
	struct call           *call;

	if (core->deadline_ms < 0 || now_ms < core->deadline_ms)
		return;
	error_set(&error, "TIMEOUT", true, "no answer came in time");
	core->busy++;
	while (!core->doomed && (call = find_expired(core, now_ms)) != NULL) {
		send_cancel(core, call);
		give_up(core, call, &error);
	}
	core_leave(core);
}

/*
 * Sort the calls that the lost connection had: back into the queue, in their order,
 * go those that may be repeated and those of which nothing was sent.
 */
static void
sort_sent(struct customerd_core *core)
{
	uint64_t     sent = core->out_before + core->out_sent;
	struct call *call;

	while ((call = TAILQ_LAST(&core->calls[CALL_SENT], call_list)) != NULL) {
		call->was_sent = call->was_sent || call->start < sent;
		if (call->is_hello || call->is_bound ||
		    (call->was_sent && !call->is_repeatable)) {
			move(core, call, CALL_LOST);
			continue;
		}
		move(core, call, CALL_QUEUED);
		TAILQ_REMOVE(&core->calls[CALL_QUEUED], call, link);
		TAILQ_INSERT_HEAD(&core->calls[CALL_QUEUED], call, link);
	}
}

/* Give up those that have waited for a connection often enough. */
static void
sort_queued(struct customerd_core *core, bool may_repeat)
{
	struct call *call, *next;

	for (call = TAILQ_FIRST(&core->calls[CALL_QUEUED]); call != NULL; call = next) {
		next = TAILQ_NEXT(call, link);
		if (!may_repeat || call->is_bound || --call->repeats_left < 0)
			move(core, call, CALL_LOST);
	}
}

void
customerd_core_disconnected(
    struct customerd_core *core, const struct customerd_error *why)
{
	struct customerd_error error = *why;
	struct call           *call;

	assert(core->busy == 0);
	if (core->farewell.code[0] != '\0')
		error = core->farewell;
	error.details = (struct customerd_slice){ NULL, 0 };
	sort_sent(core);
	sort_queued(core, error.retryable);
	begin_stream(core);
	core->busy++;
	feed_disconnected(core, &error);
	while (!core->doomed && (call = TAILQ_FIRST(&core->calls[CALL_LOST])) != NULL)
		give_up(core, call, &error);
	core_leave(core);
}
