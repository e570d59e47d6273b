#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/kv_fixture.h"

static enum status
put_one(struct kv_fixture *f, int number, bool reserve)
{
	static char      value[8000];
	struct kv_batch *batch;
	struct kv_txn    txn;
	enum status      status;
	char             key[16];

	snprintf(key, sizeof(key), "%d", number);
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	txn.reserve = reserve;
	kv_put(&txn, KV_CUSTOMER, slice_text(key), slice_of(value, sizeof(value)));
	status = txn.status;
	if (status != STATUS_OK)
		kv_batch_abort(batch);
	else
		status = kv_batch_commit(batch);
	return status;
}

static void
the_last_tenth_is_kept_for_deletes(void **state)
{
	struct kv_fixture *f = *state;
	enum status        status;
	uint64_t           used, max;
	char               key[16];
	int                i, count = 0;

	must_close(f);
	f->bytes_max = 2 << 20;
	must_open(f);
	while ((status = put_one(f, count, false)) == STATUS_OK)
		assert_true(count++ < 1000);
	assert_int_equal(status, STATUS_STORAGE_FULL);
	kv_usage(f->kv, &used, &max);
	assert_int_equal(max, 2 << 20);
	assert_true(used >= max / 100 * 90 && used < max / 100 * 93);
	assert_int_equal(put_one(f, count, true), STATUS_OK);

	for (i = 0; i < count / 2; i++) {
		snprintf(key, sizeof(key), "%d", i);
		must_del(f, KV_CUSTOMER, key);
	}
	/* The file is as long as before; what is free in it is room. */
	assert_int_equal(put_one(f, 0, false), STATUS_OK);
}

/* Put 6,000 small values at once, so that there are hardly any free pages. */
static void
fill_at_once(struct kv_fixture *f)
{
	static char      value[200];
	struct kv_batch *batch;
	struct kv_txn    txn;
	char             key[16];
	int              i;

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	for (i = 0; i < 6000; i++) {
		kv_write(batch, &txn);
		snprintf(key, sizeof(key), "%d", i);
		kv_put(
		    &txn, KV_CUSTOMER, slice_text(key), slice_of(value, sizeof(value)));
	}
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

static void
a_lowered_bound_still_permits_deletes(void **state)
{
	struct kv_fixture *f = *state;
	char               key[16];
	int                i;

	fill_at_once(f);
	must_close(f);
	f->bytes_max = 1 << 20;
	must_open(f);
	assert_int_equal(put_one(f, 6000, false), STATUS_STORAGE_FULL);
	for (i = 0; i < 5500; i++) {
		snprintf(key, sizeof(key), "%d", i);
		must_del(f, KV_CUSTOMER, key);
	}
	assert_int_equal(put_one(f, 6000, false), STATUS_OK);
}

/* More than a database of 1 MiB can hold. */
static struct slice
too_much(void)
{
	static char bytes[2 << 20];

	return slice_of(bytes, sizeof(bytes));
}

static void
a_put_that_the_engine_refuses_ends_its_batch(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;
	struct kv_txn      txn;

	must_close(f);
	f->bytes_max = 1 << 20;
	must_open(f);
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_put(&txn, KV_CUSTOMER, SLICE("ada"), SLICE("lovelace"));
	kv_write(batch, &txn);
	kv_put(&txn, KV_CUSTOMER, SLICE("eve"), too_much());
	assert_int_equal(txn.status, STATUS_STORAGE_FULL);
	assert_true(txn.wrote);
	kv_write(batch, &txn);
	assert_int_equal(txn.status, STATUS_STORAGE_FULL);
	assert_int_equal(kv_batch_commit(batch), STATUS_STORAGE_FULL);
	assert_null(look_up(f, KV_CUSTOMER, "ada"));
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
}

static void
a_nested_part_that_the_engine_refuses_can_be_dropped(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;
	struct kv_txn      txn, part;

	must_close(f);
	f->bytes_max = 1 << 20;
	must_open(f);
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_put(&txn, KV_CUSTOMER, SLICE("ada"), SLICE("lovelace"));
	kv_nest(&txn, &part);
	kv_put(&part, KV_CUSTOMER, SLICE("eve"), too_much());
	assert_int_equal(part.status, STATUS_STORAGE_FULL);
	kv_nest_drop(&txn, &part);
	kv_put(&txn, KV_CUSTOMER, SLICE("bob"), SLICE("builder"));
	assert_int_equal(txn.status, STATUS_OK);
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
	assert_string_equal(look_up(f, KV_CUSTOMER, "bob"), "builder");
	assert_null(look_up(f, KV_CUSTOMER, "eve"));
}

static void
to_keep_a_nested_part_that_failed_fails_its_parent(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;
	struct kv_txn      txn, part;

	must_close(f);
	f->bytes_max = 1 << 20;
	must_open(f);
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_nest(&txn, &part);
	kv_put(&part, KV_CUSTOMER, SLICE("eve"), too_much());
	kv_nest_keep(&txn, &part);
	assert_int_equal(txn.status, STATUS_STORAGE_FULL);
	assert_false(txn.wrote); /* the others of the batch need not suffer */
	kv_batch_abort(batch);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, kv_fixture_setup, kv_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_last_tenth_is_kept_for_deletes),
		TEST(a_lowered_bound_still_permits_deletes),
		TEST(a_put_that_the_engine_refuses_ends_its_batch),
		TEST(a_nested_part_that_the_engine_refuses_can_be_dropped),
		TEST(to_keep_a_nested_part_that_failed_fails_its_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
