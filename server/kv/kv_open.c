#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/kv/kv_private.h"

/* ---- reading the journals again ---- */

/* Say in WHY what RC of the journal NAME means. */
static enum status
refuse(const char *name, int rc, char *why, size_t why_size)
{
	switch (rc) {
	case ENOENT:
		snprintf(why, why_size,
		    "%s is missing: find it, or restore a backup without journals",
		    name);
		return STATUS_DAMAGED;
	case EBADMSG:
		snprintf(why, why_size, "%s is damaged: restore a backup", name);
		return STATUS_DAMAGED;
	case ENOTSUP:
		snprintf(why, why_size,
		    "%s has a format newer than this server knows: install a newer one",
		    name);
		return STATUS_STORAGE_FAILED;
	default:
		snprintf(why, why_size, "cannot read %s: %s", name, strerror(rc));
		return lmdb_status(rc);
	}
}

/* Put ENTRY, or the end of a batch, into the tree. */
static bool
replay(void *context, const struct entry *entry)
{
	struct generation *generation = context;

	if (entry != NULL)
		return tree_put(&generation->layer->tree, entry);
	generation->last++;
	tree_keep(&generation->layer->tree);
	tree_reclaim(&generation->layer->tree, generation->last);
	tree_begin(&generation->layer->tree, generation->last + 1);
	return true;
}

/* Read what is in the journal of GENERATION, which has been opened. */
static int
read_generation(struct generation *generation)
{
	uint64_t last;
	int      rc;

	generation->last = generation->journal.first - 1;
	tree_begin(&generation->layer->tree, generation->last + 1);
	rc = journal_read(&generation->journal, &generation->layer->frames, replay,
	    generation, &last);
	if (rc != 0)
		return rc;
	assert(last == generation->last);
	if (generation->layer->tree.root != NULL)
		generation->begun_ms = clock_mono_ms();
	return 0;
}

/* Go on from what was read, when it is surely on disk. */
static enum status
resume(struct kv *kv, char *why, size_t why_size)
{
	unsigned i;
	int      rc = 0;

	for (i = 0; i < GENERATIONS && !kv->read_only; i++) {
		struct generation *generation = &kv->generations[i];

		if (generation->in_use)
			rc = journal_confirm(&generation->journal);
		if (rc != 0) {
			snprintf(why, why_size, "cannot write the end of %s: %s",
			    generation->name, strerror(rc));
			return lmdb_status(rc);
		}
	}
	kv->root = kv->active->layer->tree.root;
	atomic_store(&kv->active_bytes, kv->active->layer->frames.bytes);
	if (kv->frozen != NULL)
		atomic_store(&kv->frozen_bytes, kv->frozen->layer->frames.bytes);
	atomic_store(&kv->sequence, kv->active->last);
	return STATUS_OK;
}

/* Read OLD, the oldest journal, and NEW if it goes on there. */
static enum status
read_both(struct kv *kv, struct generation *old, struct generation *new, char *why,
    size_t why_size)
{
	int rc;

	if ((rc = read_generation(old)) != 0)
		return refuse(old->name, rc, why, why_size);
	if (old->journal.first - 1 > kv->batches || kv->batches > old->last) {
		snprintf(why, why_size,
		    "%s does not go on where " LMDB_FILE " ends: restore both",
		    old->name);
		return STATUS_DAMAGED;
	}
	old->in_use = true;
	kv->active = old;
	if (new->journal.previous == old->journal.id) {
		if ((rc = read_generation(new)) != 0)
			return refuse(new->name, rc, why, why_size);
		if (new->journal.first == old->last + 1) {
			new->in_use = true;
			kv->active = new;
			kv->frozen = old;
		} else if (new->layer->tree.root != NULL ||
			   new->journal.first > old->last + 1) {
			/* It would go on where OLD once ended. */
			return refuse(old->name, EBADMSG, why, why_size);
		}
	}
	return resume(kv, why, why_size);
}

/* Bring back what had been committed and was not in LMDB yet. */
static enum status
recover(struct kv *kv, char *why, size_t why_size)
{
	struct generation *both = kv->generations;
	unsigned           i;
	int                rc;

	/* Who wrote it may have been killed before it was on disk. */
	if (!kv->read_only && (rc = mdb_env_sync(kv->env, 0)) != 0) {
		snprintf(
		    why, why_size, "cannot sync " LMDB_FILE ": %s", mdb_strerror(rc));
		return lmdb_status(rc);
	}
	atomic_store(&kv->sequence, kv->batches);
	if (kv->journal == 0) {
		if (!kv->read_only)
			generations_remove(kv); /* left by a crash while closing */
		return STATUS_OK;
	}
	for (i = 0; i < GENERATIONS; i++) {
		rc = journal_open(
		    &both[i].journal, kv->dir, both[i].name, kv->read_only);
		if (rc != 0)
			return refuse(both[i].name, rc, why, why_size);
	}
	kv->is_recorded = true;
	both[0].in_use = false;
	for (i = 0; i < GENERATIONS; i++)
		if (both[i].journal.id == kv->journal)
			return read_both(kv, &both[i], &both[!i], why, why_size);
	snprintf(why, why_size,
	    "the journals do not belong to " LMDB_FILE ": restore both, or " LMDB_FILE
	    " from a backup without journals");
	return STATUS_DAMAGED;
}

/* ---- opening ---- */

/* The lock of KV.  Writers first: a loop is back in a moment, and never nests. */
static int
lock_init(struct kv *kv)
{
	pthread_rwlockattr_t attr;
	int                  rc;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
	    &attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	rc = pthread_rwlock_init(&kv->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	return rc;
}

static void
mutex_init(struct kv *kv)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&kv->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&kv->changed, &attr);
	pthread_condattr_destroy(&attr);
}

struct kv *
kv_new(const struct kv_options *options)
{
	struct kv *kv;

	if ((kv = calloc(1, sizeof(*kv))) == NULL)
		return NULL;
	kv->bytes_max = (options->bytes_max + LMDB_PAGE_BYTES - 1) / LMDB_PAGE_BYTES *
			LMDB_PAGE_BYTES;
	kv->journal_bytes_max = options->journal_bytes_max;
	kv->snapshots_max = options->snapshots_max;
	kv->read_only = options->read_only;
	kv->path = strdup(options->path);
	kv->marks = marks_new();
	kv->snapshots = calloc(kv->snapshots_max + 1, sizeof(*kv->snapshots));
	if (kv->path == NULL || kv->snapshots == NULL || kv->marks == NULL ||
	    !generations_init(kv) || lock_init(kv) != 0) {
		generations_fini(kv);
		free(kv->marks);
		free(kv->snapshots);
		free(kv->path);
		free(kv);
		return NULL;
	}
	mutex_init(kv);
	kv->base.kv = kv;
	return kv;
}

void
kv_free(struct kv *kv)
{
	generations_fini(kv);
	pthread_cond_destroy(&kv->changed);
	pthread_mutex_destroy(&kv->mutex);
	pthread_rwlock_destroy(&kv->lock);
	free(kv->marks);
	free(kv->snapshots);
	free(kv->path);
	free(kv);
}

enum status
kv_open(struct kv **out, const struct kv_options *options, char *why, size_t why_size)
{
	enum status status = STATUS_STORAGE_FAILED;
	struct kv  *kv;

	*out = NULL;
	if ((kv = kv_new(options)) == NULL) {
		snprintf(why, why_size, "out of memory");
		return STATUS_NO_MEMORY;
	}
	if ((kv->dir = lmdb_dir_open(kv->path, why, why_size)) < 0)
		goto free_kv;
	if ((status = lmdb_open(kv, why, why_size)) != STATUS_OK)
		goto close_dir;
	if ((status = recover(kv, why, why_size)) != STATUS_OK)
		goto close_env;
	if (!kv->read_only && (status = checkpoint_start(kv)) != STATUS_OK) {
		snprintf(why, why_size, "cannot start a thread");
		goto close_env;
	}
	*out = kv;
	return STATUS_OK;

close_env:
	lmdb_close(kv);
close_dir:
	close(kv->dir);
free_kv:
	kv_free(kv);
	return status;
}

void
kv_close(struct kv *kv)
{
	unsigned i;

	if (kv == NULL)
		return;
	assert(!kv->batch_is_open);
	for (i = 0; i < kv->snapshots_max; i++)
		assert(kv->snapshots[i] == NULL);
	if (!kv->read_only)
		checkpoint_stop(kv);
	lmdb_close(kv);
	close(kv->dir);
	kv_free(kv);
}

/* ---- numbers ---- */

uint64_t
kv_sequence(const struct kv *kv)
{
	return atomic_load(&kv->sequence);
}

void
kv_usage(const struct kv *kv, uint64_t *bytes_used, uint64_t *bytes_max)
{
	*bytes_used = kv_bytes(kv);
	*bytes_max = kv->bytes_max;
}
