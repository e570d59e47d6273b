/* pack: MessagePack into a buf, in its shortest form. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/pack.h"
#include "proto/reader.h"
#include "tests/support/hex.h"
#include "tests/support/oracle.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct buf packed, expected;

static int
set_up(void **state)
{
	(void)state;
	buf_init(&packed, 1 << 20);
	buf_init(&expected, 1 << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_fini(&packed);
	buf_fini(&expected);
	return 0;
}

/* What was packed since the last call is the bytes of HEX. */
static void
must_be(const char *hex)
{
	assert_false(packed.failed);
	must_hex(&expected, hex);
	assert_int_equal(packed.len, expected.len);
	assert_memory_equal(packed.data, expected.data, expected.len);
	buf_clear(&packed, SIZE_MAX);
	buf_clear(&expected, SIZE_MAX);
}

static void
nil_and_booleans_are_one_byte(void **state)
{
	(void)state;
	pack_nil(&packed);
	pack_bool(&packed, false);
	pack_bool(&packed, true);
	must_be("c0 c2 c3");
}

static const struct {
	int64_t     value;
	const char *hex;
} integers[] = {
	{ 0, "00" },
	{ 127, "7f" },
	{ 128, "cc 80" },
	{ 255, "cc ff" },
	{ 256, "cd 01 00" },
	{ 65535, "cd ff ff" },
	{ 65536, "ce 00 01 00 00" },
	{ 4294967295, "ce ff ff ff ff" },
	{ 4294967296, "cf 00 00 00 01 00 00 00 00" },
	{ 9007199254740991, "cf 00 1f ff ff ff ff ff ff" },
	{ INT64_MAX, "cf 7f ff ff ff ff ff ff ff" },
	{ -1, "ff" },
	{ -32, "e0" },
	{ -33, "d0 df" },
	{ -128, "d0 80" },
	{ -129, "d1 ff 7f" },
	{ -32768, "d1 80 00" },
	{ -32769, "d2 ff ff 7f ff" },
	{ INT32_MIN, "d2 80 00 00 00" },
	{ INT32_MIN - 1LL, "d3 ff ff ff ff 7f ff ff ff" },
	{ INT64_MIN, "d3 80 00 00 00 00 00 00 00" },
};

static void
an_integer_takes_its_shortest_form_and_comes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(integers); i++) {
		struct reader reader;
		int64_t       value = 1234;

		pack_integer(&packed, integers[i].value);
		reader_init(&reader, buf_slice(&packed));
		assert_true(reader_integer(&reader, &value));
		assert_true(value == integers[i].value);
		must_be(integers[i].hex);
	}
}

static void
a_number_is_a_float64(void **state)
{
	(void)state;
	pack_number(&packed, 1.0);
	pack_number(&packed, -0.0);
	must_be("cb 3f f0 00 00 00 00 00 00 cb 80 00 00 00 00 00 00 00");
}

static const struct {
	size_t      len;
	const char *text, *bytes; /* heads */
} lengths[] = {
	{ 0, "a0", "c4 00" },
	{ 1, "a1", "c4 01" },
	{ 31, "bf", "c4 1f" },
	{ 32, "d9 20", "c4 20" },
	{ 255, "d9 ff", "c4 ff" },
	{ 256, "da 01 00", "c5 01 00" },
	{ 65535, "da ff ff", "c5 ff ff" },
	{ 65536, "db 00 01 00 00", "c6 00 01 00 00" },
};

static void
text_and_bytes_take_the_shortest_head(void **state)
{
	static char body[65536];

	(void)state;
	memset(body, 'x', sizeof(body));
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct slice slice =
		    slice_of(lengths[i].len > 0 ? body : NULL, lengths[i].len);

		pack_text(&packed, slice);
		must_hex(&expected, lengths[i].text);
		buf_put(&expected, slice.data, slice.len);
		must_be("");
		pack_bytes(&packed, slice);
		must_hex(&expected, lengths[i].bytes);
		buf_put(&expected, slice.data, slice.len);
		must_be("");
	}
	pack_literal(&packed, "id");
	must_be("a2 69 64");
}

static void
a_container_takes_the_shortest_head(void **state)
{
	static const uint32_t counts[] = { 0, 15, 16, 65535, 65536, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < COUNT(counts); i++)
		pack_array(&packed, counts[i]);
	must_be("90 9f dc 00 10 dc ff ff dd 00 01 00 00 dd ff ff ff ff");
	for (size_t i = 0; i < COUNT(counts); i++)
		pack_map(&packed, counts[i]);
	must_be("80 8f de 00 10 de ff ff df 00 01 00 00 df ff ff ff ff");
}

static void
what_is_packed_already_is_copied(void **state)
{
	(void)state;
	pack_array(&packed, 2);
	pack_raw(&packed, SLICE("\x91\x01"));
	pack_raw(&packed, slice_of(NULL, 0));
	pack_nil(&packed);
	must_be("92 91 01 c0");
}

static void
a_count_may_be_given_afterwards(void **state)
{
	size_t array, map;

	(void)state;
	pack_nil(&packed);
	array = pack_array_open(&packed);
	map = pack_map_open(&packed);
	pack_literal(&packed, "a");
	pack_integer(&packed, 1);
	pack_map_close(&packed, map, 1);
	map = pack_map_open(&packed);
	pack_map_close(&packed, map, 0);
	pack_array_close(&packed, array, 2);
	must_be("c0 dc 00 02 de 00 01 a1 61 01 de 00 00");
	array = pack_array_open(&packed);
	map = pack_map_open(&packed);
	pack_map_close(&packed, map, 65535);
	pack_array_close(&packed, array, 258);
	must_be("dc 01 02 de ff ff");
}

static void
a_failure_sticks_and_closing_does_no_harm(void **state)
{
	struct buf small;
	size_t     outer, inner;

	(void)state;
	buf_init(&small, 6);
	outer = pack_array_open(&small);
	pack_integer(&small, 1);
	inner = pack_map_open(&small);
	assert_true(small.failed);
	pack_text(&small, SLICE("a"));
	pack_map_close(&small, inner, 1);
	pack_array_close(&small, outer, 2);
	assert_true(small.failed);
	assert_true(slice_equal(buf_slice(&small), slice_of("\xdc\0\0\x01", 4)));
	buf_fini(&small);
}

static void
other_implementations_read_what_is_packed(void **state)
{
	struct slice bytes;
	size_t       len;

	(void)state;
	pack_array(&packed, COUNT(integers) + 3);
	for (size_t i = 0; i < COUNT(integers); i++)
		pack_integer(&packed, integers[i].value);
	pack_number(&packed, 0.5);
	pack_bytes(&packed, SLICE("abc"));
	pack_map_close(&packed, pack_map_open(&packed), 0);
	bytes = buf_slice(&packed);
	assert_int_equal(oracle_mpack(bytes, &len), SCAN_DONE);
	assert_int_equal(len, bytes.len);
	assert_int_equal(oracle_msgpack(bytes, &len), SCAN_DONE);
	assert_int_equal(len, bytes.len);
}

#define pack_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		pack_test(nil_and_booleans_are_one_byte),
		pack_test(an_integer_takes_its_shortest_form_and_comes_back),
		pack_test(a_number_is_a_float64),
		pack_test(text_and_bytes_take_the_shortest_head),
		pack_test(a_container_takes_the_shortest_head),
		pack_test(what_is_packed_already_is_copied),
		pack_test(a_count_may_be_given_afterwards),
		pack_test(a_failure_sticks_and_closing_does_no_harm),
		pack_test(other_implementations_read_what_is_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
