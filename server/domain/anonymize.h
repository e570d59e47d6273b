/*
 * anonymize -- a customer asks to be forgotten.
 *
 *   (none, cancelled, failed) --request--> requested --grace over--> started
 *   requested --cancel--> cancelled                 started --erased--> completed
 *
 * A request waits for the grace period of its store and can be cancelled until then.
 * From the start on the record is locked.  Then, in bounded steps: the values leave
 * the change feed and the idempotency answers, and at last the personal fields, the
 * password and the email leave the record.
 *
 * Requests carry their requester, the user behind the token.
 */

#ifndef DOMAIN_ANONYMIZE_H
#define DOMAIN_ANONYMIZE_H

#include "server/domain/edit.h"

/* Is the record locked, and does the patch ask for a step of the life above? */
enum status anonymize_before(struct edit *edit);

/* Keep the list of what is due up to date with the record. */
void anonymize_after(struct edit *edit);

/* Is this the key of an email that takes the place of an erased one? */
bool anonymize_owns_email(struct slice key);

/*
 * Carry on with what is due at CALL->now_ms, a bounded piece.  *MORE when something is
 * left.  CALL is the server's own; its identity's store is set as needed.
 */
enum status anonymize_step(struct call *call, struct kv_txn *txn, bool *more);

#endif
