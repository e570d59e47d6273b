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
is_repeatable(const struct customerd_call *call, const struct method *method)
{
	return call->idempotency_key != NULL || call->dry_run ||
	       (method != NULL && method->access != METHOD_WRITE &&
		   method->access != METHOD_JOB);
}

/* What concerns a subscription ends with its connection, as the subscription does. */
static bool
is_bound(const struct method *method)
{
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

/* ---- Memory ---- */

void
spare_calls_init(struct spare_calls *spare)
{
	TAILQ_INIT(&spare->list);
	spare->count = 0;
}

void
spare_calls_fini(struct spare_calls *spare)
{
	struct call *call;

	while ((call = TAILQ_FIRST(&spare->list)) != NULL) {
		TAILQ_REMOVE(&spare->list, call, link);
		free(call);
	}
}

/* A call with room for LEN bytes, or NULL. */
static struct call *
call_alloc(struct spare_calls *spare, size_t len)
{
	struct call *call = TAILQ_FIRST(&spare->list);

	if (len > SPARE_CALL_BYTES)
		return calloc(1, sizeof(*call) + len);
	if (call != NULL) {
		TAILQ_REMOVE(&spare->list, call, link);
		spare->count--;
	} else if ((call = malloc(sizeof(*call) + SPARE_CALL_BYTES)) == NULL) {
		return NULL;
	}
	*call = (struct call){ .has_spare_size = true };
	return call;
}

void
call_free(struct call *call, struct spare_calls *spare)
{
	if (!call->has_spare_size || spare->count == SPARE_CALLS_MAX) {
		free(call);
		return;
	}
	TAILQ_INSERT_HEAD(&spare->list, call, link);
	spare->count++;
}

/* ---- Making ---- */

enum customerd_status
call_new(struct call **out, const struct customerd_call *requested, uint32_t msgid,
    int64_t timeout_ms, size_t bytes_max, struct buf *scratch,
    struct spare_calls *spare, struct customerd_error *error)
{
	const struct method *method;
	const char          *mistake;
	struct call         *call;

	if (requested->args.len > FRAME_BYTES_MAX)
		return call_too_large(error);
	mistake = find_mistake(requested);
	if (mistake != NULL)
		return error_misuse(error, mistake);
	buf_clear(scratch, BUF_BYTES_KEPT);
	pack_request(scratch, requested, msgid, timeout_ms);
	if (scratch->len > bytes_max)
		return call_too_large(error);
	call = scratch->failed ? NULL : call_alloc(spare, scratch->len);
	if (call == NULL)
		return error_no_memory(error);
	method = method_find(slice_text(requested->method));
	call->place = CALL_QUEUED;
	call->msgid = msgid;
	call->is_repeatable = is_repeatable(requested, method);
	call->is_bound = is_bound(method);
	call->len = scratch->len;
	memcpy(call->request, scratch->data, scratch->len);
	*out = call;
	return CUSTOMERD_OK;
}
