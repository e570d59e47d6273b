/* client: calls that take too long, and connections that break under them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/pack.h"
#include "tests/support/client_core.h"
#include "tests/support/hex.h"

/* ---- Time ---- */

static void
a_late_call_ends_and_its_answer_is_ignored(void **state)
{
	struct ending slow, next;
	uint32_t      id = call_at(5000, "customer.update", &slow);

	(void)state;
	take_sent();
	assert_int_equal(customerd_core_deadline_ms(core), 6000);
	customerd_core_expire(core, 5999);
	assert_int_equal(slow.count, 0);
	customerd_core_expire(core, 6000);
	assert_int_equal(slow.status, CUSTOMERD_UNKNOWN);
	assert_string_equal(slow.error.code, "TIMEOUT");
	assert_int_equal(customerd_core_deadline_ms(core), -1);

	/* The connection lives: the server is asked to drop the call, and a new one
	 * gets its own answer, not the late one. */
	call_at(6000, "ping", &next);
	take_sent();
	assert_int_equal(sent_count, 2);
	assert_true(slice_equal(sent[0].method, SLICE("cancel")));
	answer(id, 1);
	assert_int_equal(next.count, 0);
	answer(sent[1].msgid, 2);
	assert_int_equal(next.result, 2);
	assert_int_equal(slow.count, 1);
}

static void
a_call_that_waits_in_vain_was_not_sent(void **state)
{
	struct ending update;

	(void)state;
	hang_up();
	call_at(0, "customer.update", &update);
	customerd_core_expire(core, 1000);
	assert_int_equal(update.status, CUSTOMERD_NOT_SENT);
	assert_string_equal(update.error.code, "TIMEOUT");
	assert_true(update.error.retryable);
	greet(128);
	take_sent();
	assert_int_equal(sent_count, 0);
}

static void
without_a_limit_a_call_waits_for_ever(void **state)
{
	const struct customerd_call call = { .method = "ping", .timeout_ms = -1 };
	struct ending               ping = no_ending();

	(void)state;
	customerd_core_call(core, &call, 0, on_end, &ping, NULL, NULL);
	assert_int_equal(customerd_core_deadline_ms(core), -1);
	customerd_core_expire(core, INT64_MAX);
	assert_int_equal(ping.count, 0);
	take_sent();
	assert_int_equal(sent[0].meta.timeout_ms, 0);
}

static void
a_cancelled_call_ends_at_once(void **state)
{
	struct ending update;
	uint32_t      id = call_at(0, "customer.update", &update);

	(void)state;
	take_sent();
	assert_true(customerd_core_cancel(core, id));
	assert_string_equal(update.error.code, "CANCELLED");
	assert_int_equal(update.status, CUSTOMERD_UNKNOWN);
	take_sent();
	assert_true(slice_equal(sent[0].method, SLICE("cancel")));
	assert_false(customerd_core_cancel(core, id));
}

/* ---- Lost connections ---- */

static void
a_read_is_repeated_and_a_write_is_not(void **state)
{
	struct ending read, write;

	(void)state;
	call_at(0, "customer.get", &read);
	call_at(0, "customer.update", &write);
	take_sent();
	hang_up();
	assert_int_equal(write.status, CUSTOMERD_UNKNOWN);
	assert_int_equal(read.count, 0);
	greet(128);
	take_sent();
	assert_int_equal(sent_count, 1);
	assert_true(slice_equal(sent[0].method, SLICE("customer.get")));
	answer(sent[0].msgid, 5);
	assert_int_equal(read.result, 5);
}

static void
a_write_under_a_key_is_repeated(void **state)
{
	const struct customerd_call call = { .method = "customer.update",
		.idempotency_key = "order-4711" };
	struct ending               write = no_ending();

	(void)state;
	customerd_core_call(core, &call, 0, on_end, &write, NULL, NULL);
	take_sent();
	hang_up();
	assert_int_equal(write.count, 0);
	greet(128);
	take_sent();
	assert_true(slice_equal(sent[0].meta.idempotency_key, SLICE("order-4711")));
	answer(sent[0].msgid, 1);
	assert_int_equal(write.status, CUSTOMERD_OK);
}

/* Of two requests, LEN bytes went out: all of the first one at most. */
static void
lose_after(size_t len)
{
	struct ending begun, unsent;

	call_at(0, "customer.update", &begun);
	call_at(0, "customer.delete", &unsent);
	assert_true(customerd_core_output(core).len > len);
	customerd_core_sent(core, len);
	hang_up();
	assert_int_equal(begun.status, CUSTOMERD_UNKNOWN);
	assert_int_equal(unsent.count, 0);
	greet(128);
	take_sent();
	assert_int_equal(sent_count, 1);
	assert_true(slice_equal(sent[0].method, SLICE("customer.delete")));
	answer(sent[0].msgid, 1);
	assert_int_equal(unsent.status, CUSTOMERD_OK);
}

static void
a_write_of_which_nothing_was_sent_waits_for_the_next_connection(void **state)
{
	struct ending alone;

	(void)state;
	lose_after(1);
	call_at(0, "customer.update", &alone);
	take_sent();
	answer(sent[0].msgid, 1);
	lose_after(sent_bytes.len);
}

static void
repeats_come_first_and_in_order(void **state)
{
	static const char *const methods[] = { "ping", "customer.get", "group.get",
		"tag.get" };
	struct ending            endings[4];

	(void)state;
	greet(3);
	for (unsigned i = 0; i < 4; i++)
		call_at(0, methods[i], &endings[i]);
	take_sent();
	assert_int_equal(sent_count, 3);
	hang_up();
	greet(128);
	take_sent();
	assert_int_equal(sent_count, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_true(slice_equal(sent[i].method, slice_text(methods[i])));
}

static void
repeats_are_bounded(void **state)
{
	struct ending read;

	(void)state;
	call_at(0, "customer.get", &read);
	for (unsigned attempt = 0; attempt < 3; attempt++) {
		assert_int_equal(read.count, 0);
		take_sent();
		hang_up();
		greet(128);
	}
	assert_int_equal(read.count, 1);
	assert_int_equal(read.status, CUSTOMERD_UNKNOWN);
	assert_true(read.error.retryable);
}

static void
where_nobody_answers_calls_are_given_up_as_not_sent(void **state)
{
	struct customerd_error error = { "CONNECT_FAILED", "refused",
		.retryable = true };
	struct ending          write;

	(void)state;
	call_at(0, "customer.update", &write);
	for (unsigned attempt = 0; attempt < 3; attempt++) {
		assert_int_equal(write.count, 0);
		customerd_core_disconnected(core, &error);
	}
	assert_int_equal(write.status, CUSTOMERD_NOT_SENT);
	assert_string_equal(write.error.code, "CONNECT_FAILED");
}

/* [2, "error", [{"code": "TOO_LARGE"}]], then it hangs up. */
static void
what_the_server_said_last_explains_the_end(void **state)
{
	struct ending write;

	(void)state;
	call_at(0, "customer.update", &write);
	take_sent();
	must_hex(&wire, "93 02 a5 65 72 72 6f 72 91"
			"81 a4 63 6f 64 65 a9 54 4f 4f 5f 4c 41 52 47 45");
	assert_true(feed_wire(NULL));
	hang_up();
	assert_string_equal(write.error.code, "TOO_LARGE");
	assert_int_equal(write.status, CUSTOMERD_UNKNOWN);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, core_set_up_greeted, core_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_late_call_ends_and_its_answer_is_ignored),
		TEST(a_call_that_waits_in_vain_was_not_sent),
		TEST(without_a_limit_a_call_waits_for_ever),
		TEST(a_cancelled_call_ends_at_once),
		TEST(a_read_is_repeated_and_a_write_is_not),
		TEST(a_write_under_a_key_is_repeated),
		TEST(a_write_of_which_nothing_was_sent_waits_for_the_next_connection),
		cmocka_unit_test_setup_teardown(
		    repeats_come_first_and_in_order, core_set_up, core_tear_down),
		TEST(repeats_are_bounded),
		TEST(where_nobody_answers_calls_are_given_up_as_not_sent),
		TEST(what_the_server_said_last_explains_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
