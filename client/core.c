/*
 * The core: calls wait in a queue, move to the stream in order as the window has
 * room, and end by an answer, their deadline, or the loss of the connection.
 */

#include <assert.h>
#include <stdlib.h>

#include "client/call.h"
#include "proto/limits.h"
#include "proto/message.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "proto/scan.h"

#define PENDING_MAX 1024u                       /* calls begun and not ended */
#define PENDING_BYTES_MAX (32u * 1024 * 1024)   /* of their requests */
#define OUTPUT_BYTES (64u * 1024)               /* given to the connection at once */
#define OUTPUT_BYTES_MAX (4u * FRAME_BYTES_MAX) /* never reached by honest use */

_Static_assert(
    (PENDING_MAX & (PENDING_MAX - 1)) == 0, "a slot is the msgid's low bits");
_Static_assert(OUTPUT_BYTES + FRAME_BYTES_MAX <= OUTPUT_BYTES_MAX, "one always fits");

struct customerd_core {
	int64_t            call_timeout_ms;
	int                retries_max;
	struct scan_limits limits; /* of answers */

	/* The calls. */
	struct call_list calls[CALL_PLACE_COUNT];
	struct call     *slots[PENDING_MAX]; /* by the low bits of the msgid */
	size_t           pending, pending_bytes;
	size_t           sent;   /* calls in the list SENT */
	size_t           window; /* … of which the server wants no more than this */
	uint32_t         msgid;  /* the last one given out */
	int64_t          deadline_ms; /* no call has an earlier one; -1: none has any */

	/* The stream. */
	bool        greeted; /* hello was answered */
	struct scan scan;
	struct buf  in;         /* the front of a message that is not complete */
	struct buf  out;        /* what to send next … */
	size_t      out_sent;   /* … of which so much was sent */
	uint64_t    out_before; /* bytes of the stream before the first one of OUT */
	struct customerd_error farewell; /* what the server said before it hung up */

	customerd_notified *notified;
	void               *notified_user;
	struct buf          scratch;
	unsigned            busy;   /* callbacks that are running */
	bool                doomed; /* to be freed when they return */
};

/* ---- Making and freeing ---- */

static void
begin_stream(struct customerd_core *core)
{
	core->greeted = false;
	core->window = INFLIGHT_MAX;
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

/* CALL is over.  The callback may do anything, so look at core->doomed afterwards. */
static void
finish(struct customerd_core *core, struct call *call, enum customerd_status status,
    struct slice result, const struct customerd_error *error)
{
	customerd_callback *callback = call->callback;
	void               *user = call->user;

	TAILQ_REMOVE(&core->calls[call->place], call, link);
	core->sent -= call->place == CALL_SENT;
	core->slots[call->msgid % PENDING_MAX] = NULL;
	core->pending--;
	core->pending_bytes -= call->len;
	free(call);
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
	finish(core, call, status, slice_of(NULL, 0), &error);
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
	for (unsigned place = 0; place < CALL_PLACE_COUNT; place++)
		while ((call = TAILQ_FIRST(&core->calls[place])) != NULL)
			give_up(core, call, &error);
	if (core->busy == 0)
		release(core);
}

/* Leave a function that ran callbacks; false when the core is no more. */
static bool
leave(struct customerd_core *core)
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
begin(struct customerd_core *core, const struct customerd_call *requested,
    int64_t now_ms, customerd_callback *callback, void *user, struct call **out,
    struct customerd_error *error)
{
	int64_t               timeout_ms = requested->timeout_ms == 0
					       ? core->call_timeout_ms
					       : option_or(requested->timeout_ms, 0);
	struct call          *call;
	enum customerd_status status;

	if (timeout_ms > INTEGER_MAX)
		timeout_ms = -1;
	if (core->doomed)
		return error_misuse(error, "the handle is being freed");
	if (core->pending == PENDING_MAX || core->pending_bytes > PENDING_BYTES_MAX) {
		error_set(error, "QUEUE_FULL", true, "too many calls are waiting");
		return CUSTOMERD_NOT_SENT;
	}
	status = call_new(
	    &call, requested, next_msgid(core), timeout_ms, &core->scratch, error);
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
	enum customerd_status status =
	    begin(core, requested, now_ms, callback, user, &call, error);

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

/* Give the request of CALL to the stream. */
static void
send_call(struct customerd_core *core, struct call *call)
{
	call->start = core->out_before + core->out.len;
	buf_put(&core->out, call->request, call->len);
	move(core, call, CALL_SENT);
}

/* Ask the server to drop CALL, if it has heard of it. */
static void
send_cancel(struct customerd_core *core, const struct call *call)
{
	if (call->place != CALL_SENT || core->out.len > OUTPUT_BYTES)
		return;
	message_pack_notification(&core->out, SLICE("cancel"));
	pack_array(&core->out, 1);
	pack_integer(&core->out, call->msgid);
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
	return core->out.len > core->out_sent || may_send_more(core);
}

struct customerd_slice
customerd_core_output(struct customerd_core *core)
{
	while (may_send_more(core))
		send_call(core, TAILQ_FIRST(&core->calls[CALL_QUEUED]));
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
	leave(core);
	return true;
}

/* ---- Greeting ---- */

static void
pack_hello(struct buf *buf, const char *token, const char *client_name)
{
	pack_map(buf, token == NULL ? 2 : 3);
	pack_literal(buf, "proto");
	pack_integer(buf, 1);
	pack_literal(buf, "client");
	pack_map(buf, 2);
	pack_literal(buf, "name");
	pack_text(buf, slice_text(client_name == NULL ? "libcustomerd" : client_name));
	pack_literal(buf, "version");
	pack_literal(buf, CUSTOMERD_VERSION);
	if (token != NULL) {
		pack_literal(buf, "token");
		pack_text(buf, slice_text(token));
	}
}

enum customerd_status
customerd_core_hello(struct customerd_core *core, const char *token,
    const char *client_name, int64_t now_ms, customerd_callback *callback, void *user,
    struct customerd_error *error)
{
	struct customerd_call hello = { .method = "hello" };
	struct call          *call;
	struct buf            args;
	enum customerd_status status;

	buf_init(&args, FRAME_BYTES_MAX);
	pack_hello(&args, token, client_name);
	hello.args = slice_out(buf_slice(&args));
	status = args.failed
		     ? error_no_memory(error)
		     : begin(core, &hello, now_ms, callback, user, &call, error);
	buf_fini(&args);
	if (status != CUSTOMERD_OK)
		return status;
	call->is_hello = true;
	send_call(core, call);
	return CUSTOMERD_OK;
}

/* The server has greeted back: the rest may follow, as many as it takes. */
static void
on_greeting(struct customerd_core *core, struct slice greeting)
{
	int64_t window;

	core->greeted = true;
	if (customerd_get_integer(
		slice_out(greeting), "limits.inflight_max", &window) &&
	    window >= 1 && window <= PENDING_MAX)
		core->window = (size_t)window;
}

/* ---- Receiving ---- */

/* An answer that nobody waits for came too late, or was made up; it is ignored. */
static void
on_response(struct customerd_core *core, const struct message *response)
{
	struct call           *call = core->slots[response->msgid % PENDING_MAX];
	struct customerd_error error;
	struct reader          reader;
	enum customerd_status  status = CUSTOMERD_OK;

	if (call == NULL || call->msgid != response->msgid || call->place != CALL_SENT)
		return;
	reader_init(&reader, response->error);
	if (reader_peek(&reader) != VALUE_NIL)
		status = error_decode(&error, response->error);
	if (status == CUSTOMERD_UNKNOWN)
		error.retryable = call->is_repeatable;
	if (status == CUSTOMERD_OK && call->is_hello)
		on_greeting(core, response->result);
	finish(core, call, status,
	    status == CUSTOMERD_OK ? response->result : slice_of(NULL, 0), &error);
}

static void
on_notification(struct customerd_core *core, const struct message *notification)
{
	if (slice_equal(notification->method, SLICE("error")))
		error_decode(&core->farewell, notification->args);
	if (core->notified == NULL)
		return;
	core->busy++;
	core->notified(core->notified_user, slice_out(notification->method),
	    slice_out(notification->args));
	core->busy--;
}

static bool
on_message(struct customerd_core *core, struct slice frame)
{
	struct message message;

	if (message_decode(&message, frame) != STATUS_OK)
		return false;
	switch (message.type) {
	case MESSAGE_RESPONSE: on_response(core, &message); return true;
	case MESSAGE_NOTIFICATION: on_notification(core, &message); return true;
	case MESSAGE_REQUEST: break; /* a server has nothing to ask */
	}
	return false;
}

/* Take whole messages off the front of *REST. */
static bool
take_messages(struct customerd_core *core, struct slice *rest)
{
	size_t len;

	while (rest->len > 0 && !core->doomed) {
		switch (scan_feed(&core->scan, *rest, &len)) {
		case SCAN_MORE: return true;
		case SCAN_BAD: return false;
		case SCAN_DONE: break;
		}
		scan_init(&core->scan, &core->limits);
		if (!on_message(core, slice_of(rest->data, len)))
			return false;
		*rest = slice_of(rest->data + len, rest->len - len);
	}
	return true;
}

/* Keep what is left of a feed, REST, for the next one. */
static void
keep_rest(struct customerd_core *core, struct slice rest)
{
	if (core->in.len == 0)
		buf_put(&core->in, rest.data, rest.len);
	else
		buf_drop(&core->in, core->in.len - rest.len);
	if (core->in.len == 0)
		buf_clear(&core->in, BUF_BYTES_KEPT);
}

bool
customerd_core_feed(struct customerd_core *core, const void *bytes, size_t len,
    struct customerd_error *error)
{
	struct slice rest = slice_of(bytes, len);
	bool         is_good;

	if (core->in.len > 0) {
		buf_put(&core->in, bytes, len);
		rest = buf_slice(&core->in);
	}
	core->busy++;
	is_good = !core->in.failed && take_messages(core, &rest);
	if (!core->doomed && is_good)
		keep_rest(core, rest);
	is_good = is_good && !core->in.failed;
	if (!leave(core))
		return true;
	if (!is_good)
		error_set(error, "PROTOCOL", true,
		    "the server sends what is no message of customerd, or too large a "
		    "one");
	return is_good;
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

		TAILQ_FOREACH(call, &core->calls[place], link)
		{
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
	leave(core);
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
		if (call->is_hello || (call->was_sent && !call->is_repeatable)) {
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
		if (!may_repeat || --call->repeats_left < 0)
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
	while (!core->doomed && (call = TAILQ_FIRST(&core->calls[CALL_LOST])) != NULL)
		give_up(core, call, &error);
	leave(core);
}
