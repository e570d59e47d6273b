/*
 * kv_private -- what the files behind kv.h share.  Nobody else includes it.
 *
 *   kv.c            snapshots, batches and views: the body of kv.h
 *   kv_open.c       opens and closes; reads the journals again
 *   kv_scan.c       scans
 *   kv_fetch.c      keys that will be looked up
 *   cache.c         what a snapshot has read, in memory
 *   generation.c    which journal is written, and room in it
 *   checkpoint.c    the thread that carries what is new into LMDB
 *   lmdb_env.c      creates and opens the environment
 *   lmdb_copy.c     copies of the database, beside it and in its place
 *   lmdb_value.c    values with their checksums
 *   lmdb_failure.c  overcomes failures of LMDB
 *   lmdb_file.c     checks the directory and the file before LMDB maps them
 *   lmdb_free.c     counts free pages without LMDB, for that check
 *
 * A generation is a journal and a tree over what is in it.  There are two: batches go
 * to the active one.  When it is full it is frozen, and the other becomes active, as
 * soon as that is free.  The checkpoint thread carries a frozen one into LMDB; then it
 * is free again once no view looks into it.  So a view is three things, newest first: a
 * root of the active generation, the frozen one if there is one, a transaction of LMDB.
 * LMDB may hold any part of the frozen generation, for that hides it; and never
 * anything of the active one.  MUTEX is held to take the three, to freeze, and to
 * declare what was frozen carried over: so they belong together.
 *
 * Threads.  A snapshot that holds a view holds LOCK shared.  To replace the
 * environment, which LMDB demands after a failure to write a meta page, it is held
 * exclusively, by the checkpoint thread, or by the writer before there is a journal.
 */

#ifndef KV_KV_PRIVATE_H
#define KV_KV_PRIVATE_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "server/kv/cache.h"
#include "server/kv/journal.h"
#include "server/kv/kv.h"

#define LMDB_FILE "data.mdb"
#define LMDB_FILE_NEW "data.mdb.new" /* while it is being built */
#define LMDB_FILE_LOCK "lock.mdb"    /* LMDB's own */
#define LMDB_PAGE_BYTES 4096u

#define GENERATIONS 2u

/* What is in a journal, in memory. */
struct layer {
	struct tree   tree;
	struct chunks frames;   /* what the tree points at */
	unsigned      pins;     /* of views; MUTEX */
	bool          is_loose; /* of no generation: the last view frees it; MUTEX */
};

struct generation {
	const char    *name; /* of the journal's file */
	struct journal journal;
	struct layer  *layer;
	uint64_t       last;     /* number of the newest batch in it */
	int64_t        begun_ms; /* when its oldest batch was committed; 0: empty */
	int64_t        grown_ms; /* when its newest was; 0: before this start */
	bool           in_use;   /* active or frozen, or not empty yet; MUTEX */
};

struct kv_snapshot {
	struct kv    *kv;
	MDB_txn      *mdb; /* NULL: not begun, or its environment is gone */
	struct layer *layers[GENERATIONS]; /* pinned, the newest first, or NULL */
	const struct tree_node *roots[GENERATIONS]; /* of both; NULL: nothing in it */
	uint64_t                sequence;           /* of the view */
	struct cache           *cache;              /* or NULL */
	struct kv_cached        cached;             /* when a view ended last */
	bool                    is_held;  /* there is a view, and KV->lock is shared */
	bool                    is_spent; /* LMDB met a failure and refuses more */
};

/* Where a part of a batch begins. */
struct part {
	struct kv_txn     *view;
	struct tree_mark   tree;
	struct chunks_mark frames;
	uint32_t           entries;
	uint64_t           bytes_used;
};

struct kv_batch {
	struct kv         *kv;
	struct generation *generation;
	struct frame       frame;
	struct part        parts[KV_NEST_MAX + 1];
	unsigned           depth;  /* the innermost, the one that may be used */
	unsigned           scans;  /* begun and not ended */
	enum status        status; /* the failure after which nothing can be kept */
	bool               wrote;
	uint64_t           bytes_begun; /* in use when it began */
	uint64_t           bytes_used;  /* and what was put since */
};

#define AHEAD_KEY_BYTES_MAX 64u /* longer keys are not fetched */

/* A key that is fetched, on its way under the roots of the batch. */
struct seeker {
	struct tree_way way;
	unsigned        generation; /* the next one to look into */
	char            key[AHEAD_KEY_BYTES_MAX];
};

/* What was named to kv_fetch(), for the next kv_fetch_all(). */
struct ahead {
	struct seeker seekers[KV_AHEAD_MAX];
	unsigned      count;
};

struct kv {
	char    *path;
	int      dir; /* keeps other servers out for as long as it is open */
	size_t   bytes_max, journal_bytes_max;
	unsigned snapshots_max;
	bool     read_only;

	struct marks *marks; /* which batch changed what is cached */

	_Atomic uint64_t sequence;     /* number of the newest batch, ever */
	_Atomic uint64_t bytes_used;   /* of LMDB */
	_Atomic uint64_t active_bytes; /* of what is not in LMDB yet */
	_Atomic uint64_t frozen_bytes;

	atomic_bool      is_wanted; /* somebody waits for LOCK exclusively */
	pthread_rwlock_t lock;      /* guards what follows, see above */
	MDB_env         *env;       /* NULL while it could not be reopened */
	MDB_dbi          tables[KV_TABLE_COUNT];

	pthread_mutex_t         mutex; /* guards what follows; taken after LOCK */
	pthread_cond_t          changed;
	struct kv_snapshot    **snapshots; /* snapshots_max of them, some NULL */
	struct generation      *active, *frozen;
	const struct tree_node *root; /* of the active one's newest batch */
	enum status             checkpoint_status; /* of the last attempt */
	bool                    is_hurried;        /* somebody waits for it */
	bool                    is_stopping;

	struct generation generations[GENERATIONS];
	pthread_t         checkpoint_thread; /* valid unless READ_ONLY */

	/* Of whoever opens, then of the checkpoint thread: what LMDB says. */
	uint64_t batches; /* number of the newest batch in it, KV_META "batch" */
	uint64_t journal; /* id of the oldest journal to be read, or 0; "journal" */

	/* The writer's alone. */
	struct kv_batch    batch;
	struct ahead       ahead; /* what the batch will look for */
	struct kv_snapshot base;  /* what the batch sees beneath its own */
	bool               batch_is_open;
	bool               is_named;    /* the journals have names that last */
	bool               is_recorded; /* LMDB knows that there are journals */
	enum status        room;        /* why others than deletes are refused */
};

/* ---- kv.c ---- */

/* Bytes of what is to go to the file. */
static inline uint64_t
kv_bytes_waiting(const struct kv *kv)
{
	return atomic_load(&kv->active_bytes) + atomic_load(&kv->frozen_bytes);
}

/* Those, and the bytes in use of the file. */
static inline uint64_t
kv_bytes(const struct kv *kv)
{
	return atomic_load(&kv->bytes_used) + kv_bytes_waiting(kv);
}

static inline struct kv *
kv_of(const struct kv_txn *txn)
{
	return txn->batch != NULL ? txn->batch->kv : txn->snapshot->kv;
}

/* What TXN, which must be the view that may be used now, sees beneath its batch. */
const struct kv_snapshot *kv_base_of(const struct kv_txn *txn);

/* The roots of TXN's view, the newest first. */
void kv_roots_of(const struct kv_txn *txn, const struct tree_node *roots[GENERATIONS]);

/* Remember that LMDB answered RC. */
void kv_fail(struct kv_txn *txn, int rc);

/*
 * The floor of TABLE for the store that KEY begins with; empty: there is none.  One
 * that has been carried into LMDB is none any more: there, nothing is below it.
 */
struct slice kv_floor(struct kv_txn *txn, enum kv_table table, struct slice key);

/* ---- kv_open.c ---- */

/* A database of OPTIONS, not open yet; NULL: out of memory.  DIR is the caller's. */
struct kv *kv_new(const struct kv_options *options);
void       kv_free(struct kv *kv);

/* ---- generation.c ---- */

bool generations_init(struct kv *kv); /* false: no memory */
void generations_fini(struct kv *kv);

/* A layer with nothing in it, or NULL: no memory. */
struct layer *layer_new(void);
void          layer_free(struct layer *layer); /* or NULL */

/* Remove the files: what is in them is in LMDB, too. */
void generations_remove(struct kv *kv);

/*
 * Before a batch, which is to come: overcome an earlier failure, freeze what is full,
 * wait for the checkpoint if there is no room but what it makes.  STORAGE_FAILED, and
 * at the bound what the checkpoint fails with; otherwise KV->room says what the batch
 * may do.
 */
enum status generations_make_room(struct kv *kv);

/*
 * Wait until all is in LMDB and nothing in the journals, in the place of the writer;
 * then no byte of theirs holds what was committed.
 */
enum status generations_empty(struct kv *kv);

/* ---- checkpoint.c ---- */

enum status checkpoint_start(struct kv *kv);

/* Carry everything into LMDB, if that can be done, and join the thread. */
void checkpoint_stop(struct kv *kv);

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

/* Our status for RC of LMDB or errno. */
enum status lmdb_status(int rc);

/* Puts rows into ENV; 0, an errno, LMDB's code or its own. */
typedef int lmdb_fill(struct kv *kv, MDB_env *env, void *context);

/*
 * Build the file of KV under another name: FILL puts the rows in it, in as many
 * transactions as it wants.  It is on disk when this returns 0; otherwise an errno,
 * LMDB's code or FILL's, and nothing is left of it.
 */
int lmdb_build(struct kv *kv, size_t bytes_max, lmdb_fill *fill, void *context);

/* Give the built file its name. */
int lmdb_rename_built(struct kv *kv);

/* Remove what was built, if anything was. */
int lmdb_remove_built(struct kv *kv);

/* Open the tables of KV in MDB; FLAGS are LMDB's. */
int lmdb_open_tables(struct kv *kv, MDB_txn *mdb, unsigned flags);

/* Say in MDB that it has everything up to BATCH, and which journal is read after it. */
int lmdb_put_numbers(struct kv *kv, MDB_txn *mdb, uint64_t batch, uint64_t journal);

/* Open the environment of KV->path, and create it first if need be. */
enum status lmdb_open(struct kv *kv, char *why, size_t why_size);

/* Close the environment and what is open in it.  No view is held. */
void lmdb_close(struct kv *kv);

/* Open the file that is there; it has been checked. */
enum status lmdb_open_existing(struct kv *kv, char *why, size_t why_size);

/* Numbers in KV_META. */
#define META_FORMAT SLICE("format")
#define META_BATCH SLICE("batch")     /* the newest that is there in full */
#define META_JOURNAL SLICE("journal") /* id of the oldest to read; 0, none: none */
int lmdb_put_number(struct kv *kv, MDB_txn *mdb, struct slice name, uint64_t number);

/* Bytes in pages that are in use, as MDB sees the file. */
uint64_t lmdb_bytes_used(struct kv *kv, MDB_txn *mdb);

/* ---- lmdb_failure.c ---- */

/*
 * What a transaction that failed with RC came to.  If LMDB refuses everything after
 * it, the environment is opened anew, and the next transaction shows whether that was
 * enough.
 */
enum status lmdb_failed(struct kv *kv, int rc);

/* Open the environment anew, when no view is held; a copy, whose view lasts, gives up.
 */
enum status lmdb_reopen(struct kv *kv);

/* Open it if it is not. */
enum status lmdb_mend(struct kv *kv);

/* Whether there is hardly any room left on the disk, beside BYTES. */
bool lmdb_disk_is_full(const struct kv *kv, uint64_t bytes);

/* ---- lmdb_value.c ---- */

#define LMDB_DAMAGED (-1) /* beside LMDB's own codes: a checksum is wrong */

/* KEY for LMDB. */
MDB_val lmdb_key(struct slice key);

/* Get a value, whose checksum is verified. */
int lmdb_get(struct kv *kv, MDB_txn *mdb, enum kv_table table, struct slice key,
    struct slice *value);

/* Put ENTRY, or delete its key; it is no floor. */
int lmdb_put(struct kv *kv, MDB_txn *mdb, const struct entry *entry);

/*
 * Delete what is below the floor ENTRY, at most COUNT_MAX keys: *COUNT becomes how
 * many, fewer when there are no more.
 */
int lmdb_drop(struct kv *kv, MDB_txn *mdb, const struct entry *entry, size_t count_max,
    size_t *count);

/* Put behind the last key of TABLE: faster, and the pages get full. */
int lmdb_append(struct kv *kv, MDB_txn *mdb, enum kv_table table, struct slice key,
    struct slice value);

/* The value in what is STORED for KEY, if its checksum is right. */
int lmdb_verify(
    enum kv_table table, struct slice key, MDB_val stored, struct slice *value);

#endif
