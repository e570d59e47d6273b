#include "server/net/job.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "proto/pack.h"
#include "server/base/clock.h"
#include "server/base/thread.h"

#define WHY_BYTES_MAX 512u

struct job_runner {
	struct kv         *kv;
	struct writer     *writer;
	struct log        *log;
	struct kv_progress progress;

	pthread_mutex_t  mutex; /* guards what follows */
	struct job_task *task;  /* the one at work, or NULL */
	pthread_t        thread;
	bool             has_thread; /* which has not been joined */
	bool             is_stopping;
	struct job_state state;
};

/* ---- what a job does ---- */

enum status
job_check(struct call *call)
{
	struct slice directory = args_text(&call->args, ARG_DIRECTORY);

	if ((call->method->args & ARG_BIT(ARG_DIRECTORY)) == 0)
		return STATUS_OK;
	if (!args_have(&call->args, ARG_DIRECTORY))
		violations_add(&call->violations, SLICE("directory"), RULE_REQUIRED);
	else if (directory.data[0] != '/')
		violations_add(&call->violations, SLICE("directory"), RULE_BAD_FORMAT);
	return violations_any(&call->violations) ? STATUS_INVALID : STATUS_OK;
}

static enum status
back_up(struct job_runner *jobs, struct call *call, char *why)
{
	const char *path =
	    arena_text(call->arena, args_text(&call->args, ARG_DIRECTORY));
	enum status status;

	if (path == NULL)
		return STATUS_NO_MEMORY;
	status = kv_copy(jobs->kv, path, &jobs->progress, why, WHY_BYTES_MAX);
	if (status == STATUS_INVALID)
		violations_add(&call->violations, SLICE("directory"), RULE_TAKEN);
	return status;
}

static enum status
scrub(struct job_runner *jobs, char *why)
{
	enum status status;

	writer_hold(jobs->writer);
	status = kv_scrub(jobs->kv, &jobs->progress, why, WHY_BYTES_MAX);
	writer_release(jobs->writer);
	return status;
}

static enum status
run(struct job_runner *jobs, struct call *call)
{
	char       *why = arena_alloc(call->arena, WHY_BYTES_MAX);
	enum status status;

	if (why == NULL)
		return STATUS_NO_MEMORY;
	why[0] = '\0';
	status = call->method->number == METHOD_SERVER_BACKUP ? back_up(jobs, call, why)
							      : scrub(jobs, why);
	if (status != STATUS_OK && why[0] != '\0')
		call->detail = why;
	return status;
}

/* ---- its thread ---- */

static void
pack_result(struct buf *buf, uint64_t rows, uint64_t took_ms)
{
	pack_map(buf, 2);
	pack_literal(buf, "rows");
	pack_integer(buf, (int64_t)rows);
	pack_literal(buf, "took_ms");
	pack_integer(buf, (int64_t)took_ms);
}

/* Note how TASK went, and make room for the next. */
static void
note_end(struct job_runner *jobs, struct job_task *task, uint64_t took_ms)
{
	pthread_mutex_lock(&jobs->mutex);
	if (task->status == STATUS_CANCELLED && jobs->is_stopping)
		task->status = STATUS_SHUTTING_DOWN;
	jobs->state.last = task->call->method->name;
	jobs->state.status = task->status;
	jobs->state.ended_at = clock_wall_ms();
	jobs->state.took_ms = took_ms;
	jobs->state.done += task->status == STATUS_OK;
	jobs->task = NULL;
	pthread_mutex_unlock(&jobs->mutex);
}

static void *
work(void *context)
{
	struct job_runner *jobs = context;
	struct job_task   *task = jobs->task; /* nobody changes it meanwhile */
	struct call       *call = task->call;
	struct slice       method = call->method->name;
	int64_t            begun = clock_mono_ms();
	uint64_t           rows, took_ms;

	log_info(jobs->log, "job_started", LOG_SLICE("method", method));
	task->status = run(jobs, call);
	rows = atomic_load(&jobs->progress.rows);
	took_ms = (uint64_t)(clock_mono_ms() - begun);
	if (task->status == STATUS_OK)
		pack_result(call->result, rows, took_ms);
	note_end(jobs, task, took_ms);
	log_info(jobs->log, "job_ended", LOG_SLICE("method", method),
	    LOG_TEXT("status", status_info(task->status)->name),
	    LOG_INTEGER("rows", rows), LOG_INTEGER("ms", took_ms));
	task->done(task);
	return NULL;
}

/* With the mutex held. */
static bool
start_thread(struct job_runner *jobs)
{
	if (jobs->has_thread)
		pthread_join(jobs->thread, NULL); /* it has ended, or is about to */
	jobs->has_thread = thread_start(&jobs->thread, work, jobs) == 0;
	return jobs->has_thread;
}

/* ---- the runner ---- */

struct job_runner *
job_runner_new(struct kv *kv, struct writer *writer, struct log *log)
{
	struct job_runner *jobs = calloc(1, sizeof(*jobs));

	if (jobs == NULL)
		return NULL;
	jobs->kv = kv;
	jobs->writer = writer;
	jobs->log = log;
	pthread_mutex_init(&jobs->mutex, NULL);
	return jobs;
}

bool
job_begin(struct job_runner *jobs, struct job_task *task)
{
	bool is_begun = false;

	pthread_mutex_lock(&jobs->mutex);
	assert(!jobs->is_stopping);
	if (jobs->task == NULL) {
		jobs->task = task;
		jobs->progress.stop = &task->call->cancelled;
		atomic_store(&jobs->progress.rows, 0);
		if (!(is_begun = start_thread(jobs)))
			jobs->task = NULL;
	}
	pthread_mutex_unlock(&jobs->mutex);
	return is_begun;
}

void
job_state(struct job_runner *jobs, struct job_state *state)
{
	pthread_mutex_lock(&jobs->mutex);
	*state = jobs->state;
	if (jobs->task != NULL) {
		state->running = jobs->task->call->method->name;
		state->rows = atomic_load(&jobs->progress.rows);
	}
	pthread_mutex_unlock(&jobs->mutex);
}

void
job_runner_stop(struct job_runner *jobs)
{
	pthread_mutex_lock(&jobs->mutex);
	jobs->is_stopping = true;
	if (jobs->task != NULL)
		atomic_store(&jobs->task->call->cancelled, true);
	pthread_mutex_unlock(&jobs->mutex);
	if (jobs->has_thread)
		pthread_join(jobs->thread, NULL);
	jobs->has_thread = false;
}

void
job_runner_free(struct job_runner *jobs)
{
	if (jobs == NULL)
		return;
	job_runner_stop(jobs);
	pthread_mutex_destroy(&jobs->mutex);
	free(jobs);
}
