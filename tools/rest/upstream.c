#include "tools/rest/upstream.h"

#include <stdio.h>

static void send_ping(struct upstream *upstream);

static void
set_ready(struct upstream *upstream, bool is_ready, const char *code, const char *why)
{
	if (upstream->has_been_asked && upstream->is_ready == is_ready)
		return;
	upstream->has_been_asked = true;
	upstream->is_ready = is_ready;
	if (is_ready)
		log_info(upstream->log, "upstream_ready");
	else
		log_warning(upstream->log, "upstream_gone", LOG_TEXT("code", code),
		    LOG_TEXT("why", why));
}

static void
on_pong(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct upstream *upstream = user;

	(void)result;
	if (upstream->is_closing)
		return;
	if (status == CUSTOMERD_OK)
		set_ready(upstream, true, NULL, NULL);
	else
		set_ready(upstream, false, error->code, error->message);
	ev_timer_set(&upstream->pause, UPSTREAM_PING_MS / 1e3, 0.);
	ev_timer_start(upstream->ev, &upstream->pause);
}

/*
 * The handle has been at work.  A connection that is lost is known at once; a new one
 * has to answer first.
 */
static void
on_change(void *user)
{
	struct upstream *upstream = user;

	if (!upstream->is_calling)
		upstream->departures++;
	customerd_ev_update(&upstream->watcher);
	if (!upstream->is_ready || customerd_async_fd(upstream->async) >= 0)
		return;
	set_ready(upstream, false, "CONNECTION_LOST", "customerd has gone");
	if (!ev_is_active(&upstream->pause))
		return; /* a ping is under way */
	ev_timer_stop(upstream->ev, &upstream->pause);
	ev_timer_set(&upstream->pause, 0., 0.);
	ev_timer_start(upstream->ev, &upstream->pause);
}

enum customerd_status
upstream_call(struct upstream *upstream, const struct customerd_call *call,
    customerd_callback *callback, void *user, uint32_t *id,
    struct customerd_error *error)
{
	enum customerd_status status;

	upstream->is_calling = true;
	status = customerd_async_call(upstream->async, call, callback, user, id, error);
	upstream->is_calling = false;
	return status;
}

static void
on_pause_over(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	send_ping(timer->data);
}

static void
send_ping(struct upstream *upstream)
{
	struct customerd_call  ping = { .method = "ping",
		 .timeout_ms = UPSTREAM_PING_TIMEOUT_MS };
	struct customerd_slice nothing = { NULL, 0 };
	struct customerd_error error;
	enum customerd_status  status =
	    upstream_call(upstream, &ping, on_pong, upstream, NULL, &error);

	if (status != CUSTOMERD_OK)
		on_pong(upstream, status, nothing, &error);
}

bool
upstream_open(struct upstream *upstream, struct ev_loop *ev, const char *address,
    const struct customerd_tls *tls, struct log *log, char *why, size_t why_size)
{
	struct customerd_options options = { .address = address,
		.client_name = "customerd-rest",
		.tls = tls,
		.pause_ms_max = UPSTREAM_PING_MS };
	struct customerd_error   error;

	*upstream = (struct upstream){ .ev = ev, .log = log };
	if (customerd_async_new(&upstream->async, &options, &error) != CUSTOMERD_OK) {
		snprintf(why, why_size, "--server: %s", error.message);
		return false;
	}
	customerd_ev_start(&upstream->watcher, ev, upstream->async);
	customerd_async_on_change(upstream->async, on_change, upstream);
	ev_timer_init(&upstream->pause, on_pause_over, 0., 0.);
	upstream->pause.data = upstream;
	send_ping(upstream);
	return true;
}

void
upstream_close(struct upstream *upstream)
{
	upstream->is_closing = true;
	ev_timer_stop(upstream->ev, &upstream->pause);
	customerd_ev_stop(&upstream->watcher);
	customerd_async_free(upstream->async);
	upstream->async = NULL;
}
