#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <xxhash.h>

#include "server/kv/cache.h"
#include "server/kv/fetch.h"

#define UNIT 64u /* items begin with a line of the processor's caches */
#define LINE_SLOTS 8u
#define BYTES_PER_SLOT 256u /* so lines are half full where items are twice that */
#define FETCHED_BYTES 768u  /* of an item, ahead of time: most records, whole */
#define HUGE_PAGE_BYTES ((size_t)2 << 20)

/* A value in the ring, or, with an empty key, bytes left over at its end. */
struct item {
	uint64_t hash;
	uint64_t sequence; /* of the newest view in which it was found to hold */
	uint32_t view;     /* the last one that was lent it; see struct cache */
	uint32_t units;    /* its size */
	uint32_t value_len;
	uint16_t key_len;
	uint8_t  table;
	char     data[]; /* the key, then the value */
};

/* Where an item is: its unit in the ring plus one, or 0: nothing. */
struct slot {
	uint32_t tag; /* the upper half of its hash */
	uint32_t unit;
};

/* All slots where an item of some hash may be. */
struct line {
	_Alignas(UNIT) struct slot slots[LINE_SLOTS];
};

struct cache {
	const struct marks *marks;
	struct line        *lines; /* line_count of them; the ring begins behind */
	size_t              line_count;
	char               *ring;
	size_t              ring_bytes;
	size_t              mapped_bytes; /* of both */
	uint64_t            head, tail;   /* bytes ever taken of it, and given back */
	uint64_t            sequence;     /* of the view */
	uint32_t            view; /* its own number: one view follows another of the
				     same sequence */
	uint64_t         fetched; /* the hash whose line is on the way */
	struct kv_cached count;
};

struct marks *
marks_new(void)
{
	struct marks *marks = calloc(1, sizeof(*marks));

	if (marks != NULL &&
	    getrandom(&marks->seed, sizeof(marks->seed), 0) != sizeof(marks->seed)) {
		free(marks);
		return NULL;
	}
	return marks;
}

uint64_t
marks_hash(const struct marks *marks, enum kv_table table, struct slice key)
{
	return XXH3_64bits_withSeed(key.data, key.len, marks->seed + table);
}

/* ---- memory ---- */

/* The largest power of two that is not above NUMBER. */
static size_t
power_below(size_t number)
{
	size_t power = 1;

	while (power <= number / 2)
		power *= 2;
	return power;
}

struct cache *
cache_new(size_t bytes_max, const struct marks *marks)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	size_t        lines = power_below(bytes_max / BYTES_PER_SLOT / LINE_SLOTS);
	void         *memory;

	assert(bytes_max >= KV_CACHE_BYTES_MIN);
	if (cache == NULL)
		return NULL;
	cache->marks = marks;
	cache->line_count = lines;
	cache->mapped_bytes = bytes_max / UNIT * UNIT;
	memory = mmap(NULL, cache->mapped_bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		free(cache);
		return NULL;
	}
	/* Else every second look is for the page's address first; it may be refused. */
	if (bytes_max >= 2 * HUGE_PAGE_BYTES)
		madvise(memory, cache->mapped_bytes, MADV_HUGEPAGE);
	cache->lines = memory;
	cache->ring = (char *)memory + lines * sizeof(struct line);
	cache->ring_bytes = cache->mapped_bytes - lines * sizeof(struct line);
	return cache;
}

void
cache_free(struct cache *cache)
{
	if (cache == NULL)
		return;
	munmap(cache->lines, cache->mapped_bytes);
	free(cache);
}

void
cache_empty(struct cache *cache)
{
	/* Pages that are locked in memory are not given away. */
	if (madvise(cache->lines, cache->mapped_bytes, MADV_DONTNEED) != 0)
		memset(cache->lines, 0, cache->mapped_bytes);
	cache->head = cache->tail = 0;
	cache->count.bytes = 0;
}

void
cache_begin(struct cache *cache, uint64_t sequence)
{
	assert(sequence >= cache->sequence);
	cache->sequence = sequence;
	cache->view++;
}

/* ---- items and their slots ---- */

static struct line *
line_of(const struct cache *cache, uint64_t hash)
{
	return &cache->lines[hash & (cache->line_count - 1)];
}

static struct item *
item_at(const struct cache *cache, uint32_t unit)
{
	return (struct item *)(void *)(cache->ring + (size_t)(unit - 1) * UNIT);
}

static uint32_t
unit_of(const struct cache *cache, const struct item *item)
{
	return (uint32_t)((size_t)((const char *)item - cache->ring) / UNIT) + 1;
}

/* How many bytes of the ring are older than ITEM. */
static size_t
bytes_before(const struct cache *cache, const struct item *item)
{
	size_t at = (size_t)((const char *)item - cache->ring);
	size_t tail = cache->tail % cache->ring_bytes;

	return at >= tail ? at - tail : at + cache->ring_bytes - tail;
}

static bool
is_of(const struct item *item, enum kv_table table, struct slice key)
{
	return item->table == table &&
	       slice_equal(slice_of(item->data, item->key_len), key);
}

/* The slot of KEY, or NULL. */
static struct slot *
find(const struct cache *cache, uint64_t hash, enum kv_table table, struct slice key)
{
	struct line *line = line_of(cache, hash);
	uint32_t     tag = (uint32_t)(hash >> 32);

	for (unsigned i = 0; i < LINE_SLOTS; i++) {
		struct slot *slot = &line->slots[i];

		if (slot->tag == tag && slot->unit != 0 &&
		    is_of(item_at(cache, slot->unit), table, key))
			return slot;
	}
	return NULL;
}

/* Where the item of HASH is, perhaps: two hashes may have one tag. */
static const char *
guess(const struct cache *cache, uint64_t hash)
{
	const struct line *line = line_of(cache, hash);
	uint32_t           tag = (uint32_t)(hash >> 32);

	for (unsigned i = 0; i < LINE_SLOTS; i++)
		if (line->slots[i].tag == tag && line->slots[i].unit != 0)
			return (const char *)item_at(cache, line->slots[i].unit);
	return NULL;
}

/* The line that was fetched last should be near by now: go on with the item. */
static void
fetch_item(struct cache *cache)
{
	const char *item = guess(cache, cache->fetched);

	if (item != NULL)
		fetch_bytes(item, FETCHED_BYTES);
	cache->fetched = 0;
}

void
cache_fetch(struct cache *cache, uint64_t hash)
{
	fetch(line_of(cache, hash));
	fetch_item(cache);
	cache->fetched = hash;
}

/* A slot for an item of HASH: an empty one, or that of the oldest item. */
static struct slot *
choose(const struct cache *cache, uint64_t hash)
{
	struct line *line = line_of(cache, hash);
	struct slot *oldest = NULL;
	size_t       before = SIZE_MAX;

	for (unsigned i = 0; i < LINE_SLOTS; i++) {
		struct slot *slot = &line->slots[i];
		size_t       bytes;

		if (slot->unit == 0)
			return slot;
		bytes = bytes_before(cache, item_at(cache, slot->unit));
		if (bytes < before) {
			before = bytes;
			oldest = slot;
		}
	}
	return oldest;
}

/* ---- the ring ---- */

/* Empty the slot of ITEM, if it still has one. */
static void
forget(struct cache *cache, const struct item *item)
{
	struct line *line = line_of(cache, item->hash);
	uint32_t     unit = unit_of(cache, item);

	for (unsigned i = 0; i < LINE_SLOTS; i++)
		if (line->slots[i].unit == unit)
			line->slots[i].unit = 0;
}

/* Have BYTES free, at the cost of the oldest items, but of none that is lent. */
static bool
make_room(struct cache *cache, size_t bytes)
{
	while (cache->ring_bytes - (cache->head - cache->tail) < bytes) {
		size_t       at = cache->tail % cache->ring_bytes;
		struct item *item = (struct item *)(void *)(cache->ring + at);

		if (item->view == cache->view)
			return false;
		forget(cache, item);
		cache->tail += (uint64_t)item->units * UNIT;
	}
	return true;
}

/* An item of BYTES, which only has its size, or NULL. */
static struct item *
take(struct cache *cache, size_t bytes)
{
	size_t       at = cache->head % cache->ring_bytes;
	struct item *item = (struct item *)(void *)(cache->ring + at);

	if (!make_room(cache, bytes))
		return NULL;
	*item = (struct item){ .units = (uint32_t)(bytes / UNIT) };
	cache->head += bytes;
	cache->count.bytes = cache->head - cache->tail;
	return item;
}

/* The same, in one piece: what is left at the end of the ring is passed over. */
static struct item *
take_whole(struct cache *cache, size_t bytes)
{
	size_t left = cache->ring_bytes - cache->head % cache->ring_bytes;

	if (bytes > cache->ring_bytes / 8)
		return NULL;
	if (left < bytes && take(cache, left) == NULL)
		return NULL;
	return take(cache, bytes);
}

/* An item that says so of the view, or NULL: there is no room for it. */
static struct item *
item_new(struct cache *cache, uint64_t hash, enum kv_table table, struct slice key,
    struct slice value)
{
	size_t       bytes = offsetof(struct item, data) + key.len + value.len;
	struct item *item = take_whole(cache, (bytes + UNIT - 1) / UNIT * UNIT);

	if (item == NULL)
		return NULL;
	item->hash = hash;
	item->sequence = cache->sequence;
	item->value_len = (uint32_t)value.len;
	item->key_len = (uint16_t)key.len;
	item->table = (uint8_t)table;
	memcpy(item->data, key.data, key.len);
	if (value.len > 0)
		memcpy(item->data + key.len, value.data, value.len);
	return item;
}

void
cache_put(struct cache *cache, uint64_t hash, enum kv_table table, struct slice key,
    struct slice value)
{
	struct item *item = item_new(cache, hash, table, key, value);

	if (item != NULL)
		*choose(cache, hash) =
		    (struct slot){ (uint32_t)(hash >> 32), unit_of(cache, item) };
}

/* Whether ITEM is about to be overwritten. */
static bool
is_old(const struct cache *cache, const struct item *item)
{
	return cache->head - cache->tail > cache->ring_bytes / 8 * 7 &&
	       bytes_before(cache, item) < cache->ring_bytes / 8;
}

/* Whether what ITEM says is so in the view. */
static bool
holds(const struct cache *cache, const struct item *item)
{
	return item->sequence == cache->sequence ||
	       marks_get(cache->marks, item->hash) <= item->sequence;
}

bool
cache_get(struct cache *cache, uint64_t hash, enum kv_table table, struct slice key,
    struct slice *value)
{
	struct slot *slot;
	struct item *item;

	if (hash == cache->fetched)
		fetch_item(cache); /* its lines all at once, not one after the other */
	slot = find(cache, hash, table, key);
	cache->count.misses += slot == NULL;
	if (slot == NULL)
		return false;
	item = item_at(cache, slot->unit);
	if (!holds(cache, item)) {
		slot->unit = 0;
		cache->count.misses++;
		return false;
	}
	cache->count.hits++;
	item->sequence = cache->sequence;
	item->view = cache->view;
	*value = slice_of(item->data + item->key_len, item->value_len);
	/* What is in demand goes on; the old item is lent now, so it stays for a while.
	 */
	if (is_old(cache, item) &&
	    (item = item_new(cache, hash, table, key, *value)) != NULL)
		slot->unit = unit_of(cache, item);
	return true;
}

struct kv_cached
cache_count(const struct cache *cache)
{
	return cache->count;
}
