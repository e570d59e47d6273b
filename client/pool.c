#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "client/internal.h"

#define POOL_TEXTS_MAX 7u

struct customerd_pool {
	struct customerd_options options;
	struct customerd_tls     tls;
	char                    *texts[POOL_TEXTS_MAX]; /* what these point to */
	unsigned                 size;

	pthread_mutex_t   lock; /* guards what follows */
	pthread_cond_t    put;  /* a handle came back, or room for a new one */
	unsigned          open_count;
	unsigned          idle_count;
	struct customerd *idle[]; /* the last one put back is the first to go */
};

/* Give POOL texts of its own; false: out of memory. */
static bool
copy_texts(struct customerd_pool *pool)
{
	const char **texts[POOL_TEXTS_MAX] = {
		&pool->options.address,
		&pool->options.token,
		&pool->options.client_name,
		&pool->tls.authorities_file,
		&pool->tls.certificate_file,
		&pool->tls.key_file,
		&pool->tls.server_name,
	};

	for (unsigned i = 0; i < POOL_TEXTS_MAX; i++) {
		if (*texts[i] == NULL)
			continue;
		*texts[i] = pool->texts[i] = strdup(*texts[i]);
		if (pool->texts[i] == NULL)
			return false;
	}
	return true;
}

static void
release(struct customerd_pool *pool)
{
	for (unsigned i = 0; i < POOL_TEXTS_MAX; i++)
		free(pool->texts[i]);
	free(pool);
}

enum customerd_status
customerd_pool_new(struct customerd_pool **out, const struct customerd_options *options,
    unsigned size, struct customerd_error *error)
{
	struct customerd_pool *pool;
	pthread_condattr_t     monotonic;

	*out = NULL;
	if (size == 0)
		return error_misuse(error, "a pool of no handles serves nobody");
	pool = calloc(1, sizeof(*pool) + size * sizeof(pool->idle[0]));
	if (pool == NULL)
		return error_no_memory(error);
	pool->options = *options;
	pool->size = size;
	if (options->tls != NULL)
		pool->tls = *options->tls;
	pool->options.tls = &pool->tls;
	if (!copy_texts(pool)) {
		release(pool);
		return error_no_memory(error);
	}
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->put, &monotonic);
	pthread_condattr_destroy(&monotonic);
	*out = pool;
	return CUSTOMERD_OK;
}

void
customerd_pool_free(struct customerd_pool *pool)
{
	if (pool == NULL)
		return;
	assert(pool->idle_count == pool->open_count);
	while (pool->idle_count > 0)
		customerd_close(pool->idle[--pool->idle_count]);
	pthread_cond_destroy(&pool->put);
	pthread_mutex_destroy(&pool->lock);
	release(pool);
}

/* Wait, with the lock held, until there is a handle or room for one. */
static bool
wait_for_room(struct customerd_pool *pool, int64_t timeout_ms)
{
	int64_t at_ms = option_or(timeout_ms, 0) < 0 ? -1 : clock_ms() + timeout_ms;
	struct timespec at = { .tv_sec = at_ms / 1000,
		.tv_nsec = at_ms % 1000 * 1000000 };
	int             rc = 0;

	while (pool->idle_count == 0 && pool->open_count == pool->size && rc == 0)
		rc = at_ms < 0 ? pthread_cond_wait(&pool->put, &pool->lock)
			       : pthread_cond_timedwait(&pool->put, &pool->lock, &at);
	return pool->idle_count > 0 || pool->open_count < pool->size;
}

/* Open a handle in the room that was counted for it. */
static enum customerd_status
open_one(
    struct customerd_pool *pool, struct customerd **c, struct customerd_error *error)
{
	enum customerd_status status = customerd_open(c, &pool->options, error);

	if (status == CUSTOMERD_OK)
		return CUSTOMERD_OK;
	pthread_mutex_lock(&pool->lock);
	pool->open_count--;
	pthread_cond_signal(&pool->put);
	pthread_mutex_unlock(&pool->lock);
	return status;
}

enum customerd_status
customerd_pool_get(struct customerd_pool *pool, int64_t timeout_ms,
    struct customerd **c, struct customerd_error *error)
{
	bool has_room;

	*c = NULL;
	pthread_mutex_lock(&pool->lock);
	has_room = wait_for_room(pool, timeout_ms);
	if (has_room && pool->idle_count > 0)
		*c = pool->idle[--pool->idle_count];
	else if (has_room)
		pool->open_count++;
	pthread_mutex_unlock(&pool->lock);
	if (*c != NULL)
		return CUSTOMERD_OK;
	if (has_room)
		return open_one(pool, c, error);
	error_set(error, "TIMEOUT", true, "no handle of the pool became free in time");
	return CUSTOMERD_NOT_SENT;
}

void
customerd_pool_put(struct customerd_pool *pool, struct customerd *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	assert(pool->idle_count < pool->open_count);
	pool->idle[pool->idle_count++] = c;
	pthread_cond_signal(&pool->put);
	pthread_mutex_unlock(&pool->lock);
}
