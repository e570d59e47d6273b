/*
 * edit -- one record on its way from what it was to what it will be.
 *
 * The one pipeline through which every change of every record goes: load, change
 * the fields, complete and judge (the kind's hook), check what must be unique, then
 * write record, indexes, counters and the change feed together.  Everything up
 * to edit_check() only reads; edit_write() cannot refuse any more.
 *
 * Runs on the writer thread, inside a batch.
 *
 * Memory.  The old record is copied out of the database, because the first put
 * takes it away; everything else is in the call's arena.
 */

#ifndef DOMAIN_EDIT_H
#define DOMAIN_EDIT_H

#include "server/domain/kind.h"
#include "server/domain/patch.h"
#include "server/domain/record.h"

enum edit_op {
	EDIT_CREATE,
	EDIT_UPDATE,
	EDIT_DELETE,
};

struct edit {
	struct call        *call;
	struct kv_txn      *txn;
	const struct kind  *kind;
	const struct shape *shape;
	uint32_t            store; /* 0 for records of the server */
	uint64_t            id;
	uint64_t            change_before; /* its last one; 0: none is known */
	enum edit_op        op;
	const struct patch *patch; /* what was asked for; NULL: the server's own */
	uint64_t differ;    /* edit_check(): the places of OLD and NEW that are not the
			       same, revision and updated_at aside */
	bool   changed;     /* edit_check(): the record will be written */
	bool   has_secret;  /* the hook stores a new password: a change too */
	bool   drop_secret; /* the hook drops the password */
	size_t old_bytes;   /* of the record as it is answered; 0 at creation */
	/* For the hooks alone, between before and after. */
	uint64_t *members;
	size_t    member_count;

	struct record old; /* empty at creation */
	struct record new; /* empty at deletion */
};

/* Begin to create a record with the given ID, or the next one if that is 0. */
enum status edit_create(struct edit *edit, struct call *call, struct kv_txn *txn,
    const struct kind *kind, uint64_t id, struct slice uid);

/* The id of the record called UID, or 0. */
uint64_t edit_find(
    struct call *call, struct kv_txn *txn, const struct kind *kind, struct slice uid);

/* Begin to change the record ID, or the one called UID if ID is 0.  NOT_FOUND. */
enum status edit_load(struct edit *edit, struct call *call, struct kv_txn *txn,
    const struct kind *kind, uint64_t id, struct slice uid, enum edit_op op);

/* Put the values of PATCH into EDIT->new. */
void edit_patch(struct edit *edit, const struct patch *patch);

/*
 * Judge the change: hooks, unique fields, size.  INVALID with the violations in the
 * call, TOO_LARGE, or what the hook returned.  EDIT->changed says whether anything
 * is left to write.
 */
enum status edit_check(struct edit *edit);

/* Write what edit_check() has approved; EDIT->changed must be true. */
void edit_write(struct edit *edit);

#endif
