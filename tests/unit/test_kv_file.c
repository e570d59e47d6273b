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

/* ---- a file that was changed behind our back ---- */

static void
overwrite(const struct kv_fixture *f, off_t offset, const void *bytes, size_t len)
{
	int fd = open(path_in(f, "data.mdb"), O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, offset), (ssize_t)len);
	close(fd);
}

/* The bytes of the file; to be freed. */
static char *
contents(const struct kv_fixture *f, size_t *len)
{
	int         fd = open(path_in(f, "data.mdb"), O_RDONLY);
	struct stat st;
	char       *bytes;

	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	assert_non_null(bytes = malloc(*len));
	assert_int_equal(read(fd, bytes, *len), st.st_size);
	close(fd);
	return bytes;
}

/* Flip a bit in each place where the file has TEXT. */
static void
flip_each(const struct kv_fixture *f, const char *text)
{
	size_t len, count = 0;
	char  *bytes = contents(f, &len);
	char  *at = bytes;

	while ((at = memmem(at, len - (size_t)(at - bytes), text, strlen(text)))) {
		char flipped = (char)(*at ^ 1);

		overwrite(f, at - bytes, &flipped, 1);
		at++;
		count++;
	}
	assert_true(count > 0);
	free(bytes);
}

/* The status of a look at KEY in a new snapshot. */
static enum status
look(struct kv_fixture *f, const char *key)
{
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);
	struct kv_txn       txn;
	struct slice        value;
	bool                found;

	kv_read(snapshot, &txn);
	found = kv_get(&txn, KV_CUSTOMER, slice_text(key), &value);
	assert_true(found == (txn.status == STATUS_OK));
	kv_snapshot_free(snapshot);
	return txn.status;
}

static void
a_flipped_bit_damages_one_value_only(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	must_close(f);
	flip_each(f, "lovelace");
	must_open(f);
	assert_int_equal(look(f, "ada"), STATUS_DAMAGED);
	assert_int_equal(look(f, "eve"), STATUS_OK);
}

static void
a_scan_stops_at_a_damaged_value(void **state)
{
	struct kv_fixture  *f = *state;
	struct kv_snapshot *snapshot;
	struct kv_txn       txn;
	struct kv_scan      scan;
	struct slice        key, value;
	int                 count = 0;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_put(f, KV_CUSTOMER, "bob", "builder!");
	must_put(f, KV_CUSTOMER, "eve", "moriarty");
	must_close(f);
	flip_each(f, "builder!");
	must_open(f);
	snapshot = kv_snapshot_new(f->kv);
	kv_read(snapshot, &txn);
	kv_scan_begin(&scan, &txn, KV_CUSTOMER, SLICE(""), SLICE(""));
	while (kv_scan_next(&scan, &key, &value))
		count++;
	kv_scan_end(&scan);
	assert_int_equal(count, 1);
	assert_int_equal(txn.status, STATUS_DAMAGED);

	kv_read(snapshot, &txn); /* the others stay readable */
	assert_true(kv_get(&txn, KV_CUSTOMER, SLICE("eve"), &value));
	kv_snapshot_free(snapshot);
}

static void
a_damaged_value_can_be_replaced(void **state)
{
	struct kv_fixture *f = *state;

	must_put(f, KV_CUSTOMER, "ada", "lovelace");
	must_close(f);
	flip_each(f, "lovelace");
	must_open(f);
	must_put(f, KV_CUSTOMER, "ada", "restored");
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "restored");
}

/* Without the check, this reads behind the end of the file: SIGBUS. */
static void
a_damaged_length_is_not_believed(void **state)
{
	static const char head[] =
	    "\1\0\3\0ada"; /* of a node: flags, key length, key */
	static char        value[3000];
	struct kv_fixture *f = *state;
	size_t             len, count = 0;
	char              *bytes, *at;

	memset(value, 'x', sizeof(value) - 1);
	must_put(f, KV_CUSTOMER, "ada", value);
	must_close(f);
	bytes = at = contents(f, &len);
	while ((at = memmem(at, len - (size_t)(at - bytes), head, sizeof(head) - 1))) {
		overwrite(f, at - bytes - 2, "\0\1", 2); /* the length's upper half */
		at++;
		count++;
	}
	assert_true(count > 0);
	free(bytes);
	must_open(f);
	assert_int_equal(look(f, "ada"), STATUS_DAMAGED);
}

/* Put the bytes STORED, which should begin with a checksum, past the seam. */
static void
put_raw(struct kv_fixture *f, const char *table, const char *key, MDB_val stored)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi  dbi;
	MDB_val  at = { strlen(key), (void *)(uintptr_t)key };

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 1), 0);
	assert_int_equal(mdb_env_open(env, f->directory, MDB_NOLOCK, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, table, 0, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &at, &stored, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void
a_value_without_room_for_a_checksum_is_damaged(void **state)
{
	struct kv_fixture *f = *state;

	must_close(f);
	put_raw(f, "customer", "ada", (MDB_val){ 7, (char[7]){ 0 } });
	put_raw(f, "customer", "eve", (MDB_val){ 0, NULL });
	must_open(f);
	assert_int_equal(look(f, "ada"), STATUS_DAMAGED);
	assert_int_equal(look(f, "eve"), STATUS_DAMAGED);
}

static uint64_t
checksum(const char *table, const char *key, const char *value)
{
	uint64_t seed = XXH3_64bits(table, strlen(table));

	seed = XXH3_64bits_withSeed(key, strlen(key), seed);
	return XXH3_64bits_withSeed(value, strlen(value), seed);
}

/* Put VALUE for KEY with the checksum that it has in another place. */
static void
put_from(
    struct kv_fixture *f, const char *key, const char *sum_table, const char *sum_key)
{
	char     stored[16];
	uint64_t sum = checksum(sum_table, sum_key, "lovelace");

	memcpy(stored, &sum, 8);
	memcpy(stored + 8, "lovelace", 8);
	put_raw(f, "customer", key, (MDB_val){ sizeof(stored), stored });
}

static void
a_value_in_a_wrong_place_is_damaged(void **state)
{
	struct kv_fixture *f = *state;

	must_close(f);
	put_from(f, "ada", "customer", "ada");
	put_from(f, "bob", "customer", "ada");
	put_from(f, "eve", "group", "eve");
	must_open(f);
	assert_int_equal(look(f, "ada"), STATUS_OK);
	assert_int_equal(look(f, "bob"), STATUS_DAMAGED);
	assert_int_equal(look(f, "eve"), STATUS_DAMAGED);
}

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
	char    *bytes = contents(f, &len);
	uint64_t last[2], txnid[2];
	int      i;

	for (i = 0; i < 2; i++) {
		memcpy(&last[i], bytes + i * PAGE + 136, 8);
		memcpy(&txnid[i], bytes + i * PAGE + 144, 8);
	}
	free(bytes);
	return last[txnid[1] > txnid[0]];
}

/* Change some values of up to 70,000 bytes; put one more and take it back. */
static void
churn(struct kv_fixture *f)
{
	static char      large[70000];
	struct kv_batch *batch;
	struct kv_txn    txn;
	int              i;

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	for (i = rand() % 8; i >= 0; i--) {
		char   key = (char)('a' + rand() % 26);
		size_t len = (size_t)(rand() % 3 != 0 ? rand() % 2000 : rand() % 70000);

		if (rand() % 4 != 0)
			kv_put(
			    &txn, KV_CUSTOMER, slice_of(&key, 1), slice_of(large, len));
		else
			kv_del(&txn, KV_CUSTOMER, slice_of(&key, 1));
	}
	kv_put(&txn, KV_CUSTOMER, SLICE("brief"), slice_of(large, sizeof(large)));
	kv_del(&txn, KV_CUSTOMER, SLICE("brief"));
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

/* What a batch took and gave back, LMDB never writes, even at the end of the file. */
static void
a_file_that_lacks_only_free_pages_is_opened(void **state)
{
	struct kv_fixture *f = *state;
	struct stat        st;
	int                i, shorter = 0;

	srand(1);
	for (i = 0; i < 600; i++) {
		churn(f);
		assert_int_equal(stat(path_in(f, "data.mdb"), &st), 0);
		if ((uint64_t)st.st_size / PAGE > page_last(f))
			continue;
		shorter++;
		must_close(f);
		must_open(f);
		if (shorter > 3)
			break;
	}
	assert_true(shorter > 0);
	must_close(f);
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
	good = contents(f, &len);
	for (i = 0; i < 2; i++) {
		overwrite(f, i * PAGE, zeros, PAGE);
		must_refuse(f, STATUS_DAMAGED, "damaged in its head");
		overwrite(f, i * PAGE, good + i * PAGE, PAGE);
	}
	overwrite(f, 20, "\x02", 1);
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
	static const char  format[] = "\0\0\0\0\0\0\0\2";
	struct kv_fixture *f = *state;
	char               stored[16];
	uint64_t           sum = XXH3_64bits("meta", 4);

	sum = XXH3_64bits_withSeed("format", 6, sum);
	sum = XXH3_64bits_withSeed(format, 8, sum);
	memcpy(stored, &sum, 8);
	memcpy(stored + 8, format, 8);
	must_close(f);
	put_raw(f, "meta", "format", (MDB_val){ sizeof(stored), stored });
	must_refuse(f, STATUS_STORAGE_FAILED, "install a newer one");
	put_raw(f, "meta", "format", (MDB_val){ 8, stored });
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
	before = contents(f, &len);
	assert_int_equal(kv_open(&f->kv, &options, why, sizeof(why)), STATUS_OK);
	snapshot = kv_snapshot_new(f->kv);
	kv_read(snapshot, &txn);
	assert_true(kv_get(&txn, KV_CUSTOMER, SLICE("ada"), &value));
	kv_snapshot_free(snapshot);
	must_close(f);
	after = contents(f, &len_after);
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
	struct kv_options  options = { f->directory, f->bytes_max, 1, true };
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

/* ---- room ---- */

static enum status
put_one(struct kv_fixture *f, int number, bool reserve)
{
	static char      value[8000];
	struct kv_batch *batch;
	struct kv_txn    txn;
	enum status      status;
	char             key[16];

	snprintf(key, sizeof(key), "%d", number);
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	txn.reserve = reserve;
	kv_put(&txn, KV_CUSTOMER, slice_text(key), slice_of(value, sizeof(value)));
	status = txn.status;
	if (status != STATUS_OK)
		kv_batch_abort(batch);
	else
		status = kv_batch_commit(batch);
	return status;
}

static void
the_last_tenth_is_kept_for_deletes(void **state)
{
	struct kv_fixture *f = *state;
	enum status        status;
	uint64_t           used, max;
	char               key[16];
	int                i, count = 0;

	must_close(f);
	f->bytes_max = 2 << 20;
	must_open(f);
	while ((status = put_one(f, count, false)) == STATUS_OK)
		assert_true(count++ < 1000);
	assert_int_equal(status, STATUS_STORAGE_FULL);
	kv_usage(f->kv, &used, &max);
	assert_int_equal(max, 2 << 20);
	assert_true(used >= max / 100 * 90 && used < max / 100 * 93);
	assert_int_equal(put_one(f, count, true), STATUS_OK);

	for (i = 0; i < count / 2; i++) {
		snprintf(key, sizeof(key), "%d", i);
		must_del(f, KV_CUSTOMER, key);
	}
	/* The file is as long as before; what is free in it is room. */
	assert_int_equal(put_one(f, 0, false), STATUS_OK);
}

/* Put 6,000 small values at once, so that there are hardly any free pages. */
static void
fill_at_once(struct kv_fixture *f)
{
	static char      value[200];
	struct kv_batch *batch;
	struct kv_txn    txn;
	char             key[16];
	int              i;

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	for (i = 0; i < 6000; i++) {
		kv_write(batch, &txn);
		snprintf(key, sizeof(key), "%d", i);
		kv_put(
		    &txn, KV_CUSTOMER, slice_text(key), slice_of(value, sizeof(value)));
	}
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

static void
a_lowered_bound_still_permits_deletes(void **state)
{
	struct kv_fixture *f = *state;
	char               key[16];
	int                i;

	fill_at_once(f);
	must_close(f);
	f->bytes_max = 1 << 20;
	must_open(f);
	assert_int_equal(put_one(f, 6000, false), STATUS_STORAGE_FULL);
	for (i = 0; i < 5500; i++) {
		snprintf(key, sizeof(key), "%d", i);
		must_del(f, KV_CUSTOMER, key);
	}
	assert_int_equal(put_one(f, 6000, false), STATUS_OK);
}

/* More than a database of 1 MiB can hold. */
static struct slice
too_much(void)
{
	static char bytes[2 << 20];

	return slice_of(bytes, sizeof(bytes));
}

static void
a_put_that_the_engine_refuses_ends_its_batch(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;
	struct kv_txn      txn;

	must_close(f);
	f->bytes_max = 1 << 20;
	must_open(f);
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_put(&txn, KV_CUSTOMER, SLICE("ada"), SLICE("lovelace"));
	kv_write(batch, &txn);
	kv_put(&txn, KV_CUSTOMER, SLICE("eve"), too_much());
	assert_int_equal(txn.status, STATUS_STORAGE_FULL);
	assert_true(txn.wrote);
	kv_write(batch, &txn);
	assert_int_equal(txn.status, STATUS_STORAGE_FULL);
	assert_int_equal(kv_batch_commit(batch), STATUS_STORAGE_FULL);
	assert_null(look_up(f, KV_CUSTOMER, "ada"));
	must_put(f, KV_CUSTOMER, "ada", "lovelace");
}

static void
a_nested_part_that_the_engine_refuses_can_be_dropped(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;
	struct kv_txn      txn, part;

	must_close(f);
	f->bytes_max = 1 << 20;
	must_open(f);
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_put(&txn, KV_CUSTOMER, SLICE("ada"), SLICE("lovelace"));
	kv_nest(&txn, &part);
	kv_put(&part, KV_CUSTOMER, SLICE("eve"), too_much());
	assert_int_equal(part.status, STATUS_STORAGE_FULL);
	kv_nest_drop(&txn, &part);
	kv_put(&txn, KV_CUSTOMER, SLICE("bob"), SLICE("builder"));
	assert_int_equal(txn.status, STATUS_OK);
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
	assert_string_equal(look_up(f, KV_CUSTOMER, "ada"), "lovelace");
	assert_string_equal(look_up(f, KV_CUSTOMER, "bob"), "builder");
	assert_null(look_up(f, KV_CUSTOMER, "eve"));
}

static void
to_keep_a_nested_part_that_failed_fails_its_parent(void **state)
{
	struct kv_fixture *f = *state;
	struct kv_batch   *batch;
	struct kv_txn      txn, part;

	must_close(f);
	f->bytes_max = 1 << 20;
	must_open(f);
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_nest(&txn, &part);
	kv_put(&part, KV_CUSTOMER, SLICE("eve"), too_much());
	kv_nest_keep(&txn, &part);
	assert_int_equal(txn.status, STATUS_STORAGE_FULL);
	assert_false(txn.wrote); /* the others of the batch need not suffer */
	kv_batch_abort(batch);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, kv_fixture_setup, kv_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_flipped_bit_damages_one_value_only),
		TEST(a_scan_stops_at_a_damaged_value),
		TEST(a_damaged_value_can_be_replaced),
		TEST(a_damaged_length_is_not_believed),
		TEST(a_value_without_room_for_a_checksum_is_damaged),
		TEST(a_value_in_a_wrong_place_is_damaged),
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
		TEST(the_last_tenth_is_kept_for_deletes),
		TEST(a_lowered_bound_still_permits_deletes),
		TEST(a_put_that_the_engine_refuses_ends_its_batch),
		TEST(a_nested_part_that_the_engine_refuses_can_be_dropped),
		TEST(to_keep_a_nested_part_that_failed_fails_its_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
