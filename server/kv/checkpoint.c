#include <assert.h>
#include <time.h>

#include "server/base/clock.h"
#include "server/base/thread.h"
#include "server/kv/kv_private.h"

/* One transaction of LMDB has so much, or an eighth of a journal if that is less. */
#define ENTRIES_MAX 4096u
#define BYTES_MAX ((size_t)4 << 20)

#define RETRY_MS 100 /* after a failure */
#define NAP_MS 5
#define PINS_MS_MAX 100 /* a turn of a loop, amply; only a copy takes longer */

/* In no hurry, it is done when the active journal is so full, or after PACE_MS. */
#define DONE_AT_FULL 0.9
#define PACE_MS 4000

/* Wait for a change or MS, with the mutex held. */
static void
wait_ms(struct kv *kv, int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_cond_timedwait(&kv->changed, &kv->mutex, &until);
}

/* ---- one generation ---- */

struct progress {
	struct tree_cursor  cursor;
	const struct entry *next;  /* NULL: all are done */
	const struct entry *floor; /* the last one that was met, or NULL */
	size_t              done, count;
	int64_t             begun_ms;
};

/* Whether the next entry is of what the generation itself has dropped. */
static bool
is_dropped(const struct progress *progress)
{
	const struct entry *floor = progress->floor;

	return floor != NULL && progress->next->table == floor->table &&
	       key_compare(entry_key(progress->next), entry_floor(floor)) < 0;
}

/*
 * Carry the next entry into MDB, or a part of it, at most COUNT_MAX keys: *COUNT
 * becomes how many.  In the order of the keys a floor comes before what it lets leave.
 */
static int
put_next(struct kv *kv, MDB_txn *mdb, struct progress *progress, size_t count_max,
    size_t *count)
{
	const struct entry *next = progress->next;
	int                 rc = 0;

	*count = 1;
	if (entry_floor(next).len > 0) {
		progress->floor = next;
		rc = lmdb_drop(kv, mdb, next, count_max, count);
		progress->count += *count;
		progress->done += *count;
		if (rc != 0 || *count == count_max)
			return rc;
	} else if (!is_dropped(progress)) {
		rc = lmdb_put(kv, mdb, next);
	}
	progress->next = tree_next(&progress->cursor);
	progress->done++;
	return rc;
}

/* Carry the next entries into MDB. */
static int
put_some(struct kv *kv, MDB_txn *mdb, struct progress *progress)
{
	size_t part = kv->journal_bytes_max / 8;
	size_t bytes_max = part < BYTES_MAX ? part : BYTES_MAX;
	size_t left = ENTRIES_MAX, bytes = 0, count;
	int    rc = 0;

	while (rc == 0 && progress->next != NULL && left > 0 &&
	       (left == ENTRIES_MAX || bytes < bytes_max)) {
		bytes += entry_size(progress->next->key_len, progress->next->value_len);
		rc = put_next(kv, mdb, progress, left, &count);
		left -= count;
	}
	return rc;
}

/* One transaction; the last one also has the numbers. */
static enum status
step(struct kv *kv, struct progress *progress, uint64_t last, uint64_t journal)
{
	MDB_txn *mdb;
	uint64_t bytes_used;
	int      rc;

	if ((rc = mdb_txn_begin(kv->env, NULL, 0, &mdb)) != 0)
		return lmdb_failed(kv, rc);
	rc = put_some(kv, mdb, progress);
	if (rc == 0 && progress->next == NULL)
		rc = lmdb_put_numbers(kv, mdb, last, journal);
	if (rc != 0) {
		mdb_txn_abort(mdb);
		return lmdb_failed(kv, rc);
	}
	bytes_used = lmdb_bytes_used(kv, mdb);
	if ((rc = mdb_txn_commit(mdb)) != 0)
		return lmdb_failed(kv, rc);
	atomic_store(&kv->bytes_used, bytes_used);
	return STATUS_OK;
}

/* Whether the checkpoint is further than it needs to be. */
static bool
is_ahead(const struct kv *kv, const struct progress *progress)
{
	double done = (double)progress->done / (double)progress->count;
	double full =
	    (double)atomic_load(&kv->active_bytes) / (double)kv->journal_bytes_max;
	double late = (double)(clock_mono_ms() - progress->begun_ms) / PACE_MS;

	return done > full / DONE_AT_FULL && done > late;
}

/* Leave the disk to the journal for a while. */
static void
pause_if_ahead(struct kv *kv, const struct progress *progress)
{
	pthread_mutex_lock(&kv->mutex);
	while (!kv->is_hurried && !kv->is_stopping && is_ahead(kv, progress))
		wait_ms(kv, NAP_MS);
	pthread_mutex_unlock(&kv->mutex);
}

/*
 * Carry GENERATION into LMDB, from its beginning, in the order of the keys.  JOURNAL is
 * the one that is read after it.
 */
static enum status
carry(struct kv *kv, const struct generation *generation, uint64_t journal)
{
	struct progress progress = {
		.begun_ms = clock_mono_ms(),
		.count = generation->layer->tree.count,
	};
	enum status status;
	int         dead;

	if ((status = lmdb_mend(kv)) != STATUS_OK)
		return status;
	/* A tool that was killed while it looked would keep dead pages for ever. */
	mdb_reader_check(kv->env, &dead);
	progress.next =
	    tree_from(&progress.cursor, generation->layer->tree.root, 0, SLICE(""));
	do {
		status = step(kv, &progress, generation->last, journal);
		if (status == STATUS_OK && progress.next != NULL)
			pause_if_ahead(kv, &progress);
	} while (status == STATUS_OK && progress.next != NULL);
	return status;
}

/* ---- the thread ---- */

/*
 * Empty the layer of GENERATION, when no view looks into it any more; after a while,
 * leave it to those who do.  With the mutex held.
 */
static void
empty_layer(struct kv *kv, struct generation *generation)
{
	struct layer *layer = generation->layer, *fresh = NULL;
	int64_t       until = clock_mono_ms() + PINS_MS_MAX;

	while (layer->pins > 0 && clock_mono_ms() < until)
		wait_ms(kv, NAP_MS);
	while (layer->pins > 0 && (fresh = layer_new()) == NULL)
		wait_ms(kv, NAP_MS);
	if (layer->pins > 0) {
		layer->is_loose = true;
		generation->layer = fresh;
		return;
	}
	tree_reset(&layer->tree);
	chunks_reset(&layer->frames);
}

/* All of GENERATION is in LMDB.  Make it ready to be used again; with the mutex held.
 */
static void
let_go(struct kv *kv, struct generation *generation)
{
	kv->frozen = NULL;
	atomic_store(&kv->frozen_bytes, 0);
	pthread_cond_broadcast(&kv->changed);
	empty_layer(kv, generation);
	generation->begun_ms = 0;
	generation->in_use = false;
	pthread_cond_broadcast(&kv->changed);
}

static void *
run(void *context)
{
	struct kv         *kv = context;
	struct generation *frozen;
	uint64_t           journal;
	enum status        status;

	pthread_mutex_lock(&kv->mutex);
	while (!kv->is_stopping || kv->frozen != NULL) {
		if ((frozen = kv->frozen) == NULL) {
			pthread_cond_wait(&kv->changed, &kv->mutex);
			continue;
		}
		journal = kv->active->journal.id;
		pthread_mutex_unlock(&kv->mutex);
		status = carry(kv, frozen, journal);
		pthread_mutex_lock(&kv->mutex);
		kv->checkpoint_status = status;
		if (status == STATUS_OK)
			let_go(kv, frozen);
		else if (kv->is_stopping)
			break;
		else
			wait_ms(kv, RETRY_MS);
		pthread_cond_broadcast(&kv->changed);
	}
	pthread_mutex_unlock(&kv->mutex);
	return NULL;
}

enum status
kv_checkpoint_status(struct kv *kv)
{
	enum status status;

	pthread_mutex_lock(&kv->mutex);
	status = kv->checkpoint_status;
	pthread_mutex_unlock(&kv->mutex);
	return status;
}

enum status
checkpoint_start(struct kv *kv)
{
	int rc = thread_start(&kv->checkpoint_thread, run, kv);

	return rc == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

void
checkpoint_stop(struct kv *kv)
{
	pthread_mutex_lock(&kv->mutex);
	kv->is_stopping = true;
	pthread_cond_broadcast(&kv->changed);
	pthread_mutex_unlock(&kv->mutex);
	pthread_join(kv->checkpoint_thread, NULL);
	/* Now nobody else is here. */
	kv->active->last = kv_sequence(kv);
	if (kv->is_recorded && kv->frozen == NULL &&
	    carry(kv, kv->active, 0) == STATUS_OK)
		generations_remove(kv);
}
