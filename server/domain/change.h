/*
 * change -- the ordered log of all changes, which is also the audit trail.
 *
 * Written in the transaction of the change itself.  An entry is a packed map:
 * seq, time, kind, op, id, uid, revision, token (who), fields (names of what
 * changed) and set (the new values, cleared ones as nil; without secrets).  The
 * store is in the key of the index, and in the entry for those who read them all.
 *
 * Old entries leave by age and number; the values of an anonymised customer
 * leave at once, the names of the fields stay.
 */

#ifndef DOMAIN_CHANGE_H
#define DOMAIN_CHANGE_H

#include "server/domain/edit.h"

/* Append what EDIT changed. */
void change_append(struct edit *edit);

/*
 * Remove the values from the entries about one customer, from the one behind
 * *SEQUENCE on, at most COUNT_MAX of them; *SEQUENCE becomes the last one done.
 * True when none is left.
 */
bool change_erase(struct kv_txn *txn, uint32_t store, uint64_t id, uint64_t *sequence,
    unsigned count_max, struct buf *scratch);

/*
 * Drop entries that are older than BEFORE_MS, and those beyond the newest KEEP_MAX;
 * at most COUNT_MAX of them.  True when none is left to drop.
 */
bool change_trim(
    struct kv_txn *txn, int64_t before_ms, uint64_t keep_max, unsigned count_max);

#endif
