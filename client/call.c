#include <stdlib.h>

#include "client/call.h"
#include "proto/limits.h"
#include "proto/message.h"
#include "proto/method.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "proto/scan.h"

/* What surrounds the arguments in a request: two arrays, and meta. */
#define ENVELOPE_DEPTH 2u
#define ENVELOPE_ELEMENTS 16u

/* One text of a call, with its bound; a NULL is not sent. */
static bool
text_fits(const char *text, size_t bytes_max)
{
	size_t len = text == NULL ? 1 : strlen(text);

	return len > 0 && len <= bytes_max;
}

/* Exactly one well-formed map?  Anything else would garble the connection. */
static bool
is_one_map(struct slice args)
{
	const struct scan_limits limits = { .bytes_max = FRAME_BYTES_MAX,
		.depth_max = FRAME_DEPTH_MAX - ENVELOPE_DEPTH,
		.elements_max = FRAME_ELEMENTS_MAX - ENVELOPE_ELEMENTS };
	struct scan              scan;
	struct reader            reader;
	size_t                   len;

	scan_init(&scan, &limits);
	if (scan_feed(&scan, args, &len) != SCAN_DONE || len != args.len)
		return false;
	reader_init(&reader, args);
	return reader_peek(&reader) == VALUE_MAP;
}

static const char *
find_mistake(const struct customerd_call *call)
{
	if (call->method == NULL || !text_fits(call->method, METHOD_BYTES_MAX))
		return "a method has 1 to 64 characters";
	if (!text_fits(call->token, TOKEN_BYTES_MAX))
		return "a token has 1 to 512 characters";
	if (!text_fits(call->idempotency_key, IDEMPOTENCY_KEY_BYTES_MAX))
		return "an idempotency key has 1 to 255 characters";
	if (!text_fits(call->traceparent, TRACEPARENT_BYTES_MAX))
		return "a traceparent has 55 characters";
	if (call->args.len > 0 && !is_one_map(slice_in(call->args)))
		return "the arguments are no single MessagePack map within the bounds";
	return NULL;
}

static void
pack_meta_text(struct buf *buf, const char *key, const char *text)
{
	if (text == NULL)
		return;
	pack_text(buf, slice_text(key));
	pack_text(buf, slice_text(text));
}

static void
pack_meta(struct buf *buf, const struct customerd_call *call, int64_t timeout_ms)
{
	bool     has_timeout = timeout_ms > 0 && timeout_ms <= TIMEOUT_MS_MAX;
	uint32_t count = 0;

	count += call->token != NULL;
	count += call->idempotency_key != NULL;
	count += call->traceparent != NULL;
	count += has_timeout;
	count += call->dry_run;
	pack_map(buf, count);
	pack_meta_text(buf, "token", call->token);
	pack_meta_text(buf, "idempotency_key", call->idempotency_key);
	pack_meta_text(buf, "traceparent", call->traceparent);
	if (has_timeout) {
		pack_literal(buf, "timeout_ms");
		pack_integer(buf, timeout_ms);
	}
	if (call->dry_run) {
		pack_literal(buf, "dry_run");
		pack_bool(buf, true);
	}
}

static void
pack_request(struct buf *buf, const struct customerd_call *call, uint32_t msgid,
    int64_t timeout_ms)
{
	message_pack_request(buf, msgid, slice_text(call->method));
	pack_array(buf, 2);
	if (call->args.len > 0)
		pack_raw(buf, slice_in(call->args));
	else
		pack_map(buf, 0);
	pack_meta(buf, call, timeout_ms);
}

/* Reads change nothing; a key makes a write happen once; a job is not begun twice. */
static bool
is_repeatable(const struct customerd_call *call)
{
	const struct method *method = method_find(slice_text(call->method));

	return call->idempotency_key != NULL || call->dry_run ||
	       (method != NULL && method->access != METHOD_WRITE &&
		   method->access != METHOD_JOB);
}

/* What concerns a subscription ends with its connection, as the subscription does. */
static bool
is_bound(const struct customerd_call *call)
{
	const struct method *method = method_find(slice_text(call->method));

	return method != NULL && (method->number == METHOD_CHANGE_SUBSCRIBE ||
				     method->number == METHOD_CHANGE_CREDIT ||
				     method->number == METHOD_CHANGE_UNSUBSCRIBE);
}

enum customerd_status
call_too_large(struct customerd_error *error)
{
	error_set(error, "TOO_LARGE", false, "the server takes no request so large");
	return CUSTOMERD_MISUSE;
}

enum customerd_status
call_new(struct call **out, const struct customerd_call *requested, uint32_t msgid,
    int64_t timeout_ms, size_t bytes_max, struct buf *scratch,
    struct customerd_error *error)
{
	const char  *mistake;
	struct call *call;

	if (requested->args.len > FRAME_BYTES_MAX)
		return call_too_large(error);
	mistake = find_mistake(requested);
	if (mistake != NULL)
		return error_misuse(error, mistake);
	buf_clear(scratch, BUF_BYTES_KEPT);
	pack_request(scratch, requested, msgid, timeout_ms);
	if (scratch->len > bytes_max)
		return call_too_large(error);
	call = scratch->failed ? NULL : malloc(sizeof(*call) + scratch->len);
	if (call == NULL)
		return error_no_memory(error);
	*call = (struct call){ .place = CALL_QUEUED,
		.msgid = msgid,
		.is_repeatable = is_repeatable(requested),
		.is_bound = is_bound(requested),
		.len = scratch->len };
	memcpy(call->request, scratch->data, scratch->len);
	*out = call;
	return CUSTOMERD_OK;
}
