/* reader: values one after another, never past the end. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "proto/reader.h"
#include "tests/support/hex.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The reader in which each test reads, and the bytes it reads from. */
static struct buf    bytes;
static struct reader reader;

static void
read_hex(const char *hex)
{
	buf_fini(&bytes); /* a new block, so that a sanitizer knows its end */
	buf_init(&bytes, strlen(hex) / 2 + 1);
	reader_init(&reader, must_hex(&bytes, hex));
}

static int
set_up(void **state)
{
	(void)state;
	buf_init(&bytes, 1);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_fini(&bytes);
	return 0;
}

static void
must_be_read_whole(void)
{
	assert_int_equal(reader.status, STATUS_OK);
	assert_int_equal(reader_peek(&reader), VALUE_END);
}

static void
must_have_failed(void)
{
	int64_t integer = 7;

	assert_int_equal(reader.status, STATUS_MALFORMED);
	assert_int_equal(reader_peek(&reader), VALUE_END);
	assert_false(reader_bool(&reader));
	assert_false(reader_integer(&reader, &integer));
	assert_int_equal(integer, 7);
	assert_true(reader_number(&reader) == 0);
	assert_int_equal(reader_text(&reader).len, 0);
	assert_int_equal(reader_bytes(&reader).len, 0);
	assert_int_equal(reader_array(&reader), 0);
	assert_int_equal(reader_map(&reader), 0);
	assert_int_equal(reader_value(&reader).len, 0);
	assert_int_equal(reader.status, STATUS_MALFORMED);
}

/* Every width, and the shorter numbers that a peer may put into a wider form. */
static const struct {
	const char *hex;
	int64_t     value;
} integers[] = {
	{ "00", 0 },
	{ "7f", 127 },
	{ "ff", -1 },
	{ "e0", -32 },
	{ "cc 00", 0 },
	{ "cc ff", 255 },
	{ "cd 00 01", 1 },
	{ "cd ff ff", 65535 },
	{ "ce 00 00 00 01", 1 },
	{ "ce ff ff ff ff", 4294967295 },
	{ "cf 00 00 00 00 00 00 00 01", 1 },
	{ "cf 00 20 00 00 00 00 00 01", 9007199254740993 },
	{ "cf 7f ff ff ff ff ff ff ff", INT64_MAX },
	{ "d0 01", 1 },
	{ "d0 7f", 127 },
	{ "d0 80", -128 },
	{ "d0 ff", -1 },
	{ "d1 00 01", 1 },
	{ "d1 7f ff", 32767 },
	{ "d1 80 00", -32768 },
	{ "d1 ff ff", -1 },
	{ "d2 00 00 00 01", 1 },
	{ "d2 7f ff ff ff", 2147483647 },
	{ "d2 80 00 00 00", -2147483648 },
	{ "d2 ff ff ff ff", -1 },
	{ "d3 00 00 00 00 00 00 00 01", 1 },
	{ "d3 7f ff ff ff ff ff ff ff", INT64_MAX },
	{ "d3 80 00 00 00 00 00 00 00", INT64_MIN },
	{ "d3 ff ff ff ff ff ff ff ff", -1 },
};

static void
an_integer_is_taken_in_every_width(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(integers); i++) {
		int64_t value = 1234;

		read_hex(integers[i].hex);
		assert_int_equal(reader_peek(&reader), VALUE_INTEGER);
		assert_true(reader_integer(&reader, &value));
		assert_true(value == integers[i].value);
		must_be_read_whole();

		read_hex(integers[i].hex);
		assert_true(reader_number(&reader) == (double)integers[i].value);
		must_be_read_whole();
	}
}

static void
an_integer_beyond_int64_is_taken_but_not_given(void **state)
{
	int64_t value = 7;

	(void)state;
	read_hex("cf 80 00 00 00 00 00 00 00 cf ff ff ff ff ff ff ff ff 01");
	assert_false(reader_integer(&reader, &value));
	assert_false(reader_integer(&reader, &value));
	assert_int_equal(value, 7);
	assert_int_equal(reader.status, STATUS_OK);
	assert_true(reader_integer(&reader, &value));
	assert_int_equal(value, 1);
	must_be_read_whole();
	read_hex("cf ff ff ff ff ff ff ff ff");
	assert_true(reader_number(&reader) == 18446744073709551615.0);
}

static void
a_number_is_taken_in_both_widths(void **state)
{
	(void)state;
	read_hex("ca 3f c0 00 00  cb bf f8 00 00 00 00 00 00"
		 " ca 7f 80 00 00  cb ff f0 00 00 00 00 00 00"
		 " ca 7f c0 00 00  cb 7f f8 00 00 00 00 00 00"
		 " cb 80 00 00 00 00 00 00 00  cb 00 00 00 00 00 00 00 01");
	assert_int_equal(reader_peek(&reader), VALUE_NUMBER);
	assert_true(reader_number(&reader) == 1.5);
	assert_true(reader_number(&reader) == -1.5);
	assert_true(reader_number(&reader) == (double)INFINITY);
	assert_true(reader_number(&reader) == -(double)INFINITY);
	assert_true(isnan(reader_number(&reader)));
	assert_true(isnan(reader_number(&reader)));
	assert_true(signbit(reader_number(&reader)));
	assert_true(reader_number(&reader) == 4.9406564584124654e-324);
	must_be_read_whole();
}

static void
text_is_taken_in_every_form(void **state)
{
	static const char *const forms[] = { "a3", "d9 03", "da 00 03",
		"db 00 00 00 03" };

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		char hex[40];

		strcpy(hex, forms[i]);
		strcat(hex, " 41 64 61");
		read_hex(hex);
		assert_int_equal(reader_peek(&reader), VALUE_TEXT);
		assert_true(slice_equal(reader_text(&reader), SLICE("Ada")));
		must_be_read_whole();
		read_hex(hex);
		assert_true(slice_equal(reader_bytes(&reader), SLICE("Ada")));
		must_be_read_whole();
	}
	read_hex("a0 d9 00 da 00 00 db 00 00 00 00");
	for (int i = 0; i < 4; i++)
		assert_int_equal(reader_text(&reader).len, 0);
	must_be_read_whole();
}

static void
bin_is_bytes_but_no_text(void **state)
{
	(void)state;
	read_hex("c4 02 61 62 c5 00 02 61 62 c6 00 00 00 02 61 62");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(reader_peek(&reader), VALUE_BYTES);
		assert_true(slice_equal(reader_bytes(&reader), SLICE("ab")));
	}
	must_be_read_whole();
	read_hex("c4 02 61 62");
	assert_int_equal(reader_text(&reader).len, 0);
	must_have_failed();
}

static void
text_and_bytes_cut_short_are_malformed(void **state)
{
	static const char *const cut[] = { "a1", "a3 61 62", "d9", "d9 01", "da 00",
		"db ff ff ff ff 61", "c4 02 61", "c6 ff ff ff ff 61" };

	(void)state;
	for (size_t i = 0; i < COUNT(cut); i++) {
		read_hex(cut[i]);
		assert_int_equal(reader_bytes(&reader).len, 0);
		must_have_failed();
		read_hex(cut[i]);
		assert_int_equal(reader_text(&reader).len, 0);
		must_have_failed();
	}
}

static void
a_container_says_how_many_follow(void **state)
{
	(void)state;
	read_hex("91 dc 00 01 dd 00 00 00 01 81 c0 de 00 01 c2 df 00 00 00 01 c3 90");
	assert_int_equal(reader_peek(&reader), VALUE_ARRAY);
	for (int i = 0; i < 3; i++)
		assert_int_equal(reader_array(&reader), 1);
	assert_int_equal(reader_peek(&reader), VALUE_MAP);
	assert_int_equal(reader_map(&reader), 1);
	assert_int_equal(reader_peek(&reader), VALUE_NIL);
	reader_nil(&reader);
	assert_int_equal(reader_map(&reader), 1);
	assert_int_equal(reader_peek(&reader), VALUE_BOOL);
	assert_false(reader_bool(&reader));
	assert_int_equal(reader_map(&reader), 1);
	assert_true(reader_bool(&reader));
	assert_int_equal(reader_array(&reader), 0);
	must_be_read_whole();
}

static void
a_count_is_never_larger_than_what_can_follow(void **state)
{
	static const char *const arrays[] = { "91", "93 c0 c0", "dd ff ff ff ff c0" };
	static const char *const maps[] = { "81 c0", "82 c0 c0 c0",
		"df 80 00 00 00 c0" };

	(void)state;
	for (size_t i = 0; i < COUNT(arrays); i++) {
		read_hex(arrays[i]);
		assert_int_equal(reader_array(&reader), 0);
		must_have_failed();
	}
	for (size_t i = 0; i < COUNT(maps); i++) {
		read_hex(maps[i]);
		assert_int_equal(reader_map(&reader), 0);
		must_have_failed();
	}
}

static void
nothing_but_the_asked_type_will_do(void **state)
{
	int64_t integer = 7;

	(void)state;
	read_hex("c2");
	reader_nil(&reader);
	must_have_failed();
	read_hex("c0");
	reader_bool(&reader);
	must_have_failed();
	read_hex("ca 00 00 00 00");
	assert_false(reader_integer(&reader, &integer));
	must_have_failed();
	read_hex("a1 31");
	assert_true(reader_number(&reader) == 0);
	must_have_failed();
	read_hex("01");
	reader_bytes(&reader);
	must_have_failed();
	read_hex("80");
	reader_array(&reader);
	must_have_failed();
	read_hex("90");
	reader_map(&reader);
	must_have_failed();
}

/* One value each. */
static const char *const values[] = {
	"01",
	"ff",
	"c0",
	"c2",
	"cc 80",
	"cd 01 00",
	"ce 00 01 00 00",
	"cf 00 00 00 01 00 00 00 00",
	"d0 80",
	"d1 80 00",
	"d2 80 00 00 00",
	"d3 80 00 00 00 00 00 00 00",
	"ca 3f 80 00 00",
	"cb 3f f0 00 00 00 00 00 00",
	"a3 61 62 63",
	"d9 01 61",
	"da 00 01 61",
	"db 00 00 00 01 61",
	"c4 01 61",
	"c5 00 01 61",
	"c6 00 00 00 01 61",
	"90",
	"92 01 92 02 a1 61",
	"dc 00 02 90 c0",
	"dd 00 00 00 02 80 c0",
	"80",
	"82 a1 61 01 a1 62 81 a1 63 93 01 02 03",
	"de 00 01 a1 61 c4 01 00",
	"df 00 00 00 01 a1 61 cb 00 00 00 00 00 00 00 00",
};

static void
a_value_is_taken_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		char         hex[200];
		struct slice value;

		strcpy(hex, values[i]);
		strcat(hex, " c3");
		read_hex(hex);
		value = reader_value(&reader);
		assert_ptr_equal(value.data, bytes.data);
		assert_int_equal(value.len, bytes.len - 1);
		assert_true(reader_bool(&reader));
		must_be_read_whole();
	}
}

static void
a_value_cut_short_is_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		read_hex(values[i]);
		for (size_t len = 0; len < bytes.len; len++) {
			reader_init(&reader, slice_of(bytes.data, len));
			assert_int_equal(reader_value(&reader).len, 0);
			must_have_failed();
		}
	}
}

static void
ext_and_the_reserved_byte_are_never_taken(void **state)
{
	static const char *const others[] = { "c1", "c7 00 01", "c8 00 00 01",
		"c9 00 00 00 00 01", "d4 01 00", "d5 01 00 00", "d6 ff 00 00 00 00",
		"d7 ff 00 00 00 00 00 00 00 00",
		"d8 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00" };

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++) {
		read_hex(others[i]);
		assert_int_equal(reader_peek(&reader), VALUE_OTHER);
		reader_value(&reader);
		must_have_failed();
	}
}

static void
depth_costs_no_stack_and_promises_cost_no_time(void **state)
{
	static char deep[1000001];

	(void)state;
	memset(deep, '\x91', sizeof(deep));
	deep[sizeof(deep) - 1] = '\x90';
	reader_init(&reader, slice_of(deep, sizeof(deep)));
	assert_int_equal(reader_value(&reader).len, sizeof(deep));
	must_be_read_whole();
	read_hex("dd ff ff ff ff df ff ff ff ff df ff ff ff ff c0");
	assert_int_equal(reader_value(&reader).len, 0);
	must_have_failed();
}

static void
no_bytes_are_the_end(void **state)
{
	(void)state;
	reader_init(&reader, slice_of(NULL, 0));
	must_be_read_whole();
	reader_nil(&reader);
	must_have_failed();
}

#define reader_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		reader_test(an_integer_is_taken_in_every_width),
		reader_test(an_integer_beyond_int64_is_taken_but_not_given),
		reader_test(a_number_is_taken_in_both_widths),
		reader_test(text_is_taken_in_every_form),
		reader_test(bin_is_bytes_but_no_text),
		reader_test(text_and_bytes_cut_short_are_malformed),
		reader_test(a_container_says_how_many_follow),
		reader_test(a_count_is_never_larger_than_what_can_follow),
		reader_test(nothing_but_the_asked_type_will_do),
		reader_test(a_value_is_taken_whole),
		reader_test(a_value_cut_short_is_malformed),
		reader_test(ext_and_the_reserved_byte_are_never_taken),
		reader_test(depth_costs_no_stack_and_promises_cost_no_time),
		reader_test(no_bytes_are_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
