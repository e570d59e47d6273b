/*
 * kv -- ordered tables of keys and values, in transactions.
 *
 * The seam to the storage engine.  Behind it stand a journal that takes each batch
 * with one write and one flush, a tree of what is new, and one LMDB environment that
 * follows (kv_private.h); nothing above it may assume that a key is local memory, so
 * another engine can stand here.  It knows tables, not customers.
 *
 * What it promises.  A committed batch is on disk.  A batch is whole or absent.
 * A snapshot never changes, and a snapshot taken or renewed after a commit was
 * published sees it.  Every value carries a checksum over its table, its key and
 * itself, from its put to the disk; one that comes from the disk and fails it is
 * reported (DAMAGED), never handed out.
 *
 * Threads.  One thread, the writer, begins and commits batches.  A snapshot
 * belongs to one thread.  kv_sequence() may be called from any, and kv_copy() too.
 * One thread of its own, from kv_open() to kv_close(), carries what is in the journal
 * into LMDB.
 *
 * Errors stick.  A transaction remembers its first failure and ignores every
 * call after it, so callers get and put in a row and look once, at TXN->status.
 * The failures: DAMAGED (this value only, others stay readable), STORAGE_FULL,
 * STORAGE_FAILED, NO_MEMORY.
 *
 * Memory.  A slice from kv_get() or a scan points into the database.  It stays
 * valid until the next put or del of the same batch, or until the snapshot is
 * renewed or released.
 */

#ifndef KV_KV_H
#define KV_KV_H

#include <stdatomic.h>
#include <stdint.h>

#include "proto/slice.h"
#include "proto/status.h"
#include "server/kv/table.h"
#include "server/kv/tree.h"

#define KV_KEY_BYTES_MAX 511u /* LMDB's bound; a longer key is a bug, asserted */
#define KV_STORE_BYTES 4u     /* of a key, the first ones: its store */
#define KV_NEST_MAX 2u        /* transactions within one another */
#define KV_AHEAD_MAX 32u      /* keys that are fetched together */
#define KV_CACHE_BYTES_MIN ((size_t)64 << 10)
#define KV_FORMAT 5 /* of the file; a newer one is refused */

struct kv;
struct kv_snapshot;
struct kv_batch;

struct kv_options {
	const char *path;      /* the data directory; must exist */
	size_t      bytes_max; /* how large the file may grow */
	/*
	 * How large each of the two journals may grow before what is in it must be in
	 * the file; and the memory for each, roughly.  A batch may go beyond it.
	 */
	size_t   journal_bytes_max;
	unsigned snapshots_max;
	bool     read_only; /* for verify: change nothing, create nothing */
};

/* A view of one snapshot or one batch, with a status of its own. */
struct kv_txn {
	struct kv_snapshot *snapshot; /* of a reading one, otherwise NULL */
	struct kv_batch    *batch;    /* of a writing one, otherwise NULL */
	enum status         status;   /* the first failure, or STATUS_OK */
	bool                wrote;    /* something was put or deleted */
	bool                reserve;  /* may use the room kept for deletes */
	enum status         room;     /* kv's: why only deletes had room at its begin */
};

/*
 * Open the database in OPTIONS->path, creating it on first use: built in a file
 * of another name, synced, and renamed, so that a crash leaves all or nothing.
 *
 * Refused, each with a sentence in WHY (at most WHY_SIZE bytes, no newline) that
 * says what to do: a directory that others may read, that another server uses,
 * or that cannot be written; a file that is too short for its pages, is not
 * ours, is damaged, is missing, or has a newer format.  On failure *OUT is NULL.
 */
enum status kv_open(
    struct kv **out, const struct kv_options *options, char *why, size_t why_size);

/*
 * Close KV, which may be NULL.  No snapshot and no batch may still be open.  If the
 * disk permits, everything is in the file then, and there is no journal any more.
 */
void kv_close(struct kv *kv);

/* The number of the newest commit that is published; goes up by one with each, for
 * ever. */
uint64_t kv_sequence(const struct kv *kv);

/*
 * How the last attempt ended to carry what is committed into the file.  After a failure
 * the next attempt follows by itself; until one succeeds all is kept in the journals,
 * as long as they have room.  Any thread.
 */
enum status kv_checkpoint_status(struct kv *kv);

/* Bytes in use of the file and of what is to go there, and the bound. */
void kv_usage(const struct kv *kv, uint64_t *bytes_used, uint64_t *bytes_max);

/* ---- reading ---- */

/* A snapshot for one thread, not yet holding anything.  NULL: none is left. */
struct kv_snapshot *kv_snapshot_new(struct kv *kv);
void                kv_snapshot_free(struct kv_snapshot *snapshot);

/*
 * Begin a view at the newest commit that is published.  Cheap when nothing was
 * committed since the last call.  Slices of earlier views may end here.
 *
 * A thread holds one view at a time: the writer may be waiting for it.
 */
void kv_read(struct kv_snapshot *snapshot, struct kv_txn *txn);

/*
 * Keep copies of values that are read under SNAPSHOT, in BYTES_MAX of memory, which is
 * at least KV_CACHE_BYTES_MIN: what is read again is then found sooner, and what is
 * read does not change by it.  Once for a snapshot.  False: no memory.
 */
bool kv_snapshot_cache(struct kv_snapshot *snapshot, size_t bytes_max);

/*
 * What came of it until the last view ended: values that were found there, those that
 * were not, bytes that are taken.
 */
struct kv_cached {
	uint64_t hits, misses, bytes;
};
struct kv_cached kv_snapshot_cached(const struct kv_snapshot *snapshot);

/*
 * Let go of what the snapshot holds.  To be called at the end of each loop turn
 * and before any wait: a snapshot that lingers keeps dead pages from reuse.
 */
void kv_snapshot_release(struct kv_snapshot *snapshot);

/* ---- writing, on the writer thread only ---- */

/*
 * Begin a batch.  At most one is open.  Waits while the journals are full, for the
 * file to catch up.  On failure *OUT is NULL: STORAGE_FAILED while an earlier failure
 * of the disk has not been overcome (each call then tries once to overcome it),
 * STORAGE_FULL if the journals are full because the disk is, NO_MEMORY.
 */
enum status kv_batch_begin(struct kv *kv, struct kv_batch **out);

/* Begin a view of BATCH for one operation in it. */
void kv_write(struct kv_batch *batch, struct kv_txn *txn);

/* Bytes that were put in BATCH so far: what it is going to cost, roughly. */
uint64_t kv_batch_bytes(const struct kv_batch *batch);

/*
 * End BATCH, keeping it, on disk, before this returns.
 *
 *   OK              committed, and published to snapshots
 *   STORAGE_FULL, STORAGE_FAILED, NO_MEMORY, DAMAGED
 *                   nothing happened, surely; also after a failure in a view
 *                   of the batch that the engine does not permit to go on from
 *   UNKNOWN         the last step failed and it could not be found out whether
 *                   the batch is there
 */
enum status kv_batch_commit(struct kv_batch *batch);

/* End BATCH, keeping nothing. */
void kv_batch_abort(struct kv_batch *batch);

/*
 * A part of BATCH that can be taken back: for an atomic request of several
 * records and for a dry run.  The view from kv_nest() replaces that of its
 * parent until kv_nest_keep() or kv_nest_drop().
 */
void kv_nest(struct kv_txn *parent, struct kv_txn *child);
void kv_nest_keep(struct kv_txn *parent, struct kv_txn *child);
void kv_nest_drop(struct kv_txn *parent, struct kv_txn *child);

/* ---- copies ---- */

/* How a copy is getting on, for other threads. */
struct kv_progress {
	const atomic_bool *stop; /* becomes true: give up */
	_Atomic uint64_t   rows; /* copied so far */
};

/*
 * Write what is committed now into a new directory PATH, while everything goes on:
 * a database that kv_open() opens.  It is read value by value, each checksum with it,
 * and packed anew, so nothing is in it but what is there now.  All is built in
 * PATH.partial and on disk before it gets its name; whatever is found there is
 * overwritten.  One snapshot that kv_snapshot_new() must have left is used, and it
 * keeps dead pages from reuse all the time.
 *
 * INVALID: PATH exists.  CANCELLED: it was stopped.  STORAGE_FAILED, also if the
 * environment had to be reopened; STORAGE_FULL, DAMAGED, NO_MEMORY.  Each with a
 * sentence in WHY, and nothing left at PATH.
 */
enum status kv_copy(struct kv *kv, const char *path, struct kv_progress *progress,
    char *why, size_t why_size);

/*
 * Write the database anew, as kv_copy() does, and put it in the place of the old one:
 * then no byte of the data directory holds what was replaced or deleted before.  In
 * the place of the writer, of whom nothing is committed meanwhile; readers go on.  A
 * crash leaves the old file or the new one, which hold the same.
 *
 * The statuses of kv_copy() but INVALID, each with a sentence in WHY; then the old file
 * is still there, or it cannot be known: nothing is lost.
 */
enum status kv_scrub(
    struct kv *kv, struct kv_progress *progress, char *why, size_t why_size);

/* ---- inside a view ---- */

/* Look KEY up.  False when it is absent, and also once TXN has failed. */
bool kv_get(
    struct kv_txn *txn, enum kv_table table, struct slice key, struct slice *value);

/*
 * KEY will be looked up soon: begin to fetch it, if it is far away in memory.  In a
 * batch it is only noted, if KV_AHEAD_MAX have not been yet, until kv_fetch_all(): the
 * way to one key is waiting for one place in memory after the other; all wait together.
 * That returns how many were found in memory.
 */
void     kv_fetch(struct kv_txn *txn, enum kv_table table, struct slice key);
unsigned kv_fetch_all(struct kv_txn *txn);

/*
 * Set KEY to VALUE, replacing what was there.  Neither may point into the
 * database: what kv_get() lent moves while this writes.
 */
void kv_put(
    struct kv_txn *txn, enum kv_table table, struct slice key, struct slice value);

/* Remove KEY; it need not be there. */
void kv_del(struct kv_txn *txn, enum kv_table table, struct slice key);

/*
 * Remove what TABLE, which is one that is trimmed (table.h), has of a store below KEY,
 * the floor, which begins with that store: all at once, at the price of one put.
 * Nothing is to be put below it any more: it may be gone, too.
 */
void kv_drop_below(struct kv_txn *txn, enum kv_table table, struct slice key);

/*
 * Walk TABLE in key order, over the keys that begin with PREFIX, from the first
 * key that is not below FROM (empty: the first of the prefix).
 *
 *	struct kv_scan scan;
 *	kv_scan_begin(&scan, txn, table, prefix, from);
 *	while (kv_scan_next(&scan, &key, &value))
 *		…
 *	kv_scan_end(&scan);
 *
 * No put or del may happen in TXN's batch between begin and end: collect first.
 * PREFIX, FROM and BELOW must stay valid until the first kv_scan_next() has returned.
 * kv_scan_back() walks down, from the last key of the prefix that is below BELOW
 * (empty: the last of the prefix).
 */
struct kv_scan {
	struct kv_txn *txn;
	enum kv_table  table;
	size_t         prefix_len;
	char           prefix[KV_KEY_BYTES_MAX];
	struct slice   from; /* or, backwards, below */
	bool           begun, backwards;
	struct slice   at; /* the key that was answered last */
	/* kv's: what is looked at, the newest first; an empty key: nothing more. */
	struct tree_cursor  cursors[2];
	const struct entry *entries[2];
	void               *cursor;
	struct slice        stored_key, stored;
	struct slice store, floor; /* whose floor is known; empty: there is none */
};

void kv_scan_begin(struct kv_scan *scan, struct kv_txn *txn, enum kv_table table,
    struct slice prefix, struct slice from);
void kv_scan_back(struct kv_scan *scan, struct kv_txn *txn, enum kv_table table,
    struct slice prefix, struct slice below);
bool kv_scan_next(struct kv_scan *scan, struct slice *key, struct slice *value);
void kv_scan_end(struct kv_scan *scan);

#endif
