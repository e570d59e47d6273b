/*
 * kv: each call of LMDB, memory, threads and files fails once, wherever it stands.
 *
 * The same story is told again and again, and each time another call of it fails.  Who
 * hears of no failure has what he was told; who hears of one has nothing that he was
 * not told; and afterwards everything works.
 */

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include <lmdb.h>

#include "tests/support/kv_calls.h"
#include "tests/support/kv_fixture.h"
#include "tests/support/kv_image.h"

#define KEYS 6
#define NONE "" /* there is no such key */

/* A database and what must be in it. */
struct story {
	struct kv_fixture *f;
	const char        *values[KEYS];
	struct kv_image    image; /* where it begins */
	const char        *image_values[KEYS];
};

static struct slice
key_of(unsigned number)
{
	static const char keys[] = "abcdef";

	return slice_of(keys + number, 1);
}

static struct slice
key_in_log(unsigned number)
{
	static const char keys[][KV_STORE_BYTES + 1] = { "\0\0\0\1a", "\0\0\0\1b",
		"\0\0\0\1c", "\0\0\0\1d", "\0\0\0\1e", "\0\0\0\1f" };

	return slice_of(keys[number], sizeof(keys[number]));
}

static bool is_quiet; /* nobody may hear of the failure */

/* Nothing fails but by our fault. */
static void
must_be_our_fault(enum status status)
{
	if (status != STATUS_OK && (is_quiet || !kv_calls_failed()))
		fail_msg("status %d without a reason", (int)status);
}

/* ---- one open, one batch, one look ---- */

static void
open_somehow(struct story *story)
{
	struct kv_fixture *f = story->f;
	struct kv_options  options = { f->directory, f->bytes_max, f->journal_bytes_max,
		 4, false };
	char               why[512] = "";
	enum status        status = kv_open(&f->kv, &options, why, sizeof(why));

	if (status == STATUS_OK)
		return;
	must_be_our_fault(status);
	assert_null(f->kv);
	assert_string_not_equal(why, "");
	must_open(f); /* for the call failed once */
}

/* Put and delete in BATCH, of which a part is kept and a part is not. */
static enum status
change_in(struct kv_batch *batch, unsigned first, const char *value)
{
	struct kv_txn txn, part;
	struct slice  found;

	kv_write(batch, &txn);
	kv_put(&txn, KV_TAG, key_of(first), slice_text(value));
	kv_nest(&txn, &part);
	kv_put(&part, KV_TAG, key_of((first + 1) % KEYS), SLICE("never"));
	kv_nest_drop(&txn, &part);
	kv_nest(&txn, &part);
	kv_put(&part, KV_TAG, key_of((first + 2) % KEYS), slice_text(value));
	kv_nest_keep(&txn, &part);
	kv_del(&txn, KV_TAG, key_of((first + 3) % KEYS));
	/* One more of a store, which lets those before it go. */
	kv_put(&txn, KV_CHANGE, key_in_log(first), slice_text(value));
	kv_drop_below(&txn, KV_CHANGE, key_in_log(first));
	if (kv_get(&txn, KV_TAG, key_of(first), &found))
		assert_true(slice_equal(found, slice_text(value)));
	return txn.status;
}

static void
change(struct story *story, unsigned first, const char *value)
{
	struct kv_batch *batch;
	enum status      status = kv_batch_begin(story->f->kv, &batch);

	if (status == STATUS_OK) {
		status = change_in(batch, first, value);
		if (status == STATUS_OK)
			status = kv_batch_commit(batch);
		else
			kv_batch_abort(batch);
	}
	must_be_our_fault(status);
	assert_int_not_equal(status, STATUS_UNKNOWN); /* that takes two failures */
	if (status != STATUS_OK)
		return;
	story->values[first] = value;
	story->values[(first + 2) % KEYS] = value;
	story->values[(first + 3) % KEYS] = NONE;
}

static unsigned
count(const struct story *story)
{
	unsigned there = 0;

	for (unsigned i = 0; i < KEYS; i++)
		there += story->values[i][0] != '\0';
	return there;
}

static void
walk(const struct story *story, struct kv_txn *txn, bool backwards)
{
	struct kv_scan scan;
	struct slice   key, value;
	unsigned       found = 0;

	if (backwards)
		kv_scan_back(&scan, txn, KV_TAG, SLICE(""), SLICE("x"));
	else
		kv_scan_begin(&scan, txn, KV_TAG, SLICE(""), SLICE("a"));
	while (kv_scan_next(&scan, &key, &value)) {
		found++;
		assert_true(
		    slice_equal(value, slice_text(story->values[key.data[0] - 'a'])));
	}
	kv_scan_end(&scan);
	if (txn->status == STATUS_OK)
		assert_int_equal(found, count(story));
}

static void
look(const struct story *story)
{
	struct kv_snapshot *snapshot = kv_snapshot_new(story->f->kv);
	struct kv_txn       txn;
	struct slice        value;

	if (snapshot == NULL) {
		must_be_our_fault(STATUS_NO_MEMORY);
		return;
	}
	kv_read(snapshot, &txn);
	for (unsigned i = 0; i < KEYS; i++) {
		bool found = kv_get(&txn, KV_TAG, key_of(i), &value);

		if (txn.status == STATUS_OK)
			assert_int_equal(found, story->values[i][0] != '\0');
		if (found)
			assert_true(slice_equal(value, slice_text(story->values[i])));
	}
	walk(story, &txn, false);
	walk(story, &txn, true);
	must_be_our_fault(txn.status);
	kv_snapshot_free(snapshot);
}

/* ---- stories ---- */

/* A new database, and some batches; each fills a journal. */
static void
live(struct story *story)
{
	struct kv_fixture *f = story->f;

	unlink(path_in(f, "data.mdb"));
	for (unsigned i = 0; i < KEYS; i++)
		story->values[i] = NONE;
	open_somehow(story);
	for (unsigned i = 0; i < 5; i++) {
		change(story, i, "older");
		look(story);
	}
	must_close(f);
	open_somehow(story);
	change(story, 5, "newer");
	look(story);
	must_close(f);
}

/* A start after a crash, with two journals to read. */
static void
recover(struct story *story)
{
	open_somehow(story);
	look(story);
	change(story, 1, "newest");
	look(story);
	must_close(story->f);
}

static void
must_be_whole_and_go(struct story *story)
{
	struct story there = *story;

	there.f = &(struct kv_fixture){ .bytes_max = story->f->bytes_max };
	snprintf(there.f->directory, sizeof(there.f->directory), "%s",
	    path_in(story->f, "copy"));
	open_somehow(&there);
	look(&there);
	must_close(there.f);
	unlink(path_in(there.f, "data.mdb"));
	unlink(path_in(there.f, "lock.mdb"));
	assert_int_equal(rmdir(there.f->directory), 0);
}

/* A copy, and a scrub. */
static void
copy(struct story *story)
{
	static const atomic_bool stop;
	struct kv_fixture       *f = story->f;
	struct kv_progress       progress = { .stop = &stop };
	char                     why[512];
	enum status              status;

	open_somehow(story);
	status = kv_copy(f->kv, path_in(f, "copy"), &progress, why, sizeof(why));
	must_be_our_fault(status);
	if (status == STATUS_OK)
		must_be_whole_and_go(story);
	else
		assert_string_not_equal(why, "");
	assert_int_equal(access(path_in(f, "copy"), F_OK), -1);
	assert_int_equal(access(path_in(f, "copy.partial"), F_OK), -1);

	status = kv_scrub(f->kv, &progress, why, sizeof(why));
	must_be_our_fault(status);
	if (status != STATUS_OK)
		assert_string_not_equal(why, "");
	look(story);
	change(story, 1, "newest");
	must_close(f);
}

/* ---- all of them, with each call that may fail ---- */

/* EIO is what all fail with; some also with: */
static const struct row {
	const char *call;
	int         rc;
} rows[] = {
	{ "pwrite", ENOSPC },
	{ "fallocate", ENOSPC },
	{ "fallocate", EOPNOTSUPP },
	{ "mdb_put", MDB_MAP_FULL },
	{ "mdb_get", MDB_CORRUPTED },
	{ "mdb_txn_begin", ENOMEM },
	{ "mdb_txn_renew", MDB_READERS_FULL },
};

/* What is done again, and nobody hears of it. */
static const struct row quiet_rows[] = {
	{ "pwrite", EINTR },
	{ "fdatasync", EINTR },
	{ "fallocate", EINTR },
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* What is there is what was told, and there is no more to overcome. */
static void
must_be_well(struct story *story)
{
	must_open(story->f);
	look(story);
	change(story, 0, "well");
	look(story);
	must_close(story->f);
	assert_int_equal(access(path_in(story->f, "journal.0"), F_OK), -1);
	assert_int_equal(access(path_in(story->f, "data.mdb.new"), F_OK), -1);
}

/* Tell it with call NTH failing; false when it has no such call. */
static bool
tell(struct story *story, void (*how)(struct story *story), const struct row *row,
    unsigned nth)
{
	bool failed;

	kv_image_put(story->f, &story->image);
	memcpy(story->values, story->image_values, sizeof(story->values));
	kv_calls_fail(row->call, nth, row->rc);
	how(story);
	failed = kv_calls_forgive();
	kv_calls_fail("", 0, 0);
	must_be_well(story);
	return failed;
}

/* The first calls all, then some. */
static unsigned
tell_often(struct story *story, void (*how)(struct story *story), const struct row *row)
{
	unsigned nth = 1, told = 0;

	while (tell(story, how, row, nth)) {
		nth += nth < 8 ? 1 : nth / 2;
		told++;
	}
	return told;
}

static void
tell_with_each_call(struct story *story, void (*how)(struct story *story))
{
	unsigned told = 0;

	is_quiet = false;
	for (unsigned i = 0; kv_calls[i] != NULL; i++)
		told += tell_often(story, how, &(struct row){ kv_calls[i], EIO });
	for (unsigned i = 0; i < COUNT(rows); i++)
		told += tell_often(story, how, &rows[i]);
	assert_true(told > 50);
	is_quiet = true;
	for (unsigned i = 0; i < COUNT(quiet_rows); i++)
		tell_often(story, how, &quiet_rows[i]);
}

static void
a_life_in_which_a_call_fails(void **state)
{
	tell_with_each_call(*state, live);
}

static void
a_start_after_a_crash_in_which_a_call_fails(void **state)
{
	tell_with_each_call(*state, recover);
}

static void
a_copy_in_which_a_call_fails(void **state)
{
	tell_with_each_call(*state, copy);
}

/* Held while the checkpoint must wait. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void
wait_at_gate(void *context, bool is_over)
{
	(void)context;
	(void)is_over;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
}

/* Where each story begins: some of it in the file, some in each of two journals. */
static void
make_image(struct story *story)
{
	must_open(story->f);
	for (unsigned i = 0; i < 3; i++)
		change(story, i, "old");
	must_close(story->f);
	must_open(story->f);
	change(story, 3, "new");
	pthread_mutex_lock(&gate);
	kv_calls_watch(wait_at_gate, NULL);
	change(story, 4, "newer");
	story->image = kv_image_take(story->f);
	memcpy(story->image_values, story->values, sizeof(story->values));
	kv_calls_watch(NULL, NULL);
	pthread_mutex_unlock(&gate);
	must_close(story->f);
}

static int
setup(void **state)
{
	static struct story story;

	kv_fixture_setup_in_memory((void **)&story.f);
	must_close(story.f);
	story.f->journal_bytes_max = 4096; /* each batch fills one */
	for (unsigned i = 0; i < KEYS; i++)
		story.values[i] = NONE;
	make_image(&story);
	*state = &story;
	return 0;
}

static int
teardown(void **state)
{
	struct story *story = *state;

	kv_calls_forgive();
	kv_image_free(&story->image);
	return kv_fixture_teardown((void **)&story->f);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_life_in_which_a_call_fails),
		TEST(a_start_after_a_crash_in_which_a_call_fails),
		TEST(a_copy_in_which_a_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
