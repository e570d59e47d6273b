#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "server/kv/key.h"
#include "server/kv/kv_private.h"

#define FORMAT_OLDEST 1u  /* that can be opened */
#define READERS_SPARE 16u /* for tools that look while we run */

#define HEADROOM_BYTES ((size_t)64 << 20)
#define CREATION_BYTES_MAX ((size_t)1 << 20) /* of the empty file, amply */

/* NOTLS: a view belongs to its object, not to its thread. */
#ifdef FAULT_NO_SYNC
#define ENV_FLAGS (MDB_NOTLS | MDB_NOSYNC) /* a liar, for the tests to catch */
#else
#define ENV_FLAGS MDB_NOTLS
#endif

enum status
lmdb_status(int rc)
{
	switch (rc) {
	case 0: return STATUS_OK;
	case MDB_MAP_FULL:
	case ENOSPC:
	case EDQUOT:
	case EFBIG: return STATUS_STORAGE_FULL;
	case MDB_TXN_FULL:
	case ENOMEM: return STATUS_NO_MEMORY;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case LMDB_DAMAGED: return STATUS_DAMAGED;
	case ECANCELED: return STATUS_CANCELLED;
	default: return STATUS_STORAGE_FAILED;
	}
}

/* ---- numbers in KV_META ---- */

static int
get_number(struct kv *kv, MDB_txn *mdb, struct slice name, uint64_t *number)
{
	struct slice value;
	int          rc;

	if ((rc = lmdb_get(kv, mdb, KV_META, name, &value)) != 0)
		return rc;
	return key_take_u64(&value, number) ? 0 : LMDB_DAMAGED;
}

int
lmdb_put_number(struct kv *kv, MDB_txn *mdb, struct slice name, uint64_t number)
{
	_Alignas(struct entry) char room[64];
	struct key                  value;

	key_init_bare(&value);
	key_u64(&value, number);
	assert(entry_size(name.len, value.len) <= sizeof(room));
	entry_make(room, KV_META, name, key_slice(&value), false);
	return lmdb_put(kv, mdb, (const void *)room);
}

int
lmdb_put_numbers(struct kv *kv, MDB_txn *mdb, uint64_t batch, uint64_t journal)
{
	int rc;

	if ((rc = lmdb_put_number(kv, mdb, META_BATCH, batch)) != 0)
		return rc;
	return lmdb_put_number(kv, mdb, META_JOURNAL, journal);
}

/* ---- the environment ---- */

/* An environment of PATH, or LMDB's code. */
static int
env_open(MDB_env **out, const struct kv *kv, const char *path, size_t bytes_max,
    unsigned flags)
{
	MDB_env *env;
	int      rc;

	*out = NULL;
	if ((rc = mdb_env_create(&env)) != 0)
		return rc;
	if ((rc = mdb_env_set_mapsize(env, bytes_max)) != 0 ||
	    (rc = mdb_env_set_maxdbs(env, KV_TABLE_COUNT)) != 0 ||
	    (rc = mdb_env_set_maxreaders(env, kv->snapshots_max + READERS_SPARE)) !=
		0 ||
	    (rc = mdb_env_open(env, path, ENV_FLAGS | flags, 0600)) != 0) {
		mdb_env_close(env);
		return rc;
	}
	*out = env;
	return 0;
}

int
lmdb_open_tables(struct kv *kv, MDB_txn *mdb, unsigned flags)
{
	unsigned i;
	int      rc = 0;

	for (i = 0; i < KV_TABLE_COUNT && rc == 0; i++)
		rc = mdb_dbi_open(mdb, kv_table_name(i), flags, &kv->tables[i]);
	return rc;
}

/* Read the numbers, and the tables that there are; all that are missing are made. */
static int
load_tables(struct kv *kv, MDB_txn *mdb)
{
	int rc;

	if ((rc = lmdb_open_tables(kv, mdb, kv->read_only ? 0 : MDB_CREATE)) != 0 ||
	    (rc = get_number(kv, mdb, META_BATCH, &kv->batches)) != 0)
		return rc;
	rc = get_number(kv, mdb, META_JOURNAL, &kv->journal);
	if (rc == MDB_NOTFOUND) {
		kv->journal = 0;
		rc = 0;
	}
	atomic_store(&kv->bytes_used, lmdb_bytes_used(kv, mdb));
	return rc;
}

/* Everything KV must know of its environment; FORMAT is 0 in a foreign file. */
static int
load(struct kv *kv, uint64_t *format)
{
	MDB_txn *mdb;
	int      rc;

	*format = 0;
	rc = mdb_txn_begin(kv->env, NULL, kv->read_only ? MDB_RDONLY : 0, &mdb);
	if (rc != 0)
		return rc;
	rc = mdb_dbi_open(mdb, kv_table_name(KV_META), 0, &kv->tables[KV_META]);
	if (rc == 0)
		rc = get_number(kv, mdb, META_FORMAT, format);
	if (rc == MDB_NOTFOUND)
		rc = 0; /* not ours: the caller will see it */
	else if (rc == 0 && *format >= FORMAT_OLDEST && *format <= KV_FORMAT &&
		 (rc = load_tables(kv, mdb)) == 0) {
		/*
		 * Format 1 lacks the journal.  Before format 4 some tables had another
		 * form, which whoever owns them sees to; before format 5 there was no
		 * floor in a journal.
		 */
		if (!kv->read_only && *format < KV_FORMAT)
			rc = lmdb_put_number(kv, mdb, META_FORMAT, KV_FORMAT);
		if (rc == 0)
			return mdb_txn_commit(mdb);
	}
	mdb_txn_abort(mdb);
	return rc;
}

uint64_t
lmdb_bytes_used(struct kv *kv, MDB_txn *mdb)
{
	static const unsigned lmdbs_own[] = { 0, 1 }; /* free pages; names of tables */
	size_t                pages = 2;              /* the meta pages */
	MDB_stat              st;
	unsigned              i;

	for (i = 0; i < KV_TABLE_COUNT + 2; i++) {
		MDB_dbi dbi = i < 2 ? lmdbs_own[i] : kv->tables[i - 2];

		if (mdb_stat(mdb, dbi, &st) == 0)
			pages += st.ms_branch_pages + st.ms_leaf_pages +
				 st.ms_overflow_pages;
	}
	return (uint64_t)pages * LMDB_PAGE_BYTES;
}

/* ---- creation ---- */

static int
fill_new(struct kv *kv, MDB_env *env, void *context)
{
	MDB_txn *mdb;
	int      rc;

	(void)context;
	if ((rc = mdb_txn_begin(env, NULL, 0, &mdb)) != 0)
		return rc;
	if ((rc = lmdb_open_tables(kv, mdb, MDB_CREATE)) != 0 ||
	    (rc = lmdb_put_number(kv, mdb, META_FORMAT, KV_FORMAT)) != 0 ||
	    (rc = lmdb_put_numbers(kv, mdb, 0, 0)) != 0) {
		mdb_txn_abort(mdb);
		return rc;
	}
	return mdb_txn_commit(mdb);
}

int
lmdb_remove_built(struct kv *kv)
{
	return unlinkat(kv->dir, LMDB_FILE_NEW, 0) == 0 || errno == ENOENT ? 0 : errno;
}

static int
sync_built(struct kv *kv)
{
	int rc, fd = openat(kv->dir, LMDB_FILE_NEW, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	rc = fsync(fd) == 0 ? 0 : errno;
	close(fd);
	return rc;
}

int
lmdb_build(struct kv *kv, size_t bytes_max, lmdb_fill *fill, void *context)
{
	MDB_env *env;
	char    *path;
	int      rc;

	if ((rc = lmdb_remove_built(kv)) != 0)
		return rc;
	if (asprintf(&path, "%s/" LMDB_FILE_NEW, kv->path) < 0)
		return ENOMEM;
	/* NOLOCK: nobody else can be here, and no lock file must be left. */
	rc = env_open(&env, kv, path, bytes_max, MDB_NOSUBDIR | MDB_NOLOCK);
	free(path);
	if (rc == 0) {
		rc = fill(kv, env, context);
		mdb_env_close(env);
	}
	if (rc == 0)
		rc = sync_built(kv);
	if (rc != 0)
		lmdb_remove_built(kv);
	return rc;
}

int
lmdb_rename_built(struct kv *kv)
{
	int rc = 0;

	if (renameat(kv->dir, LMDB_FILE_NEW, kv->dir, LMDB_FILE) != 0) {
		rc = errno;
		lmdb_remove_built(kv);
	}
	return rc;
}

/* Create the file under another name first: a crash leaves all of it or nothing. */
static int
create(struct kv *kv)
{
	int rc = lmdb_build(kv, CREATION_BYTES_MAX, fill_new, NULL);

	return rc == 0 ? lmdb_rename_built(kv) : rc;
}

/* ---- opening ---- */

/* What a person can do about RC. */
static const char *
advice(int rc)
{
	switch (rc) {
	case ENOMEM:
		return "; lower the size it may grow to, or raise the limit of address "
		       "space";
	case EACCES: return "; give what is in it to the user who runs this";
	default: return "";
	}
}

/*
 * How much is mapped: beyond the bound what the journals may hold, twice, for it has
 * been promised already; what a transaction needs before it frees anything; and, where
 * the bound was lowered below the size that the file has, that.
 */
static int
set_map_size(struct kv *kv)
{
	MDB_envinfo info;
	size_t      bytes;

	mdb_env_info(kv->env, &info);
	bytes = (info.me_last_pgno + 1) * LMDB_PAGE_BYTES;
	if (bytes < kv->bytes_max)
		bytes = kv->bytes_max;
	bytes += bytes / 8 + 4 * kv->journal_bytes_max + HEADROOM_BYTES;
	return mdb_env_set_mapsize(kv->env, bytes / LMDB_PAGE_BYTES * LMDB_PAGE_BYTES);
}

enum status
lmdb_open_existing(struct kv *kv, char *why, size_t why_size)
{
	uint64_t format = 0;
	int      rc, dead;

	rc = env_open(&kv->env, kv, kv->path, kv->bytes_max,
	    kv->read_only ? MDB_RDONLY | MDB_NOLOCK : 0);
	if (rc != 0) {
		snprintf(why, why_size, "cannot open the database in %s: %s%s",
		    kv->path, mdb_strerror(rc), advice(rc));
		return lmdb_status(rc);
	}
	mdb_reader_check(kv->env, &dead);
	if ((rc = set_map_size(kv)) == 0)
		rc = load(kv, &format);
	if (rc == 0 && format >= FORMAT_OLDEST && format <= KV_FORMAT)
		return STATUS_OK;
	if (rc == MDB_NOTFOUND)
		snprintf(why, why_size,
		    LMDB_FILE " lacks a table: start this server on it once");
	else if (rc != 0)
		snprintf(why, why_size, "cannot read " LMDB_FILE ": %s",
		    rc == LMDB_DAMAGED ? "a checksum is wrong; restore a backup"
				       : mdb_strerror(rc));
	else if (format == 0)
		snprintf(why, why_size,
		    LMDB_FILE
		    " is not a database of customerd: name another directory");
	else
		snprintf(why, why_size,
		    LMDB_FILE " has format %llu, and this server knows %d: install a "
			      "newer one",
		    (unsigned long long)format, KV_FORMAT);
	mdb_env_close(kv->env);
	kv->env = NULL;
	return rc == 0 ? STATUS_STORAGE_FAILED : lmdb_status(rc);
}

enum status
lmdb_open(struct kv *kv, char *why, size_t why_size)
{
	enum status status;
	bool        exists;
	int         rc;

	status = lmdb_file_check(kv->dir, &exists, why, why_size);
	if (status != STATUS_OK)
		return status;
	if (!exists && kv->read_only) {
		snprintf(why, why_size, "there is no " LMDB_FILE " in %s", kv->path);
		return STATUS_STORAGE_FAILED;
	}
	/* A scrub that was killed leaves what must not outlive the next one. */
	if (exists && !kv->read_only && (rc = lmdb_remove_built(kv)) != 0) {
		snprintf(why, why_size, "cannot remove " LMDB_FILE_NEW " in %s: %s",
		    kv->path, strerror(rc));
		return lmdb_status(rc);
	}
	if (!exists && (rc = create(kv)) != 0) {
		snprintf(why, why_size, "cannot create " LMDB_FILE " in %s: %s",
		    kv->path, mdb_strerror(rc));
		return lmdb_status(rc);
	}
	/* The name must last before anything is promised; who made it may have died. */
	if (!kv->read_only && fsync(kv->dir) != 0) {
		rc = errno;
		snprintf(why, why_size, "cannot sync %s: %s", kv->path, strerror(rc));
		return lmdb_status(rc);
	}
	return lmdb_open_existing(kv, why, why_size);
}

void
lmdb_close(struct kv *kv)
{
	unsigned i;

	pthread_mutex_lock(&kv->mutex);
	for (i = 0; i < kv->snapshots_max; i++)
		if (kv->snapshots[i] != NULL && kv->snapshots[i]->mdb != NULL) {
			mdb_txn_abort(kv->snapshots[i]->mdb);
			kv->snapshots[i]->mdb = NULL;
		}
	pthread_mutex_unlock(&kv->mutex);
	if (kv->base.mdb != NULL)
		mdb_txn_abort(kv->base.mdb);
	kv->base.mdb = NULL;
	if (kv->env != NULL)
		mdb_env_close(kv->env);
	kv->env = NULL;
}
