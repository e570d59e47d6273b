#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/kv/kv_private.h"

#define AGE_MS_MAX 10000 /* what was committed waits for the checkpoint no longer */

/* An end of a burst: nothing was added for so long to so much of a journal. */
#define REST_MS 500
#define REST_PART 8u

/* Room in the journal that a batch finds; and that is kept for deletes. */
#define AHEAD_BYTES ((uint64_t)256 << 10)
#define RESERVE_BYTES ((uint64_t)64 << 10)

/* Of the bound of the file; when so much may be used, what is used is looked at. */
#define NEAR_BOUND_PERCENT 90u

static const char *const names[GENERATIONS] = { "journal.0", "journal.1" };

struct layer *
layer_new(void)
{
	struct layer *layer = calloc(1, sizeof(*layer));

	if (layer == NULL)
		return NULL;
	tree_init(&layer->tree);
	chunks_init(&layer->frames);
	return layer;
}

void
layer_free(struct layer *layer)
{
	if (layer == NULL)
		return;
	tree_fini(&layer->tree);
	chunks_fini(&layer->frames);
	free(layer);
}

bool
generations_init(struct kv *kv)
{
	unsigned i;

	kv->active = &kv->generations[0];
	kv->active->in_use = true;
	for (i = 0; i < GENERATIONS; i++) {
		kv->generations[i].name = names[i];
		journal_init(&kv->generations[i].journal);
		kv->generations[i].layer = layer_new();
	}
	return kv->generations[0].layer != NULL && kv->generations[1].layer != NULL;
}

void
generations_fini(struct kv *kv)
{
	unsigned i;

	for (i = 0; i < GENERATIONS; i++) {
		if (kv->generations[i].name != NULL)
			journal_close(&kv->generations[i].journal);
		layer_free(kv->generations[i].layer);
	}
}

void
generations_remove(struct kv *kv)
{
	unsigned i;

	for (i = 0; i < GENERATIONS; i++)
		unlinkat(kv->dir, names[i], 0);
}

static struct generation *
other_than(struct kv *kv, const struct generation *generation)
{
	return &kv->generations[generation == &kv->generations[0]];
}

/* ---- the first batch ---- */

/* Let LMDB know that there are journals, from now on. */
static enum status
record_journals(struct kv *kv)
{
	enum status status;
	MDB_txn    *mdb;
	int         rc;

	if ((status = lmdb_mend(kv)) != STATUS_OK)
		return status;
	if ((rc = mdb_txn_begin(kv->env, NULL, 0, &mdb)) != 0)
		return lmdb_failed(kv, rc);
	rc = lmdb_put_number(kv, mdb, META_JOURNAL, kv->active->journal.id);
	if (rc != 0)
		mdb_txn_abort(mdb);
	else
		rc = mdb_txn_commit(mdb);
	if (rc != 0)
		return lmdb_failed(kv, rc);
	kv->is_recorded = true;
	return STATUS_OK;
}

/* Make the names of the journals last, or have no journals. */
static int
name_journals(struct kv *kv)
{
	unsigned i;
	int      rc;

	if (kv->is_named)
		return 0;
	if (fsync(kv->dir) == 0) {
		kv->is_named = true;
		return 0;
	}
	rc = errno;
	/* The kernel may have given them up, and say so only once: make new ones. */
	for (i = 0; i < GENERATIONS; i++)
		journal_close(&kv->generations[i].journal);
	generations_remove(kv);
	return rc;
}

/*
 * Create the journals: complete, and their names on disk, before LMDB knows of them.
 * What has been done is not done again: it may be known already.
 */
static enum status
create_journals(struct kv *kv)
{
	struct journal *journal = &kv->active->journal;
	unsigned        i;
	int             rc = 0;

	for (i = 0; i < GENERATIONS && rc == 0; i++)
		if (kv->generations[i].journal.fd < 0)
			rc = journal_create(
			    &kv->generations[i].journal, kv->dir, names[i]);
	if (rc == 0 && journal->first == 0)
		rc = journal_begin(journal, 0, kv_sequence(kv) + 1);
	if (rc == 0)
		rc = name_journals(kv);
	return rc != 0 ? lmdb_status(rc) : record_journals(kv);
}

/* ---- room ---- */

/* Freeze the active generation: the other one takes the batches from now on. */
static int
freeze(struct kv *kv)
{
	struct generation *old = kv->active, *next = other_than(kv, old);
	int                rc;

	rc = journal_begin(&next->journal, old->journal.id, kv_sequence(kv) + 1);
	if (rc != 0)
		return rc;
	pthread_mutex_lock(&kv->mutex);
	assert(kv->frozen == NULL && !next->in_use && next->layer->tree.root == NULL);
	next->in_use = true;
	kv->frozen = old;
	kv->active = next;
	kv->root = NULL;
	atomic_store(&kv->frozen_bytes, old->layer->frames.bytes);
	atomic_store(&kv->active_bytes, 0);
	pthread_cond_broadcast(&kv->changed);
	pthread_mutex_unlock(&kv->mutex);
	return 0;
}

/* Wait until the other generation is free, but not while the checkpoint fails. */
static enum status
wait_for_checkpoint(struct kv *kv)
{
	const struct generation *other = other_than(kv, kv->active);
	enum status              status;

	pthread_mutex_lock(&kv->mutex);
	kv->is_hurried = true;
	pthread_cond_broadcast(&kv->changed);
	while (other->in_use && kv->checkpoint_status == STATUS_OK)
		pthread_cond_wait(&kv->changed, &kv->mutex);
	kv->is_hurried = false;
	status = other->in_use ? kv->checkpoint_status : STATUS_OK;
	pthread_mutex_unlock(&kv->mutex);
	return status;
}

static bool
other_is_free(struct kv *kv)
{
	bool is_free;

	pthread_mutex_lock(&kv->mutex);
	is_free = !other_than(kv, kv->active)->in_use;
	pthread_mutex_unlock(&kv->mutex);
	return is_free;
}

/* The bytes on disk, or in memory, of GENERATION: what is more. */
static uint64_t
bytes_of(const struct generation *generation)
{
	uint64_t in_file = generation->journal.offset;
	uint64_t in_tree = generation->layer->tree.nodes.bytes;

	return in_file > in_tree ? in_file : in_tree;
}

/* Whether the active generation should be carried over before it is full. */
static bool
is_ripe(const struct kv *kv)
{
	const struct generation *active = kv->active;
	int64_t                  now_ms = clock_mono_ms();

	return now_ms - active->begun_ms >= AGE_MS_MAX ||
	       (now_ms - active->grown_ms >= REST_MS &&
		   bytes_of(active) >= kv->journal_bytes_max / REST_PART);
}

/* Freeze the active generation if it is due, and wait for that if it must be. */
static enum status
freeze_if_due(struct kv *kv)
{
	const struct generation *active = kv->active;
	bool                     is_full = bytes_of(active) >= kv->journal_bytes_max;
	enum status              status;
	int                      rc;

	if (active->layer->tree.root == NULL)
		return STATUS_OK;
	if (!is_full && !(is_ripe(kv) && other_is_free(kv)))
		return STATUS_OK;
	if ((status = wait_for_checkpoint(kv)) != STATUS_OK)
		return status;
	rc = freeze(kv);
	return is_full ? lmdb_status(rc) : STATUS_OK;
}

/* Have everything carried into LMDB. */
static enum status
carry_all(struct kv *kv)
{
	enum status status = wait_for_checkpoint(kv);
	int         rc;

	if (status != STATUS_OK || kv->active->layer->tree.root == NULL)
		return status;
	if ((rc = freeze(kv)) != 0)
		return lmdb_status(rc);
	return wait_for_checkpoint(kv);
}

/*
 * How much of the file's bound is used is known only when all is in it.  So close to
 * the bound, see to that.
 */
static void
look_at_bound(struct kv *kv)
{
	uint64_t near = kv->bytes_max / 100 * NEAR_BOUND_PERCENT;
	uint64_t waiting = kv_bytes_waiting(kv);

	if (waiting > 0 && atomic_load(&kv->bytes_used) + 2 * waiting >= near)
		carry_all(kv);
}

/* Have some room in the journal, without taking what the checkpoint will need. */
static enum status
look_ahead(struct kv *kv)
{
	struct journal *journal = &kv->active->journal;
	int             rc = 0;

	if (journal->offset + AHEAD_BYTES > journal->allocated)
		rc = lmdb_disk_is_full(kv, 2 * kv_bytes_waiting(kv) + AHEAD_BYTES)
			 ? ENOSPC
			 : journal_reserve(journal, AHEAD_BYTES);
	if (rc != 0 && journal->offset + RESERVE_BYTES < journal->allocated)
		rc = 0;
	return lmdb_status(rc);
}

enum status
generations_make_room(struct kv *kv)
{
	enum status status;

	if (!kv->is_recorded) {
		kv->room = create_journals(kv);
		return STATUS_OK; /* a batch that changes nothing needs none */
	}
	if (journal_settle(&kv->active->journal) != 0)
		return STATUS_STORAGE_FAILED;
	/* The checkpoint thread sees to it while it has something to do. */
	if (other_is_free(kv) && (status = lmdb_mend(kv)) != STATUS_OK)
		return status;
	if ((status = freeze_if_due(kv)) != STATUS_OK)
		return status;
	look_at_bound(kv);
	kv->room = look_ahead(kv);
	/* When nothing waits, less room must be kept, and a journal is empty. */
	if (kv->room == STATUS_STORAGE_FULL && carry_all(kv) == STATUS_OK)
		kv->room = look_ahead(kv);
	return STATUS_OK;
}

enum status
generations_empty(struct kv *kv)
{
	enum status status;
	unsigned    i;
	int         rc = 0;

	if (!kv->is_recorded)
		return STATUS_OK;
	if (journal_settle(&kv->active->journal) != 0)
		return STATUS_STORAGE_FAILED;
	if ((status = carry_all(kv)) != STATUS_OK)
		return status;
	for (i = 0; i < GENERATIONS && rc == 0; i++)
		rc = journal_wipe(&kv->generations[i].journal);
	return lmdb_status(rc);
}
