#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/kv/writer.h"
#include "tests/support/kv_fixture.h"

/* ---- an operation, and a door that it may wait at ---- */

struct task {
	struct write_op op;
	char            key[16];
	enum {
		PUT,
		REFUSE,          /* without having written */
		FAIL,            /* after having written */
		WAIT,            /* at the door, then put */
		PUT_WHEN_ABSENT, /* refused if its key is there */
		PUT_LARGE        /* half of what a batch may put */
	} what;
	int runs;
	int answers;
};

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

/* Wait until an operation waits at the door and has no permit yet. */
static void
door_meet(void)
{
	pthread_mutex_lock(&door.mutex);
	while (!door.is_waited_at || door.permits > 0)
		pthread_cond_wait(&door.changed, &door.mutex);
	pthread_mutex_unlock(&door.mutex);
}

static void
door_open(void)
{
	pthread_mutex_lock(&door.mutex);
	door.permits++;
	pthread_cond_broadcast(&door.changed);
	pthread_mutex_unlock(&door.mutex);
}

static void
answers_wait(int count)
{
	pthread_mutex_lock(&door.mutex);
	while (door.answers < count)
		pthread_cond_wait(&door.changed, &door.mutex);
	pthread_mutex_unlock(&door.mutex);
}

static char large[WRITER_BATCH_BYTES_MAX / 2];

static enum status
task_apply(struct write_op *op, struct kv_txn *txn)
{
	struct task *task = MAIL_OBJECT(op, struct task, op);
	struct slice value;

	task->runs++;
	if (task->what == REFUSE)
		return STATUS_NOT_FOUND;
	if (task->what == PUT_WHEN_ABSENT &&
	    kv_get(txn, KV_CUSTOMER, slice_text(task->key), &value))
		return STATUS_INVALID;
	if (task->what == PUT_LARGE)
		kv_put(txn, KV_CHANGE, slice_text(task->key),
		    slice_of(large, sizeof(large)));
	kv_put(txn, KV_CUSTOMER, slice_text(task->key), slice_text(task->key));
	if (task->what == WAIT)
		door_wait();
	return task->what == FAIL ? STATUS_TOO_LARGE : STATUS_OK;
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

static struct task
task_of(int what, int number)
{
	struct task task = { .op = { .apply = task_apply, .done = task_done } };

	task.what = what;
	snprintf(task.key, sizeof(task.key), "%d", number);
	return task;
}

static struct writer *
must_start(struct kv_fixture *f)
{
	struct writer *writer;

	door_reset();
	assert_int_equal(writer_start(&writer, f->kv, NULL), STATUS_OK);
	return writer;
}

/* Push a task that holds its batch open until door_open(). */
static void
must_hold(struct writer *writer, struct task *task)
{
	*task = task_of(WAIT, 100000);
	assert_true(writer_push(writer, &task->op));
	door_meet();
}

/* ---- the tests ---- */

static void
what_is_answered_ok_is_there(void **state)
{
	struct kv_fixture *f = *state;
	struct writer     *writer = must_start(f);
	struct task        task = task_of(PUT, 1);

	assert_true(writer_push(writer, &task.op));
	answers_wait(1);
	assert_int_equal(task.op.status, STATUS_OK);
	assert_string_equal(look_up(f, KV_CUSTOMER, "1"), "1");
	writer_stop(writer);
}

static void
a_batch_gathers_while_another_is_under_way(void **state)
{
	static struct task   tasks[500];
	struct kv_fixture   *f = *state;
	struct writer       *writer = must_start(f);
	struct writer_counts counts;
	struct task          first;
	int                  i;

	must_hold(writer, &first);
	for (i = 0; i < 500; i++) {
		tasks[i] = task_of(PUT, i);
		assert_true(writer_push(writer, &tasks[i].op));
	}
	writer_count(writer, &counts);
	assert_int_equal(counts.waiting, 500);
	door_open();
	answers_wait(501);
	writer_count(writer, &counts);
	assert_int_equal(counts.commits, 2);
	assert_int_equal(counts.operations, 501);
	assert_int_equal(counts.batch_max, 500);
	assert_int_equal(counts.splits, 0);
	assert_int_equal(counts.waiting, 0);
	writer_stop(writer);
}

/* Nobody holds the writer up: the first of them does not begin without the others. */
static void
what_was_gathered_shares_a_commit(void **state)
{
	static struct task   tasks[500];
	struct kv_fixture   *f = *state;
	struct writer       *writer = must_start(f);
	struct writer_counts counts;
	struct mail_list     list;
	int                  i;

	mail_list_init(&list);
	for (i = 0; i < 500; i++) {
		tasks[i] = task_of(PUT, i);
		assert_true(writer_gather(writer, &list, &tasks[i].op));
	}
	writer_count(writer, &counts);
	assert_int_equal(counts.waiting, 500);
	assert_int_equal(counts.commits, 0);
	writer_push_all(writer, &list);
	assert_null(list.first);
	answers_wait(500);
	writer_count(writer, &counts);
	assert_int_equal(counts.commits, 1);
	assert_int_equal(counts.batch_max, 500);
	assert_int_equal(counts.waiting, 0);
	writer_stop(writer);
}

static void
a_batch_is_bounded(void **state)
{
	static struct task   tasks[WRITER_BATCH_MAX + 1];
	struct kv_fixture   *f = *state;
	struct writer       *writer = must_start(f);
	struct writer_counts counts;
	struct task          first;
	size_t               i;

	must_hold(writer, &first);
	for (i = 0; i < WRITER_BATCH_MAX + 1; i++) {
		tasks[i] = task_of(PUT, (int)i);
		assert_true(writer_push(writer, &tasks[i].op));
	}
	door_open();
	answers_wait(WRITER_BATCH_MAX + 2);
	writer_count(writer, &counts);
	assert_int_equal(counts.batch_max, WRITER_BATCH_MAX);
	assert_int_equal(counts.commits, 3);
	writer_stop(writer);
}

static void
a_batch_is_bounded_in_bytes(void **state)
{
	struct kv_fixture   *f = *state;
	struct writer       *writer = must_start(f);
	struct task          first, tasks[5];
	struct writer_counts counts;
	int                  i;

	must_hold(writer, &first);
	for (i = 0; i < 5; i++) {
		tasks[i] = task_of(PUT_LARGE, i);
		assert_true(writer_push(writer, &tasks[i].op));
	}
	door_open();
	answers_wait(6);
	writer_count(writer, &counts);
	assert_int_equal(counts.batch_max, 2);
	assert_int_equal(counts.commits, 4);
	assert_int_equal(counts.splits, 0);
	for (i = 0; i < 5; i++)
		assert_int_equal(tasks[i].op.status, STATUS_OK);
	writer_stop(writer);
}

static void
a_refusal_harms_nobody_and_splits_nothing(void **state)
{
	struct kv_fixture *f = *state;
	struct writer     *writer = must_start(f);
	struct task        first,
	    tasks[3] = { task_of(PUT, 1), task_of(REFUSE, 2), task_of(PUT, 3) };
	struct writer_counts counts;
	int                  i;

	must_hold(writer, &first);
	for (i = 0; i < 3; i++)
		assert_true(writer_push(writer, &tasks[i].op));
	door_open();
	answers_wait(4);
	assert_int_equal(tasks[0].op.status, STATUS_OK);
	assert_int_equal(tasks[1].op.status, STATUS_NOT_FOUND);
	assert_int_equal(tasks[2].op.status, STATUS_OK);
	writer_count(writer, &counts);
	assert_int_equal(counts.splits, 0);
	assert_null(look_up(f, KV_CUSTOMER, "2"));
	writer_stop(writer);
}

/* 256 operations in a batch, one of them POISON, which fails with STATUS. */
static void
expect_alone(struct kv_fixture *f, int poison, enum status status)
{
	static struct task   tasks[256];
	struct writer       *writer = must_start(f);
	struct writer_counts counts;
	struct task          first;
	int                  i;

	must_hold(writer, &first);
	for (i = 0; i < 256; i++) {
		/* Each must be run from the beginning, as if it had never been. */
		tasks[i] = task_of(i == 77 ? poison : PUT_WHEN_ABSENT, i);
		assert_true(writer_push(writer, &tasks[i].op));
	}
	door_open();
	answers_wait(257);
	for (i = 0; i < 256; i++) {
		assert_int_equal(tasks[i].answers, 1);
		assert_int_equal(tasks[i].op.status, i == 77 ? status : STATUS_OK);
		assert_int_equal(
		    look_up(f, KV_CUSTOMER, tasks[i].key) != NULL, i != 77);
	}
	writer_count(writer, &counts);
	assert_int_equal(counts.splits, 8); /* 256 = 2^8 */
	assert_true(tasks[77].runs > 1);
	writer_stop(writer);
}

static void
a_poison_operation_in_a_batch_of_256_fails_alone(void **state)
{
	expect_alone(*state, FAIL, STATUS_TOO_LARGE);
}

static void
an_operation_that_is_too_much_for_the_engine_fails_alone(void **state)
{
	struct kv_fixture *f = *state;

	must_close(f);
	f->bytes_max = sizeof(large) / 2;
	must_open(f);
	expect_alone(f, PUT_LARGE, STATUS_STORAGE_FULL);
}

static void *
stop(void *writer)
{
	writer_stop(writer);
	return NULL;
}

static void
stopping_ends_the_batch_and_answers_the_rest(void **state)
{
	static struct task tasks[3000];
	struct kv_fixture *f = *state;
	struct writer     *writer = must_start(f);
	struct task        first, more;
	pthread_t          stopper;
	int                i;

	must_hold(writer, &first);
	for (i = 0; i < 3000; i++) {
		tasks[i] = task_of(i == 0 ? WAIT : PUT, i);
		assert_true(writer_push(writer, &tasks[i].op));
	}
	door_open();
	door_meet(); /* now some are in a batch, some are next, and some are not taken
		      */
	more = task_of(PUT, 3000);
	assert_true(writer_push(writer, &more.op));
	assert_int_equal(pthread_create(&stopper, NULL, stop, writer), 0);
	usleep(20000); /* until the writer has been told */
	door_open();
	pthread_join(stopper, NULL);
	assert_int_equal(first.op.status, STATUS_OK);
	for (i = 0; i < 3000; i++) {
		bool begun = i < (int)WRITER_BATCH_MAX;

		assert_int_equal(tasks[i].answers, 1);
		assert_int_equal(tasks[i].runs, begun ? 1 : 0);
		assert_int_equal(
		    tasks[i].op.status, begun ? STATUS_OK : STATUS_SHUTTING_DOWN);
		assert_int_equal(look_up(f, KV_CUSTOMER, tasks[i].key) != NULL, begun);
	}
	assert_int_equal(more.op.status, STATUS_SHUTTING_DOWN);
}

static void
too_many_waiting_operations_are_not_taken(void **state)
{
	struct task       *tasks = calloc(WRITER_WAITING_MAX + 1, sizeof(*tasks));
	struct kv_fixture *f = *state;
	struct writer     *writer = must_start(f);
	struct task        first;
	int                i;

	must_hold(writer, &first);
	for (i = 0; i < (int)WRITER_WAITING_MAX; i++) {
		tasks[i] = task_of(REFUSE, i);
		assert_true(writer_push(writer, &tasks[i].op));
	}
	tasks[i] = task_of(PUT, i);
	assert_false(writer_push(writer, &tasks[i].op));
	door_open();
	answers_wait(WRITER_WAITING_MAX + 1);
	assert_int_equal(tasks[i].answers, 0);
	assert_true(writer_push(writer, &tasks[i].op));
	answers_wait(WRITER_WAITING_MAX + 2);
	assert_int_equal(tasks[i].op.status, STATUS_OK);
	writer_stop(writer);
	free(tasks);
}

static void
a_full_database_refuses_puts_but_not_the_reserve(void **state)
{
	static struct task tasks[3];
	static char        ballast[950 * 1000];
	struct kv_fixture *f = *state;
	struct writer     *writer;
	struct kv_batch   *batch;
	struct kv_txn      txn;
	int                i;

	must_close(f);
	f->bytes_max = 1 << 20;
	must_open(f);
	assert_int_equal(kv_batch_begin(f->kv, &batch), STATUS_OK);
	kv_write(batch, &txn);
	kv_put(&txn, KV_CHANGE, SLICE("1"), slice_of(ballast, sizeof(ballast) / 2));
	kv_put(&txn, KV_CHANGE, SLICE("2"), slice_of(ballast, sizeof(ballast) / 2));
	assert_int_equal(kv_batch_commit(batch), STATUS_OK);

	writer = must_start(f);
	for (i = 0; i < 3; i++) {
		tasks[i] = task_of(PUT, i);
		tasks[i].op.reserve = i == 1;
		assert_true(writer_push(writer, &tasks[i].op));
	}
	answers_wait(3);
	assert_int_equal(tasks[0].op.status, STATUS_STORAGE_FULL);
	assert_int_equal(tasks[1].op.status, STATUS_OK);
	assert_int_equal(tasks[2].op.status, STATUS_STORAGE_FULL);
	writer_stop(writer);
}

/* What was told, and how many operations had been answered then. */
struct heard {
	int commits, answered_at_commit;
	int ends, answered_at_end;
};

static int
answers_now(void)
{
	int answers;

	pthread_mutex_lock(&door.mutex);
	answers = door.answers;
	pthread_mutex_unlock(&door.mutex);
	return answers;
}

static void
note_commit(void *context)
{
	struct heard *heard = context;

	heard->commits++;
	heard->answered_at_commit = answers_now();
}

static void
note_end(void *context)
{
	struct heard *heard = context;

	if (heard->ends++ == 0)
		heard->answered_at_end = answers_now();
}

static void
a_commit_is_told_before_its_operations_are_answered_and_when_all_are(void **state)
{
	struct kv_fixture *f = *state;
	struct writer     *writer;
	struct task        first = task_of(WAIT, 1), second = task_of(PUT, 2),
		    third = task_of(PUT, 3);
	struct heard heard = { 0 };

	door_reset();
	assert_int_equal(writer_start(&writer, f->kv,
			     &(struct writer_events){ note_commit, note_end, &heard }),
	    STATUS_OK);
	assert_true(writer_push(writer, &first.op));
	door_meet();
	assert_true(writer_push(writer, &second.op));
	assert_true(writer_push(writer, &third.op));
	door_open();
	answers_wait(3);
	writer_stop(writer);
	writer_stop(NULL);
	assert_int_equal(heard.commits, 2);
	assert_int_equal(heard.answered_at_commit, 1);
	assert_true(heard.ends >= 2);
	assert_int_equal(heard.answered_at_end, 1);
}

/* Many threads push, each waits for its answer and must then see its value. */
static void *
push_and_look(void *context)
{
	struct kv_snapshot *snapshot;
	struct kv_txn       txn;
	struct slice        value;
	struct task         task;
	void              **shared = context;
	struct kv_fixture  *f = shared[0];
	int                 i, number = *(int *)shared[2];

	snapshot = kv_snapshot_new(f->kv);
	for (i = 0; i < 100; i++) {
		task = task_of(PUT, number * 1000 + i);
		assert_true(writer_push(shared[1], &task.op));
		pthread_mutex_lock(&door.mutex);
		while (task.answers == 0)
			pthread_cond_wait(&door.changed, &door.mutex);
		pthread_mutex_unlock(&door.mutex);
		kv_read(snapshot, &txn);
		assert_true(kv_get(&txn, KV_CUSTOMER, slice_text(task.key), &value));
		if (i % 3 == 0)
			kv_snapshot_release(snapshot);
	}
	kv_snapshot_free(snapshot);
	return NULL;
}

static void
nobody_reads_anything_older_than_an_answer(void **state)
{
	struct kv_fixture *f = *state;
	struct writer     *writer = must_start(f);
	pthread_t          threads[4];
	int                numbers[4], i;
	void              *shared[4][3];

	for (i = 0; i < 4; i++) {
		numbers[i] = i;
		shared[i][0] = f;
		shared[i][1] = writer;
		shared[i][2] = &numbers[i];
		assert_int_equal(
		    pthread_create(&threads[i], NULL, push_and_look, shared[i]), 0);
	}
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	writer_stop(writer);
}

static void *
hold_and_put(void *context)
{
	void **shared = context;

	writer_hold(shared[1]);
	/* A second batch at the same time is an assertion of kv's. */
	for (int i = 0; i < 100; i++)
		must_put(shared[0], KV_TAG, "held", "put");
	writer_release(shared[1]);
	return NULL;
}

static void
who_holds_the_writer_has_the_database_to_himself(void **state)
{
	struct kv_fixture *f = *state;
	struct writer     *writer = must_start(f);
	struct task        first, rest[100];
	void              *shared[] = { f, writer };
	pthread_t          holder;

	must_hold(writer, &first);
	assert_int_equal(pthread_create(&holder, NULL, hold_and_put, shared), 0);
	for (int i = 0; i < 100; i++) {
		rest[i] = task_of(PUT, i);
		assert_true(writer_push(writer, &rest[i].op));
	}
	door_open();
	pthread_join(holder, NULL);
	answers_wait(101);
	writer_stop(writer);
	assert_string_equal(look_up(f, KV_TAG, "held"), "put");
	assert_string_equal(look_up(f, KV_CUSTOMER, "99"), "99");
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, kv_fixture_setup, kv_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_answered_ok_is_there),
		TEST(a_batch_gathers_while_another_is_under_way),
		TEST(what_was_gathered_shares_a_commit),
		TEST(a_batch_is_bounded),
		TEST(a_batch_is_bounded_in_bytes),
		TEST(a_refusal_harms_nobody_and_splits_nothing),
		TEST(a_poison_operation_in_a_batch_of_256_fails_alone),
		TEST(an_operation_that_is_too_much_for_the_engine_fails_alone),
		TEST(stopping_ends_the_batch_and_answers_the_rest),
		TEST(too_many_waiting_operations_are_not_taken),
		TEST(a_full_database_refuses_puts_but_not_the_reserve),
		TEST(
		    a_commit_is_told_before_its_operations_are_answered_and_when_all_are),
		TEST(who_holds_the_writer_has_the_database_to_himself),
		TEST(nobody_reads_anything_older_than_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
