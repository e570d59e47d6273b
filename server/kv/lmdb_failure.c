#include <errno.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "server/kv/lmdb_env.h"

#define DISK_FULL_BYTES (1024 * 1024) /* less than this free is a full disk */

/* Close the environment and what is open in it, with the lock held. */
static void
close_env(struct kv *kv)
{
	unsigned i;

	pthread_mutex_lock(&kv->snapshots_mutex);
	for (i = 0; i < kv->snapshots_max; i++)
		if (kv->snapshots[i] != NULL && kv->snapshots[i]->mdb != NULL) {
			mdb_txn_abort(kv->snapshots[i]->mdb);
			kv->snapshots[i]->mdb = NULL;
		}
	pthread_mutex_unlock(&kv->snapshots_mutex);
	if (kv->env != NULL)
		mdb_env_close(kv->env);
	kv->env = NULL;
}

/* Open the environment anew, with the lock held. */
static enum status
reopen(struct kv *kv)
{
	enum status status;
	char        why[512];
	bool        exists;

	kv->condition = LMDB_LOST;
	close_env(kv);
	status = lmdb_file_check(kv->dir, &exists, why, sizeof(why));
	if (status == STATUS_OK && !exists)
		status = STATUS_STORAGE_FAILED;
	if (status == STATUS_OK)
		status = lmdb_open_existing(kv, why, sizeof(why));
	/* A scrub has given the file its name: that must last before more is promised.
	 */
	if (status == STATUS_OK && fsync(kv->dir) != 0)
		status = lmdb_status(errno);
	if (status == STATUS_OK) {
		kv->condition = LMDB_SUSPECT;
		lmdb_publish(kv);
	}
	return status;
}

/* Commit something that nobody needs: it shows whether the disk takes it. */
static int
probe(struct kv *kv)
{
	MDB_txn *mdb;
	int      rc;

	if ((rc = mdb_txn_begin(kv->env, NULL, 0, &mdb)) != 0)
		return rc;
	if ((rc = lmdb_put_number(kv, mdb, META_PROBE, ++kv->probes)) != 0) {
		mdb_txn_abort(mdb);
		return rc;
	}
	return mdb_txn_commit(mdb);
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

enum status
lmdb_overcome(struct kv *kv)
{
	enum status status = STATUS_OK;

	/* No view begins before the probe says that what it would show is there. */
	atomic_store(&kv->is_wanted, true);
	pthread_rwlock_wrlock(&kv->lock);
	atomic_store(&kv->is_wanted, false);
	if (kv->condition == LMDB_LOST)
		status = reopen(kv);
	if (status == STATUS_OK) {
		status = lmdb_status(probe(kv));
		if (status == STATUS_OK)
			kv->condition = LMDB_SOUND;
		else if (is_lost(kv))
			reopen(kv); /* a disk that cannot be written can be read */
	}
	pthread_rwlock_unlock(&kv->lock);
	return status;
}

bool
lmdb_disk_is_full(const struct kv *kv)
{
	struct statvfs st;

	return fstatvfs(kv->dir, &st) == 0 &&
	       (uint64_t)st.f_bavail * st.f_frsize < DISK_FULL_BYTES;
}

enum status
lmdb_commit_failed(struct kv *kv, int rc)
{
	enum status status = lmdb_status(rc);
	uint64_t    number = kv->batches + 1;

	if (is_lost(kv)) {
		/*
		 * The meta page that makes the batch count is on the disk, or not.
		 * Read it again; and since what was read may be the kernel's copy
		 * alone, believe it once a newer commit stands upon it.
		 */
		kv->condition = LMDB_LOST;
		if (lmdb_overcome(kv) != STATUS_OK)
			return STATUS_UNKNOWN;
		return kv->batches == number ? STATUS_OK : STATUS_STORAGE_FAILED;
	}
	/* LMDB says EIO for a write cut short, as the last room on a disk does. */
	if (status == STATUS_STORAGE_FAILED && lmdb_disk_is_full(kv))
		status = STATUS_STORAGE_FULL;
	if (status == STATUS_STORAGE_FAILED)
		kv->condition = LMDB_SUSPECT;
	return status;
}
