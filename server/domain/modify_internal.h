/*
 * modify_internal -- what changes of one record and of many share.
 */

#ifndef DOMAIN_MODIFY_INTERNAL_H
#define DOMAIN_MODIFY_INTERNAL_H

#include "server/domain/edit.h"
#include "server/domain/modify.h"

/* ---- judging, on the loop ---- */

/* How CALL's arguments were judged, when nothing else was in the way. */
enum status modify_verdict(const struct call *call);

/* Give CALL COUNT empty patches.  False: out of memory. */
bool modify_make_patches(struct call *call, unsigned count);

/* Fill PATCH from the arguments of one record. */
enum status modify_take_patch(
    struct call *call, struct patch *patch, const struct args *args, bool creating);

/* Is there nothing in ARGS that would change anything? */
bool modify_asks_nothing(const struct args *args);

/* Whether CALL may choose what only an import chooses, as far as ARGS do. */
enum status modify_check_import(struct call *call, const struct args *args);

/* ---- carrying out, on the writer ---- */

/* Judge the creation of one record, and write it if WRITE. */
enum status modify_create_one(struct edit *edit, struct call *call, struct kv_txn *txn,
    const struct patch *patch, bool write);

/* The same for an update. */
enum status modify_update_one(struct edit *edit, struct call *call, struct kv_txn *txn,
    const struct patch *patch, bool write);

/* Append what CALL wants to know about the record that EDIT has made. */
enum status modify_pack_result(const struct edit *edit, struct buf *buf);

#endif
