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
	assert_int_equal(told.reset_ms, 10 + WINDOW_MS - 100);
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
a_window_passes_and_the_count_begins_anew(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MAX; i++)
		rate_count(&rate, SLICE("ada"), 0);
	assert_true(rate_count(&rate, SLICE("ada"), WINDOW_MS - 1).is_over);
	assert_int_equal(rate_count(&rate, SLICE("ada"), WINDOW_MS).left, MAX - 1);
}

static void
more_tokens_than_there_is_room_for_forget_the_oldest(void **state)
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
		cmocka_unit_test_setup(
		    a_window_passes_and_the_count_begins_anew, setup),
		cmocka_unit_test_setup(
		    more_tokens_than_there_is_room_for_forget_the_oldest, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
