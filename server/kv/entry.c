#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include <xxhash.h>

#include "server/kv/entry.h"

/* What the name of TABLE contributes. */
static uint64_t
table_checksum(enum kv_table table)
{
	static _Atomic uint64_t sums[KV_TABLE_COUNT]; /* 0: not known yet */
	const char             *name = kv_table_name(table);
	uint64_t sum = atomic_load_explicit(&sums[table], memory_order_relaxed);

	if (sum == 0) {
		sum = XXH3_64bits(name, strlen(name));
		atomic_store_explicit(&sums[table], sum, memory_order_relaxed);
	}
	return sum;
}

uint64_t
entry_checksum(enum kv_table table, struct slice key, struct slice value)
{
	uint64_t seed = XXH3_64bits_withSeed(key.data, key.len, table_checksum(table));

	return XXH3_64bits_withSeed(value.data, value.len, seed);
}

void
entry_make(void *at, enum kv_table table, struct slice key, struct slice value,
    bool is_deleted)
{
	struct entry *entry = at;
	size_t        size = entry_size(key.len, value.len);
	char         *end;

	assert(key.len > 0 && key.len <= UINT16_MAX);
	assert(value.len <= ENTRY_VALUE_BYTES_MAX);
	assert(!is_deleted || value.len == 0 || kv_table_is(table, KV_TRIMMED));
	entry->checksum = entry_checksum(table, key, value);
	entry->value_len = (uint32_t)value.len;
	entry->key_len = (uint16_t)key.len;
	entry->table = (uint8_t)table;
	entry->is_deleted = is_deleted;
	memcpy(entry->data, key.data, key.len);
	if (value.len > 0)
		memcpy(entry->data + key.len, value.data, value.len);
	end = entry->data + key.len + value.len;
	memset(end, 0, (size_t)((char *)at + size - end));
}

int
key_compare(struct slice a, struct slice b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int    order = common == 0 ? 0 : memcmp(a.data, b.data, common);

	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}
