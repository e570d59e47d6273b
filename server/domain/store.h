/*
 * store -- what a store's record says about the rules that hold in it, and the hook
 * of its kind.
 */

#ifndef DOMAIN_STORE_H
#define DOMAIN_STORE_H

#include "server/domain/record.h"
#include "server/kv/kv.h"

struct edit;

/* The record of STORE, valid as long as the bytes of TXN.  False: none, or TXN failed.
 */
bool store_get(struct kv_txn *txn, uint32_t store, struct record *record);

/* Does the store enable LANGUAGE?  One without a list enables all. */
bool store_has_language(struct kv_txn *txn, uint32_t store, struct slice language);

/* Must every update in the store name the revision that it means to change? */
bool store_wants_revision(struct kv_txn *txn, uint32_t store);

/* What was found out about the store holds no longer. */
void store_after(struct edit *edit);

/* How long an anonymisation waits before it starts. */
int64_t store_grace_ms(struct kv_txn *txn, uint32_t store);

#endif
