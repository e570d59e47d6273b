#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/kv/writer.h"
#include "tests/support/fault.h"
#include "tests/support/kv_fixture.h"

/* ---- one commit under a fault ---- */

static enum status
try_put(struct kv_fixture *f, const char *key, const char *value)
{
	struct kv_batch *batch;
	struct kv_txn    txn;
	enum status      status;

	if ((status = kv_batch_begin(f->kv, &batch)) != STATUS_OK)
		return status;
	kv_write(batch, &txn);
	kv_put(&txn, KV_CUSTOMER, slice_text(key), slice_text(value));
	if ((status = txn.status) != STATUS_OK) {
		kv_batch_abort(batch);
		return status;
	}
	return kv_batch_commit(batch);
}

/* Ada's value, then what a change answers while SPEC fails, then her value after. */
static void
expect(struct kv_fixture *f, const char *spec, enum status status, bool is_there)
{
	uint64_t sequence;

	must_put(f, KV_CUSTOMER, "ada", "before");
	sequence = kv_sequence(f->kv);
	fault_arm(spec);
	assert_int_equal(try_put(f, "ada", "after"), status);
	assert_true(fault_count() > 0);
	assert_string_equal(
	    look_up(f, KV_CUSTOMER, "ada"), is_there ? "after" : "before");
	if (status == STATUS_OK)
		assert_true(kv_sequence(f->kv) > sequence);

	/* Once the disk is well again, so are we; and nothing comes back. */
	fault_arm("");
	must_put(f, KV_CUSTOMER, "eve", spec);
	assert_string_equal(
	    look_up(f, KV_CUSTOMER, "ada"), is_there ? "after" : "before");
	assert_string_equal(look_up(f, KV_CUSTOMER, "eve"), spec);
	must_close(f);
	must_open(f);
	assert_string_equal(
	    look_up(f, KV_CUSTOMER, "ada"), is_there ? "after" : "before");
	assert_string_equal(look_up(f, KV_CUSTOMER, "eve"), spec);
}

static void
a_full_disk_is_named_and_changes_nothing(void **state)
{
	expect(*state, "journal:1:ENOSPC:once", STATUS_STORAGE_FULL, false);
	expect(*state, "journal:1:ENOSPC:ever", STATUS_STORAGE_FULL, false);
	expect(*state, "journal:1:EDQUOT:ever", STATUS_STORAGE_FULL, false);
}

static void
a_write_cut_short_is_gone_on_with(void **state)
{
	expect(*state, "journal:1:short:once", STATUS_OK, true);
	expect(*state, "journal:1:short:ever", STATUS_OK, true);
	expect(*state, "journal:1:short:once,journal:1:ENOSPC:once",
	    STATUS_STORAGE_FULL, false);
	expect(*state, "journal:1:short:once,journal:1:EIO:once,statvfs:1:full:ever",
	    STATUS_STORAGE_FULL, false);
}

static void
a_failed_write_changes_nothing(void **state)
{
	expect(*state, "journal:1:EIO:once", STATUS_STORAGE_FAILED, false);
	/* Done, but told to have failed: so it is taken back. */
	expect(*state, "journal:1:done:once", STATUS_STORAGE_FAILED, false);
}

static void
a_failed_flush_changes_nothing(void **state)
{
	expect(*state, "flush:1:EIO:once", STATUS_STORAGE_FAILED, false);
	expect(*state, "flush:1:done:once", STATUS_STORAGE_FAILED, false);
}

static void
an_interrupted_write_is_written_again(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "before");
	fault_arm("journal:1:EINTR:once,flush:1:EINTR:once");
	assert_int_equal(try_put(f, "ada", "after"), STATUS_OK);
	assert_int_equal(fault_count(), 2);
}

static void
what_cannot_be_taken_back_is_unknown_and_does_not_come_back(void **state)
{
	expect(*state, "journal:1:EIO:ever", STATUS_UNKNOWN, false);
	expect(*state, "journal:1:done:ever", STATUS_UNKNOWN, false);
	expect(*state, "flush:1:EIO:ever", STATUS_UNKNOWN, false);
	expect(*state, "flush:1:done:ever", STATUS_UNKNOWN, false);
}

static void
writing_waits_until_the_disk_is_well(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;

	must_put(f, KV_CUSTOMER, "ada", "before");
	fault_arm("flush:1:EIO:ever");
	assert_int_equal(try_put(f, "ada", "1"), STATUS_UNKNOWN);
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_STORAGE_FAILED);
	assert_null(batch);
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_STORAGE_FAILED);
	assert_int_equal(fault_count(), 4);
	fault_arm("");
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "before");
	must_put(f, KV_CUSTOMER, "ada", "2");
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "2");
}

/* A journal that cannot be made, at each step of that. */
static void
a_journal_that_cannot_be_made_is_tried_again(void **state)
{
	static const char *const calls[] = { "journal", "flush", "fallocate", "fsync",
		"data", "fdatasync", "meta" };
	struct kv_fixture       *f = *state;
	unsigned                 i, nth;
	enum status              status;
	char                     spec[64];

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		for (nth = 1, status = STATUS_STORAGE_FAILED; status != STATUS_OK;
		     nth++) {
			must_close(f);
			must_open(f);
			snprintf(spec, sizeof(spec), "%s:%u:EIO:once", calls[i], nth);
			fault_arm(spec);
			status = try_put(f, "ada", "lost");
			if (status != STATUS_OK) {
				assert_int_equal(status, STATUS_STORAGE_FAILED);
				assert_int_equal(fault_count(), 1);
			}
			fault_arm("");
			must_put(f, KV_CUSTOMER, "ada", spec);
			assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), spec);
		}
		assert_true(nth > 2);
	}
}

/* Twice: the kernel tells of a failure once, and then of a directory that is clean. */
static void
names_that_may_not_last_are_made_anew(void **state)
{
	struct kv_fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		fault_arm("fsync:1:EIO:once");
		assert_int_equal(try_put(f, "ada", "lost"), STATUS_STORAGE_FAILED);
		assert_int_equal(fault_count(), 1);
		assert_int_equal(access(path_in(f, "journal.0"), F_OK), -1);
		assert_int_equal(access(path_in(f, "journal.1"), F_OK), -1);
	}
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
}

/* ---- a checkpoint under a fault ---- */

#define PUTS 20
#define PATIENCE_MS 20000

static const char *const checkpoint_specs[] = { "data:1:EIO:once", "data:1:short:once",
	"data:1:done:once", "fdatasync:1:EIO:once", "meta:1:EIO:once",
	"meta:1:done:once", "meta:1:done:once,rollback:1:EIO:once",
	"data:1:ENOSPC:ever", "fdatasync:1:EIO:ever", "meta:1:EIO:ever",
	"meta:1:EIO:once,open:1:EMFILE:ever", "journal:5:EIO:once",
	"flush:5:EIO:once" };

#define CHECKPOINT_SPECS (sizeof(checkpoint_specs) / sizeof(checkpoint_specs[0]))

static void
nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000 * 1000 }, NULL);
}

/* Each batch fills a journal, so that there is a checkpoint after each. */
static void
fill_journals_at_once(struct kv_fixture *f)
{
	must_close(f);
	f->journal_bytes_max = 4096;
	must_open(f);
	must_put(f, KV_CUSTOMER, "ada", "before");
}

/* How many of PUTS puts were acknowledged before one was refused. */
static int
put_until_refused(struct kv_fixture *f)
{
	char        key[16];
	enum status status = STATUS_OK;
	int         i;

	for (i = 0; i < PUTS; i++) {
		snprintf(key, sizeof(key), "%d", i);
		if ((status = try_put(f, key, "there")) != STATUS_OK)
			break;
	}
	if (status != STATUS_OK && status != STATUS_STORAGE_FULL)
		assert_int_equal(status, STATUS_STORAGE_FAILED);
	return i;
}

/* Exactly the first COUNT puts are there. */
static void
must_have(struct kv_fixture *f, int count)
{
	char key[16];
	int  i;

	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "before");
	for (i = 0; i < PUTS; i++) {
		snprintf(key, sizeof(key), "%d", i);
		if ((look_up(f, KV_CUSTOMER, key) != NULL) != (i < count))
			fail_msg("of %d, key %d", count, i);
	}
}

static void
a_checkpoint_that_fails_loses_nothing(void **state)
{
	struct kv_fixture *f = *state;
	char               key[16];
	unsigned           i;
	int                count, n;

	for (i = 0; i < CHECKPOINT_SPECS; i++) {
		fill_journals_at_once(f);
		fault_arm(checkpoint_specs[i]);
		count = put_until_refused(f);
		assert_true(fault_count() > 0);
		must_close(f); /* which cannot empty the journals, perhaps */
		fault_arm("");
		must_open(f);
		must_have(f, count);
		must_close(f);
		assert_int_equal(access(path_in(f, "journal.0"), F_OK), -1);
		must_open(f);
		must_have(f, count);
		for (n = 0; n < PUTS; n++) {
			snprintf(key, sizeof(key), "%d", n);
			must_del(f, KV_CUSTOMER, key);
		}
	}
}

static void
writing_goes_on_when_a_checkpoint_works_again(void **state)
{
	struct kv_fixture *f = *state;
	unsigned           i;
	int                waited;

	for (i = 0; i < CHECKPOINT_SPECS; i++) {
		fill_journals_at_once(f);
		fault_arm(checkpoint_specs[i]);
		put_until_refused(f);
		fault_arm("");
		for (waited = 0; try_put(f, "eve", checkpoint_specs[i]) != STATUS_OK;
		     waited++) {
			assert_true(waited < PATIENCE_MS);
			nap();
		}
		assert_string_equal(
		    look_up(f, KV_CUSTOMER, "eve"), checkpoint_specs[i]);
	}
}

static void
a_file_that_cannot_be_reopened_is_tried_again(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);
	struct kv_txn       txn;
	struct slice        value;
	int                 waited;

	kv_snapshot_free(snapshot);
	fill_journals_at_once(f);
	snapshot = kv_snapshot_new(f->kv);
	fault_arm("meta:1:EIO:once,open:1:EMFILE:ever");
	put_until_refused(f);
	for (waited = 0, txn.status = STATUS_OK; txn.status == STATUS_OK; waited++) {
		assert_true(waited < PATIENCE_MS);
		kv_read(snapshot, &txn);
		kv_snapshot_release(snapshot);
		nap();
	}
	assert_int_equal(txn.status, STATUS_STORAGE_FAILED);
	assert_false(kv_get(&txn, KV_CUSTOMER, SLICE("ada"), &value));

	fault_arm("");
	for (waited = 0; txn.status != STATUS_OK; waited++) {
		assert_true(waited < PATIENCE_MS);
		nap();
		kv_read(snapshot, &txn);
	}
	assert_true(kv_get(&txn, KV_CUSTOMER, SLICE("ada"), &value));
	assert_true(slice_equal(value, SLICE("before")));
	kv_snapshot_free(snapshot);
}

/* ---- readers during a reopening ---- */

static _Atomic bool readers_stop;

static void *
read_on(void *context)
{
	struct kv_snapshot *snapshot = kv_snapshot_new(context);
	struct kv_txn       txn;
	struct slice        value;

	while (!readers_stop) {
		kv_read(snapshot, &txn);
		/* There is a moment in which LMDB has given up and we have not seen it.
		 */
		if (txn.status == STATUS_OK) {
			assert_true(kv_get(&txn, KV_CUSTOMER, SLICE("ada"), &value));
			assert_int_equal(value.len, 6);
		} else {
			assert_int_equal(txn.status, STATUS_STORAGE_FAILED);
		}
		kv_snapshot_release(snapshot);
	}
	kv_snapshot_free(snapshot);
	return NULL;
}

static void
snapshots_survive_a_reopening(void **state)
{
	struct kv_fixture *f = *state;
	pthread_t          readers[2];
	int                i;

	must_close(f);
	f->journal_bytes_max = 4096;
	must_open(f);
	must_put(f, KV_CUSTOMER, "ada", "before");
	readers_stop = false;
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_on, f->kv), 0);
	for (i = 0; i < 100; i++) {
		enum status status;

		fault_arm("meta:1:EIO:once");
		do {
			status = try_put(f, "ada", "abcdef");
			assert_true(
			    status == STATUS_OK || status == STATUS_STORAGE_FAILED);
			nap();
		} while (status != STATUS_OK || fault_count() == 0);
	}
	readers_stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
}

/* ---- creation ---- */

static void
a_creation_that_fails_leaves_nothing_half_made(void **state)
{
	static const char *const calls[] = { "data", "meta", "fdatasync", "fsync",
		"open", "rename", "ftruncate" };
	static const char *const hows[] = { "EIO", "ENOSPC" };
	struct kv_fixture       *f = *state;
	char                     spec[64], why[512];
	struct kv_options options = { f->directory, f->bytes_max, f->journal_bytes_max,
		4, false };
	unsigned          i, nth, struck;

	for (i = 0; i < 2 * sizeof(calls) / sizeof(calls[0]); i++) {
		for (nth = 1, struck = 1; struck > 0; nth++) {
			must_close(f);
			unlink(path_in(f, "data.mdb"));
			unlink(path_in(f, "lock.mdb"));
			snprintf(spec, sizeof(spec), "%s:%u:%s:once", calls[i / 2], nth,
			    hows[i % 2]);
			fault_arm(spec);
			why[0] = '\0';
			if (kv_open(&f->kv, &options, why, sizeof(why)) != STATUS_OK)
				assert_true(why[0] != '\0');
			struck = fault_count();
			fault_arm("");
			assert_int_equal(access(path_in(f, "data.mdb.new"), F_OK), -1);
			if (f->kv == NULL)
				must_open(f);
			must_put(f, KV_CUSTOMER, "ada", spec);
			assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), spec);
		}
		assert_true(nth > 2);
	}
}

/* Who made the file may have died before its name was on disk. */
static void
a_name_that_may_not_last_is_not_built_upon(void **state)
{
	struct kv_fixture *f = *state;

	must_close(f);
	fault_arm("fsync:1:EIO:once");
	must_refuse(f, STATUS_STORAGE_FAILED, "cannot sync");
	must_open(f);
}

/* ---- the writer ---- */

#define OPS 64

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  answered = PTHREAD_COND_INITIALIZER;
static int             answers;

struct put {
	struct write_op op;
	char            key[16];
	int             runs;
};

static enum status
put_apply(struct write_op *op, struct kv_txn *txn)
{
	struct put *put = MAIL_OBJECT(op, struct put, op);

	put->runs++;
	kv_put(txn, KV_CUSTOMER, slice_text(put->key), SLICE("put"));
	return txn->status;
}

static void
put_done(struct write_op *op)
{
	(void)op;
	pthread_mutex_lock(&mutex);
	answers++;
	pthread_cond_signal(&answered);
	pthread_mutex_unlock(&mutex);
}

/* Many puts while SPEC fails. */
static struct put *
put_many(struct kv_fixture *f, const char *spec)
{
	static struct put puts[OPS];
	struct writer    *writer;
	int               i;

	answers = 0;
	must_put(f, KV_CUSTOMER, "first", "so that there is a journal");
	assert_int_equal(writer_start(&writer, f->kv, NULL), STATUS_OK);
	fault_arm(spec);
	for (i = 0; i < OPS; i++) {
		puts[i] =
		    (struct put){ .op = { .apply = put_apply, .done = put_done } };
		snprintf(puts[i].key, sizeof(puts[i].key), "%d", i);
		assert_true(writer_push(writer, &puts[i].op));
	}
	pthread_mutex_lock(&mutex);
	while (answers < OPS)
		pthread_cond_wait(&answered, &mutex);
	pthread_mutex_unlock(&mutex);
	fault_arm("");
	writer_stop(writer);
	return puts;
}

static void
a_writer_gets_over_a_failure_that_passes(void **state)
{
	struct put *puts = put_many(*state, "flush:1:EIO:once,journal:4:EIO:once");
	int         i, failed = 0;

	for (i = 0; i < OPS; i++)
		if (puts[i].op.status != STATUS_OK)
			failed++;
	/* Only a batch of one is not tried again. */
	assert_true(failed <= 2);
	for (i = 0; i < OPS; i++)
		assert_int_equal(look_up(*state, KV_CUSTOMER, puts[i].key) != NULL,
		    puts[i].op.status == STATUS_OK);
}

static void
a_writer_answers_everybody_while_the_disk_is_bad(void **state)
{
	static const struct {
		const char *spec;
		enum status status;
	} rows[] = {
		{ "journal:1:ENOSPC:ever", STATUS_STORAGE_FULL },
		{ "flush:1:EIO:ever", STATUS_STORAGE_FAILED },
	};
	size_t row;
	int    i;

	for (row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		struct put *puts = put_many(*state, rows[row].spec);

		for (i = 0; i < OPS; i++) {
			if (puts[i].op.status != STATUS_UNKNOWN)
				assert_int_equal(puts[i].op.status, rows[row].status);
			assert_null(look_up(*state, KV_CUSTOMER, puts[i].key));
		}
	}
}

static void
what_is_unknown_is_not_tried_again(void **state)
{
	struct put *puts = put_many(*state, "flush:1:EIO:ever");
	int         i, unknown = 0;

	for (i = 0; i < OPS; i++) {
		if (puts[i].op.status != STATUS_UNKNOWN)
			continue;
		unknown++;
		assert_int_equal(puts[i].runs, 1);
	}
	assert_true(unknown > 0);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, kv_fixture_setup, fault_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_full_disk_is_named_and_changes_nothing),
		TEST(a_write_cut_short_is_gone_on_with),
		TEST(a_failed_write_changes_nothing),
		TEST(a_failed_flush_changes_nothing),
		TEST(an_interrupted_write_is_written_again),
		TEST(what_cannot_be_taken_back_is_unknown_and_does_not_come_back),
		TEST(writing_waits_until_the_disk_is_well),
		TEST(a_journal_that_cannot_be_made_is_tried_again),
		TEST(names_that_may_not_last_are_made_anew),
		TEST(a_checkpoint_that_fails_loses_nothing),
		TEST(writing_goes_on_when_a_checkpoint_works_again),
		TEST(a_file_that_cannot_be_reopened_is_tried_again),
		TEST(snapshots_survive_a_reopening),
		TEST(a_creation_that_fails_leaves_nothing_half_made),
		TEST(a_name_that_may_not_last_is_not_built_upon),
		TEST(a_writer_gets_over_a_failure_that_passes),
		TEST(a_writer_answers_everybody_while_the_disk_is_bad),
		TEST(what_is_unknown_is_not_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
