/*
 * modify -- the WRITE methods: create, update, delete, and many of them in one call.
 *
 * The check runs on the loop and leaves a patch for each record in the call; the
 * rest runs on the writer, through edit.
 */

#ifndef DOMAIN_MODIFY_H
#define DOMAIN_MODIFY_H

#include "server/domain/call.h"

enum status modify_check_create(struct call *call);
enum status modify_check_update(struct call *call);
enum status modify_check_create_many(struct call *call);
enum status modify_check_update_many(struct call *call);
enum status modify_check_delete(struct call *call);

/* Name to the database what a call that names one record by its id will look up. */
bool modify_fetch(struct call *call, struct kv_txn *txn);

enum status modify_create(struct call *call, struct kv_txn *txn);
enum status modify_update(struct call *call, struct kv_txn *txn);
enum status modify_create_many(struct call *call, struct kv_txn *txn);
enum status modify_update_many(struct call *call, struct kv_txn *txn);
enum status modify_delete(struct call *call, struct kv_txn *txn);

#endif
