#include "server/net/password_pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "server/base/clock.h"
#include "server/base/thread.h"
#include "server/domain/password.h"

struct password_pool {
	pthread_mutex_t        mutex; /* guards the next five */
	pthread_cond_t         filled;
	struct password_task  *first;
	struct password_task **end; /* where the next task is linked */
	unsigned               waiting;
	bool                   is_stopping;
	unsigned               waiting_max;
	unsigned               worker_count;
	pthread_t              workers[];
};

static enum status
run(struct call *call)
{
	if (atomic_load(&call->cancelled))
		return STATUS_CANCELLED;
	if (call->deadline_ms != 0 && clock_mono_ms() >= call->deadline_ms)
		return STATUS_DEADLINE;
	return password_run(call->passwords) ? STATUS_OK : STATUS_NO_MEMORY;
}

/* Take the next task, waiting for it; NULL once the pool is stopping. */
static struct password_task *
take(struct password_pool *pool)
{
	struct password_task *task = NULL;

	pthread_mutex_lock(&pool->mutex);
	while (pool->first == NULL && !pool->is_stopping)
		pthread_cond_wait(&pool->filled, &pool->mutex);
	if (!pool->is_stopping) {
		task = pool->first;
		pool->first = task->next;
		if (pool->first == NULL)
			pool->end = &pool->first;
		pool->waiting--;
	}
	pthread_mutex_unlock(&pool->mutex);
	return task;
}

static void *
work(void *context)
{
	struct password_pool *pool = context;
	struct password_task *task;

	while ((task = take(pool))) {
		task->status = run(task->call);
		task->done(task);
	}
	return NULL;
}

struct password_pool *
password_pool_start(unsigned workers, unsigned waiting_max)
{
	struct password_pool *pool =
	    calloc(1, sizeof(*pool) + workers * sizeof(pool->workers[0]));

	if (pool == NULL)
		return NULL;
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->filled, NULL);
	pool->end = &pool->first;
	pool->waiting_max = waiting_max;
	while (pool->worker_count < workers &&
	       thread_start(&pool->workers[pool->worker_count], work, pool) == 0)
		pool->worker_count++;
	if (pool->worker_count == workers)
		return pool;
	password_pool_stop(pool);
	return NULL;
}

bool
password_pool_push(struct password_pool *pool, struct password_task *task)
{
	bool has_room;

	pthread_mutex_lock(&pool->mutex);
	assert(!pool->is_stopping);
	has_room = pool->waiting < pool->waiting_max;
	if (has_room) {
		task->next = NULL;
		*pool->end = task;
		pool->end = &task->next;
		pool->waiting++;
		pthread_cond_signal(&pool->filled);
	}
	pthread_mutex_unlock(&pool->mutex);
	return has_room;
}

void
password_pool_stop(struct password_pool *pool)
{
	struct password_task *task, *next;

	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->mutex);
	pool->is_stopping = true;
	pthread_cond_broadcast(&pool->filled);
	pthread_mutex_unlock(&pool->mutex);
	for (unsigned i = 0; i < pool->worker_count; i++)
		pthread_join(pool->workers[i], NULL);
	for (task = pool->first; task; task = next) {
		next = task->next;
		task->status = STATUS_SHUTTING_DOWN;
		task->done(task);
	}
	pthread_cond_destroy(&pool->filled);
	pthread_mutex_destroy(&pool->mutex);
	free(pool);
}
