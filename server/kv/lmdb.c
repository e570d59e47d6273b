#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#include "server/base/clock.h"
#include "server/kv/lmdb_env.h"

#define CHECKSUM_BYTES 8u
#define RESERVE_PERCENT 10u /* of the file, kept for deletes */
#define READERS_CHECK_MS 60000

/* ---- values with their checksums ---- */

/* Over the table and the key too, so that a value in a wrong place is found out. */
static uint64_t
checksum(const struct kv *kv, enum kv_table table, struct slice key, struct slice value)
{
	uint64_t seed = XXH3_64bits_withSeed(key.data, key.len, kv->seeds[table]);

	return XXH3_64bits_withSeed(value.data, value.len, seed);
}

static void
put_le64(unsigned char *out, uint64_t value)
{
	size_t i;

	for (i = 0; i < CHECKSUM_BYTES; i++)
		out[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t
get_le64(const unsigned char *in)
{
	uint64_t value = 0;
	size_t   i;

	for (i = CHECKSUM_BYTES; i > 0; i--)
		value = value << 8 | in[i - 1];
	return value;
}

static MDB_val
mdb_val(struct slice slice)
{
	return (MDB_val){ slice.len, (void *)(uintptr_t)slice.data };
}

static MDB_val
mdb_key(struct slice key)
{
	assert(key.len > 0 && key.len <= KV_KEY_BYTES_MAX);
	return mdb_val(key);
}

/* The value in STORED, if its checksum is right. */
static int
verify(const struct kv *kv, enum kv_table table, struct slice key, MDB_val stored,
    struct slice *value)
{
	const unsigned char *data = stored.mv_data;

	if (stored.mv_size < CHECKSUM_BYTES)
		return LMDB_DAMAGED;
	*value = slice_of(data + CHECKSUM_BYTES, stored.mv_size - CHECKSUM_BYTES);
	return get_le64(data) == checksum(kv, table, key, *value) ? 0 : LMDB_DAMAGED;
}

int
lmdb_get(struct kv *kv, MDB_txn *mdb, enum kv_table table, struct slice key,
    struct slice *value)
{
	MDB_val at = mdb_key(key), stored;
	int     rc;

	if ((rc = mdb_get(mdb, kv->tables[table], &at, &stored)) != 0)
		return rc;
	return verify(kv, table, key, stored, value);
}

int
lmdb_put(struct kv *kv, MDB_txn *mdb, enum kv_table table, struct slice key,
    struct slice value)
{
	uint64_t sum = checksum(kv, table, key, value);
	MDB_val  at = mdb_key(key), stored = { CHECKSUM_BYTES + value.len, NULL };
	char    *data;
	int      rc;

	if ((rc = mdb_put(mdb, kv->tables[table], &at, &stored, MDB_RESERVE)) != 0)
		return rc;
	put_le64(stored.mv_data, sum);
	data = (char *)stored.mv_data + CHECKSUM_BYTES;
	if (value.len > 0)
		memcpy(data, value.data, value.len);
	/* A caller's slice into the database has just been moved under its feet. */
	assert(checksum(kv, table, key, slice_of(data, value.len)) == sum);
	return 0;
}

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

static struct kv *
kv_of(const struct kv_txn *txn)
{
	return txn->batch != NULL ? txn->batch->kv : txn->snapshot->kv;
}

static MDB_txn *
mdb_of(const struct kv_txn *txn)
{
	if (txn->batch == NULL) {
		assert(txn->snapshot->is_held);
		return txn->snapshot->mdb;
	}
	/* A parent rests while its child is open, and an old view is over. */
	assert(txn->batch->views[txn->batch->depth] == txn);
	return txn->batch->mdb[txn->batch->depth];
}

/* Remember that LMDB answered RC, after which it refuses the transaction. */
static void
fail(struct kv_txn *txn, int rc)
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
		rc = mdb_txn_begin(batch->kv->env, mdb_of(parent), 0, &mdb);
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
		fail(parent, rc);
}

bool
kv_get(struct kv_txn *txn, enum kv_table table, struct slice key, struct slice *value)
{
	int rc;

	if (txn->status != STATUS_OK)
		return false;
	rc = lmdb_get(kv_of(txn), mdb_of(txn), table, key, value);
	if (rc != 0 && rc != MDB_NOTFOUND)
		fail(txn, rc);
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
	txn->batch->bytes_used += CHECKSUM_BYTES + key.len + value.len;
	if ((rc = lmdb_put(kv_of(txn), mdb_of(txn), table, key, value)) != 0)
		fail(txn, rc);
}

void
kv_del(struct kv_txn *txn, enum kv_table table, struct slice key)
{
	MDB_val at = mdb_key(key);
	int     rc;

	assert(txn->batch != NULL && txn->batch->scans == 0);
	if (txn->status != STATUS_OK)
		return;
	rc = mdb_del(mdb_of(txn), kv_of(txn)->tables[table], &at, NULL);
	if (rc == MDB_NOTFOUND)
		return;
	mark_wrote(txn);
	if (rc != 0)
		fail(txn, rc);
}

/* ---- scans ---- */

static void
scan_init(
    struct kv_scan *scan, struct kv_txn *txn, enum kv_table table, struct slice prefix)
{
	assert(prefix.len <= KV_KEY_BYTES_MAX);
	scan->txn = txn;
	scan->table = table;
	scan->cursor = NULL;
	scan->from = (struct slice){ NULL, 0 };
	scan->begun = false;
	scan->backwards = false;
	scan->prefix_len = prefix.len;
	if (prefix.len > 0)
		memcpy(scan->prefix, prefix.data, prefix.len);
	if (txn->batch != NULL)
		txn->batch->scans++;
}

void
kv_scan_begin(struct kv_scan *scan, struct kv_txn *txn, enum kv_table table,
    struct slice prefix, struct slice from)
{
	scan_init(scan, txn, table, prefix);
	scan->from = from;
}

void
kv_scan_back(
    struct kv_scan *scan, struct kv_txn *txn, enum kv_table table, struct slice prefix)
{
	scan_init(scan, txn, table, prefix);
	scan->backwards = true;
}

static void
close_cursor(struct kv_scan *scan)
{
	if (scan->cursor != NULL)
		mdb_cursor_close(scan->cursor);
	scan->cursor = NULL;
}

void
kv_scan_end(struct kv_scan *scan)
{
	close_cursor(scan);
	if (scan->txn->batch != NULL) {
		assert(scan->txn->batch->scans > 0);
		scan->txn->batch->scans--;
	}
}

static struct slice
scan_prefix(const struct kv_scan *scan)
{
	return slice_of(scan->prefix, scan->prefix_len);
}

/* As LMDB orders keys: by bytes, the shorter of two like ones first. */
static bool
is_below(struct slice a, struct slice b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int    order = common == 0 ? 0 : memcmp(a.data, b.data, common);

	return order < 0 || (order == 0 && a.len < b.len);
}

/* Go to the first key of the walk. */
static int
seek_first(struct kv_scan *scan, MDB_val *key, MDB_val *stored)
{
	struct slice start = scan_prefix(scan);

	if (is_below(start, scan->from))
		start = scan->from;
	if (start.len == 0)
		return mdb_cursor_get(scan->cursor, key, stored, MDB_FIRST);
	*key = mdb_key(start);
	return mdb_cursor_get(scan->cursor, key, stored, MDB_SET_RANGE);
}

/* Go to the last key that has the prefix or is below it. */
static int
seek_last(struct kv_scan *scan, MDB_val *key, MDB_val *stored)
{
	char   above[KV_KEY_BYTES_MAX]; /* the least key above all with the prefix */
	size_t len = scan->prefix_len;
	int    rc = MDB_NOTFOUND;

	memcpy(above, scan->prefix, len);
	while (len > 0 && (unsigned char)above[len - 1] == 0xff)
		len--;
	if (len > 0) {
		above[len - 1] = (char)((unsigned char)above[len - 1] + 1);
		*key = mdb_key(slice_of(above, len));
		rc = mdb_cursor_get(scan->cursor, key, stored, MDB_SET_RANGE);
	}
	if (rc == MDB_NOTFOUND)
		return mdb_cursor_get(scan->cursor, key, stored, MDB_LAST);
	if (rc != 0)
		return rc;
	return mdb_cursor_get(scan->cursor, key, stored, MDB_PREV);
}

/* Go to the first or the next key, and check that it still has the prefix. */
static int
step(struct kv_scan *scan, MDB_val *key, MDB_val *stored)
{
	MDB_cursor *cursor = scan->cursor;
	MDB_dbi     dbi = kv_of(scan->txn)->tables[scan->table];
	int         rc;

	if (!scan->begun) {
		if ((rc = mdb_cursor_open(mdb_of(scan->txn), dbi, &cursor)) != 0)
			return rc;
		scan->begun = true;
		scan->cursor = cursor;
		rc = scan->backwards ? seek_last(scan, key, stored)
				     : seek_first(scan, key, stored);
	} else {
		rc = mdb_cursor_get(
		    cursor, key, stored, scan->backwards ? MDB_PREV : MDB_NEXT);
	}
	if (rc != 0)
		return rc;
	if (key->mv_size < scan->prefix_len ||
	    memcmp(key->mv_data, scan->prefix, scan->prefix_len) != 0)
		return MDB_NOTFOUND;
	return 0;
}

bool
kv_scan_next(struct kv_scan *scan, struct slice *key, struct slice *value)
{
	struct kv_txn *txn = scan->txn;
	MDB_val        at, stored;
	int            rc;

	if (txn->status != STATUS_OK || (scan->begun && scan->cursor == NULL))
		return false;
	if ((rc = step(scan, &at, &stored)) == 0) {
		*key = slice_of(at.mv_data, at.mv_size);
		rc = verify(kv_of(txn), scan->table, *key, stored, value);
	}
	if (rc == 0)
		return true;
	close_cursor(scan);
	if (rc != MDB_NOTFOUND)
		fail(txn, rc);
	return false;
}
