/* record: a stored record as slices, and packed again. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/pack.h"
#include "proto/reader.h"
#include "server/domain/record.h"

static const struct shape *const shape = &record_shapes[RECORD_CUSTOMER];

static struct buf   stored, expected, packed;
static struct arena arena;

static int
set_up(void **state)
{
	(void)state;
	buf_init(&stored, 1 << 20);
	buf_init(&expected, 1 << 20);
	buf_init(&packed, 1 << 20);
	arena_init(&arena, 1 << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_fini(&stored);
	buf_fini(&expected);
	buf_fini(&packed);
	arena_fini(&arena);
	return 0;
}

static void
clear(struct buf *buf)
{
	buf_clear(buf, SIZE_MAX);
}

/* Any places of the shape. */
static uint64_t
some_places(void)
{
	uint64_t places = 0;

	for (unsigned i = 0; i < shape->count; i++)
		if (rand() % 3 != 0)
			places |= FIELD_BIT(i);
	return places;
}

/* The fields of RECORD at MASK, one by one, as record_pack() must write them. */
static void
pack_one_by_one(const struct record *record, uint64_t mask, struct buf *buf)
{
	uint64_t places = record->present & mask;

	pack_map(buf, (uint32_t)__builtin_popcountll(places));
	for (unsigned i = 0; i < shape->count; i++)
		if ((places & FIELD_BIT(i)) != 0) {
			pack_text(buf, shape->fields[i].name);
			pack_raw(buf, record->field[i]);
		}
}

static void
must_pack(const struct record *record, uint64_t mask)
{
	clear(&expected);
	clear(&packed);
	pack_one_by_one(record, mask, &expected);
	record_pack(record, shape, mask, &packed);
	assert_int_equal(packed.len, expected.len);
	assert_memory_equal(packed.data, expected.data, expected.len);
}

/* Fill STORED with a record that has values of all lengths at PLACES. */
static void
store(uint64_t places)
{
	struct record record;
	char          text[40];

	record_init(&record);
	memset(text, 'x', sizeof(text));
	for (unsigned i = 0; i < shape->count; i++)
		if ((places & FIELD_BIT(i)) != 0)
			record_set_text(&record, i,
			    slice_of(text, (size_t)rand() % sizeof(text)), &arena);
	clear(&stored);
	pack_one_by_one(&record, UINT64_MAX, &stored);
}

/* Set and clear some fields of RECORD. */
static void
change(struct record *record)
{
	for (int count = rand() % 6; count > 0; count--) {
		unsigned place = (unsigned)rand() % shape->count;

		if (rand() % 3 == 0)
			record_clear(record, place);
		else
			record_set_integer(record, place, rand(), &arena);
	}
}

static void
a_changed_record_is_packed_as_if_field_by_field(void **state)
{
	struct record record;

	(void)state;
	srand(4711);
	for (int round = 0; round < 5000; round++) {
		store(some_places());
		assert_true(record_split(&record, shape, buf_slice(&stored)));
		must_pack(&record, UINT64_MAX);
		change(&record);
		must_pack(&record, UINT64_MAX);
		must_pack(&record, some_places());
		arena_reset(&arena);
	}
}

/* Field by field, such a record becomes one as it should be. */
static void
a_record_in_another_order_is_put_into_order(void **state)
{
	struct record record;

	(void)state;
	pack_map(&stored, 3);
	pack_literal(&stored, "email");
	pack_literal(&stored, "e");
	pack_literal(&stored, "id");
	pack_integer(&stored, 1);
	pack_literal(&stored, "phone");
	pack_literal(&stored, "1");
	assert_true(record_split(&record, shape, buf_slice(&stored)));
	must_pack(&record, UINT64_MAX);
	record_set_integer(&record, CUSTOMER_EMAIL, 5, &arena);
	must_pack(&record, UINT64_MAX);
}

static void
a_key_in_a_long_form_is_put_into_its_short_one(void **state)
{
	static const char bytes[] = "\x82\xa2"
				    "id\x01\xd9\x05"
				    "phone\xa1"
				    "1";
	struct record     record;

	(void)state;
	assert_true(record_split(&record, shape, slice_of(bytes, sizeof(bytes) - 1)));
	must_pack(&record, UINT64_MAX);
	assert_int_equal(packed.len, sizeof(bytes) - 2);
}

static void
what_is_no_record_is_refused(void **state)
{
	const struct slice bad[] = {
		SLICE(""), SLICE("\xc0"),
		SLICE("\x81\xa2"
		      "id"), /* no value */
		SLICE("\x81\xa2"
		      "ix\x01"), /* no field */
		SLICE("\x82\xa2"
		      "id\x01\xa2"
		      "id\x01"), /* twice */
		SLICE("\x81\xa2"
		      "id\x01\x01"),   /* and more */
		SLICE("\x81\x01\x01"), /* no text */
	};
	struct record record;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(record_split(&record, shape, bad[i]));
}

/* As record_split(), with a search for each key. */
static bool
split_by_searching(struct record *record, struct slice bytes)
{
	struct reader reader;

	record_init(record);
	reader_init(&reader, bytes);
	for (uint32_t left = reader_map(&reader); left > 0; left--) {
		int place = shape_find(shape, reader_text(&reader), 0);

		if (place < 0 || record_has(record, (unsigned)place))
			return false;
		record_set(record, (unsigned)place, reader_value(&reader));
	}
	return reader.status == STATUS_OK && reader_peek(&reader) == VALUE_END;
}

/* Split LEN bytes of STORED that end where their memory does. */
static bool
must_split_as_by_searching(size_t len)
{
	char         *copy = malloc(len + 1);
	struct slice  bytes;
	struct record record, expect;
	bool          is_record;

	assert_non_null(copy);
	memcpy(copy + 1, stored.data, len);
	bytes = slice_of(copy + 1, len);
	is_record = split_by_searching(&expect, bytes);
	assert_int_equal(record_split(&record, shape, bytes), is_record);
	if (is_record) {
		assert_int_equal(record.present, expect.present);
		for (unsigned i = 0; i < shape->count; i++)
			if (record_has(&record, i)) {
				assert_ptr_equal(
				    record.field[i].data, expect.field[i].data);
				assert_int_equal(
				    record.field[i].len, expect.field[i].len);
			}
		must_pack(&record, UINT64_MAX);
	}
	free(copy);
	return is_record;
}

static void
a_record_cut_short_anywhere_is_refused(void **state)
{
	(void)state;
	srand(4713);
	store(UINT64_MAX);
	for (size_t len = 0; len < stored.len; len++)
		assert_false(must_split_as_by_searching(len));
	assert_true(must_split_as_by_searching(stored.len));
}

/* That it is damaged is its checksum's to say; nothing but keys and heads can be told.
 */
static void
a_damaged_record_is_taken_for_what_it_says(void **state)
{
	unsigned refused = 0;

	(void)state;
	srand(4714);
	for (int round = 0; round < 20000; round++) {
		if (round % 100 == 0)
			store(some_places());
		if (stored.len > 1) {
			char *byte = &stored.data[(size_t)rand() % stored.len];
			char  was = *byte;

			*byte = (char)rand();
			refused += !must_split_as_by_searching(stored.len);
			*byte = was;
		}
		arena_reset(&arena);
	}
	assert_true(refused > 1000);
}

/* Two neighbours that have changed places, or one that is there twice. */
static void
keys_out_of_order_or_twice_are_noticed_anywhere(void **state)
{
	static const char value[] = "\xa1"
				    "1";

	(void)state;
	for (unsigned i = 0; i < shape->count; i++)
		for (unsigned j = 0; j < shape->count; j++) {
			clear(&stored);
			pack_map(&stored, 2);
			pack_text(&stored, shape->fields[i].name);
			pack_raw(&stored, SLICE(value));
			pack_text(&stored, shape->fields[j].name);
			pack_raw(&stored, SLICE(value));
			assert_int_equal(
			    must_split_as_by_searching(stored.len), i != j);
		}
}

static void
what_differs_is_what_is_not_the_same(void **state)
{
	struct record old, new;
	uint64_t      expect;

	(void)state;
	srand(4712);
	for (int round = 0; round < 5000; round++) {
		store(some_places());
		assert_true(record_split(&old, shape, buf_slice(&stored)));
		new = old;
		change(&new);
		/* The same value in other bytes. */
		if (record_has(&new, CUSTOMER_PHONE))
			record_set(&new, CUSTOMER_PHONE,
			    arena_copy(&arena, new.field[CUSTOMER_PHONE]));
		expect = 0;
		for (unsigned i = 0; i < shape->count; i++)
			if (record_has(&old, i) != record_has(&new, i) ||
			    (record_has(&old, i) &&
				!slice_equal(old.field[i], new.field[i])))
				expect |= FIELD_BIT(i);
		assert_int_equal(record_differences(&old, &new), expect);
		for (unsigned i = 0; i < shape->count; i++)
			assert_int_equal(
			    record_same(&old, &new, i), (expect & FIELD_BIT(i)) == 0);
		arena_reset(&arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_changed_record_is_packed_as_if_field_by_field, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_record_in_another_order_is_put_into_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_key_in_a_long_form_is_put_into_its_short_one, set_up, tear_down),
		cmocka_unit_test(what_is_no_record_is_refused),
		cmocka_unit_test_setup_teardown(
		    a_record_cut_short_anywhere_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_damaged_record_is_taken_for_what_it_says, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    keys_out_of_order_or_twice_are_noticed_anywhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_differs_is_what_is_not_the_same, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
