/*
 * trusted_time -- the wall clock, for what cannot be taken back.
 *
 * A wall clock jumps: somebody sets it, or a machine wakes up without one and
 * learns the time later.  What goes by it and can be undone, like refusing a token
 * that has expired, may jump along.  What destroys something, like erasing what is
 * due or dropping what is old, goes by the time here: that is the wall clock,
 * except that a jump forward is believed only when it has lasted for an hour.
 * Until then time passes as the monotonic clock says.  A jump back is followed at
 * once: it makes things late, which does no harm.
 *
 * The clock is believed as it is found at the start.
 *
 * Threads.  An object belongs to one.
 */

#ifndef BASE_TRUSTED_TIME_H
#define BASE_TRUSTED_TIME_H

#include <stdbool.h>
#include <stdint.h>

#define TRUSTED_STEP_MS_MAX (60 * INT64_C(1000)) /* beyond, it is a jump */
#define TRUSTED_AFTER_MS (3600 * INT64_C(1000))

struct trusted_time {
	int64_t wall_ms, mono_ms; /* what the clocks showed when they began */
	int64_t lead_ms;    /* of the wall clock since, as far as it is believed */
	int64_t doubted_ms; /* the lead that it shows instead, … */
	int64_t since_ms;   /* … since when, by the monotonic clock */
	bool    is_doubted;
};

/* Begin with what the clocks show, which is believed. */
void trusted_time_init(struct trusted_time *time, int64_t wall_ms, int64_t mono_ms);

/*
 * The time, when the clocks show WALL_MS and MONO_MS.  *JUMP_MS is by how much the
 * wall clock has jumped since the last call, mostly 0.  To be called often: between
 * two calls the clock may lead or lag by TRUSTED_STEP_MS_MAX without being doubted.
 */
int64_t trusted_time_ms(
    struct trusted_time *time, int64_t wall_ms, int64_t mono_ms, int64_t *jump_ms);

#endif
