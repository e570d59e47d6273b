/*
 * kind -- the kinds of records, and where each lies in the database.
 *
 * One row for each kind says which tables hold its records and indexes and what
 * must happen around a change.  Everything that is alike for customers, groups,
 * tags, stores and tokens is written once, over these rows.
 */

#ifndef DOMAIN_KIND_H
#define DOMAIN_KIND_H

#include "proto/field.h"
#include "server/domain/call.h"
#include "server/kv/key.h"
#include "server/kv/kv.h"

struct edit;

#define NO_TABLE KV_TABLE_COUNT

struct kind {
	enum kv_table records;   /* store, id -> record */
	enum kv_table unique;    /* store, field, value -> id */
	enum kv_table index;     /* store, field, value, id -> nothing, or NO_TABLE */
	bool          of_server; /* lies under store 0, whoever asks */

	/*
	 * BEFORE completes and judges what EDIT would store: it may change EDIT->new
	 * and note violations, or return a refusal.  Nothing may be written in it.
	 */
	enum status (*before)(struct edit *edit);
	/* AFTER writes what hangs on the record; the record is written already. */
	void (*after)(struct edit *edit);
	/* The same around a deletion; EDIT->old is what goes. */
	enum status (*before_delete)(struct edit *edit);
	void (*after_delete)(struct edit *edit);
};

const struct kind  *kind_of(enum record_kind number);
enum record_kind    kind_number(const struct kind *kind);
const struct shape *kind_shape(const struct kind *kind);

static inline struct slice
kind_noun(const struct kind *kind)
{
	return slice_text(kind_shape(kind)->name);
}

/* The kind that NOUN names, or NULL. */
const struct kind *kind_named(struct slice noun);

/* The store under which CALL finds records of KIND. */
uint32_t kind_store(const struct kind *kind, const struct call *call);

/* The key of a record in KIND->records. */
void kind_record_key(struct key *key, uint32_t store, uint64_t id);

/*
 * Get the record ID, a packed map, and at *CHANGE, unless that is NULL, the number of
 * its last change.  False when it is not there, or TXN has failed.
 */
bool kind_get(struct kv_txn *txn, const struct kind *kind, uint32_t store, uint64_t id,
    struct slice *record, uint64_t *change);

/* Is it there?  As kind_get(). */
bool kind_has(struct kv_txn *txn, const struct kind *kind, uint32_t store, uint64_t id);

/* How many records of KIND the store has, and the highest id it ever gave. */
struct kind_counter {
	uint64_t id_last;
	uint64_t count;
};

void kind_count_get(struct kv_txn *txn, const struct kind *kind, uint32_t store,
    struct kind_counter *counter);
void kind_count_put(struct kv_txn *txn, const struct kind *kind, uint32_t store,
    const struct kind_counter *counter);

/*
 * A number that is kept under a name of its own: read it (0 at first), or write it.
 */
uint64_t counter_get(struct kv_txn *txn, uint32_t store, struct slice name);
void     counter_put(struct kv_txn *txn, uint32_t store, struct slice name, uint64_t n);

#endif
