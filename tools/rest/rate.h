/*
 * rate -- how many requests each token makes within a window of time.
 *
 * Tokens are known by a seeded hash.  When more of them are busy than there is room
 * for, the one that began longest ago is forgotten and may begin anew: a bound for
 * the well-meaning, that costs a fixed amount of memory whoever comes.
 *
 * Threads.  The loop's.
 */

#ifndef REST_RATE_H
#define REST_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/slice.h"

#define RATE_SETS 512u
#define RATE_WAYS 8u /* tokens in a set */

struct rate_token {
	uint64_t hash; /* 0: nobody */
	int64_t  began_ms;
	unsigned count;
};

struct rate {
	unsigned          max; /* requests; 0: none are counted */
	int64_t           window_ms;
	uint64_t          seed;
	struct rate_token tokens[RATE_SETS][RATE_WAYS];
};

/* What is to be told about a request. */
struct rate_state {
	unsigned limit, left;
	int64_t  window_ms, reset_ms; /* reset: from now to the end of the window */
	bool     is_over;             /* one too many */
};

void rate_init(struct rate *rate, unsigned max, int64_t window_ms);

/* Count a request of TOKEN at NOW_MS, on a clock that does not jump. */
struct rate_state rate_count(struct rate *rate, struct slice token, int64_t now_ms);

#endif
