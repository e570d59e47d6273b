/* value: every field against every rule that its kind can break. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "server/domain/password.h"
#include "tests/support/value_fixture.h"

static void
expect_longest(struct value_fixture *f, const struct field *field)
{
	put_longest(input(f), field, 0);
	expect_good(f, field);
}

static void
the_longest_value_of_every_field_is_good(void **state)
{
	for_each_field(*state, expect_longest);
}

/* Is OUT a list of as many objects as FIELD permits, bounded by their number alone? */
static bool
holds_all(struct value_fixture *f, const struct field *field)
{
	struct reader reader;

	reader_init(&reader, buf_slice(&f->out));
	return reader_array(&reader) == field->max;
}

static void
a_customer_with_every_field_at_its_longest_fits_record_and_frame(void **state)
{
	const struct shape   *shape = &record_shapes[RECORD_CUSTOMER];
	const size_t          heads = 8; /* of a list, and to spare */
	struct value_fixture *f = *state;
	size_t                stored = heads, sent = heads;

	for (unsigned i = 0; i < shape->count; i++) {
		const struct field *field = &shape->fields[i];
		size_t              len;

		put_longest(input(f), field, 0);
		expect_good(f, field);
		len = f->out.len;
		if (field->kind == FIELD_OBJECTS && !holds_all(f, field))
			len = NESTED_BYTES_MAX;
		sent += len + field->name.len + heads;
		if (field->flags & SECRET)
			len = PASSWORD_HASH_BYTES;
		stored += len + field->name.len + heads;
	}
	print_message("longest customer: %zu bytes stored, %zu sent\n", stored, sent);
	/* An id and a timestamp, where the server adds them to what came without. */
	assert_true(stored + 2 * (size_t)50 * 32 <= RECORD_BYTES_MAX);
	assert_true(sent + 1024 <= FRAME_BYTES_MAX);
}

/*
 * What is wrong with every field of a kind
 */

#define TYPE(type) (1u << VALUE_##type)

/* The types that each kind takes. */
static const unsigned types_taken[FIELD_KIND_COUNT] = {
	[FIELD_LINE] = TYPE(TEXT),
	[FIELD_TEXT] = TYPE(TEXT),
	[FIELD_EMAIL] = TYPE(TEXT),
	[FIELD_DATE] = TYPE(TEXT),
	[FIELD_UID] = TYPE(TEXT),
	[FIELD_SHA256] = TYPE(TEXT),
	[FIELD_IP] = TYPE(TEXT),
	[FIELD_COUNTRY] = TYPE(TEXT),
	[FIELD_LANGUAGE] = TYPE(TEXT),
	[FIELD_TAG] = TYPE(TEXT),
	[FIELD_WORD] = TYPE(TEXT),
	[FIELD_BOOL] = TYPE(BOOL),
	[FIELD_INTEGER] = TYPE(INTEGER),
	[FIELD_TIME] = TYPE(INTEGER),
	[FIELD_NUMBER] = TYPE(INTEGER) | TYPE(NUMBER),
	[FIELD_MAP] = TYPE(MAP),
	[FIELD_SCALARS] = TYPE(TEXT) | TYPE(INTEGER) | TYPE(NUMBER) | TYPE(ARRAY),
	[FIELD_OBJECT] = TYPE(MAP),
	[FIELD_OBJECTS] = TYPE(ARRAY),
	[FIELD_LINES] = TYPE(ARRAY),
	[FIELD_TAGS] = TYPE(ARRAY),
	[FIELD_WORDS] = TYPE(ARRAY),
	[FIELD_LANGUAGES] = TYPE(ARRAY),
	[FIELD_INTEGERS] = TYPE(ARRAY),
	[FIELD_PATCH] = TYPE(MAP),
	[FIELD_PATCHES] = TYPE(ARRAY),
};

static void
put_type(struct buf *buf, enum value_type type)
{
	switch (type) {
	case VALUE_BOOL: pack_bool(buf, true); break;
	case VALUE_INTEGER: pack_integer(buf, 1); break;
	case VALUE_NUMBER: pack_number(buf, 1.0); break;
	case VALUE_TEXT: pack_literal(buf, "1"); break;
	case VALUE_BYTES: pack_bytes(buf, SLICE("en")); break;
	case VALUE_ARRAY: pack_array(buf, 0); break;
	case VALUE_MAP: pack_map(buf, 0); break;
	case VALUE_OTHER: pack_raw(buf, SLICE("\xd4\x01\x00")); break; /* fixext 1 */
	default: pack_nil(buf); break;
	}
}

static void
expect_wrong_types(struct value_fixture *f, const struct field *field)
{
	assert_true(types_taken[field->kind] != 0);
	for (enum value_type type = VALUE_NIL; type <= VALUE_OTHER; type++) {
		if (types_taken[field->kind] & (1u << type))
			continue;
		put_type(input(f), type);
		expect(f, field, RULE_WRONG_TYPE);
	}
}

static void
no_field_takes_a_value_of_another_type(void **state)
{
	for_each_field(*state, expect_wrong_types);
}

static bool
is_text(const struct field *field)
{
	return (types_taken[field->kind] & TYPE(TEXT)) && field->kind != FIELD_WORD;
}

static void
expect_bad_texts(struct value_fixture *f, const struct field *field)
{
	static const struct slice bad[] = {
		{ "\xff", 1 }, { "\xc0\xaf", 2 }, /* overlong */
		{ "\xed\xa0\x80", 3 },            /* a surrogate */
		{ "\xf4\x90\x80\x80", 4 },        /* above U+10FFFF */
		{ "abc\xe2\x82", 5 },             /* cut off */
		{ "abc\0def", 7 }, { "abc\x1b[2J", 7 },
		{ "abc\xc2\x85", 5 }, /* next line */
		{ "\xe2\x80\xae"
		  "abc",
		    6 },               /* right-to-left override */
		{ "\xef\xbf\xbf", 3 }, /* U+FFFF */
	};
	static const struct slice lines[] = {
		{ "a\nb", 3 }, { "a@b.example\r\nBcc: c@d.example", 29 }, { "a\tb", 3 },
		{ "a\xe2\x80\xa8"
		  "b",
		    5 }, /* line separator */
	};

	if (!is_text(field))
		return;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		pack_text(input(f), bad[i]);
		expect(f, field, RULE_BAD_TEXT);
	}
	if (field->kind == FIELD_TEXT || field->kind == FIELD_SCALARS)
		return;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		pack_text(input(f), lines[i]);
		expect(f, field, RULE_BAD_TEXT);
	}
}

static void
no_field_takes_unclean_text(void **state)
{
	for_each_field(*state, expect_bad_texts);
}

static void
expect_text_bounds(struct value_fixture *f, const struct field *field)
{
	if (!is_text(field) || field->kind == FIELD_DATE || field->kind == FIELD_UID ||
	    field->kind == FIELD_SHA256 || field->kind == FIELD_COUNTRY)
		return;
	put_repeated(input(f), "a", (size_t)field->max + 1);
	expect(f, field, RULE_TOO_LONG);
	put_repeated(input(f), "a", 1024 * 1024);
	expect(f, field, RULE_TOO_LONG);
	if (field->min > 1) {
		put_repeated(input(f), "a", (size_t)field->min - 1);
		expect(f, field, RULE_TOO_SHORT);
	}
	pack_literal(input(f), "");
	if (field->min == 0)
		expect_good(f, field);
	else
		expect(
		    f, field, field->flags & REQUIRED ? RULE_REQUIRED : RULE_TOO_SHORT);
}

static void
texts_keep_their_bounds(void **state)
{
	for_each_field(*state, expect_text_bounds);
}

#define ZEROS_63 "000000000000000000000000000000000000000000000000000000000000000"

static const struct bad_form {
	enum field_kind kind;
	enum rule       rule;
	const char     *text;
} bad_forms[] = {
	// clang-format off
	{ FIELD_EMAIL, RULE_BAD_FORMAT, "ada" },
	{ FIELD_EMAIL, RULE_BAD_FORMAT, "ada@" },
	{ FIELD_EMAIL, RULE_BAD_FORMAT, "@example.com" },
	{ FIELD_EMAIL, RULE_BAD_FORMAT, "ada@b@example.com" },
	{ FIELD_EMAIL, RULE_BAD_FORMAT, " ada@example.com" },
	{ FIELD_DATE, RULE_BAD_FORMAT, "" },
	{ FIELD_DATE, RULE_BAD_FORMAT, "0000-00-00" },
	{ FIELD_DATE, RULE_BAD_FORMAT, "2023-02-29" },
	{ FIELD_DATE, RULE_BAD_FORMAT, "9999-12-31T23:59:60Z" },
	{ FIELD_DATE, RULE_BAD_FORMAT, "-001-01-01" },
	{ FIELD_UID, RULE_BAD_FORMAT, "" },
	{ FIELD_UID, RULE_BAD_FORMAT, "xYZkjABcd" },
	{ FIELD_UID, RULE_BAD_FORMAT, "xYZkjABcdef" },
	{ FIELD_UID, RULE_BAD_FORMAT, "xYZkjABcd/" },
	{ FIELD_SHA256, RULE_BAD_FORMAT, "" },
	{ FIELD_SHA256, RULE_BAD_FORMAT, "00" },
	{ FIELD_SHA256, RULE_BAD_FORMAT, ZEROS_63 },
	{ FIELD_SHA256, RULE_BAD_FORMAT, ZEROS_63 "00" },
	{ FIELD_SHA256, RULE_BAD_FORMAT, ZEROS_63 "g" },
	{ FIELD_SHA256, RULE_BAD_FORMAT, ZEROS_63 "A" },
	{ FIELD_IP, RULE_BAD_FORMAT, "127.0.0" },
	{ FIELD_IP, RULE_BAD_FORMAT, "256.0.0.1" },
	{ FIELD_IP, RULE_BAD_FORMAT, "::1%lo" },
	{ FIELD_COUNTRY, RULE_NOT_IN_LIST, "" },
	{ FIELD_COUNTRY, RULE_NOT_IN_LIST, "se" },
	{ FIELD_COUNTRY, RULE_NOT_IN_LIST, "XX" },
	{ FIELD_COUNTRY, RULE_NOT_IN_LIST, "SWE" },
	{ FIELD_COUNTRY, RULE_NOT_IN_LIST, "SWED" },
	{ FIELD_LANGUAGE, RULE_BAD_FORMAT, "en-" },
	{ FIELD_LANGUAGE, RULE_BAD_FORMAT, "english" },
	{ FIELD_TAG, RULE_BAD_FORMAT, "a b" },
	{ FIELD_TAG, RULE_BAD_FORMAT, "caf\xc3\xa9" },
	{ FIELD_WORD, RULE_NOT_IN_LIST, "no such word" },
	{ FIELD_WORD, RULE_NOT_IN_LIST, "\xff" },
	// clang-format on
};

static void
expect_bad_forms(struct value_fixture *f, const struct field *field)
{
	for (size_t i = 0; i < sizeof(bad_forms) / sizeof(bad_forms[0]); i++) {
		if (bad_forms[i].kind != field->kind)
			continue;
		pack_text(input(f), slice_text(bad_forms[i].text));
		expect(f, field, bad_forms[i].rule);
	}
}

static void
every_kind_of_text_keeps_its_form(void **state)
{
	for_each_field(*state, expect_bad_forms);
}

static void
expect_number_bounds(struct value_fixture *f, const struct field *field)
{
	if (!(types_taken[field->kind] & TYPE(INTEGER)) || field->kind == FIELD_SCALARS)
		return;
	pack_integer(input(f), field->max);
	expect_good(f, field);
	pack_integer(input(f), field->min);
	expect_good(f, field);
	pack_integer(input(f), field->max + 1);
	expect(f, field, RULE_TOO_LARGE);
	pack_integer(input(f), field->min - 1);
	expect(f, field, RULE_TOO_SMALL);
	pack_integer(input(f), INT64_MIN);
	expect(f, field, RULE_TOO_SMALL);
	pack_raw(input(f), SLICE("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"));
	expect(f, field, RULE_TOO_LARGE);
}

static void
numbers_keep_their_bounds(void **state)
{
	for_each_field(*state, expect_number_bounds);
}

static void
expect_list_bounds(struct value_fixture *f, const struct field *field)
{
	if (!(types_taken[field->kind] & TYPE(ARRAY)) || field->kind == FIELD_SCALARS)
		return;
	for (int64_t count = field->max + 1; count <= 10000; count += 9000) {
		pack_array(input(f), (uint32_t)count);
		for (int64_t i = 0; i < count; i++)
			pack_nil(&f->in);
		expect(f, field, RULE_TOO_MANY);
	}
	pack_array(input(f), 1);
	pack_nil(&f->in);
	expect_at(f, field, "0", RULE_WRONG_TYPE);
	pack_array(input(f), 0);
	if (field->min == 0)
		expect_good(f, field);
	else
		expect(
		    f, field, field->flags & REQUIRED ? RULE_REQUIRED : RULE_TOO_SHORT);
}

static void
lists_keep_their_bounds(void **state)
{
	for_each_field(*state, expect_list_bounds);
}

/*
 * Single kinds
 */

static void
an_integer_of_any_width_is_stored_in_the_shortest(void **state)
{
	static const struct slice widths[] = {
		{ "\x05", 1 },
		{ "\xcc\x05", 2 },
		{ "\xd0\x05", 2 },
		{ "\xcd\0\x05", 3 },
		{ "\xd1\0\x05", 3 },
		{ "\xce\0\0\0\x05", 5 },
		{ "\xd2\0\0\0\x05", 5 },
		{ "\xcf\0\0\0\0\0\0\0\x05", 9 },
		{ "\xd3\0\0\0\0\0\0\0\x05", 9 },
	};
	struct value_fixture *f = *state;

	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		pack_raw(input(f), widths[i]);
		expect_output(f, customer_field(CUSTOMER_GROUP), SLICE("\x05"));
	}
}

static void
a_long_head_of_a_text_is_stored_as_a_short_one(void **state)
{
	struct value_fixture *f = *state;

	pack_raw(input(f), SLICE("\xd9\x01"
				 "a"));
	expect_output(f, customer_field(CUSTOMER_PHONE),
	    SLICE("\xa1"
		  "a"));
	pack_raw(input(f), SLICE("\xdb\0\0\0\x01"
				 "a"));
	expect_output(f, customer_field(CUSTOMER_PHONE),
	    SLICE("\xa1"
		  "a"));
}

static void
a_number_is_finite_and_has_one_zero(void **state)
{
	const struct field   *amount = &credit_shape.fields[CREDIT_AMOUNT];
	struct value_fixture *f = *state;

	pack_number(input(f), (double)NAN);
	expect(f, amount, RULE_WRONG_TYPE);
	pack_number(input(f), (double)INFINITY);
	expect(f, amount, RULE_TOO_LARGE);
	pack_number(input(f), -(double)INFINITY);
	expect(f, amount, RULE_TOO_SMALL);
	pack_number(input(f), 1e12 + 1);
	expect(f, amount, RULE_TOO_LARGE);
	pack_number(input(f), -1e12 - 1);
	expect(f, amount, RULE_TOO_SMALL);
	pack_number(input(f), -0.0);
	expect_output(f, amount, SLICE("\xcb\0\0\0\0\0\0\0\0"));
	pack_number(input(f), 5e-324); /* as small as can be */
	expect_good(f, amount);
	pack_integer(input(f), 43);
	expect_output(f, amount, SLICE("\x2b"));
	pack_raw(input(f), SLICE("\xca\x3f\xc0\0\0")); /* 1.5 in 32 bits */
	expect_output(f, amount, SLICE("\xcb\x3f\xf8\0\0\0\0\0\0"));
}

static void
tags_are_stored_in_lower_case_and_once(void **state)
{
	struct value_fixture *f = *state;

	pack_array(input(f), 4);
	pack_literal(&f->in, "VIP");
	pack_literal(&f->in, "b_2:c-d");
	pack_literal(&f->in, "vip");
	pack_literal(&f->in, "Vip");
	expect_output(f, customer_field(CUSTOMER_TAGS),
	    SLICE("\x92\xa3vip\xa7"
		  "b_2:c-d"));
}

static void
a_set_that_shrinks_gets_the_shorter_head(void **state)
{
	struct value_fixture *f = *state;

	pack_array(input(f), 100);
	for (int i = 0; i < 100; i++)
		pack_integer(&f->in, i % 2);
	expect_output(f, customer_field(CUSTOMER_CHANNEL_IDS), SLICE("\x92\x00\x01"));
}

static void
an_item_of_a_list_is_blamed_by_its_number(void **state)
{
	struct value_fixture *f = *state;

	pack_array(input(f), 3);
	pack_literal(&f->in, "vip");
	pack_literal(&f->in, "a b");
	pack_integer(&f->in, 1);
	assert_false(
	    judge(f, customer_field(CUSTOMER_TAGS), buf_slice(&f->in), &f->out));
	assert_int_equal(f->violations.count, 2);
	assert_string_equal(f->violations.list[0].path, "1");
	assert_int_equal(f->violations.list[0].rule, RULE_BAD_FORMAT);
	assert_string_equal(f->violations.list[1].path, "2");
	assert_int_equal(f->violations.list[1].rule, RULE_WRONG_TYPE);
}

static void
a_failed_output_stays_failed(void **state)
{
	struct value_fixture *f = *state;
	struct reader         reader;
	struct buf            small;

	buf_init(&small, 4);
	for (int good = 0; good <= 1; good++) {
		pack_array(input(f), 2);
		pack_literal(&f->in, "first");
		pack_text(&f->in, good ? SLICE("second") : SLICE("?"));
		reader_init(&reader, buf_slice(&f->in));
		violations_init(&f->violations);
		assert_int_equal(good, value_check(customer_field(CUSTOMER_TAGS),
					   &reader, &f->violations, &small));
		assert_true(small.failed);
	}
	buf_fini(&small);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, value_begin, value_end)
	const struct CMUnitTest tests[] = {
		TEST(the_longest_value_of_every_field_is_good),
		TEST(a_customer_with_every_field_at_its_longest_fits_record_and_frame),
		TEST(no_field_takes_a_value_of_another_type),
		TEST(no_field_takes_unclean_text),
		TEST(texts_keep_their_bounds),
		TEST(every_kind_of_text_keeps_its_form),
		TEST(numbers_keep_their_bounds),
		TEST(lists_keep_their_bounds),
		TEST(an_integer_of_any_width_is_stored_in_the_shortest),
		TEST(a_long_head_of_a_text_is_stored_as_a_short_one),
		TEST(a_number_is_finite_and_has_one_zero),
		TEST(tags_are_stored_in_lower_case_and_once),
		TEST(a_set_that_shrinks_gets_the_shorter_head),
		TEST(an_item_of_a_list_is_blamed_by_its_number),
		TEST(a_failed_output_stays_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
