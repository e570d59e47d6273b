/*
 * late -- a timer that fires long after its time has been asleep with its loop.
 *
 * A process that was stopped (SIGSTOP, a frozen container, a machine that swaps)
 * finds its timers over and the answers to them still unread in its sockets, and
 * libev calls the timers first.  So what ends a peer that was slow asks here first,
 * and gives it another second, in which everything that had come is read.
 *
 * Threads.  The loop's.
 */

#ifndef BASE_LATE_H
#define BASE_LATE_H

#include <ev.h>
#include <stdbool.h>

#define LATE_S 1.0

/* In the callback of TIMER, which does not repeat: was it late?  Then it runs again. */
static inline bool
late_again(struct ev_loop *ev, struct ev_timer *timer)
{
	/* Of a timer that has fired, what remains is negative. */
	if (ev_timer_remaining(ev, timer) > -LATE_S)
		return false;
	ev_timer_set(timer, LATE_S, 0.);
	ev_timer_start(ev, timer);
	return true;
}

#endif
