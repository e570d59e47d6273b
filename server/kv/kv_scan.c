#include <assert.h>

#include "server/kv/kv_private.h"

static void
scan_init(
    struct kv_scan *scan, struct kv_txn *txn, enum kv_table table, struct slice prefix)
{
	assert(prefix.len <= KV_KEY_BYTES_MAX);
	scan->txn = txn;
	scan->table = table;
	scan->from = (struct slice){ NULL, 0 };
	scan->begun = false;
	scan->backwards = false;
	scan->cursor = NULL;
	scan->entries[0] = scan->entries[1] = NULL;
	scan->stored_key = scan->store = (struct slice){ NULL, 0 };
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

/* ---- where a walk begins ---- */

/* The least key of the walk; empty: all. */
static struct slice
lower_end(const struct kv_scan *scan)
{
	struct slice prefix = slice_of(scan->prefix, scan->prefix_len);

	return key_compare(prefix, scan->from) < 0 ? scan->from : prefix;
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

/* The least key that is above the walk; empty: there is none. */
static struct slice
upper_end(const struct kv_scan *scan, char room[KV_KEY_BYTES_MAX])
{
	struct slice end = above_prefix(scan, room);

	if (scan->from.len > 0 && (end.len == 0 || key_compare(scan->from, end) < 0))
		return scan->from;
	return end;
}

static bool
has_prefix(const struct kv_scan *scan, struct slice key)
{
	return key.len >= scan->prefix_len &&
	       memcmp(key.data, scan->prefix, scan->prefix_len) == 0;
}

/* ---- what is in LMDB ---- */

/* Go to the first key of the walk. */
static int
seek_first(struct kv_scan *scan, MDB_val *key, MDB_val *stored)
{
	struct slice start = lower_end(scan);

	if (start.len == 0)
		return mdb_cursor_get(scan->cursor, key, stored, MDB_FIRST);
	*key = lmdb_key(start);
	return mdb_cursor_get(scan->cursor, key, stored, MDB_SET_RANGE);
}

/* Go to the last key of the walk, or to one below the prefix. */
static int
seek_last(struct kv_scan *scan, MDB_val *key, MDB_val *stored)
{
	char         room[KV_KEY_BYTES_MAX];
	struct slice end = upper_end(scan, room);
	int          rc = MDB_NOTFOUND;

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

static int
seek_stored(struct kv_scan *scan, MDB_val *key, MDB_val *stored)
{
	MDB_dbi     dbi = kv_of(scan->txn)->tables[scan->table];
	MDB_cursor *cursor;
	int         rc;

	if ((rc = mdb_cursor_open(kv_base_of(scan->txn)->mdb, dbi, &cursor)) != 0)
		return rc;
	scan->cursor = cursor;
	return scan->backwards ? seek_last(scan, key, stored)
			       : seek_first(scan, key, stored);
}

/* Take the first key of LMDB, or the next one. */
static void
step_stored(struct kv_scan *scan, bool is_first)
{
	MDB_val key, stored;
	int     rc;

	if (is_first)
		rc = seek_stored(scan, &key, &stored);
	else
		rc = mdb_cursor_get(
		    scan->cursor, &key, &stored, scan->backwards ? MDB_PREV : MDB_NEXT);
	scan->stored_key = (struct slice){ NULL, 0 };
	if (rc == 0 && has_prefix(scan, slice_of(key.mv_data, key.mv_size))) {
		scan->stored_key = slice_of(key.mv_data, key.mv_size);
		scan->stored = slice_of(stored.mv_data, stored.mv_size);
	} else if (rc != 0 && rc != MDB_NOTFOUND) {
		kv_fail(scan->txn, rc);
	}
}

/* ---- what is new ---- */

/* Take ENTRY, to which a cursor has come, if it belongs to the walk. */
static void
take(struct kv_scan *scan, unsigned i, const struct entry *entry)
{
	if (entry != NULL && entry->table == scan->table &&
	    has_prefix(scan, entry_key(entry)))
		scan->entries[i] = entry;
	else
		scan->entries[i] = NULL;
}

static void
seek_new(struct kv_scan *scan)
{
	const struct tree_node *roots[GENERATIONS];
	char                    room[KV_KEY_BYTES_MAX];
	struct slice            end;
	unsigned                i;

	kv_roots_of(scan->txn, roots);
	for (i = 0; i < GENERATIONS; i++) {
		if (roots[i] == NULL)
			continue;
		if (!scan->backwards) {
			take(scan, i,
			    tree_from(&scan->cursors[i], roots[i], scan->table,
				lower_end(scan)));
			continue;
		}
		end = upper_end(scan, room);
		take(scan, i,
		    tree_below(&scan->cursors[i], roots[i],
			end.len == 0 ? scan->table + 1u : scan->table, end));
	}
}

static void
step_new(struct kv_scan *scan, unsigned i)
{
	take(scan, i,
	    scan->backwards ? tree_back(&scan->cursors[i])
			    : tree_next(&scan->cursors[i]));
}

/* ---- both together ---- */

/* Go to the first keys, or away from the key that was answered last. */
static void
step(struct kv_scan *scan)
{
	unsigned i;

	if (!scan->begun) {
		scan->begun = true;
		seek_new(scan);
		step_stored(scan, true);
		return;
	}
	for (i = 0; i < GENERATIONS; i++)
		if (scan->entries[i] != NULL &&
		    slice_equal(entry_key(scan->entries[i]), scan->at))
			step_new(scan, i);
	if (slice_equal(scan->stored_key, scan->at))
		step_stored(scan, false);
}

/* Whether KEY comes before what was found until now; empty: nothing was. */
static bool
comes_before(const struct kv_scan *scan, struct slice key, struct slice found)
{
	int order;

	if (key.len == 0 || found.len == 0)
		return key.len > 0;
	order = key_compare(key, found);
	return scan->backwards ? order > 0 : order < 0;
}

/* Choose the next key; *ENTRY is the newest for it, or NULL: what LMDB has. */
static void
choose(struct kv_scan *scan, const struct entry **entry)
{
	unsigned i;

	scan->at = (struct slice){ NULL, 0 };
	*entry = NULL;
	for (i = 0; i < GENERATIONS; i++)
		if (scan->entries[i] != NULL &&
		    comes_before(scan, entry_key(scan->entries[i]), scan->at)) {
			scan->at = entry_key(scan->entries[i]);
			*entry = scan->entries[i];
		}
	if (comes_before(scan, scan->stored_key, scan->at)) {
		scan->at = scan->stored_key;
		*entry = NULL;
	}
}

/* Whether the key that was chosen is below the floor of its store. */
static bool
is_dropped(struct kv_scan *scan)
{
	struct slice store = slice_of(scan->at.data, KV_STORE_BYTES);

	if (!kv_table_is(scan->table, KV_TRIMMED) || scan->at.len < KV_STORE_BYTES)
		return false;
	if (!slice_equal(store, scan->store)) {
		scan->store = store;
		scan->floor = kv_floor(scan->txn, scan->table, scan->at);
	}
	return key_compare(scan->at, scan->floor) < 0;
}

/* Go on beyond what is below the floor: at the floor, or at the store before. */
static void
jump(struct kv_scan *scan)
{
	scan->from = scan->floor;
	if (scan->backwards)
		scan->from.len = KV_STORE_BYTES;
	close_cursor(scan);
	scan->begun = false;
}

/* Choose the next key that is there; *ENTRY as above. */
static void
find(struct kv_scan *scan, const struct entry **entry)
{
	bool is_there;

	do {
		step(scan);
		choose(scan, entry);
		is_there = *entry == NULL || !(*entry)->is_deleted;
		if (is_there && is_dropped(scan)) {
			jump(scan);
			is_there = false;
		}
	} while (!is_there);
}

bool
kv_scan_next(struct kv_scan *scan, struct slice *key, struct slice *value)
{
	struct kv_txn      *txn = scan->txn;
	const struct entry *entry;
	int                 rc;

	if (txn->status != STATUS_OK || (scan->begun && scan->at.len == 0))
		return false;
	find(scan, &entry);
	if (txn->status != STATUS_OK || scan->at.len == 0) {
		close_cursor(scan);
		scan->at.len = 0;
		return false;
	}
	*key = scan->at;
	if (entry != NULL) {
		*value = entry_value(entry);
		return true;
	}
	rc = lmdb_verify(scan->table, *key,
	    (MDB_val){ scan->stored.len, (void *)(uintptr_t)scan->stored.data }, value);
	if (rc != 0)
		kv_fail(txn, rc);
	return rc == 0;
}
