/*
 * query -- the READ methods of one record: get, find, verify a password.
 *
 * The stored record is the answer: its bytes are copied from the snapshot into the
 * result, unless the token may not see private fields.
 */

#ifndef DOMAIN_QUERY_H
#define DOMAIN_QUERY_H

#include "server/domain/kind.h"

/* Judge the arguments, on the loop. */
enum status query_check_get(struct call *call);
enum status query_check_find(struct call *call);
enum status query_check_verify(struct call *call);

/* Answer from TXN. */
enum status query_get(struct call *call, struct kv_txn *txn);
enum status query_find(struct call *call, struct kv_txn *txn);
enum status query_verify(struct call *call, struct kv_txn *txn);
enum status query_verify_finish(struct call *call);

/*
 * Let the database fetch the record that a get names by its id.  False: it names it
 * in another way.
 */
bool query_fetch(struct call *call, struct kv_txn *txn);

/* Get the record ID; a store that is not the token's does not exist for it. */
enum status query_load(struct call *call, const struct kind *kind, struct kv_txn *txn,
    uint64_t id, struct slice *value);

/* Append the record BYTES as CALL may see it. */
enum status query_pack(const struct call *call, const struct kind *kind,
    struct slice bytes, struct buf *buf);

#endif
