/*
 * index -- the entries by which records are found: one walk over the shape.
 *
 * A field with the flag UNIQUE has an entry in the kind's unique table; one with
 * INDEXED has an entry for its value, or for each item of its list, in the index
 * table.  FOLDED values are compared without regard to case.
 */

#ifndef DOMAIN_INDEX_H
#define DOMAIN_INDEX_H

#include "server/domain/edit.h"

/*
 * Note a violation (TAKEN) for each unique field that EDIT changes to a value which
 * another record has.
 */
void index_check(struct edit *edit);

/* Bring the entries from what EDIT->old needs to what EDIT->new needs. */
void index_update(struct edit *edit);

/*
 * Append to KEY how VALUE of FIELD stands in an index: the field's name, then the
 * value.  False when the value has no form that fits a key: nobody can have it; or
 * when memory ran out, which then shows in SCRATCH.
 */
bool index_key(struct key *key, const struct field *field, struct slice value,
    struct buf *scratch);

/*
 * The id of the record of KIND whose unique FIELD is VALUE (packed), or 0; TXN fails
 * when memory runs out.
 */
uint64_t index_find(struct kv_txn *txn, const struct kind *kind, uint32_t store,
    const struct field *field, struct slice value, struct buf *scratch);

/*
 * Call EACH with every index key (of the unique table, or else of the index table)
 * that the fields at PLACES of RECORD, of the given store and id, must have.  False
 * when memory ran out before the last of them.
 */
typedef void index_each_fn(
    void *context, bool unique, const struct key *key, uint64_t id);
bool index_walk(const struct kind *kind, uint32_t store, uint64_t id,
    const struct record *record, uint64_t places, struct buf *scratch,
    index_each_fn *each, void *context);

#endif
