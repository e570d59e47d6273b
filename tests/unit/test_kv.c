#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/kv_fixture.h"

/* ---- values ---- */

static void
a_value_is_read_as_it_was_put(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_put(f, KV_TAG, "ada", "another table");
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
	assert_string_equal(look_up(f, KV_TAG, "ada"), "another table");
	assert_null(look_up(f, KV_CUSTOMER, "eve"));
}

static void
an_empty_value_is_a_value(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER_INDEX, "here", "");
	assert_string_equal(look_up(f, KV_CUSTOMER_INDEX, "here"), "");
}

static void
a_put_replaces_and_a_del_removes(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "byron");
	must_put(f, KV_CUSTOMER, "ada", "lovelace, and longer");
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace, and longer");
	must_del(f, KV_CUSTOMER, "ada");
	assert_null(look_up(f, KV_CUSTOMER, "ada"));
	must_del(f, KV_CUSTOMER, "ada"); /* it need not be there */
}

static void
a_large_value_is_read_as_it_was_put(void **state)
{
	static char         large[100 * 1000];
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);
	struct kv_batch    *batch;
	struct kv_txn       txn;
	struct slice        value;

	memset(large, 'x', sizeof(large));
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_put(&txn, KV_CHANGE, SLICE("1"), slice_of(large, sizeof(large)));
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);

	kv_read(snapshot, &txn);
	assert_true(kv_get(&txn, KV_CHANGE, SLICE("1"), &value));
	assert_true(slice_equal(value, slice_of(large, sizeof(large))));
	kv_snapshot_free(snapshot);
}

static void
the_database_survives_being_closed(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_close(f);
	must_open(f);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
}

/* ---- batches ---- */

static void
a_batch_is_whole_or_absent(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;
	struct kv_txn      txn;

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_put(&txn, KV_CUSTOMER, SLICE("ada"), SLICE("lovelace"));
	kv_write(batch, &txn);
	kv_put(&txn, KV_CUSTOMER, SLICE("eve"), SLICE("moriarty"));
	kv_batch_abort(batch);
	assert_null(look_up(f, KV_CUSTOMER, "ada"));
	assert_null(look_up(f, KV_CUSTOMER, "eve"));
}

static void
a_batch_sees_its_own_changes(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;
	struct kv_txn      txn;
	struct slice       value;

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_put(&txn, KV_CUSTOMER, SLICE("ada"), SLICE("lovelace"));
	assert_true(txn.wrote);
	kv_write(batch, &txn);
	assert_false(txn.wrote);
	assert_true(kv_get(&txn, KV_CUSTOMER, SLICE("ada"), &value));
	assert_true(slice_equal(value, SLICE("lovelace")));
	kv_batch_abort(batch);
}

/* Look up, in one batch, the numbers below COUNT, of which the even ones are there. */
static void
must_fetch_and_find(struct kv_fixture *f, int count)
{
	struct kv_batch *batch;
	struct kv_txn    txn;
	struct slice     value;
	char             key[16];
	int              i;

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	for (i = 0; i < count; i++) {
		snprintf(key, sizeof(key), "%d", i);
		kv_fetch(&txn, KV_CUSTOMER, slice_text(key));
		kv_fetch_all(&txn);
		assert_int_equal(
		    kv_get(&txn, KV_CUSTOMER, slice_text(key), &value), i % 2 == 0);
		if (i % 2 == 0)
			assert_true(slice_equal(
			    slice_of(value.data, strlen(key)), slice_text(key)));
	}
	assert_int_equal(txn.status, STATUS_OK);
	kv_batch_abort(batch);
}

/* Wherever it is: in the file, in what is on its way to it, or in the journal. */
static void
what_is_fetched_is_found_as_without(void **state)
{
	struct kv_fixture *f = *state;
	char               key[16], value[1024];
	int                i;

	must_close(f);
	f->journal_bytes_max = 65536;
	must_open(f);
	must_fetch_and_find(f, 0);
	for (i = 0; i < 200; i++) {
		memset(value, '.', sizeof(value));
		value[sizeof(value) - 1] = '\0';
		snprintf(key, sizeof(key), "%d", i);
		memcpy(value, key, strlen(key));
		must_put(f, KV_CUSTOMER, key, value);
		if (i % 2 != 0)
			must_del(f, KV_CUSTOMER, key);
		if (i % 50 == 0)
			must_fetch_and_find(f, i + 1);
	}
	must_fetch_and_find(f, 200);
}

static void
what_is_in_memory_is_fetched_as_much_as_fits(void **state)
{
	static char        long_key[KV_KEY_BYTES_MAX];
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;
	struct kv_txn      txn;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	assert_int_equal(kv_fetch_all(&txn), 0);
	kv_fetch(&txn, KV_CUSTOMER, slice_of(long_key, sizeof(long_key)));
	kv_fetch(&txn, KV_CUSTOMER, SLICE("ada"));
	kv_fetch(&txn, KV_CUSTOMER, SLICE("bob"));
	kv_fetch(&txn, KV_CUSTOMER, SLICE("eve"));
	kv_fetch(&txn, KV_TAG, SLICE("eve"));
	assert_int_equal(kv_fetch_all(&txn), 2);
	assert_int_equal(kv_fetch_all(&txn), 0);
	for (unsigned i = 0; i < KV_AHEAD_MAX + 1; i++)
		kv_fetch(&txn, KV_CUSTOMER, SLICE("ada"));
	assert_int_equal(kv_fetch_all(&txn), KV_AHEAD_MAX);
	kv_batch_abort(batch);
}

static void
a_batch_that_changes_nothing_is_not_published(void **state)
{
	struct kv_fixture *f = *state;
	uint64_t           before = kv_sequence(f->kv);
	struct kv_batch   *batch;
	struct kv_txn      txn;

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_del(&txn, KV_CUSTOMER, SLICE("nobody"));
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	assert_int_equal(kv_sequence(f->kv), before);
}

/* ---- snapshots ---- */

static void
a_snapshot_never_changes_and_a_new_view_is_never_stale(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *old = kv_snapshot_new(f->kv);
	struct kv_snapshot *other = kv_snapshot_new(f->kv);
	struct kv_txn       txn, fresh;
	struct slice        value;

	must_put(f, KV_CUSTOMER, "ada", "byron");
	kv_read(old, &txn);
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	assert_true(kv_get(&txn, KV_CUSTOMER, SLICE("ada"), &value));
	assert_true(slice_equal(value, SLICE("byron")));

	kv_read(other, &fresh);
	assert_true(kv_get(&fresh, KV_CUSTOMER, SLICE("ada"), &value));
	assert_true(slice_equal(value, SLICE("lovelace")));

	kv_read(old, &txn); /* renewed, though it was never released */
	assert_true(kv_get(&txn, KV_CUSTOMER, SLICE("ada"), &value));
	assert_true(slice_equal(value, SLICE("lovelace")));
	kv_snapshot_free(old);
	kv_snapshot_free(other);
}

static void
a_released_snapshot_can_be_used_again(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);
	struct kv_txn       txn;
	struct slice        value;
	int                 i;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	for (i = 0; i < 3; i++) {
		kv_read(snapshot, &txn);
		assert_true(kv_get(&txn, KV_CUSTOMER, SLICE("ada"), &value));
		kv_snapshot_release(snapshot);
		kv_snapshot_release(snapshot);
	}
	kv_snapshot_free(snapshot);
}

static void
snapshots_are_bounded(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshots[4];
	int                 i;

	for (i = 0; i < 4; i++)
		assert_non_null(snapshots[i] = kv_snapshot_new(f->kv));
	assert_null(kv_snapshot_new(f->kv));
	kv_snapshot_free(snapshots[2]);
	assert_non_null(snapshots[2] = kv_snapshot_new(f->kv));
	for (i = 0; i < 4; i++)
		kv_snapshot_free(snapshots[i]);
}

/* ---- nesting ---- */

struct nest {
	struct kv_batch *batch;
	struct kv_txn    outer, inner;
};

static struct nest
must_nest(struct kv_fixture *f, struct nest *nest)
{
	assert_int_equal(kv_batch_begin(f->kv, &nest->batch), STATUS_OK);
	kv_write(nest->batch, &nest->outer);
	kv_put(&nest->outer, KV_CUSTOMER, SLICE("ada"), SLICE("outer"));
	kv_nest(&nest->outer, &nest->inner);
	kv_put(&nest->inner, KV_CUSTOMER, SLICE("ada"), SLICE("inner"));
	kv_put(&nest->inner, KV_CUSTOMER, SLICE("eve"), SLICE("inner"));
	return *nest;
}

static void
a_nested_part_can_be_kept(void **state)
{
	struct kv_fixture *f = *state;
	struct nest        nest;

	must_nest(f, &nest);
	kv_nest_keep(&nest.outer, &nest.inner);
	assert_int_equal(kv_batch_commit(nest.batch), STATUS_OK);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "inner");
	assert_string_equal(look_up(f, KV_CUSTOMER, "eve"), "inner");
}

static void
a_nested_part_can_be_dropped(void **state)
{
	struct kv_fixture *f = *state;
	struct nest        nest;

	must_nest(f, &nest);
	kv_nest_drop(&nest.outer, &nest.inner);
	assert_int_equal(kv_batch_commit(nest.batch), STATUS_OK);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "outer");
	assert_null(look_up(f, KV_CUSTOMER, "eve"));
}

static void
a_part_within_a_part_can_be_dropped(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_txn      innermost;
	struct nest        nest;

	must_nest(f, &nest);
	kv_nest(&nest.inner, &innermost);
	kv_put(&innermost, KV_CUSTOMER, SLICE("ada"), SLICE("innermost"));
	kv_nest_drop(&nest.inner, &innermost);
	kv_nest_keep(&nest.outer, &nest.inner);
	assert_int_equal(kv_batch_commit(nest.batch), STATUS_OK);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "inner");
}

static void
what_is_dropped_alone_is_not_a_change(void **state)
{
	struct kv_fixture *f = *state;
	uint64_t           before = kv_sequence(f->kv);
	struct kv_batch   *batch;
	struct kv_txn      outer, inner;

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &outer);
	kv_nest(&outer, &inner);
	kv_put(&inner, KV_CUSTOMER, SLICE("ada"), SLICE("dry run"));
	kv_nest_drop(&outer, &inner);
	assert_false(outer.wrote);
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	assert_int_equal(kv_sequence(f->kv), before);
}

/* ---- scans ---- */

/* The keys of a walk, one letter each. */
static const char *
walk(struct kv_fixture *f, bool backwards, const char *prefix, const char *from)
{
	static char         seen[64];
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);
	struct kv_txn       txn;
	struct kv_scan      scan;
	struct slice        key, value;
	size_t              len = 0;

	kv_read(snapshot, &txn);
	if (backwards)
		kv_scan_back(&scan, &txn, KV_TAG, slice_text(prefix), slice_text(from));
	else
		kv_scan_begin(
		    &scan, &txn, KV_TAG, slice_text(prefix), slice_text(from));
	while (kv_scan_next(&scan, &key, &value)) {
		assert_true(len + key.len + 2 < sizeof(seen));
		memcpy(seen + len, key.data, key.len);
		len += key.len;
		seen[len++] = ' ';
	}
	assert_false(kv_scan_next(&scan, &key, &value)); /* it stays at its end */
	kv_scan_end(&scan);
	assert_int_equal(txn.status, STATUS_OK);
	kv_snapshot_free(snapshot);
	seen[len] = '\0';
	return seen;
}

static void
a_scan_walks_its_prefix_both_ways(void **state)
{
	static const char *const keys[] = { "b", "b2", "a", "c", "b1", "b\xff\xff",
		"\xff", "\xff\xff" };
	struct kv_fixture       *f = *state;
	size_t                   i;

	assert_string_equal(walk(f, false, "", ""), "");
	assert_string_equal(walk(f, true, "", ""), "");
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		must_put(f, KV_TAG, keys[i], "");
	must_put(f, KV_STORE, "b0", ""); /* of another table */

	assert_string_equal(
	    walk(f, false, "", ""), "a b b1 b2 b\xff\xff c \xff \xff\xff ");
	assert_string_equal(
	    walk(f, true, "", ""), "\xff\xff \xff c b\xff\xff b2 b1 b a ");
	assert_string_equal(walk(f, false, "b", ""), "b b1 b2 b\xff\xff ");
	assert_string_equal(walk(f, true, "b", ""), "b\xff\xff b2 b1 b ");
	assert_string_equal(walk(f, false, "\xff", ""), "\xff \xff\xff ");
	assert_string_equal(walk(f, true, "\xff", ""), "\xff\xff \xff ");
	assert_string_equal(walk(f, false, "bb", ""), "");
	assert_string_equal(walk(f, true, "bb", ""), "");
	assert_string_equal(walk(f, true, "0", ""), "");
	assert_string_equal(walk(f, false, "d", ""), "");
}

static void
a_walk_back_begins_below_a_key(void **state)
{
	static const char *const keys[] = { "a", "b", "b1", "b2", "c", "\xff" };
	struct kv_fixture       *f = *state;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		must_put(f, KV_TAG, keys[i], "");
	assert_string_equal(walk(f, true, "b", "b2"), "b1 b ");
	assert_string_equal(walk(f, true, "b", "b11"), "b1 b ");
	assert_string_equal(walk(f, true, "b", "b"), "");
	assert_string_equal(walk(f, true, "b", "a"), "");
	assert_string_equal(walk(f, true, "b", "c"), "b2 b1 b ");
	assert_string_equal(walk(f, true, "", "b1"), "b a ");
	assert_string_equal(walk(f, true, "", "\xff\xff"), "\xff c b2 b1 b a ");
	assert_string_equal(walk(f, true, "", "a"), "");
}

static void
a_scan_begins_at_its_from(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_TAG, "a", "");
	must_put(f, KV_TAG, "b1", "");
	must_put(f, KV_TAG, "b3", "");
	must_put(f, KV_TAG, "c", "");
	assert_string_equal(walk(f, false, "b", "b1"), "b1 b3 ");
	assert_string_equal(walk(f, false, "b", "b2"), "b3 ");
	assert_string_equal(walk(f, false, "b", "b4"), "");
	assert_string_equal(walk(f, false, "b", "a"), "b1 b3 ");
	assert_string_equal(walk(f, false, "b", "c"), "");
	assert_string_equal(walk(f, false, "", "b2"), "b3 c ");
}

static void
a_scan_of_a_batch_sees_its_changes(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;
	struct kv_txn      txn;
	struct kv_scan     scan;
	struct slice       key, value;
	int                count = 0;

	must_put(f, KV_TAG, "1", "kept");
	must_put(f, KV_TAG, "2", "deleted");
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_del(&txn, KV_TAG, SLICE("2"));
	kv_put(&txn, KV_TAG, SLICE("3"), SLICE("new"));
	kv_scan_begin(&scan, &txn, KV_TAG, SLICE(""), SLICE(""));
	while (kv_scan_next(&scan, &key, &value)) {
		assert_false(slice_equal(key, SLICE("2")));
		count++;
	}
	kv_scan_end(&scan);
	assert_int_equal(count, 2);
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, kv_fixture_setup, kv_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_value_is_read_as_it_was_put),
		TEST(an_empty_value_is_a_value),
		TEST(a_put_replaces_and_a_del_removes),
		TEST(a_large_value_is_read_as_it_was_put),
		TEST(the_database_survives_being_closed),
		TEST(a_batch_is_whole_or_absent),
		TEST(a_batch_sees_its_own_changes),
		TEST(what_is_in_memory_is_fetched_as_much_as_fits),
		TEST(what_is_fetched_is_found_as_without),
		TEST(a_batch_that_changes_nothing_is_not_published),
		TEST(a_snapshot_never_changes_and_a_new_view_is_never_stale),
		TEST(a_released_snapshot_can_be_used_again),
		TEST(snapshots_are_bounded),
		TEST(a_nested_part_can_be_kept),
		TEST(a_nested_part_can_be_dropped),
		TEST(a_part_within_a_part_can_be_dropped),
		TEST(what_is_dropped_alone_is_not_a_change),
		TEST(a_scan_walks_its_prefix_both_ways),
		TEST(a_walk_back_begins_below_a_key),
		TEST(a_scan_begins_at_its_from),
		TEST(a_scan_of_a_batch_sees_its_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
