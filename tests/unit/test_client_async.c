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
		TEST(a_callback_may_free_the_handle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
