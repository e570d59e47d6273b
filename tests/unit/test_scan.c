/* scan: where a message ends, and whether it keeps the bounds. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "proto/scan.h"
#include "tests/support/hex.h"
#include "tests/support/oracle.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct scan_limits all_limits = {
	FRAME_BYTES_MAX,
	FRAME_DEPTH_MAX,
	FRAME_ELEMENTS_MAX,
};

/* Every form that is permitted, and some messages as clients send them. */
static const char *const accepted[] = {
	"00",
	"7f",
	"e0",
	"ff",
	"c0",
	"c2",
	"c3",
	"cc 80",
	"cd ff ff",
	"ce ff ff ff ff",
	"cf ff ff ff ff ff ff ff ff",
	"d0 80",
	"d1 80 00",
	"d2 80 00 00 00",
	"d3 80 00 00 00 00 00 00 00",
	"d3 00 00 00 00 00 00 00 01",
	"ca 3f 80 00 00",
	"cb 7f f8 00 00 00 00 00 00",
	"a0",
	"a1 61",
	"d9 00",
	"d9 01 61",
	"da 00 00",
	"da 00 02 61 62",
	"db 00 00 00 00",
	"db 00 00 00 03 61 62 63",
	"c4 00",
	"c4 01 61",
	"c5 00 00",
	"c5 00 01 61",
	"c6 00 00 00 00",
	"c6 00 00 00 01 61",
	"90",
	"91 90",
	"92 90 80",
	"dc 00 00",
	"dc 00 02 01 a0",
	"dd 00 00 00 00",
	"dd 00 00 00 01 dd 00 00 00 00",
	"80",
	"81 a1 61 80",
	"82 a1 61 90 a1 62 d9 00",
	"de 00 00",
	"de 00 01 a1 61 c0",
	"df 00 00 00 00",
	"df 00 00 00 01 90 db 00 00 00 00",
	"81 81 c0 c0 91 91 90",
	/* [0, 1, "ping", []] */
	"94 00 01 a4 70 69 6e 67 90",
	/* [2, bin "nvim_set_client_info", ["x", {}, "remote", {}, {}]] */
	"93 02 c4 14 6e 76 69 6d 5f 73 65 74 5f 63 6c 69 65 6e 74 5f 69 6e 66 6f"
	" 95 a1 78 80 a6 72 65 6d 6f 74 65 80 80",
	/* [0, 7, "customer.get", [{"id": 123}, {"timeout_ms": 50}]] */
	"94 00 07 ac 63 75 73 74 6f 6d 65 72 2e 67 65 74 92 81 a2 69 64 7b"
	" 81 aa 74 69 6d 65 6f 75 74 5f 6d 73 32",
};

/* Refused as soon as so many bytes are there: never a byte later. */
static const struct {
	const char *hex;
	size_t      refused_at;
	enum status status;
} refused[] = {
	{ "dd ff ff ff ff", 5, STATUS_TOO_LARGE },
	{ "dd 00 ff ff ff", 5, STATUS_TOO_LARGE },
	{ "df 00 ff ff ff", 5, STATUS_TOO_LARGE },
	{ "df 80 00 00 00", 5, STATUS_TOO_LARGE },
	{ "df ff ff ff ff", 5, STATUS_TOO_LARGE },
	{ "dd 00 10 00 00 dd 00 10 00 00 dd 00 10 00 00", 5, STATUS_TOO_LARGE },
	{ "91 dd 00 01 00 00", 6, STATUS_TOO_LARGE },
	{ "de 80 00 c0 c0", 3, STATUS_TOO_LARGE },
	{ "db ff ff ff ff 61", 5, STATUS_TOO_LARGE },
	{ "c6 ff ff ff ff 61", 5, STATUS_TOO_LARGE },
	{ "81 db 00 10 00 00 61", 6, STATUS_TOO_LARGE },
	{ "c7 00 ff", 1, STATUS_MALFORMED },
	{ "c7 0c ff 00 00 00 00 00 00 00 00 00 00 00 00", 1, STATUS_MALFORMED },
	{ "c8 00 01 7f 00", 1, STATUS_MALFORMED },
	{ "c9 ff ff ff ff 00", 1, STATUS_MALFORMED },
	{ "d4 00 00", 1, STATUS_MALFORMED },
	{ "d5 7f 00 00", 1, STATUS_MALFORMED },
	{ "d6 ff 00 00 00 00", 1, STATUS_MALFORMED },
	{ "d7 ff 00 00 00 00 00 00 00 00", 1, STATUS_MALFORMED },
	{ "d8 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", 1,
	    STATUS_MALFORMED },
	{ "93 00 d4 00 00 00", 3, STATUS_MALFORMED },
	{ "c1", 1, STATUS_MALFORMED },
	{ "91 c1", 2, STATUS_MALFORMED },
	{ "81 c1 00", 2, STATUS_MALFORMED },
	{ "81 a0 c1", 3, STATUS_MALFORMED },
};

static enum scan_result
scan_once(const struct scan_limits *limits, struct slice bytes, size_t *len,
    enum status *status)
{
	struct scan      scan;
	enum scan_result result;

	scan_init(&scan, limits);
	result = scan_feed(&scan, bytes, len);
	*status = scan_status(&scan);
	return result;
}

static void
must_accept(const struct scan_limits *limits, struct slice bytes)
{
	enum status status;
	size_t      len = 0;

	assert_int_equal(scan_once(limits, bytes, &len, &status), SCAN_DONE);
	assert_int_equal(len, bytes.len);
	assert_int_equal(status, STATUS_OK);
}

static void
must_refuse(const struct scan_limits *limits, struct slice bytes, enum status status)
{
	enum status actual;
	size_t      len;

	assert_int_equal(scan_once(limits, bytes, &len, &actual), SCAN_BAD);
	assert_int_equal(actual, status);
}

static void
a_message_cut_in_two_anywhere_is_the_same_message(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	for (size_t i = 0; i < COUNT(accepted); i++) {
		struct slice bytes = must_hex(&buf, accepted[i]);

		must_accept(&all_limits, bytes);
		for (size_t cut = 0; cut < bytes.len; cut++) {
			struct scan scan;
			size_t      len = 0;

			scan_init(&scan, &all_limits);
			assert_int_equal(
			    scan_feed(&scan, slice_of(bytes.data, cut), &len),
			    SCAN_MORE);
			assert_int_equal(scan_feed(&scan, bytes, &len), SCAN_DONE);
			assert_int_equal(len, bytes.len);
		}
		buf_clear(&buf, SIZE_MAX);
	}
	buf_fini(&buf);
}

static void
a_message_may_come_byte_by_byte_and_in_a_buffer_that_moves(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	for (size_t i = 0; i < COUNT(accepted); i++) {
		struct slice bytes = must_hex(&buf, accepted[i]);
		struct scan  scan;
		size_t       len = 0;

		scan_init(&scan, &all_limits);
		for (size_t end = 0; end <= bytes.len; end++) {
			char copy[200];

			memcpy(copy, bytes.data, end);
			assert_int_equal(scan_feed(&scan, slice_of(copy, end), &len),
			    end < bytes.len ? SCAN_MORE : SCAN_DONE);
			memset(copy, 0xc1, sizeof(copy));
		}
		assert_int_equal(len, bytes.len);
		buf_clear(&buf, SIZE_MAX);
	}
	buf_fini(&buf);
}

static void
what_follows_a_message_is_left_alone(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	for (size_t i = 0; i < COUNT(accepted); i++) {
		size_t       alone = must_hex(&buf, accepted[i]).len, len = 0;
		struct slice bytes = must_hex(&buf, "c1 dd ff ff ff ff");
		enum status  status;

		assert_int_equal(
		    scan_once(&all_limits, bytes, &len, &status), SCAN_DONE);
		assert_int_equal(len, alone);
		buf_clear(&buf, SIZE_MAX);
	}
	buf_fini(&buf);
}

static void
a_thousand_messages_in_one_buffer_are_found(void **state)
{
	struct buf   buf;
	struct slice rest;
	unsigned     count = 0;

	(void)state;
	buf_init(&buf, 1000000);
	for (unsigned i = 0; i < 1000; i++)
		must_hex(&buf, accepted[i % COUNT(accepted)]);
	for (rest = buf_slice(&buf); rest.len > 0; count++) {
		enum status status;
		size_t      len = 0;

		assert_int_equal(
		    scan_once(&all_limits, rest, &len, &status), SCAN_DONE);
		rest = slice_of(rest.data + len, rest.len - len);
	}
	assert_int_equal(count, 1000);
	buf_fini(&buf);
}

static void
what_is_not_permitted_is_refused_at_its_header(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct slice bytes = must_hex(&buf, refused[i].hex);
		struct scan  scan;
		size_t       len, end = 0;

		must_refuse(&all_limits, bytes, refused[i].status);
		scan_init(&scan, &all_limits);
		while (scan_feed(&scan, slice_of(bytes.data, end), &len) == SCAN_MORE)
			end++;
		assert_int_equal(end, refused[i].refused_at);
		assert_int_equal(scan_status(&scan), refused[i].status);
		/* There is no way back. */
		assert_int_equal(scan_feed(&scan, SLICE("\x90"), &len), SCAN_BAD);
		buf_clear(&buf, SIZE_MAX);
	}
	buf_fini(&buf);
}

/* DEPTH containers in one another: arrays, or maps in the values of maps. */
static struct slice
nested(struct buf *buf, unsigned depth, bool maps)
{
	buf_clear(buf, SIZE_MAX);
	for (unsigned i = 1; i < depth; i++)
		must_hex(buf, maps ? "81 c0" : "91");
	return must_hex(buf, maps ? "80" : "90");
}

static void
depth_is_bounded(void **state)
{
	static const unsigned too_deep[] = { 17, 18, 32, 33, 1000 };
	struct scan_limits    eight = { FRAME_BYTES_MAX, 8, FRAME_ELEMENTS_MAX };
	struct buf            buf;

	(void)state;
	buf_init(&buf, 10000);
	for (int maps = 0; maps < 2; maps++) {
		must_accept(&all_limits, nested(&buf, FRAME_DEPTH_MAX, maps));
		must_accept(&eight, nested(&buf, 8, maps));
		must_refuse(&eight, nested(&buf, 9, maps), STATUS_TOO_LARGE);
		for (size_t i = 0; i < COUNT(too_deep); i++) {
			struct slice bytes = nested(&buf, too_deep[i], maps);

			must_refuse(&all_limits, bytes, STATUS_TOO_LARGE);
		}
	}
	buf_fini(&buf);
}

static void
depth_is_counted_again_after_a_container_ends(void **state)
{
	struct scan_limits two = { 1000, 2, 1000 };
	struct buf         buf;

	(void)state;
	buf_init(&buf, 1000);
	must_accept(&two, must_hex(&buf, "94 91 c0 81 c0 c0 90 92 c0 c0"));
	buf_clear(&buf, 0);
	must_refuse(
	    &two, must_hex(&buf, "94 91 c0 81 c0 c0 90 92 c0 90"), STATUS_TOO_LARGE);
	buf_fini(&buf);
}

static void
a_message_may_fill_its_bound_of_bytes_exactly(void **state)
{
	struct scan_limits limits = { 10, 4, 100 };
	struct buf         buf;
	size_t             len;
	enum status        status;

	(void)state;
	buf_init(&buf, 1000);
	must_accept(&limits, must_hex(&buf, "a9 61 61 61 61 61 61 61 61 61"));
	/* A message that follows does not count. */
	must_hex(&buf, "90 90 90");
	assert_int_equal(scan_once(&limits, buf_slice(&buf), &len, &status), SCAN_DONE);
	assert_int_equal(len, 10);
	buf_clear(&buf, 0);
	must_refuse(&limits, must_hex(&buf, "aa"), STATUS_TOO_LARGE);
	buf_clear(&buf, 0);
	must_refuse(&limits, must_hex(&buf, "aa 61 61 61 61 61 61 61 61 61 61"),
	    STATUS_TOO_LARGE);
	buf_clear(&buf, 0);
	must_refuse(&limits, must_hex(&buf, "9a"), STATUS_TOO_LARGE);
	buf_fini(&buf);
}

static void
the_sum_of_what_is_promised_is_bounded_not_each_count(void **state)
{
	struct scan_limits limits = { 100, 16, 1000 };
	struct buf         buf;
	size_t             len;
	enum status        status;

	(void)state;
	buf_init(&buf, 1000);
	must_hex(&buf, "dc 00 3c");
	assert_int_equal(scan_once(&limits, buf_slice(&buf), &len, &status), SCAN_MORE);
	must_refuse(&limits, must_hex(&buf, "dc 00 3c"), STATUS_TOO_LARGE);
	/* 3 + 60 bytes, and a text of 37 instead of one of the 60: 100 in all. */
	buf_truncate(&buf, 3);
	must_hex(&buf, "d9 24");
	assert_int_equal(scan_once(&limits, buf_slice(&buf), &len, &status), SCAN_MORE);
	buf_truncate(&buf, 3);
	must_refuse(&limits, must_hex(&buf, "d9 25"), STATUS_TOO_LARGE);
	buf_fini(&buf);
}

static void
elements_are_bounded(void **state)
{
	const struct scan_limits before_login = {
		FRAME_BYTES_MAX_UNAUTHENTICATED,
		FRAME_DEPTH_MAX,
		FRAME_ELEMENTS_MAX,
	};
	struct scan_limits ten = { 1000, 16, 10 };
	struct buf         buf;
	size_t             len;
	enum status        status;

	(void)state;
	buf_init(&buf, 100000);
	/* An array of 65,535 nils: 65,536 elements, 65,538 bytes. */
	must_hex(&buf, "dc ff ff");
	must_refuse(&before_login, buf_slice(&buf), STATUS_TOO_LARGE);
	assert_int_equal(
	    scan_once(&all_limits, buf_slice(&buf), &len, &status), SCAN_MORE);
	memset(buf_reserve(&buf, 65535), 0xc0, 65535);
	buf.len += 65535;
	must_accept(&all_limits, buf_slice(&buf));
	buf_clear(&buf, 0);
	must_refuse(&all_limits, must_hex(&buf, "91 dc ff ff"), STATUS_TOO_LARGE);
	buf_clear(&buf, 0);
	must_refuse(&all_limits, must_hex(&buf, "93 90 c0 dc ff ff"), STATUS_TOO_LARGE);
	buf_clear(&buf, 0);
	must_accept(&ten, must_hex(&buf, "95 94 c0 c0 c0 c0 c0 c0 c0 c0"));
	buf_clear(&buf, 0);
	must_refuse(&ten, must_hex(&buf, "95 95"), STATUS_TOO_LARGE);
	buf_fini(&buf);
}

/* A small generator, so that a failure can be repeated. */
static uint32_t
next_random(uint32_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return *random;
}

static void
must_agree(struct slice bytes)
{
	size_t           len = 0, other_len = 0;
	enum status      status;
	enum scan_result result = scan_once(&all_limits, bytes, &len, &status);

	if (result == SCAN_BAD)
		return;
	assert_int_equal(oracle_mpack(bytes, &other_len), result);
	if (result == SCAN_MORE)
		return;
	assert_int_equal(other_len, len);
	assert_int_equal(oracle_msgpack(bytes, &other_len), SCAN_DONE);
	assert_int_equal(other_len, len);
}

static void
libmpack_and_msgpack_agree_with_what_is_accepted(void **state)
{
	uint32_t   random = 20261121;
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	for (size_t i = 0; i < COUNT(accepted); i++) {
		must_agree(must_hex(&buf, accepted[i]));
		for (int mutation = 0; mutation < 1000; mutation++) {
			buf_clear(&buf, SIZE_MAX);
			must_hex(&buf, accepted[i]);
			for (int change = 0; change < 3; change++)
				buf.data[next_random(&random) % buf.len] =
				    (char)next_random(&random);
			must_hex(
			    &buf, accepted[next_random(&random) % COUNT(accepted)]);
			must_agree(buf_slice(&buf));
		}
		buf_clear(&buf, SIZE_MAX);
	}
	buf_fini(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_cut_in_two_anywhere_is_the_same_message),
		cmocka_unit_test(
		    a_message_may_come_byte_by_byte_and_in_a_buffer_that_moves),
		cmocka_unit_test(what_follows_a_message_is_left_alone),
		cmocka_unit_test(a_thousand_messages_in_one_buffer_are_found),
		cmocka_unit_test(what_is_not_permitted_is_refused_at_its_header),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(depth_is_counted_again_after_a_container_ends),
		cmocka_unit_test(a_message_may_fill_its_bound_of_bytes_exactly),
		cmocka_unit_test(the_sum_of_what_is_promised_is_bounded_not_each_count),
		cmocka_unit_test(elements_are_bounded),
		cmocka_unit_test(libmpack_and_msgpack_agree_with_what_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
