#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/writer_fixture.h"

static void
what_is_answered_ok_is_there(void **state)
{
	struct kv_fixture *f = *state;
	struct writer     *writer = must_start(f, NULL);
	struct task        task = task_of(TASK_PUT, 1);

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
	struct writer       *writer = must_start(f, NULL);
	struct writer_counts counts;
	struct task          first;
	int                  i;

	must_hold(writer, &first);
	for (i = 0; i < 500; i++) {
		tasks[i] = task_of(TASK_PUT, i);
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
	struct writer       *writer = must_start(f, NULL);
	struct writer_counts counts;
	struct mail_list     list;
	int                  i;

	mail_list_init(&list);
	for (i = 0; i < 500; i++) {
		tasks[i] = task_of(TASK_PUT, i);
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
	struct writer       *writer = must_start(f, NULL);
	struct writer_counts counts;
	struct task          first;
	size_t               i;

	must_hold(writer, &first);
	for (i = 0; i < WRITER_BATCH_MAX + 1; i++) {
		tasks[i] = task_of(TASK_PUT, (int)i);
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
	struct writer       *writer = must_start(f, NULL);
	struct task          first, tasks[5];
	struct writer_counts counts;
	int                  i;

	must_hold(writer, &first);
	for (i = 0; i < 5; i++) {
		tasks[i] = task_of(TASK_PUT_LARGE, i);
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
	struct writer     *writer = must_start(f, NULL);
	struct task first, tasks[3] = { task_of(TASK_PUT, 1), task_of(TASK_REFUSE, 2),
		task_of(TASK_PUT, 3) };
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
expect_alone(struct kv_fixture *f, enum task_what poison, enum status status)
{
	static struct task   tasks[256];
	struct writer       *writer = must_start(f, NULL);
	struct writer_counts counts;
	struct task          first;
	int                  i;

	must_hold(writer, &first);
	for (i = 0; i < 256; i++) {
		/* Each must be run from the beginning, as if it had never been. */
		tasks[i] = task_of(i == 77 ? poison : TASK_PUT_WHEN_ABSENT, i);
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
	expect_alone(*state, TASK_FAIL, STATUS_TOO_LARGE);
}

static void
an_operation_that_is_too_much_for_the_engine_fails_alone(void **state)
{
	struct kv_fixture *f = *state;

	must_close(f);
	f->bytes_max = TASK_LARGE_BYTES / 2;
	must_open(f);
	expect_alone(f, TASK_PUT_LARGE, STATUS_STORAGE_FULL);
}

static void
too_many_waiting_operations_are_not_taken(void **state)
{
	struct task       *tasks = calloc(WRITER_WAITING_MAX + 1, sizeof(*tasks));
	struct kv_fixture *f = *state;
	struct writer     *writer = must_start(f, NULL);
	struct task        first;
	int                i;

	must_hold(writer, &first);
	for (i = 0; i < (int)WRITER_WAITING_MAX; i++) {
		tasks[i] = task_of(TASK_REFUSE, i);
		assert_true(writer_push(writer, &tasks[i].op));
	}
	tasks[i] = task_of(TASK_PUT, i);
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

	writer = must_start(f, NULL);
	for (i = 0; i < 3; i++) {
		tasks[i] = task_of(TASK_PUT, i);
		tasks[i].op.reserve = i == 1;
		assert_true(writer_push(writer, &tasks[i].op));
	}
	answers_wait(3);
	assert_int_equal(tasks[0].op.status, STATUS_STORAGE_FULL);
	assert_int_equal(tasks[1].op.status, STATUS_OK);
	assert_int_equal(tasks[2].op.status, STATUS_STORAGE_FULL);
	writer_stop(writer);
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
		TEST(too_many_waiting_operations_are_not_taken),
		TEST(a_full_database_refuses_puts_but_not_the_reserve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
