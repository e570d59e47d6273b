/*
 * The asynchronous handle: a core and its connection, driven by somebody's loop.
 */

#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "client/connection.h"

struct customerd_async {
	struct customerd_core *core;
	struct connection      connection;
	void (*hook)(void *user);
	void    *hook_user;
	unsigned busy;   /* the handle is at work; callbacks may come */
	bool     doomed; /* to be freed when that ends */
};

int64_t
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static void
release(struct customerd_async *async)
{
	connection_fini(&async->connection);
	free(async);
}

enum customerd_status
customerd_async_new(struct customerd_async **out,
    const struct customerd_options *options, struct customerd_error *error)
{
	struct customerd_async *async = calloc(1, sizeof(*async));
	enum customerd_status   status;

	*out = NULL;
	if (async == NULL)
		return error_no_memory(error);
	status = customerd_core_new(&async->core, options, error);
	if (status != CUSTOMERD_OK)
		goto free_async;
	status = connection_init(&async->connection, async->core, options, error);
	if (status != CUSTOMERD_OK)
		goto free_core;
	*out = async;
	return CUSTOMERD_OK;

free_core:
	connection_fini(&async->connection);
	customerd_core_free(async->core);
free_async:
	free(async);
	return status;
}

void
customerd_async_free(struct customerd_async *async)
{
	if (async == NULL || async->doomed)
		return;
	async->doomed = true;
	async->connection.is_closing = true;
	async->busy++;
	customerd_core_free(async->core);
	if (--async->busy == 0)
		release(async);
}

/* Leave a function that ran callbacks. */
static void
leave(struct customerd_async *async)
{
	if (--async->busy > 0)
		return;
	if (async->doomed)
		release(async);
	else if (async->hook != NULL)
		async->hook(async->hook_user);
}

/* ---- The loop ---- */

void
customerd_async_process(struct customerd_async *async, short revents)
{
	/* Before the socket is read: what is over then and not answered is late. */
	int64_t now_ms = clock_ms();

	assert(async->busy == 0); /* not for callbacks */
	async->busy++;
	connection_process(&async->connection, revents, now_ms);
	if (!async->doomed)
		customerd_core_expire(async->core, now_ms);
	leave(async);
}

int
customerd_async_fd(const struct customerd_async *async)
{
	return async->connection.stream.fd;
}

short
customerd_async_events(const struct customerd_async *async)
{
	return connection_events(&async->connection);
}

int
customerd_async_timeout_ms(const struct customerd_async *async)
{
	int64_t at_ms = customerd_core_deadline_ms(async->core), left_ms;

	if (stream_has_more(&async->connection.stream))
		return 0;
	if (async->connection.due_ms >= 0 &&
	    (at_ms < 0 || async->connection.due_ms < at_ms))
		at_ms = async->connection.due_ms;
	if (at_ms < 0)
		return -1;
	left_ms = at_ms - clock_ms();
	return left_ms <= 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

void
customerd_async_on_change(
    struct customerd_async *async, void (*hook)(void *user), void *user)
{
	async->hook = hook;
	async->hook_user = user;
}

void
customerd_async_wait(struct customerd_async *async, int timeout_ms)
{
	int           own_ms = customerd_async_timeout_ms(async);
	struct pollfd socket = { customerd_async_fd(async),
		customerd_async_events(async), 0 };

	if (timeout_ms < 0 || (own_ms >= 0 && own_ms < timeout_ms))
		timeout_ms = own_ms;
	/* A signal, or a lack of memory in the kernel, is as if nothing had happened.
	 */
	if (poll(&socket, 1, timeout_ms) < 0)
		socket.revents = 0;
	customerd_async_process(async, socket.revents);
}

/* ---- Calls ---- */

enum customerd_status
customerd_async_call(struct customerd_async *async, const struct customerd_call *call,
    customerd_callback *callback, void *user, uint32_t *id,
    struct customerd_error *error)
{
	enum customerd_status status;

	if (async->doomed)
		return error_misuse(error, "the handle is being freed");
	async->busy++;
	status = customerd_core_call(
	    async->core, call, clock_ms(), callback, user, id, error);
	leave(async);
	return status;
}

bool
customerd_async_cancel(struct customerd_async *async, uint32_t id)
{
	bool was_pending;

	if (async->doomed)
		return false;
	async->busy++;
	was_pending = customerd_core_cancel(async->core, id);
	leave(async);
	return was_pending;
}

size_t
customerd_async_pending(const struct customerd_async *async)
{
	return customerd_core_pending(async->core);
}

void
customerd_async_on_notification(
    struct customerd_async *async, customerd_notified *notified, void *user)
{
	customerd_core_on_notification(async->core, notified, user);
}

const struct connection *
async_connection(const struct customerd_async *async)
{
	return &async->connection;
}

struct customerd_core *
async_core(struct customerd_async *async)
{
	return async->core;
}

void
async_changed(struct customerd_async *async)
{
	async->busy++;
	leave(async);
}
