/*
 * entry -- one change of one key, as it lies in the journal and in memory.
 *
 * The tree points at entries where the frame of their batch was built, or read: there
 * is one copy.  The checksum is the one that goes into the database with the value, and
 * is verified when that is read from there; what is in memory is not summed again.
 *
 * Threads.  An entry is written once, by whoever builds it.
 */

#ifndef KV_ENTRY_H
#define KV_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/slice.h"
#include "server/kv/table.h"

#define ENTRY_VALUE_BYTES_MAX ((size_t)1 << 30)

struct entry {
	uint64_t checksum;  /* of table, key and value */
	uint32_t value_len; /* 0 where only the key is deleted */
	uint16_t key_len;
	uint8_t  table;
	uint8_t  is_deleted;
	char     data[]; /* the key, then the value */
};
_Static_assert(offsetof(struct entry, data) == 16, "the format of the journal");

static inline struct slice
entry_key(const struct entry *entry)
{
	return slice_of(entry->data, entry->key_len);
}

static inline struct slice
entry_value(const struct entry *entry)
{
	return slice_of(entry->data + entry->key_len, entry->value_len);
}

/*
 * Where ENTRY is the deletion of all that begins with its key and is below this, which
 * begins with it, too: that; otherwise empty.
 */
static inline struct slice
entry_floor(const struct entry *entry)
{
	if (!entry->is_deleted || entry->value_len == 0)
		return slice_of(NULL, 0);
	return slice_of(entry->data, (size_t)entry->key_len + entry->value_len);
}

/* The bytes of an entry, with what fills up to the next one. */
static inline size_t
entry_size(size_t key_len, size_t value_len)
{
	return (offsetof(struct entry, data) + key_len + value_len + 7) / 8 * 8;
}

/* Over the table and the key too, so that a value in a wrong place is found out. */
uint64_t entry_checksum(enum kv_table table, struct slice key, struct slice value);

/* Write an entry to AT, of entry_size() bytes.  Of deletions a floor has a VALUE. */
void entry_make(void *at, enum kv_table table, struct slice key, struct slice value,
    bool is_deleted);

/* As the database orders keys: by bytes, the shorter of two like ones first. */
int key_compare(struct slice a, struct slice b);

#endif
