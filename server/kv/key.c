#include <assert.h>
#include <endian.h>

#include "server/kv/key.h"

void
key_init_bare(struct key *key)
{
	key->len = 0;
	key->overflow = false;
}

void
key_init(struct key *key, uint32_t store)
{
	key_init_bare(key);
	key_u32(key, store);
}

void
key_bytes(struct key *key, struct slice bytes)
{
	if (key->overflow || bytes.len > sizeof(key->data) - key->len) {
		key->overflow = true;
		return;
	}
	if (bytes.len > 0)
		memcpy(key->data + key->len, bytes.data, bytes.len);
	key->len += bytes.len;
}

/* Append the lowest WIDTH bytes of VALUE, highest first. */
static void
put_number(struct key *key, uint64_t value, size_t width)
{
	uint64_t big = htobe64(value << 8 * (sizeof(value) - width));

	key_bytes(key, slice_of(&big, width));
}

void
key_u8(struct key *key, uint8_t value)
{
	put_number(key, value, sizeof(value));
}

void
key_u32(struct key *key, uint32_t value)
{
	put_number(key, value, sizeof(value));
}

void
key_u64(struct key *key, uint64_t value)
{
	put_number(key, value, sizeof(value));
}

void
key_text(struct key *key, struct slice text)
{
	assert(text.len == 0 || memchr(text.data, '\0', text.len) == NULL);
	key_bytes(key, text);
	key_u8(key, 0);
}

static inline uint64_t
number_at(const char *data, size_t width)
{
	uint64_t big = 0;

	memcpy((char *)&big + sizeof(big) - width, data, width);
	return be64toh(big);
}

bool
key_take_last_u64(struct slice *key, uint64_t *value)
{
	if (key->len < sizeof(*value))
		return false;
	key->len -= sizeof(*value);
	*value = number_at(key->data + key->len, sizeof(*value));
	return true;
}

/* Take the WIDTH bytes at the front. */
static inline bool
take_first(struct slice *key, size_t width, uint64_t *value)
{
	if (key->len < width)
		return false;
	*value = number_at(key->data, width);
	*key = slice_of(key->data + width, key->len - width);
	return true;
}

bool
key_take_u32(struct slice *key, uint32_t *value)
{
	uint64_t wide;

	if (!take_first(key, sizeof(*value), &wide))
		return false;
	*value = (uint32_t)wide;
	return true;
}

bool
key_take_u64(struct slice *key, uint64_t *value)
{
	return take_first(key, sizeof(*value), value);
}

unsigned
key_collect(struct kv_txn *txn, enum kv_table table, struct slice prefix,
    struct slice from, struct key *keys, unsigned count_max)
{
	struct kv_scan scan;
	struct slice   key, value;
	unsigned       count = 0;

	kv_scan_begin(&scan, txn, table, prefix, from);
	while (count < count_max && kv_scan_next(&scan, &key, &value)) {
		key_init_bare(&keys[count]);
		key_bytes(&keys[count++], key);
	}
	kv_scan_end(&scan);
	return count;
}
