/*
 * writer -- the one thread that changes the database, many requests a commit.
 *
 * While one commit is on its way to the disk, the next batch gathers: the batch
 * grows with the load by itself and nobody waits for a timer.
 *
 * A batch that cannot be committed, or in which an operation failed after it had
 * written, is aborted and tried again in halves, down to single operations, so a
 * poison request fails alone.  Therefore apply() may run more than once for one
 * operation; each run must start from the beginning.
 *
 * Threads.  writer_push() may be called from any thread; apply() and done() run
 * on the writer thread.  An operation belongs to the writer from push to done().
 *
 * Errors.  done() finds the outcome in OP->status: what apply() returned if its
 * batch is on disk; otherwise what the commit answered.  SHUTTING_DOWN for
 * operations that had not begun when the writer was stopped, and BUSY at once
 * from writer_push() when too many wait.
 */

#ifndef KV_WRITER_H
#define KV_WRITER_H

#include <stdint.h>

#include "proto/status.h"
#include "server/base/mailbox.h"
#include "server/kv/kv.h"

#define WRITER_AHEAD_MAX 16u      /* operations whose records are fetched together */
#define WRITER_WAITING_MAX 16384u /* operations queued; more are refused */
#define WRITER_BATCH_MAX 1024u    /* operations in one commit */
/* Put in one commit, and one operation more. */
#define WRITER_BATCH_BYTES_MAX (8u * 1024 * 1024)

struct writer;

struct write_op {
	struct mail mail; /* the queue's from push to done(), then its owner's */
	/*
	 * Check against TXN, then write, then say how it went.  A refusal (any
	 * status but OK) must come before the first write.
	 */
	enum status (*apply)(struct write_op *op, struct kv_txn *txn);
	/* Names by kv_fetch() what apply() will look up first.  NULL: nothing. */
	void (*fetch)(struct write_op *op, struct kv_txn *txn);
	/* Takes OP back.  Runs once for each pushed operation; must not block. */
	void (*done)(struct write_op *op);
	enum status status;
	bool        reserve; /* may use the room kept for deletes */
};

struct writer_counts {
	uint64_t commits;    /* batches on disk */
	uint64_t operations; /* operations in them, refused ones included */
	uint64_t splits;     /* batches tried again in halves */
	uint64_t failures;   /* commits that did not happen or are unknown */
	uint64_t batch_max;  /* the largest batch so far */
	uint64_t waiting;    /* operations queued now */
};

/* What somebody wants to hear of, if not NULL; with CONTEXT, on the writer thread. */
struct writer_events {
	/* A batch is on disk (or may be: UNKNOWN), and no operation of it answered. */
	void (*committed)(void *context);
	/* Some operations have been answered, and others will be only after a while. */
	void (*answered)(void *context);
	void *context;
};

/* Start the thread.  KV must outlive it.  EVENTS may be NULL.  NO_MEMORY on failure. */
enum status writer_start(
    struct writer **out, struct kv *kv, const struct writer_events *events);

/* Hand OP over.  False when WRITER_WAITING_MAX wait already: OP stays the caller's. */
bool writer_push(struct writer *writer, struct write_op *op);

/*
 * The same in two steps, for who has many: append OP to LIST, which is the caller's,
 * unless too many wait; then hand all of LIST over, so that one commit can have them.
 */
bool writer_gather(struct writer *writer, struct mail_list *list, struct write_op *op);
void writer_push_all(struct writer *writer, struct mail_list *list);

/*
 * Keep the writer between two batches until writer_release(); operations wait.  For
 * somebody who does with the database, meanwhile, what is else the writer's to do.  One
 * thread at a time.
 */
void writer_hold(struct writer *writer);
void writer_release(struct writer *writer);

/*
 * Finish the batch that has begun, answer the operations that have not, join the
 * thread and free WRITER, which may be NULL.  Nothing may be pushed any more.
 */
void writer_stop(struct writer *writer);

/* Counters so far; any thread. */
void writer_count(struct writer *writer, struct writer_counts *counts);

#endif
