/*
 * kv: what is rare.  Memory that ends in the middle, a view that fails, a journal that
 * has become old, a copy in many commits.
 */

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/kv_calls.h"
#include "tests/support/kv_image.h"
#include "tests/support/writer_fixture.h"

#define PATIENCE_MS 20000

static void
nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000 * 1000 }, NULL);
}

/* ---- memory ---- */

#define MANY 60000 /* whose entries, and the tree over them, need some chunks */

static struct slice
number_key(unsigned number)
{
	static char key[16];

	return slice_of(key, (size_t)snprintf(key, sizeof(key), "%08u", number));
}

static enum status
put_many(struct kv_fixture *f)
{
	struct kv_batch *batch;
	struct kv_txn    txn;
	enum status      status = kv_batch_begin(f->kv, &batch);

	if (status != STATUS_OK)
		return status;
	kv_write(batch, &txn);
	for (unsigned i = 0; i < MANY && txn.status == STATUS_OK; i++)
		kv_put(&txn, KV_TAG, number_key(i), SLICE("it is there for long"));
	if ((status = txn.status) == STATUS_OK)
		return kv_batch_commit(batch);
	kv_batch_abort(batch);
	return status;
}

/* How many of the many are there; in order, walked both ways. */
static unsigned
count_many(struct kv_fixture *f)
{
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);
	struct kv_txn       txn;
	struct kv_scan      scan;
	struct slice        key, value;
	unsigned            up = 0, down = 0;

	kv_read(snapshot, &txn);
	kv_scan_begin(&scan, &txn, KV_TAG, SLICE(""), SLICE(""));
	for (; kv_scan_next(&scan, &key, &value); up++)
		assert_true(slice_equal(key, number_key(up)));
	kv_scan_end(&scan);
	kv_scan_back(&scan, &txn, KV_TAG, SLICE(""), SLICE(""));
	for (; kv_scan_next(&scan, &key, &value); down++)
		assert_true(slice_equal(key, number_key(up - 1 - down)));
	kv_scan_end(&scan);
	assert_int_equal(txn.status, STATUS_OK);
	assert_int_equal(down, up);
	kv_snapshot_free(snapshot);
	return up;
}

static void
memory_that_ends_within_a_batch_takes_all_of_it_back(void **state)
{
	struct kv_fixture *f = *state;
	enum status        status = STATUS_NO_MEMORY;
	unsigned           nth;

	for (nth = 1; status != STATUS_OK; nth++) {
		must_close(f); /* what memory there was is gone */
		must_open(f);
		kv_calls_fail("aligned_alloc", nth, 0);
		status = put_many(f);
		if (!kv_calls_forgive()) {
			assert_int_equal(status, STATUS_OK);
			break;
		}
		assert_int_equal(status, STATUS_NO_MEMORY);
		assert_int_equal(count_many(f), 0);
		must_put(f, KV_CUSTOMER, "ada", "lovelace");
		assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
		status = STATUS_NO_MEMORY;
	}
	assert_true(nth > 3);
	assert_int_equal(count_many(f), MANY);
	must_close(f);
	must_open(f);
	assert_int_equal(count_many(f), MANY);
}

static void
memory_that_ends_for_the_list_of_old_nodes_refuses_the_first_put(void **state)
{
	struct kv_fixture *f = *state;

	kv_calls_fail("malloc", 1, 0);
	assert_int_equal(put_many(f), STATUS_NO_MEMORY);
	assert_true(kv_calls_forgive());
	assert_int_equal(count_many(f), 0);
	assert_int_equal(put_many(f), STATUS_OK);
	assert_int_equal(count_many(f), MANY);
}

static void
memory_that_ends_with_the_last_byte_of_a_batch_takes_it_back(void **state)
{
	static char value[CHUNK_BYTES - 8 - 24]; /* eight bytes less than a chunk */
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;
	struct kv_txn      txn;

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_put(&txn, KV_CUSTOMER, SLICE("ada"), SLICE("lovelace"));
	kv_put(&txn, KV_CUSTOMER, SLICE("eight by"), slice_of(value, sizeof(value)));
	kv_calls_fail("aligned_alloc", 1, 0); /* for what fills its last page */
	assert_int_equal(kv_batch_commit(batch), STATUS_NO_MEMORY);
	assert_true(kv_calls_forgive());
	assert_null(look_up(f, KV_CUSTOMER, "ada"));
	must_put(f, KV_CUSTOMER, "ada", "byron");
	must_close(f);
	must_open(f);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "byron");
	assert_null(look_up(f, KV_CUSTOMER, "eight by"));
}

/* ---- a view ---- */

static void
a_view_in_which_a_read_failed_is_followed_by_a_good_one(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshot;
	struct kv_txn       txn;
	struct slice        value;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_close(f);
	must_open(f);
	snapshot = kv_snapshot_new(f->kv);
	kv_read(snapshot, &txn);
	kv_calls_fail("mdb_get", 1, EIO);
	assert_false(kv_get(&txn, KV_CUSTOMER, SLICE("ada"), &value));
	assert_int_equal(txn.status, STATUS_STORAGE_FAILED);
	kv_read(snapshot, &txn);
	assert_true(kv_get(&txn, KV_CUSTOMER, SLICE("ada"), &value));
	kv_snapshot_free(snapshot);
	kv_snapshot_free(NULL);
}

/* Memory can err, too: the checksum of a value goes with it from the put to the file.
 */
static void
a_bit_that_flips_in_memory_damages_one_value_only(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);
	struct kv_txn       txn;
	struct kv_scan      scan;
	struct slice        key, value;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	kv_read(snapshot, &txn);
	assert_true(kv_get(&txn, KV_CUSTOMER, SLICE("ada"), &value));
	*(char *)(uintptr_t)value.data ^= 1;
	kv_snapshot_free(snapshot);
	must_close(f); /* which carries it into the file */
	must_open(f);
	snapshot = kv_snapshot_new(f->kv);
	kv_read(snapshot, &txn);
	assert_false(kv_get(&txn, KV_CUSTOMER, SLICE("ada"), &value));
	assert_int_equal(txn.status, STATUS_DAMAGED);
	kv_read(snapshot, &txn);
	kv_scan_begin(&scan, &txn, KV_CUSTOMER, SLICE(""), SLICE(""));
	assert_false(kv_scan_next(&scan, &key, &value));
	kv_scan_end(&scan);
	assert_int_equal(txn.status, STATUS_DAMAGED);
	kv_read(snapshot, &txn);
	assert_true(kv_get(&txn, KV_CUSTOMER, SLICE("eve"), &value));
	kv_snapshot_free(snapshot);
	must_put(f, KV_CUSTOMER, "ada", "byron"); /* and it can be replaced */
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "byron");
}

/* A walk that finds nothing but SHORT keys, which are no longer than the prefix. */
static void
must_walk_over_nothing(struct kv_fixture *f)
{
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);
	struct kv_txn       txn;
	struct kv_scan      scan;
	struct slice        key, value;

	kv_read(snapshot, &txn);
	kv_scan_begin(&scan, &txn, KV_CUSTOMER, SLICE("adam"), SLICE(""));
	assert_false(kv_scan_next(&scan, &key, &value));
	assert_false(kv_scan_next(&scan, &key, &value));
	kv_scan_end(&scan);
	kv_scan_back(&scan, &txn, KV_CUSTOMER, SLICE("adam"), SLICE(""));
	assert_false(kv_scan_next(&scan, &key, &value));
	kv_scan_end(&scan);
	assert_int_equal(txn.status, STATUS_OK);
	kv_snapshot_free(snapshot);
}

static void
a_key_that_is_shorter_than_the_prefix_does_not_have_it(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	must_walk_over_nothing(f);
	must_close(f);
	must_open(f);
	must_walk_over_nothing(f);
}

static void
a_part_of_a_part_is_kept_with_it(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;
	struct kv_txn      txn, part, inner;

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_nest(&txn, &part);
	kv_nest(&part, &inner);
	kv_put(&inner, KV_CUSTOMER, SLICE("ada"), SLICE("lovelace"));
	kv_nest_keep(&part, &inner);
	kv_nest(&part, &inner);
	kv_put(&inner, KV_CUSTOMER, SLICE("ada"), SLICE("byron"));
	kv_nest_drop(&part, &inner);
	assert_true(part.wrote);
	assert_false(txn.wrote);
	kv_nest_keep(&txn, &part);
	assert_true(txn.wrote);
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
}

/* ---- a journal that is old ---- */

#define OLD_MS 10000

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

/* Whether VALUE is somewhere in data.mdb. */
static bool
is_in_file(struct kv_fixture *f, const char *value)
{
	size_t len;
	char  *bytes = file_contents(f, &len);
	bool   is_there = memmem(bytes, len, value, strlen(value)) != NULL;

	free(bytes);
	return is_there;
}

static void
what_was_committed_is_in_the_file_when_it_is_old(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	assert_false(is_in_file(f, "lovelace"));
	kv_calls_later(OLD_MS);
	must_put(f, KV_CUSTOMER, "bob", "builder");
	for (int waited = 0; !is_in_file(f, "lovelace"); waited++) {
		assert_true(waited < PATIENCE_MS);
		nap();
	}
	assert_false(is_in_file(f, "builder")); /* it is young */
	assert_string_equal(look_up(f, KV_CUSTOMER, "eve"), "moriarty");
}

static void
nobody_waits_because_a_journal_is_old(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	kv_calls_later(OLD_MS);
	pthread_mutex_lock(&gate);
	kv_calls_watch(wait_at_gate, NULL);
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	kv_calls_later(OLD_MS);
	/* The checkpoint cannot end: who waited for it would wait for ever. */
	must_put(f, KV_CUSTOMER, "bob", "builder");
	kv_calls_watch(NULL, NULL);
	pthread_mutex_unlock(&gate);
	assert_string_equal(look_up(f, KV_CUSTOMER, "bob"), "builder");
}

static void
an_old_journal_that_cannot_be_left_is_written_on(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	kv_calls_later(OLD_MS);
	kv_calls_fail("getrandom", 1, EIO); /* for the id of the next one */
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	assert_true(kv_calls_forgive());
	assert_string_equal(look_up(f, KV_CUSTOMER, "eve"), "moriarty");
}

/* ---- a copy ---- */

static const atomic_bool stop;

static enum status
copy(struct kv_fixture *f, char *why, size_t why_size)
{
	struct kv_progress progress = { .stop = &stop };

	return kv_copy(f->kv, path_in(f, "copy"), &progress, why, why_size);
}

static void
a_copy_fails_with_any_of_its_commits(void **state)
{
	static char        large[(1 << 20) + 1];
	struct kv_fixture *f = *state;
	char               why[512] = "";
	unsigned           nth = 0;
	enum status        status;

	memset(large, 'x', sizeof(large) - 1);
	for (unsigned i = 0; i < 20; i++) /* more than 16 MiB: a second commit */
		must_put(f, KV_CHANGE, (char[]){ (char)('a' + i), 0 }, large);
	must_close(f);
	must_open(f);
	do {
		kv_calls_fail("mdb_txn_commit", ++nth, EIO);
		status = copy(f, why, sizeof(why));
		if (status != STATUS_OK) {
			assert_int_equal(status, STATUS_STORAGE_FAILED);
			assert_int_equal(access(path_in(f, "copy.partial"), F_OK), -1);
		}
	} while (kv_calls_forgive());
	assert_int_equal(nth, 3);
	assert_int_equal(status, STATUS_OK);
	assert_int_equal(unlink(path_in(f, "copy/data.mdb")), 0);
	assert_int_equal(rmdir(path_in(f, "copy")), 0);
}

static void
a_name_that_is_taken_meanwhile_is_not_replaced(void **state)
{
	struct kv_fixture *f = *state;
	char               why[512] = "";

	kv_calls_fail("renameat2", 1, EEXIST);
	assert_int_equal(copy(f, why, sizeof(why)), STATUS_INVALID);
	assert_true(kv_calls_forgive());
	assert_non_null(strstr(why, "exists"));
	assert_int_equal(access(path_in(f, "copy.partial"), F_OK), -1);
}

/* ---- the writer ---- */

static void
a_read_that_fails_fails_its_batch_but_no_operation_of_it(void **state)
{
	struct kv_fixture *f = *state;
	struct writer     *writer;
	struct mail_list   batch;
	struct task        tasks[2];

	writer = must_start(f, NULL);
	mail_list_init(&batch);
	for (int i = 0; i < 2; i++) {
		tasks[i] = task_of(TASK_PUT_WHEN_ABSENT, i);
		assert_true(writer_gather(writer, &batch, &tasks[i].op));
	}
	kv_calls_fail("mdb_get", 1, EIO);
	writer_push_all(writer, &batch);
	answers_wait(2);
	assert_true(kv_calls_forgive());
	writer_stop(writer);
	assert_int_equal(tasks[0].op.status, STATUS_OK);
	assert_int_equal(tasks[0].runs, 2);
	assert_int_equal(tasks[1].op.status, STATUS_OK);
	assert_int_equal(tasks[1].runs, 1); /* for the batch had failed before it */
	assert_string_equal(look_up(f, KV_CUSTOMER, "0"), "0");
	assert_string_equal(look_up(f, KV_CUSTOMER, "1"), "1");
}

static void
a_writer_that_cannot_be_made_says_so(void **state)
{
	static const char *const calls[] = { "calloc", "pthread_create" };
	struct kv_fixture       *f = *state;
	struct writer           *writer;

	for (unsigned i = 0; i < 2; i++) {
		kv_calls_fail(calls[i], 1, EAGAIN);
		assert_int_equal(writer_start(&writer, f->kv, NULL), STATUS_NO_MEMORY);
		assert_null(writer);
		assert_true(kv_calls_forgive());
	}
}

static int
teardown(void **state)
{
	kv_calls_forgive();
	kv_calls_watch(NULL, NULL);
	return kv_fixture_teardown(state);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kv_fixture_setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(memory_that_ends_within_a_batch_takes_all_of_it_back),
		TEST(memory_that_ends_for_the_list_of_old_nodes_refuses_the_first_put),
		TEST(memory_that_ends_with_the_last_byte_of_a_batch_takes_it_back),
		TEST(a_view_in_which_a_read_failed_is_followed_by_a_good_one),
		TEST(a_bit_that_flips_in_memory_damages_one_value_only),
		TEST(a_key_that_is_shorter_than_the_prefix_does_not_have_it),
		TEST(a_part_of_a_part_is_kept_with_it),
		TEST(what_was_committed_is_in_the_file_when_it_is_old),
		TEST(nobody_waits_because_a_journal_is_old),
		TEST(an_old_journal_that_cannot_be_left_is_written_on),
		TEST(a_copy_fails_with_any_of_its_commits),
		TEST(a_name_that_is_taken_meanwhile_is_not_replaced),
		TEST(a_read_that_fails_fails_its_batch_but_no_operation_of_it),
		TEST(a_writer_that_cannot_be_made_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
