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
};

/* Watch what the handle wants watched now. */
static inline void
customerd_ev_update(void *user)
{
	struct customerd_ev *ev = (struct customerd_ev *)user;
	int                  fd = customerd_async_fd(ev->async);
	short                wanted = customerd_async_events(ev->async);
	int                  timeout_ms = customerd_async_timeout_ms(ev->async);
	int                  events = 0;

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
	ev->io.data = ev->timer.data = ev;
	customerd_async_on_change(async, customerd_ev_update, ev);
	customerd_ev_update(ev);
}

static inline void
customerd_ev_stop(struct customerd_ev *ev)
{
	customerd_async_on_change(ev->async, NULL, NULL);
	ev_io_stop(ev->loop, &ev->io);
	ev_timer_stop(ev->loop, &ev->timer);
}

#endif
