/* client: servers that refuse, and servers that send anything at all. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/pack.h"
#include "tests/support/client_core.h"
#include "tests/support/hex.h"

/* ---- Refusals ---- */

static void
pack_refusal(uint32_t msgid)
{
	message_pack_error(&wire, msgid);
	pack_map(&wire, 5);
	pack_literal(&wire, "code");
	pack_literal(&wire, "INVALID");
	pack_literal(&wire, "message");
	pack_literal(&wire, "some fields break a rule");
	pack_literal(&wire, "retryable");
	pack_bool(&wire, false);
	pack_literal(&wire, "revision");
	pack_integer(&wire, 9);
	pack_literal(&wire, "errors");
	pack_array(&wire, 1);
	pack_map(&wire, 2);
	pack_literal(&wire, "path");
	pack_literal(&wire, "set.email");
	pack_literal(&wire, "message");
	pack_literal(&wire, "is already taken");
	pack_nil(&wire);
}

static void
a_refusal_names_its_code_and_the_field(void **state)
{
	struct ending update;

	(void)state;
	call_at(0, "customer.update", &update);
	take_sent();
	pack_refusal(sent[0].msgid);
	assert_true(feed_wire(NULL));
	assert_int_equal(update.status, CUSTOMERD_REFUSED);
	assert_string_equal(update.error.code, "INVALID");
	assert_string_equal(update.error.message,
	    "some fields break a rule: set.email is already taken");
	assert_string_equal(update.error.path, "set.email");
	assert_int_equal(update.error.revision, 9);
	assert_false(update.error.retryable);
}

/* The bytes of an error, as VALUE in hex, and how the call ends. */
static enum customerd_status
end_with_error(const char *method, const char *hex, struct ending *ending)
{
	struct buf error;

	call_at(0, method, ending);
	take_sent();
	buf_init(&error, 1 << 20);
	message_pack_error(&wire, sent[0].msgid);
	pack_raw(&wire, must_hex(&error, hex));
	pack_nil(&wire);
	assert_true(feed_wire(NULL));
	buf_fini(&error);
	assert_int_equal(ending->count, 1);
	return ending->status;
}

static void
an_error_that_cannot_be_understood_is_no_success(void **state)
{
	static const char *const errors[] = {
		"c2",                   /* false */
		"a0",                   /* "" */
		"80",                   /* {} */
		"81 a4 63 6f 64 65 07", /* {"code": 7} */
		"81 a4 63 6f 64 65 a0", /* {"code": ""} */
		"92 01 02",             /* what Neovim sends */
	};
	struct ending ending;

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		assert_int_equal(end_with_error("customer.update", errors[i], &ending),
		    CUSTOMERD_UNKNOWN);
		assert_string_equal(ending.error.code, "PROTOCOL");
		assert_false(ending.error.retryable);
	}
}

/* {"code": "UNKNOWN"}: the disk failed at the last step. */
static void
the_servers_own_unknown_is_ours(void **state)
{
	struct ending ending;

	(void)state;
	assert_int_equal(end_with_error("customer.update",
			     "81 a4 63 6f 64 65 a7 55 4e 4b 4e 4f 57 4e", &ending),
	    CUSTOMERD_UNKNOWN);
	assert_string_equal(ending.error.code, "UNKNOWN");
}

/* {"code": "X", "message": "a\n\x1b[2J\x9bé"}, with C1 and broken UTF-8 in it. */
static void
control_characters_never_reach_a_message(void **state)
{
	struct ending ending;

	(void)state;
	end_with_error("ping",
	    "82 a4 63 6f 64 65 a1 58 a7 6d 65 73 73 61 67 65"
	    "ab 61 0a 1b 5b 32 4a c2 9b 9b c3 a9",
	    &ending);
	assert_string_equal(ending.error.message, "a??[2J???é");
}

/* ---- Hostile servers ---- */

static void
answers_nobody_waits_for_are_ignored(void **state)
{
	struct ending ping;
	uint32_t      id = call_at(0, "ping", &ping);

	(void)state;
	take_sent();
	answer(id + 1, 1);
	answer(id + 1024, 1); /* the same slot, another call */
	answer(0, 1);
	answer(UINT32_MAX, 1);
	assert_int_equal(ping.count, 0);
	answer(id, 2);
	answer(id, 3);
	assert_int_equal(ping.count, 1);
	assert_int_equal(ping.result, 2);
}

static void
an_answer_before_the_request_is_ignored(void **state)
{
	struct ending ping;
	uint32_t      id = call_at(0, "ping", &ping);

	(void)state;
	answer(id, 1);
	assert_int_equal(ping.count, 0);
}

static void
what_is_no_message_breaks_the_connection(void **state)
{
	static const char *const bytes[] = {
		"c1",                         /* reserved */
		"48 54 54 50",                /* HTTP */
		"94 01 05 c0 d4 01 00",       /* ext in a result */
		"94 01 05 c0 dd ff ff ff ff", /* four billion items */
		"94 01 05 c0 db ff ff ff ff", /* four gigabytes of text */
		("94 01 05 c0 91 91 91 91 91 91 91 91 91 91 91 91 91 91 91 91 "
		 "91"),                       /* deep */
		"93 01 05 c0",                /* a response too short */
		"94 01 ff c0 c0",             /* msgid -1 */
		"94 01 a1 41 c0 c0",          /* msgid "A" */
		"94 03 05 c0 c0",             /* no such type */
		"94 00 05 a4 70 69 6e 67 90", /* the server asks us */
		"90", "80", "c0", "05",       /* no array, or an empty one */
	};
	struct customerd_error error;
	struct ending          write;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		call_at(0, "customer.update", &write);
		take_sent();
		must_hex(&wire, bytes[i]);
		assert_false(feed_wire(&error));
		assert_string_equal(error.code, "PROTOCOL");
		customerd_core_disconnected(core, &error);
		assert_int_equal(write.status, CUSTOMERD_UNKNOWN);
		greet(128);
	}
}

/* A greeting, an answer, a refusal, a notification: each cut at every byte. */
static void
every_truncation_of_a_reply_waits_for_the_rest(void **state)
{
	struct buf    golden;
	struct ending first, second;

	(void)state;
	buf_init(&golden, 1 << 20);
	for (size_t cut = 0, len = 1; cut < len; cut++) {
		call_at(0, "ping", &first);
		call_at(0, "ping", &second);
		take_sent();
		message_pack_result(&wire, sent[0].msgid);
		pack_integer(&wire, 1);
		must_hex(&wire, "93 02 a1 78 91 80"); /* [2, "x", [{}]] */
		pack_refusal(sent[1].msgid);
		buf_clear(&golden, 0);
		buf_put(&golden, wire.data, wire.len);
		buf_clear(&wire, 0);
		len = golden.len;
		assert_true(customerd_core_feed(core, golden.data, cut, NULL));
		assert_int_equal(second.count, 0);
		assert_true(customerd_core_feed(
		    core, golden.data + cut, golden.len - cut, NULL));
		assert_int_equal(first.status, CUSTOMERD_OK);
		assert_int_equal(second.status, CUSTOMERD_REFUSED);
	}
	buf_fini(&golden);
}

static void
a_reply_cut_short_by_the_end_leaves_a_write_unknown(void **state)
{
	struct ending write;

	(void)state;
	call_at(0, "customer.update", &write);
	take_sent();
	pack_refusal(sent[0].msgid);
	assert_true(customerd_core_feed(core, wire.data, wire.len - 1, NULL));
	hang_up();
	assert_int_equal(write.status, CUSTOMERD_UNKNOWN);
	assert_string_equal(write.error.code, "CONNECTION_LOST");
	assert_false(write.error.retryable);
}

static void
an_answer_larger_than_permitted_breaks_the_connection(void **state)
{
	static char            much[1 << 20];
	struct customerd_error error;
	struct ending          ping;

	(void)state;
	call_at(0, "ping", &ping);
	take_sent();
	message_pack_result(&wire, sent[0].msgid);
	pack_text(&wire, slice_of(much, sizeof(much)));
	assert_false(feed_wire(&error));
	assert_string_equal(error.code, "PROTOCOL");
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, core_set_up_greeted, core_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_refusal_names_its_code_and_the_field),
		TEST(an_error_that_cannot_be_understood_is_no_success),
		TEST(the_servers_own_unknown_is_ours),
		TEST(control_characters_never_reach_a_message),
		TEST(answers_nobody_waits_for_are_ignored),
		TEST(an_answer_before_the_request_is_ignored),
		TEST(what_is_no_message_breaks_the_connection),
		TEST(every_truncation_of_a_reply_waits_for_the_rest),
		TEST(a_reply_cut_short_by_the_end_leaves_a_write_unknown),
		TEST(an_answer_larger_than_permitted_breaks_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
