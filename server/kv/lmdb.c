#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "server/base/clock.h"
#include "server/kv/lmdb_env.h"

#define RESERVE_PERCENT 10u /* of the file, kept for deletes */
#define READERS_CHECK_MS 60000

/* ---- snapshots ---- */

struct kv_snapshot *
kv_snapshot_new(struct kv *kv)
{
	struct kv_snapshot *snapshot = NULL;
	unsigned            i;

	pthread_mutex_lock(&kv->snapshots_mutex);
	for (i = 0; i < kv->snapshots_max && kv->snapshots[i] != NULL; i++)
		;
	if (i < kv->snapshots_max &&
	    (snapshot = calloc(1, sizeof(*snapshot))) != NULL) {
		snapshot->kv = kv;
		kv->snapshots[i] = snapshot;
	}
	pthread_mutex_unlock(&kv->snapshots_mutex);
	return snapshot;
}

void
kv_snapshot_free(struct kv_snapshot *snapshot)
{
	struct kv *kv;
	unsigned   i;

	if (snapshot == NULL)
		return;
	kv = snapshot->kv;
	kv_snapshot_release(snapshot);
	pthread_mutex_lock(&kv->snapshots_mutex);
	for (i = 0; kv->snapshots[i] != snapshot; i++)
		assert(i + 1 < kv->snapshots_max);
	kv->snapshots[i] = NULL;
	if (snapshot->mdb != NULL)
		mdb_txn_abort(snapshot->mdb);
	pthread_mutex_unlock(&kv->snapshots_mutex);
	free(snapshot);
}

/* Begin a view of the newest state, with the lock held. */
static int
renew(struct kv_snapshot *snapshot)
{
	struct kv *kv = snapshot->kv;

	if (kv->env == NULL)
		return MDB_PANIC;
	if (snapshot->mdb == NULL)
		return mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &snapshot->mdb);
	if (snapshot->is_held)
		mdb_txn_reset(snapshot->mdb);
	return mdb_txn_renew(snapshot->mdb);
}

void
kv_read(struct kv_snapshot *snapshot, struct kv_txn *txn)
{
	/* Looked at before the view begins: the view may be newer, never older. */
	uint64_t sequence = kv_sequence(snapshot->kv);
	int      rc;

	*txn = (struct kv_txn){ .snapshot = snapshot };
	if (snapshot->is_held && snapshot->sequence == sequence && !snapshot->is_spent)
		return;
	if (!snapshot->is_held)
		pthread_rwlock_rdlock(&snapshot->kv->lock);
	rc = renew(snapshot);
	snapshot->is_held = rc == 0;
	snapshot->is_spent = false;
	snapshot->sequence = sequence;
	if (rc != 0) {
		txn->status = lmdb_status(rc);
		pthread_rwlock_unlock(&snapshot->kv->lock);
	}
}

void
kv_snapshot_release(struct kv_snapshot *snapshot)
{
	if (!snapshot->is_held)
		return;
	mdb_txn_reset(snapshot->mdb);
	snapshot->is_held = false;
	pthread_rwlock_unlock(&snapshot->kv->lock);
}

/* ---- batches ---- */

/* A tool that was killed while it looked would keep dead pages from reuse for ever. */
static void
check_readers(struct kv *kv)
{
	int64_t now = clock_mono_ms();
	int     dead;

	if (now - kv->readers_checked_ms < READERS_CHECK_MS)
		return;
	kv->readers_checked_ms = now;
	mdb_reader_check(kv->env, &dead);
}

enum status
kv_batch_begin(struct kv *kv, struct kv_batch **out)
{
	struct kv_batch *batch = &kv->batch;
	int              rc;

	assert(!kv->batch_is_open && !kv->read_only);
	*out = NULL;
	if (kv->condition != LMDB_SOUND && lmdb_overcome(kv) != STATUS_OK)
		return STATUS_STORAGE_FAILED;
	check_readers(kv);
	*batch = (struct kv_batch){ .kv = kv };
	if ((rc = mdb_txn_begin(kv->env, NULL, 0, &batch->mdb[0])) != 0) {
		if (rc == MDB_PANIC)
			kv->condition = LMDB_LOST;
		return rc == ENOMEM ? STATUS_NO_MEMORY : STATUS_STORAGE_FAILED;
	}
	batch->bytes_used = lmdb_bytes_used(kv, batch->mdb[0]);
	batch->bytes_begun = batch->bytes_used;
	kv->batch_is_open = true;
	*out = batch;
	return STATUS_OK;
}

void
kv_write(struct kv_batch *batch, struct kv_txn *txn)
{
	assert(batch->depth == 0 && batch->scans == 0);
	*txn = (struct kv_txn){ .batch = batch, .status = batch->status };
	/* Looked at once for each view, so that no operation is refused half way. */
	txn->is_full =
	    batch->bytes_used >= batch->kv->bytes_max / 100 * (100 - RESERVE_PERCENT);
	batch->views[0] = txn;
}

uint64_t
kv_batch_bytes(const struct kv_batch *batch)
{
	return batch->bytes_used - batch->bytes_begun;
}

void
kv_batch_abort(struct kv_batch *batch)
{
	assert(batch->kv->batch_is_open && batch->depth == 0 && batch->scans == 0);
	mdb_txn_abort(batch->mdb[0]);
	batch->kv->batch_is_open = false;
}

enum status
kv_batch_commit(struct kv_batch *batch)
{
	struct kv *kv = batch->kv;
	uint64_t   bytes_used;
	int        rc;

	assert(kv->batch_is_open && batch->depth == 0 && batch->scans == 0);
	if (batch->status == STATUS_OK && batch->wrote &&
	    (rc = lmdb_put_number(kv, batch->mdb[0], META_BATCH, kv->batches + 1)) != 0)
		batch->status = lmdb_status(rc);
	if (batch->status != STATUS_OK || !batch->wrote) {
		kv_batch_abort(batch);
		return batch->status;
	}
	bytes_used = lmdb_bytes_used(kv, batch->mdb[0]);
	kv->batch_is_open = false;
	if ((rc = mdb_txn_commit(batch->mdb[0])) != 0)
		return lmdb_commit_failed(kv, rc);
	kv->batches++;
	atomic_store(&kv->bytes_used, bytes_used);
	lmdb_publish(kv);
	return STATUS_OK;
}

/* ---- views ---- */

MDB_txn *
lmdb_of(const struct kv_txn *txn)
{
	if (txn->batch == NULL) {
		assert(txn->snapshot->is_held);
		return txn->snapshot->mdb;
	}
	/* A parent rests while its child is open, and an old view is over. */
	assert(txn->batch->views[txn->batch->depth] == txn);
	return txn->batch->mdb[txn->batch->depth];
}

void
lmdb_fail(struct kv_txn *txn, int rc)
{
	txn->status = lmdb_status(rc);
	if (rc == LMDB_DAMAGED)
		return; /* ours, not LMDB's: only this value is bad */
	if (txn->batch == NULL)
		txn->snapshot->is_spent = true;
	else if (txn->batch->depth == 0)
		txn->batch->status = txn->status;
}

void
kv_nest(struct kv_txn *parent, struct kv_txn *child)
{
	struct kv_batch *batch = parent->batch;
	MDB_txn         *mdb = NULL;
	int              rc;

	assert(batch != NULL && batch->depth < KV_NEST_MAX && batch->scans == 0);
	assert(batch->views[batch->depth] == parent && parent != child);
	*child = *parent;
	child->wrote = false;
	if (parent->status == STATUS_OK) {
		rc = mdb_txn_begin(batch->kv->env, lmdb_of(parent), 0, &mdb);
		if (rc != 0)
			child->status = lmdb_status(rc);
	}
	batch->depth++;
	batch->mdb[batch->depth] = mdb;
	batch->views[batch->depth] = child;
}

/* End CHILD; the transaction that was its own. */
static MDB_txn *
unnest(struct kv_txn *parent, struct kv_txn *child)
{
	struct kv_batch *batch = parent->batch;

	assert(batch->depth > 0 && batch->scans == 0);
	assert(batch->views[batch->depth] == child);
	batch->depth--;
	assert(batch->views[batch->depth] == parent);
	return batch->mdb[batch->depth + 1];
}

void
kv_nest_drop(struct kv_txn *parent, struct kv_txn *child)
{
	MDB_txn *mdb = unnest(parent, child);

	if (mdb != NULL)
		mdb_txn_abort(mdb);
}

void
kv_nest_keep(struct kv_txn *parent, struct kv_txn *child)
{
	MDB_txn *mdb;
	int      rc;

	if (child->status != STATUS_OK) {
		kv_nest_drop(parent, child);
		if (parent->status == STATUS_OK)
			parent->status = child->status;
		return;
	}
	mdb = unnest(parent, child);
	parent->wrote |= child->wrote;
	if (parent->batch->depth == 0)
		parent->batch->wrote |= child->wrote;
	if ((rc = mdb_txn_commit(mdb)) != 0)
		lmdb_fail(parent, rc);
}

bool
kv_get(struct kv_txn *txn, enum kv_table table, struct slice key, struct slice *value)
{
	int rc;

	if (txn->status != STATUS_OK)
		return false;
	rc = lmdb_get(lmdb_kv_of(txn), lmdb_of(txn), table, key, value);
	if (rc != 0 && rc != MDB_NOTFOUND)
		lmdb_fail(txn, rc);
	return rc == 0;
}

/* Before TXN changes something. */
static void
mark_wrote(struct kv_txn *txn)
{
	txn->wrote = true;
	if (txn->batch->depth == 0)
		txn->batch->wrote = true;
}

void
kv_put(struct kv_txn *txn, enum kv_table table, struct slice key, struct slice value)
{
	int rc;

	assert(txn->batch != NULL && txn->batch->scans == 0);
	if (txn->status != STATUS_OK)
		return;
	if (txn->is_full && !txn->reserve) {
		txn->status = STATUS_STORAGE_FULL;
		return;
	}
	mark_wrote(txn);
	txn->batch->bytes_used += key.len + value.len;
	if ((rc = lmdb_put(lmdb_kv_of(txn), lmdb_of(txn), table, key, value)) != 0)
		lmdb_fail(txn, rc);
}

void
kv_del(struct kv_txn *txn, enum kv_table table, struct slice key)
{
	MDB_val at = lmdb_key(key);
	int     rc;

	assert(txn->batch != NULL && txn->batch->scans == 0);
	if (txn->status != STATUS_OK)
		return;
	rc = mdb_del(lmdb_of(txn), lmdb_kv_of(txn)->tables[table], &at, NULL);
	if (rc == MDB_NOTFOUND)
		return;
	mark_wrote(txn);
	if (rc != 0)
		lmdb_fail(txn, rc);
}
