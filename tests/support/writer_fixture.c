#include "tests/support/writer_fixture.h"

#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t  changed;
	bool            is_waited_at;
	int             permits; /* how many may pass */
	int             answers;
} door = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0, 0 };

static void
door_reset(void)
{
	door.is_waited_at = false;
	door.permits = 0;
	door.answers = 0;
}

static void
door_wait(void)
{
	pthread_mutex_lock(&door.mutex);
	door.is_waited_at = true;
	pthread_cond_broadcast(&door.changed);
	while (door.permits == 0)
		pthread_cond_wait(&door.changed, &door.mutex);
	door.permits--;
	door.is_waited_at = false;
	pthread_mutex_unlock(&door.mutex);
}

void
door_meet(void)
{
	pthread_mutex_lock(&door.mutex);
	while (!door.is_waited_at || door.permits > 0)
		pthread_cond_wait(&door.changed, &door.mutex);
	pthread_mutex_unlock(&door.mutex);
}

void
door_open(void)
{
	pthread_mutex_lock(&door.mutex);
	door.permits++;
	pthread_cond_broadcast(&door.changed);
	pthread_mutex_unlock(&door.mutex);
}

void
answers_wait(int count)
{
	pthread_mutex_lock(&door.mutex);
	while (door.answers < count)
		pthread_cond_wait(&door.changed, &door.mutex);
	pthread_mutex_unlock(&door.mutex);
}

int
answers_now(void)
{
	int answers;

	pthread_mutex_lock(&door.mutex);
	answers = door.answers;
	pthread_mutex_unlock(&door.mutex);
	return answers;
}

void
task_wait(const struct task *task)
{
	pthread_mutex_lock(&door.mutex);
	while (task->answers == 0)
		pthread_cond_wait(&door.changed, &door.mutex);
	pthread_mutex_unlock(&door.mutex);
}

static char large[TASK_LARGE_BYTES];

static void
task_fetch(struct write_op *op, struct kv_txn *txn)
{
	struct task *task = MAIL_OBJECT(op, struct task, op);

	task->fetches++;
	kv_fetch(txn, KV_CUSTOMER, slice_text(task->key));
}

static enum status
task_apply(struct write_op *op, struct kv_txn *txn)
{
	struct task *task = MAIL_OBJECT(op, struct task, op);
	struct slice value;

	/* Asked before each run, and in vain if the batch ended before it. */
	assert(task->fetches > task->runs);
	task->runs++;
	if (task->what == TASK_REFUSE)
		return STATUS_NOT_FOUND;
	if (task->what == TASK_PUT_WHEN_ABSENT &&
	    kv_get(txn, KV_CUSTOMER, slice_text(task->key), &value))
		return STATUS_INVALID;
	if (task->what == TASK_PUT_LARGE)
		kv_put(txn, KV_CHANGE, slice_text(task->key),
		    slice_of(large, sizeof(large)));
	kv_put(txn, KV_CUSTOMER, slice_text(task->key), slice_text(task->key));
	if (task->what == TASK_WAIT)
		door_wait();
	return task->what == TASK_FAIL ? STATUS_TOO_LARGE : STATUS_OK;
}

static void
task_done(struct write_op *op)
{
	struct task *task = MAIL_OBJECT(op, struct task, op);

	pthread_mutex_lock(&door.mutex);
	task->answers++;
	door.answers++;
	pthread_cond_broadcast(&door.changed);
	pthread_mutex_unlock(&door.mutex);
}

struct task
task_of(enum task_what what, int number)
{
	struct task task = {
		.op = { .fetch = task_fetch, .apply = task_apply, .done = task_done },
		.what = what
	};

	snprintf(task.key, sizeof(task.key), "%d", number);
	return task;
}

struct writer *
must_start(struct kv_fixture *f, const struct writer_events *events)
{
	struct writer *writer;

	door_reset();
	assert_int_equal(writer_start(&writer, f->kv, events), STATUS_OK);
	return writer;
}

void
must_hold(struct writer *writer, struct task *task)
{
	*task = task_of(TASK_WAIT, 100000);
	assert_true(writer_push(writer, &task->op));
	door_meet();
}
