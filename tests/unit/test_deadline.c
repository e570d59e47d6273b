#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/base/clock.h"
#include "server/net/deadline.h"

#define TIMEOUT_MS 20
#define COUNT 3

struct item {
	struct deadline deadline;
	int64_t         expired_ms; /* 0: not yet */
	unsigned        order;
};

static struct {
	struct deadlines list;
	struct item      items[COUNT];
	unsigned         expired;
	bool             restarts; /* an item that expires runs again */
} fixture;

static void
on_expired(struct deadline *deadline)
{
	struct item *item = CONTAINER_OF(deadline, struct item, deadline);

	assert_false(deadline_runs(deadline));
	item->expired_ms = clock_mono_ms();
	item->order = ++fixture.expired;
	if (fixture.restarts)
		deadline_start(&fixture.list, deadline);
}

static int
setup(void **state)
{
	(void)state;
	deadlines_init(&fixture.list, ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV),
	    TIMEOUT_MS, on_expired);
	for (unsigned i = 0; i < COUNT; i++) {
		fixture.items[i] = (struct item){ 0 };
		deadline_init(&fixture.items[i].deadline);
	}
	fixture.expired = 0;
	fixture.restarts = false;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	deadlines_fini(&fixture.list);
	ev_loop_destroy(fixture.list.ev);
	return 0;
}

/* Run until the list has no timer any more. */
static void
run(void)
{
	ev_run(fixture.list.ev, 0);
}

static void
what_runs_expires_in_order_and_not_too_early(void **state)
{
	int64_t begun_ms = clock_mono_ms();

	(void)state;
	for (unsigned i = 0; i < COUNT; i++)
		deadline_start(&fixture.list, &fixture.items[i].deadline);
	run();
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(fixture.items[i].order, i + 1);
		assert_true(fixture.items[i].expired_ms >= begun_ms + TIMEOUT_MS);
	}
}

static void
what_was_started_later_expires_later(void **state)
{
	int64_t later_ms;

	(void)state;
	deadline_start(&fixture.list, &fixture.items[0].deadline);
	ev_sleep(TIMEOUT_MS / 2000.0);
	later_ms = clock_mono_ms();
	deadline_start(&fixture.list, &fixture.items[1].deadline);
	run();
	assert_int_equal(fixture.items[0].order, 1);
	assert_true(fixture.items[1].expired_ms >= later_ms + TIMEOUT_MS);
}

static void
what_is_stopped_does_not_expire(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT; i++)
		deadline_start(&fixture.list, &fixture.items[i].deadline);
	deadline_stop(&fixture.items[0].deadline);
	deadline_stop(&fixture.items[2].deadline);
	run();
	assert_int_equal(fixture.expired, 1);
	assert_int_equal(fixture.items[1].order, 1);
}

static void
started_again_it_runs_from_then_on(void **state)
{
	(void)state;
	deadline_start(&fixture.list, &fixture.items[0].deadline);
	deadline_start(&fixture.list, &fixture.items[1].deadline);
	deadline_start(&fixture.list, &fixture.items[0].deadline);
	run();
	assert_int_equal(fixture.items[1].order, 1);
	assert_int_equal(fixture.items[0].order, 2);
}

static void
it_may_be_started_again_when_it_expires(void **state)
{
	(void)state;
	fixture.restarts = true;
	deadline_start(&fixture.list, &fixture.items[0].deadline);
	while (fixture.expired < 3)
		ev_run(fixture.list.ev, EVRUN_ONCE);
	assert_true(deadline_runs(&fixture.items[0].deadline));
}

static void
stopping_twice_is_harmless(void **state)
{
	(void)state;
	deadline_start(&fixture.list, &fixture.items[0].deadline);
	deadline_stop(&fixture.items[0].deadline);
	deadline_stop(&fixture.items[0].deadline);
	run();
	assert_int_equal(fixture.expired, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_runs_expires_in_order_and_not_too_early, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_was_started_later_expires_later, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_is_stopped_does_not_expire, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    started_again_it_runs_from_then_on, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    it_may_be_started_again_when_it_expires, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    stopping_twice_is_harmless, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
