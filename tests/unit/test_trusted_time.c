#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/base/trusted_time.h"

#define WALL_MS INT64_C(1800000000000)
#define MONO_MS INT64_C(5000)
#define YEAR_MS (INT64_C(365) * 24 * 3600 * 1000)

static struct trusted_time trusted;
static int64_t             jumped_ms; /* as the last now() was told */

static int
setup(void **state)
{
	(void)state;
	trusted_time_init(&trusted, WALL_MS, MONO_MS);
	return 0;
}

/* What is trusted PASSED_MS after the start, by a wall clock that leads by LEAD_MS. */
static int64_t
now(int64_t passed_ms, int64_t lead_ms)
{
	return trusted_time_ms(&trusted, WALL_MS + passed_ms + lead_ms,
		   MONO_MS + passed_ms, &jumped_ms) -
	       WALL_MS;
}

static void
it_is_the_wall_clock_as_long_as_that_only_drifts(void **state)
{
	int64_t lead_ms = 0;

	(void)state;
	for (int64_t passed_ms = 0; passed_ms < YEAR_MS; passed_ms += YEAR_MS / 100) {
		lead_ms += TRUSTED_STEP_MS_MAX;
		assert_int_equal(now(passed_ms, lead_ms), passed_ms + lead_ms);
		assert_int_equal(jumped_ms, 0);
	}
}

static void
a_jump_forward_does_not_count_until_it_has_lasted(void **state)
{
	(void)state;
	assert_int_equal(now(1000, YEAR_MS), 1000);
	assert_int_equal(jumped_ms, YEAR_MS);
	assert_int_equal(now(999 + TRUSTED_AFTER_MS, YEAR_MS), 999 + TRUSTED_AFTER_MS);
	assert_int_equal(jumped_ms, 0);
	assert_int_equal(
	    now(1000 + TRUSTED_AFTER_MS, YEAR_MS), 1000 + TRUSTED_AFTER_MS + YEAR_MS);
	assert_int_equal(now(1001 + TRUSTED_AFTER_MS, YEAR_MS + 5),
	    1001 + TRUSTED_AFTER_MS + YEAR_MS + 5);
}

static void
a_second_jump_lasts_from_then_on(void **state)
{
	(void)state;
	now(0, YEAR_MS);
	assert_int_equal(now(TRUSTED_AFTER_MS - 1, 2 * YEAR_MS), TRUSTED_AFTER_MS - 1);
	assert_int_equal(jumped_ms, YEAR_MS);
	assert_int_equal(
	    now(2 * TRUSTED_AFTER_MS - 2, 2 * YEAR_MS), 2 * TRUSTED_AFTER_MS - 2);
	assert_int_equal(now(2 * TRUSTED_AFTER_MS - 1, 2 * YEAR_MS),
	    2 * TRUSTED_AFTER_MS - 1 + 2 * YEAR_MS);
}

static void
back_where_it_was_the_clock_is_trusted_at_once(void **state)
{
	(void)state;
	now(0, YEAR_MS);
	assert_int_equal(now(1000, 10), 1010);
	assert_int_equal(jumped_ms, 10 - YEAR_MS);
	/* And the next jump lasts from its own beginning. */
	now(2000, YEAR_MS);
	assert_int_equal(
	    now(TRUSTED_AFTER_MS + 1999, YEAR_MS), TRUSTED_AFTER_MS + 2009);
}

static void
a_jump_back_is_followed_at_once_and_so_is_the_return(void **state)
{
	(void)state;
	assert_int_equal(now(1000, -YEAR_MS), 1000 - YEAR_MS);
	assert_int_equal(jumped_ms, -YEAR_MS);
	assert_int_equal(now(2000, 0), 2000);
	assert_int_equal(jumped_ms, YEAR_MS);
}

static void
after_an_hour_behind_the_return_is_a_jump_forward(void **state)
{
	(void)state;
	now(0, -YEAR_MS);
	now(TRUSTED_AFTER_MS, -YEAR_MS);
	assert_int_equal(
	    now(TRUSTED_AFTER_MS + 1000, 0), TRUSTED_AFTER_MS + 1000 - YEAR_MS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    it_is_the_wall_clock_as_long_as_that_only_drifts, setup),
		cmocka_unit_test_setup(
		    a_jump_forward_does_not_count_until_it_has_lasted, setup),
		cmocka_unit_test_setup(a_second_jump_lasts_from_then_on, setup),
		cmocka_unit_test_setup(
		    back_where_it_was_the_clock_is_trusted_at_once, setup),
		cmocka_unit_test_setup(
		    a_jump_back_is_followed_at_once_and_so_is_the_return, setup),
		cmocka_unit_test_setup(
		    after_an_hour_behind_the_return_is_a_jump_forward, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
