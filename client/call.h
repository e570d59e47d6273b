/*
 * call -- one call on its way through the core, with its request ready to be sent.
 */

#ifndef CLIENT_CALL_H
#define CLIENT_CALL_H

#include <sys/queue.h>

#include "client/internal.h"

/* Where a call stands. */
enum call_place {
	CALL_QUEUED, /* waits for room, or for a connection */
	CALL_SENT,   /* its request was given to the connection */
	CALL_LOST,   /* its connection broke; the callback comes next */
	CALL_PLACE_COUNT
};

struct call {
	TAILQ_ENTRY(call) link;
	enum call_place     place;
	bool                is_hello;
	bool                is_repeatable; /* applied twice, it does no harm */
	bool                is_bound;      /* of no use on another connection */
	bool                was_sent; /* in part at least, on an earlier connection */
	int                 repeats_left;
	uint32_t            msgid;
	int64_t             deadline_ms; /* -1: none */
	uint64_t            start;       /* where its request begins in the stream */
	customerd_callback *callback;
	void               *user;
	size_t              len;
	bool                has_spare_size; /* room for SPARE_CALL_BYTES */
	char                request[];
};

TAILQ_HEAD(call_list, call);

#define SPARE_CALL_BYTES 512u /* most requests are smaller */
#define SPARE_CALLS_MAX 128u

/* The memory of calls that are over, for others. */
struct spare_calls {
	struct call_list list;
	unsigned         count;
};

/*
 * Judge REQUESTED and make *OUT of it, under MSGID.  SCRATCH is working space.
 * MISUSE when the server could not understand it, or takes no more than BYTES_MAX.
 */
enum customerd_status call_new(struct call **out,
    const struct customerd_call *requested, uint32_t msgid, int64_t timeout_ms,
    size_t bytes_max, struct buf *scratch, struct spare_calls *spare,
    struct customerd_error *error);
void                  call_free(struct call *call, struct spare_calls *spare);

void spare_calls_init(struct spare_calls *spare);
void spare_calls_fini(struct spare_calls *spare);

/* MISUSE, with TOO_LARGE. */
enum customerd_status call_too_large(struct customerd_error *error);

#endif
