#include <assert.h>

#include "server/kv/lmdb_env.h"

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
kv_scan_back(struct kv_scan *scan, struct kv_txn *txn, enum kv_table table,
    struct slice prefix, struct slice below)
{
	scan_init(scan, txn, table, prefix);
	scan->from = below;
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
	*key = lmdb_key(start);
	return mdb_cursor_get(scan->cursor, key, stored, MDB_SET_RANGE);
}

/* The least key above all that have the prefix, in ROOM; empty: there is none. */
static struct slice
above_prefix(const struct kv_scan *scan, char room[KV_KEY_BYTES_MAX])
{
	size_t len = scan->prefix_len;

	memcpy(room, scan->prefix, len);
	while (len > 0 && (unsigned char)room[len - 1] == 0xff)
		len--;
	if (len > 0)
		room[len - 1] = (char)((unsigned char)room[len - 1] + 1);
	return slice_of(room, len);
}

/* Go to the last key of the walk, or to one below the prefix. */
static int
seek_last(struct kv_scan *scan, MDB_val *key, MDB_val *stored)
{
	char         room[KV_KEY_BYTES_MAX];
	struct slice end = above_prefix(scan, room);
	int          rc = MDB_NOTFOUND;

	if (scan->from.len > 0 && (end.len == 0 || is_below(scan->from, end)))
		end = scan->from;
	if (end.len > 0) {
		*key = lmdb_key(end);
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
	MDB_dbi     dbi = lmdb_kv_of(scan->txn)->tables[scan->table];
	int         rc;

	if (!scan->begun) {
		if ((rc = mdb_cursor_open(lmdb_of(scan->txn), dbi, &cursor)) != 0)
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
		rc = lmdb_verify(lmdb_kv_of(txn), scan->table, *key, stored, value);
	}
	if (rc == 0)
		return true;
	close_cursor(scan);
	if (rc != MDB_NOTFOUND)
		lmdb_fail(txn, rc);
	return false;
}
