/*
 * key -- build and take apart the keys of the tables.
 *
 * Numbers are big-endian, so that the order of the bytes is the order of the
 * numbers.  A text in the middle of a key ends with a zero byte, which no text in
 * the database contains; so no key is a prefix of another's text.
 *
 * Memory.  A key lies in its struct, on the caller's stack.
 */

#ifndef KV_KEY_H
#define KV_KEY_H

#include <assert.h>
#include <stdint.h>

#include "server/kv/kv.h"

struct key {
	size_t len;
	bool   overflow; /* something did not fit; key_slice() asserts that all did */
	char   data[KV_KEY_BYTES_MAX];
};

/* Begin with the store, a u32.  Store 0 is the server itself. */
void key_init(struct key *key, uint32_t store);

/* Begin with nothing. */
void key_init_bare(struct key *key);

void key_u8(struct key *key, uint8_t value);
void key_u32(struct key *key, uint32_t value);
void key_u64(struct key *key, uint64_t value);
void key_text(struct key *key, struct slice text);   /* and its zero byte */
void key_bytes(struct key *key, struct slice bytes); /* as they are */

static inline struct slice
key_slice(const struct key *key)
{
	assert(!key->overflow);
	return slice_of(key->data, key->len);
}

/* Take the number of that width off the end of KEY; false if it is too short. */
bool key_take_last_u64(struct slice *key, uint64_t *value);
/* Take the number of that width off the front. */
bool key_take_u32(struct slice *key, uint32_t *value);
bool key_take_u64(struct slice *key, uint64_t *value);

/*
 * Copy the first keys of TABLE below PREFIX that are not below FROM (empty: from the
 * first one on) to KEYS, at most COUNT_MAX; how many there were.  What a walk has found
 * can then be changed.
 */
unsigned key_collect(struct kv_txn *txn, enum kv_table table, struct slice prefix,
    struct slice from, struct key *keys, unsigned count_max);

#endif
