/*
 * cache -- values that were read under a snapshot, so that it finds them again sooner.
 *
 * To find a value in LMDB is a walk down its tree, over pages that no cache of the
 * processor holds, and a checksum over what is found.  A cache has copies of values
 * that passed it: bytes in a ring, the newest overwriting the oldest, and a table of
 * where they are.  So a value is two places in memory away.
 *
 * It never says what is no longer so.  A value that is kept has the number of the
 * newest view in which it was read.  In a later view it still holds, unless a batch in
 * between has changed its key; and the marks, which the writer sets before a batch can
 * be seen, say which batch was the newest to change a key of that hash.  They err on
 * one side only: two keys of one hash, or a batch that was taken back, cost a look into
 * the database.
 *
 * Threads.  A cache belongs to its snapshot's.  The marks are the writer's to set and
 * everybody's to read: who has a view by KV's mutex sees the marks of all its batches.
 *
 * Memory.  All of it is asked for at the beginning.  What cache_get() lends stays where
 * it is until the next cache_begin(): until then no room is made at its cost.
 */

#ifndef KV_CACHE_H
#define KV_CACHE_H

#include "server/kv/kv.h"

struct cache;

/* ---- marks ---- */

#define MARKS 131072u /* of 8 bytes; a power of two */

struct marks {
	uint64_t         seed; /* of the hashes; random, for keys come from clients */
	_Atomic uint64_t batch[MARKS];
};

/* For a database that begins with none of them; to be freed.  NULL: no memory. */
struct marks *marks_new(void);

uint64_t marks_hash(const struct marks *marks, enum kv_table table, struct slice key);

/* BATCH, which cannot be seen yet, changes a key of HASH. */
static inline void
marks_set(struct marks *marks, uint64_t hash, uint64_t batch)
{
	atomic_store_explicit(&marks->batch[hash % MARKS], batch, memory_order_relaxed);
}

/* The newest batch that changed a key of HASH, one that cannot be seen yet included. */
static inline uint64_t
marks_get(const struct marks *marks, uint64_t hash)
{
	return atomic_load_explicit(&marks->batch[hash % MARKS], memory_order_relaxed);
}

/* ---- a cache ---- */

/* One of BYTES_MAX, or NULL: no memory. */
struct cache *cache_new(size_t bytes_max, const struct marks *marks);
void          cache_free(struct cache *cache); /* or NULL */

/* Forget all values, and overwrite them. */
void cache_empty(struct cache *cache);

/* Show the view of batch SEQUENCE from now on; what was lent ends. */
void cache_begin(struct cache *cache, uint64_t sequence);

/* Find the value of KEY, whose HASH is marks_hash()'s, in the view. */
bool cache_get(struct cache *cache, uint64_t hash, enum kv_table table,
    struct slice key, struct slice *value);

/*
 * Begin to fetch from far away what is kept for HASH; where that is must come first, so
 * the next call goes on with it.
 */
void cache_fetch(struct cache *cache, uint64_t hash);

/* Keep what KEY has in the view; cache_get() has not found it. */
void cache_put(struct cache *cache, uint64_t hash, enum kv_table table,
    struct slice key, struct slice value);

struct kv_cached cache_count(const struct cache *cache);

#endif
