/* text, and out where it copies texts: the same bytes as the slow ways give. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

#include "tools/rest/out.h"
#include "tools/rest/text.h"

static const int64_t integers[] = { 0, 1, -1, 9, 10, -10, 99, 100, 12345678901,
	INT64_C(9007199254740991), INT64_MAX, INT64_MIN };

static void
integers_are_written_as_printf_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
		char         room[TEXT_DECIMAL_BYTES], expected[32];
		struct slice text = text_decimal(room, integers[i]);

		snprintf(expected, sizeof(expected), "%" PRId64, integers[i]);
		assert_true(slice_equal(text, slice_text(expected)));
	}
}

static void
digits_are_as_many_as_asked_for(void **state)
{
	char text[] = "......";

	(void)state;
	text_digits(text + 1, 4, 70);
	assert_string_equal(text, ".0070.");
	text_digits(text + 1, 2, 1234);
	assert_string_equal(text, ".3470.");
}

static void
hexadecimal_digits_are_sixteen(void **state)
{
	char text[] = "..................";

	(void)state;
	text_hexadecimal(text + 1, UINT64_C(0x0123456789abcdef));
	assert_string_equal(text, ".0123456789abcdef.");
}

/* What stands for C within the quotes of JSON. */
static const char *
escaped(char room[8], unsigned char c)
{
	switch (c) {
	case '"': return "\\\"";
	case '\\': return "\\\\";
	case '\b': return "\\b";
	case '\f': return "\\f";
	case '\n': return "\\n";
	case '\r': return "\\r";
	case '\t': return "\\t";
	default: break;
	}
	snprintf(room, 8, c < 0x20 || c == 0x7f ? "\\u%04x" : "%c", c);
	return room;
}

static void
every_byte_is_escaped_wherever_it_stands(void **state)
{
	struct buf buf;
	char       plain[40], expected[64], room[8];

	(void)state;
	buf_init(&buf, 1000);
	for (size_t len = 1; len < sizeof(plain); len++)
		for (unsigned c = 1; c < 256; c++) {
			size_t     place = c * 7 % len;
			struct out json = { .out = &buf };

			memset(plain, 'x', len);
			plain[place] = (char)c;
			snprintf(expected, sizeof(expected), "\"%.*s%s%.*s\"",
			    (int)place, plain, escaped(room, (unsigned char)c),
			    (int)(len - place - 1), plain + place + 1);
			buf_clear(&buf, 1000);
			out_text(&json, slice_of(plain, len));
			assert_true(slice_equal(buf_slice(&buf), slice_text(expected)));
		}
	buf_fini(&buf);
}

static void
a_text_that_does_not_fit_fails_and_leaves_no_part(void **state)
{
	struct buf buf;
	struct out json = { .out = &buf };

	(void)state;
	buf_init(&buf, 30);
	out_text(&json, SLICE("0123456789"));
	assert_false(buf.failed);
	out_text(&json, SLICE("012345678901234567890123456789"));
	assert_true(buf.failed);
	assert_true(buf.len <= 30);
	buf_fini(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_written_as_printf_does),
		cmocka_unit_test(digits_are_as_many_as_asked_for),
		cmocka_unit_test(hexadecimal_digits_are_sixteen),
		cmocka_unit_test(every_byte_is_escaped_wherever_it_stands),
		cmocka_unit_test(a_text_that_does_not_fit_fails_and_leaves_no_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
