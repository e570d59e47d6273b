/*
 * list -- the READ method list: many records, page by page.
 *
 * A list walks all records of a store, the entries of one value in an index, or ids
 * that are given, upwards or downwards, and answers those that its filter wants.
 */

#ifndef DOMAIN_LIST_H
#define DOMAIN_LIST_H

#include "server/domain/kind.h"

/* Judge the arguments, on the loop. */
enum status list_check(struct call *call);

/* Answer from TXN. */
enum status list_run(struct call *call, struct kv_txn *txn);

#endif
