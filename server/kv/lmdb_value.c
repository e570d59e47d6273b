#include <assert.h>
#include <xxhash.h>

#include "server/kv/lmdb_env.h"

#define CHECKSUM_BYTES 8u

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

MDB_val
lmdb_key(struct slice key)
{
	assert(key.len > 0 && key.len <= KV_KEY_BYTES_MAX);
	return (MDB_val){ key.len, (void *)(uintptr_t)key.data };
}

int
lmdb_verify(const struct kv *kv, enum kv_table table, struct slice key, MDB_val stored,
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
	MDB_val at = lmdb_key(key), stored;
	int     rc;

	if ((rc = mdb_get(mdb, kv->tables[table], &at, &stored)) != 0)
		return rc;
	return lmdb_verify(kv, table, key, stored, value);
}

int
lmdb_put(struct kv *kv, MDB_txn *mdb, enum kv_table table, struct slice key,
    struct slice value)
{
	uint64_t sum = checksum(kv, table, key, value);
	MDB_val  at = lmdb_key(key), stored = { CHECKSUM_BYTES + value.len, NULL };
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
