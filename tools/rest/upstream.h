/*
 * upstream -- the connection to customerd, and whether it answers.
 *
 * Calls go through UPSTREAM->async, the client library's asynchronous API.  The
 * connection has no token of its own: every call must carry its request's, for on the
 * unix socket a call without one would be an operator's.
 *
 * A ping each UPSTREAM_PING_MS, and one as soon as the connection is lost, tells
 * whether customerd is there.  Ask upstream_is_ready() first, and while it is not,
 * answer 503 at once: a call would wait for the connection instead.
 *
 * Threads.  The loop's.
 */

#ifndef REST_UPSTREAM_H
#define REST_UPSTREAM_H

#include <customerd_ev.h>

#include "server/base/log.h"

#define UPSTREAM_PING_MS 1000         /* from an answer to the next ping */
#define UPSTREAM_PING_TIMEOUT_MS 2000 /* later is not ready */

struct upstream {
	struct customerd_async *async;
	struct customerd_ev     watcher;
	struct ev_loop         *ev;
	struct ev_timer         pause; /* between two pings */
	struct log             *log;
	bool                    has_been_asked; /* a ping has ended, well or not */
	bool                    is_ready;
	bool                    is_closing;
	bool                    is_calling;
	uint64_t                departures; /* how often all calls may have left */
};

/*
 * Begin to connect to ADDRESS, with TLS where that says so.  False, with a sentence in
 * WHY, for a bad address or bad files.
 */
bool upstream_open(struct upstream *upstream, struct ev_loop *ev, const char *address,
    const struct customerd_tls *tls, struct log *log, char *why, size_t why_size);

/* End the connection; calls under way end now. */
void upstream_close(struct upstream *upstream);

/* As customerd_async_call().  The call has not left as long as DEPARTURES stays. */
enum customerd_status upstream_call(struct upstream *upstream,
    const struct customerd_call *call, customerd_callback *callback, void *user,
    uint32_t *id, struct customerd_error *error);

/* Whether the last ping was answered. */
static inline bool
upstream_is_ready(const struct upstream *upstream)
{
	return upstream->is_ready;
}

#endif
