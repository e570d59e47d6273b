#include "server/domain/change_chain.h"
#include "proto/pack.h"
#include "server/domain/stored.h"

uint64_t
chain_newest(const struct change_chain *chain)
{
	struct slice record;
	uint64_t     newest;

	if (kind_get(
		chain->txn, chain->kind, chain->store, chain->id, &record, &newest))
		return newest;
	return change_of_gone(chain->txn, chain->store, chain->kind, chain->id);
}

/* Get the change SEQUENCE of whatever record. */
static bool
get(const struct change_chain *chain, uint64_t sequence, struct change *change)
{
	struct slice value;
	struct key   key;

	change_key(&key, chain->store, sequence);
	if (sequence == 0 || !kv_get(chain->txn, KV_CHANGE, key_slice(&key), &value))
		return false;
	if (change_decode(change, value) && (uint64_t)change->sequence == sequence)
		return true;
	chain->txn->status = STATUS_DAMAGED;
	return false;
}

static bool
is_of_record(const struct change_chain *chain, const struct change *change)
{
	return change->kind == chain->kind && (uint64_t)change->id == chain->id;
}

bool
chain_get(const struct change_chain *chain, uint64_t sequence, struct change *change)
{
	if (!get(chain, sequence, change))
		return false;
	/* What leads forward would lead in circles. */
	if (is_of_record(chain, change) && change->before < sequence)
		return true;
	chain->txn->status = STATUS_DAMAGED;
	return false;
}

/* What a walk has looked at. */
struct looked {
	unsigned count;
	size_t   bytes;
};

/* Add one of so many BYTES.  True when that is enough. */
static bool
is_enough(struct looked *looked, size_t bytes)
{
	looked->bytes += bytes;
	return ++looked->count == CHAIN_STEPS_MAX || looked->bytes >= CHAIN_BYTES_MAX;
}

bool
chain_behind(const struct change_chain *chain, uint64_t after,
    uint64_t sequences[CHAIN_STEPS_MAX], unsigned *count)
{
	struct looked looked = { 0 };
	struct change change;
	uint64_t      at = chain_newest(chain);

	*count = 0;
	while (at > after && chain_get(chain, at, &change)) {
		if (is_enough(&looked, change.bytes))
			return false;
		sequences[(*count)++] = at;
		at = change.before;
	}
	return true;
}

/* Look for it in the log itself. */
static bool
look_below(const struct change_chain *chain, uint64_t sequence, uint64_t *found,
    uint64_t *reached)
{
	struct looked  looked = { 0 };
	struct change  change;
	struct kv_scan scan;
	struct key     prefix, below;
	struct slice   key, value;
	bool           is_there = false, is_far = false;

	*reached = sequence;
	key_init(&prefix, chain->store);
	change_key(&below, chain->store, sequence);
	kv_scan_back(
	    &scan, chain->txn, KV_CHANGE, key_slice(&prefix), key_slice(&below));
	while (!is_there && !is_far && kv_scan_next(&scan, &key, &value)) {
		if (!change_decode(&change, value)) {
			chain->txn->status = STATUS_DAMAGED;
			break;
		}
		*reached = (uint64_t)change.sequence;
		is_there = is_of_record(chain, &change);
		is_far = is_enough(&looked, change.bytes);
	}
	kv_scan_end(&scan);
	*found = is_there ? *reached : 0;
	return is_there || !is_far;
}

bool
chain_below(const struct change_chain *chain, uint64_t sequence, uint64_t *found,
    uint64_t *reached)
{
	struct kv_txn *txn = chain->txn;
	struct looked  looked = { 0 };
	struct change  change;
	uint64_t       at;
	bool           is_far = false;

	/* As a rule it is where the page before has ended. */
	if (get(chain, sequence, &change) && is_of_record(chain, &change)) {
		*found = change.before;
		return true;
	}
	at = txn->status == STATUS_OK ? chain_newest(chain) : 0;
	while (at != 0 && at >= sequence && !is_far) {
		if (chain_get(chain, at, &change)) {
			at = change.before;
			is_far = is_enough(&looked, change.bytes);
		} else {
			at = 0;
		}
	}
	*found = at;
	if (txn->status == STATUS_OK && (at == 0 || at < sequence))
		return true;
	/* One that is damaged must not hide those before it. */
	if (txn->status == STATUS_DAMAGED)
		txn->status = STATUS_OK;
	return look_below(chain, sequence, found, reached);
}

/* Erase the values of the change SEQUENCE: the one before it, or 0. */
static uint64_t
erase_one(const struct change_chain *chain, uint64_t sequence, struct buf *scratch)
{
	struct kv_txn *txn = chain->txn;
	struct change  change;

	if (!chain_get(chain, sequence, &change)) {
		/* Behind a gap there would be values that nobody erases. */
		if (txn->status == STATUS_OK &&
		    sequence >= change_oldest(txn, chain->store))
			txn->status = STATUS_DAMAGED;
		return 0;
	}
	buf_clear(scratch, scratch->bytes_max);
	stored_pack(scratch, change.before);
	change_pack(&change, SLICE("\x80"), scratch);
	if (scratch->failed)
		txn->status = STATUS_NO_MEMORY;
	else
		change_put(txn, chain->store, &change, buf_slice(scratch));
	return change.before;
}

bool
chain_erase(const struct change_chain *chain, struct change_erasure *erasure,
    unsigned count_max, struct buf *scratch)
{
	for (unsigned i = 0; chain->txn->status == STATUS_OK; i++) {
		if (erasure->next <= erasure->done) {
			/* All down from TOP is; has anything come since? */
			if (erasure->done < erasure->top)
				erasure->done = erasure->top;
			erasure->top = erasure->next = chain_newest(chain);
			if (erasure->next <= erasure->done)
				return chain->txn->status == STATUS_OK;
		}
		if (i == count_max)
			break;
		erasure->next = erase_one(chain, erasure->next, scratch);
	}
	return false;
}
