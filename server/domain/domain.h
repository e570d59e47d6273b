/*
 * domain -- the rules of the business: records, who may do what with them, and
 * what follows from a change.
 *
 * It knows customers, not sockets.  A request passes through here like this:
 *
 *	domain_identify()    who is behind the token            loop, in a snapshot
 *	domain_check()       is it permitted and well-formed    loop
 *	domain_read()        READ: answer from a snapshot       loop
 *	domain_write()       WRITE: check against the batch, then write   writer
 *	domain_finish()      after the password pool has verified         loop
 *
 * Threads.  All functions may run on any thread; a call belongs to one at a time.
 * The struct domain is fixed after domain_open(), but for its token epoch (atomic).
 *
 * Errors.  A status; OK means that CALL->result holds one value.  A refusal has
 * written nothing.
 */

#ifndef DOMAIN_DOMAIN_H
#define DOMAIN_DOMAIN_H

#include "server/domain/call.h"

struct domain_options {
	int64_t  change_keep_ms;    /* changes older than this leave their log, … */
	uint64_t change_keep_max;   /* … those beyond this number in it, … */
	uint64_t change_keep_bytes; /* … and those beyond these bytes */
};

/*
 * Read what the domain keeps about itself in TXN, a write, creating it at first
 * start (the key under which tokens and idempotency keys are hashed).
 */
enum status domain_open(
    struct domain **out, const struct domain_options *options, struct kv_txn *txn);
void domain_close(struct domain *domain);

/*
 * Bring a piece of what an older server has left into the form of today, in a batch of
 * its own.  To be called before anything else is done, until it is true: then nothing
 * is left.  A crash in between costs nothing.
 */
bool domain_upgrade(struct domain *domain, struct kv_txn *txn);

/*
 * Goes up whenever a token or a store was changed and committed.  An identity with
 * another epoch must be read again.  domain_committed() is the writer's: to be called
 * after a batch is on disk and before its operations are answered.
 */
uint64_t domain_token_epoch(const struct domain *domain);
void     domain_committed(struct domain *domain);

/*
 * Who is behind TOKEN (its bytes in clear)?  UNAUTHENTICATED when nobody is, or
 * when it has expired at NOW_MS: the same answer for each.
 */
enum status domain_identify(struct domain *domain, struct kv_txn *txn,
    struct slice token, int64_t now_ms, struct identity *who);

/*
 * The same for who has shown to hold the private key whose public one has the hash KEY.
 */
enum status domain_identify_key(struct kv_txn *txn,
    const unsigned char key[IDENTITY_KEY_BYTES], int64_t now_ms, struct identity *who);

/* The identity of an operator on the unix socket: scope operate, no store. */
void domain_identify_operator(struct identity *who);

/*
 * Read WHO, found out earlier, again if it may have changed since.  UNAUTHENTICATED
 * when its token has ended.
 */
enum status domain_renew(
    struct domain *domain, struct kv_txn *txn, int64_t now_ms, struct identity *who);

/* May CALL->who call CALL->method at all?  UNAUTHENTICATED, FORBIDDEN. */
enum status domain_permit(struct call *call);

/*
 * Judge CALL without the database: scope, arguments, fields.  UNAUTHENTICATED,
 * FORBIDDEN, INVALID, TOO_LARGE, NO_MEMORY.  When CALL->passwords is not
 * NULL afterwards, password_run() comes next, before the write is queued.
 */
enum status domain_check(struct call *call);

/*
 * Let the database fetch what CALL, which is good, will ask for: one record, in a
 * moment, when others have been judged, or, of a WRITE, named in the same batch; see
 * kv_fetch().  False: there is nothing of that kind.
 */
bool domain_fetch(struct call *call, struct kv_txn *txn);

/*
 * Answer a READ from TXN.  When CALL->passwords is not NULL afterwards,
 * password_run() comes next and then domain_finish().
 */
enum status domain_read(struct call *call, struct kv_txn *txn);
enum status domain_finish(struct call *call);

/*
 * Carry a WRITE out in TXN: the first answer again for a known idempotency key,
 * DEADLINE and CANCELLED when it is too late to begin, a change taken back for a dry
 * run.  May run several times for one call; each run starts anew.
 */
enum status domain_write(struct call *call, struct kv_txn *txn);

/*
 * Do a bounded piece of what is due at NOW_MS: start and complete anonymisations,
 * drop old changes and old idempotency answers.  *MORE when something is left.
 */
enum status domain_housekeep(
    struct domain *domain, struct kv_txn *txn, int64_t now_ms, bool *more);

/*
 * Walk everything in TXN and call REPORT with a sentence for each thing wrong:
 * damaged values, records that do not decode, an index without its record, a
 * record without its index, counters and sequence.  Returns how many there were.
 */
uint64_t domain_verify(struct kv_txn *txn,
    void (*report)(void *context, const char *sentence), void *context);

#endif
