#include <stdlib.h>

#include "server/domain/change_about.h"

#define MOVED_PER_UPGRADE 1024u

/* The keys of the entries about a record that are in one era with SEQUENCE. */
static void
about_prefix(struct key *key, uint32_t store, const struct kind *kind, uint64_t id,
    uint64_t sequence)
{
	key_init(key, store);
	key_u64(key, sequence >> CHANGE_ERA_BITS);
	key_text(key, kind_noun(kind));
	key_u64(key, id);
}

void
change_about_key(struct key *key, uint32_t store, const struct kind *kind, uint64_t id,
    uint64_t sequence)
{
	about_prefix(key, store, kind, id, sequence);
	key_u64(key, sequence);
}

/* ---- a walk ---- */

/* Begin with the next era, if there is one. */
static bool
enter_era(struct change_walk *walk)
{
	bool is_over = walk->backwards ? walk->at <= walk->end : walk->at > walk->end;
	uint64_t member = walk->backwards ? walk->at - 1 : walk->at;

	if (is_over || walk->eras == CHANGE_ERAS_MAX || walk->txn->status != STATUS_OK)
		return false;
	about_prefix(&walk->prefix, walk->store, walk->kind, walk->id, member);
	walk->from = walk->prefix;
	key_u64(&walk->from, walk->at);
	(walk->backwards ? kv_scan_back : kv_scan_begin)(&walk->scan, walk->txn,
	    KV_CHANGE_ABOUT, key_slice(&walk->prefix), key_slice(&walk->from));
	walk->eras++;
	walk->in_era = true;
	walk->at = ((member >> CHANGE_ERA_BITS) + !walk->backwards) << CHANGE_ERA_BITS;
	return true;
}

bool
change_walk_next(struct change_walk *walk, uint64_t *sequence)
{
	struct slice key, value;

	while (walk->in_era || enter_era(walk)) {
		if (kv_scan_next(&walk->scan, &key, &value) &&
		    key_take_last_u64(&key, sequence))
			return true;
		change_walk_end(walk);
	}
	return false;
}

void
change_walk_end(struct change_walk *walk)
{
	if (walk->in_era)
		kv_scan_end(&walk->scan);
	walk->in_era = false;
}

/* ---- what an older server has left ---- */

void
change_about_key_before(struct key *key, const struct key *about)
{
	struct slice rest = key_slice(about);
	uint32_t     store = 0;
	uint64_t     era;

	key_take_u32(&rest, &store);
	key_take_u64(&rest, &era);
	key_init(key, store);
	key_bytes(key, rest);
}

bool
change_about_upgrade(struct kv_txn *txn, struct key *place)
{
	struct key *keys = malloc(MOVED_PER_UPGRADE * sizeof(*keys)), about;
	unsigned    count;

	if (keys == NULL) {
		txn->status = STATUS_NO_MEMORY;
		return false;
	}
	txn->reserve = true; /* as much is removed as is put */
	count = key_collect(txn, KV_CHANGE_RECORD, SLICE(""), key_slice(place), keys,
	    MOVED_PER_UPGRADE);
	for (unsigned i = 0; i < count; i++) {
		struct slice rest = key_slice(&keys[i]), back = rest;
		uint32_t     store;
		uint64_t     sequence;

		kv_del(txn, KV_CHANGE_RECORD, rest);
		if (!key_take_u32(&rest, &store) ||
		    !key_take_last_u64(&back, &sequence))
			continue; /* none that we made */
		key_init(&about, store);
		key_u64(&about, sequence >> CHANGE_ERA_BITS);
		key_bytes(&about, rest);
		kv_put(txn, KV_CHANGE_ABOUT, key_slice(&about), SLICE(""));
	}
	if (count > 0)
		*place = keys[count - 1];
	free(keys);
	return count < MOVED_PER_UPGRADE;
}
