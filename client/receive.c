/*
 * What arrives: messages are cut out of the stream, judged by proto/scan and
 * proto/message, and matched with the calls that wait.  Nothing a server sends is
 * trusted.
 */

#include "client/feed.h"
#include "proto/limits.h"
#include "proto/message.h"
#include "proto/pack.h"
#include "proto/reader.h"

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
    const char *client_name, customerd_callback *callback, void *user,
    struct customerd_error *error)
{
	struct customerd_call hello = { .method = "hello", .timeout_ms = -1 };
	struct call          *call;
	struct buf            args;
	enum customerd_status status;

	buf_init(&args, FRAME_BYTES_MAX);
	pack_hello(&args, token, client_name);
	hello.args = slice_out(buf_slice(&args));
	status = args.failed
		     ? error_no_memory(error)
		     : core_begin(core, &hello, 0, callback, user, &call, error);
	buf_fini(&args);
	if (status != CUSTOMERD_OK)
		return status;
	call->is_hello = true;
	if (core_send(core, call))
		return CUSTOMERD_OK;
	core_forget(core, call);
	return error_no_memory(error);
}

/* The server has greeted back: the rest may follow, as much as it takes. */
static void
on_greeting(struct customerd_core *core, struct slice greeting)
{
	struct customerd_slice value = slice_out(greeting), identity;
	int64_t                window;

	core->greeted = true;
	if (customerd_get_integer(value, "limits.inflight_max", &window) &&
	    window >= 1 && window <= PENDING_MAX)
		core->window = (size_t)window;
	/* A larger one would end the connection, and with it all other calls. */
	if (customerd_get(value, "identity", &identity) &&
	    customerd_type(identity) == CUSTOMERD_NIL)
		core->frame_bytes_max = FRAME_BYTES_MAX_UNAUTHENTICATED;
}

static struct call *
find_too_large(struct customerd_core *core)
{
	struct call *call;

	TAILQ_FOREACH (call, &core->calls[CALL_QUEUED], link)
		if (call->len > core->frame_bytes_max)
			return call;
	return NULL;
}

/* Of the calls that have waited for the greeting, end those it does not permit. */
static void
refuse_too_large(struct customerd_core *core)
{
	struct customerd_error error;
	struct call           *call;

	while (!core->doomed && (call = find_too_large(core)) != NULL)
		core_finish(
		    core, call, call_too_large(&error), slice_of(NULL, 0), &error);
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
	bool                   is_greeting;

	if (call == NULL || call->msgid != response->msgid || call->place != CALL_SENT)
		return;
	reader_init(&reader, response->error);
	if (reader_peek(&reader) != VALUE_NIL)
		status = error_decode(&error, response->error);
	if (status == CUSTOMERD_UNKNOWN)
		error.retryable = call->is_repeatable;
	is_greeting = status == CUSTOMERD_OK && call->is_hello;
	if (is_greeting)
		on_greeting(core, response->result);
	core_finish(core, call, status,
	    status == CUSTOMERD_OK ? response->result : slice_of(NULL, 0), &error);
	if (is_greeting)
		refuse_too_large(core);
}

static bool
on_notification(struct customerd_core *core, const struct message *notification)
{
	enum feed_taken        taken = feed_notify(core, notification);
	struct customerd_slice subscription;

	if (taken != FEED_FOREIGN)
		return taken == FEED_TAKEN;
	/* The end of a subscription leaves the connection as it is. */
	if (slice_equal(notification->method, SLICE("error")) &&
	    !customerd_get(
		slice_out(notification->args), "subscription", &subscription))
		error_decode(&core->farewell, notification->args);
	if (core->notified == NULL)
		return true;
	core->busy++;
	core->notified(core->notified_user, slice_out(notification->method),
	    slice_out(notification->args));
	core->busy--;
	return true;
}

static bool
on_message(struct customerd_core *core, struct slice frame)
{
	struct message message;

	if (message_decode(&message, frame) != STATUS_OK)
		return false;
	switch (message.type) {
	case MESSAGE_RESPONSE: on_response(core, &message); return true;
	case MESSAGE_NOTIFICATION: return on_notification(core, &message);
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
	if (core->in.len > 0)
		buf_drop(&core->in, core->in.len - rest.len);
	else
		buf_put(&core->in, rest.data, rest.len);
	if (core->in.len == 0 && !core->in.failed)
		buf_clear(&core->in, BUF_BYTES_KEPT);
}

bool
customerd_core_feed(struct customerd_core *core, const void *bytes, size_t len,
    struct customerd_error *error)
{
	struct slice rest = slice_of(bytes, len);
	bool         is_good, has_memory;

	if (core->in.len > 0) {
		buf_put(&core->in, bytes, len);
		rest = buf_slice(&core->in);
	}
	core_enter(core);
	is_good = !core->in.failed && take_messages(core, &rest);
	if (!core->doomed && is_good)
		keep_rest(core, rest);
	has_memory = core->doomed || !core->in.failed;
	if (!core_leave(core))
		return true;
	if (!has_memory)
		error_no_memory(error);
	else if (!is_good)
		error_set(error, "PROTOCOL", true,
		    "the server sends what is no message of customerd, or too large a "
		    "one");
	return is_good && has_memory;
}
