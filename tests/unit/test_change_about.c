#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/domain/change_about.h"
#include "tests/support/feed_words.h"

#define ERA ((uint64_t)1 << CHANGE_ERA_BITS)
#define MANY_ERAS (CHANGE_ERAS_MAX + 6)

/* As if so many changes had been: the next one is number LAST + 1. */
static void
go_on_behind(struct domain_fixture *f, uint64_t last)
{
	struct change_log log = log_of(f, 1);

	log.last = last;
	put_log(f, &log, 3);
}

/* FORMAT with these numbers; until the next call. */
static const char *
say(const char *format, uint64_t a, uint64_t b, uint64_t c)
{
	static char text[200];

	snprintf(text, sizeof(text), format, (unsigned long long)a,
	    (unsigned long long)b, (unsigned long long)c);
	return text;
}

static void
the_changes_of_a_record_are_one_row_over_eras(void **state)
{
	struct domain_fixture *f = *state;

	go_on_behind(f, ERA - 4);
	make(f, "a@example.com");
	make(f, "b@example.com");
	touch(f, 1, 3); /* the first of them in the first era */
	touch(f, 2, 1);
	must_verify(f);
	assert_string_equal(numbers(f, READ, "{'kind': 'customer', 'id': 1}"),
	    "262141 262143 262144 262145 next 262146 last 262146 ");
	assert_string_equal(
	    numbers(
		f, READ, "{'kind': 'customer', 'id': 1, 'after': 262142, 'limit': 2}"),
	    "262143 262144 next 262144 last 262146 ");
	assert_string_equal(
	    numbers(f, READ, "{'kind': 'customer', 'id': 1, 'after': 262143}"),
	    "262144 262145 next 262146 last 262146 ");
	assert_string_equal(
	    numbers(f, HISTORY, "{'id': 1}"), "262145 262144 262143 262141 ");
	assert_string_equal(
	    numbers(f, HISTORY, "{'id': 1, 'limit': 2}"), "262145 262144 next 262144 ");
	assert_string_equal(
	    numbers(f, HISTORY, "{'id': 1, 'before': 262144}"), "262143 262141 ");
	keep_only(f, 3);
	must_verify(f);
	assert_string_equal(numbers(f, HISTORY, "{'id': 1}"), "262145 262144 ");
	assert_string_equal(numbers(f, HISTORY, "{'id': 2}"), "262146 ");
}

static void
who_looks_through_many_eras_gets_pages(void **state)
{
	const uint64_t         last = MANY_ERAS * ERA + 2;
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	go_on_behind(f, last - 1);
	touch(f, 1, 1);
	/* Of all eras but the first, which has 1. */
	assert_string_equal(numbers(f, HISTORY, "{'id': 1}"),
	    say("%llu next %llu ", last, (MANY_ERAS + 1 - CHANGE_ERAS_MAX) * ERA, 0));
	assert_string_equal(numbers(f, HISTORY,
				say("{'id': 1, 'before': %llu}",
				    (MANY_ERAS + 1 - CHANGE_ERAS_MAX) * ERA, 0, 0)),
	    "1 ");
	assert_string_equal(
	    numbers(f, READ, "{'kind': 'customer', 'id': 1, 'after': 0}"),
	    say("1 next %llu last %llu ", CHANGE_ERAS_MAX * ERA - 1, last, 0));
}

static void
a_customer_without_changes_in_so_many_eras_is_no_missing_one(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	go_on_behind(f, MANY_ERAS * ERA);
	assert_string_equal(numbers(f, HISTORY, "{'id': 1}"),
	    say("next %llu ", (MANY_ERAS + 1 - CHANGE_ERAS_MAX) * ERA, 0, 0));
	/* Of nobody there is no history, but that may be seen in the last page only. */
	refused(f, HISTORY, "{'id': 2, 'before': 100}", STATUS_NOT_FOUND);
}

static void
what_is_forgotten_is_in_no_era(void **state)
{
	struct domain_fixture *f = *state;

	must_do(f, CREATE,
	    "{'set': {'email': 'canary@example.com', 'first_name': 'Canary'}}");
	go_on_behind(f, MANY_ERAS * ERA);
	must_do(f, UPDATE, "{'id': 1, 'set': {'company': 'canary'}}");
	go_on_behind(f, 3 * MANY_ERAS * ERA + ERA - 2);
	must_do(f, UPDATE, "{'id': 1, 'set': {'notes': 'canary'}}");
	must_do(f, "customer.anonymize", "{'id': 1, 'anonymize': 'request'}");
	f->now_ms += 2000;
	keep_house(f);
	assert_false(says(f, READ, "{'after': 0}", "anary"));
	for (uint64_t era = 0; era <= 3 * MANY_ERAS + 1; era++)
		assert_false(says(f, HISTORY,
		    say("{'id': 1, 'before': %llu}", (era + 1) * ERA, 0, 0), "anary"));
}

/* Erase the values of customer 1 behind SEQUENCE: how far that got. */
static uint64_t
erase(struct domain_fixture *f, uint64_t sequence)
{
	struct kv_batch *batch;
	struct kv_txn    txn;
	struct buf       scratch;

	buf_init(&scratch, CALL_SCRATCH_BYTES_MAX);
	assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	assert_true(change_erase(&txn, 1, 1, &sequence, 10, &scratch));
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	buf_fini(&scratch);
	return sequence;
}

static void
what_comes_while_a_customer_is_forgotten_is_forgotten_next(void **state)
{
	struct domain_fixture *f = *state;
	uint64_t               sequence;

	make(f, "canary@example.com");
	make(f, "other@example.com");
	sequence = erase(f, 0);
	assert_false(says(f, READ, "{}", "canary"));
	must_do(f, UPDATE, "{'id': 1, 'set': {'company': 'canary'}}");
	assert_int_equal(erase(f, sequence), 3);
	assert_false(says(f, READ, "{}", "canary"));
	must_verify(f);
}

/* ---- what an older server has left ---- */

/* Put the index back into the form that it had before the eras: the newest COUNT. */
static void
age(struct domain_fixture *f, uint64_t count)
{
	struct change_log log = log_of(f, 1);
	struct kv_batch  *batch;
	struct kv_txn     txn;
	struct slice      value;
	struct key        key, old;

	assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	for (uint64_t at = log.last; at > log.last - count; at--) {
		change_about_key(&key, 1, kind_of(RECORD_CUSTOMER), 1, at);
		assert_true(kv_get(&txn, KV_CHANGE_ABOUT, key_slice(&key), &value));
		change_about_key_before(&old, &key);
		kv_put(&txn, KV_CHANGE_RECORD, key_slice(&old), SLICE(""));
		kv_del(&txn, KV_CHANGE_ABOUT, key_slice(&key));
	}
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

/* How many batches it takes to bring it into that of today. */
static unsigned
upgrade(struct domain_fixture *f)
{
	struct kv_batch *batch;
	struct kv_txn    txn;
	unsigned         batches = 0;
	bool             done = false;

	while (!done) {
		assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
		kv_write(batch, &txn);
		done = domain_upgrade(f->domain, &txn);
		assert_int_equal(kv_batch_commit(batch), STATUS_OK);
		assert_in_range(++batches, 1, 10);
	}
	return batches;
}

static void
an_index_from_before_the_eras_is_carried_over_in_pieces(void **state)
{
	struct domain_fixture *f = *state;
	struct kv_scan         scan;
	struct kv_txn          txn;
	struct slice           key, value;

	go_on_behind(f, ERA - 2000);
	make(f, "a@example.com");
	touch(f, 1, 3000);
	age(f, 2500); /* the rest as if it had been carried over before a crash */
	must_verify(f);
	assert_string_equal(
	    numbers(f, HISTORY, "{'id': 1, 'limit': 1}"), "260645 next 260645 ");
	assert_int_equal(upgrade(f), 3);
	must_verify(f);
	assert_string_equal(
	    numbers(f, HISTORY, "{'id': 1, 'limit': 2}"), "263145 263144 next 263144 ");
	kv_read(f->snapshot, &txn);
	kv_scan_begin(&scan, &txn, KV_CHANGE_RECORD, SLICE(""), SLICE(""));
	assert_false(kv_scan_next(&scan, &key, &value));
	kv_scan_end(&scan);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DOMAIN_TEST(the_changes_of_a_record_are_one_row_over_eras),
		DOMAIN_TEST(who_looks_through_many_eras_gets_pages),
		DOMAIN_TEST(
		    a_customer_without_changes_in_so_many_eras_is_no_missing_one),
		DOMAIN_TEST(what_is_forgotten_is_in_no_era),
		DOMAIN_TEST(what_comes_while_a_customer_is_forgotten_is_forgotten_next),
		DOMAIN_TEST(an_index_from_before_the_eras_is_carried_over_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
