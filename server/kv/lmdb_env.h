/*
 * lmdb_env -- what the files of the LMDB engine share.  Nobody else includes it.
 *
 *   lmdb.c          snapshots, batches and views: the body of kv.h
 *   lmdb_scan.c     scans
 *   lmdb_value.c    values with their checksums
 *   lmdb_env.c      creates and opens the environment
 *   lmdb_copy.c     copies of the database, beside it and in its place
 *   lmdb_failure.c  finds out what a failed commit came to, and overcomes it
 *   lmdb_file.c     checks the directory and the file before LMDB maps them
 *   lmdb_free.c     counts free pages without LMDB, for that check
 *
 * Threads.  A snapshot that holds a view holds LOCK shared.  The writer takes it
 * exclusively to replace the environment, which LMDB demands after a failure to
 * write a meta page; so it waits for the loops to end their turns.  A copy, whose view
 * lasts, ends it when IS_WANTED.
 */

#ifndef KV_LMDB_ENV_H
#define KV_LMDB_ENV_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "server/kv/kv.h"

#define LMDB_FILE "data.mdb"
#define LMDB_FILE_NEW "data.mdb.new" /* while it is being built */
#define LMDB_FILE_LOCK "lock.mdb"    /* LMDB's own */
#define LMDB_PAGE_BYTES 4096u

struct kv_snapshot {
	struct kv *kv;
	MDB_txn   *mdb;      /* NULL: not begun, or its environment is gone */
	uint64_t   sequence; /* had been published when the view began */
	bool       is_held;  /* there is a view, and KV->lock is shared */
	bool       is_spent; /* LMDB met a failure in the view and refuses more */
};

struct kv_batch {
	struct kv     *kv;
	MDB_txn       *mdb[KV_NEST_MAX + 1]; /* NULL where beginning one failed */
	struct kv_txn *views[KV_NEST_MAX + 1];
	unsigned       depth;  /* the innermost, the one that may be used */
	unsigned       scans;  /* begun and not ended */
	enum status    status; /* the failure after which LMDB refuses the batch */
	bool           wrote;
	uint64_t       bytes_begun; /* in use when it began */
	uint64_t       bytes_used;  /* and what was put since */
};

/* How far the disk is to be trusted. */
enum lmdb_condition {
	LMDB_SOUND,
	LMDB_SUSPECT, /* a commit failed: prove the disk with an empty one first */
	LMDB_LOST,    /* LMDB refuses everything until the environment is reopened */
};

struct kv {
	char    *path;
	int      dir; /* keeps other servers out for as long as it is open */
	size_t   bytes_max;
	unsigned snapshots_max;
	bool     read_only;
	uint64_t seeds[KV_TABLE_COUNT]; /* of the checksums */

	_Atomic uint64_t sequence;
	_Atomic uint64_t bytes_used;

	atomic_bool      is_wanted; /* somebody waits for LOCK exclusively */
	pthread_rwlock_t lock;      /* guards what follows, see above */
	MDB_env         *env;       /* NULL while it could not be reopened */
	MDB_dbi          tables[KV_TABLE_COUNT];

	pthread_mutex_t      snapshots_mutex; /* taken after LOCK, if with it */
	struct kv_snapshot **snapshots;       /* snapshots_max of them, some NULL */

	/* The writer's alone. */
	enum lmdb_condition condition;
	uint64_t            batches; /* as in the file, KV_META "batch" */
	uint64_t            probes;
	struct kv_batch     batch;
	bool                batch_is_open;
	int64_t             readers_checked_ms;
};

/* ---- lmdb_file.c ---- */

/*
 * Open the directory PATH and keep other servers out of it.  Its descriptor, or
 * -1 and a sentence in WHY.
 */
int lmdb_dir_open(const char *path, char *why, size_t why_size);

/*
 * Check the database file in DIR, if there is one, as far as must be before LMDB
 * maps it: a file shorter than its pages would be a SIGBUS later.
 */
enum status lmdb_file_check(int dir, bool *exists, char *why, size_t why_size);

/* ---- lmdb_free.c ---- */

/*
 * How many free pages lie beyond the PAGES that the file FD has, ROOT being the
 * page number of the tree of free pages; 0 if that cannot be read.
 *
 * LMDB never writes a page that a batch took and gave back.  If such pages are the
 * last, a good file ends before them; it is cut off only if a missing page is not
 * free.
 */
uint64_t lmdb_free_beyond(int fd, uint64_t pages, uint64_t root);

/* ---- lmdb_env.c ---- */

/* Our status for LMDB's RC. */
enum status lmdb_status(int rc);

/* A database of OPTIONS, not open yet; NULL: out of memory.  DIR is the caller's. */
struct kv *lmdb_new(const struct kv_options *options);
void       lmdb_free(struct kv *kv);

/*
 * Build the file of KV under another name: FILL puts the rows in ENV, in as many
 * transactions as it wants.  It is on disk when this returns 0; otherwise an errno,
 * LMDB's code or FILL's, and nothing is left of it.
 */
int lmdb_build(struct kv *kv, size_t                               bytes_max,
    int (*fill)(struct kv *kv, MDB_env *env, void *context), void *context);

/* Give the built file its name. */
int lmdb_rename_built(struct kv *kv);

/* Remove what was built, if anything was. */
int lmdb_remove_built(struct kv *kv);

/* Open the tables of KV in MDB; FLAGS are LMDB's. */
int lmdb_open_tables(struct kv *kv, MDB_txn *mdb, unsigned flags);

/* Open the file that is there; it has been checked. */
enum status lmdb_open_existing(struct kv *kv, char *why, size_t why_size);

/* Make what was committed visible to snapshots. */
void lmdb_publish(struct kv *kv);

/* Numbers in KV_META. */
#define META_FORMAT SLICE("format")
#define META_BATCH SLICE("batch") /* how many were committed, ever */
#define META_PROBE SLICE("probe") /* what a probe commit changes */
int lmdb_put_number(struct kv *kv, MDB_txn *mdb, struct slice name, uint64_t number);

/* Bytes in pages that are in use, as MDB sees the file. */
uint64_t lmdb_bytes_used(struct kv *kv, MDB_txn *mdb);

/* ---- lmdb_failure.c ---- */

/* What the commit of a batch that failed with RC came to. */
enum status lmdb_commit_failed(struct kv *kv, int rc);

/* Whether next to nothing is left of the disk under KV. */
bool lmdb_disk_is_full(const struct kv *kv);

/* Trust the disk again, if it deserves it. */
enum status lmdb_overcome(struct kv *kv);

/* ---- lmdb_value.c ---- */

#define LMDB_DAMAGED (-1) /* beside LMDB's own codes: a checksum is wrong */

/* KEY for LMDB. */
MDB_val lmdb_key(struct slice key);

/* Get and put a value with its checksum. */
int lmdb_get(struct kv *kv, MDB_txn *mdb, enum kv_table table, struct slice key,
    struct slice *value);
int lmdb_put(struct kv *kv, MDB_txn *mdb, enum kv_table table, struct slice key,
    struct slice value);

/* Put behind the last key of TABLE: faster, and the pages get full. */
int lmdb_append(struct kv *kv, MDB_txn *mdb, enum kv_table table, struct slice key,
    struct slice value);

/* The value in what is STORED for KEY, if its checksum is right. */
int lmdb_verify(const struct kv *kv, enum kv_table table, struct slice key,
    MDB_val stored, struct slice *value);

/* ---- lmdb.c ---- */

static inline struct kv *
lmdb_kv_of(const struct kv_txn *txn)
{
	return txn->batch != NULL ? txn->batch->kv : txn->snapshot->kv;
}

/* LMDB's transaction under TXN, which must be the view that may be used now. */
MDB_txn *lmdb_of(const struct kv_txn *txn);

/* Remember that LMDB answered RC, after which it refuses the transaction. */
void lmdb_fail(struct kv_txn *txn, int rc);

#endif
