/* client: the pauses between attempts to connect, where nobody listens. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>

#include "client/customerd.h"

#define HANDLES 8u
#define FAILURES 6u
#define PAUSE_MS_MAX 200

static struct customerd_async *
must_make(int64_t pause_ms_max)
{
	const struct customerd_options options = { .address = "unix:/nowhere/at/all",
		.pause_ms_max = pause_ms_max };
	struct customerd_async        *async;

	assert_int_equal(customerd_async_new(&async, &options, NULL), CUSTOMERD_OK);
	return async;
}

/* How long ASYNC pauses after the next failure. */
static int
fail_once(struct customerd_async *async)
{
	int timeout_ms;

	while ((timeout_ms = customerd_async_timeout_ms(async)) > 0)
		poll(NULL, 0, timeout_ms);
	customerd_async_process(async, 0);
	assert_int_equal(customerd_async_fd(async), -1);
	return customerd_async_timeout_ms(async);
}

static void
pauses_grow_up_to_their_bound_and_differ(void **state)
{
	static const int        bounds[FAILURES] = { 0, 50, 100, 200, 200, 200 };
	struct customerd_async *handles[HANDLES];
	int                     pauses[FAILURES][HANDLES];
	bool                    differ = false;

	(void)state;
	for (unsigned i = 0; i < HANDLES; i++)
		handles[i] = must_make(PAUSE_MS_MAX);
	for (unsigned failure = 0; failure < FAILURES; failure++)
		for (unsigned i = 0; i < HANDLES; i++) {
			pauses[failure][i] = fail_once(handles[i]);
			assert_in_range(pauses[failure][i], 0, bounds[failure]);
		}
	/* Those who lost the same server do not come back at the same time. */
	for (unsigned i = 1; i < HANDLES; i++)
		differ = differ || pauses[3][i] / 10 != pauses[3][0] / 10;
	assert_true(differ);
	for (unsigned i = 0; i < HANDLES; i++)
		customerd_async_free(handles[i]);
}

static void
without_pauses_attempts_follow_each_other(void **state)
{
	struct customerd_async *async = must_make(-1);

	(void)state;
	for (unsigned failure = 0; failure < FAILURES; failure++)
		assert_int_equal(fail_once(async), 0);
	customerd_async_free(async);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_grow_up_to_their_bound_and_differ),
		cmocka_unit_test(without_pauses_attempts_follow_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
