/*
 * engine -- take each request through the steps of its format.
 *
 *	route -> checks, in the format's order -> the store's own? -> serve -> answer
 *
 * The engine has no state but what is under way and how often each token came, and no
 * rule of the business.
 *
 * Threads.  The loop's.
 */

#ifndef REST_ENGINE_H
#define REST_ENGINE_H

#include <sys/queue.h>

#include "tools/rest/format.h"
#include "tools/rest/http.h"
#include "tools/rest/rate.h"
#include "tools/rest/upstream.h"

struct engine_settings {
	/* Vendors' rules that the documented requests themselves break. */
	bool strict;
	/* Of the routes that need no credentials; 0: there are none. */
	int64_t public_store;
	/* "https://shop.example.com", for links; NULL: from the request's Host. */
	const char *public_url;
	/* Requests at once for one store and a resource that is bounded; 0: no bound.
	 */
	unsigned concurrent_max;
	/* Records that a search may read. */
	int64_t search_max;
	/* Requests of one token within so much time; 0: no bound. */
	int64_t rate_max;
	int64_t rate_window_ms;
};

#define ENGINE_STORES_MAX 64u /* busy ones that are counted; others have no bound */
#define ENGINE_STORE_BYTES 65u

#define ENGINE_SHARED_MAX 64u /* calls under way that several wait for */

#define ENGINE_BYTES_KEPT ((size_t)64 * 1024) /* in each spare buf */

/* Requests under way for one store, as the path names it. */
struct engine_store {
	char     name[ENGINE_STORE_BYTES];
	unsigned busy;
};

enum shared_state { SHARED_VACANT, SHARED_OPEN, SHARED_ENDING };

/*
 * A call that several works wait for, since all of them have asked the same with the
 * same token before it left: so none gets an answer that is older than its question.
 */
struct shared_call {
	enum shared_state state;
	TAILQ_HEAD(, call_made)
	readers;             /* those who wait; while open, there are some */
	uint64_t departures; /* of the upstream, when it was made */
	uint32_t id;         /* to cancel */
};

struct engine {
	struct upstream            *upstream;
	struct engine_settings      settings;
	const struct format *const *formats;
	struct buf                  out; /* the body of one answer */
	struct buf spare_buf, spare_set; /* lent to work_buf() and to struct decoding */
	struct engine_store stores[ENGINE_STORES_MAX];
	struct rate         rate;
	struct shared_call  shared[ENGINE_SHARED_MAX];
};

void engine_init(struct engine *engine, struct upstream *upstream,
    const struct engine_settings *settings);
void engine_fini(struct engine *engine);

/* Answer EXCHANGE, now or later. */
void engine_serve(struct engine *engine, struct http_exchange *exchange);

/* The client of EXCHANGE has gone. */
void engine_cancel(struct http_exchange *exchange);

/* As render_error() of struct http_application. */
void engine_render_error(struct engine *engine, struct http_exchange *exchange,
    const char *why, struct http_response *response);

#endif
