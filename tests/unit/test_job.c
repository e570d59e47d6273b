#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/kv/kv_private.h"
#include "server/net/job.h"
#include "tests/support/kv_fixture.h"

/* ---- a runner whose jobs wait until they are let go ---- */

struct fixture {
	struct kv_fixture *kv;
	struct log         log;
	struct writer     *writer;
	struct job_runner *jobs;
};

/* One who asks for a scrub. */
struct asker {
	struct job_task task;
	struct call     call;
	struct arena    arena;
	struct buf      result;
	atomic_bool     is_done;
};

static void
done(struct job_task *task)
{
	struct asker *asker = (struct asker *)task;

	atomic_store(&asker->is_done, true);
}

static void
asker_init(struct asker *asker)
{
	*asker = (struct asker){ .task.done = done };
	call_init(&asker->call);
	arena_init(&asker->arena, CALL_ARENA_BYTES_MAX);
	buf_init(&asker->result, 1024);
	asker->call.method = &methods[METHOD_SERVER_SCRUB];
	asker->call.arena = &asker->arena;
	asker->call.result = &asker->result;
	asker->task.call = &asker->call;
}

static void
asker_fini(struct asker *asker)
{
	arena_fini(&asker->arena);
	buf_fini(&asker->result);
}

static void
await(struct asker *asker)
{
	while (!atomic_load(&asker->is_done))
		usleep(1000);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	kv_fixture_setup((void **)&f->kv);
	log_init(&f->log, STDERR_FILENO, LOG_LEVEL_ERROR);
	assert_int_equal(writer_start(&f->writer, f->kv->kv, NULL), STATUS_OK);
	assert_non_null(f->jobs = job_runner_new(f->kv->kv, f->writer, &f->log));
	must_put(f->kv, KV_CUSTOMER, "ada", "lovelace");
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	job_runner_free(f->jobs);
	writer_stop(f->writer);
	kv_fixture_teardown((void **)&f->kv);
	free(f);
	return 0;
}

/* ---- tests ---- */

static void
one_job_runs_at_a_time(void **state)
{
	struct fixture  *f = *state;
	struct asker     first, second;
	struct job_state seen;

	asker_init(&first);
	asker_init(&second);
	pthread_rwlock_wrlock(&f->kv->kv->lock); /* it cannot read now */
	assert_true(job_begin(f->jobs, &first.task));
	assert_false(job_begin(f->jobs, &second.task));
	job_state(f->jobs, &seen);
	assert_true(slice_equal(seen.running, SLICE("server.scrub")));
	pthread_rwlock_unlock(&f->kv->kv->lock);
	await(&first);
	assert_int_equal(first.task.status, STATUS_OK);
	assert_true(job_begin(f->jobs, &second.task));
	await(&second);
	job_state(f->jobs, &seen);
	assert_int_equal(seen.running.len, 0);
	assert_int_equal(seen.done, 2);
	asker_fini(&first);
	asker_fini(&second);
}

static void
a_job_that_is_cancelled_says_so(void **state)
{
	struct fixture *f = *state;
	struct asker    asker;

	asker_init(&asker);
	pthread_rwlock_wrlock(&f->kv->kv->lock);
	assert_true(job_begin(f->jobs, &asker.task));
	atomic_store(&asker.call.cancelled, true);
	pthread_rwlock_unlock(&f->kv->kv->lock);
	await(&asker);
	assert_int_equal(asker.task.status, STATUS_CANCELLED);
	assert_non_null(asker.call.detail);
	asker_fini(&asker);
}

static void *
stop(void *context)
{
	job_runner_stop(context);
	return NULL;
}

static void
a_job_ends_when_the_runner_is_stopped(void **state)
{
	struct fixture *f = *state;
	struct asker    asker;
	pthread_t       stopper;

	asker_init(&asker);
	pthread_rwlock_wrlock(&f->kv->kv->lock);
	assert_true(job_begin(f->jobs, &asker.task));
	assert_int_equal(pthread_create(&stopper, NULL, stop, f->jobs), 0);
	while (!atomic_load(&asker.call.cancelled))
		usleep(1000);
	pthread_rwlock_unlock(&f->kv->kv->lock);
	pthread_join(stopper, NULL);
	assert_true(atomic_load(&asker.is_done));
	assert_int_equal(asker.task.status, STATUS_SHUTTING_DOWN);
	asker_fini(&asker);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(one_job_runs_at_a_time),
		T(a_job_that_is_cancelled_says_so),
		T(a_job_ends_when_the_runner_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
