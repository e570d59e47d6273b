#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/writer_fixture.h"

/* Stands in front of how the writer is told to stop: it may be waiting at the door. */
void __real_mailbox_close(struct mailbox *mailbox);
void __wrap_mailbox_close(struct mailbox *mailbox);

static bool stopping_opens_the_door;

void
__wrap_mailbox_close(struct mailbox *mailbox)
{
	__real_mailbox_close(mailbox);
	if (stopping_opens_the_door)
		door_open();
	stopping_opens_the_door = false;
}

static void
stopping_ends_the_batch_and_answers_the_rest(void **state)
{
	static struct task tasks[3000];
	struct kv_fixture *f = *state;
	struct writer     *writer = must_start(f, NULL);
	struct task        first, more;
	int                i;

	must_hold(writer, &first);
	for (i = 0; i < 3000; i++) {
		tasks[i] = task_of(i == 0 ? TASK_WAIT : TASK_PUT, i);
		assert_true(writer_push(writer, &tasks[i].op));
	}
	door_open();
	/* Now some are in a batch, some are next, and some are not taken. */
	door_meet();
	more = task_of(TASK_PUT, 3000);
	assert_true(writer_push(writer, &more.op));
	stopping_opens_the_door = true;
	writer_stop(writer);
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

/* What was told, and how many operations had been answered then. */
struct heard {
	int commits, answered_at_commit;
	int ends, answered_at_end;
};

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
	struct task        first = task_of(TASK_WAIT, 1), second = task_of(TASK_PUT, 2),
		    third = task_of(TASK_PUT, 3);
	struct heard   heard = { 0 };
	struct writer *writer =
	    must_start(f, &(struct writer_events){ note_commit, note_end, &heard });

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
		task = task_of(TASK_PUT, number * 1000 + i);
		assert_true(writer_push(shared[1], &task.op));
		task_wait(&task);
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
	struct writer     *writer = must_start(f, NULL);
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
	struct writer     *writer = must_start(f, NULL);
	struct task        first, rest[100];
	void              *shared[] = { f, writer };
	pthread_t          holder;

	must_hold(writer, &first);
	assert_int_equal(pthread_create(&holder, NULL, hold_and_put, shared), 0);
	for (int i = 0; i < 100; i++) {
		rest[i] = task_of(TASK_PUT, i);
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
		TEST(stopping_ends_the_batch_and_answers_the_rest),
		TEST(
		    a_commit_is_told_before_its_operations_are_answered_and_when_all_are),
		TEST(who_holds_the_writer_has_the_database_to_himself),
		TEST(nobody_reads_anything_older_than_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
