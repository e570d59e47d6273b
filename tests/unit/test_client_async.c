/* client: calls with callbacks, in an event loop and over real sockets. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "client/customerd_ev.h"
#include "tests/support/client_script.h"

#define CALLS 300u

static void
script_many(void)
{
	struct peer peer = must_greet();
	uint32_t    ids[CALLS];

	for (unsigned from = 0; from < CALLS; from += 100) {
		for (unsigned i = 0; i < 100; i++)
			ids[i] = must_get(&peer, "ping");
		for (unsigned i = 100; i-- > 0;)
			reply(&peer, ids[i], from + i);
	}
}

struct many {
	struct customerd_ev ev;
	unsigned            answers;
	uint64_t            sum;
};

static void
on_one_of_many(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct many *many = user;
	int64_t      value;

	assert_int_equal(status, CUSTOMERD_OK);
	assert_null(error);
	assert_true(customerd_get_integer(result, "time", &value));
	many->sum += (uint64_t)value;
	if (++many->answers == CALLS && many->ev.loop != NULL)
		ev_break(many->ev.loop, EVBREAK_ALL);
}

static struct customerd_async *
must_begin_many(struct many *many)
{
	const struct customerd_options options = { .address = address };
	const struct customerd_call    ping = { .method = "ping" };
	struct customerd_async        *async;

	assert_int_equal(customerd_async_new(&async, &options, NULL), CUSTOMERD_OK);
	for (unsigned i = 0; i < CALLS; i++)
		assert_int_equal(customerd_async_call(
				     async, &ping, on_one_of_many, many, NULL, NULL),
		    CUSTOMERD_OK);
	return async;
}

static void
many_calls_share_a_connection(void **state)
{
	struct many             many = { .answers = 0 };
	struct customerd_async *async;

	(void)state;
	serve(script_many);
	async = must_begin_many(&many);
	while (customerd_async_pending(async) > 0)
		customerd_async_wait(async, -1);
	assert_int_equal(many.answers, CALLS);
	assert_int_equal(many.sum, CALLS * (CALLS - 1) / 2);
	customerd_async_free(async);
}

static void
a_libev_loop_drives_a_handle(void **state)
{
	struct many             many = { .answers = 0 };
	struct customerd_async *async;
	struct ev_loop         *loop = ev_loop_new(0);

	(void)state;
	serve(script_many);
	async = must_begin_many(&many);
	customerd_ev_start(&many.ev, loop, async);
	ev_run(loop, 0);
	assert_int_equal(many.answers, CALLS);
	customerd_ev_stop(&many.ev);
	customerd_async_free(async);
	ev_loop_destroy(loop);
}

/* A call that is begun while the loop sleeps wakes the handle. */
static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	const struct customerd_call ping = { .method = "ping" };
	struct many                *many = timer->data;

	(void)loop;
	(void)events;
	many->answers = CALLS - 1;
	customerd_async_call(many->ev.async, &ping, on_one_of_many, many, NULL, NULL);
}

static void
a_call_begun_later_wakes_the_handle(void **state)
{
	const struct customerd_options options = { .address = address };
	struct many                    many = { .answers = 0 };
	struct customerd_async        *async;
	struct ev_loop                *loop = ev_loop_new(0);
	ev_timer                       timer;

	(void)state;
	serve(script_ping);
	assert_int_equal(customerd_async_new(&async, &options, NULL), CUSTOMERD_OK);
	customerd_ev_start(&many.ev, loop, async);
	ev_timer_init(&timer, on_timer, 0.05, 0.);
	timer.data = &many;
	ev_timer_start(loop, &timer);
	ev_run(loop, 0);
	assert_int_equal(many.answers, CALLS);
	assert_int_equal(many.sum, 42);
	customerd_ev_stop(&many.ev);
	customerd_async_free(async);
	ev_loop_destroy(loop);
}

#define TOGETHER 3u

/* Takes calls that came at once: no more is read for them. */
static void
script_together(void)
{
	struct peer peer = must_greet();
	uint32_t    ids[TOGETHER];

	reply(&peer, must_get(&peer, "ping"), 0);
	ids[0] = must_get(&peer, "ping");
	if (peer.in.len != TOGETHER * peer.len)
		depart("it sends them one by one");
	tell();
	for (unsigned i = 1; i < TOGETHER; i++)
		ids[i] = must_get(&peer, "ping");
	for (unsigned i = 0; i < TOGETHER; i++)
		reply(&peer, ids[i], i);
}

struct turn {
	struct many many;
	ev_timer    timer;
	ev_prepare  last; /* what happens before the loop sleeps */
};

static void
on_last(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	(void)events;
	ev_prepare_stop(loop, prepare);
	ev_break(loop, EVBREAK_ALL);
}

static void
on_turn(struct ev_loop *loop, ev_timer *timer, int events)
{
	const struct customerd_call ping = { .method = "ping" };
	struct turn                *turn = timer->data;

	(void)events;
	turn->many.answers = CALLS - TOGETHER;
	for (unsigned i = 0; i < TOGETHER; i++)
		customerd_async_call(turn->many.ev.async, &ping, on_one_of_many,
		    &turn->many, NULL, NULL);
	ev_prepare_start(loop, &turn->last);
}

/* It is greeted: now a turn may begin. */
static void
on_ready(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct turn *turn = user;

	(void)result;
	(void)error;
	assert_int_equal(status, CUSTOMERD_OK);
	ev_timer_start(turn->many.ev.loop, &turn->timer);
}

static void
calls_of_a_turn_leave_together_before_the_loop_sleeps(void **state)
{
	const struct customerd_options options = { .address = address };
	const struct customerd_call    ping = { .method = "ping" };
	struct turn                    turn = { .many = { .answers = 0 } };
	struct customerd_async        *async;
	struct ev_loop                *loop = ev_loop_new(0);

	(void)state;
	serve(script_together);
	ev_timer_init(&turn.timer, on_turn, 0., 0.);
	ev_prepare_init(&turn.last, on_last);
	ev_set_priority(&turn.last, EV_MINPRI);
	turn.timer.data = &turn;
	assert_int_equal(customerd_async_new(&async, &options, NULL), CUSTOMERD_OK);
	customerd_ev_start(&turn.many.ev, loop, async);
	customerd_async_call(async, &ping, on_ready, &turn, NULL, NULL);
	ev_run(loop, 0);
	wait_until_told();
	assert_int_equal(turn.many.answers, CALLS - TOGETHER);
	ev_run(loop, 0);
	assert_int_equal(turn.many.answers, CALLS);
	customerd_ev_stop(&turn.many.ev);
	customerd_async_free(async);
	ev_loop_destroy(loop);
}

static void
free_handle(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct customerd_async **async = user;

	(void)status;
	(void)result;
	(void)error;
	customerd_async_free(*async);
	*async = NULL;
}

static void
a_callback_may_free_the_handle(void **state)
{
	const struct customerd_options options = { .address = address };
	const struct customerd_call    ping = { .method = "ping" };
	struct customerd_async        *async;

	(void)state;
	serve(script_ping);
	assert_int_equal(customerd_async_new(&async, &options, NULL), CUSTOMERD_OK);
	customerd_async_call(async, &ping, free_handle, &async, NULL, NULL);
	while (async != NULL)
		customerd_async_wait(async, -1);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, script_set_up, script_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many_calls_share_a_connection),
		TEST(a_libev_loop_drives_a_handle),
		TEST(a_call_begun_later_wakes_the_handle),
		TEST(calls_of_a_turn_leave_together_before_the_loop_sleeps),
		TEST(a_callback_may_free_the_handle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
