#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "server/base/thread.h"
#include "server/kv/writer.h"

struct writer {
	struct kv           *kv;
	struct writer_events events;
	pthread_t            thread;
	struct mailbox       inbox;
	_Atomic uint64_t     waiting; /* pushed, and not in a batch yet */

	pthread_mutex_t      mutex; /* guards what follows */
	struct writer_counts counts;
	bool                 is_busy; /* with a batch */
	bool                 is_held; /* between two batches */
	pthread_cond_t       changed; /* either of them */

	/* The thread's alone. */
	struct mail     *first; /* taken from the inbox, and not in a batch yet */
	struct write_op *ops[WRITER_BATCH_MAX];
};

/* ---- one batch ---- */

static void
tell(const struct writer *writer, void (*event)(void *context))
{
	if (event != NULL)
		event(writer->events.context);
}

static void
count_commit(struct writer *writer, size_t operations, enum status status)
{
	struct writer_counts *counts = &writer->counts;

	pthread_mutex_lock(&writer->mutex);
	if (status == STATUS_OK) {
		counts->commits++;
		counts->operations += operations;
		if (counts->batch_max < operations)
			counts->batch_max = operations;
	} else {
		counts->failures++;
	}
	pthread_mutex_unlock(&writer->mutex);
}

static void
count_split(struct writer *writer)
{
	pthread_mutex_lock(&writer->mutex);
	writer->counts.splits++;
	pthread_mutex_unlock(&writer->mutex);
}

/* Hand the operations back.  If COMMITTED is a failure, it is what they hear. */
static void
answer(
    struct writer *writer, struct write_op **ops, size_t count, enum status committed)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (committed != STATUS_OK)
			ops[i]->status = committed;
		ops[i]->done(ops[i]);
	}
	tell(writer, writer->events.answered);
}

/*
 * Apply one operation.  False when it failed after it had written: then what it
 * wrote must not be committed.
 */
static bool
apply(struct write_op *op, struct kv_batch *batch)
{
	struct kv_txn txn;

	kv_write(batch, &txn);
	txn.reserve = op->reserve;
	op->status = txn.status;
	if (op->status == STATUS_OK)
		op->status = op->apply(op, &txn);
	if (op->status == STATUS_OK)
		op->status = txn.status;
	return op->status == STATUS_OK || !txn.wrote;
}

/* Commit BATCH, of COUNT operations, and tell those who wait for changes. */
static enum status
commit(struct writer *writer, struct kv_batch *batch, size_t count)
{
	enum status status = kv_batch_commit(batch);

	count_commit(writer, count, status);
	if (status == STATUS_OK || status == STATUS_UNKNOWN)
		tell(writer, writer->events.committed);
	return status;
}

/* Have what the first of OPS will look up come from memory, all of it at once. */
static void
fetch_some(struct write_op **ops, size_t count, struct kv_batch *batch)
{
	struct kv_txn txn;
	size_t        i;

	kv_write(batch, &txn);
	for (i = 0; i < count && i < WRITER_AHEAD_MAX; i++)
		if (ops[i]->fetch != NULL)
			ops[i]->fetch(ops[i], &txn);
	kv_fetch_all(&txn);
}

/*
 * Apply the first of OPS.  How many: all, or as many as put enough for one commit,
 * or those before the one that failed after it had written.
 */
static size_t
apply_some(struct write_op **ops, size_t count, struct kv_batch *batch, bool *failed)
{
	size_t i = 0;

	*failed = false;
	while (i < count && kv_batch_bytes(batch) < WRITER_BATCH_BYTES_MAX) {
		if (i % WRITER_AHEAD_MAX == 0)
			fetch_some(ops + i, count - i, batch);
		if (!apply(ops[i], batch)) {
			*failed = true;
			break;
		}
		i++;
	}
	return i;
}

/*
 * Apply the first of OPS in one batch and commit it.  How many have been answered;
 * 0 when that must be tried again with fewer of them.
 */
static size_t
attempt(struct writer *writer, struct write_op **ops, size_t count)
{
	struct kv_batch *batch;
	enum status      status;
	size_t           applied;
	bool             failed;

	if ((status = kv_batch_begin(writer->kv, &batch)) != STATUS_OK) {
		count_commit(writer, count, status);
		answer(writer, ops, count, status);
		return count;
	}
	applied = apply_some(ops, count, batch, &failed);
	if (failed) {
		kv_batch_abort(batch);
		if (count > 1)
			return 0;
		answer(writer, ops, count,
		    STATUS_OK); /* that is, with what apply() said */
		return count;
	}
#ifdef FAULT_ANSWER_BEFORE_COMMIT
	/* A liar, for the durability tests to catch. */
	answer(writer, ops, applied, STATUS_OK);
	nanosleep(&(struct timespec){ .tv_nsec = 20 * 1000 * 1000 }, NULL);
	commit(writer, batch, applied);
	return applied;
#endif
	status = commit(writer, batch, applied);
	/* What may be there already must not be applied again. */
	if (status != STATUS_OK && status != STATUS_UNKNOWN && count > 1)
		return 0;
	answer(writer, ops, applied, status);
	return applied;
}

/* Bring OPS to an end, in one batch or, if need be, in ever smaller ones. */
static void
settle(struct writer *writer, struct write_op **ops, size_t count)
{
	size_t done, half;

	for (; count > 0; ops += done, count -= done) {
		if ((done = attempt(writer, ops, count)) > 0)
			continue;
		count_split(writer);
		half = count / 2;
		settle(writer, ops, half);
		done = half;
	}
}

/* ---- the thread ---- */

/* Take the next operations out of the queue. */
static size_t
gather(struct writer *writer)
{
	size_t count = 0;

	while (writer->first != NULL && count < WRITER_BATCH_MAX) {
		struct mail *mail = writer->first;

		writer->first = mail->next;
		writer->ops[count++] = MAIL_OBJECT(mail, struct write_op, mail);
	}
	atomic_fetch_sub(&writer->waiting, count);
	return count;
}

static void
set_busy(struct writer *writer, bool is_busy)
{
	pthread_mutex_lock(&writer->mutex);
	while (is_busy && writer->is_held)
		pthread_cond_wait(&writer->changed, &writer->mutex);
	writer->is_busy = is_busy;
	pthread_cond_signal(&writer->changed);
	pthread_mutex_unlock(&writer->mutex);
}

static void
take_turn(struct writer *writer)
{
	set_busy(writer, true);
	settle(writer, writer->ops, gather(writer));
	set_busy(writer, false);
}

void
writer_hold(struct writer *writer)
{
	pthread_mutex_lock(&writer->mutex);
	assert(!writer->is_held);
	writer->is_held = true;
	while (writer->is_busy)
		pthread_cond_wait(&writer->changed, &writer->mutex);
	pthread_mutex_unlock(&writer->mutex);
}

void
writer_release(struct writer *writer)
{
	pthread_mutex_lock(&writer->mutex);
	writer->is_held = false;
	pthread_cond_signal(&writer->changed);
	pthread_mutex_unlock(&writer->mutex);
}

static void *
run(void *context)
{
	struct writer *writer = context;

	while (!mailbox_is_closed(&writer->inbox)) {
		if (writer->first == NULL)
			writer->first = mailbox_wait_all(&writer->inbox);
		else
			take_turn(writer);
	}
	do {
		size_t count = gather(writer);

		answer(writer, writer->ops, count, STATUS_SHUTTING_DOWN);
		if (writer->first == NULL)
			writer->first = mailbox_take_all(&writer->inbox);
	} while (writer->first != NULL);
	return NULL;
}

enum status
writer_start(struct writer **out, struct kv *kv, const struct writer_events *events)
{
	struct writer *writer;

	*out = NULL;
	if ((writer = calloc(1, sizeof(*writer))) == NULL)
		return STATUS_NO_MEMORY;
	writer->kv = kv;
	if (events != NULL)
		writer->events = *events;
	mailbox_init(&writer->inbox, NULL, NULL);
	pthread_mutex_init(&writer->mutex, NULL);
	pthread_cond_init(&writer->changed, NULL);
	if (thread_start(&writer->thread, run, writer) != 0) {
		pthread_cond_destroy(&writer->changed);
		pthread_mutex_destroy(&writer->mutex);
		mailbox_fini(&writer->inbox);
		free(writer);
		return STATUS_NO_MEMORY;
	}
	*out = writer;
	return STATUS_OK;
}

bool
writer_gather(struct writer *writer, struct mail_list *list, struct write_op *op)
{
	if (atomic_fetch_add(&writer->waiting, 1) >= WRITER_WAITING_MAX) {
		atomic_fetch_sub(&writer->waiting, 1);
		return false;
	}
	mail_list_append(list, &op->mail);
	return true;
}

void
writer_push_all(struct writer *writer, struct mail_list *list)
{
	mailbox_push_all(&writer->inbox, list);
}

bool
writer_push(struct writer *writer, struct write_op *op)
{
	struct mail_list list;

	mail_list_init(&list);
	if (!writer_gather(writer, &list, op))
		return false;
	writer_push_all(writer, &list);
	return true;
}

void
writer_stop(struct writer *writer)
{
	if (writer == NULL)
		return;
	mailbox_close(&writer->inbox);
	pthread_join(writer->thread, NULL);
	pthread_cond_destroy(&writer->changed);
	pthread_mutex_destroy(&writer->mutex);
	mailbox_fini(&writer->inbox);
	free(writer);
}

void
writer_count(struct writer *writer, struct writer_counts *counts)
{
	pthread_mutex_lock(&writer->mutex);
	*counts = writer->counts;
	pthread_mutex_unlock(&writer->mutex);
	counts->waiting = atomic_load(&writer->waiting);
}
