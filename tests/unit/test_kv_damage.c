#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <xxhash.h>

#include "tests/support/kv_fixture.h"

/* Flip a bit in each place where the file has TEXT. */
static void
flip_each(const struct kv_fixture *f, const char *text)
{
	size_t len, count = 0;
	char  *bytes = file_contents(f, &len);
	char  *at = bytes;

	while ((at = memmem(at, len - (size_t)(at - bytes), text, strlen(text)))) {
		char flipped = (char)(*at ^ 1);

		overwrite_file(f, at - bytes, &flipped, 1);
		at++;
		count++;
	}
	assert_true(count > 0);
	free(bytes);
}

/* The status of a look at KEY in a new snapshot. */
static enum status
look(struct kv_fixture *f, const char *key)
{
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);
	struct kv_txn       txn;
	struct slice        value;
	bool                found;

	kv_read(snapshot, &txn);
	found = kv_get(&txn, KV_CUSTOMER, slice_text(key), &value);
	assert_true(found == (txn.status == STATUS_OK));
	kv_snapshot_free(snapshot);
	return txn.status;
}

static void
a_flipped_bit_damages_one_value_only(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	must_close(f);
	flip_each(f, "lovelace");
	must_open(f);
	assert_int_equal(look(f, "ada"), STATUS_DAMAGED);
	assert_int_equal(look(f, "eve"), STATUS_OK);
}

static void
a_scan_stops_at_a_damaged_value(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshot;
	struct kv_txn       txn;
	struct kv_scan      scan;
	struct slice        key, value;
	int                 count = 0;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_put(f, KV_CUSTOMER, "bob", "builder!");
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	must_close(f);
	flip_each(f, "builder!");
	must_open(f);
	snapshot = kv_snapshot_new(f->kv);
	kv_read(snapshot, &txn);
	kv_scan_begin(&scan, &txn, KV_CUSTOMER, SLICE(""), SLICE(""));
	while (kv_scan_next(&scan, &key, &value))
		count++;
	kv_scan_end(&scan);
	assert_int_equal(count, 1);
	assert_int_equal(txn.status, STATUS_DAMAGED);

	kv_read(snapshot, &txn); /* the others stay readable */
	assert_true(kv_get(&txn, KV_CUSTOMER, SLICE("eve"), &value));
	kv_snapshot_free(snapshot);
}

static void
a_damaged_value_can_be_replaced(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_close(f);
	flip_each(f, "lovelace");
	must_open(f);
	must_put(f, KV_CUSTOMER, "ada", "restored");
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "restored");
}

/* Without the check, this reads behind the end of the file: SIGBUS. */
static void
a_damaged_length_is_not_believed(void **state)
{
	static const char head[] =
	    "\1\0\3\0ada"; /* of a node: flags, key length, key */
	static char        value[3000];
	struct kv_fixture *f = *state;
	size_t             len, count = 0;
	char              *bytes, *at;

	memset(value, 'x', sizeof(value) - 1);
	must_put(f, KV_CUSTOMER, "ada", value);
	must_close(f);
	bytes = at = file_contents(f, &len);
	while ((at = memmem(at, len - (size_t)(at - bytes), head, sizeof(head) - 1))) {
		overwrite_file(
		    f, at - bytes - 2, "\0\1", 2); /* the length's upper half */
		at++;
		count++;
	}
	assert_true(count > 0);
	free(bytes);
	must_open(f);
	assert_int_equal(look(f, "ada"), STATUS_DAMAGED);
}

static void
a_value_without_room_for_a_checksum_is_damaged(void **state)
{
	struct kv_fixture *f = *state;

	must_close(f);
	put_raw(f, "customer", "ada", slice_of((char[7]){ 0 }, 7));
	put_raw(f, "customer", "eve", SLICE(""));
	must_open(f);
	assert_int_equal(look(f, "ada"), STATUS_DAMAGED);
	assert_int_equal(look(f, "eve"), STATUS_DAMAGED);
}

static uint64_t
checksum(const char *table, const char *key, const char *value)
{
	uint64_t seed = XXH3_64bits(table, strlen(table));

	seed = XXH3_64bits_withSeed(key, strlen(key), seed);
	return XXH3_64bits_withSeed(value, strlen(value), seed);
}

/* Put VALUE for KEY with the checksum that it has in another place. */
static void
put_from(
    struct kv_fixture *f, const char *key, const char *sum_table, const char *sum_key)
{
	char     stored[16];
	uint64_t sum = checksum(sum_table, sum_key, "lovelace");

	memcpy(stored, &sum, 8);
	memcpy(stored + 8, "lovelace", 8);
	put_raw(f, "customer", key, slice_of(stored, sizeof(stored)));
}

static void
a_value_in_a_wrong_place_is_damaged(void **state)
{
	struct kv_fixture *f = *state;

	must_close(f);
	put_from(f, "ada", "customer", "ada");
	put_from(f, "bob", "customer", "ada");
	put_from(f, "eve", "group", "eve");
	must_open(f);
	assert_int_equal(look(f, "ada"), STATUS_OK);
	assert_int_equal(look(f, "bob"), STATUS_DAMAGED);
	assert_int_equal(look(f, "eve"), STATUS_DAMAGED);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, kv_fixture_setup, kv_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_flipped_bit_damages_one_value_only),
		TEST(a_scan_stops_at_a_damaged_value),
		TEST(a_damaged_value_can_be_replaced),
		TEST(a_damaged_length_is_not_believed),
		TEST(a_value_without_room_for_a_checksum_is_damaged),
		TEST(a_value_in_a_wrong_place_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
