/*
 * deadline -- what must have happened by some time, with one timer for all that
 * wait equally long.
 *
 * Everything in one list has the same timeout, so the list is in order by itself
 * and starting or stopping a deadline is a few pointers.  The timer runs for the
 * first of the list; when that one was stopped meanwhile, the timer fires in vain
 * and is set anew.  Time is monotonic; a loop that was stopped gives everybody another
 * second (base/late.h).
 *
 * Threads.  A list belongs to its loop's.
 */

#ifndef NET_DEADLINE_H
#define NET_DEADLINE_H

#include <ev.h>
#include <stdint.h>

#include "server/net/link.h"

struct deadline {
	struct link link; /* in one list at most */
	int64_t     at_ms;
};

struct deadlines {
	struct ev_loop *ev;
	struct ev_timer timer;
	struct link     list; /* by at_ms */
	int64_t         timeout_ms;
	/* The deadline has been taken off the list; it may be started again. */
	void (*expire)(struct deadline *deadline);
};

void deadlines_init(struct deadlines *deadlines, struct ev_loop *ev, int64_t timeout_ms,
    void (*expire)(struct deadline *deadline));

/* Stop the timer.  Deadlines that still run never expire. */
void deadlines_fini(struct deadlines *deadlines);

void deadline_init(struct deadline *deadline);

/* Let DEADLINE run, from now on and for the timeout; again, if it runs already. */
void deadline_start(struct deadlines *deadlines, struct deadline *deadline);

/* Stop DEADLINE, if it runs. */
void deadline_stop(struct deadline *deadline);

static inline bool
deadline_runs(const struct deadline *deadline)
{
	return !link_is_alone(&deadline->link);
}

#endif
