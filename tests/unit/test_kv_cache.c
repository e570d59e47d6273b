#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/kv_fixture.h"

#define CACHE_BYTES ((size_t)256 << 10)

/* A snapshot that keeps what it reads. */
static struct kv_snapshot *
must_watch(struct kv_fixture *f)
{
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);

	assert_non_null(snapshot);
	assert_true(kv_snapshot_cache(snapshot, CACHE_BYTES));
	return snapshot;
}

/* In the view TXN, KEY of KV_TAG has EXPECTED; NULL: nothing. */
static void
must_see(struct kv_txn *txn, const char *key, const char *expected)
{
	struct slice value;
	bool         found = kv_get(txn, KV_TAG, slice_text(key), &value);

	assert_int_equal(txn->status, STATUS_OK);
	assert_int_equal(found, expected != NULL);
	if (found)
		assert_true(slice_equal(value, slice_text(expected)));
}

/* The same in a new view, again and again. */
static void
must_read(struct kv_snapshot *snapshot, const char *key, const char *expected)
{
	struct kv_txn txn;

	for (int i = 0; i < 3; i++) {
		kv_read(snapshot, &txn);
		must_see(&txn, key, expected);
		must_see(&txn, key, expected);
		if (i == 1)
			kv_snapshot_release(snapshot);
	}
}

static uint64_t
hits_of(struct kv_snapshot *snapshot)
{
	kv_snapshot_release(snapshot);
	return kv_snapshot_cached(snapshot).hits;
}

/* ---- one thread ---- */

static void
what_was_read_is_not_looked_up_again(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshot = must_watch(f);

	must_put(f, KV_TAG, "ada", "1");
	must_read(snapshot, "ada", "1");
	assert_int_equal(hits_of(snapshot), 5);
	must_put(f, KV_TAG, "eve", "1"); /* which does not concern it */
	must_read(snapshot, "ada", "1");
	assert_int_equal(hits_of(snapshot), 11);
	assert_int_equal(kv_snapshot_cached(snapshot).misses, 1);
	assert_true(kv_snapshot_cached(snapshot).bytes > 0);
	kv_snapshot_free(snapshot);
}

static void
a_commit_is_seen_at_once(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshot = must_watch(f);

	must_read(snapshot, "ada", NULL);
	must_put(f, KV_TAG, "ada", "1");
	must_read(snapshot, "ada", "1");
	must_put(f, KV_TAG, "ada", "22");
	must_read(snapshot, "ada", "22");
	must_del(f, KV_TAG, "ada");
	must_read(snapshot, "ada", NULL);
	must_put(f, KV_TAG, "ada", "1");
	must_read(snapshot, "ada", "1");
	assert_true(hits_of(snapshot) > 0);
	kv_snapshot_free(snapshot);
}

static void
a_view_stays_as_it_was(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshot = must_watch(f);
	struct kv_txn       txn;

	must_put(f, KV_TAG, "ada", "1");
	must_put(f, KV_TAG, "eve", "1");
	kv_read(snapshot, &txn);
	must_see(&txn, "ada", "1");
	must_put(f, KV_TAG, "ada", "2");
	must_put(f, KV_TAG, "eve", "2");
	must_see(&txn, "ada", "1");
	must_see(&txn, "eve", "1"); /* kept, though it is old already */
	must_see(&txn, "eve", "1");
	must_read(snapshot, "ada", "2");
	must_read(snapshot, "eve", "2");
	kv_snapshot_free(snapshot);
}

static void
what_is_not_committed_is_not_seen(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshot = must_watch(f);
	struct kv_batch    *batch;
	struct kv_txn       txn;

	must_put(f, KV_TAG, "ada", "1");
	must_read(snapshot, "ada", "1");
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_put(&txn, KV_TAG, SLICE("ada"), SLICE("2"));
	must_read(snapshot, "ada", "1");
	must_see(&txn, "ada", "2");
	kv_batch_abort(batch);
	must_read(snapshot, "ada", "1");
	must_put(f, KV_TAG, "eve", "1");
	must_read(snapshot, "ada", "1");
	kv_snapshot_free(snapshot);
}

static void
it_is_seen_whether_the_journal_or_the_database_has_it(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *often, *seldom;
	char                value[16];

	must_close(f);
	f->journal_bytes_max = 1; /* so each batch is carried over by the next */
	must_open(f);
	often = must_watch(f);
	seldom = must_watch(f);
	for (int i = 0; i < 90; i++) {
		snprintf(value, sizeof(value), "%d", i / 3);
		if (i % 3 == 0)
			must_put(f, KV_TAG, "ada", value);
		else
			must_put(f, KV_TAG, "eve", "1");
		must_read(often, "ada", value);
		kv_snapshot_release(often); /* a checkpoint waits for views */
		if (i % 10 == 9)
			must_read(seldom, "ada", value);
		kv_snapshot_release(seldom);
	}
	kv_snapshot_free(often);
	kv_snapshot_free(seldom);
}

/* ---- secrets ---- */

static void
no_secret_is_kept(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshot = must_watch(f);
	struct kv_txn       txn;
	struct slice        value;

	for (unsigned table = 0; table < KV_TABLE_COUNT; table++) {
		const char *name = kv_table_name((enum kv_table)table);

		if (strstr(name, "secret") == NULL && strstr(name, "token") == NULL &&
		    strstr(name, "idempotency") == NULL && strcmp(name, "meta") != 0)
			continue;
		must_put(f, (enum kv_table)table, "key", "the words of a secret");
		for (int i = 0; i < 3; i++) {
			kv_read(snapshot, &txn);
			assert_true(
			    kv_get(&txn, (enum kv_table)table, SLICE("key"), &value));
		}
	}
	kv_snapshot_release(snapshot);
	assert_int_equal(kv_snapshot_cached(snapshot).bytes, 0);
	kv_snapshot_free(snapshot);
}

static void
a_scrub_leaves_nothing_in_it(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshot = must_watch(f);
	atomic_bool         stop = false;
	struct kv_progress  progress = { .stop = &stop };
	char                why[256] = "";
	struct kv_txn       txn;

	must_put(f, KV_TAG, "ada", "1");
	must_read(snapshot, "ada", "1");
	kv_snapshot_release(snapshot);
	assert_true(kv_snapshot_cached(snapshot).bytes > 0);
	assert_int_equal(kv_scrub(f->kv, &progress, why, sizeof(why)), STATUS_OK);
	kv_read(snapshot, &txn);
	kv_snapshot_release(snapshot);
	assert_int_equal(kv_snapshot_cached(snapshot).bytes, 0);
	must_read(snapshot, "ada", "1");
	kv_snapshot_free(snapshot);
}

/* ---- many threads ---- */

#define READERS 2
#define KEYS 20
#define BATCHES 300

static _Atomic uint64_t committed[KEYS]; /* the value that each is known to have */
static atomic_bool      is_over;

static uint64_t
number_of(struct kv_txn *txn, char key)
{
	struct slice value;
	uint64_t     number = 0;

	if (kv_get(txn, KV_TAG, slice_of(&key, 1), &value))
		memcpy(&number, value.data, sizeof(number));
	assert_int_equal(txn->status, STATUS_OK);
	return number;
}

/* Whatever was committed before a view begins is seen in it, and all of a batch. */
static void *
read_on(void *context)
{
	struct kv_snapshot *snapshot = context;
	uint64_t            newest[KEYS] = { 0 }, known, number;
	struct kv_txn       txn;
	unsigned            i = 0;

	do {
		i = (i + 7) % (KEYS / 2);
		known = committed[i];
		kv_read(snapshot, &txn);
		number = number_of(&txn, (char)('a' + i));
		assert_true(number >= known && number >= newest[i]);
		/* Of each pair of keys, a batch changes both. */
		assert_int_equal(number_of(&txn, (char)('a' + KEYS / 2 + i)), number);
		assert_int_equal(number_of(&txn, (char)('a' + i)), number);
		newest[i] = number;
		kv_snapshot_release(snapshot);
	} while (!is_over || newest[i] == 0);
	return NULL;
}

static void
write_one(struct kv_fixture *f, uint64_t number)
{
	struct kv_batch *batch;
	struct kv_txn    txn;
	unsigned         i = (unsigned)(number % (KEYS / 2));
	char             keys[2] = { (char)('a' + i), (char)('a' + KEYS / 2 + i) };

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	for (int k = 0; k < 2; k++)
		kv_put(&txn, KV_TAG, slice_of(&keys[k], 1),
		    slice_of(&number, sizeof(number)));
	assert_int_equal(txn.status, STATUS_OK);
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	committed[i] = number;
}

static void
no_reader_is_behind_what_was_committed(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshots[READERS];
	pthread_t           readers[READERS];
	uint64_t            hits = 0;

	must_close(f);
	f->journal_bytes_max = (size_t)16 << 10; /* a checkpoint every few batches */
	must_open(f);
	for (int i = 0; i < READERS; i++) {
		snapshots[i] = must_watch(f);
		assert_int_equal(
		    pthread_create(&readers[i], NULL, read_on, snapshots[i]), 0);
	}
	for (uint64_t number = 1; number <= BATCHES; number++)
		write_one(f, number);
	is_over = true;
	for (int i = 0; i < READERS; i++) {
		pthread_join(readers[i], NULL);
		hits += kv_snapshot_cached(snapshots[i]).hits;
		kv_snapshot_free(snapshots[i]);
	}
	assert_true(hits > 0);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, kv_fixture_setup, kv_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_read_is_not_looked_up_again),
		TEST(a_commit_is_seen_at_once),
		TEST(a_view_stays_as_it_was),
		TEST(what_is_not_committed_is_not_seen),
		TEST(it_is_seen_whether_the_journal_or_the_database_has_it),
		TEST(no_secret_is_kept),
		TEST(a_scrub_leaves_nothing_in_it),
		TEST(no_reader_is_behind_what_was_committed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
