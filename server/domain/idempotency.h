/*
 * idempotency -- the first answer again, for a request that is sent again.
 *
 * A write with an idempotency key leaves its answer in the same transaction as its
 * change, under the token and the key, and counts until it is dropped: that is after
 * IDEMPOTENCY_KEEP_MS, and never early because a clock has jumped.  The request is
 * known by a keyed hash of its method and arguments.  Only successes are kept: a
 * refusal has changed nothing, so there is nothing to protect.
 */

#ifndef DOMAIN_IDEMPOTENCY_H
#define DOMAIN_IDEMPOTENCY_H

#include "server/domain/call.h"

/*
 * Has CALL been answered before?  OK with the answer in CALL->result and *FOUND, or OK
 * without; IDEMPOTENCY_MISMATCH when the key came with another request.
 */
enum status idempotency_find(struct call *call, struct kv_txn *txn, bool *found);

/* Keep CALL->result as the answer.  A failure sticks in TXN. */
void idempotency_keep(struct call *call, struct kv_txn *txn);

/* Note that the answer to CALL holds the record of a customer, to be erased with it. */
void idempotency_note(struct call *call, uint64_t customer);

/* Drop answers that are over at NOW_MS, at most COUNT_MAX.  True when none is left. */
bool idempotency_trim(struct kv_txn *txn, int64_t now_ms, unsigned count_max);

/*
 * Empty the answers that hold the record of CUSTOMER, at most COUNT_MAX of them: they
 * say no more than that the request was carried out.  True when none is left.
 */
bool idempotency_erase(struct kv_txn *txn, uint32_t store, uint64_t customer,
    unsigned count_max, struct buf *scratch);

#endif
