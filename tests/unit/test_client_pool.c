/* client: pools of connections. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/wait.h>

#include "tests/support/client_script.h"

static void
a_pool_hands_out_no_more_than_its_size(void **state)
{
	const struct customerd_options options = { .address = address };
	struct customerd_pool         *pool;
	struct customerd_error         error;
	struct customerd              *first, *second;

	(void)state;
	serve(script_ping);
	assert_int_equal(customerd_pool_new(&pool, &options, 1, NULL), CUSTOMERD_OK);
	assert_int_equal(customerd_pool_get(pool, 5000, &first, NULL), CUSTOMERD_OK);
	assert_int_equal(
	    customerd_pool_get(pool, 50, &second, &error), CUSTOMERD_NOT_SENT);
	assert_string_equal(error.code, "TIMEOUT");
	assert_null(second);
	customerd_pool_put(pool, first);
	assert_int_equal(customerd_pool_get(pool, 0, &second, NULL), CUSTOMERD_OK);
	assert_ptr_equal(first, second);
	assert_int_equal(customerd_ping(second, NULL, NULL), CUSTOMERD_OK);
	customerd_pool_put(pool, second);
	customerd_pool_free(pool);
}

static void *
get_from_pool(void *pool)
{
	struct customerd *c;

	if (customerd_pool_get(pool, 5000, &c, NULL) != CUSTOMERD_OK)
		return NULL;
	customerd_pool_put(pool, c);
	return c;
}

static void
who_waits_for_a_pool_gets_what_is_put_back(void **state)
{
	const struct customerd_options options = { .address = address };
	struct customerd_pool         *pool;
	struct customerd              *c;
	pthread_t                      thread;
	void                          *got;

	(void)state;
	serve(script_ping);
	assert_int_equal(customerd_pool_new(&pool, &options, 1, NULL), CUSTOMERD_OK);
	assert_int_equal(customerd_pool_get(pool, 5000, &c, NULL), CUSTOMERD_OK);
	assert_int_equal(pthread_create(&thread, NULL, get_from_pool, pool), 0);
	assert_int_equal(customerd_ping(c, NULL, NULL), CUSTOMERD_OK);
	customerd_pool_put(pool, c);
	assert_int_equal(pthread_join(thread, &got), 0);
	assert_ptr_equal(got, c);
	customerd_pool_free(pool);
}

static void
a_pool_that_cannot_connect_says_so_and_recovers(void **state)
{
	const struct customerd_options options = { .address = address };
	struct customerd_pool         *pool;
	struct customerd_error         error;
	struct customerd              *c;

	(void)state;
	assert_int_equal(customerd_pool_new(&pool, &options, 1, NULL), CUSTOMERD_OK);
	serve(script_refuse_token);
	assert_int_equal(customerd_pool_get(pool, 5000, &c, &error), CUSTOMERD_REFUSED);
	assert_int_equal(waitpid(server, NULL, 0), server);
	serve(script_ping);
	assert_int_equal(customerd_pool_get(pool, 5000, &c, &error), CUSTOMERD_OK);
	assert_int_equal(customerd_ping(c, NULL, NULL), CUSTOMERD_OK);
	customerd_pool_put(pool, c);
	customerd_pool_free(pool);
}

static void
a_pool_keeps_the_options_that_it_was_made_with(void **state)
{
	char                     file[] = "/nonexistent/authorities";
	struct customerd_tls     tls = { .authorities_file = file };
	struct customerd_options options = { .address = "customerds://127.0.0.1:1",
		.tls = &tls };
	struct customerd_pool   *pool;
	struct customerd_error   error;
	struct customerd        *c;

	(void)state;
	assert_int_equal(customerd_pool_new(&pool, &options, 1, NULL), CUSTOMERD_OK);
	memset(file, 'x', sizeof(file) - 1);
	memset(&tls, 0, sizeof(tls));
	assert_int_equal(customerd_pool_get(pool, 0, &c, &error), CUSTOMERD_MISUSE);
	assert_string_equal(error.code, "BAD_TLS");
	assert_non_null(strstr(error.message, "/nonexistent/authorities"));
	customerd_pool_free(pool);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, script_set_up, script_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pool_hands_out_no_more_than_its_size),
		TEST(who_waits_for_a_pool_gets_what_is_put_back),
		TEST(a_pool_that_cannot_connect_says_so_and_recovers),
		TEST(a_pool_keeps_the_options_that_it_was_made_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
