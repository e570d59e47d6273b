/*
 * rate -- how many requests each token may make within a window of time.
 *
 * Each token has a bucket of so many requests, which fills again evenly: an empty one
 * is full after a window.  So there is no edge of a window at which twice as many pass
 * at once, and what a client is told holds: the next request is free after RETRY_MS,
 * all of them are after RESET_MS.
 *
 * Tokens are known by a seeded hash.  When more of them are busy than there is room
 * for, the one that was quiet longest is forgotten and may begin anew: a bound for
 * the well-meaning, that costs a fixed amount of memory whoever comes.
 *
 * Threads.  The loop's.
 */

#ifndef REST_RATE_H
#define REST_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/slice.h"

#define RATE_MAX INT64_C(1000000000)
#define RATE_WINDOW_MS_MAX INT64_C(86400000)
#define RATE_SETS 512u
#define RATE_WAYS 8u /* tokens in a set */

/*
 * To lose nothing by rounding, USED counts parts of requests: a request is as many as
 * its window has milliseconds, and each millisecond gives as many back as the window
 * has requests.
 */
struct rate_token {
	uint64_t hash; /* 0: nobody */
	int64_t  used; /* at seen_ms */
	int64_t  seen_ms;
};

struct rate {
	int64_t           max; /* requests; 0: none are counted */
	int64_t           window_ms;
	uint64_t          seed;
	struct rate_token tokens[RATE_SETS][RATE_WAYS];
};

/* What is to be told about a request. */
struct rate_state {
	int64_t limit, left, window_ms;
	int64_t reset_ms; /* from now until none counts any more */
	int64_t retry_ms; /* until another one is free */
	bool    is_over;  /* one too many */
};

/* At most MAX requests (up to RATE_MAX) in WINDOW_MS (up to RATE_WINDOW_MS_MAX). */
void rate_init(struct rate *rate, int64_t max, int64_t window_ms);

/* Count a request of TOKEN at NOW_MS, on a clock that does not jump. */
struct rate_state rate_count(struct rate *rate, struct slice token, int64_t now_ms);

#endif
