/*
 * core -- the state of the core, which core.c and receive.c share.
 *
 * Calls wait in a queue, move to the stream in order as the window has room, and end
 * by an answer, their deadline, or the loss of the connection.
 */

#ifndef CLIENT_CORE_H
#define CLIENT_CORE_H

#include "client/call.h"
#include "proto/scan.h"

#define PENDING_MAX 1024u /* calls begun and not ended … */
#define FEEDS_MAX SUBSCRIPTIONS_MAX
#define CALLS_MAX \
	(PENDING_MAX - FEEDS_MAX - 1) /* … of which each feed needs one, and hello */

struct customerd_core {
	int64_t            call_timeout_ms;
	int                retries_max;
	struct scan_limits limits; /* of answers */

	/* The calls. */
	struct call_list   calls[CALL_PLACE_COUNT];
	struct call       *slots[PENDING_MAX]; /* by the low bits of the msgid */
	struct spare_calls spare;
	size_t             pending, pending_bytes;
	size_t             sent;   /* calls in the list SENT */
	size_t             window; /* … of which the server wants no more than this */
	uint32_t           msgid;  /* the last one given out */
	int64_t deadline_ms;       /* no call has an earlier one; -1: none has any */

	/* The stream. */
	bool        greeted;         /* hello was answered */
	size_t      frame_bytes_max; /* the largest request that the server takes */
	struct scan scan;
	struct buf  in;         /* the front of a message that is not complete */
	struct buf  out;        /* what to send next … */
	size_t      out_sent;   /* … of which so much was sent */
	uint64_t    out_before; /* bytes of the stream before the first one of OUT */
	struct customerd_error farewell; /* what the server said before it hung up */

	LIST_HEAD(, customerd_feed) feeds;
	unsigned            feed_count;
	customerd_notified *notified;
	void               *notified_user;
	struct buf          scratch;
	unsigned            busy;   /* callbacks that are running */
	bool                doomed; /* to be freed when they return */
};

/* Does the core wait to send something? */
bool core_has_output(const struct customerd_core *core);

/* As customerd_core_call(), but gives the call. */
enum customerd_status core_begin(struct customerd_core *core,
    const struct customerd_call *requested, int64_t now_ms,
    customerd_callback *callback, void *user, struct call **out,
    struct customerd_error *error);

/* Give the request of CALL to the stream; false when there is no memory for that. */
bool core_send(struct customerd_core *core, struct call *call);

/* Free CALL as if it had never begun. */
void core_forget(struct customerd_core *core, struct call *call);

/* CALL is over.  The callback may do anything, so look at core->doomed afterwards. */
void core_finish(struct customerd_core *core, struct call *call,
    enum customerd_status status, struct slice result,
    const struct customerd_error *error);

/* Callbacks may come, until core_leave(); that is false when the core is no more. */
void core_enter(struct customerd_core *core);
bool core_leave(struct customerd_core *core);

#endif
