/* message: the envelope of MessagePack-RPC. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "proto/message.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "tests/support/hex.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TRACEPARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static struct buf     frame;
static struct message message;

static int
set_up(void **state)
{
	(void)state;
	buf_init(&frame, 1 << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_fini(&frame);
	return 0;
}

static enum status
decode_hex(const char *hex)
{
	buf_clear(&frame, 0);
	return message_decode(&message, must_hex(&frame, hex));
}

/* Begin a request with one empty map of arguments; the meta is packed next. */
static void
pack_before_meta(void)
{
	buf_clear(&frame, 0);
	message_pack_request(&frame, 7, SLICE("ping"));
	pack_array(&frame, 2);
	pack_map(&frame, 0);
}

static enum status
decode_meta(const char *key, struct slice value)
{
	pack_before_meta();
	pack_map(&frame, 1);
	pack_text(&frame, slice_text(key));
	pack_raw(&frame, value);
	return message_decode(&message, buf_slice(&frame));
}

static enum status
decode_meta_integer(const char *key, int64_t value)
{
	char       room[16];
	size_t     len;
	struct buf packed;

	buf_init(&packed, sizeof(room));
	pack_integer(&packed, value);
	len = packed.len;
	memcpy(room, packed.data, len);
	buf_fini(&packed);
	return decode_meta(key, slice_of(room, len));
}

/* A text of LEN times the letter k. */
static enum status
decode_meta_text(const char *key, size_t len)
{
	static char letters[1024];

	assert_true(len <= sizeof(letters));
	memset(letters, 'k', sizeof(letters));
	pack_before_meta();
	pack_map(&frame, 1);
	pack_text(&frame, slice_text(key));
	pack_text(&frame, slice_of(letters, len));
	return message_decode(&message, buf_slice(&frame));
}

static void
must_be_invalid(enum status status, const char *meta_key)
{
	assert_int_equal(status, STATUS_INVALID);
	assert_string_equal(message.meta_key, meta_key);
	assert_int_equal(message.type, MESSAGE_REQUEST);
	assert_int_equal(message.msgid, 7);
	assert_true(slice_equal(message.method, SLICE("ping")));
}

static void
pack_request_with_all(void)
{
	buf_clear(&frame, 0);
	message_pack_request(&frame, UINT32_MAX, SLICE("customer.get"));
	pack_array(&frame, 2);
	pack_map(&frame, 1);
	pack_literal(&frame, "id");
	pack_integer(&frame, 123);
	pack_map(&frame, 5);
	pack_literal(&frame, "token");
	pack_literal(&frame, "secret");
	pack_literal(&frame, "timeout_ms");
	pack_integer(&frame, 50);
	pack_literal(&frame, "idempotency_key");
	pack_literal(&frame, "once");
	pack_literal(&frame, "dry_run");
	pack_bool(&frame, true);
	pack_literal(&frame, "traceparent");
	pack_literal(&frame, TRACEPARENT);
}

static void
must_have_all(void)
{
	assert_int_equal(message.type, MESSAGE_REQUEST);
	assert_int_equal(message.msgid, UINT32_MAX);
	assert_true(slice_equal(message.method, SLICE("customer.get")));
	assert_true(slice_equal(message.args, SLICE("\x81\xa2id\x7b")));
	assert_true(slice_equal(message.meta.token, SLICE("secret")));
	assert_true(slice_equal(message.meta.idempotency_key, SLICE("once")));
	assert_true(slice_equal(message.meta.traceparent, SLICE(TRACEPARENT)));
	assert_int_equal(message.meta.timeout_ms, 50);
	assert_true(message.meta.dry_run);
	assert_null(message.meta_key);
}

static void
a_request_is_taken_apart(void **state)
{
	(void)state;
	pack_request_with_all();
	assert_int_equal(message_decode(&message, buf_slice(&frame)), STATUS_OK);
	must_have_all();
}

static void
a_decoded_message_moves_with_its_bytes(void **state)
{
	char copy[512];

	(void)state;
	pack_request_with_all();
	assert_int_equal(message_decode(&message, buf_slice(&frame)), STATUS_OK);
	assert_true(frame.len <= sizeof(copy));
	memcpy(copy, frame.data, frame.len);
	message_move(&message, frame.data, copy);
	memset(frame.data, 0, frame.len);
	must_have_all();
}

static void
params_may_be_short(void **state)
{
	/* [], [{}], [nil], [{}, nil], [nil, nil], [{}, {}], [nil, {}] */
	static const struct {
		const char *hex;
		size_t      args_len;
	} params[] = {
		{ "94 00 07 a4 70 69 6e 67 90", 0 },
		{ "94 00 07 a4 70 69 6e 67 91 80", 1 },
		{ "94 00 07 a4 70 69 6e 67 91 c0", 0 },
		{ "94 00 07 a4 70 69 6e 67 92 80 c0", 1 },
		{ "94 00 07 a4 70 69 6e 67 92 c0 c0", 0 },
		{ "94 00 07 a4 70 69 6e 67 92 80 80", 1 },
		{ "94 00 07 a4 70 69 6e 67 92 c0 80", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(params); i++) {
		assert_int_equal(decode_hex(params[i].hex), STATUS_OK);
		assert_int_equal(message.args.len, params[i].args_len);
		assert_int_equal(message.meta.token.len, 0);
		assert_int_equal(message.meta.timeout_ms, 0);
		assert_false(message.meta.dry_run);
	}
}

static void
params_of_another_form_are_invalid_but_can_be_answered(void **state)
{
	/* {}, nil, "", 1, [1], [[]], ["x"], [{}, 1], [{}, []], [{}, {}, {}], [nil * 3]
	 */
	static const char *const params[] = { "80", "c0", "a0", "01", "91 01", "91 90",
		"91 a1 78", "92 80 01", "92 80 90", "93 80 80 80", "93 c0 c0 c0" };

	(void)state;
	for (size_t i = 0; i < COUNT(params); i++) {
		char hex[100] = "94 00 07 a4 70 69 6e 67 ";

		must_be_invalid(decode_hex(strcat(hex, params[i])), "params");
	}
}

static void
what_is_no_message_is_malformed(void **state)
{
	static const char *const frames[] = {
		"",
		/* "G" of "GET / HTTP/1.1", and the first byte of TLS */
		"47",
		"16",
		"c0",
		"80",
		"90",
		"a0",
		/* arrays of one, three and five */
		"91 00",
		"93 00 07 a1 78",
		"95 00 07 a1 78 90 90",
		"93 01 07 c0",
		"95 01 07 c0 c0 c0",
		"92 02 a1 78",
		"94 02 a1 78 90 90",
		/* types 3, -1, "0", 0.0, nil, 2^64 - 1 */
		"94 03 07 a1 78 90",
		"94 ff 07 a1 78 90",
		"94 a1 30 07 a1 78 90",
		"94 cb 00 00 00 00 00 00 00 00 07 a1 78 90",
		"94 c0 07 a1 78 90",
		"94 cf ff ff ff ff ff ff ff ff 07 a1 78 90",
		/* ids -1, 2^32, 2^64 - 1, 1.0, "7", nil, true */
		"94 00 ff a1 78 90",
		"94 00 cf 00 00 00 01 00 00 00 00 a1 78 90",
		"94 00 cf ff ff ff ff ff ff ff ff a1 78 90",
		"94 00 cb 3f f0 00 00 00 00 00 00 a1 78 90",
		"94 00 a1 37 a1 78 90",
		"94 00 c0 a1 78 90",
		"94 00 c3 a1 78 90",
		"94 01 ff c0 c0",
		/* methods 1, nil, [] */
		"94 00 07 01 90",
		"94 00 07 c0 90",
		"94 00 07 90 90",
		"93 02 01 90",
		"93 02 c0 90",
		/* one byte too many */
		"94 00 07 a1 78 90 c0",
		"94 01 07 c0 c0 c0",
		"93 02 a1 78 90 c0",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(frames); i++)
		assert_int_equal(decode_hex(frames[i]), STATUS_MALFORMED);
}

static void
a_message_cut_short_is_malformed(void **state)
{
	(void)state;
	decode_meta_integer("timeout_ms", 1000);
	for (size_t len = 0; len < frame.len; len++)
		assert_int_equal(message_decode(&message, slice_of(frame.data, len)),
		    STATUS_MALFORMED);
	assert_int_equal(message_decode(&message, buf_slice(&frame)), STATUS_OK);
}

static void
an_id_may_come_in_any_width(void **state)
{
	static const char *const ids[] = { "07", "cc 07", "cd 00 07", "ce 00 00 00 07",
		"cf 00 00 00 00 00 00 00 07", "d0 07", "d1 00 07", "d2 00 00 00 07",
		"d3 00 00 00 00 00 00 00 07" };

	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++) {
		char hex[100] = "94 00 ";

		strcat(strcat(hex, ids[i]), " a1 78 90");
		assert_int_equal(decode_hex(hex), STATUS_OK);
		assert_int_equal(message.msgid, 7);
	}
}

static void
a_method_may_be_bin_and_of_any_length(void **state)
{
	static char long_name[10240];

	(void)state;
	assert_int_equal(decode_hex("94 00 07 c4 04 70 69 6e 67 90"), STATUS_OK);
	assert_true(slice_equal(message.method, SLICE("ping")));
	assert_int_equal(decode_hex("94 00 07 a0 90"), STATUS_OK);
	assert_int_equal(message.method.len, 0);
	assert_int_equal(decode_hex("94 00 07 a3 61 00 62 90"), STATUS_OK);
	assert_int_equal(message.method.len, 3);
	buf_clear(&frame, 0);
	memset(long_name, 'x', sizeof(long_name));
	message_pack_request(&frame, 7, slice_of(long_name, sizeof(long_name)));
	pack_array(&frame, 0);
	assert_int_equal(message_decode(&message, buf_slice(&frame)), STATUS_OK);
	assert_int_equal(message.method.len, sizeof(long_name));
}

static void
nil_for_a_meta_key_is_none(void **state)
{
	static const char *const keys[] = { "token", "idempotency_key", "traceparent",
		"timeout_ms", "dry_run" };

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++)
		assert_int_equal(decode_meta(keys[i], SLICE("\xc0")), STATUS_OK);
}

static void
a_meta_key_comes_once(void **state)
{
	static const char *const keys[] = { "token", "idempotency_key", "traceparent",
		"timeout_ms", "dry_run" };

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		pack_before_meta();
		pack_map(&frame, 2);
		for (int twice = 0; twice < 2; twice++) {
			pack_text(&frame, slice_text(keys[i]));
			pack_nil(&frame);
		}
		must_be_invalid(message_decode(&message, buf_slice(&frame)), keys[i]);
	}
}

static void
unknown_meta_keys_are_ignored(void **state)
{
	/* {"x": [{}], 1: nil, bin "token": 1, nil: 1, []: 1, "": 1, "dry_run": true} */
	static const char meta[] = "87 a1 78 91 80 01 c0 c4 05 74 6f 6b 65 6e 01 c0 01"
				   " 90 01 a0 01 a7 64 72 79 5f 72 75 6e c3";

	(void)state;
	pack_before_meta();
	must_hex(&frame, meta);
	assert_int_equal(message_decode(&message, buf_slice(&frame)), STATUS_OK);
	assert_true(message.meta.dry_run);
	assert_int_equal(message.meta.token.len, 0);
}

static void
meta_values_of_another_type_are_invalid(void **state)
{
	/* By what is right for it: 1 text, 2 integer, 4 boolean. */
	static const struct {
		struct slice value;
		unsigned     types;
	} values[] = {
		{ { "\xa1k", 2 }, 1 },
		{ { "\x01", 1 }, 2 },
		{ { "\xc3", 1 }, 4 },
		{ { "\xc4\x01k", 3 }, 0 },
		{ { "\xca\x3f\x80\0\0", 5 }, 0 },
		{ { "\x91\x01", 2 }, 0 },
		{ { "\x81\xa1k\x01", 4 }, 0 },
		{ { "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9 }, 0 },
	};
	static const struct {
		const char *key;
		unsigned    type;
	} keys[] = { { "token", 1 }, { "idempotency_key", 1 }, { "timeout_ms", 2 },
		{ "dry_run", 4 } };

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++)
		for (size_t j = 0; j < COUNT(keys); j++) {
			enum status status = decode_meta(keys[j].key, values[i].value);

			if (values[i].types & keys[j].type)
				assert_int_equal(status, STATUS_OK);
			else
				must_be_invalid(status, keys[j].key);
		}
}

static void
meta_values_are_bounded(void **state)
{
	(void)state;
	assert_int_equal(decode_meta_text("token", 1), STATUS_OK);
	assert_int_equal(decode_meta_text("token", TOKEN_BYTES_MAX), STATUS_OK);
	assert_int_equal(message.meta.token.len, TOKEN_BYTES_MAX);
	must_be_invalid(decode_meta_text("token", 0), "token");
	must_be_invalid(decode_meta_text("token", TOKEN_BYTES_MAX + 1), "token");
	assert_int_equal(decode_meta_text("idempotency_key", 255), STATUS_OK);
	must_be_invalid(decode_meta_text("idempotency_key", 0), "idempotency_key");
	must_be_invalid(decode_meta_text("idempotency_key", 256), "idempotency_key");
	assert_int_equal(decode_meta_integer("timeout_ms", 1), STATUS_OK);
	assert_int_equal(decode_meta_integer("timeout_ms", TIMEOUT_MS_MAX), STATUS_OK);
	assert_int_equal(message.meta.timeout_ms, TIMEOUT_MS_MAX);
	must_be_invalid(decode_meta_integer("timeout_ms", 0), "timeout_ms");
	must_be_invalid(decode_meta_integer("timeout_ms", -1), "timeout_ms");
	must_be_invalid(
	    decode_meta_integer("timeout_ms", TIMEOUT_MS_MAX + 1), "timeout_ms");
}

static void
a_traceparent_that_is_not_understood_is_ignored(void **state)
{
	static const char good[] = TRACEPARENT;
	static const char zero_trace[] =
	    "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
	static const char zero_span[] =
	    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01";
	char text[] = "\xd9\x37" TRACEPARENT;

	(void)state;
	for (size_t at = 0; at < sizeof(good) - 1; at++) {
		text[2 + at] = 'G';
		assert_int_equal(
		    decode_meta("traceparent", slice_text(text)), STATUS_OK);
		assert_int_equal(message.meta.traceparent.len, 0);
		text[2 + at] = good[at];
	}
	assert_int_equal(decode_meta("traceparent", slice_text(text)), STATUS_OK);
	assert_int_equal(message.meta.traceparent.len, TRACEPARENT_BYTES_MAX);
	memcpy(text + 2, zero_trace, TRACEPARENT_BYTES_MAX);
	assert_int_equal(decode_meta("traceparent", slice_text(text)), STATUS_OK);
	assert_int_equal(message.meta.traceparent.len, 0);
	memcpy(text + 2, zero_span, TRACEPARENT_BYTES_MAX);
	assert_int_equal(decode_meta("traceparent", slice_text(text)), STATUS_OK);
	assert_int_equal(message.meta.traceparent.len, 0);
	assert_int_equal(decode_meta_text("traceparent", 56), STATUS_OK);
	assert_int_equal(message.meta.traceparent.len, 0);
	assert_int_equal(decode_meta("traceparent", SLICE("\x91\x01")), STATUS_OK);
	assert_int_equal(message.meta.traceparent.len, 0);
}

static void
a_response_is_taken_apart(void **state)
{
	(void)state;
	buf_clear(&frame, 0);
	message_pack_result(&frame, 7);
	pack_integer(&frame, 42);
	assert_int_equal(message_decode(&message, buf_slice(&frame)), STATUS_OK);
	assert_int_equal(message.type, MESSAGE_RESPONSE);
	assert_int_equal(message.msgid, 7);
	assert_true(slice_equal(message.error, SLICE("\xc0")));
	assert_true(slice_equal(message.result, SLICE("\x2a")));

	buf_clear(&frame, 0);
	message_pack_error(&frame, 8);
	pack_map(&frame, 1);
	pack_literal(&frame, "code");
	pack_literal(&frame, "BUSY");
	pack_nil(&frame);
	assert_int_equal(message_decode(&message, buf_slice(&frame)), STATUS_OK);
	assert_int_equal(message.msgid, 8);
	assert_true(slice_equal(message.error, SLICE("\x81\xa4"
						     "code\xa4"
						     "BUSY")));
	assert_true(slice_equal(message.result, SLICE("\xc0")));
}

static void
a_notification_is_taken_apart_and_its_params_are_not_judged(void **state)
{
	(void)state;
	buf_clear(&frame, 0);
	message_pack_notification(&frame, SLICE("cancel"));
	pack_array(&frame, 1);
	pack_integer(&frame, 9);
	assert_int_equal(message_decode(&message, buf_slice(&frame)), STATUS_OK);
	assert_int_equal(message.type, MESSAGE_NOTIFICATION);
	assert_true(slice_equal(message.method, SLICE("cancel")));
	assert_true(slice_equal(message.args, SLICE("\x09")));
	/* As pynvim sends it: a method that is bin, five params. */
	assert_int_equal(decode_hex("93 02 c4 01 78 95 a1 79 80 a0 80 80"), STATUS_OK);
	assert_true(slice_equal(message.method, SLICE("x")));
	assert_true(slice_equal(message.args, SLICE("\xa1y")));
	assert_int_equal(decode_hex("93 02 a1 78 90"), STATUS_OK);
	assert_int_equal(message.args.len, 0);
	assert_int_equal(decode_hex("93 02 a1 78 c0"), STATUS_OK);
	assert_int_equal(message.args.len, 0);
	assert_int_equal(decode_hex("93 02 a1 78 81 c0 c0"), STATUS_OK);
	assert_int_equal(message.args.len, 0);
}

#define message_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		message_test(a_request_is_taken_apart),
		message_test(a_decoded_message_moves_with_its_bytes),
		message_test(params_may_be_short),
		message_test(params_of_another_form_are_invalid_but_can_be_answered),
		message_test(what_is_no_message_is_malformed),
		message_test(a_message_cut_short_is_malformed),
		message_test(an_id_may_come_in_any_width),
		message_test(a_method_may_be_bin_and_of_any_length),
		message_test(nil_for_a_meta_key_is_none),
		message_test(a_meta_key_comes_once),
		message_test(unknown_meta_keys_are_ignored),
		message_test(meta_values_of_another_type_are_invalid),
		message_test(meta_values_are_bounded),
		message_test(a_traceparent_that_is_not_understood_is_ignored),
		message_test(a_response_is_taken_apart),
		message_test(
		    a_notification_is_taken_apart_and_its_params_are_not_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
