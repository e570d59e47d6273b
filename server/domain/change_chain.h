/*
 * change_chain -- the changes of one record, from the newest to the oldest that is
 * kept.
 *
 * Each names the one before (stored.h), and the record names its last one.  No index:
 * that would be written with every change, to be read when somebody asks for the
 * history of one record.
 */

#ifndef DOMAIN_CHANGE_CHAIN_H
#define DOMAIN_CHANGE_CHAIN_H

#include "server/domain/change.h"

/* So many changes are looked at on the way to those that are wanted, … */
#define CHAIN_STEPS_MAX 1024u
/* … or so many bytes of them. */
#define CHAIN_BYTES_MAX ((size_t)4 << 20)

/* Whose changes. */
struct change_chain {
	struct kv_txn     *txn;
	uint32_t           store; /* whose log */
	const struct kind *kind;
	uint64_t           id;
};

/* Those of the record ID of KIND. */
static inline struct change_chain
chain_of(struct kv_txn *txn, uint32_t store, const struct kind *kind, uint64_t id)
{
	return (struct change_chain){
		.txn = txn,
		.store = store,
		.kind = kind,
		.id = id,
	};
}

/* The number of its newest change, be it gone or not; 0: it never had one. */
uint64_t chain_newest(const struct change_chain *chain);

/*
 * Get the change SEQUENCE of the record.  False when it is no longer kept, SEQUENCE is
 * 0, or TXN has failed: with DAMAGED, when it is another record's.
 */
bool chain_get(
    const struct change_chain *chain, uint64_t sequence, struct change *change);

/*
 * The numbers of all that are behind AFTER, the newest first.  False when they are more
 * than may be looked at.
 */
bool chain_behind(const struct change_chain *chain, uint64_t after,
    uint64_t sequences[CHAIN_STEPS_MAX], unsigned *count);

/*
 * The number of the newest below SEQUENCE, which need not be one of the record's; 0:
 * none is kept.  False when more would have to be looked at: then it is below *REACHED,
 * which is less than SEQUENCE.
 */
bool chain_below(const struct change_chain *chain, uint64_t sequence, uint64_t *found,
    uint64_t *reached);

/* How far the values of a record's changes have been erased; all 0 at first. */
struct change_erasure {
	uint64_t done; /* up to this one */
	uint64_t top;  /* from this one down, … */
	uint64_t next; /* … until this one, which is next */
};

/*
 * Remove the values from the changes of the record, at most COUNT_MAX in this call.
 * True when none is left, be it of those that came meanwhile.
 */
bool chain_erase(const struct change_chain *chain, struct change_erasure *erasure,
    unsigned count_max, struct buf *scratch);

#endif
