#include "server/kv/fetch.h"
#include "server/kv/kv_private.h"

/* Note KEY, unless there is no more room or it is too long. */
static void
note(struct ahead *ahead, enum kv_table table, struct slice key)
{
	struct seeker *seeker = &ahead->seekers[ahead->count];

	if (ahead->count == KV_AHEAD_MAX || key.len > AHEAD_KEY_BYTES_MAX)
		return;
	ahead->count++;
	memcpy(seeker->key, key.data, key.len);
	seeker->way.table = table;
	seeker->way.key = slice_of(seeker->key, key.len);
}

void
kv_fetch(struct kv_txn *txn, enum kv_table table, struct slice key)
{
	struct cache *cache = kv_base_of(txn)->cache;

	if (txn->batch != NULL)
		note(&kv_of(txn)->ahead, table, key);
	else if (cache != NULL && kv_table_is(table, KV_CACHED))
		cache_fetch(cache, marks_hash(kv_of(txn)->marks, table, key));
}

/* Let SEEKER begin under the next of ROOTS that has anything.  False: there is none. */
static bool
go_on(struct seeker *seeker, const struct tree_node *roots[GENERATIONS])
{
	while (seeker->generation < GENERATIONS)
		if (tree_way_begin(&seeker->way, roots[seeker->generation++]))
			return true;
	return false;
}

/* Go one step.  False: SEEKER has come to its end, and *FOUND is one more if to its
 * key.
 */
static bool
step(struct seeker *seeker, const struct tree_node *roots[GENERATIONS], unsigned *found)
{
	const struct entry *entry;

	if (tree_way_step(&seeker->way, &entry))
		return true;
	if (entry == NULL)
		return go_on(seeker, roots);
	fetch_bytes(entry, entry_size(entry->key_len, entry->value_len));
	++*found;
	return false;
}

unsigned
kv_fetch_all(struct kv_txn *txn)
{
	const struct tree_node *roots[GENERATIONS];
	struct ahead           *ahead = &kv_of(txn)->ahead;
	uint32_t                left = 0; /* a bit for each that goes on */
	unsigned                i, found = 0;

	_Static_assert(KV_AHEAD_MAX <= 32, "as many bits");
	kv_roots_of(txn, roots);
	for (i = 0; i < ahead->count; i++) {
		ahead->seekers[i].generation = 0;
		if (go_on(&ahead->seekers[i], roots))
			left |= 1u << i;
	}
	while (left != 0)
		for (i = 0; i < ahead->count; i++)
			if ((left >> i & 1) != 0 &&
			    !step(&ahead->seekers[i], roots, &found))
				left &= ~(1u << i);
	ahead->count = 0;
	return found;
}
