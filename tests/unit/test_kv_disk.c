/*
 * kv: a disk that fails or is full, and what is rare besides.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/fault.h"
#include "tests/support/kv_fixture.h"
#include "tests/support/writer_fixture.h"

#define PATIENCE_MS 20000

static void
nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000 * 1000 }, NULL);
}

static enum status
try_put(struct kv_fixture *f, const char *key, struct slice value)
{
	struct kv_batch *batch;
	struct kv_txn    txn;
	enum status      status;

	if ((status = kv_batch_begin(f->kv, &batch)) != STATUS_OK)
		return status;
	kv_write(batch, &txn);
	kv_put(&txn, KV_CUSTOMER, slice_text(key), value);
	if ((status = txn.status) != STATUS_OK) {
		kv_batch_abort(batch);
		return status;
	}
	return kv_batch_commit(batch);
}

static struct slice
bytes(size_t len)
{
	static char large[4 << 20];

	assert_true(len <= sizeof(large));
	return slice_of(large, len);
}

static void
put_until_it_works(struct kv_fixture *f, const char *key)
{
	int waited = 0;

	while (try_put(f, key, SLICE("there")) != STATUS_OK) {
		assert_true(waited++ < PATIENCE_MS);
		nap();
	}
	assert_string_equal(look_up(f, KV_CUSTOMER, key), "there");
}

/* ---- a full disk ---- */

/* The journals have 1 MiB each, of which the head takes a page. */
static void
a_journal_is_written_to_its_end_although_the_disk_is_full(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	assert_int_equal(try_put(f, "large", bytes(800 << 10)), STATUS_OK);
	fault_arm("statvfs:1:full:ever");
	assert_int_equal(try_put(f, "less", bytes(200 << 10)), STATUS_OK);
	assert_true(fault_count() > 0);
	/* Then what waits is carried over, and the other journal takes it. */
	assert_int_equal(try_put(f, "more", bytes(100 << 10)), STATUS_OK);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
}

static void
a_disk_that_is_full_for_the_checkpoint_too_permits_deletes(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	assert_int_equal(try_put(f, "large", bytes(960 << 10)), STATUS_OK);
	fault_arm("statvfs:1:full:ever,data:1:ENOSPC:ever");
	assert_int_equal(try_put(f, "eve", SLICE("moriarty")), STATUS_STORAGE_FULL);
	must_del(f, KV_CUSTOMER, "ada");
	assert_null(look_up(f, KV_CUSTOMER, "ada"));
	fault_arm("");
	put_until_it_works(f, "eve");
}

static void
a_journal_that_cannot_grow_changes_nothing(void **state)
{
	static const char *const specs[] = { "fallocate:1:ENOSPC:once",
		"fallocate:1:ENOSPC:once,ftruncate:1:EINTR:once",
		"journal:1:ENOSPC:once", "journal:20:ENOSPC:once" };
	struct kv_fixture       *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	for (unsigned i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		fault_arm(specs[i]);
		assert_int_equal(
		    try_put(f, "ada", bytes((2 + i) << 20 >> 1)), STATUS_STORAGE_FULL);
		assert_true(fault_count() > 0);
		assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
		fault_arm("");
	}
	assert_int_equal(try_put(f, "ada", bytes(2 << 20)), STATUS_OK);
	must_close(f);
	must_open(f);
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
}

static void
a_failure_that_a_full_disk_explains_is_called_so(void **state)
{
	struct kv_fixture *f = *state;
	enum status        status = STATUS_OK;

	must_close(f);
	f->journal_bytes_max = 4096;
	must_open(f);
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	/* LMDB says EIO for a write that is cut short. */
	fault_arm("data:1:short:ever,statvfs:1:full:ever");
	for (unsigned i = 0; i < 3 && status == STATUS_OK; i++)
		status = try_put(f, "eve", SLICE("moriarty"));
	assert_int_equal(status, STATUS_STORAGE_FULL);
	fault_arm("data:1:short:ever,statvfs:1:EIO:ever");
	for (unsigned i = 0; i < PATIENCE_MS && status != STATUS_STORAGE_FAILED; i++) {
		status = try_put(f, "eve", SLICE("moriarty"));
		nap();
	}
	assert_int_equal(status, STATUS_STORAGE_FAILED);
	fault_arm("");
	put_until_it_works(f, "eve");
}

/* ---- a disk that fails ---- */

static void
a_write_that_writes_nothing_has_failed(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	fault_arm("journal:1:nothing:once");
	assert_int_equal(try_put(f, "ada", SLICE("byron")), STATUS_STORAGE_FAILED);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
	put_until_it_works(f, "ada");
}

static void
a_file_lost_before_there_is_a_journal_is_opened_again(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;

	fault_arm("meta:1:EIO:once,open:1:EMFILE:ever");
	assert_int_equal(try_put(f, "ada", SLICE("byron")), STATUS_STORAGE_FAILED);
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_STORAGE_FAILED);
	fault_arm("");
	put_until_it_works(f, "ada");
}

static void
a_file_that_is_gone_is_not_made_anew_while_serving(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;
	char               away[512];

	snprintf(away, sizeof(away), "%s", path_in(f, "away"));
	fault_arm("meta:1:EIO:once,open:1:EMFILE:ever");
	assert_int_equal(try_put(f, "ada", SLICE("byron")), STATUS_STORAGE_FAILED);
	assert_int_equal(rename(path_in(f, "data.mdb"), away), 0);
	fault_arm("");
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_STORAGE_FAILED);
	assert_int_equal(access(path_in(f, "data.mdb"), F_OK), -1);
	assert_int_equal(rename(away, path_in(f, "data.mdb")), 0);
	put_until_it_works(f, "ada");
}

/* ---- a scrub ---- */

static atomic_bool stop;

static enum status
scrub(struct kv_fixture *f)
{
	struct kv_progress progress = { .stop = &stop };
	char               why[512] = "";
	enum status        status = kv_scrub(f->kv, &progress, why, sizeof(why));

	assert_true((status == STATUS_OK) == (why[0] == '\0'));
	return status;
}

static void
a_database_without_a_journal_can_be_scrubbed(void **state)
{
	struct kv_fixture *f = *state;

	assert_int_equal(scrub(f), STATUS_OK);
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_close(f);
	must_open(f);
	assert_int_equal(unlink(path_in(f, "lock.mdb")), 0); /* nor with a lock file */
	assert_int_equal(scrub(f), STATUS_OK);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
}

static void
a_scrub_waits_until_the_journal_is_well(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	fault_arm("flush:1:EIO:ever");
	assert_int_equal(try_put(f, "ada", SLICE("byron")), STATUS_UNKNOWN);
	assert_int_equal(scrub(f), STATUS_STORAGE_FAILED);
	fault_arm("");
	assert_int_equal(scrub(f), STATUS_OK);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
}

static void
a_scrubbed_file_that_cannot_be_opened_is_overcome(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	fault_arm("open:3:EMFILE:ever"); /* LMDB opens what is built twice */
	assert_int_equal(scrub(f), STATUS_STORAGE_FAILED);
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_STORAGE_FAILED);
	fault_arm("");
	put_until_it_works(f, "eve");
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
}

/* ---- a copy ---- */

static enum status
copy(struct kv_fixture *f, const char *path)
{
	struct kv_progress progress = { .stop = &stop };
	char               why[512] = "";

	return kv_copy(f->kv, path, &progress, why, sizeof(why));
}

static void
a_copy_asks_for_room_first(void **state)
{
	struct kv_fixture *f = *state;

	fault_arm("statvfs:1:full:once");
	assert_int_equal(copy(f, path_in(f, "copy")), STATUS_STORAGE_FULL);
	fault_arm("statvfs:2:full:ever,data:1:short:ever");
	assert_int_equal(copy(f, path_in(f, "copy")), STATUS_STORAGE_FULL);
	assert_int_equal(access(path_in(f, "copy.partial"), F_OK), -1);
}

static void
a_copy_leaves_what_it_has_not_made(void **state)
{
	struct kv_fixture *f = *state;
	FILE              *file;

	assert_int_equal(mkdir(path_in(f, "copy.partial"), 0700), 0);
	assert_non_null(file = fopen(path_in(f, "copy.partial/mine"), "w"));
	fclose(file);
	fault_arm("data:1:EIO:ever");
	assert_int_equal(copy(f, path_in(f, "copy")), STATUS_STORAGE_FAILED);
	assert_int_equal(unlink(path_in(f, "copy.partial/mine")), 0);
	assert_int_equal(rmdir(path_in(f, "copy.partial")), 0); /* it was alone */
}

static void
a_copy_may_be_named_in_any_way(void **state)
{
	struct kv_fixture *f = *state;
	char               before[512];

	assert_int_equal(copy(f, "/"), STATUS_INVALID); /* exists */
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(f->directory), 0);
	assert_int_equal(copy(f, "copy"), STATUS_OK);
	assert_int_equal(chdir(before), 0);
	assert_int_equal(unlink(path_in(f, "copy/data.mdb")), 0);
	assert_int_equal(rmdir(path_in(f, "copy")), 0);
}

/* ---- the writer ---- */

static unsigned told;

static void
committed(void *context)
{
	(void)context;
	told++;
}

/* What one put hears while SPEC fails; TOLD counts who was told of a commit. */
static enum status
put_by_writer(struct kv_fixture *f, const char *spec)
{
	struct task    put = task_of(TASK_PUT, 1);
	struct writer *writer;

	told = 0;
	writer = must_start(f, &(struct writer_events){ .committed = committed });
	fault_arm(spec);
	assert_true(writer_push(writer, &put.op));
	task_wait(&put);
	writer_stop(writer);
	fault_arm("");
	return put.op.status;
}

/* Who follows must look when something is there, or may be, and else need not. */
static void
those_who_follow_are_told_of_what_may_be_there(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	assert_int_equal(put_by_writer(f, ""), STATUS_OK);
	assert_int_equal(told, 1);
	assert_int_equal(put_by_writer(f, "journal:1:EIO:once"), STATUS_STORAGE_FAILED);
	assert_int_equal(told, 0);
	assert_int_equal(put_by_writer(f, "flush:1:EIO:ever"), STATUS_UNKNOWN);
	assert_int_equal(told, 1);
	/* Now it must be overcome first; that is no commit. */
	assert_int_equal(put_by_writer(f, "flush:1:EIO:ever"), STATUS_STORAGE_FAILED);
	assert_int_equal(told, 0);
	assert_int_equal(put_by_writer(f, ""), STATUS_OK);
	assert_string_equal(look_up(f, KV_CUSTOMER, "1"), "1");
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, kv_fixture_setup, fault_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_journal_is_written_to_its_end_although_the_disk_is_full),
		TEST(a_disk_that_is_full_for_the_checkpoint_too_permits_deletes),
		TEST(a_journal_that_cannot_grow_changes_nothing),
		TEST(a_failure_that_a_full_disk_explains_is_called_so),
		TEST(a_write_that_writes_nothing_has_failed),
		TEST(a_file_lost_before_there_is_a_journal_is_opened_again),
		TEST(a_file_that_is_gone_is_not_made_anew_while_serving),
		TEST(a_database_without_a_journal_can_be_scrubbed),
		TEST(a_scrub_waits_until_the_journal_is_well),
		TEST(a_scrubbed_file_that_cannot_be_opened_is_overcome),
		TEST(a_copy_asks_for_room_first),
		TEST(a_copy_leaves_what_it_has_not_made),
		TEST(a_copy_may_be_named_in_any_way),
		TEST(those_who_follow_are_told_of_what_may_be_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
