#include <errno.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "server/kv/kv_private.h"

#define DISK_FULL_BYTES (1024 * 1024) /* less than this free is a full disk */

/* Let the snapshots forget what they have read, with the lock held: none shows it. */
static void
empty_caches(struct kv *kv)
{
	unsigned i;

	pthread_mutex_lock(&kv->mutex);
	for (i = 0; i < kv->snapshots_max; i++)
		if (kv->snapshots[i] != NULL && kv->snapshots[i]->cache != NULL)
			cache_empty(kv->snapshots[i]->cache);
	pthread_mutex_unlock(&kv->mutex);
}

/* Open the environment anew, with the lock held. */
static enum status
reopen(struct kv *kv)
{
	enum status status;
	char        why[512];
	bool        exists;

	empty_caches(kv); /* what was erased before a scrub is nowhere after it */
	lmdb_close(kv);
	status = lmdb_file_check(kv->dir, &exists, why, sizeof(why));
	if (status == STATUS_OK && !exists)
		status = STATUS_STORAGE_FAILED;
	if (status == STATUS_OK)
		status = lmdb_open_existing(kv, why, sizeof(why));
	/* A scrub has given the file its name: that must last before it is built upon.
	 */
	if (status == STATUS_OK && fsync(kv->dir) != 0) {
		status = lmdb_status(errno);
		lmdb_close(kv);
	}
	return status;
}

enum status
lmdb_reopen(struct kv *kv)
{
	enum status status;

	atomic_store(&kv->is_wanted, true);
	pthread_rwlock_wrlock(&kv->lock);
	atomic_store(&kv->is_wanted, false);
	status = reopen(kv);
	pthread_rwlock_unlock(&kv->lock);
	return status;
}

enum status
lmdb_mend(struct kv *kv)
{
	return kv->env != NULL ? STATUS_OK : lmdb_reopen(kv);
}

/* Whether LMDB refuses everything (MDB_PANIC), until reopened. */
static bool
is_lost(struct kv *kv)
{
	MDB_txn *mdb;
	int      rc;

	if ((rc = mdb_txn_begin(kv->env, NULL, 0, &mdb)) == 0)
		mdb_txn_abort(mdb);
	return rc != 0;
}

bool
lmdb_disk_is_full(const struct kv *kv, uint64_t bytes)
{
	struct statvfs st;

	return fstatvfs(kv->dir, &st) == 0 &&
	       (uint64_t)st.f_bavail * st.f_frsize < bytes + DISK_FULL_BYTES;
}

enum status
lmdb_failed(struct kv *kv, int rc)
{
	enum status status = lmdb_status(rc);

	if (is_lost(kv))
		lmdb_reopen(kv);
	/* LMDB says EIO for a write cut short, as the last room on a disk does. */
	if (status == STATUS_STORAGE_FAILED && lmdb_disk_is_full(kv, 0))
		status = STATUS_STORAGE_FULL;
	return status;
}
