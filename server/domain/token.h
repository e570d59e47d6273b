/*
 * token -- who is behind a secret.
 *
 * The secret itself is never kept: the tables hold its hash under a key of this
 * database.  What is issued here is "cst_", 43 letters and digits for 256 random
 * bits, and a checksum of 6, so that a scanner finds a leaked one and a typing error
 * shows without a look-up.  Foreign secrets can be imported.
 *
 * A token that has expired is good for nothing and goes: a login makes two of them.
 */

#ifndef DOMAIN_TOKEN_H
#define DOMAIN_TOKEN_H

#include "server/domain/edit.h"

/*
 * On the loop: complete the arguments of token.create with a new secret, unless one
 * was given.
 */
enum status token_complete(struct call *call);

/* The hooks of the kind; see kind.h. */
enum status token_before(struct edit *edit);
void        token_after(struct edit *edit);
void        token_after_delete(struct edit *edit);

/*
 * Delete tokens that are over at CALL->now_ms, a bounded number of them.  *MORE when
 * some may be left.  CALL is the server's own.
 */
enum status token_expire(struct call *call, struct kv_txn *txn, bool *more);

#endif
