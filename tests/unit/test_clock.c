/* clock: what time it is. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "server/base/clock.h"

static int64_t
realtime_ms(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
the_wall_clock_tells_milliseconds_since_the_epoch(void **state)
{
	int64_t before_ms = realtime_ms();
	int64_t now_ms = clock_wall_ms();
	int64_t after_ms = realtime_ms();

	(void)state;
	assert_true(now_ms >= before_ms);
	assert_true(now_ms <= after_ms);
}

static void
the_monotonic_clock_never_goes_back(void **state)
{
	int64_t last_us = clock_mono_us();

	(void)state;
	for (int i = 0; i < 100000; i++) {
		int64_t now_us = clock_mono_us();

		assert_true(now_us >= last_us);
		last_us = now_us;
	}
}

static void
milliseconds_and_microseconds_are_of_one_clock(void **state)
{
	int64_t before_us = clock_mono_us();
	int64_t now_ms = clock_mono_ms();
	int64_t after_us = clock_mono_us();

	(void)state;
	assert_true(now_ms >= before_us / 1000);
	assert_true(now_ms <= after_us / 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_wall_clock_tells_milliseconds_since_the_epoch),
		cmocka_unit_test(the_monotonic_clock_never_goes_back),
		cmocka_unit_test(milliseconds_and_microseconds_are_of_one_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
