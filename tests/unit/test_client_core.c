/* client: calls and their answers, on a core without any socket. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/pack.h"
#include "tests/support/client_core.h"
#include "tests/support/hex.h"

/* ---- Answers ---- */

static void
a_call_ends_with_its_answer(void **state)
{
	struct ending ping;

	(void)state;
	call_at(0, "ping", &ping);
	take_sent();
	assert_int_equal(sent_count, 1);
	assert_true(slice_equal(sent[0].method, SLICE("ping")));
	assert_int_equal(sent[0].meta.timeout_ms, 1000);
	answer(sent[0].msgid, 42);
	assert_int_equal(ping.count, 1);
	assert_int_equal(ping.status, CUSTOMERD_OK);
	assert_int_equal(ping.result, 42);
	assert_int_equal(customerd_core_pending(core), 0);
}

static void
answers_may_come_in_any_order(void **state)
{
	struct ending endings[10];

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		call_at(0, "ping", &endings[i]);
	take_sent();
	assert_int_equal(sent_count, 10);
	for (unsigned i = 10; i-- > 0;)
		answer(sent[i].msgid, 100 + i);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(endings[i].result, 100 + i);
}

static void
everything_of_a_call_reaches_the_server(void **state)
{
	struct customerd_call call = { .method = "customer.get",
		.token = "tok",
		.idempotency_key = "key",
		.timeout_ms = 77,
		.dry_run = true };
	struct slice          id;

	(void)state;
	must_hex(&wire, "81 a2 69 64 07"); /* {"id": 7} */
	call.args = (struct customerd_slice){ wire.data, wire.len };
	assert_int_equal(
	    customerd_core_call(core, &call, 0, NULL, NULL, NULL, NULL), CUSTOMERD_OK);
	id = buf_slice(&wire);
	take_sent();
	assert_true(slice_equal(sent[0].args, id));
	assert_true(slice_equal(sent[0].meta.token, SLICE("tok")));
	assert_true(slice_equal(sent[0].meta.idempotency_key, SLICE("key")));
	assert_int_equal(sent[0].meta.timeout_ms, 77);
	assert_true(sent[0].meta.dry_run);
}

static void
nothing_is_sent_before_the_server_has_greeted_back(void **state)
{
	struct ending ping, hello = no_ending();

	(void)state;
	call_at(0, "ping", &ping);
	assert_int_equal(customerd_core_output(core).len, 0);
	customerd_core_hello(core, NULL, NULL, on_end, &hello, NULL);
	take_sent();
	assert_int_equal(sent_count, 1);
	assert_true(slice_equal(sent[0].method, SLICE("hello")));
	answer(sent[0].msgid, 1);
	take_sent();
	assert_int_equal(sent_count, 1);
	assert_true(slice_equal(sent[0].method, SLICE("ping")));
}

static void
no_more_is_sent_than_the_server_takes_at_once(void **state)
{
	struct ending endings[5];

	(void)state;
	greet(2);
	for (unsigned i = 0; i < 5; i++)
		call_at(0, "ping", &endings[i]);
	take_sent();
	assert_int_equal(sent_count, 2);
	answer(sent[1].msgid, 1);
	take_sent();
	assert_int_equal(sent_count, 1);
}

/* A request of LEN bytes and a bit; *ENDING is how it ends, when it begins. */
static enum customerd_status
call_large(size_t len, struct ending *ending, struct customerd_error *error)
{
	static char           text[1 << 20];
	struct customerd_call call = { .method = "customer.update" };
	struct buf            args;
	enum customerd_status status;

	memset(text, 'a', sizeof(text));
	buf_init(&args, 4 << 20);
	pack_map(&args, 1);
	pack_literal(&args, "a");
	pack_text(&args, slice_of(text, len));
	call.args = (struct customerd_slice){ args.data, args.len };
	*ending = no_ending();
	status = customerd_core_call(core, &call, 0, on_end, ending, NULL, error);
	buf_fini(&args);
	return status;
}

/* It would end the connection, and with it all other calls. */
static void
what_is_too_large_for_a_server_that_does_not_know_us_is_not_sent(void **state)
{
	struct customerd_error error;
	struct ending          hello = no_ending(), small, large, other;

	(void)state;
	assert_int_equal(call_large(60000, &small, &error), CUSTOMERD_OK);
	assert_int_equal(call_large(70000, &large, &error), CUSTOMERD_OK);
	customerd_core_hello(core, NULL, NULL, on_end, &hello, NULL);
	take_sent();
	message_pack_result(&wire, sent[0].msgid);
	pack_map(&wire, 1);
	pack_literal(&wire, "identity");
	pack_nil(&wire);
	assert_true(feed_wire(NULL));
	assert_int_equal(large.status, CUSTOMERD_MISUSE);
	assert_string_equal(large.error.code, "TOO_LARGE");
	take_sent();
	assert_int_equal(sent_count, 1);
	assert_int_equal(small.count, 0);
	assert_int_equal(call_large(70000, &other, &error), CUSTOMERD_MISUSE);
	assert_string_equal(error.code, "TOO_LARGE");
}

static void
a_server_that_knows_us_takes_a_mebibyte(void **state)
{
	struct customerd_error error;
	struct ending          large;

	(void)state;
	assert_int_equal(call_large((1 << 20) - 100, &large, &error), CUSTOMERD_OK);
	take_sent();
	assert_int_equal(sent_count, 1);
	assert_int_equal(call_large(1 << 20, &large, &error), CUSTOMERD_MISUSE);
	assert_string_equal(error.code, "TOO_LARGE");
}

/* ---- Callbacks ---- */

static void
count_notification(
    void *user, struct customerd_slice method, struct customerd_slice value)
{
	unsigned *count = user;

	assert_memory_equal(method.data, "x", 1);
	assert_int_equal(customerd_type(value), CUSTOMERD_MAP);
	++*count;
}

static void
notifications_are_handed_on(void **state)
{
	unsigned count = 0;

	(void)state;
	must_hex(&wire, "93 02 a1 78 91 80"); /* [2, "x", [{}]] */
	assert_true(feed_wire(NULL));
	customerd_core_on_notification(core, count_notification, &count);
	must_hex(&wire, "93 02 a1 78 91 80 93 02 a1 78 91 80");
	assert_true(feed_wire(NULL));
	assert_int_equal(count, 2);
}

static void
call_again(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	const struct customerd_call call = { .method = "ping" };

	(void)status;
	(void)result;
	(void)error;
	customerd_core_call(core, &call, 0, on_end, user, NULL, NULL);
}

static void
a_callback_may_call_again(void **state)
{
	const struct customerd_call call = { .method = "ping" };
	struct ending               second = no_ending();

	(void)state;
	customerd_core_call(core, &call, 0, call_again, &second, NULL, NULL);
	take_sent();
	answer(sent[0].msgid, 1);
	take_sent();
	assert_int_equal(sent_count, 1);
	answer(sent[0].msgid, 2);
	assert_int_equal(second.result, 2);
}

static void
free_core(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	(void)user;
	(void)status;
	(void)result;
	(void)error;
	customerd_core_free(core);
}

static void
a_callback_may_free_the_handle(void **state)
{
	const struct customerd_call call = { .method = "ping" };
	struct ending               other;

	(void)state;
	customerd_core_call(core, &call, 0, free_core, NULL, NULL, NULL);
	call_at(0, "ping", &other);
	take_sent();
	message_pack_result(&wire, sent[0].msgid);
	pack_nil(&wire);
	message_pack_result(&wire, sent[1].msgid);
	pack_nil(&wire);
	assert_true(feed_wire(NULL));
	assert_int_equal(other.count, 1);
	assert_string_equal(other.error.code, "CLOSED");
	core = NULL;
}

static void
freed_calls_end_exactly_once(void **state)
{
	struct ending sent_call, queued;

	(void)state;
	greet(1);
	call_at(0, "customer.update", &sent_call);
	call_at(0, "customer.update", &queued);
	take_sent();
	customerd_core_free(core);
	core = NULL;
	assert_int_equal(sent_call.count, 1);
	assert_int_equal(sent_call.status, CUSTOMERD_UNKNOWN);
	assert_int_equal(queued.count, 1);
	assert_int_equal(queued.status, CUSTOMERD_NOT_SENT);
}

/* ---- The caller's mistakes ---- */

static void
bad_calls_are_refused_before_anything_is_sent(void **state)
{
	static const char *const bad_args[] = {
		"c0", "90", "01",    /* no map */
		"81 a1 61",          /* a map with its end missing */
		"80 80",             /* two maps */
		"81 a1 61 c1",       /* reserved byte */
		"81 a1 61 d4 01 00", /* ext */
	};
	struct customerd_call  call = { .method = NULL };
	struct customerd_error error;
	char                   much[600];

	(void)state;
	memset(much, 'a', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	assert_int_equal(customerd_core_call(core, &call, 0, NULL, NULL, NULL, &error),
	    CUSTOMERD_MISUSE);
	call.method = much;
	assert_int_equal(customerd_core_call(core, &call, 0, NULL, NULL, NULL, &error),
	    CUSTOMERD_MISUSE);
	call.method = "ping";
	call.token = much;
	assert_int_equal(customerd_core_call(core, &call, 0, NULL, NULL, NULL, &error),
	    CUSTOMERD_MISUSE);
	call.token = NULL;
	call.idempotency_key = "";
	assert_int_equal(customerd_core_call(core, &call, 0, NULL, NULL, NULL, &error),
	    CUSTOMERD_MISUSE);
	call.idempotency_key = NULL;
	for (size_t i = 0; i < sizeof(bad_args) / sizeof(bad_args[0]); i++) {
		buf_clear(&wire, 0);
		must_hex(&wire, bad_args[i]);
		call.args = (struct customerd_slice){ wire.data, wire.len };
		assert_int_equal(
		    customerd_core_call(core, &call, 0, NULL, NULL, NULL, &error),
		    CUSTOMERD_MISUSE);
		assert_string_equal(error.code, "BAD_CALL");
	}
	assert_int_equal(customerd_core_pending(core), 0);
}

/* Fill the queue; how many calls it took. */
static unsigned
fill_queue(struct customerd_error *error)
{
	const struct customerd_call call = { .method = "ping" };
	unsigned                    count = 0;

	while (customerd_core_call(core, &call, 0, NULL, NULL, NULL, error) ==
	       CUSTOMERD_OK)
		count++;
	return count;
}

static void
what_cannot_be_queued_is_refused(void **state)
{
	struct customerd_error error;

	(void)state;
	assert_int_equal(fill_queue(&error), 1007);
	assert_string_equal(error.code, "QUEUE_FULL");
	assert_true(error.retryable);
}

static void
a_full_queue_is_sent_when_the_connection_comes(void **state)
{
	struct customerd_error error;

	(void)state;
	fill_queue(&error);
	greet(1007);
	take_sent();
	assert_int_equal(sent_count, 1007);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, core_set_up_greeted, core_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_ends_with_its_answer),
		TEST(answers_may_come_in_any_order),
		TEST(everything_of_a_call_reaches_the_server),
		cmocka_unit_test_setup_teardown(
		    nothing_is_sent_before_the_server_has_greeted_back, core_set_up,
		    core_tear_down),
		cmocka_unit_test_setup_teardown(
		    no_more_is_sent_than_the_server_takes_at_once, core_set_up,
		    core_tear_down),
		cmocka_unit_test_setup_teardown(
		    what_is_too_large_for_a_server_that_does_not_know_us_is_not_sent,
		    core_set_up, core_tear_down),
		TEST(a_server_that_knows_us_takes_a_mebibyte),
		TEST(notifications_are_handed_on),
		TEST(a_callback_may_call_again),
		TEST(a_callback_may_free_the_handle),
		cmocka_unit_test_setup_teardown(
		    freed_calls_end_exactly_once, core_set_up, core_tear_down),
		TEST(bad_calls_are_refused_before_anything_is_sent),
		TEST(what_cannot_be_queued_is_refused),
		cmocka_unit_test_setup_teardown(
		    a_full_queue_is_sent_when_the_connection_comes, core_set_up,
		    core_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
