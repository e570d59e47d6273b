#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/kv/kv_private.h"
#include "tests/support/kv_fixture.h"

/* ---- a place for the copy ---- */

static atomic_bool stop;

/* Copy the database of F to NAME beside it. */
static enum status
copy(struct kv_fixture *f, const char *name, char *why, size_t why_size)
{
	struct kv_progress progress = { .stop = &stop };

	return kv_copy(f->kv, path_in(f, name), &progress, why, why_size);
}

static void
must_copy(struct kv_fixture *f, const char *name)
{
	char why[512] = "";

	if (copy(f, name, why, sizeof(why)) != STATUS_OK)
		fail_msg("kv_copy: %s", why);
}

/* A copy to NAME must fail with STATUS and WORDS, and leave nothing. */
static void
must_not_copy(
    struct kv_fixture *f, const char *name, enum status status, const char *words)
{
	char why[512] = "";

	assert_int_equal(copy(f, name, why, sizeof(why)), status);
	if (strstr(why, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why, words);
	assert_int_not_equal(access(path_in(f, name), F_OK), 0);
	assert_int_not_equal(access(path_in(f, "copy.partial"), F_OK), 0);
}

/* Open the copy NAME as a fixture of its own. */
static void
open_copy(struct kv_fixture *f, struct kv_fixture *there, const char *name)
{
	*there = (struct kv_fixture){ .bytes_max = f->bytes_max };
	snprintf(there->directory, sizeof(there->directory), "%s", path_in(f, name));
	must_open(there);
}

static void
remove_copy(struct kv_fixture *there)
{
	must_close(there);
	unlink(path_in(there, "data.mdb"));
	unlink(path_in(there, "lock.mdb"));
	assert_int_equal(rmdir(there->directory), 0);
}

/* Whether the file of F has TEXT anywhere. */
static bool
file_has(struct kv_fixture *f, const char *text)
{
	int         fd = open(path_in(f, "data.mdb"), O_RDONLY);
	struct stat st;
	char       *bytes;
	bool        has;

	assert_int_equal(fstat(fd, &st), 0);
	assert_non_null(bytes = malloc((size_t)st.st_size));
	assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
	close(fd);
	has = memmem(bytes, (size_t)st.st_size, text, strlen(text)) != NULL;
	free(bytes);
	return has;
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

/* ---- what is in it ---- */

static void
a_copy_has_all_that_is_committed_and_nothing_later(void **state)
{
	struct kv_fixture *f = *state, there;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_put(f, KV_CUSTOMER_INDEX, "empty", "");
	must_copy(f, "copy");
	must_put(f, KV_CUSTOMER, "ada", "byron");
	open_copy(f, &there, "copy");
	assert_string_equal(look_up(&there, KV_CUSTOMER, "ada"), "lovelace");
	assert_string_equal(look_up(&there, KV_CUSTOMER_INDEX, "empty"), "");
	must_put(&there, KV_CUSTOMER, "eve", "new"); /* it is as good as any */
	assert_string_equal(look_up(&there, KV_CUSTOMER, "eve"), "new");
	remove_copy(&there);
}

#define LARGE_COUNT 40 /* of a MiB each: more than goes in one commit */

/* How many values in F are what was put. */
static unsigned
count_large(struct kv_fixture *f, const char *large)
{
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);
	struct kv_scan      scan;
	struct kv_txn       txn;
	struct slice        key, value;
	unsigned            count = 0;

	kv_read(snapshot, &txn);
	kv_scan_begin(&scan, &txn, KV_CHANGE, SLICE(""), SLICE(""));
	while (kv_scan_next(&scan, &key, &value))
		count += slice_equal(value, slice_text(large));
	kv_scan_end(&scan);
	assert_int_equal(txn.status, STATUS_OK);
	kv_snapshot_free(snapshot);
	return count;
}

static void
a_copy_may_take_many_commits(void **state)
{
	static char        large[1 << 20];
	struct kv_fixture *f = *state, there;
	char               key[16];

	memset(large, 'x', sizeof(large) - 1);
	for (int i = 0; i < LARGE_COUNT; i++) {
		snprintf(key, sizeof(key), "%02d", i);
		must_put(f, KV_CHANGE, key, large);
	}
	must_copy(f, "copy");
	open_copy(f, &there, "copy");
	assert_int_equal(count_large(&there, large), LARGE_COUNT);
	remove_copy(&there);
}

static void
a_copy_has_no_byte_of_what_was_replaced_or_deleted(void **state)
{
	struct kv_fixture *f = *state, there;
	char               key[16];

	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "%03d", i);
		must_put(f, KV_CUSTOMER, key, "the canary sings");
	}
	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "%03d", i);
		if (i % 2 == 0)
			must_del(f, KV_CUSTOMER, key);
		else
			must_put(f, KV_CUSTOMER, key, "it is quiet here");
	}
	assert_true(file_has(f, "the canary sings")); /* else this proves nothing */
	must_copy(f, "copy");
	open_copy(f, &there, "copy");
	assert_true(file_has(&there, "it is quiet here"));
	assert_false(file_has(&there, "the canary sings"));
	remove_copy(&there);
}

static void
a_copy_is_private_and_has_no_lock_file(void **state)
{
	struct kv_fixture *f = *state, there;

	must_copy(f, "copy");
	assert_int_equal(mode_of(path_in(f, "copy")), 0700);
	assert_int_equal(mode_of(path_in(f, "copy/data.mdb")), 0600);
	assert_int_not_equal(access(path_in(f, "copy/lock.mdb"), F_OK), 0);
	open_copy(f, &there, "copy");
	remove_copy(&there);
}

/* ---- where it is ---- */

static void
slashes_at_the_end_of_its_name_do_not_matter(void **state)
{
	struct kv_fixture *f = *state, there;

	must_copy(f, "copy//");
	open_copy(f, &there, "copy");
	remove_copy(&there);
}

static void
what_a_crash_has_left_is_overwritten(void **state)
{
	struct kv_fixture *f = *state, there;
	int                fd;

	assert_int_equal(mkdir(path_in(f, "copy.partial"), 0700), 0);
	fd = open(path_in(f, "copy.partial/data.mdb.new"), O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "half", 4), 4);
	close(fd);
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_copy(f, "copy");
	open_copy(f, &there, "copy");
	assert_string_equal(look_up(&there, KV_CUSTOMER, "ada"), "lovelace");
	remove_copy(&there);
}

static void
what_exists_is_not_replaced(void **state)
{
	struct kv_fixture *f = *state;
	char               why[512];

	assert_int_equal(mkdir(path_in(f, "copy"), 0700), 0);
	assert_int_equal(copy(f, "copy", why, sizeof(why)), STATUS_INVALID);
	assert_int_equal(rmdir(path_in(f, "copy")), 0); /* empty as it was */
	assert_int_equal(symlink("nowhere", path_in(f, "copy")), 0);
	assert_int_equal(copy(f, "copy", why, sizeof(why)), STATUS_INVALID);
	assert_int_equal(unlink(path_in(f, "copy")), 0);
}

static void
a_directory_that_cannot_be_made_is_named(void **state)
{
	must_not_copy(*state, "none/copy", STATUS_STORAGE_FAILED, "none/copy.partial");
}

/* ---- when it ends early ---- */

static void
a_copy_that_is_stopped_leaves_nothing(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	atomic_store(&stop, true);
	must_not_copy(f, "copy", STATUS_CANCELLED, "stopped");
	atomic_store(&stop, false);
}

static void
a_copy_makes_way_for_a_writer_who_must_reopen(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	atomic_store(&f->kv->is_wanted, true);
	must_not_copy(f, "copy", STATUS_STORAGE_FAILED, "cannot be read");
	atomic_store(&f->kv->is_wanted, false);
}

static void
put_damaged(struct kv_fixture *f, const char *name)
{
	MDB_txn *mdb;
	MDB_val  key = { strlen(name), (void *)(uintptr_t)name },
		value = { 16, "not the checksum" };

	assert_int_equal(mdb_txn_begin(f->kv->env, NULL, 0, &mdb), 0);
	assert_int_equal(mdb_put(mdb, f->kv->tables[KV_CUSTOMER], &key, &value, 0), 0);
	assert_int_equal(mdb_txn_commit(mdb), 0);
}

static void
a_damaged_value_is_not_copied(void **state)
{
	struct kv_fixture *f = *state;

	put_damaged(f, "ada");
	must_not_copy(f, "copy", STATUS_DAMAGED, "checksum");
}

/* ---- in the place of the database ---- */

static void
must_scrub(struct kv_fixture *f)
{
	struct kv_progress progress = { .stop = &stop };
	char               why[512] = "";

	if (kv_scrub(f->kv, &progress, why, sizeof(why)) != STATUS_OK)
		fail_msg("kv_scrub: %s", why);
}

static void
must_not_scrub(struct kv_fixture *f, enum status status)
{
	struct kv_progress progress = { .stop = &stop };
	char               why[512] = "";

	assert_int_equal(kv_scrub(f->kv, &progress, why, sizeof(why)), status);
	assert_string_not_equal(why, "");
	assert_int_not_equal(access(path_in(f, "data.mdb.new"), F_OK), 0);
}

static void
a_scrub_leaves_no_byte_of_what_was_replaced_or_deleted(void **state)
{
	struct kv_fixture *f = *state;
	char               key[16];

	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "%03d", i);
		must_put(f, KV_CUSTOMER, key, "the canary sings");
	}
	must_put(f, KV_TAG, "the canary sings", "");
	/* What is closed and opened is in the file, not only in a journal. */
	must_close(f);
	must_open(f);
	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "%03d", i);
		must_put(f, KV_CUSTOMER, key, "it is quiet here");
	}
	must_del(f, KV_TAG, "the canary sings");
	must_close(f);
	must_open(f);
	assert_true(file_has(f, "the canary sings"));
	must_scrub(f);
	assert_false(file_has(f, "the canary sings"));
	assert_string_equal(look_up(f, KV_CUSTOMER, "007"), "it is quiet here");
}

static void
the_database_goes_on_after_a_scrub(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);
	struct kv_txn       txn;
	struct slice        value;
	uint64_t            batches;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	kv_read(snapshot, &txn);
	kv_snapshot_release(snapshot);
	batches = kv_sequence(f->kv);
	must_scrub(f);
	kv_read(snapshot, &txn);
	assert_true(kv_get(&txn, KV_CUSTOMER, SLICE("ada"), &value));
	kv_snapshot_free(snapshot);
	assert_int_equal(kv_sequence(f->kv), batches);
	must_put(f, KV_CUSTOMER, "eve", "new");
	must_scrub(f);
	must_put(f, KV_CUSTOMER, "joan", "newer");
	must_close(f);
	must_open(f);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
	assert_string_equal(look_up(f, KV_CUSTOMER, "eve"), "new");
	assert_string_equal(look_up(f, KV_CUSTOMER, "joan"), "newer");
}

static void
a_scrub_that_is_refused_changes_nothing(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	atomic_store(&stop, true);
	must_not_scrub(f, STATUS_CANCELLED);
	atomic_store(&stop, false);
	put_damaged(f, "eve");
	must_not_scrub(f, STATUS_DAMAGED);
	must_put(f, KV_CUSTOMER, "joan", "new");
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
}

static void
what_a_killed_scrub_has_left_is_removed_at_the_next_start(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_close(f);
	close(open(path_in(f, "data.mdb.new"), O_CREAT | O_WRONLY, 0600));
	must_open(f);
	assert_int_not_equal(access(path_in(f, "data.mdb.new"), F_OK), 0);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
}

int
main(void)
{
#define T(name) \
	cmocka_unit_test_setup_teardown(name, kv_fixture_setup, kv_fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(a_copy_has_all_that_is_committed_and_nothing_later),
		T(a_copy_may_take_many_commits),
		T(a_copy_has_no_byte_of_what_was_replaced_or_deleted),
		T(a_copy_is_private_and_has_no_lock_file),
		T(slashes_at_the_end_of_its_name_do_not_matter),
		T(what_a_crash_has_left_is_overwritten),
		T(what_exists_is_not_replaced),
		T(a_directory_that_cannot_be_made_is_named),
		T(a_copy_that_is_stopped_leaves_nothing),
		T(a_copy_makes_way_for_a_writer_who_must_reopen),
		T(a_damaged_value_is_not_copied),
		T(a_scrub_leaves_no_byte_of_what_was_replaced_or_deleted),
		T(the_database_goes_on_after_a_scrub),
		T(a_scrub_that_is_refused_changes_nothing),
		T(what_a_killed_scrub_has_left_is_removed_at_the_next_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
