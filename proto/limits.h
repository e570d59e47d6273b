/*
 * limits -- the bounds that both ends of the wire must know.
 *
 * hello announces them; PROTOCOL.md explains them.  Bounds of single fields are
 * in field.c.
 */

#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

/* Integers on the wire stay within +-INTEGER_MAX, which a double can hold. */
#define INTEGER_MAX 9007199254740991LL /* 2^53 - 1 */

#define FRAME_BYTES_MAX (1024u * 1024u)              /* one message, once known */
#define FRAME_BYTES_MAX_UNAUTHENTICATED (64u * 1024) /* one message, before that */
#define FRAME_DEPTH_MAX 16u                          /* containers in containers */
#define FRAME_ELEMENTS_MAX 65536u                    /* values in one message */

#define INFLIGHT_MAX 128u /* requests of one connection not yet answered */

#define RECORD_BYTES_MAX (96u * 1024u)  /* one stored record */
#define NESTED_BYTES_MAX (12u * 1024u)  /* one list of objects in it */
#define MAP_DEPTH_MAX 5u                /* containers in metadata and its like */
#define RESULT_BYTES_MAX (1024u * 1024) /* one answer; lists stop before it */
#define UPDATE_MANY_MAX 100u            /* customers in one update_many */
#define IMPORT_ID_MAX (INTEGER_MAX / 2) /* so that new ids remain behind it */
#define LIST_LIMIT_DEFAULT 100u         /* records in one answer of a list */
#define LIST_LIMIT_MAX 1000u            /* the same, on request */
#define LIST_SCAN_MAX 4096u             /* records that it holds against `match` */
#define LIST_IDS_MAX 250                /* ids that a list is given */
#define MATCH_ITEMS_MAX 50              /* of a list in `match` */
#define SUBSCRIPTIONS_MAX 16u           /* of one connection, to the change feed */
#define FEED_CREDIT_MAX 1000000u        /* changes that one may have coming */
#define LIST_OFFSET_MAX 100000u         /* records that a list skips or counts */
#define VIOLATIONS_MAX 64u              /* field errors reported for one request */

#define METHOD_BYTES_MAX 64u
#define TOKEN_BYTES_MAX 512u
#define DIRECTORY_BYTES_MAX 1024u
#define IDEMPOTENCY_KEY_BYTES_MAX 255u
#define IDEMPOTENCY_KEEP_MS (24LL * 3600 * 1000)
#define TRACEPARENT_BYTES_MAX 55u /* W3C Trace Context, version 00 */
#define TIMEOUT_MS_MAX (3600LL * 1000)

/* What hello announces.  X(key, value) */
// clang-format off
#define PROTO_LIMITS(X)                                 \
	X("frame_bytes_max",     FRAME_BYTES_MAX)       \
	X("depth_max",           FRAME_DEPTH_MAX)       \
	X("elements_max",        FRAME_ELEMENTS_MAX)    \
	X("inflight_max",        INFLIGHT_MAX)          \
	X("update_many_max",     UPDATE_MANY_MAX)       \
	X("list_limit_max",      LIST_LIMIT_MAX)        \
	X("record_bytes_max",    RECORD_BYTES_MAX)      \
	X("subscriptions_max",   SUBSCRIPTIONS_MAX)     \
	X("feed_credit_max",     FEED_CREDIT_MAX)       \
	X("timeout_ms_max",      TIMEOUT_MS_MAX)        \
	X("idempotency_keep_ms", IDEMPOTENCY_KEEP_MS)
// clang-format on

#endif
