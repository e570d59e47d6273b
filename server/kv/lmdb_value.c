#include <assert.h>

#include "server/kv/kv_private.h"

#define CHECKSUM_BYTES 8u
#define VALUE_INLINE_MAX 2038u /* in a leaf; less, by the key, in fact */
#define PAGE_OVERFLOW 0x04u    /* the flag of LMDB's page for larger ones */

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

MDB_val
lmdb_key(struct slice key)
{
	assert(key.len > 0 && key.len <= KV_KEY_BYTES_MAX);
	return (MDB_val){ key.len, (void *)(uintptr_t)key.data };
}

/*
 * LMDB keeps a value over VALUE_INLINE_MAX in pages of its own, whose head says how
 * many they are.  To believe a damaged length would be to read on behind them, and
 * behind the end of the file, which is a SIGBUS.
 */
static bool
is_within_its_pages(MDB_val stored)
{
	struct {
		uint64_t number;
		uint16_t pad, flags;
		uint32_t pages;
	} head;

	if (stored.mv_size <= VALUE_INLINE_MAX)
		return true;
	memcpy(&head, (const char *)stored.mv_data - sizeof(head), sizeof(head));
	return (head.flags & PAGE_OVERFLOW) != 0 &&
	       sizeof(head) + stored.mv_size <= (uint64_t)head.pages * LMDB_PAGE_BYTES;
}

int
lmdb_verify(enum kv_table table, struct slice key, MDB_val stored, struct slice *value)
{
	const unsigned char *data = stored.mv_data;

	if (stored.mv_size < CHECKSUM_BYTES || !is_within_its_pages(stored))
		return LMDB_DAMAGED;
	*value = slice_of(data + CHECKSUM_BYTES, stored.mv_size - CHECKSUM_BYTES);
	return get_le64(data) == entry_checksum(table, key, *value) ? 0 : LMDB_DAMAGED;
}

int
lmdb_get(struct kv *kv, MDB_txn *mdb, enum kv_table table, struct slice key,
    struct slice *value)
{
	MDB_val at = lmdb_key(key), stored;
	int     rc;

	if ((rc = mdb_get(mdb, kv->tables[table], &at, &stored)) != 0)
		return rc;
	return lmdb_verify(table, key, stored, value);
}

static int
put(struct kv *kv, MDB_txn *mdb, enum kv_table table, struct slice key,
    struct slice value, uint64_t sum, unsigned flags)
{
	MDB_val at = lmdb_key(key), stored = { CHECKSUM_BYTES + value.len, NULL };
	int     rc;

	rc = mdb_put(mdb, kv->tables[table], &at, &stored, MDB_RESERVE | flags);
	if (rc != 0)
		return rc;
	put_le64(stored.mv_data, sum);
	if (value.len > 0)
		memcpy((char *)stored.mv_data + CHECKSUM_BYTES, value.data, value.len);
	return 0;
}

int
lmdb_put(struct kv *kv, MDB_txn *mdb, const struct entry *entry)
{
	MDB_val at = lmdb_key(entry_key(entry));
	int     rc;

	assert(entry_floor(entry).len == 0);
	if (!entry->is_deleted)
		return put(kv, mdb, entry->table, entry_key(entry), entry_value(entry),
		    entry->checksum, 0);
	rc = mdb_del(mdb, kv->tables[entry->table], &at, NULL);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int
lmdb_drop(struct kv *kv, MDB_txn *mdb, const struct entry *entry, size_t count_max,
    size_t *count)
{
	struct slice floor = entry_floor(entry);
	MDB_val      key = lmdb_key(entry_key(entry)), stored;
	MDB_cursor  *cursor;
	int          rc;

	*count = 0;
	if ((rc = mdb_cursor_open(mdb, kv->tables[entry->table], &cursor)) != 0)
		return rc;
	rc = mdb_cursor_get(cursor, &key, &stored, MDB_SET_RANGE);
	while (rc == 0 && *count < count_max &&
	       key_compare(slice_of(key.mv_data, key.mv_size), floor) < 0) {
		if ((rc = mdb_cursor_del(cursor, 0)) != 0)
			break;
		(*count)++;
		rc = mdb_cursor_get(cursor, &key, &stored, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int
lmdb_append(struct kv *kv, MDB_txn *mdb, enum kv_table table, struct slice key,
    struct slice value)
{
	return put(
	    kv, mdb, table, key, value, entry_checksum(table, key, value), MDB_APPEND);
}
