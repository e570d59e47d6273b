/*
 * kv: a start upon whatever a crash, a damage or an older version has left.
 */

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <lmdb.h>
#include <xxhash.h>

#include "server/kv/journal_private.h"
#include "server/kv/key.h"
#include "tests/support/kv_calls.h"
#include "tests/support/kv_fixture.h"
#include "tests/support/kv_image.h"

#define PAGE JOURNAL_PAGE_BYTES

/* ---- numbers in the file, behind its back ---- */

static void
put_number(struct kv_fixture *f, const char *name, uint64_t number)
{
	unsigned char stored[16];
	uint64_t      sum = XXH3_64bits("meta", 4);

	for (unsigned i = 0; i < 8; i++)
		stored[8 + i] = (unsigned char)(number >> (56 - 8 * i));
	sum = XXH3_64bits_withSeed(name, strlen(name), sum);
	sum = XXH3_64bits_withSeed(stored + 8, 8, sum);
	memcpy(stored, &sum, 8);
	put_raw(f, "meta", name, slice_of(stored, sizeof(stored)));
}

/* The lowest byte of a number; -1: there is none. */
static int
low_byte_of(struct kv_fixture *f, const char *name, bool and_delete)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi  dbi;
	MDB_val  key = { strlen(name), (void *)(uintptr_t)name }, stored;
	int      byte = -1;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 1), 0);
	assert_int_equal(mdb_env_open(env, f->directory, MDB_NOLOCK, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "meta", 0, &dbi), 0);
	if (mdb_get(txn, dbi, &key, &stored) == 0)
		byte = ((unsigned char *)stored.mv_data)[15];
	if (and_delete)
		assert_int_equal(mdb_del(txn, dbi, &key, NULL), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	return byte;
}

static enum status
open_to_read(struct kv_fixture *f)
{
	struct kv_options options = { f->directory, f->bytes_max, f->journal_bytes_max,
		4, true };
	char              why[512];

	return kv_open(&f->kv, &options, why, sizeof(why));
}

static void
a_file_from_before_the_journal_is_taken_over(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_close(f);
	put_number(f, "format", 1);
	low_byte_of(f, "journal", true);
	assert_int_equal(open_to_read(f), STATUS_OK);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
	must_close(f);
	assert_int_equal(low_byte_of(f, "format", false), 1);
	kv_calls_fail("mdb_put", 1, EIO);
	must_refuse(f, STATUS_STORAGE_FAILED, "cannot read data.mdb");
	assert_true(kv_calls_forgive());
	assert_int_equal(low_byte_of(f, "format", false), 1);
	must_open(f);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
	assert_int_equal(kv_sequence(f->kv), 1);
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	must_close(f);
	assert_int_equal(low_byte_of(f, "format", false), KV_FORMAT);
	must_open(f);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
	assert_string_equal(look_up(f, KV_CUSTOMER, "eve"), "moriarty");
}

static void
a_file_of_no_format_is_refused(void **state)
{
	struct kv_fixture *f = *state;

	must_close(f);
	put_number(f, "format", 0);
	must_refuse(f, STATUS_STORAGE_FAILED, "not a database of customerd");
	put_number(f, "format", KV_FORMAT);
	put_raw(f, "meta", "journal", SLICE("short"));
	must_refuse(f, STATUS_DAMAGED, "checksum");
	put_number(f, "journal", 0);
	must_open(f);
}

/* ---- a crash at each step of a checkpoint, and of a clean stop ---- */

#define VALUES 40   /* of 2 KB, in a journal of 64 KiB: several transactions */
#define LOG 10000u  /* keys, which take several transactions to leave, … */
#define LOG_KEPT 5u /* … but for these */
#define STEPS_MAX 200

/* Held while the watcher must wait. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

struct stop {
	struct kv_fixture *f;
	struct kv_image    images[STEPS_MAX];
	unsigned           count;
};

static void
take_one(void *context, bool is_over)
{
	struct stop *stop = context;

	(void)is_over;
	pthread_mutex_lock(&gate);
	assert_true(stop->count < STEPS_MAX);
	stop->images[stop->count++] = kv_image_take(stop->f);
	pthread_mutex_unlock(&gate);
}

static void
free_images(struct stop *stop)
{
	for (unsigned i = 0; i < stop->count; i++)
		kv_image_free(&stop->images[i]);
}

static const char *
value_of(unsigned number)
{
	static char value[2001];

	memset(value, 'a' + (int)(number % 26), sizeof(value) - 1);
	return value;
}

static void
log_key(struct key *key, unsigned number)
{
	key_init(key, 1);
	key_u64(key, number);
}

static void
put_log(struct kv_fixture *f)
{
	struct kv_batch *batch;
	struct kv_txn    txn;
	struct key       key;

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	for (unsigned i = 0; i < LOG; i++) {
		log_key(&key, i);
		kv_put(&txn, KV_CHANGE, key_slice(&key), SLICE("old"));
	}
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

/* Those that should be are left in the log, and no other. */
static void
must_have_log(struct kv_fixture *f)
{
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);
	struct kv_scan      scan;
	struct kv_txn       txn;
	struct slice        key, value;
	struct key          expected;

	kv_read(snapshot, &txn);
	kv_scan_begin(&scan, &txn, KV_CHANGE, SLICE(""), SLICE(""));
	for (unsigned i = LOG - LOG_KEPT; i < LOG; i++) {
		log_key(&expected, i);
		assert_true(kv_scan_next(&scan, &key, &value));
		assert_true(slice_equal(key, key_slice(&expected)));
	}
	assert_false(kv_scan_next(&scan, &key, &value));
	kv_scan_end(&scan);
	kv_snapshot_free(snapshot);
}

static void
put_values(struct kv_fixture *f)
{
	struct kv_batch *batch;
	struct kv_txn    txn;
	struct key       floor;
	char             key[16];

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	log_key(&floor, LOG - LOG_KEPT);
	kv_write(batch, &txn);
	kv_drop_below(&txn, KV_CHANGE, key_slice(&floor));
	for (unsigned i = 0; i < VALUES; i++) {
		kv_write(batch, &txn);
		snprintf(key, sizeof(key), "%u", i);
		kv_put(&txn, KV_TAG, slice_text(key), slice_text(value_of(i)));
	}
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

/* All values, and what came after them. */
static void
must_have_values(struct kv_fixture *f)
{
	char key[16];

	for (unsigned i = 1; i < VALUES; i++) {
		snprintf(key, sizeof(key), "%u", i);
		assert_string_equal(look_up(f, KV_TAG, key), value_of(i));
	}
	assert_null(look_up(f, KV_TAG, "0"));
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
	must_have_log(f);
}

/* A directory as it was at one step is as good as any. */
static void
must_go_on_from(struct kv_fixture *f, const struct kv_image *image)
{
	kv_image_put(f, image);
	must_open(f);
	must_have_values(f);
	assert_int_equal(kv_sequence(f->kv), 4);
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	must_close(f);
	must_open(f);
	must_have_values(f);
	assert_string_equal(look_up(f, KV_CUSTOMER, "eve"), "moriarty");
	assert_int_equal(kv_sequence(f->kv), 5);
	must_close(f);
}

static void
a_crash_at_any_step_of_a_checkpoint_or_a_stop_loses_nothing(void **state)
{
	struct kv_fixture *f = *state;
	static struct stop stop;

	stop = (struct stop){ .f = f };
	put_log(f);
	must_close(f);
	f->journal_bytes_max = 64 << 10;
	must_open(f);
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	put_values(f);
	pthread_mutex_lock(&gate);
	kv_calls_watch(take_one, &stop);
	must_del(f, KV_TAG, "0"); /* in the next journal: that one is full */
	pthread_mutex_unlock(&gate);
	must_close(f);
	kv_calls_watch(NULL, NULL);
	/* Some transactions, one that has the numbers, one for the rest; two files. */
	assert_true(stop.count >= 2 * (5 + LOG / 4096 + 1 + 2));
	for (unsigned i = 0; i < stop.count; i++)
		must_go_on_from(f, &stop.images[i]);
	free_images(&stop);
}

/* ---- what is found is on disk before it is built upon ---- */

static struct kv_image
crash_with_two(struct kv_fixture *f)
{
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	return kv_image_crash(f);
}

/*
 * After a failed flush the kernel may have the last batch in memory only and believe
 * that it is on disk: then a flush proves nothing, and a write does.
 */
static void
the_end_of_a_journal_is_written_once_more(void **state)
{
	static const char *const calls[] = { "pwrite", "fdatasync" };
	struct kv_fixture       *f = *state;
	struct kv_image          image = crash_with_two(f);

	for (unsigned i = 0; i < 2; i++) {
		kv_calls_fail(calls[i], 1, EIO);
		must_refuse(f, STATUS_STORAGE_FAILED, "end of journal.0");
		assert_true(kv_calls_forgive());
	}
	must_open(f);
	assert_string_equal(look_up(f, KV_CUSTOMER, "eve"), "moriarty");
	kv_image_free(&image);
}

/* Otherwise a power cut might bring the old file back, whose journals are gone. */
static void
the_file_is_flushed_before_its_journals_are_removed(void **state)
{
	struct kv_fixture *f = *state;
	static struct stop stop;

	stop = (struct stop){ .f = f };
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	kv_calls_watch(take_one, &stop);
	must_close(f);
	kv_calls_watch(NULL, NULL);
	/* Before and after one commit, then before the first file goes. */
	kv_image_put(f, &stop.images[2]);
	assert_int_equal(low_byte_of(f, "journal", false), 0);
	assert_int_equal(access(path_in(f, "journal.0"), F_OK), 0);
	kv_calls_fail("mdb_env_sync", 1, EIO);
	must_refuse(f, STATUS_STORAGE_FAILED, "cannot sync data.mdb");
	assert_true(kv_calls_forgive());
	assert_int_equal(access(path_in(f, "journal.0"), F_OK), 0);
	must_open(f);
	assert_int_equal(access(path_in(f, "journal.0"), F_OK), -1);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
	free_images(&stop);
}

/* ---- journals that do not fit together ---- */

/* A frozen journal of two batches, and one behind it, with a third or empty. */
static struct kv_image
crash_behind_two(struct kv_fixture *f, bool has_third)
{
	static struct stop stop;
	struct kv_batch   *batch;
	struct kv_image    image;

	stop = (struct stop){ .f = f };
	must_close(f);
	f->journal_bytes_max = 3 * PAGE;
	must_open(f);
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	pthread_mutex_lock(&gate);
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	kv_calls_watch(take_one, &stop); /* there the checkpoint waits */
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_batch_abort(batch);
	if (has_third)
		must_put(f, KV_CUSTOMER, "bob", "builder");
	image = kv_image_take(f);
	kv_calls_watch(NULL, NULL);
	pthread_mutex_unlock(&gate);
	must_close(f);
	free_images(&stop);
	kv_image_put(f, &image);
	return image;
}

static void
a_batch_lost_from_the_end_of_a_full_journal_is_missed(void **state)
{
	struct kv_fixture *f = *state;

	for (int has_third = 0; has_third < 2; has_third++) {
		struct kv_image image = crash_behind_two(f, has_third);

		must_open(f);
		assert_string_equal(look_up(f, KV_CUSTOMER, "eve"), "moriarty");
		must_close(f);
		image.bytes[KV_IMAGE_JOURNAL_0][2 * PAGE] ^= 1;
		kv_image_put(f, &image);
		must_refuse(f, STATUS_DAMAGED, "journal.0 is damaged");
		image.bytes[KV_IMAGE_JOURNAL_0][2 * PAGE] ^= 1;
		kv_image_put(f, &image);
		kv_image_free(&image);
		must_open(f);
	}
}

static void
a_journal_that_does_not_go_on_where_the_file_ends_is_refused(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_image    image = crash_with_two(f);

	put_number(f, "batch", 3);
	must_refuse(f, STATUS_DAMAGED, "does not go on where data.mdb ends");
	kv_image_put(f, &image);
	kv_image_free(&image);
	must_open(f);
	must_close(f);
	must_open(f);
	must_put(f, KV_CUSTOMER, "bob", "builder");
	image = kv_image_crash(f);
	put_number(f, "batch", 1);
	must_refuse(f, STATUS_DAMAGED, "does not go on where data.mdb ends");
	kv_image_put(f, &image);
	must_open(f);
	kv_image_free(&image);
}

static void
frames_of_an_earlier_life_do_not_count(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_image    image;
	char               key[16];

	must_close(f);
	f->journal_bytes_max = 8 * PAGE;
	must_open(f);
	for (int i = 0; i < 15; i++) { /* twice seven frames, and one */
		snprintf(key, sizeof(key), "%d", i);
		must_put(f, KV_CUSTOMER, key, i < 7 ? "earlier" : "later");
	}
	image = kv_image_take(f);
	assert_non_null(memmem(image.bytes[KV_IMAGE_JOURNAL_0], 3 * PAGE, "later", 5));
	assert_non_null(memmem(image.bytes[KV_IMAGE_JOURNAL_0] + 3 * PAGE, 5 * PAGE,
	    "earlier", 7)); /* else this proves nothing */
	for (int i = 0; i < 7; i++) {
		snprintf(key, sizeof(key), "%d", i);
		must_del(f, KV_CUSTOMER, key);
	}
	kv_image_free(&image);
	image = kv_image_crash(f);
	must_open(f);
	assert_int_equal(kv_sequence(f->kv), 22);
	assert_null(look_up(f, KV_CUSTOMER, "3"));
	assert_string_equal(look_up(f, KV_CUSTOMER, "14"), "later");
	kv_image_free(&image);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, kv_fixture_setup, kv_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_file_from_before_the_journal_is_taken_over),
		TEST(a_file_of_no_format_is_refused),
		TEST(a_crash_at_any_step_of_a_checkpoint_or_a_stop_loses_nothing),
		TEST(the_end_of_a_journal_is_written_once_more),
		TEST(the_file_is_flushed_before_its_journals_are_removed),
		TEST(a_batch_lost_from_the_end_of_a_full_journal_is_missed),
		TEST(a_journal_that_does_not_go_on_where_the_file_ends_is_refused),
		TEST(frames_of_an_earlier_life_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
