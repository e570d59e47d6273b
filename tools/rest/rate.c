#include "tools/rest/rate.h"

#include <assert.h>
#include <sys/random.h>
#include <xxhash.h>

/* The place of HASH in its set: its own, or the one that was idle or began first. */
static struct rate_token *
find(struct rate *rate, uint64_t hash)
{
	struct rate_token *set = rate->tokens[hash % RATE_SETS], *oldest = set;

	for (unsigned i = 0; i < RATE_WAYS; i++) {
		if (set[i].hash == hash)
			return &set[i];
		if (set[i].began_ms < oldest->began_ms)
			oldest = &set[i];
	}
	*oldest = (struct rate_token){ .hash = hash, .began_ms = INT64_MIN };
	return oldest;
}

struct rate_state
rate_count(struct rate *rate, struct slice token, int64_t now_ms)
{
	uint64_t hash = XXH3_64bits_withSeed(token.data, token.len, rate->seed);
	struct rate_token *found = find(rate, hash | 1); /* never nobody */
	struct rate_state  state = { .limit = rate->max, .window_ms = rate->window_ms };

	assert(rate->max > 0 && now_ms >= 0);
	if (found->began_ms <= now_ms - rate->window_ms) {
		found->began_ms = now_ms;
		found->count = 0;
	}
	state.is_over = found->count >= rate->max;
	found->count += !state.is_over;
	state.left = rate->max - found->count;
	state.reset_ms = found->began_ms + rate->window_ms - now_ms;
	return state;
}

void
rate_init(struct rate *rate, unsigned max, int64_t window_ms)
{
	*rate = (struct rate){ .max = max, .window_ms = window_ms };
	for (unsigned set = 0; set < RATE_SETS; set++)
		for (unsigned way = 0; way < RATE_WAYS; way++)
			rate->tokens[set][way].began_ms = INT64_MIN;
	if (getrandom(&rate->seed, sizeof(rate->seed), 0) !=
	    (ssize_t)sizeof(rate->seed))
		rate->seed = (uint64_t)(uintptr_t)rate; /* as good as it gets */
}
