#include "server/net/loop.h"

#include <sodium.h>
#include <stdlib.h>

#include "server/base/clock.h"
#include "server/base/thread.h"
#include "server/net/conn.h"
#include "server/net/dispatch.h"
#include "server/net/request.h"
#include "server/net/server.h"
#include "server/net/subscribe.h"

/* ---- a burst ---- */

void
loop_end_burst(struct loop *loop)
{
	dispatch_finish(loop);
	dispatch_settle(loop);
	sodium_memzero(loop->input, loop->input_len);
	loop->input_len = 0;
}

void
loop_begin_burst(struct loop *loop)
{
	loop_end_burst(loop);
	loop->now_us = clock_mono_us();
}

/* ---- the mailbox ---- */

static void
wake(void *receiver)
{
	struct loop *loop = receiver;

	ev_async_send(loop->ev, &loop->woken);
}

void
loop_send(struct loop *loop, struct loop_mail *mail)
{
	mailbox_push(&loop->mailbox, &mail->mail);
}

void
loop_gather(struct loop *loop, struct loop_mail *mail)
{
	mail_list_append(&loop->written, &mail->mail);
}

void
loop_send_gathered(struct loop *loop)
{
	mailbox_push_all(&loop->mailbox, &loop->written);
}

static void
on_woken(struct ev_loop *ev, struct ev_async *watcher, int events)
{
	struct loop *loop = watcher->data;
	struct mail *mail, *next;

	(void)ev;
	(void)events;
	loop_begin_burst(loop); /* when all that has come is answered */
	for (mail = mailbox_take_all(&loop->mailbox); mail; mail = next) {
		struct loop_mail *message = CONTAINER_OF(mail, struct loop_mail, mail);

		next = mail->next;
		message->deliver(message);
	}
}

/* ---- the feed ---- */

void
loop_committed(struct loop *loop)
{
	if (atomic_load(&loop->feed_count) > 0)
		ev_async_send(loop->ev, &loop->committed);
}

static void
on_committed(struct ev_loop *ev, struct ev_async *watcher, int events)
{
	(void)ev;
	(void)events;
	subscribe_wake(watcher->data);
}

/* ---- a turn ---- */

/* Give each connection that waited for this turn its share of it. */
static void
run_waiting(struct loop *loop)
{
	struct link  turn;
	struct link *link;

	/* Those that are queued again meanwhile wait for the next turn. */
	link_init(&turn);
	link_append(&loop->runnable, &turn);
	while ((link = link_first(&loop->runnable)) != &turn) {
		link_remove(link);
		conn_run(CONTAINER_OF(link, struct conn, runnable));
	}
	link_remove(&turn);
}

/* Add to the metrics what the snapshot's cache has done since. */
static void
count_cached(struct loop *loop)
{
	struct kv_cached now = kv_snapshot_cached(loop->snapshot);

	metric_add(loop->metrics, METRIC_CACHE_HITS, now.hits - loop->cached.hits);
	metric_add(
	    loop->metrics, METRIC_CACHE_MISSES, now.misses - loop->cached.misses);
	metric_add(loop->metrics, METRIC_CACHE_BYTES, now.bytes - loop->cached.bytes);
	loop->cached = now;
}

/*
 * Were each write handed over by itself, the first would make a commit of its own,
 * which all others wait for.
 */
static void
hand_over_writes(struct loop *loop)
{
	if (loop->writes.first != NULL) /* else there may be no writer any more */
		writer_push_all(loop->server->writer, &loop->writes);
}

static void
end_turn(struct loop *loop)
{
	struct link *link;

	loop_end_burst(loop);
	hand_over_writes(loop);
	while ((link = link_first(&loop->touched))) {
		link_remove(link);
		conn_end_turn(CONTAINER_OF(link, struct conn, touched));
	}
	loop->handshakes = 0;
	kv_snapshot_release(loop->snapshot);
	count_cached(loop);
}

/* Whether something came so recently that it is not worth while to sleep. */
static bool
is_lively(const struct loop *loop)
{
	unsigned poll_us = loop->server->options->poll_us;

	return poll_us > 0 && clock_mono_us() - loop->now_us < poll_us;
}

void
loop_run(struct loop *loop)
{
	while (!loop->is_draining || !link_is_alone(&loop->conns)) {
		bool waits = link_is_alone(&loop->runnable) &&
			     link_is_alone(&loop->feed_due) && !is_lively(loop);

		ev_run(loop->ev, waits ? EVRUN_ONCE : EVRUN_NOWAIT);
		run_waiting(loop);
		subscribe_run(loop);
		end_turn(loop);
	}
}

static void *
run_thread(void *context)
{
	loop_run(context);
	return NULL;
}

bool
loop_start(struct loop *loop)
{
	return thread_start(&loop->thread, run_thread, loop) == 0;
}

void
loop_join(struct loop *loop)
{
	pthread_join(loop->thread, NULL);
}

/* ---- stopping ---- */

static void
touch_all(struct loop *loop)
{
	struct link *ring = &loop->conns;

	for (struct link *at = ring->next; at != ring; at = at->next)
		conn_touch(CONTAINER_OF(at, struct conn, link));
}

static void
on_stop(struct loop_mail *mail)
{
	struct loop *loop = CONTAINER_OF(mail, struct loop, stop_mail);

	loop->is_stopping = true;
	hand_over_writes(loop); /* the last ones: now the writer may stop */
	touch_all(loop);
	server_loop_stopped(loop->server);
}

void
loop_stop(struct loop *loop)
{
	loop_send(loop, &loop->stop_mail);
}

static void
on_drain_timer(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct loop *loop = timer->data;
	struct link *link;

	(void)ev;
	(void)events;
	while ((link = link_first(&loop->conns)))
		conn_close(CONTAINER_OF(link, struct conn, link));
}

static void
on_drain(struct loop_mail *mail)
{
	struct loop *loop = CONTAINER_OF(mail, struct loop, drain_mail);

	loop->is_draining = true;
	ev_timer_start(loop->ev, &loop->drain_timer);
}

void
loop_drain(struct loop *loop)
{
	loop_send(loop, &loop->drain_mail);
}

/* ---- beginning and end ---- */

static void
init_watchers(struct loop *loop, const struct options *options)
{
	ev_async_init(&loop->woken, on_woken);
	loop->woken.data = loop;
	ev_async_start(loop->ev, &loop->woken);
	ev_async_init(&loop->committed, on_committed);
	loop->committed.data = loop;
	ev_async_start(loop->ev, &loop->committed);
	ev_timer_init(&loop->drain_timer, on_drain_timer, LOOP_DRAIN_MS / 1000.0, 0.0);
	loop->drain_timer.data = loop;
	deadlines_init(&loop->first_frame, loop->ev, options->first_frame_timeout_ms,
	    conn_expire_input);
	deadlines_init(
	    &loop->frame, loop->ev, options->frame_timeout_ms, conn_expire_input);
	deadlines_init(
	    &loop->output, loop->ev, options->frame_timeout_ms, conn_expire_output);
	deadlines_init(&loop->linger, loop->ev, LOOP_LINGER_MS, conn_expire_input);
}

/* A snapshot with this loop's share of the memory that OPTIONS have for them. */
static bool
open_snapshot(struct loop *loop, const struct options *options)
{
	size_t share = options->cache_bytes_max / options->loops;

	loop->snapshot = kv_snapshot_new(loop->server->kv);
	if (loop->snapshot == NULL)
		return false;
	return share < KV_CACHE_BYTES_MIN || kv_snapshot_cache(loop->snapshot, share);
}

bool
loop_init(struct loop *loop, struct server *server, unsigned number)
{
	bool has_snapshot;

	*loop = (struct loop){ .server = server };
	loop->protocol_gate.per_second_max = LOOP_LOG_PER_SECOND_MAX;
	loop->storage_gate.per_second_max = LOOP_LOG_PER_SECOND_MAX;
	loop->metrics = &server->metrics.sets[number];
	loop->stop_mail.deliver = on_stop;
	loop->drain_mail.deliver = on_drain;
	link_init(&loop->conns);
	link_init(&loop->touched);
	link_init(&loop->runnable);
	link_init(&loop->feed_due);
	link_init(&loop->feed_mark);
	link_init(&loop->feed_idle);
	atomic_init(&loop->feed_count, 0);
	link_init(&loop->requests);
	loop->ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV | EVFLAG_NOSIGMASK);
	has_snapshot = open_snapshot(loop, server->options);
	loop->input = malloc(LOOP_INPUT_BYTES);
	mailbox_init(&loop->mailbox, wake, loop);
	mail_list_init(&loop->written);
	mail_list_init(&loop->writes);
	if (loop->ev)
		init_watchers(loop, server->options);
	if (loop->ev == NULL || !has_snapshot || loop->input == NULL) {
		loop_fini(loop);
		return false;
	}
	loop->auth_source =
	    (struct auth_source){ server->domain, loop->snapshot, server->auth_key };
	return true;
}

void
loop_fini(struct loop *loop)
{
	request_free_all(loop);
	mailbox_fini(&loop->mailbox);
	kv_snapshot_free(loop->snapshot);
	free(loop->input);
	if (loop->ev)
		ev_loop_destroy(loop->ev);
}
