/*
 * change -- the ordered log of all changes of a store, which is also its audit trail.
 *
 * Written in the transaction of the change itself.  An entry is a packed map:
 * seq, time, kind, op, id, uid, revision, token (who; nil: an operator, or the server
 * itself), fields (names of what changed) and set (the new values, cleared ones as
 * nil; without secrets).  In front of it stands which change of the same record came
 * before (stored.h): change_chain.h follows that.
 *
 * Each store counts its own changes, from 1 on and without gaps, so that stores do
 * not show to each other and that a reader can tell what is missing: only the oldest
 * ever go.  The log of store 0 has the stores and the tokens.
 *
 * Old entries leave by age, number and bytes; the values of an anonymised customer
 * leave at once, the names of the fields stay.  Reading is in feed.h.
 */

#ifndef DOMAIN_CHANGE_H
#define DOMAIN_CHANGE_H

#include "server/domain/edit.h"

/* More than any entry takes: a whole record, the names of its fields, and the rest. */
#define CHANGE_BYTES_MAX (RECORD_BYTES_MAX + 4096u)

/*
 * Append what EDIT changed: the number of the change, with which the record is to be
 * stored.  That of one which goes is kept until this change leaves the log.
 */
uint64_t change_append(struct edit *edit);

/* Where an entry is. */
void change_key(struct key *key, uint32_t store, uint64_t sequence);

/* The last change of the record ID, which is gone; 0: none is known, or it is there. */
uint64_t change_of_gone(
    struct kv_txn *txn, uint32_t store, const struct kind *kind, uint64_t id);

/* Keep that number for a record that is gone; 0: forget it. */
void change_of_gone_set(struct kv_txn *txn, uint32_t store, const struct kind *kind,
    uint64_t id, uint64_t sequence);

/* What is kept about the log of a store, beside its entries. */
struct change_log {
	uint64_t last;      /* the newest sequence number; 0: nothing ever changed */
	uint64_t bytes;     /* of all entries behind UNCOUNTED, as they are stored */
	uint64_t uncounted; /* up to this one nobody counted the bytes yet */
};

void change_log_get(struct kv_txn *txn, uint32_t store, struct change_log *log);

/* Is that what lies in KV_COUNTER under KEY?  Then *STORE is whose. */
bool change_is_log(struct slice key, uint32_t *store);

/* The newest sequence number of the store; 0 when nothing ever changed in it. */
uint64_t change_last(struct kv_txn *txn, uint32_t store);

/* The oldest that is kept; that of the next change when none is. */
uint64_t change_oldest(struct kv_txn *txn, uint32_t store);

/* What the server itself must know of an entry. */
struct change {
	int64_t            sequence;
	int64_t            time;
	const struct kind *kind;
	int64_t            id;
	int64_t            token; /* 0: nil */
	int64_t            revision;
	bool               is_deletion;
	size_t             bytes;  /* as it is stored */
	uint64_t           before; /* of the same record; 0: none is known */
	struct slice       entry;  /* the packed map, as readers get it */
	struct slice       set;    /* packed */
};

/* Take VALUE apart, which is stored.  False when it is no change. */
bool change_decode(struct change *change, struct slice value);

/* Append the entry of CHANGE with the packed map SET in place of its own. */
void change_pack(const struct change *change, struct slice set, struct buf *buf);

/* Store VALUE in place of CHANGE, of which only the numbers hold then. */
void change_put(struct kv_txn *txn, uint32_t store, const struct change *change,
    struct slice value);

/* What the log of a store keeps; an entry leaves that is beyond any of these. */
struct change_keep {
	int64_t  from_ms; /* nothing older */
	uint64_t max;     /* so many */
	uint64_t bytes;   /* so many altogether; at least CHANGE_BYTES_MAX */
};

/*
 * Drop the oldest entries that KEEP does not cover; at most COUNT_MAX of them.  Goes
 * round the stores, some in each call: *STORE, 0 at first, is where the next call goes
 * on.  False when that should be soon.
 */
bool change_trim(struct kv_txn *txn, uint32_t *store, const struct change_keep *keep,
    unsigned count_max);

#endif
