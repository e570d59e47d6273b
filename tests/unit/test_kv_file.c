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

#include <lmdb.h>
#include <xxhash.h>

#include "tests/support/kv_fixture.h"

#define PAGE 4096

/* ---- what open refuses ---- */

static void
a_second_server_is_refused(void **state)
{
	must_refuse(*state, STATUS_STORAGE_FAILED, "stop the server first");
}

static void
a_directory_open_to_others_is_refused(void **state)
{
	struct kv_fixture *f = *state;

	must_close(f);
	assert_int_equal(chmod(f->directory, 0750), 0);
	must_refuse(f, STATUS_STORAGE_FAILED, "chmod 0700");
	assert_int_equal(chmod(f->directory, 0700), 0);
	assert_int_equal(chmod(path_in(f, "data.mdb"), 0644), 0);
	must_refuse(f, STATUS_STORAGE_FAILED, "chmod 0600");
}

static void
a_directory_of_another_user_is_refused(void **state)
{
	struct kv_fixture *f = *state;

	if (geteuid() != 0) {
		print_message("SKIP: only root can give a directory away\n");
		skip();
	}
	must_close(f);
	assert_int_equal(chown(f->directory, 1, 1), 0);
	must_refuse(f, STATUS_STORAGE_FAILED, "belongs to user 1");
	assert_int_equal(chown(f->directory, 0, 0), 0);
	assert_int_equal(chown(path_in(f, "data.mdb"), 1, 1), 0);
	must_refuse(f, STATUS_STORAGE_FAILED, "must belong to the user who runs this");
	assert_int_equal(chown(path_in(f, "data.mdb"), 0, 0), 0);
}

static void
what_is_not_a_directory_is_refused(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_fixture  other = *f;

	must_close(f);
	other.kv = NULL;
	snprintf(other.directory, sizeof(other.directory), "/tmp/kv_fixture.none");
	must_refuse(&other, STATUS_STORAGE_FAILED, "create it");
	snprintf(other.directory, sizeof(other.directory), "/dev/null");
	must_refuse(&other, STATUS_STORAGE_FAILED, "Not a directory");
}

static void
what_is_not_a_file_is_refused(void **state)
{
	struct kv_fixture *f = *state;
	char               there[512];

	must_close(f);
	snprintf(there, sizeof(there), "%s", path_in(f, "there"));
	assert_int_equal(rename(path_in(f, "data.mdb"), there), 0);
	assert_int_equal(symlink("there", path_in(f, "data.mdb")), 0);
	must_refuse(f, STATUS_STORAGE_FAILED, "symbolic link");
	assert_int_equal(unlink(path_in(f, "data.mdb")), 0);
	assert_int_equal(mkdir(path_in(f, "data.mdb"), 0700), 0);
	must_refuse(f, STATUS_STORAGE_FAILED, "not a regular file");
}

static void
more_room_than_can_be_mapped_is_refused(void **state)
{
	struct kv_fixture *f = *state;

	must_close(f);
	f->bytes_max = (size_t)1 << 56;
	must_refuse(f, STATUS_NO_MEMORY, "lower the size");
}

static void
a_lock_file_of_garbage_is_made_again(void **state)
{
	struct kv_fixture *f = *state;
	int                fd;

	must_close(f);
	fd = open(path_in(f, "lock.mdb"), O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "garbage", 7), 7);
	close(fd);
	must_open(f);
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_close(f);
	assert_int_equal(unlink(path_in(f, "lock.mdb")), 0);
	assert_int_equal(mkdir(path_in(f, "lock.mdb"), 0700), 0);
	must_refuse(f, STATUS_STORAGE_FAILED, "cannot open the database");
}

static void
a_file_that_is_cut_off_is_refused(void **state)
{
	struct kv_fixture *f = *state;
	struct stat        st;

	must_close(f);
	assert_int_equal(stat(path_in(f, "data.mdb"), &st), 0);
	assert_int_equal(truncate(path_in(f, "data.mdb"), st.st_size - 1), 0);
	must_refuse(f, STATUS_DAMAGED, "cut off");
	assert_int_equal(truncate(path_in(f, "data.mdb"), st.st_size / 2), 0);
	must_refuse(f, STATUS_DAMAGED, "cut off");
	assert_int_equal(truncate(path_in(f, "data.mdb"), PAGE), 0);
	must_refuse(f, STATUS_DAMAGED, "too short");
	assert_int_equal(truncate(path_in(f, "data.mdb"), 0), 0);
	must_refuse(f, STATUS_DAMAGED, "too short");
}

/* The number of the last page, in the newer meta page. */
static uint64_t
page_last(const struct kv_fixture *f)
{
	size_t   len;
	char    *bytes = file_contents(f, &len);
	uint64_t last[2], txnid[2];
	int      i;

	for (i = 0; i < 2; i++) {
		memcpy(&last[i], bytes + i * PAGE + 136, 8);
		memcpy(&txnid[i], bytes + i * PAGE + 144, 8);
	}
	free(bytes);
	return last[txnid[1] > txnid[0]];
}

/* Put LEN bytes, or delete; whether a key is there does not matter. */
static void
change_raw(MDB_txn *txn, MDB_dbi dbi, struct slice key, size_t len)
{
	static char large[70000];
	MDB_val     at = { key.len, (void *)(uintptr_t)key.data };
	MDB_val     stored = { len, large };

	if (len > 0)
		assert_int_equal(mdb_put(txn, dbi, &at, &stored, 0), 0);
	else
		mdb_del(txn, dbi, &at, NULL);
}

/* Change some values of up to 70,000 bytes; put one more and take it back. */
static void
churn(MDB_env *env)
{
	MDB_txn *txn;
	MDB_dbi  dbi;
	int      i;

	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "customer", 0, &dbi), 0);
	for (i = rand() % 8; i >= 0; i--) {
		char   key = (char)('a' + rand() % 26);
		size_t len = (size_t)(rand() % 3 != 0 ? rand() % 2000 : rand() % 70000);

		change_raw(txn, dbi, slice_of(&key, 1), rand() % 4 != 0 ? 1 + len : 0);
	}
	change_raw(txn, dbi, SLICE("brief"), 70000);
	change_raw(txn, dbi, SLICE("brief"), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
}

/* What a batch took and gave back, LMDB never writes, even at the end of the file. */
static void
a_file_that_lacks_only_free_pages_is_opened(void **state)
{
	struct kv_fixture *f = *state;
	MDB_env           *env;
	struct stat        st;
	int                i, shorter = 0;

	must_close(f);
	srand(1);
	for (i = 0; i < 600 && shorter < 4; i++) {
		assert_int_equal(mdb_env_create(&env), 0);
		assert_int_equal(mdb_env_set_maxdbs(env, 1), 0);
		assert_int_equal(mdb_env_set_mapsize(env, f->bytes_max), 0);
		assert_int_equal(mdb_env_open(env, f->directory, MDB_NOLOCK, 0600), 0);
		churn(env);
		mdb_env_close(env);
		assert_int_equal(stat(path_in(f, "data.mdb"), &st), 0);
		if ((uint64_t)st.st_size / PAGE > page_last(f))
			continue;
		shorter++;
		must_open(f);
		must_close(f);
	}
	assert_true(shorter > 0);
	assert_int_equal(truncate(path_in(f, "data.mdb"), st.st_size / 2), 0);
	must_refuse(f, STATUS_DAMAGED, "cut off");
}

static void
a_damaged_head_is_refused(void **state)
{
	static const char  zeros[PAGE];
	struct kv_fixture *f = *state;
	size_t             len;
	char              *good;
	int                i;

	must_close(f);
	good = file_contents(f, &len);
	for (i = 0; i < 2; i++) {
		overwrite_file(f, i * PAGE, zeros, PAGE);
		must_refuse(f, STATUS_DAMAGED, "damaged in its head");
		overwrite_file(f, i * PAGE, good + i * PAGE, PAGE);
	}
	overwrite_file(f, 0, "\x01", 1); /* the number of the page */
	must_refuse(f, STATUS_DAMAGED, "damaged in its head");
	overwrite_file(f, 0, good, PAGE);
	overwrite_file(f, 10, "\x02", 1); /* its kind */
	must_refuse(f, STATUS_DAMAGED, "damaged in its head");
	overwrite_file(f, 0, good, PAGE);
	overwrite_file(f, 41, "\x20", 1); /* the size of all pages */
	must_refuse(f, STATUS_DAMAGED, "another version of LMDB");
	overwrite_file(f, 0, good, PAGE);
	overwrite_file(f, 20, "\x02", 1); /* the version */
	must_refuse(f, STATUS_DAMAGED, "another version of LMDB");
	free(good);
}

static void
a_database_of_somebody_else_is_refused(void **state)
{
	struct kv_fixture *f = *state;
	MDB_env           *env;
	MDB_txn           *txn;
	MDB_dbi            dbi;

	must_close(f);
	assert_int_equal(unlink(path_in(f, "data.mdb")), 0);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 1), 0);
	assert_int_equal(mdb_env_open(env, f->directory, MDB_NOLOCK, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "recipes", MDB_CREATE, &dbi), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	must_refuse(f, STATUS_STORAGE_FAILED, "not a database of customerd");
}

static void
a_newer_format_is_refused(void **state)
{
	static const char  format[8] = { [7] = KV_FORMAT + 1 };
	struct kv_fixture *f = *state;
	char               stored[16];
	uint64_t           sum = XXH3_64bits("meta", 4);

	sum = XXH3_64bits_withSeed("format", 6, sum);
	sum = XXH3_64bits_withSeed(format, 8, sum);
	memcpy(stored, &sum, 8);
	memcpy(stored + 8, format, 8);
	must_close(f);
	put_raw(f, "meta", "format", slice_of(stored, sizeof(stored)));
	must_refuse(f, STATUS_STORAGE_FAILED, "install a newer one");
	put_raw(f, "meta", "format", slice_of(stored, 8));
	must_refuse(f, STATUS_DAMAGED, "checksum");
}

/* ---- creation ---- */

static void
a_file_left_half_made_is_made_again(void **state)
{
	struct kv_fixture *f = *state;
	int                fd;

	must_close(f);
	assert_int_equal(unlink(path_in(f, "data.mdb")), 0);
	fd = open(path_in(f, "data.mdb.new"), O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "half", 4), 4);
	close(fd);
	must_open(f);
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	assert_int_equal(access(path_in(f, "data.mdb.new"), F_OK), -1);
}

static void
what_is_made_is_closed_to_others(void **state)
{
	struct kv_fixture *f = *state;
	struct stat        st;

	assert_int_equal(stat(path_in(f, "data.mdb"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(path_in(f, "lock.mdb"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
a_read_only_look_changes_nothing(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_options   options = { .path = f->directory,
		  .bytes_max = 1 << 24,
		  .snapshots_max = 1,
		  .read_only = true };
	char                why[512];
	size_t              len, len_after;
	char               *before, *after;
	struct kv_snapshot *snapshot;
	struct kv_txn       txn;
	struct slice        value;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	assert_int_equal(kv_open(&(struct kv *){ NULL }, &options, why, sizeof(why)),
	    STATUS_STORAGE_FAILED);
	must_close(f);
	assert_int_equal(unlink(path_in(f, "lock.mdb")), 0);
	before = file_contents(f, &len);
	assert_int_equal(kv_open(&f->kv, &options, why, sizeof(why)), STATUS_OK);
	snapshot = kv_snapshot_new(f->kv);
	kv_read(snapshot, &txn);
	assert_true(kv_get(&txn, KV_CUSTOMER, SLICE("ada"), &value));
	kv_snapshot_free(snapshot);
	must_close(f);
	after = file_contents(f, &len_after);
	assert_int_equal(len, len_after);
	assert_memory_equal(before, after, len);
	assert_int_equal(access(path_in(f, "lock.mdb"), F_OK), -1);
	free(before);
	free(after);

	assert_int_equal(unlink(path_in(f, "data.mdb")), 0);
	assert_int_equal(
	    kv_open(&f->kv, &options, why, sizeof(why)), STATUS_STORAGE_FAILED);
	assert_int_equal(access(path_in(f, "data.mdb"), F_OK), -1);
}

/* As an older version left it. */
static void
drop_table(struct kv_fixture *f, const char *table)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi  dbi;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 1), 0);
	assert_int_equal(mdb_env_open(env, f->directory, MDB_NOLOCK, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, table, 0, &dbi), 0);
	assert_int_equal(mdb_drop(txn, dbi, 1), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void
a_table_that_a_newer_version_brings_is_added(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_options  options = { f->directory, f->bytes_max, f->journal_bytes_max,
		 1, true };
	char               why[512];

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_close(f);
	drop_table(f, "change");
	assert_int_equal(
	    kv_open(&f->kv, &options, why, sizeof(why)), STATUS_STORAGE_FAILED);
	assert_non_null(strstr(why, "start this server on it once"));
	must_open(f);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
	must_put(f, KV_CHANGE, "1", "one");
	assert_string_equal(look_up(f, KV_CHANGE, "1"), "one");
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, kv_fixture_setup, kv_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_second_server_is_refused),
		TEST(a_directory_open_to_others_is_refused),
		TEST(a_directory_of_another_user_is_refused),
		TEST(what_is_not_a_directory_is_refused),
		TEST(what_is_not_a_file_is_refused),
		TEST(more_room_than_can_be_mapped_is_refused),
		TEST(a_lock_file_of_garbage_is_made_again),
		TEST(a_file_that_is_cut_off_is_refused),
		TEST(a_file_that_lacks_only_free_pages_is_opened),
		TEST(a_damaged_head_is_refused),
		TEST(a_database_of_somebody_else_is_refused),
		TEST(a_newer_format_is_refused),
		TEST(a_file_left_half_made_is_made_again),
		TEST(what_is_made_is_closed_to_others),
		TEST(a_read_only_look_changes_nothing),
		TEST(a_table_that_a_newer_version_brings_is_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
