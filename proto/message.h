/*
 * message -- the envelope of MessagePack-RPC, both ways.
 *
 *   request       [0, msgid, method, params]      params = [args] or [args, meta]
 *   response      [1, msgid, error, result]
 *   notification  [2, method, params]
 *
 * Decoding reads a message that scan has accepted and copies nothing: slices
 * point into it.  A method name may come as bin instead of str, because a client
 * in wide use sends it so.
 */

#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include <stdint.h>

#include "proto/buf.h"
#include "proto/slice.h"
#include "proto/status.h"

enum message_type {
	MESSAGE_REQUEST = 0,
	MESSAGE_RESPONSE = 1,
	MESSAGE_NOTIFICATION = 2,
};

/* The second element of params; what a request may say about itself. */
struct meta {
	struct slice token;           /* empty: the connection's */
	struct slice idempotency_key; /* empty: none */
	struct slice traceparent;     /* empty: none */
	int64_t      timeout_ms;      /* 0: none */
	bool         dry_run;
};

struct message {
	enum message_type type;
	uint32_t          msgid;  /* not in a notification */
	struct slice      method; /* not in a response */
	struct slice      args;   /* one value, normally a map; empty: none given */
	struct meta       meta;
	struct slice      error;  /* of a response: one value, nil for success */
	struct slice      result; /* of a response: one value */
	/* What meta was refused for: a key of it, or NULL.  See below. */
	const char *meta_key;
};

/*
 * Take FRAME, one whole message, apart.
 *
 * MALFORMED when it is none of the three forms: the peer is beyond repair.
 * INVALID when only params or meta break a rule: MESSAGE->msgid is good, the
 * request can be answered, and MESSAGE->meta_key names the culprit ("params" when
 * params itself is no array of at most two elements, each a map or nil).  In meta,
 * nil is as good as absent, and ignored are unknown keys and a traceparent that W3C
 * Trace Context does not know.  A method name may have any length and bytes.  Params
 * of a notification are not judged: args is its first element, if any.
 */
enum status message_decode(struct message *message, struct slice frame);

/* Let MESSAGE, decoded from bytes at FROM, point into a copy of them at TO. */
void message_move(struct message *message, const char *from, const char *to);

/* Append everything of a request but its params, which the caller packs next. */
void message_pack_request(struct buf *buf, uint32_t msgid, struct slice method);

/* Append [1, msgid, nil,  -- the caller packs the result next. */
void message_pack_result(struct buf *buf, uint32_t msgid);

/* Append [1, msgid,  -- the caller packs the error (a map) and then nil. */
void message_pack_error(struct buf *buf, uint32_t msgid);

/* Append [2, method,  -- the caller packs params (an array) next. */
void message_pack_notification(struct buf *buf, struct slice method);

#endif
