#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/pack.h"
#include "server/domain/change_chain.h"
#include "server/domain/stored.h"
#include "server/domain/upgrade.h"
#include "tests/support/feed_words.h"

#define DELETE "customer.delete"
#define MANY (CHAIN_STEPS_MAX + 100)

/* FORMAT with NUMBER in it; until the next call. */
static const char *
say(const char *format, uint64_t number)
{
	static char text[200];

	snprintf(text, sizeof(text), format, (unsigned long long)number);
	return text;
}

/* ---- a batch of the test's own ---- */

static struct kv_batch *batch;
static struct kv_txn    txn;

static void
begin(struct domain_fixture *f)
{
	assert_int_equal(kv_batch_begin(f->storage->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
}

static void
commit(void)
{
	assert_int_equal(txn.status, STATUS_OK);
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

/* Make the change SEQUENCE name BEFORE as the one before it. */
static void
lead(struct domain_fixture *f, uint64_t sequence, uint64_t before)
{
	struct change change;
	struct buf    buf;
	struct key    key;
	struct slice  value;

	begin(f);
	change_key(&key, 1, sequence);
	assert_true(kv_get(&txn, KV_CHANGE, key_slice(&key), &value));
	assert_true(change_decode(&change, value));
	buf_init(&buf, CHANGE_BYTES_MAX);
	stored_pack(&buf, before);
	pack_raw(&buf, change.entry);
	kv_put(&txn, KV_CHANGE, key_slice(&key), buf_slice(&buf));
	buf_fini(&buf);
	commit();
}

/* ---- reading ---- */

static void
the_changes_of_a_record_are_found_one_after_the_other(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	make(f, "b@example.com");
	touch(f, 1, 3);
	touch(f, 2, 1);
	must_verify(f);
	assert_string_equal(numbers(f, READ, "{'kind': 'customer', 'id': 1}"),
	    "1 3 4 5 next 6 last 6 ");
	assert_string_equal(
	    numbers(f, READ, "{'kind': 'customer', 'id': 1, 'after': 2, 'limit': 2}"),
	    "3 4 next 4 last 6 ");
	assert_string_equal(
	    numbers(f, READ, "{'kind': 'customer', 'id': 1, 'after': 5}"),
	    "next 6 last 6 ");
	/* From where none of them is, or none at all. */
	assert_string_equal(numbers(f, HISTORY, "{'id': 1, 'before': 2}"), "1 ");
	assert_string_equal(numbers(f, HISTORY, "{'id': 1, 'before': 99}"), "5 4 3 1 ");
	assert_string_equal(numbers(f, HISTORY, "{'id': 2, 'before': 5}"), "2 ");
}

static void
what_has_left_the_feed_ends_a_history(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	make(f, "b@example.com");
	touch(f, 1, 3);
	keep_only(f, 2);
	must_verify(f);
	assert_string_equal(numbers(f, HISTORY, "{'id': 1}"), "5 4 ");
	assert_string_equal(numbers(f, HISTORY, "{'id': 1, 'limit': 1}"), "5 next 5 ");
	assert_string_equal(numbers(f, HISTORY, "{'id': 1, 'before': 4}"), "");
	assert_string_equal(numbers(f, HISTORY, "{'id': 1, 'before': 3}"), "");
	assert_string_equal(numbers(f, HISTORY, "{'id': 2}"), "");
	touch(f, 2, 1);
	must_verify(f);
	assert_string_equal(numbers(f, HISTORY, "{'id': 2}"), "6 ");
}

/* All pages of METHOD, which ARGS asks for with a place to be filled in: how many
 * items, each the number that it should be. */
static unsigned
count_items(struct domain_fixture *f, const char *method, const char *args,
    uint64_t place, uint64_t first, int64_t step)
{
	unsigned count = 0, pages = 0;
	bool     more = true;

	while (more) {
		json_t *answer = must(f, method, say(args, place)), *change;
		json_t *next = json_object_get(answer, "next");
		size_t  i;

		assert_in_range(++pages, 1, 100);
		json_array_foreach (json_object_get(answer, "items"), i, change)
			assert_int_equal(
			    json_integer_value(json_object_get(change, "seq")),
			    (int64_t)first + step * (int64_t)count++);
		place = (uint64_t)json_integer_value(next);
		more = json_is_integer(next) &&
		       place != (uint64_t)json_integer_value(
				    json_object_get(answer, "last"));
		json_decref(answer);
	}
	return count;
}

static void
a_record_with_very_many_changes_has_them_all(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	make(f, "b@example.com"); /* 2 */
	for (unsigned i = 0; i < MANY; i++) {
		touch(f, 1, 1); /* the odd ones, from 3 on */
		touch(f, 2, 1);
	}
	must_verify(f);
	assert_int_equal(
	    count_items(f, READ,
		"{'kind': 'customer', 'id': 1, 'limit': 1000, 'after': %llu}", 1, 3, 2),
	    MANY);
	assert_int_equal(
	    count_items(f, HISTORY, "{'id': 1, 'limit': 1000, 'before': %llu}",
		2 * MANY + 3, 2 * MANY + 1, -2),
	    MANY + 1);
	/* From where no change of it is, and too far from the newest. */
	assert_string_equal(numbers(f, HISTORY, "{'id': 1, 'before': 8}"), "7 5 3 1 ");
	assert_string_equal(numbers(f, HISTORY, "{'id': 1, 'before': 2}"), "1 ");
}

static void
a_page_that_looked_far_and_found_nothing_says_where_to_go_on(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com"); /* 1 */
	make(f, "b@example.com");
	touch(f, 2, MANY);
	touch(f, 1, MANY);
	must_verify(f);
	assert_string_equal(
	    numbers(f, HISTORY, say("{'id': 1, 'before': %llu}", MANY + 2)),
	    "next 102 ");
	assert_string_equal(
	    numbers(f, HISTORY,
		say("{'id': 1, 'before': %llu}", MANY + 2 - CHAIN_STEPS_MAX)),
	    "1 ");
	assert_string_equal(numbers(f, HISTORY, "{'id': 1, 'before': 50}"), "1 ");
}

static void
who_is_gone_has_a_history_and_who_comes_after_goes_on_with_it(void **state)
{
	struct domain_fixture *f = *state;
	uint64_t               last;

	make(f, "a@example.com");
	make(f, "b@example.com");
	touch(f, 1, 1);
	must_do(f, DELETE, "{'id': 1}"); /* 4 */
	must_verify(f);
	assert_string_equal(numbers(f, HISTORY, "{'id': 1}"), "4 3 1 ");
	assert_string_equal(
	    numbers(f, READ, "{'kind': 'customer', 'id': 1, 'after': 1}"),
	    "3 4 next 4 last 4 ");
	must_do(f, CREATE, "{'id': 1, 'set': {'email': 'c@example.com'}}"); /* 5 */
	must_verify(f);
	touch(f, 1, 1);
	assert_string_equal(numbers(f, HISTORY, "{'id': 1}"), "6 5 4 3 1 ");
	must_do(f, DELETE, "{'id': 1}"); /* 7 */
	must_verify(f);
	keep_only(f, 1);
	must_verify(f);
	assert_string_equal(numbers(f, HISTORY, "{'id': 1}"), "7 ");
	touch(f, 2, 1);
	keep_only(f, 1); /* and with that what was kept of the one who is gone */
	must_verify(f);
	refused(f, HISTORY, "{'id': 1}", STATUS_NOT_FOUND);
	begin(f);
	last = change_of_gone(&txn, 1, kind_of(RECORD_CUSTOMER), 1);
	commit();
	assert_int_equal(last, 0);
	must_do(f, CREATE, "{'id': 1, 'set': {'email': 'd@example.com'}}");
	must_verify(f);
	assert_string_equal(numbers(f, HISTORY, "{'id': 1}"), "9 ");
}

/* ---- what is forgotten ---- */

static void
what_is_forgotten_is_in_none_of_many_changes(void **state)
{
	struct domain_fixture *f = *state;

	must_do(f, CREATE,
	    "{'set': {'email': 'canary@example.com', 'first_name': 'Canary'}}");
	make(f, "other@example.com");
	for (unsigned i = 0; i < 700; i++)
		must_do(
		    f, UPDATE, say("{'id': 1, 'set': {'company': 'canary %llu'}}", i));
	touch(f, 2, 1);
	must_do(f, "customer.anonymize", "{'id': 1, 'anonymize': 'request'}");
	f->now_ms += 2000;
	keep_house(f);
	must_verify(f);
	for (uint64_t after = 0; after < 710; after += 100)
		assert_false(says(
		    f, READ, say("{'after': %llu, 'limit': 1000}", after), "anary"));
	assert_true(says(f, READ, "{'after': 1, 'limit': 1}", "other@example.com"));
}

/* Erase what customer 1 had, COUNT changes at a time.  True when none is left. */
static bool
erase(struct domain_fixture *f, struct change_erasure *erasure, unsigned count)
{
	struct change_chain chain;
	struct buf          scratch;
	bool                done;

	begin(f);
	chain = chain_of(&txn, 1, kind_of(RECORD_CUSTOMER), 1);
	buf_init(&scratch, CALL_SCRATCH_BYTES_MAX);
	done = chain_erase(&chain, erasure, count, &scratch);
	buf_fini(&scratch);
	commit();
	return done;
}

static void
what_comes_while_a_customer_is_forgotten_is_forgotten_next(void **state)
{
	struct domain_fixture *f = *state;
	struct change_erasure  erasure = { 0 };

	make(f, "canary@example.com");
	make(f, "other@example.com");
	must_do(f, UPDATE, "{'id': 1, 'set': {'company': 'canary'}}");
	assert_false(erase(f, &erasure, 1));
	must_do(f, UPDATE, "{'id': 1, 'set': {'company': 'new canary'}}");
	assert_false(erase(f, &erasure, 1));
	assert_true(says(f, READ, "{}", "new canary"));
	must_verify(f);
	assert_true(erase(f, &erasure, 1));
	assert_false(says(f, READ, "{}", "canary"));
	must_do(f, UPDATE, "{'id': 1, 'set': {'company': 'newest canary'}}");
	assert_true(erase(f, &erasure, 1));
	assert_false(says(f, READ, "{}", "canary"));
	must_verify(f);
}

static void
what_leaves_the_feed_while_a_customer_is_forgotten_is_no_matter(void **state)
{
	struct domain_fixture *f = *state;
	struct change_erasure  erasure = { 0 };

	make(f, "canary@example.com");
	touch(f, 1, 3);
	assert_false(erase(f, &erasure, 1));
	keep_only(f, 1);
	assert_true(erase(f, &erasure, 1));
	must_verify(f);
}

/* Expect that to forget customer 1, in the batch that is open, finds damage. */
static void
must_find_damage(void)
{
	struct change_chain   chain = chain_of(&txn, 1, kind_of(RECORD_CUSTOMER), 1);
	struct change_erasure erasure = { 0 };
	struct buf            scratch;
	enum status           status;
	bool                  done;

	buf_init(&scratch, CALL_SCRATCH_BYTES_MAX);
	done = chain_erase(&chain, &erasure, 10, &scratch);
	buf_fini(&scratch);
	status = txn.status;
	kv_batch_abort(batch);
	assert_false(done);
	assert_int_equal(status, STATUS_DAMAGED);
}

static void
what_is_behind_a_gap_is_not_taken_for_forgotten(void **state)
{
	struct domain_fixture *f = *state;
	struct key             key;

	make(f, "canary@example.com");
	touch(f, 1, 2);
	begin(f);
	change_key(&key, 1, 2);
	kv_del(&txn, KV_CHANGE, key_slice(&key));
	must_find_damage();
}

static void
a_change_in_the_place_of_another_is_not_taken_for_it(void **state)
{
	struct domain_fixture *f = *state;
	struct slice           value;
	struct key             key;

	make(f, "canary@example.com");
	touch(f, 1, 2);
	begin(f);
	change_key(&key, 1, 1);
	assert_true(kv_get(&txn, KV_CHANGE, key_slice(&key), &value));
	change_key(&key, 1, 2);
	kv_put(&txn, KV_CHANGE, key_slice(&key), value);
	must_find_damage();
}

/* ---- what verify sees ---- */

static void
verify_sees_where_a_history_is_torn(void **state)
{
	struct domain_fixture *f = *state;

	make(f, "a@example.com");
	make(f, "b@example.com");
	touch(f, 1, 2);
	must_verify(f);
	lead(f, 3, 0); /* 1 is in nobody's history */
	assert_int_equal(count_faults(f), 1);
	lead(f, 3, 2); /* another's; and 1 is in nobody's, which is not told as well */
	assert_int_equal(count_faults(f), 1);
	refused(f, HISTORY, "{'id': 1}", STATUS_DAMAGED);
	lead(f, 3, 4); /* a circle */
	assert_int_equal(count_faults(f), 1);
	refused(f, HISTORY, "{'id': 1}", STATUS_DAMAGED);
	lead(f, 3, 99); /* which is not there, and would lead forward */
	assert_int_equal(count_faults(f), 2);
	lead(f, 3, 1);
	must_verify(f);
	begin(f); /* one who is there is called gone */
	change_of_gone_set(&txn, 1, kind_of(RECORD_CUSTOMER), 2, 2);
	commit();
	assert_int_equal(count_faults(f), 1);
}

static void
a_damaged_change_does_not_hide_those_before_it(void **state)
{
	struct domain_fixture *f = *state;
	struct key             key;

	make(f, "a@example.com");
	touch(f, 1, 3);
	begin(f);
	change_key(&key, 1, 3);
	kv_put(&txn, KV_CHANGE, key_slice(&key), SLICE("no change"));
	commit();
	refused(f, HISTORY, "{'id': 1}", STATUS_DAMAGED);
	assert_string_equal(numbers(f, HISTORY, "{'id': 1, 'before': 3}"), "2 1 ");
}

/* ---- what an older server has left ---- */

#define KEYS_MAX (4 * MANY)

/* Put KEY's value into TABLE without what stands in front of it. */
static void
bare(enum kv_table table, const struct key *key)
{
	struct slice  rest = key_slice(key), value;
	struct change change;
	uint32_t      store;
	uint64_t      before;
	struct buf    buf;

	assert_true(kv_get(&txn, table, rest, &value));
	if (table == KV_CHANGE)
		assert_true(change_decode(&change, value));
	assert_true(stored_take(&value, &before));
	buf_init(&buf, CHANGE_BYTES_MAX);
	pack_raw(&buf, value);
	assert_true(key_take_u32(&rest, &store));
	if (table == KV_CHANGE) /* whose bytes are counted */
		change_put(&txn, store, &change, buf_slice(&buf));
	else
		kv_put(&txn, table, key_slice(key), buf_slice(&buf));
	buf_fini(&buf);
}

/* Put the database back into the form that it had before format 4, and the index of
 * format 3 with nonsense in it. */
static void
age(struct domain_fixture *f)
{
	static const enum kv_table tables[] = { KV_CHANGE, KV_STORE, KV_TOKEN,
		KV_CUSTOMER, KV_GROUP, KV_TAG, KV_CHANGE_OF_GONE };
	struct key                *keys = calloc(KEYS_MAX, sizeof(*keys));

	assert_non_null(keys);
	begin(f);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		unsigned count =
		    key_collect(&txn, tables[i], SLICE(""), SLICE(""), keys, KEYS_MAX);

		assert_true(count < KEYS_MAX);
		for (unsigned k = 0; k < count; k++)
			if (tables[i] == KV_CHANGE_OF_GONE)
				kv_del(&txn, tables[i], key_slice(&keys[k]));
			else
				bare(tables[i], &keys[k]);
	}
	kv_del(&txn, KV_META, SLICE("chained"));
	kv_put(&txn, KV_CHANGE_ABOUT, SLICE("an index"), SLICE(""));
	kv_put(&txn, KV_CHANGE_RECORD, SLICE("an older one"), SLICE(""));
	free(keys);
	commit();
}

/* Up to STEPS_MAX steps of an upgrade that has just begun.  True when it is done. */
static bool
upgrade(struct domain_fixture *f, unsigned steps_max)
{
	struct upgrade upgrade = { 0 };
	bool           done = false;

	for (unsigned steps = 0; steps < steps_max && !done; steps++) {
		begin(f);
		done = upgrade_step(&upgrade, &txn);
		commit();
	}
	return done;
}

static bool
has_rows(struct domain_fixture *f, enum kv_table table)
{
	struct kv_txn  read;
	struct kv_scan scan;
	struct slice   key, value;
	bool           found;

	kv_read(f->snapshot, &read);
	kv_scan_begin(&scan, &read, table, SLICE(""), SLICE(""));
	found = kv_scan_next(&scan, &key, &value);
	kv_scan_end(&scan);
	return found;
}

static void
a_database_from_before_the_chains_gets_them(void **state)
{
	struct domain_fixture *f = *state;
	unsigned               stops = 0;

	make(f, "a@example.com");
	must_do(f, "group.create", "{'set': {'name': 'Wholesale'}}"); /* 2 */
	make(f, "b@example.com");                                     /* 3 */
	touch(f, 1, MANY);                                            /* to 1127 */
	must_do(f, DELETE, "{'id': 2}");                              /* 1128 */
	touch(f, 1, 2);
	keep_only(f, MANY);
	assert_string_equal(numbers(f, HISTORY, "{'id': 2}"), "1128 ");
	age(f);
	must_verify(f);
	/* Killed after each step, each time one later. */
	while (!upgrade(f, ++stops)) {
		assert_in_range(stops, 1, 20);
		must_verify(f);
	}
	assert_true(stops > 8);
	must_verify(f);
	assert_false(has_rows(f, KV_CHANGE_ABOUT));
	assert_false(has_rows(f, KV_CHANGE_RECORD));
	assert_true(domain_upgrade(f->domain, &txn));
	assert_string_equal(
	    numbers(f, HISTORY, "{'id': 1, 'limit': 3}"), "1130 1129 1127 next 1127 ");
	assert_string_equal(numbers(f, HISTORY, "{'id': 2}"), "1128 ");
	assert_string_equal(
	    numbers(f, READ, "{'kind': 'group', 'id': 1}"), "next 1130 last 1130 ");
	touch(f, 1, 1);
	must_do(f, "group.update", "{'id': 1, 'set': {'name': 'Retail'}}");
	must_verify(f);
	assert_string_equal(
	    numbers(f, HISTORY, "{'id': 1, 'limit': 2}"), "1131 1130 next 1130 ");
}

static void
an_erasure_that_an_older_server_began_is_brought_to_its_end(void **state)
{
	struct domain_fixture *f = *state;
	struct slice           value;
	struct key            *keys = calloc(1, sizeof(*keys)), number;

	assert_non_null(keys);
	make(f, "canary@example.com");
	make(f, "other@example.com");
	must_do(f, UPDATE, "{'id': 1, 'set': {'company': 'canary'}}");
	must_do(f, "customer.anonymize", "{'id': 1, 'anonymize': 'request'}");
	age(f);
	begin(f); /* as if it had erased what is in 1 and 2 */
	assert_int_equal(
	    key_collect(&txn, KV_CUSTOMER_DUE, SLICE(""), SLICE(""), keys, 1), 1);
	assert_true(kv_get(&txn, KV_CUSTOMER_DUE, key_slice(keys), &value));
	key_init_bare(&number);
	key_u64(&number, 2);
	kv_put(&txn, KV_CUSTOMER_DUE, key_slice(keys), key_slice(&number));
	free(keys);
	commit();
	assert_true(upgrade(f, 20));
	f->now_ms += 2000;
	keep_house(f);
	must_verify(f);
	assert_false(says(f, READ, "{'after': 2}", "canary"));
	assert_true(says(f, READ, "{'after': 0}", "canary@")); /* we said it was gone */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DOMAIN_TEST(the_changes_of_a_record_are_found_one_after_the_other),
		DOMAIN_TEST(what_has_left_the_feed_ends_a_history),
		DOMAIN_TEST(a_record_with_very_many_changes_has_them_all),
		DOMAIN_TEST(
		    a_page_that_looked_far_and_found_nothing_says_where_to_go_on),
		DOMAIN_TEST(
		    who_is_gone_has_a_history_and_who_comes_after_goes_on_with_it),
		DOMAIN_TEST(what_is_forgotten_is_in_none_of_many_changes),
		DOMAIN_TEST(what_comes_while_a_customer_is_forgotten_is_forgotten_next),
		DOMAIN_TEST(
		    what_leaves_the_feed_while_a_customer_is_forgotten_is_no_matter),
		DOMAIN_TEST(what_is_behind_a_gap_is_not_taken_for_forgotten),
		DOMAIN_TEST(a_change_in_the_place_of_another_is_not_taken_for_it),
		DOMAIN_TEST(verify_sees_where_a_history_is_torn),
		DOMAIN_TEST(a_damaged_change_does_not_hide_those_before_it),
		DOMAIN_TEST(a_database_from_before_the_chains_gets_them),
		DOMAIN_TEST(
		    an_erasure_that_an_older_server_began_is_brought_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
