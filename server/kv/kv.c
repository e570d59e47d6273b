#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "server/base/clock.h"
#include "server/kv/kv_private.h"

#define RESERVE_PERCENT 10u /* of the file, kept for deletes */

/* ---- snapshots ---- */

struct kv_snapshot *
kv_snapshot_new(struct kv *kv)
{
	struct kv_snapshot *snapshot = NULL;
	unsigned            i;

	pthread_mutex_lock(&kv->mutex);
	for (i = 0; i < kv->snapshots_max && kv->snapshots[i] != NULL; i++)
		;
	if (i < kv->snapshots_max &&
	    (snapshot = calloc(1, sizeof(*snapshot))) != NULL) {
		snapshot->kv = kv;
		kv->snapshots[i] = snapshot;
	}
	pthread_mutex_unlock(&kv->mutex);
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
	pthread_mutex_lock(&kv->mutex);
	for (i = 0; kv->snapshots[i] != snapshot; i++)
		assert(i + 1 < kv->snapshots_max);
	kv->snapshots[i] = NULL;
	if (snapshot->mdb != NULL)
		mdb_txn_abort(snapshot->mdb);
	pthread_mutex_unlock(&kv->mutex);
	cache_free(snapshot->cache);
	free(snapshot);
}

bool
kv_snapshot_cache(struct kv_snapshot *snapshot, size_t bytes_max)
{
	struct kv    *kv = snapshot->kv;
	struct cache *cache = cache_new(bytes_max, kv->marks);

	assert(snapshot->cache == NULL && !snapshot->is_held);
	pthread_mutex_lock(&kv->mutex); /* a scrub looks for caches */
	snapshot->cache = cache;
	pthread_mutex_unlock(&kv->mutex);
	return cache != NULL;
}

struct kv_cached
kv_snapshot_cached(const struct kv_snapshot *snapshot)
{
	return snapshot->cached;
}

/* Let go of LAYER, which may be NULL, with the mutex held.  It, if nobody needs it. */
static struct layer *
unpin(struct kv *kv, struct layer *layer)
{
	if (layer == NULL || --layer->pins > 0)
		return NULL;
	/* Only one that has been carried over is waited for. */
	if (layer != kv->active->layer &&
	    (kv->frozen == NULL || layer != kv->frozen->layer))
		pthread_cond_broadcast(&kv->changed);
	return layer->is_loose ? layer : NULL;
}

/* Begin to look at the newest state; with the lock and the mutex held. */
static int
look(struct kv_snapshot *snapshot)
{
	struct kv *kv = snapshot->kv;
	unsigned   i;
	int        rc;

	if (kv->env == NULL)
		return MDB_PANIC;
	if (snapshot->mdb == NULL)
		rc = mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &snapshot->mdb);
	else
		rc = mdb_txn_renew(snapshot->mdb);
	if (rc != 0)
		return rc;
	snapshot->layers[0] = kv->active->layer;
	snapshot->roots[0] = kv->root;
	snapshot->layers[1] = kv->frozen == NULL ? NULL : kv->frozen->layer;
	snapshot->roots[1] = kv->frozen == NULL ? NULL : kv->frozen->layer->tree.root;
	for (i = 0; i < GENERATIONS; i++)
		if (snapshot->layers[i] != NULL)
			snapshot->layers[i]->pins++;
	snapshot->sequence = kv_sequence(kv);
	snapshot->is_held = true;
	if (snapshot->cache != NULL)
		cache_begin(snapshot->cache, snapshot->sequence);
	return 0;
}

/* Begin a view of the newest state; LMDB's code. */
static int
hold(struct kv_snapshot *snapshot)
{
	struct kv *kv = snapshot->kv;
	int        rc;

	kv_snapshot_release(snapshot);
	pthread_rwlock_rdlock(&kv->lock);
	pthread_mutex_lock(&kv->mutex);
	rc = look(snapshot);
	pthread_mutex_unlock(&kv->mutex);
	snapshot->is_spent = false;
	if (rc != 0)
		pthread_rwlock_unlock(&kv->lock);
	return rc;
}

void
kv_read(struct kv_snapshot *snapshot, struct kv_txn *txn)
{
	*txn = (struct kv_txn){ .snapshot = snapshot };
	if (snapshot->is_held && snapshot->sequence == kv_sequence(snapshot->kv) &&
	    !snapshot->is_spent)
		return;
	txn->status = lmdb_status(hold(snapshot));
}

void
kv_snapshot_release(struct kv_snapshot *snapshot)
{
	struct layer *loose[GENERATIONS];
	struct kv    *kv = snapshot->kv;
	unsigned      i;

	if (!snapshot->is_held)
		return;
	mdb_txn_reset(snapshot->mdb);
	if (snapshot->cache != NULL)
		snapshot->cached = cache_count(snapshot->cache);
	pthread_mutex_lock(&kv->mutex);
	for (i = 0; i < GENERATIONS; i++)
		loose[i] = unpin(kv, snapshot->layers[i]);
	snapshot->is_held = false;
	pthread_mutex_unlock(&kv->mutex);
	pthread_rwlock_unlock(&kv->lock);
	for (i = 0; i < GENERATIONS; i++)
		layer_free(loose[i]);
}

/* ---- batches ---- */

/* The oldest batch that a view may show, the base of the open batch's included. */
static uint64_t
oldest_held(struct kv *kv)
{
	uint64_t oldest = kv->base.sequence;
	unsigned i;

	pthread_mutex_lock(&kv->mutex);
	for (i = 0; i < kv->snapshots_max; i++) {
		const struct kv_snapshot *snapshot = kv->snapshots[i];

		if (snapshot != NULL && snapshot->is_held &&
		    snapshot->sequence < oldest)
			oldest = snapshot->sequence;
	}
	pthread_mutex_unlock(&kv->mutex);
	return oldest;
}

static void
begin_part(struct kv_batch *batch, struct kv_txn *view)
{
	batch->parts[batch->depth] = (struct part){
		.view = view,
		.tree = tree_mark(&batch->generation->layer->tree),
		.frames = chunks_mark(&batch->generation->layer->frames),
		.entries = batch->frame.entries,
		.bytes_used = batch->bytes_used,
	};
}

static void
drop_part(struct kv_batch *batch)
{
	const struct part *part = &batch->parts[batch->depth];

	tree_drop(&batch->generation->layer->tree, part->tree);
	chunks_rewind(&batch->generation->layer->frames, part->frames);
	batch->frame.entries = part->entries;
	batch->bytes_used = part->bytes_used;
}

enum status
kv_batch_begin(struct kv *kv, struct kv_batch **out)
{
	struct kv_batch *batch = &kv->batch;
	enum status      status;
	int              rc;

	assert(!kv->batch_is_open && !kv->read_only);
	*out = NULL;
	if ((status = generations_make_room(kv)) != STATUS_OK)
		return status;
	if ((rc = hold(&kv->base)) != 0)
		return rc == ENOMEM ? STATUS_NO_MEMORY : STATUS_STORAGE_FAILED;
	*batch = (struct kv_batch){ .kv = kv, .generation = kv->active };
	tree_reclaim(&batch->generation->layer->tree, oldest_held(kv));
	tree_begin(&batch->generation->layer->tree, kv_sequence(kv) + 1);
	begin_part(batch, NULL);
	if (!frame_begin(&batch->frame, &batch->generation->layer->frames)) {
		kv_snapshot_release(&kv->base);
		return STATUS_NO_MEMORY;
	}
	batch->bytes_used = batch->bytes_begun = kv_bytes(kv);
	kv->batch_is_open = true;
	*out = batch;
	return STATUS_OK;
}

void
kv_write(struct kv_batch *batch, struct kv_txn *txn)
{
	struct kv *kv = batch->kv;

	assert(batch->depth == 0 && batch->scans == 0);
	*txn = (struct kv_txn){ .batch = batch, .status = batch->status };
	/* Looked at once for each view, so that no operation is refused half way. */
	if (batch->bytes_used >= kv->bytes_max / 100 * (100 - RESERVE_PERCENT))
		txn->room = STATUS_STORAGE_FULL;
	else
		txn->room = kv->room;
	batch->parts[0].view = txn;
}

uint64_t
kv_batch_bytes(const struct kv_batch *batch)
{
	return batch->bytes_used - batch->bytes_begun;
}

void
kv_batch_abort(struct kv_batch *batch)
{
	struct kv *kv = batch->kv;

	assert(kv->batch_is_open && batch->depth == 0 && batch->scans == 0);
	drop_part(batch);
	kv->batch_is_open = false;
	kv_snapshot_release(&kv->base);
}

/* Show the batch that is on disk now to those who look from now on. */
static void
publish(struct kv *kv, struct generation *generation)
{
	generation->grown_ms = clock_mono_ms();
	if (generation->begun_ms == 0)
		generation->begun_ms = generation->grown_ms;
	generation->last = kv_sequence(kv) + 1;
	tree_keep(&generation->layer->tree);
	pthread_mutex_lock(&kv->mutex);
	kv->root = generation->layer->tree.root;
	atomic_store(&kv->sequence, generation->last);
	pthread_mutex_unlock(&kv->mutex);
	atomic_store(&kv->active_bytes, generation->layer->frames.bytes);
}

enum status
kv_batch_commit(struct kv_batch *batch)
{
	struct kv      *kv = batch->kv;
	struct journal *journal = &batch->generation->journal;
	enum status     status = batch->status;
	int             rc;

	assert(kv->batch_is_open && batch->depth == 0 && batch->scans == 0);
	if (status == STATUS_OK && batch->wrote && !kv->is_recorded)
		status = kv->room;
	if (status != STATUS_OK || !batch->wrote) {
		kv_batch_abort(batch);
		return status;
	}
	if ((rc = journal_append(journal, &batch->frame, kv_sequence(kv) + 1)) != 0) {
		kv_batch_abort(batch);
		if (journal->in_doubt)
			return STATUS_UNKNOWN;
		status = lmdb_status(rc);
		return status == STATUS_STORAGE_FAILED && lmdb_disk_is_full(kv, 0)
			   ? STATUS_STORAGE_FULL
			   : status;
	}
	publish(kv, batch->generation);
	kv->batch_is_open = false;
	kv_snapshot_release(&kv->base);
	return STATUS_OK;
}

/* ---- views ---- */

const struct kv_snapshot *
kv_base_of(const struct kv_txn *txn)
{
	if (txn->batch == NULL) {
		assert(txn->snapshot->is_held);
		return txn->snapshot;
	}
	/* A parent rests while its child is open, and an old view is over. */
	assert(txn->batch->parts[txn->batch->depth].view == txn);
	return &txn->batch->kv->base;
}

void
kv_roots_of(const struct kv_txn *txn, const struct tree_node *roots[GENERATIONS])
{
	const struct kv_snapshot *base = kv_base_of(txn);

	roots[0] = txn->batch == NULL ? base->roots[0]
				      : txn->batch->generation->layer->tree.root;
	roots[1] = base->roots[1];
}

void
kv_fail(struct kv_txn *txn, int rc)
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

	assert(batch != NULL && batch->depth < KV_NEST_MAX && batch->scans == 0);
	assert(batch->parts[batch->depth].view == parent && parent != child);
	*child = *parent;
	child->wrote = false;
	batch->depth++;
	begin_part(batch, child);
}

/* Go back from CHILD to PARENT. */
static void
unnest(struct kv_txn *parent, struct kv_txn *child)
{
	struct kv_batch *batch = parent->batch;

	assert(batch->depth > 0 && batch->scans == 0);
	assert(batch->parts[batch->depth].view == child);
	batch->depth--;
	assert(batch->parts[batch->depth].view == parent);
}

void
kv_nest_drop(struct kv_txn *parent, struct kv_txn *child)
{
	drop_part(parent->batch);
	unnest(parent, child);
}

void
kv_nest_keep(struct kv_txn *parent, struct kv_txn *child)
{
	if (child->status != STATUS_OK) {
		kv_nest_drop(parent, child);
		if (parent->status == STATUS_OK)
			parent->status = child->status;
		return;
	}
	unnest(parent, child);
	parent->wrote |= child->wrote;
	if (parent->batch->depth == 0)
		parent->batch->wrote |= child->wrote;
}

/* The newest entry of KEY that is not in LMDB only. */
static const struct entry *
find_new(struct kv_txn *txn, enum kv_table table, struct slice key)
{
	const struct tree_node *roots[GENERATIONS];
	const struct entry     *entry;

	assert(key.len > 0 && key.len <= KV_KEY_BYTES_MAX);
	kv_roots_of(txn, roots);
	entry = tree_get(roots[0], table, key);
	return entry != NULL ? entry : tree_get(roots[1], table, key);
}

struct slice
kv_floor(struct kv_txn *txn, enum kv_table table, struct slice key)
{
	const struct entry *entry = NULL;

	if (key.len >= KV_STORE_BYTES)
		entry = find_new(txn, table, slice_of(key.data, KV_STORE_BYTES));
	return entry == NULL ? slice_of(NULL, 0) : entry_floor(entry);
}

/* Look KEY up where it is kept. */
static bool
get(struct kv_txn *txn, enum kv_table table, struct slice key, struct slice *value)
{
	const struct entry *entry;
	int                 rc;

	if (kv_table_is(table, KV_TRIMMED) &&
	    key_compare(key, kv_floor(txn, table, key)) < 0)
		return false;
	if ((entry = find_new(txn, table, key)) != NULL) {
		*value = entry_value(entry);
		return !entry->is_deleted;
	}
	rc = lmdb_get(kv_of(txn), kv_base_of(txn)->mdb, table, key, value);
	if (rc != 0 && rc != MDB_NOTFOUND)
		kv_fail(txn, rc);
	return rc == 0;
}

bool
kv_get(struct kv_txn *txn, enum kv_table table, struct slice key, struct slice *value)
{
	struct cache *cache;
	uint64_t      hash;

	if (txn->status != STATUS_OK)
		return false;
	cache = kv_base_of(txn)->cache;
	if (cache == NULL || !kv_table_is(table, KV_CACHED))
		return get(txn, table, key, value);
	hash = marks_hash(kv_of(txn)->marks, table, key);
	if (cache_get(cache, hash, table, key, value))
		return true;
	if (!get(txn, table, key, value))
		return false;
	cache_put(cache, hash, table, key, *value);
	return true;
}

/* Put an entry of KEY into the batch. */
static void
change(struct kv_txn *txn, enum kv_table table, struct slice key, struct slice value,
    bool is_deleted)
{
	struct kv_batch *batch = txn->batch;
	struct marks    *marks = batch->kv->marks;
	void            *at;

	if (kv_table_is(table, KV_CACHED))
		marks_set(
		    marks, marks_hash(marks, table, key), kv_sequence(batch->kv) + 1);
	txn->wrote = true;
	if (batch->depth == 0)
		batch->wrote = true;
	at = frame_entry(&batch->frame, entry_size(key.len, value.len));
	if (at != NULL)
		entry_make(at, table, key, value, is_deleted);
	if (at == NULL || !tree_put(&batch->generation->layer->tree, at))
		kv_fail(txn, ENOMEM);
}

void
kv_put(struct kv_txn *txn, enum kv_table table, struct slice key, struct slice value)
{
	struct kv_batch *batch = txn->batch;

	assert(batch != NULL && batch->scans == 0);
	assert(batch->parts[batch->depth].view == txn);
	if (txn->status != STATUS_OK)
		return;
	if (txn->room != STATUS_OK && !txn->reserve) {
		txn->status = txn->room;
		return;
	}
	batch->bytes_used += key.len + value.len;
	if (batch->bytes_used > batch->kv->bytes_max) {
		txn->wrote = true;
		kv_fail(txn, ENOSPC);
		return;
	}
	change(txn, table, key, value, false);
}

void
kv_del(struct kv_txn *txn, enum kv_table table, struct slice key)
{
	const struct entry *entry;
	MDB_val             at = lmdb_key(key), stored;
	int                 rc;

	assert(txn->batch != NULL && txn->batch->scans == 0);
	if (txn->status != STATUS_OK)
		return;
	if ((entry = find_new(txn, table, key)) != NULL)
		rc = entry->is_deleted ? MDB_NOTFOUND : 0;
	else
		rc = mdb_get(
		    kv_base_of(txn)->mdb, kv_of(txn)->tables[table], &at, &stored);
	if (rc == 0)
		change(txn, table, key, SLICE(""), true);
	else if (rc != MDB_NOTFOUND)
		kv_fail(txn, rc);
}

void
kv_drop_below(struct kv_txn *txn, enum kv_table table, struct slice key)
{
	assert(txn->batch != NULL && txn->batch->scans == 0);
	assert(kv_table_is(table, KV_TRIMMED) && key.len > KV_STORE_BYTES &&
	       key.len <= KV_KEY_BYTES_MAX);
	if (txn->status == STATUS_OK && key_compare(kv_floor(txn, table, key), key) < 0)
		change(txn, table, slice_of(key.data, KV_STORE_BYTES),
		    slice_of(key.data + KV_STORE_BYTES, key.len - KV_STORE_BYTES),
		    true);
}
