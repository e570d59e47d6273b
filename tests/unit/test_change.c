#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/kv/key.h"
#include "tests/support/feed_words.h"

static void
who_is_behind_the_oldest_change_is_told_so(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	touch(f, 1, 9);
	gone(f, "{'after': 11}", 1, 10); /* the database was taken back */
	keep_only(f, 4);
	must_verify(f);
	gone(f, "{'after': 0}", 7, 10);
	gone(f, "{'after': 5}", 7, 10);
	gone(f, "{'after': 5, 'kind': 'customer', 'id': 1}", 7, 10);
	assert_string_equal(
	    numbers(f, READ, "{'after': 6}"), "7 8 9 10 next 10 last 10 ");
	assert_string_equal(numbers(f, READ, "{}"), "7 8 9 10 next 10 last 10 ");
	keep_only(f, 0);
	must_verify(f);
	gone(f, "{'after': 9}", 11, 10);
	assert_string_equal(numbers(f, READ, "{'after': 10}"), "next 10 last 10 ");
	assert_string_equal(numbers(f, READ, "{}"), "next 10 last 10 ");
	touch(f, 1, 1);
	assert_string_equal(numbers(f, READ, "{'after': 10}"), "11 next 11 last 11 ");
	must_verify(f);
}

static void
a_noisy_store_does_not_shorten_anothers_feed(void **state)
{
	const struct change_keep keep = { .max = 2, .bytes = UINT64_MAX };
	struct domain_fixture   *f = *state;

	make(f, "a@example.com");
	f->who.store = 2;
	make(f, "b@example.com");
	touch(f, 1, 20);
	f->who.store = 3;
	make(f, "c@example.com");
	touch(f, 1, 2);
	trim(f, &keep, 3); /* three at a time */
	must_verify(f);
	assert_string_equal(numbers(f, READ, "{}"), "2 3 next 3 last 3 ");
	f->who.store = 2;
	assert_string_equal(numbers(f, READ, "{}"), "20 21 next 21 last 21 ");
	f->who.store = 1;
	assert_string_equal(numbers(f, READ, "{}"), "1 next 1 last 1 ");
}

static void
every_store_gets_its_turn(void **state)
{
	const struct change_keep keep = { .max = 1, .bytes = UINT64_MAX };
	struct domain_fixture   *f = *state;
	uint32_t                 store = 0;

	for (f->who.store = 1; f->who.store <= 600; f->who.store++) {
		make(f, "a@example.com");
		must_do(f, UPDATE, "{'id': 1, 'set': {'phone': '1'}}");
	}
	for (int rounds = 0; rounds < 3; rounds++) {
		struct kv_batch *batch;
		struct kv_txn    txn;

		assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
		kv_write(batch, &txn);
		assert_true(change_trim(&txn, &store, &keep, 1000));
		assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	}
	assert_int_equal(store, 0); /* once round */
	for (f->who.store = 1; f->who.store <= 600; f->who.store++)
		assert_string_equal(numbers(f, READ, "{}"), "2 next 2 last 2 ");
	must_verify(f);
}

/* The oldest change of store 1. */
static uint64_t
first_kept(struct domain_fixture *f)
{
	struct kv_txn txn;

	kv_read(f->snapshot, &txn);
	return change_oldest(&txn, 1);
}

static void
what_leaves_comes_back_if_its_batch_fails(void **state)
{
	const struct change_keep keep = { .max = 1, .bytes = UINT64_MAX };
	struct domain_fixture   *f = *state;
	uint32_t                 store = 0;

	make(f, "a@example.com");
	trim(f, &keep, 1000); /* what other stores have */
	touch(f, 1, 9);
	for (unsigned call = 0; call < 3; call++) {
		struct kv_batch *batch;
		struct kv_txn    txn;

		for (int try = 0; try < 2; try++) {
			f->who.store = 1;
			must_verify(f);
			assert_int_equal(first_kept(f), 1 + 3 * call);
			assert_int_equal(
			    kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
			kv_write(batch, &txn);
			assert_false(change_trim(&txn, &store, &keep, 3));
			assert_int_equal(store, 1);
			if (try == 0)
				kv_batch_abort(batch);
			else
				assert_int_equal(kv_batch_commit(batch), STATUS_OK);
		}
	}
	assert_string_equal(numbers(f, READ, "{}"), "10 next 10 last 10 ");
	must_verify(f);
}

/* Put VALUE in the place of change number SEQUENCE of STORE. */
static void
spoil(struct domain_fixture *f, uint32_t store, uint64_t sequence, const char *value)
{
	struct kv_batch *batch;
	struct kv_txn    txn;
	struct key       key;

	assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	change_key(&key, store, sequence);
	if (value != NULL)
		kv_put(&txn, KV_CHANGE, key_slice(&key), slice_text(value));
	else
		kv_del(&txn, KV_CHANGE, key_slice(&key));
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

static void
a_damaged_entry_is_reported_and_keeps_its_own_store_only(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	touch(f, 1, 5);
	spoil(f, 1, 1, "no entry");
	refused(f, READ, "{}", STATUS_DAMAGED);
	refused(f, HISTORY, "{'id': 1}", STATUS_DAMAGED);
	f->who.store = 2;
	make(f, "b@example.com");
	touch(f, 1, 5);
	keep_only(f, 1);
	assert_string_equal(numbers(f, READ, "{}"), "6 next 6 last 6 ");
	f->who.store = 1;
	assert_string_equal(numbers(f, READ, "{'after': 5}"), "6 next 6 last 6 ");
	assert_int_not_equal(count_faults(f), 0);
}

static void
many_leave_at_once_up_to_a_damaged_one(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	touch(f, 1, 299);
	keep_only(f, 150);
	must_verify(f);
	gone(f, "{'after': 149}", 151, 300);
	spoil(f, 1, 230, "no entry");
	keep_only(f, 1);
	gone(f, "{'after': 228}", 230, 300);
	assert_string_equal(
	    numbers(f, READ, "{'after': 230, 'limit': 1}"), "231 next 231 last 300 ");
}

static void
verify_sees_a_gap_and_a_wrong_end(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	touch(f, 1, 4);
	must_verify(f);
	spoil(f, 1, 3, NULL);
	assert_int_equal(count_faults(f), 2); /* the gap, and the index that names it */
	spoil(f, 1, 5, NULL);
	assert_int_equal(count_faults(f), 4);
}

/* ---- bytes ---- */

/* Keep so many bytes of each store. */
static void
keep_bytes(struct domain_fixture *f, uint64_t bytes)
{
	const struct change_keep keep = { .max = UINT64_MAX, .bytes = bytes };

	trim(f, &keep, 3);
}

static void
the_oldest_leave_until_the_bytes_are_few_enough(void **state)
{
	struct domain_fixture *f = *state;
	uint64_t               all, each;

	make(f, "a@example.com");
	touch(f, 1, 1);
	all = log_of(f, 1).bytes;
	touch(f, 1, 1);
	each = log_of(f, 1).bytes - all;
	touch(f, 1, 7); /* all alike */
	all = log_of(f, 1).bytes;
	keep_bytes(f, all);
	assert_int_equal(log_of(f, 1).bytes, all);
	keep_bytes(f, 4 * each);
	assert_int_equal(log_of(f, 1).bytes, 4 * each);
	assert_string_equal(numbers(f, READ, "{}"), "7 8 9 10 next 10 last 10 ");
	must_verify(f);
	keep_bytes(f, 4 * each - 1);
	assert_string_equal(numbers(f, READ, "{}"), "8 9 10 next 10 last 10 ");
	keep_bytes(f, 0);
	assert_int_equal(log_of(f, 1).bytes, 0);
	must_verify(f);
}

static void
what_is_forgotten_is_not_counted_any_more(void **state)
{
	struct domain_fixture *f = *state;
	uint64_t               before;

	must_do(f, CREATE, "{'set': {'email': 'canary@example.com'}}");
	must_do(f, "customer.anonymize", "{'id': 1, 'anonymize': 'request'}");
	before = log_of(f, 1).bytes;
	f->now_ms += 2000;
	keep_house(f);
	assert_in_range(log_of(f, 1).bytes, 1, before + 300);
	must_verify(f);
	keep_only(f, 0);
	assert_int_equal(log_of(f, 1).bytes, 0);
	must_verify(f);
}

static void
bytes_that_nobody_counted_leave_first(void **state)
{
	struct domain_fixture *f = *state;
	struct change_log      log;

	make(f, "a@example.com");
	touch(f, 1, 4);
	log = log_of(f, 1);
	put_log(f, &log, 1); /* as it was when only numbers were kept */
	must_verify(f);
	assert_int_equal(log_of(f, 1).uncounted, 5);
	assert_int_equal(log_of(f, 1).bytes, 0);
	touch(f, 1, 2);
	log = log_of(f, 1);
	assert_int_equal(log.uncounted, 5);
	assert_in_range(log.bytes, 2, 1000);
	must_verify(f);
	keep_bytes(f, log.bytes);
	assert_string_equal(numbers(f, READ, "{}"), "1 2 3 4 5 6 7 next 7 last 7 ");
	keep_bytes(f, log.bytes - 1);
	assert_string_equal(numbers(f, READ, "{}"), "7 next 7 last 7 ");
	must_verify(f);
}

static void
verify_sees_a_wrong_count_of_bytes(void **state)
{
	struct domain_fixture *f = *state;
	struct change_log      log;

	make(f, "a@example.com");
	touch(f, 1, 4);
	log = log_of(f, 1);
	log.bytes++;
	put_log(f, &log, 3);
	assert_int_equal(count_faults(f), 1);
	keep_only(f, 0); /* nothing is left to be counted */
	assert_int_equal(count_faults(f), 1);
	put_log(f, &log, 2);
	refused(f, READ, "{}", STATUS_DAMAGED);
}

/* ---- what is erased ---- */

static void
what_is_forgotten_is_in_no_feed(void **state)
{
	struct domain_fixture *f = *state;

	must_do(f, CREATE,
	    "{'set': {'email': 'canary@example.com', 'first_name': 'Canary'}}");
	must_do(
	    f, UPDATE, "{'id': 1, 'set': {'company': 'canary', 'notes': 'canary'}}");
	assert_true(says(f, READ, "{}", "canary"));
	assert_true(says(f, HISTORY, "{'id': 1}", "canary"));
	must_do(f, "customer.anonymize", "{'id': 1, 'anonymize': 'request'}");
	f->now_ms += 2000;
	keep_house(f);
	assert_false(says(f, READ, "{}", "anary"));
	assert_false(says(f, HISTORY, "{'id': 1}", "anary"));
	/* What remains: that something changed, when, and by whom. */
	assert_string_equal(
	    item(f, READ, "{}", 1, "fields"), "[\"company\",\"notes\"]");
	assert_string_equal(item(f, READ, "{}", 1, "set"), "{}");
	assert_string_equal(numbers(f, HISTORY, "{'id': 1}"), "5 4 3 2 1 ");
	assert_string_equal(item(f, HISTORY, "{'id': 1}", 0, "token"), "null");
	must_verify(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DOMAIN_TEST(who_is_behind_the_oldest_change_is_told_so),
		DOMAIN_TEST(a_noisy_store_does_not_shorten_anothers_feed),
		DOMAIN_TEST(every_store_gets_its_turn),
		DOMAIN_TEST(what_leaves_comes_back_if_its_batch_fails),
		DOMAIN_TEST(a_damaged_entry_is_reported_and_keeps_its_own_store_only),
		DOMAIN_TEST(many_leave_at_once_up_to_a_damaged_one),
		DOMAIN_TEST(verify_sees_a_gap_and_a_wrong_end),
		DOMAIN_TEST(the_oldest_leave_until_the_bytes_are_few_enough),
		DOMAIN_TEST(what_is_forgotten_is_not_counted_any_more),
		DOMAIN_TEST(bytes_that_nobody_counted_leave_first),
		DOMAIN_TEST(verify_sees_a_wrong_count_of_bytes),
		DOMAIN_TEST(what_is_forgotten_is_in_no_feed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
