/* client: reading results, and building updates. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/customerd.h"
#include "proto/buf.h"
#include "proto/pack.h"
#include "proto/slice.h"
#include "tests/support/hex.h"

static struct buf buf;

static int
set_up(void **state)
{
	(void)state;
	buf_init(&buf, 1 << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_fini(&buf);
	return 0;
}

static struct customerd_slice
packed(void)
{
	return (struct customerd_slice){ buf.data, buf.len };
}

static bool
is_text(struct customerd_slice slice, const char *text)
{
	return slice_equal(slice_of(slice.data, slice.len), slice_text(text));
}

/* {"id": 7, "tags": ["vip", "gold"], "address": {"city": "Lyon"}, "ok": true} */
static struct customerd_slice
pack_sample(void)
{
	pack_map(&buf, 4);
	pack_literal(&buf, "id");
	pack_integer(&buf, 7);
	pack_literal(&buf, "tags");
	pack_array(&buf, 2);
	pack_literal(&buf, "vip");
	pack_literal(&buf, "gold");
	pack_literal(&buf, "address");
	pack_map(&buf, 1);
	pack_literal(&buf, "city");
	pack_literal(&buf, "Lyon");
	pack_literal(&buf, "ok");
	pack_bool(&buf, true);
	return packed();
}

static void
a_path_leads_into_a_value(void **state)
{
	struct customerd_slice value = pack_sample(), text;
	int64_t                id;
	double                 number;
	bool                   ok;

	(void)state;
	assert_true(customerd_get_integer(value, "id", &id) && id == 7);
	assert_true(customerd_get_number(value, "id", &number) && number == 7);
	assert_true(customerd_get_bool(value, "ok", &ok) && ok);
	assert_true(customerd_get_text(value, "tags.1", &text));
	assert_true(is_text(text, "gold"));
	assert_true(customerd_get_text(value, "address.city", &text));
	assert_true(is_text(text, "Lyon"));
	assert_int_equal(customerd_type(value), CUSTOMERD_MAP);
}

static void
what_is_not_there_leaves_the_result_alone(void **state)
{
	struct customerd_slice value = pack_sample();
	int64_t                integer = -1;

	(void)state;
	assert_false(customerd_get_integer(value, "", &integer));
	assert_false(customerd_get_integer(value, "tags.0", &integer));
	assert_false(customerd_get_integer(value, "tags.2", &integer));
	assert_false(customerd_get_integer(value, "id.id", &integer));
	assert_false(customerd_get_integer(value, "nothing", &integer));
	assert_int_equal(integer, -1);
}

static void
a_walk_visits_every_item_once(void **state)
{
	static const char *const keys[] = { "id", "tags", "address", "ok" };
	struct customerd_walk    walk;
	struct customerd_slice   key;
	unsigned                 count = 0;

	(void)state;
	customerd_walk(&walk, pack_sample());
	while (customerd_next(&walk, &key, NULL))
		assert_true(is_text(key, keys[count++]));
	assert_int_equal(count, 4);
}

/* Every beginning of a value, and no value at all: nothing is read past the end. */
static void
truncated_values_have_no_items_behind_the_cut(void **state)
{
	struct customerd_slice whole = pack_sample();

	(void)state;
	for (size_t len = 0; len < whole.len; len++) {
		char                  *copy = test_malloc(len + 1);
		struct customerd_slice part = { copy, len }, found;

		memcpy(copy, whole.data, len);
		assert_false(customerd_get(part, "ok", &found));
		customerd_get(part, "address.city", &found);
		test_free(copy);
	}
}

static void
hostile_values_are_simply_not_there(void **state)
{
	static const char *const values[] = {
		"c1",                        /* reserved */
		"df ff ff ff ff",            /* four billion pairs */
		"dd ff ff ff ff c0",         /* four billion items */
		"81 01 02",                  /* a key that is no text */
		"db ff ff ff ff 41",         /* text that is not there */
		"c7 ff 01 00",               /* ext */
		"91 91 91 91 91 91 91 91 91" /* opened and never filled */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct customerd_walk  walk;
		struct customerd_slice found;
		unsigned               count = 0;

		buf_clear(&buf, 0);
		must_hex(&buf, values[i]);
		customerd_walk(&walk, packed());
		while (customerd_next(&walk, NULL, &found))
			count++;
		assert_int_equal(count, 0);
		assert_false(customerd_get(packed(), "1.2.3", &found));
	}
}

/* ---- Updates ---- */

/* What the update says, as a value. */
static struct customerd_slice
args_of(struct customerd_update *update)
{
	struct customerd_error error;
	struct customerd_call  call;

	assert_int_equal(customerd_update_call(update, &call, &error), CUSTOMERD_OK);
	assert_string_equal(call.method, "customer.update");
	return call.args;
}

static void
an_update_says_what_was_set_and_nothing_else(void **state)
{
	struct customerd_update *update = customerd_update_new(123);
	struct customerd_slice   args, text, found;
	int64_t                  integer;

	(void)state;
	customerd_update_set_text(update, "email", "ada@example.com");
	customerd_update_set_integer(update, "group", 2);
	customerd_update_clear(update, "phone");
	customerd_update_if_revision(update, 7);
	customerd_update_add_tag(update, "vip");
	args = args_of(update);
	assert_true(customerd_get_integer(args, "id", &integer) && integer == 123);
	assert_true(customerd_get_integer(args, "if_revision", &integer));
	assert_int_equal(integer, 7);
	assert_true(customerd_get_text(args, "set.email", &text));
	assert_true(is_text(text, "ada@example.com"));
	assert_true(customerd_get(args, "set.phone", &found));
	assert_int_equal(customerd_type(found), CUSTOMERD_NIL);
	assert_true(customerd_get_text(args, "add_tags.0", &text));
	assert_false(customerd_get(args, "remove_tags", &found));
	assert_false(customerd_get(args, "uid", &found));
	customerd_update_free(update);
}

static void
nested_values_are_counted(void **state)
{
	struct customerd_update *update = customerd_update_new_uid("XAyRWNUzyN");
	struct customerd_slice   args, text;
	double                   amount;
	bool                     is_default;

	(void)state;
	customerd_update_open_list(update, "contacts");
	customerd_update_open_map(update, NULL);
	customerd_update_set_text(update, "type", "EMAIL");
	customerd_update_set_bool(update, "default", true);
	customerd_update_close(update);
	customerd_update_close(update);
	customerd_update_open_list(update, "store_credit_amounts");
	customerd_update_open_map(update, NULL);
	customerd_update_set_number(update, "amount", 43.15);
	customerd_update_close(update);
	customerd_update_close(update);
	args = args_of(update);
	assert_true(customerd_get_text(args, "uid", &text));
	assert_true(is_text(text, "XAyRWNUzyN"));
	assert_true(customerd_get_bool(args, "set.contacts.0.default", &is_default));
	assert_true(
	    customerd_get_number(args, "set.store_credit_amounts.0.amount", &amount));
	assert_true(amount == 43.15);
	customerd_update_free(update);
}

static void
assert_spoilt(struct customerd_update *update)
{
	struct customerd_error error;
	struct customerd_call  call;

	assert_int_equal(
	    customerd_update_call(update, &call, &error), CUSTOMERD_MISUSE);
	assert_string_equal(error.code, "BAD_CALL");
	customerd_update_free(update);
}

static void
a_mistake_spoils_the_update(void **state)
{
	struct customerd_update *update;

	(void)state;
	update = customerd_update_new(1);
	customerd_update_open_map(update, "metadata");
	assert_spoilt(update);

	update = customerd_update_new(1);
	customerd_update_close(update);
	assert_spoilt(update);

	update = customerd_update_new(1);
	customerd_update_set_text(update, "email", NULL);
	assert_spoilt(update);

	update = customerd_update_new(1);
	customerd_update_set_integer(update, NULL, 1);
	assert_spoilt(update);

	update = customerd_update_new(1);
	customerd_update_remove_tag(update, NULL);
	assert_spoilt(update);

	update = customerd_update_new(1);
	customerd_update_if_revision(update, 0);
	assert_spoilt(update);

	update = customerd_update_new(1);
	customerd_update_open_list(update, "contacts");
	customerd_update_set_integer(update, "id", 1);
	assert_spoilt(update);

	update = customerd_update_new(1);
	for (unsigned i = 0; i < 20; i++)
		customerd_update_open_map(update, "metadata");
	assert_spoilt(update);
}

static void
an_update_can_be_called_again_and_changed_in_between(void **state)
{
	struct customerd_update *update = customerd_update_new(1);
	struct customerd_slice   found;

	(void)state;
	customerd_update_set_text(update, "phone", "1");
	assert_false(customerd_get(args_of(update), "set.company", &found));
	customerd_update_set_text(update, "company", "Ada & Co");
	assert_true(customerd_get(args_of(update), "set.phone", &found));
	assert_true(customerd_get(args_of(update), "set.company", &found));
	customerd_update_free(update);
}

static void
without_memory_every_function_does_nothing(void **state)
{
	struct customerd_error error;
	struct customerd_call  call;

	(void)state;
	customerd_update_set_text(NULL, "email", "ada@example.com");
	customerd_update_open_map(NULL, "metadata");
	customerd_update_close(NULL);
	customerd_update_add_tag(NULL, "vip");
	customerd_update_if_revision(NULL, 1);
	customerd_update_idempotency_key(NULL, "key");
	assert_int_equal(
	    customerd_update_call(NULL, &call, &error), CUSTOMERD_NO_MEMORY);
	customerd_update_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_path_leads_into_a_value, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_is_not_there_leaves_the_result_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_walk_visits_every_item_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    truncated_values_have_no_items_behind_the_cut, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    hostile_values_are_simply_not_there, set_up, tear_down),
		cmocka_unit_test(an_update_says_what_was_set_and_nothing_else),
		cmocka_unit_test(nested_values_are_counted),
		cmocka_unit_test(a_mistake_spoils_the_update),
		cmocka_unit_test(an_update_can_be_called_again_and_changed_in_between),
		cmocka_unit_test(without_memory_every_function_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
