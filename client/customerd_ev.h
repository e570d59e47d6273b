/*
 * customerd_ev.h -- an asynchronous handle on a libev loop.
 *
 *	struct customerd_ev ev;
 *
 *	customerd_async_new(&async, &options, &error);
 *	customerd_ev_start(&ev, EV_DEFAULT_ async);
 *	…
 *	customerd_ev_stop(&ev);
 *	customerd_async_free(async);
 *
 * Calls are sent before the loop sleeps: those of one turn in one write.
 *
 * Header only, so that the library itself does not need libev.  The struct is the
 * caller's and must stay where it is in between.  To free the handle in one of its
 * callbacks, stop first.
 */

#ifndef CUSTOMERD_EV_H
#define CUSTOMERD_EV_H

#include "customerd.h"
#include <ev.h>
#include <poll.h>

struct customerd_ev {
	struct ev_loop         *loop;
	struct customerd_async *async;
	ev_io                   io;
	ev_timer                timer;
	ev_prepare              before_sleep;
	int                     sends; /* in BEFORE_SLEEP */
};

/* Watch what the handle wants watched now. */
static inline void
customerd_ev_watch(struct customerd_ev *ev)
{
	int   fd = customerd_async_fd(ev->async);
	short wanted = customerd_async_events(ev->async);
	int   timeout_ms = customerd_async_timeout_ms(ev->async);
	int   events = 0;

	if (wanted & POLLIN)
		events |= EV_READ;
	if (wanted & POLLOUT)
		events |= EV_WRITE;
	if (fd != ev->io.fd || events != (ev->io.events & (EV_READ | EV_WRITE))) {
		ev_io_stop(ev->loop, &ev->io);
		ev_io_set(&ev->io, fd, events);
	}
	if (fd >= 0)
		ev_io_start(ev->loop, &ev->io);
	ev_timer_stop(ev->loop, &ev->timer);
	if (timeout_ms < 0)
		return;
	ev_now_update(ev->loop);
	ev_timer_set(&ev->timer, timeout_ms / 1e3, 0.);
	ev_timer_start(ev->loop, &ev->timer);
}

/* The handle may want something else: that is seen to before the loop sleeps. */
static inline void
customerd_ev_update(void *user)
{
	struct customerd_ev *ev = (struct customerd_ev *)user;

	if (!ev->sends) {
		ev_prepare_start(ev->loop, &ev->before_sleep);
	} else {
		ev->sends = 0;
		customerd_ev_watch(ev);
	}
}

static inline void
customerd_ev_before_sleep(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	struct customerd_ev *ev = (struct customerd_ev *)prepare->data;

	(void)events;
	ev_prepare_stop(loop, prepare);
	/* It tells at its end that it may want something else, unless it has gone. */
	ev->sends = customerd_async_events(ev->async) == (POLLIN | POLLOUT);
	if (ev->sends)
		customerd_async_process(ev->async, POLLIN);
	else
		customerd_ev_watch(ev);
}

static inline void
customerd_ev_on_io(struct ev_loop *loop, ev_io *io, int events)
{
	struct customerd_ev *ev = (struct customerd_ev *)io->data;
	int                  revents =
	    (events & EV_READ ? POLLIN : 0) | (events & EV_WRITE ? POLLOUT : 0);

	/* The kernel had no room to watch it, and libev has given it up. */
	if (events & EV_ERROR)
		ev_io_start(loop, io);
	customerd_async_process(ev->async, (short)revents);
}

static inline void
customerd_ev_on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct customerd_ev *ev = (struct customerd_ev *)timer->data;

	(void)loop;
	(void)events;
	customerd_async_process(ev->async, 0);
}

static inline void
customerd_ev_start(
    struct customerd_ev *ev, struct ev_loop *loop, struct customerd_async *async)
{
	ev->loop = loop;
	ev->async = async;
	ev_io_init(&ev->io, customerd_ev_on_io, -1, 0);
	ev_timer_init(&ev->timer, customerd_ev_on_timer, 0., 0.);
	ev_prepare_init(&ev->before_sleep, customerd_ev_before_sleep);
	ev->io.data = ev->timer.data = ev->before_sleep.data = ev;
	ev->sends = 0;
	customerd_async_on_change(async, customerd_ev_update, ev);
	customerd_ev_update(ev);
}

static inline void
customerd_ev_stop(struct customerd_ev *ev)
{
	customerd_async_on_change(ev->async, NULL, NULL);
	ev_io_stop(ev->loop, &ev->io);
	ev_timer_stop(ev->loop, &ev->timer);
	ev_prepare_stop(ev->loop, &ev->before_sleep);
}

#endif
