/*
 * How often a token may ask.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tools/rest/rate.h"

#define MAX 3u
#define WINDOW_MS 1000

static struct rate rate;

static int
setup(void **state)
{
	(void)state;
	rate_init(&rate, MAX, WINDOW_MS);
	return 0;
}

static void
so_many_requests_are_free_and_one_more_is_over(void **state)
{
	struct rate_state told;

	(void)state;
	for (unsigned i = 1; i <= MAX; i++) {
		told = rate_count(&rate, SLICE("ada"), 10 * i);
		assert_false(told.is_over);
		assert_int_equal(told.limit, MAX);
		assert_int_equal(told.left, MAX - i);
	}
	told = rate_count(&rate, SLICE("ada"), 100);
	assert_true(told.is_over);
	assert_int_equal(told.left, 0);
}

static void
tokens_are_counted_apart(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= MAX; i++)
		rate_count(&rate, SLICE("ada"), 0);
	assert_true(rate_count(&rate, SLICE("ada"), 0).is_over);
	assert_false(rate_count(&rate, SLICE("ben"), 0).is_over);
}

static void
an_empty_bucket_is_full_after_a_window(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MAX; i++)
		rate_count(&rate, SLICE("ada"), 0);
	assert_true(rate_count(&rate, SLICE("ada"), 0).is_over);
	assert_int_equal(rate_count(&rate, SLICE("ada"), WINDOW_MS).left, MAX - 1);
}

static void
requests_come_back_one_by_one(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MAX; i++)
		rate_count(&rate, SLICE("ada"), 0);
	assert_true(rate_count(&rate, SLICE("ada"), WINDOW_MS / MAX).is_over);
	assert_false(rate_count(&rate, SLICE("ada"), WINDOW_MS / MAX + 1).is_over);
	assert_true(rate_count(&rate, SLICE("ada"), WINDOW_MS / MAX + 2).is_over);
}

/* Both waits that are told are enough, and a millisecond less is not. */
static void
what_a_client_is_told_holds(void **state)
{
	struct rate_state told = { .retry_ms = 0 };

	(void)state;
	for (unsigned i = 0; i < MAX; i++)
		told = rate_count(&rate, SLICE("ada"), 7 * i);
	assert_false(told.is_over);
	assert_true(rate_count(&rate, SLICE("ada"), 14 + told.retry_ms - 1).is_over);
	told = rate_count(&rate, SLICE("ada"), 14 + told.retry_ms);
	assert_false(told.is_over);
	rate_init(&rate, MAX, WINDOW_MS);
	told = rate_count(&rate, SLICE("ben"), 5);
	assert_int_equal(told.retry_ms, 0);
	assert_int_equal(
	    rate_count(&rate, SLICE("ben"), 5 + told.reset_ms).left, MAX - 1);
}

static void
the_largest_bounds_are_counted_exactly(void **state)
{
	struct rate_state told;

	(void)state;
	rate_init(&rate, RATE_MAX, RATE_WINDOW_MS_MAX);
	told = rate_count(&rate, SLICE("ada"), INT64_C(1) << 50);
	assert_int_equal(told.left, RATE_MAX - 1);
	assert_int_equal(told.reset_ms, 1);
}

static void
more_tokens_than_there_is_room_for_forget_the_quietest(void **state)
{
	char name[16];
	int  len;

	(void)state;
	for (unsigned i = 0; i < MAX; i++)
		rate_count(&rate, SLICE("ada"), 0);
	for (unsigned i = 0; i < RATE_SETS * RATE_WAYS * 4; i++) {
		len = snprintf(name, sizeof(name), "%u", i);
		assert_false(rate_count(&rate, slice_of(name, (size_t)len), 1).is_over);
	}
	assert_false(rate_count(&rate, SLICE("ada"), 2).is_over);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    so_many_requests_are_free_and_one_more_is_over, setup),
		cmocka_unit_test_setup(tokens_are_counted_apart, setup),
		cmocka_unit_test_setup(an_empty_bucket_is_full_after_a_window, setup),
		cmocka_unit_test_setup(requests_come_back_one_by_one, setup),
		cmocka_unit_test_setup(what_a_client_is_told_holds, setup),
		cmocka_unit_test_setup(the_largest_bounds_are_counted_exactly, setup),
		cmocka_unit_test_setup(
		    more_tokens_than_there_is_room_for_forget_the_quietest, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
