/*
 * The blocking handle: an asynchronous one that is driven until the answer is there.
 */

#include <stdlib.h>

#include "client/connection.h"
#include "proto/pack.h"
#include "proto/version.h" /* does not compile unless ours is the same */

struct customerd {
	struct customerd_async *async;
	bool                    is_done; /* the current call is */
	enum customerd_status   status;
	struct customerd_error  error;
	struct buf              answer; /* its result, or the error's details */
};

const char *
customerd_version(void)
{
	return CUSTOMERD_VERSION;
}

enum customerd_status
customerd_open(struct customerd **out, const struct customerd_options *options,
    struct customerd_error *error)
{
	struct customerd        *c = calloc(1, sizeof(*c));
	const struct connection *connection;
	enum customerd_status    status;

	*out = NULL;
	if (c == NULL)
		return error_no_memory(error);
	buf_init(&c->answer, SIZE_MAX / 2);
	status = customerd_async_new(&c->async, options, error);
	if (status != CUSTOMERD_OK) {
		free(c);
		return status;
	}
	connection = async_connection(c->async);
	while (connection->state != CONNECTION_READY && connection->failures == 0)
		customerd_async_wait(c->async, -1);
	if (connection->state == CONNECTION_READY) {
		*out = c;
		return CUSTOMERD_OK;
	}
	status = connection->failure;
	if (error != NULL)
		*error = connection->error;
	customerd_close(c);
	return status;
}

void
customerd_close(struct customerd *c)
{
	if (c == NULL)
		return;
	customerd_async_free(c->async);
	buf_fini(&c->answer);
	free(c);
}

static void
on_answer(void *user, enum customerd_status status, struct customerd_slice result,
    const struct customerd_error *error)
{
	struct customerd *c = user;

	c->is_done = true;
	c->status = status;
	if (error != NULL) {
		c->error = *error;
		result = error->details;
	}
	buf_put(&c->answer, result.data, result.len);
	if (c->answer.failed && status == CUSTOMERD_OK) {
		/* It has happened, but we cannot say with what result. */
		error_no_memory(&c->error);
		c->error.retryable = false;
		c->status = CUSTOMERD_UNKNOWN;
	}
}

enum customerd_status
customerd_call(struct customerd *c, const struct customerd_call *call,
    struct customerd_slice *result, struct customerd_error *error)
{
	enum customerd_status status;

	buf_clear(&c->answer, BUF_BYTES_KEPT);
	c->is_done = false;
	status = customerd_async_call(c->async, call, on_answer, c, NULL, error);
	if (status != CUSTOMERD_OK)
		return status;
	while (!c->is_done)
		customerd_async_wait(c->async, -1);
	if (c->status != CUSTOMERD_OK && error != NULL) {
		*error = c->error;
		error->details = slice_out(buf_slice(&c->answer));
	}
	if (c->status == CUSTOMERD_OK && result != NULL)
		*result = slice_out(buf_slice(&c->answer));
	return c->status;
}

struct customerd_async *
blocking_async(struct customerd *c)
{
	return c->async;
}

struct customerd_slice
customerd_greeting(const struct customerd *c)
{
	return slice_out(buf_slice(&async_connection(c->async)->greeting));
}

enum customerd_status
customerd_ping(struct customerd *c, int64_t *time_ms, struct customerd_error *error)
{
	const struct customerd_call ping = { .method = "ping" };
	struct customerd_slice      result;
	enum customerd_status       status = customerd_call(c, &ping, &result, error);

	if (status == CUSTOMERD_OK && time_ms != NULL) {
		*time_ms = 0;
		customerd_get_integer(result, "time", time_ms);
	}
	return status;
}

/* Make the call METHOD with the arguments in ARGS, which is freed. */
static enum customerd_status
call_and_fini(struct customerd *c, const char *method, struct buf *args,
    struct customerd_slice *result, struct customerd_error *error)
{
	const struct customerd_call call = { .method = method,
		.args = slice_out(buf_slice(args)) };
	enum customerd_status       status = args->failed
						 ? error_no_memory(error)
						 : customerd_call(c, &call, result, error);

	buf_fini(args);
	return status;
}

enum customerd_status
customerd_get_customer(struct customerd *c, int64_t id, struct customerd_slice *record,
    struct customerd_error *error)
{
	struct buf args;

	buf_init(&args, SIZE_MAX / 2);
	pack_map(&args, 1);
	pack_literal(&args, "id");
	pack_integer(&args, id);
	return call_and_fini(c, "customer.get", &args, record, error);
}

enum customerd_status
customerd_find_customer(struct customerd *c, const char *key, const char *text,
    struct customerd_slice *record, struct customerd_error *error)
{
	struct buf args;

	buf_init(&args, SIZE_MAX / 2);
	pack_map(&args, 1);
	pack_text(&args, slice_text(key));
	pack_text(&args, slice_text(text));
	return call_and_fini(c, "customer.find", &args, record, error);
}

enum customerd_status
customerd_update(struct customerd *c, struct customerd_update *update,
    int64_t *revision, struct customerd_error *error)
{
	struct customerd_call  call;
	struct customerd_slice result;
	enum customerd_status  status = customerd_update_call(update, &call, error);

	if (status == CUSTOMERD_OK)
		status = customerd_call(c, &call, &result, error);
	if (status == CUSTOMERD_OK && revision != NULL) {
		*revision = 0;
		customerd_get_integer(result, "revision", revision);
	}
	return status;
}
