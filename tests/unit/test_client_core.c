/* client: the core, without any socket: bytes in, bytes out. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/customerd.h"
#include "proto/message.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "proto/scan.h"
#include "tests/support/hex.h"

#define REQUESTS_MAX 2048u

/* How one call ended. */
struct ending {
	unsigned               count; /* how often, which must be once */
	enum customerd_status  status;
	int64_t                result; /* when it is an integer */
	struct customerd_error error;
};

static struct customerd_core *core;
static struct buf             wire; /* what the server sends next */
static struct message         sent[REQUESTS_MAX];
static unsigned               sent_count;
static struct buf             sent_bytes;
static bool                   is_over; /* the endings of the test are gone */

static void
on_end(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct ending *ending = user;

	if (is_over)
		return;
	ending->count++;
	ending->status = status;
	customerd_get_integer(result, "", &ending->result);
	if (error != NULL)
		ending->error = *error;
}

static struct ending
begin_and_forget(void)
{
	return (struct ending){ .result = -1 };
}

/* Take what the core sends, and note the messages in it. */
static void
take_sent(void)
{
	const struct scan_limits limits = { 2 << 20, 16, 65536 };
	struct customerd_slice   out;
	size_t                   at = 0, len;

	buf_clear(&sent_bytes, 0);
	sent_count = 0;
	while ((out = customerd_core_output(core)).len > 0) {
		buf_put(&sent_bytes, out.data, out.len);
		customerd_core_sent(core, out.len);
	}
	while (at < sent_bytes.len) {
		struct scan scan;

		scan_init(&scan, &limits);
		assert_int_equal(
		    scan_feed(&scan,
			slice_of(sent_bytes.data + at, sent_bytes.len - at), &len),
		    SCAN_DONE);
		assert_true(sent_count < REQUESTS_MAX);
		assert_int_equal(message_decode(&sent[sent_count++],
				     slice_of(sent_bytes.data + at, len)),
		    STATUS_OK);
		at += len;
	}
}

static bool
feed_wire(struct customerd_error *error)
{
	bool is_good = customerd_core_feed(core, wire.data, wire.len, error);

	buf_clear(&wire, 0);
	return is_good;
}

/* The server answers MSGID with VALUE. */
static void
answer(uint32_t msgid, int64_t value)
{
	message_pack_result(&wire, msgid);
	pack_integer(&wire, value);
	assert_true(feed_wire(NULL));
}

static void
hang_up(void)
{
	struct customerd_error error = { "CONNECTION_LOST", "the cable",
		.retryable = true };

	customerd_core_disconnected(core, &error);
}

/* A new connection, on which the server greets back. */
static void
greet(unsigned window)
{
	struct ending hello = begin_and_forget();

	assert_int_equal(
	    customerd_core_hello(core, "token", NULL, on_end, &hello, NULL),
	    CUSTOMERD_OK);
	take_sent();
	assert_int_equal(sent_count, 1);
	assert_true(slice_equal(sent[0].method, SLICE("hello")));
	message_pack_result(&wire, sent[0].msgid);
	pack_map(&wire, 1);
	pack_literal(&wire, "limits");
	pack_map(&wire, 1);
	pack_literal(&wire, "inflight_max");
	pack_integer(&wire, window);
	assert_true(feed_wire(NULL));
	assert_int_equal(hello.status, CUSTOMERD_OK);
}

static int
set_up(void **state)
{
	const struct customerd_options options = { .call_timeout_ms = 1000,
		.answer_bytes_max = 1 << 20 };

	(void)state;
	is_over = false;
	buf_init(&wire, 4 << 20);
	buf_init(&sent_bytes, 4 << 20);
	return customerd_core_new(&core, &options, NULL);
}

static int
set_up_greeted(void **state)
{
	set_up(state);
	greet(128);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	is_over = true;
	customerd_core_free(core);
	buf_fini(&wire);
	buf_fini(&sent_bytes);
	return 0;
}

static uint32_t
call_at(int64_t now_ms, const char *method, struct ending *ending)
{
	const struct customerd_call call = { .method = method };
	uint32_t                    id = 0;

	*ending = begin_and_forget();
	assert_int_equal(
	    customerd_core_call(core, &call, now_ms, on_end, ending, &id, NULL),
	    CUSTOMERD_OK);
	return id;
}

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
	struct ending ping, hello = begin_and_forget();

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
	*ending = begin_and_forget();
	status = customerd_core_call(core, &call, 0, on_end, ending, NULL, error);
	buf_fini(&args);
	return status;
}

/* It would end the connection, and with it all other calls. */
static void
what_is_too_large_for_a_server_that_does_not_know_us_is_not_sent(void **state)
{
	struct customerd_error error;
	struct ending          hello = begin_and_forget(), small, large, other;

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
		"94 01 05 c0 91 91 91 91 91 91 91 91 91 91 91 91 91 91 91 91 "
		"91",                         /* deep
					       */
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
	struct ending               ping = begin_and_forget();

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
	struct ending               write = begin_and_forget();

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
	struct ending               second = begin_and_forget();

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_greeted, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_ends_with_its_answer),
		TEST(answers_may_come_in_any_order),
		TEST(everything_of_a_call_reaches_the_server),
		cmocka_unit_test_setup_teardown(
		    nothing_is_sent_before_the_server_has_greeted_back, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    no_more_is_sent_than_the_server_takes_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_is_too_large_for_a_server_that_does_not_know_us_is_not_sent,
		    set_up, tear_down),
		TEST(a_server_that_knows_us_takes_a_mebibyte),
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
		TEST(a_late_call_ends_and_its_answer_is_ignored),
		TEST(a_call_that_waits_in_vain_was_not_sent),
		TEST(without_a_limit_a_call_waits_for_ever),
		TEST(a_cancelled_call_ends_at_once),
		TEST(a_read_is_repeated_and_a_write_is_not),
		TEST(a_write_under_a_key_is_repeated),
		TEST(a_write_of_which_nothing_was_sent_waits_for_the_next_connection),
		cmocka_unit_test_setup_teardown(
		    repeats_come_first_and_in_order, set_up, tear_down),
		TEST(repeats_are_bounded),
		TEST(where_nobody_answers_calls_are_given_up_as_not_sent),
		TEST(what_the_server_said_last_explains_the_end),
		TEST(notifications_are_handed_on),
		TEST(a_callback_may_call_again),
		TEST(a_callback_may_free_the_handle),
		cmocka_unit_test_setup_teardown(
		    freed_calls_end_exactly_once, set_up, tear_down),
		TEST(bad_calls_are_refused_before_anything_is_sent),
		TEST(what_cannot_be_queued_is_refused),
		cmocka_unit_test_setup_teardown(
		    a_full_queue_is_sent_when_the_connection_comes, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
