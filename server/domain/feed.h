/*
 * feed -- reading the log of changes: all of a store in order, or what one record
 * went through.
 *
 * An entry is answered as it is stored, without the values of private fields unless
 * the reader may see them.
 *
 * A reader names the last change it has seen and gets what is behind it.  It never
 * misses one unawares: where the next one is not there, because it was dropped or
 * because the database is older than the reader, the answer is CHANGES_GONE.
 */

#ifndef DOMAIN_FEED_H
#define DOMAIN_FEED_H

#include "server/domain/kind.h"

/* So much of the log is looked through at most for one page of a filtered feed. */
#define FEED_LOOK_MAX 4096u
#define FEED_LOOK_BYTES_MAX ((size_t)4 * 1024 * 1024)

/* Who looks, and at what. */
struct feed_view {
	uint32_t           store; /* 0: the log of stores and tokens, for operators */
	bool               sees_private;
	const struct kind *kind; /* NULL: all kinds */
	uint64_t           id;   /* of that kind; 0: all */
};

/* Some changes in a row. */
struct feed_page {
	uint64_t after;     /* begin behind this one; then: behind what was looked at */
	uint32_t limit;     /* at most so many changes, … */
	size_t   bytes_max; /* … and none once these have so many bytes */
	uint32_t count;     /* how many there are */
	uint64_t last, oldest; /* of the store; OLDEST with CHANGES_GONE only */
};

/*
 * What CALL may see and asks for: its identity, store, kind and id.  NOT_FOUND when it
 * names a store that does not exist for it: a token's is its own, an operator may name
 * any.
 */
enum status feed_view_init(
    struct feed_view *view, struct call *call, struct kv_txn *txn);

/*
 * Is there a page behind PAGE->after, be it empty at the moment?  Sets its LAST.
 * CHANGES_GONE, or what befell TXN.
 */
enum status feed_look(
    const struct feed_view *view, struct kv_txn *txn, struct feed_page *page);

/*
 * Append the changes behind PAGE->after to BUF, one value each.  Nothing is left
 * when PAGE->after has come to PAGE->last; until then there may be more, also when
 * this page has none.  Refusals as above.
 */
enum status feed_fill(const struct feed_view *view, struct kv_txn *txn,
    struct feed_page *page, struct buf *buf);

/* Where CALL wants to begin: after what it says, or else in front of the oldest. */
uint64_t feed_begin(
    const struct feed_view *view, const struct call *call, struct kv_txn *txn);

/* change.read */
enum status feed_check_read(struct call *call);
enum status feed_read(struct call *call, struct kv_txn *txn);

/* customer.history */
enum status feed_check_history(struct call *call);
enum status feed_history(struct call *call, struct kv_txn *txn);

#endif
