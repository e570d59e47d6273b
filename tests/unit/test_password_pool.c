#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "server/base/clock.h"
#include "server/net/password_pool.h"

#define TASKS 8

struct job {
	struct password_task task;
	struct call          call;
	struct password_job  password;
	char                 clear[16];
};

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t  changed;
	unsigned        done;
} fixture = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 };

static void
on_done(struct password_task *task)
{
	(void)task;
	pthread_mutex_lock(&fixture.mutex);
	fixture.done++;
	pthread_cond_signal(&fixture.changed);
	pthread_mutex_unlock(&fixture.mutex);
}

static void
wait_for(unsigned done)
{
	pthread_mutex_lock(&fixture.mutex);
	while (fixture.done < done)
		pthread_cond_wait(&fixture.changed, &fixture.mutex);
	pthread_mutex_unlock(&fixture.mutex);
}

static struct job *
job_new(enum password_todo todo)
{
	struct job *job = calloc(1, sizeof(*job));

	assert_non_null(job);
	strcpy(job->clear, "open sesame");
	call_init(&job->call);
	job->call.passwords = &job->password;
	job->password.todo = todo;
	job->password.clear = slice_text(job->clear);
	job->task.call = &job->call;
	job->task.done = on_done;
	job->task.status = STATUS_COUNT;
	return job;
}

static int
setup(void **state)
{
	(void)state;
	fixture.done = 0;
	return sodium_init() < 0;
}

static void
a_password_is_hashed_and_then_matches(void **state)
{
	struct password_pool *pool = password_pool_start(1, TASKS);
	struct job           *hash = job_new(PASSWORD_HASH);
	struct job           *verify = job_new(PASSWORD_VERIFY);

	(void)state;
	assert_non_null(pool);
	assert_true(password_pool_push(pool, &hash->task));
	wait_for(1);
	assert_int_equal(hash->task.status, STATUS_OK);
	memcpy(verify->password.hash, hash->password.hash, PASSWORD_HASH_BYTES);
	assert_true(password_pool_push(pool, &verify->task));
	wait_for(2);
	assert_int_equal(verify->task.status, STATUS_OK);
	assert_true(verify->password.matches);
	password_pool_stop(pool);
	free(hash);
	free(verify);
}

static void
what_is_cancelled_or_too_late_is_not_begun(void **state)
{
	struct password_pool *pool = password_pool_start(1, TASKS);
	struct job           *cancelled = job_new(PASSWORD_HASH);
	struct job           *late = job_new(PASSWORD_HASH);

	(void)state;
	atomic_store(&cancelled->call.cancelled, true);
	late->call.deadline_ms = clock_mono_ms() - 1;
	assert_true(password_pool_push(pool, &cancelled->task));
	assert_true(password_pool_push(pool, &late->task));
	wait_for(2);
	assert_int_equal(cancelled->task.status, STATUS_CANCELLED);
	assert_int_equal(late->task.status, STATUS_DEADLINE);
	assert_string_equal(late->password.hash, "");
	password_pool_stop(pool);
	free(cancelled);
	free(late);
}

/* One worker is kept busy by the first task; two more may wait. */
static void
what_exceeds_the_bound_is_refused_at_once(void **state)
{
	struct password_pool *pool = password_pool_start(1, 2);
	struct job           *jobs[TASKS];
	unsigned              taken = 0;

	(void)state;
	for (unsigned i = 0; i < TASKS; i++) {
		jobs[i] = job_new(PASSWORD_HASH);
		taken += password_pool_push(pool, &jobs[i]->task);
	}
	assert_in_range(taken, 2, 4);
	wait_for(taken);
	password_pool_stop(pool);
	assert_int_equal(fixture.done, taken);
	for (unsigned i = 0; i < TASKS; i++)
		free(jobs[i]);
}

static void
a_stop_finishes_what_has_begun_and_hands_back_the_rest(void **state)
{
	struct password_pool *pool = password_pool_start(2, TASKS);
	struct job           *jobs[TASKS];
	unsigned              finished = 0;

	(void)state;
	for (unsigned i = 0; i < TASKS; i++) {
		jobs[i] = job_new(PASSWORD_HASH);
		assert_true(password_pool_push(pool, &jobs[i]->task));
	}
	wait_for(1);
	password_pool_stop(pool);
	assert_int_equal(fixture.done, TASKS);
	for (unsigned i = 0; i < TASKS; i++) {
		bool has_hash = jobs[i]->password.hash[0] != '\0';

		assert_int_equal(
		    jobs[i]->task.status, has_hash ? STATUS_OK : STATUS_SHUTTING_DOWN);
		finished += has_hash;
		free(jobs[i]);
	}
	assert_in_range(finished, 1, TASKS - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_password_is_hashed_and_then_matches, setup),
		cmocka_unit_test_setup(
		    what_is_cancelled_or_too_late_is_not_begun, setup),
		cmocka_unit_test_setup(
		    what_exceeds_the_bound_is_refused_at_once, setup),
		cmocka_unit_test_setup(
		    a_stop_finishes_what_has_begun_and_hands_back_the_rest, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
