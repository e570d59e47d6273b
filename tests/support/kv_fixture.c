#include <dirent.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/kv_fixture.h"

#define BYTES_MAX_DEFAULT ((size_t)1 << 30)
#define JOURNAL_BYTES_MAX_DEFAULT ((size_t)1 << 20)

static int
setup_in(void **state, const char *place)
{
	struct kv_fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->directory, sizeof(f->directory), "%s/kv_fixture.XXXXXX", place);
	assert_non_null(mkdtemp(f->directory));
	f->bytes_max = BYTES_MAX_DEFAULT;
	f->journal_bytes_max = JOURNAL_BYTES_MAX_DEFAULT;
	must_open(f);
	*state = f;
	return 0;
}

int
kv_fixture_setup(void **state)
{
	return setup_in(state, "/tmp");
}

int
kv_fixture_setup_in_memory(void **state)
{
	return setup_in(state, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}

int
kv_fixture_teardown(void **state)
{
	struct kv_fixture *f = *state;
	struct dirent     *entry;
	DIR               *directory;

	must_close(f);
	if ((directory = opendir(f->directory)) != NULL) {
		while ((entry = readdir(directory)) != NULL)
			remove(path_in(f, entry->d_name));
		closedir(directory);
	}
	remove(f->directory);
	free(f);
	return 0;
}

static enum status
try_open(struct kv_fixture *f, char *why, size_t why_size)
{
	struct kv_options options = {
		.path = f->directory,
		.bytes_max = f->bytes_max,
		.journal_bytes_max = f->journal_bytes_max,
		.snapshots_max = 4,
	};

	return kv_open(&f->kv, &options, why, why_size);
}

void
must_open(struct kv_fixture *f)
{
	char why[512] = "";

	if (try_open(f, why, sizeof(why)) != STATUS_OK)
		fail_msg("kv_open: %s", why);
	assert_non_null(f->kv);
}

void
must_refuse(struct kv_fixture *f, enum status status, const char *words)
{
	struct kv *kept = f->kv;
	char       why[512] = "";

	assert_int_equal(try_open(f, why, sizeof(why)), status);
	assert_null(f->kv);
	if (strstr(why, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why, words);
	f->kv = kept;
}

void
must_close(struct kv_fixture *f)
{
	kv_close(f->kv);
	f->kv = NULL;
}

const char *
path_in(const struct kv_fixture *f, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", f->directory, name);
	return path;
}

static struct kv_batch *
must_begin(struct kv_fixture *f, struct kv_txn *txn)
{
	struct kv_batch *batch;

	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, txn);
	return batch;
}

void
must_put(struct kv_fixture *f, enum kv_table table, const char *key, const char *value)
{
	struct kv_txn    txn;
	struct kv_batch *batch = must_begin(f, &txn);

	kv_put(&txn, table, slice_text(key), slice_text(value));
	assert_int_equal(txn.status, STATUS_OK);
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

void
must_del(struct kv_fixture *f, enum kv_table table, const char *key)
{
	struct kv_txn    txn;
	struct kv_batch *batch = must_begin(f, &txn);

	kv_del(&txn, table, slice_text(key));
	assert_int_equal(txn.status, STATUS_OK);
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);
}

const char *
look_up(struct kv_fixture *f, enum kv_table table, const char *key)
{
	static char         copy[4096];
	struct kv_snapshot *snapshot = kv_snapshot_new(f->kv);
	struct kv_txn       txn;
	struct slice        value;
	bool                found;

	assert_non_null(snapshot);
	kv_read(snapshot, &txn);
	found = kv_get(&txn, table, slice_text(key), &value);
	if (found) {
		assert_true(value.len < sizeof(copy));
		memcpy(copy, value.data, value.len);
		copy[value.len] = '\0';
	}
	kv_snapshot_free(snapshot);
	assert_int_equal(txn.status, STATUS_OK);
	return found ? copy : NULL;
}

/* ---- behind its back ---- */

void
overwrite_file(const struct kv_fixture *f, off_t offset, const void *bytes, size_t len)
{
	int fd = open(path_in(f, "data.mdb"), O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, offset), (ssize_t)len);
	close(fd);
}

char *
file_contents(const struct kv_fixture *f, size_t *len)
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

void
put_raw(struct kv_fixture *f, const char *table, const char *key, struct slice stored)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi  dbi;
	MDB_val  at = { strlen(key), (void *)(uintptr_t)key };
	MDB_val  data = { stored.len, (void *)(uintptr_t)stored.data };

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 1), 0);
	assert_int_equal(mdb_env_open(env, f->directory, MDB_NOLOCK, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, table, 0, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &at, &data, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}
