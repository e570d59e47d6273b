#include "tools/rest/rate.h"

#include <assert.h>
#include <sys/random.h>
#include <xxhash.h>

_Static_assert(RATE_MAX <= INT64_MAX / RATE_WINDOW_MS_MAX / 2, "a full bucket fits");

/* The place of HASH in its set: its own, or that of whoever was quiet longest. */
static struct rate_token *
find(struct rate *rate, uint64_t hash)
{
	struct rate_token *set = rate->tokens[hash % RATE_SETS], *quiet = set;

	for (unsigned i = 0; i < RATE_WAYS; i++) {
		if (set[i].hash == hash)
			return &set[i];
		if (set[i].seen_ms < quiet->seen_ms)
			quiet = &set[i];
	}
	*quiet = (struct rate_token){ .hash = hash };
	return quiet;
}

/* Give TOKEN back what the time since it was seen is worth. */
static void
refill(const struct rate *rate, struct rate_token *token, int64_t now_ms)
{
	int64_t passed_ms = now_ms - token->seen_ms;

	token->seen_ms = now_ms;
	if (passed_ms >= rate->window_ms || token->used <= passed_ms * rate->max)
		token->used = 0;
	else
		token->used -= passed_ms * rate->max;
}

/* How long it takes until PARTS have come back, rounded up. */
static int64_t
wait_ms(const struct rate *rate, int64_t parts)
{
	return parts > 0 ? (parts + rate->max - 1) / rate->max : 0;
}

struct rate_state
rate_count(struct rate *rate, struct slice token, int64_t now_ms)
{
	uint64_t hash = XXH3_64bits_withSeed(token.data, token.len, rate->seed);
	struct rate_token *found = find(rate, hash | 1); /* never nobody */
	int64_t            one = rate->window_ms, all = rate->max * one;
	struct rate_state  state = { .limit = rate->max, .window_ms = rate->window_ms };

	assert(rate->max > 0 && now_ms >= found->seen_ms);
	refill(rate, found, now_ms);
	state.is_over = found->used + one > all;
	if (!state.is_over)
		found->used += one;
	state.left = (all - found->used) / one;
	state.reset_ms = wait_ms(rate, found->used);
	state.retry_ms = wait_ms(rate, found->used + one - all);
	return state;
}

void
rate_init(struct rate *rate, int64_t max, int64_t window_ms)
{
	assert(max <= RATE_MAX && window_ms <= RATE_WINDOW_MS_MAX);
	*rate = (struct rate){ .max = max, .window_ms = window_ms };
	if (getrandom(&rate->seed, sizeof(rate->seed), 0) !=
	    (ssize_t)sizeof(rate->seed))
		rate->seed = (uint64_t)(uintptr_t)rate; /* as good as it gets */
}
