/*
 * Hand-over between the threads of a server, with as little under way as possible: a
 * wake-up that is lost is followed by no other that would hide it, and all stand still.
 *
 * WAKEUPS in the environment says how many operations each loop has (a server does some
 * thousand a second; tools/test --long wakeups does as many as it takes).
 */

#include <ev.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/kv/writer.h"
#include "tests/support/kv_fixture.h"

#define LOOPS 2
#define UNDER_WAY 2   /* operations of one loop */
#define HANG_MS 60000 /* nothing for so long: a wake-up was lost */
#define LOOK_MS 20
#define WAKEUPS_USUAL "20000"

/* As in net/loop: a mailbox that wakes an event loop, and one more way to wake it. */
struct station {
	struct ev_loop *ev;
	struct ev_async woken, committed;
	struct mailbox  mailbox;
	pthread_t       thread;
	uint64_t        left; /* operations that are still to be pushed */
	unsigned        under_way;
	uint64_t        seen; /* of published, when last woken for that */
	struct parcel {
		struct write_op op;
		struct mail     mail;
		struct station *home;
	} parcels[UNDER_WAY];
};

static struct station   stations[LOOPS], subscriber;
static struct writer   *writer;
static _Atomic uint64_t published, progress;
static _Atomic uint64_t last = UINT64_MAX; /* of published */
static _Atomic bool     is_over;

/* ---- a loop ---- */

static void
wake(void *receiver)
{
	struct station *station = receiver;

	ev_async_send(station->ev, &station->woken);
}

static void
push_next(struct parcel *parcel)
{
	struct station *home = parcel->home;

	if (home->left > 0) {
		home->left--;
		assert_true(writer_push(writer, &parcel->op));
	} else if (--home->under_way == 0) {
		ev_break(home->ev, EVBREAK_ALL);
	}
}

static void
on_woken(struct ev_loop *ev, struct ev_async *watcher, int events)
{
	struct station *station = watcher->data;
	struct mail    *mail, *next;

	(void)ev;
	(void)events;
	for (mail = mailbox_take_all(&station->mailbox); mail; mail = next) {
		next = mail->next;
		push_next(MAIL_OBJECT(mail, struct parcel, mail));
	}
}

static void
on_committed(struct ev_loop *ev, struct ev_async *watcher, int events)
{
	struct station *station = watcher->data;

	(void)events;
	station->seen = atomic_load(&published);
	if (station->seen == atomic_load(&last))
		ev_break(ev, EVBREAK_ALL);
}

static void *
run(void *context)
{
	struct station *station = context;

	for (unsigned i = 0; i < station->under_way; i++)
		assert_true(writer_push(writer, &station->parcels[i].op));
	ev_run(station->ev, 0);
	return NULL;
}

/* ---- on the writer ---- */

static enum status
apply(struct write_op *op, struct kv_txn *txn)
{
	struct slice value;

	(void)op;
	kv_get(txn, KV_CUSTOMER, SLICE("key"), &value);
	atomic_fetch_add(&progress, 1);
	return STATUS_OK;
}

static void
done(struct write_op *op)
{
	struct parcel *parcel = (struct parcel *)op;

	mailbox_push(&parcel->home->mailbox, &parcel->mail);
}

static void
committed(void *context)
{
	(void)context;
	atomic_fetch_add(&published, 1);
	ev_async_send(subscriber.ev, &subscriber.committed);
}

/* ---- a job that wants the writer to rest, again and again ---- */

static void *
hold(void *context)
{
	(void)context;
	while (!atomic_load(&is_over)) {
		writer_hold(writer);
		writer_release(writer);
	}
	return NULL;
}

/* ---- the test ---- */

static void *
watch(void *context)
{
	uint64_t before = 0, idle = 0, now;

	(void)context;
	for (; !atomic_load(&is_over); usleep(LOOK_MS * 1000)) {
		now = atomic_load(&progress);
		idle = now == before ? idle + 1 : 0;
		before = now;
		if (idle * LOOK_MS < HANG_MS)
			continue;
		fprintf(stderr, "a wake-up was lost after %llu operations\n",
		    (unsigned long long)now);
		abort();
	}
	return NULL;
}

static void
station_start(struct station *station, uint64_t count)
{
	*station = (struct station){ .ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV),
		.left = count };
	station->under_way = count > 0 ? UNDER_WAY : 0;
	for (unsigned i = 0; i < UNDER_WAY; i++)
		station->parcels[i] =
		    (struct parcel){ .op = { .apply = apply, .done = done },
			    .home = station };
	mailbox_init(&station->mailbox, wake, station);
	ev_async_init(&station->woken, on_woken);
	ev_async_init(&station->committed, on_committed);
	station->woken.data = station->committed.data = station;
	ev_async_start(station->ev, &station->woken);
	ev_async_start(station->ev, &station->committed);
	assert_int_equal(pthread_create(&station->thread, NULL, run, station), 0);
}

static void
station_end(struct station *station)
{
	pthread_join(station->thread, NULL);
	mailbox_fini(&station->mailbox);
	ev_async_stop(station->ev, &station->woken);
	ev_async_stop(station->ev, &station->committed);
	ev_loop_destroy(station->ev);
}

static void
every_operation_comes_back_and_every_commit_is_told(void **state)
{
	struct kv_fixture *fixture = *state;
	const char        *said = getenv("WAKEUPS");
	uint64_t           count = strtoull(said ? said : WAKEUPS_USUAL, NULL, 10);
	pthread_t          holder, watcher;

	station_start(&subscriber, 0);
	assert_int_equal(writer_start(&writer, fixture->kv,
			     &(struct writer_events){ .committed = committed }),
	    STATUS_OK);
	assert_int_equal(pthread_create(&watcher, NULL, watch, NULL), 0);
	assert_int_equal(pthread_create(&holder, NULL, hold, NULL), 0);
	for (unsigned i = 0; i < LOOPS; i++)
		station_start(&stations[i], count);
	for (unsigned i = 0; i < LOOPS; i++)
		station_end(&stations[i]);
	atomic_store(&last, atomic_load(&published) + 1);
	committed(NULL);
	station_end(&subscriber); /* when it has heard of that, too */
	assert_int_equal(atomic_load(&progress), LOOPS * (count + UNDER_WAY));
	atomic_store(&is_over, true);
	pthread_join(holder, NULL);
	pthread_join(watcher, NULL);
	writer_stop(writer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    every_operation_comes_back_and_every_commit_is_told,
		    kv_fixture_setup, kv_fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
