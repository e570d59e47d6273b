/* client: blocking calls over real sockets. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/pack.h"
#include "tests/support/client_script.h"

/* ---- Opening ---- */

static enum customerd_status
call(struct customerd *c, const char *method, int64_t timeout_ms,
    struct customerd_error *error)
{
	const struct customerd_call one = { .method = method,
		.timeout_ms = timeout_ms };

	return customerd_call(c, &one, NULL, error);
}

static void
a_call_returns_with_its_answer(void **state)
{
	struct customerd *c;
	int64_t           time_ms;

	(void)state;
	serve(script_ping);
	c = must_connect();
	assert_int_equal(customerd_ping(c, &time_ms, NULL), CUSTOMERD_OK);
	assert_int_equal(time_ms, 42);
	assert_true(customerd_get_integer(customerd_greeting(c), "time", &time_ms));
	assert_int_equal(time_ms, 0);
	customerd_close(c);
}

static void
a_bad_token_is_refused_when_opening(void **state)
{
	const struct customerd_options options = { .address = address, .token = "bad" };
	struct customerd_error         error;
	struct customerd              *c;

	(void)state;
	serve(script_refuse_token);
	assert_int_equal(customerd_open(&c, &options, &error), CUSTOMERD_REFUSED);
	assert_string_equal(error.code, "UNAUTHENTICATED");
	assert_null(c);
}

static void
where_nobody_listens_nothing_is_sent(void **state)
{
	const struct customerd_options options = { .address = "unix:/nowhere/at/all" };
	struct customerd_error         error;
	struct customerd              *c;

	(void)state;
	assert_int_equal(customerd_open(&c, &options, &error), CUSTOMERD_NOT_SENT);
	assert_string_equal(error.code, "CONNECT_FAILED");
	assert_non_null(strstr(error.message, "/nowhere/at/all"));
	assert_true(error.retryable);
}

static void
addresses_are_tried_in_order(void **state)
{
	char                           several[256];
	const struct customerd_options options = { .address = several };
	struct customerd              *c;

	(void)state;
	snprintf(several, sizeof(several), "unix:/nowhere,%s,unix:/nowhere", address);
	serve(script_ping);
	assert_int_equal(customerd_open(&c, &options, NULL), CUSTOMERD_OK);
	assert_int_equal(customerd_ping(c, NULL, NULL), CUSTOMERD_OK);
	customerd_close(c);
}

static void
a_server_that_does_not_greet_is_given_up(void **state)
{
	const struct customerd_options options = { .address = address,
		.connect_timeout_ms = 100 };
	struct customerd_error         error;
	struct customerd              *c;
	int64_t                        begin_ms = clock_now_ms();

	(void)state;
	assert_int_equal(customerd_open(&c, &options, &error), CUSTOMERD_NOT_SENT);
	assert_true(clock_now_ms() - begin_ms >= 99);
	assert_string_equal(error.code, "CONNECTION_LOST");
}

static void
a_bad_address_is_the_callers_mistake(void **state)
{
	static const char *const bad[] = { "", ",", "127.0.0.1:7410", "http://a:1",
		"customerd://", "customerd://:7410",
		"customerd://a:", "customerd://a:0", "customerd://a:65536",
		"customerd://a:7x", "customerd://[::1", "customerd://[::1]x",
		"customerd://::1:7410", "customerd:///run/socket",
		"unix:", "customerd://a:1,,customerd://b:1" };
	struct customerd_error   error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct customerd_options options = { .address = bad[i] };
		struct customerd              *c;

		assert_int_equal(
		    customerd_open(&c, &options, &error), CUSTOMERD_MISUSE);
		assert_string_equal(error.code, "BAD_ADDRESS");
	}
}

static void
a_host_and_port_are_reached_by_tcp(void **state)
{
	struct sockaddr_in       local = { .sin_family = AF_INET,
		      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t                len = sizeof(local);
	struct customerd_options options = { .address = address };
	struct customerd        *c;

	(void)state;
	close(listener);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&local, len), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&local, &len), 0);
	snprintf(address, sizeof(address), "customerd://127.0.0.1:%u",
	    ntohs(local.sin_port));
	serve(script_ping);
	assert_int_equal(customerd_open(&c, &options, NULL), CUSTOMERD_OK);
	assert_int_equal(customerd_ping(c, NULL, NULL), CUSTOMERD_OK);
	customerd_close(c);
}

/* ---- Trouble ---- */

/* Do not answer the first call in time; answer it late, before the next. */
static void
script_late(void)
{
	struct peer peer = must_greet();
	uint32_t    late = must_get(&peer, "customer.update");

	must_get(&peer, "cancel");
	reply(&peer, late, 1);
	reply(&peer, must_get(&peer, "ping"), 2);
}

static void
a_call_that_times_out_keeps_the_connection(void **state)
{
	struct customerd      *c;
	struct customerd_error error;
	int64_t                time_ms;

	(void)state;
	serve(script_late);
	c = must_connect();
	assert_int_equal(call(c, "customer.update", 50, &error), CUSTOMERD_UNKNOWN);
	assert_string_equal(error.code, "TIMEOUT");
	assert_int_equal(customerd_ping(c, &time_ms, NULL), CUSTOMERD_OK);
	assert_int_equal(time_ms, 2);
	customerd_close(c);
}

static void
script_hang_up_idle(void)
{
	struct peer peer = must_greet();

	reply(&peer, must_get(&peer, "ping"), 1);
	close(peer.fd);
	tell();
	peer = must_greet();
	reply(&peer, must_get(&peer, "customer.update"), 2);
}

static void
a_connection_that_ended_in_between_is_replaced_unnoticed(void **state)
{
	struct customerd *c;

	(void)state;
	serve(script_hang_up_idle);
	c = must_connect();
	assert_int_equal(customerd_ping(c, NULL, NULL), CUSTOMERD_OK);
	wait_until_told();
	assert_int_equal(call(c, "customer.update", 0, NULL), CUSTOMERD_OK);
	customerd_close(c);
}

static void
script_hang_up_busy(void)
{
	struct peer peer = must_greet();

	must_get(&peer, "customer.update");
	close(peer.fd);
	peer = must_greet();
	must_get(&peer, "customer.get");
	close(peer.fd);
	peer = must_greet();
	reply(&peer, must_get(&peer, "customer.get"), 2);
}

static void
a_write_under_way_is_unknown_and_a_read_is_repeated(void **state)
{
	struct customerd      *c;
	struct customerd_error error;

	(void)state;
	serve(script_hang_up_busy);
	c = must_connect();
	assert_int_equal(call(c, "customer.update", 0, &error), CUSTOMERD_UNKNOWN);
	assert_string_equal(error.code, "CONNECTION_LOST");
	assert_int_equal(call(c, "customer.get", 0, NULL), CUSTOMERD_OK);
	customerd_close(c);
}

static void
script_babble(void)
{
	for (unsigned i = 0; i < 3; i++) {
		struct peer peer = must_greet();

		must_get(&peer, "ping");
		must_send_bytes(&peer, SLICE("HTTP/1.1 400 Bad Request\r\n\r\n"));
	}
}

static void
a_server_that_babbles_is_given_up(void **state)
{
	struct customerd      *c;
	struct customerd_error error;

	(void)state;
	serve(script_babble);
	c = must_connect();
	assert_int_equal(customerd_ping(c, NULL, &error), CUSTOMERD_UNKNOWN);
	assert_string_equal(error.code, "PROTOCOL");
	customerd_close(c);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, script_set_up, script_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_returns_with_its_answer),
		TEST(a_bad_token_is_refused_when_opening),
		TEST(where_nobody_listens_nothing_is_sent),
		TEST(addresses_are_tried_in_order),
		TEST(a_server_that_does_not_greet_is_given_up),
		TEST(a_bad_address_is_the_callers_mistake),
		TEST(a_host_and_port_are_reached_by_tcp),
		TEST(a_call_that_times_out_keeps_the_connection),
		TEST(a_connection_that_ended_in_between_is_replaced_unnoticed),
		TEST(a_write_under_way_is_unknown_and_a_read_is_repeated),
		TEST(a_server_that_babbles_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
