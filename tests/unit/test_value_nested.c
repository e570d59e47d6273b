/* value: metadata, and objects in lists. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tests/support/value_fixture.h"

/*
 * Metadata
 */

static const struct field *
metadata(void)
{
	return customer_field(CUSTOMER_METADATA);
}

static void
metadata_may_hold_what_json_can_say(void **state)
{
	struct value_fixture *f = *state;

	pack_map(input(f), 8);
	pack_literal(&f->in, "__proto__");
	pack_nil(&f->in);
	pack_literal(&f->in, "constructor");
	pack_bool(&f->in, false);
	pack_literal(&f->in, "integer");
	pack_integer(&f->in, -INTEGER_MAX);
	pack_literal(&f->in, "number");
	pack_number(&f->in, 1e300);
	pack_literal(&f->in, "text");
	pack_literal(&f->in, "two\nlines");
	pack_literal(&f->in, "array");
	pack_array(&f->in, 1);
	pack_array(&f->in, 0);
	pack_literal(&f->in, "map");
	pack_map(&f->in, 1);
	pack_literal(&f->in, "text"); /* the same key, but in another map */
	pack_nil(&f->in);
	put_repeated(&f->in, "k", 255);
	pack_nil(&f->in);
	expect_output(f, metadata(), buf_slice(&f->in));
}

static void
metadata_refuses_what_json_cannot_say(void **state)
{
	static const struct {
		const char *path;
		enum rule   rule;
	} expected[] = {
		{ "", RULE_WRONG_TYPE },
		{ "bin", RULE_WRONG_TYPE },
		{ "nan", RULE_WRONG_TYPE },
		{ "large", RULE_TOO_LARGE },
		{ "small", RULE_TOO_SMALL },
		{ "text.1", RULE_BAD_TEXT },
		{ "", RULE_WRONG_TYPE },
	};
	struct value_fixture *f = *state;

	pack_map(input(f), 7);
	pack_integer(&f->in, 1);
	pack_literal(&f->in, "bin");
	pack_literal(&f->in, "bin");
	pack_bytes(&f->in, SLICE("x"));
	pack_literal(&f->in, "nan");
	pack_number(&f->in, (double)NAN);
	pack_literal(&f->in, "large");
	pack_integer(&f->in, INTEGER_MAX + 1);
	pack_literal(&f->in, "small");
	pack_integer(&f->in, -INTEGER_MAX - 1);
	pack_literal(&f->in, "text");
	pack_array(&f->in, 2);
	pack_literal(&f->in, "good");
	pack_literal(&f->in, "\xff");
	pack_bytes(&f->in, SLICE("key"));
	pack_integer(&f->in, 1);
	assert_false(judge(f, metadata(), buf_slice(&f->in), &f->out));
	assert_int_equal(f->violations.count, 7);
	for (size_t i = 0; i < 7; i++) {
		assert_string_equal(f->violations.list[i].path, expected[i].path);
		assert_int_equal(f->violations.list[i].rule, expected[i].rule);
	}
}

/* DEPTH maps in each other. */
static void
put_deep(struct buf *buf, unsigned depth)
{
	for (unsigned i = 1; i < depth; i++) {
		pack_map(buf, 1);
		pack_literal(buf, "a");
	}
	pack_map(buf, 0);
}

static void
metadata_is_nested_to_a_bound(void **state)
{
	struct value_fixture *f = *state;

	put_deep(input(f), MAP_DEPTH_MAX);
	expect_good(f, metadata());
	put_deep(input(f), MAP_DEPTH_MAX + 1);
	expect_at(f, metadata(), "a.a.a.a.a", RULE_TOO_DEEP);
	put_deep(input(f), 1000);
	expect_at(f, metadata(), "a.a.a.a.a", RULE_TOO_DEEP);
}

/* A map of one key, KEY, COUNT times. */
static void
put_keys(struct buf *buf, struct slice key, uint32_t count)
{
	pack_map(buf, count);
	for (uint32_t i = 0; i < count; i++) {
		pack_text(buf, key);
		pack_nil(buf);
	}
}

static void
the_keys_of_metadata_keep_their_bounds(void **state)
{
	struct value_fixture *f = *state;
	char                  key[16];

	put_keys(input(f), SLICE("twice"), 2);
	expect_at(f, metadata(), "twice", RULE_DUPLICATE);
	put_keys(input(f), SLICE(""), 1);
	expect(f, metadata(), RULE_TOO_SHORT);
	put_keys(input(f), SLICE("a\nb"), 1);
	expect_at(f, metadata(), "a?b", RULE_BAD_TEXT);
	pack_map(input(f), 1);
	put_repeated(&f->in, "k", 256);
	pack_nil(&f->in);
	assert_false(judge(f, metadata(), buf_slice(&f->in), &f->out));
	assert_int_equal(f->violations.list[0].rule, RULE_TOO_LONG);
	for (uint32_t count = 100; count <= 101; count++) {
		pack_map(input(f), count);
		for (uint32_t i = 0; i < count; i++) {
			snprintf(key, sizeof(key), "%u", i);
			pack_text(&f->in, slice_text(key));
			pack_nil(&f->in);
		}
		if (count == 100)
			expect_good(f, metadata());
		else
			expect(f, metadata(), RULE_TOO_MANY);
	}
	put_keys(input(f), SLICE("k"), 10000);
	expect(f, metadata(), RULE_TOO_LARGE);
}

static void
expect_map_bounds(struct value_fixture *f, const struct field *field)
{
	if (field->kind != FIELD_MAP)
		return;
	pack_map(input(f), 1);
	pack_literal(&f->in, "k");
	put_repeated(&f->in, "a", (size_t)field->max - 5);
	expect(f, field, RULE_TOO_LARGE);
	/* Within the bound as it comes, beyond it as it would be stored. */
	pack_map(input(f), 1);
	pack_literal(&f->in, "k");
	pack_array(&f->in, (uint32_t)field->max / 6);
	for (int64_t i = 0; i < field->max / 6; i++)
		pack_raw(&f->in, SLICE("\xca\x3f\xc0\0\0"));
	expect(f, field, RULE_TOO_LARGE);
}

static void
maps_keep_their_bounds(void **state)
{
	for_each_field(*state, expect_map_bounds);
}

/*
 * Objects
 */

static void
an_object_is_stored_in_the_order_of_its_shape(void **state)
{
	const struct field   *address = customer_field(CUSTOMER_BILLING_ADDRESS);
	struct value_fixture *f = *state;

	pack_map(input(f), 3);
	pack_literal(&f->in, "city");
	pack_literal(&f->in, "x");
	pack_literal(&f->in, "street");
	pack_nil(&f->in);
	pack_literal(&f->in, "name");
	pack_literal(&f->in, "y");
	expect_output(f, address,
	    SLICE("\x82\xa4name\xa1y\xa4"
		  "city\xa1x"));
}

static void
expect_object_rules(struct value_fixture *f, const struct field *field)
{
	const struct shape *shape = field->shape;

	if (field->kind != FIELD_OBJECT)
		return;
	for (unsigned i = 0; i < shape->count; i++) {
		bool is_required = (shape->fields[i].flags & REQUIRED) != 0;

		/* All but one, which is nil. */
		pack_map(input(f), shape->count);
		for (unsigned j = 0; j < shape->count; j++) {
			pack_text(&f->in, shape->fields[j].name);
			if (j == i)
				pack_nil(&f->in);
			else
				put_longest(&f->in, &shape->fields[j], 0);
		}
		if (is_required)
			expect_at(f, field, shape->fields[i].key, RULE_REQUIRED);
		else
			expect_good(f, field);
		/* All, and one of them twice. */
		pack_map(input(f), shape->count + 1);
		for (unsigned j = 0; j <= shape->count; j++) {
			pack_text(&f->in, shape->fields[j < shape->count ? j : i].name);
			put_longest(
			    &f->in, &shape->fields[j < shape->count ? j : i], 0);
		}
		expect_at(f, field, shape->fields[i].key, RULE_DUPLICATE);
	}
}

static void
an_object_has_each_required_field_and_none_twice(void **state)
{
	for_each_field(*state, expect_object_rules);
	for (size_t i = 0; i < ALL_SHAPES_COUNT; i++) {
		struct field object = {
			.key = all_shapes[i]->name,
			.kind = FIELD_OBJECT,
			.shape = all_shapes[i],
		};

		expect_object_rules(*state, &object);
	}
}

static void
an_object_has_no_other_fields(void **state)
{
	const struct field   *address = customer_field(CUSTOMER_BILLING_ADDRESS);
	struct value_fixture *f = *state;

	pack_map(input(f), 2);
	pack_literal(&f->in, "role");
	pack_literal(&f->in, "admin");
	pack_literal(&f->in, "city");
	pack_literal(&f->in, "x");
	expect_at(f, address, "role", RULE_UNKNOWN_FIELD);
	pack_map(input(f), 1);
	pack_integer(&f->in, 1);
	pack_literal(&f->in, "x");
	expect(f, address, RULE_WRONG_TYPE);
}

static void
put_contact(struct buf *buf, int64_t id, const char *type, bool is_default)
{
	pack_map(buf, 4);
	pack_literal(buf, "id");
	pack_integer(buf, id);
	pack_literal(buf, "type");
	pack_text(buf, slice_text(type));
	pack_literal(buf, "contact");
	pack_literal(buf, "x");
	pack_literal(buf, "default");
	pack_bool(buf, is_default);
}

static void
each_type_of_contact_has_one_default(void **state)
{
	const struct field   *contacts = customer_field(CUSTOMER_CONTACTS);
	struct value_fixture *f = *state;

	pack_array(input(f), 4);
	put_contact(&f->in, 1, "EMAIL", true);
	put_contact(&f->in, 2, "PHONE", true);
	put_contact(&f->in, 3, "EMAIL", false);
	put_contact(&f->in, 4, "PHONE", false);
	expect_good(f, contacts);
	pack_array(input(f), 3);
	put_contact(&f->in, 1, "EMAIL", true);
	put_contact(&f->in, 2, "PHONE", true);
	put_contact(&f->in, 3, "EMAIL", true);
	expect_at(f, contacts, "2.default", RULE_DEFAULT_TWICE);
}

static void
ids_and_names_stand_once_in_a_list(void **state)
{
	const struct field   *addresses = customer_field(CUSTOMER_SHIPPING_ADDRESSES);
	const struct field   *forms = customer_field(CUSTOMER_FORM_FIELDS);
	struct value_fixture *f = *state;

	pack_array(input(f), 2);
	put_contact(&f->in, 7, "EMAIL", false);
	put_contact(&f->in, 7, "PHONE", false);
	expect_at(f, customer_field(CUSTOMER_CONTACTS), "1.id", RULE_DUPLICATE);
	pack_array(input(f), 4);
	for (int i = 0; i < 2; i++) {
		pack_map(&f->in, 0); /* those without an id do not clash */
		pack_map(&f->in, 1);
		pack_literal(&f->in, "id");
		pack_raw(&f->in, i == 0 ? SLICE("\x07") : SLICE("\xcc\x07"));
	}
	expect_at(f, addresses, "3.id", RULE_DUPLICATE);
	pack_array(input(f), 2);
	for (int i = 0; i < 2; i++) {
		pack_map(&f->in, 2);
		pack_literal(&f->in, "name");
		pack_literal(&f->in, "size");
		pack_literal(&f->in, "value");
		pack_integer(&f->in, i);
	}
	expect_at(f, forms, "1.name", RULE_DUPLICATE);
}

static void
everything_wrong_in_a_list_is_noted(void **state)
{
	struct value_fixture *f = *state;

	pack_array(input(f), 4);
	put_contact(&f->in, 1, "EMAIL", true);
	put_contact(&f->in, 2, "CARRIER PIGEON", true);
	pack_nil(&f->in);
	put_contact(&f->in, 4, "EMAIL", true);
	assert_false(
	    judge(f, customer_field(CUSTOMER_CONTACTS), buf_slice(&f->in), &f->out));
	assert_int_equal(f->violations.count, 3);
	assert_string_equal(f->violations.list[0].path, "1.type");
	assert_int_equal(f->violations.list[0].rule, RULE_NOT_IN_LIST);
	assert_string_equal(f->violations.list[1].path, "2");
	assert_int_equal(f->violations.list[1].rule, RULE_WRONG_TYPE);
	assert_string_equal(f->violations.list[2].path, "3.default");
	assert_int_equal(f->violations.list[2].rule, RULE_DEFAULT_TWICE);
}

static void
a_list_of_objects_keeps_its_bytes(void **state)
{
	const struct field    item = { .kind = FIELD_OBJECT,
		   .shape = &saved_address_shape };
	const struct field   *addresses = customer_field(CUSTOMER_SHIPPING_ADDRESSES);
	struct value_fixture *f = *state;

	pack_array(input(f), 4);
	for (unsigned i = 0; i < 4; i++)
		put_longest(&f->in, &item, i);
	assert_true(f->in.len > NESTED_BYTES_MAX);
	expect(f, addresses, RULE_TOO_LARGE);
}

static void
a_form_field_is_text_a_number_or_texts(void **state)
{
	const struct field   *value = &form_field_shape.fields[FORM_FIELD_VALUE];
	struct value_fixture *f = *state;

	pack_literal(input(f), "two\nlines");
	expect_good(f, value);
	pack_integer(input(f), -INTEGER_MAX);
	expect_good(f, value);
	pack_integer(input(f), INTEGER_MAX + 1);
	expect(f, value, RULE_TOO_LARGE);
	pack_number(input(f), 43.15);
	expect_good(f, value);
	pack_number(input(f), (double)NAN);
	expect(f, value, RULE_WRONG_TYPE);
	pack_array(input(f), 2);
	pack_literal(&f->in, "same");
	pack_literal(&f->in, "same");
	expect_output(f, value, buf_slice(&f->in));
	pack_array(input(f), 2);
	pack_literal(&f->in, "text");
	pack_integer(&f->in, 1);
	expect_at(f, value, "1", RULE_WRONG_TYPE);
	pack_array(input(f), 51);
	for (int i = 0; i < 51; i++)
		pack_literal(&f->in, "x");
	expect(f, value, RULE_TOO_MANY);
	pack_array(input(f), 1);
	put_repeated(&f->in, "a", (size_t)value->max + 1);
	expect_at(f, value, "0", RULE_TOO_LONG);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, value_begin, value_end)
	const struct CMUnitTest tests[] = {
		TEST(metadata_may_hold_what_json_can_say),
		TEST(metadata_refuses_what_json_cannot_say),
		TEST(metadata_is_nested_to_a_bound),
		TEST(the_keys_of_metadata_keep_their_bounds),
		TEST(maps_keep_their_bounds),
		TEST(an_object_is_stored_in_the_order_of_its_shape),
		TEST(an_object_has_each_required_field_and_none_twice),
		TEST(an_object_has_no_other_fields),
		TEST(each_type_of_contact_has_one_default),
		TEST(ids_and_names_stand_once_in_a_list),
		TEST(everything_wrong_in_a_list_is_noted),
		TEST(a_list_of_objects_keeps_its_bytes),
		TEST(a_form_field_is_text_a_number_or_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
