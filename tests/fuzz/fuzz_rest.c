/*
 * Whatever JSON a format is sent: what it asks of the server are well-formed
 * arguments within the bounds of a frame, and what it answers is JSON without a key
 * given twice; and what it refuses has changed nothing.
 *
 * Every format gets each input.  Its first byte chooses one of the format's routes that
 * take a body, the second how the server answers the calls; the rest is the body.  That
 * is read as forms, too.
 */

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/scan.h"
#include "tools/rest/engine.h"
#include "tools/rest/form.h"
#include "tools/rest/work_internal.h"

#define ROUNDS_MAX 8u /* no route needs more answers one after the other */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
takes_body(const struct route *route)
{
	return route->method == HTTP_METHOD_POST || route->method == HTTP_METHOD_PUT ||
	       route->method == HTTP_METHOD_PATCH;
}

/* The route of FORMAT that NUMBER stands for; counted around. */
static const struct route *
choose(const struct format *format, unsigned number)
{
	for (;;)
		for (const struct route *r = format->routes; r->path != NULL; r++)
			if (takes_body(r) && number-- == 0)
				return r;
}

/* ---- the server ---- */

static void
check_args(const struct call_made *made)
{
	static const struct scan_limits limits = { .bytes_max = FRAME_BYTES_MAX,
		.depth_max = FRAME_DEPTH_MAX - 2 /* of the message around it */,
		.elements_max = FRAME_ELEMENTS_MAX - 16 };
	struct scan                     scan;
	size_t                          len = 0;

	scan_init(&scan, &limits);
	if (scan_feed(&scan, made->args, &len) == SCAN_DONE)
		assert(len == made->args.len);
	else /* too many values: the client library sends no such thing */
		assert(scan_status(&scan) == STATUS_TOO_LARGE);
}

static void
pack_form_field(struct buf *buf, const char *name)
{
	pack_map(buf, 2);
	pack_literal(buf, "name");
	pack_text(buf, slice_text(name));
	pack_literal(buf, "value");
	pack_integer(buf, 1);
}

static void
pack_record(struct buf *buf)
{
	pack_map(buf, 9);
	pack_literal(buf, "id");
	pack_integer(buf, 7);
	pack_literal(buf, "uid");
	pack_literal(buf, "XAyRWNUzyN");
	pack_literal(buf, "revision");
	pack_integer(buf, 3);
	pack_literal(buf, "created_at");
	pack_integer(buf, 1514808000000);
	pack_literal(buf, "updated_at");
	pack_integer(buf, 1514808000000);
	pack_literal(buf, "email");
	pack_literal(buf, "a@example.com");
	pack_literal(buf, "name");
	pack_literal(buf, "vip");
	pack_literal(buf, "contacts");
	pack_array(buf, 1);
	pack_map(buf, 3);
	pack_literal(buf, "id");
	pack_integer(buf, 7);
	pack_literal(buf, "type");
	pack_literal(buf, "EMAIL");
	pack_literal(buf, "contact");
	pack_literal(buf, "a@example.com");
	pack_literal(buf, "form_fields");
	pack_array(buf, 2);
	pack_form_field(buf, "a");
	pack_form_field(buf, "b");
}

/* A record, and a list with one; the answer to anything. */
static void
pack_result(struct buf *buf)
{
	struct buf record;

	buf_init(&record, FRAME_BYTES_MAX);
	pack_record(&record);
	pack_raw(buf, slice_of("\x8c", 1)); /* three pairs more */
	pack_raw(buf, slice_of(record.data + 1, record.len - 1));
	pack_literal(buf, "items");
	pack_array(buf, 1);
	pack_raw(buf, buf_slice(&record));
	pack_literal(buf, "results");
	pack_array(buf, 1);
	pack_raw(buf, buf_slice(&record));
	pack_literal(buf, "total");
	pack_integer(buf, 1);
	buf_fini(&record);
}

static void
pack_violation(struct buf *buf, const char *path, const char *code)
{
	pack_map(buf, 2);
	pack_literal(buf, "path");
	pack_text(buf, slice_text(path));
	pack_literal(buf, "code");
	pack_text(buf, slice_text(code));
}

static void
pack_details(struct buf *buf)
{
	pack_map(buf, 1);
	pack_literal(buf, "errors");
	pack_array(buf, 5);
	pack_violation(buf, "set.email", "TAKEN");
	pack_violation(buf, "updates.1.set.email", "TAKEN");
	pack_violation(buf, "updates.0.id", "MISSING");
	pack_violation(buf, "set.billing_address.country", "TOO_LONG");
	pack_violation(buf, "set.contacts.0.type", "NOT_IN_LIST");
}

/* What is refused has changed nothing. */
static void
check_changes(const struct work *work)
{
	const struct call_made *made;

	if (work->response.status < 400)
		return;
	TAILQ_FOREACH (made, &work->calls, link)
		assert(methods[made->method].access != METHOD_WRITE || made->is_probe ||
		       made->answer.status != STATUS_OK);
}

/* Answer every call with STATUS; false when none was waiting. */
static bool
answer_calls(struct work *work, unsigned *answered, enum status status)
{
	struct call_made *made;
	struct buf        result, details;
	unsigned          place = 0;
	bool              is_new = *answered < work->call_count;

	buf_init(&result, FRAME_BYTES_MAX);
	buf_init(&details, FRAME_BYTES_MAX);
	pack_result(&result);
	pack_details(&details);
	TAILQ_FOREACH (made, &work->calls, link) {
		struct answer *answer = &made->answer;

		if (place++ < *answered)
			continue;
		check_args(made);
		if (!made->is_done) /* it may be too large to be sent */
			work->pending--;
		made->is_done = true;
		*answer = (struct answer){ .status = status };
		if (status == STATUS_OK)
			answer->result =
			    arena_copy(work_arena(work), buf_slice(&result));
		if (status == STATUS_INVALID)
			answer->details =
			    arena_copy(work_arena(work), buf_slice(&details));
	}
	*answered = work->call_count;
	buf_fini(&result);
	buf_fini(&details);
	return is_new;
}

/* ---- the request ---- */

static void
check_answer(const struct work *work)
{
	const struct http_response *response = &work->response;
	json_error_t                error;
	json_t                     *json;

	assert(response->status >= 200 && response->status <= 599);
	if (response->body.len == 0 || strcmp(response->content_type, "text/html") == 0)
		return;
	json = json_loadb(response->body.data, response->body.len,
	    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	assert(json != NULL);
	json_decref(json);
}

static void
serve(struct work *work, enum status status)
{
	struct call_made *made;
	unsigned          answered = 0;

	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		work->is_answered = work->is_refusing = false;
		work->fault_count = 0;
		work->header_count = 0;
		work->revision = 0;
		TAILQ_FOREACH (made, &work->calls, link)
			made->is_mentioned = false;
		work->route->serve(work);
		if (!answer_calls(work, &answered, status))
			break;
	}
	if (!work->is_answered)
		return;
	check_answer(work);
	check_changes(work);
}

/* The calls are ours, but the client library has them still. */
static void
forget_calls(struct work *work)
{
	struct customerd_async *async = work->engine->upstream->async;
	struct call_made       *made;

	work->is_gone = true; /* nothing is run any more */
	work->pending = work->call_count;
	TAILQ_FOREACH (made, &work->calls, link)
		customerd_async_cancel(
		    async, made->shared != NULL ? made->shared->id : made->id);
}

/* A server that is never reached: nobody runs the handle. */
static struct customerd_async *
nobody(void)
{
	static struct customerd_async *async;
	struct customerd_options       options = { .address = "unix:/nowhere" };

	if (async == NULL)
		customerd_async_new(&async, &options, NULL);
	assert(async != NULL);
	return async;
}

/* What is read of a form are objects of texts. */
static void
read_forms(struct slice body)
{
	const char  *why = NULL;
	struct arena arena;
	json_t      *form;

	arena_init(&arena, HTTP_ARENA_BYTES_MAX);
	form = form_read(body, &arena);
	assert(form == NULL || json_is_object(form));
	json_decref(form);
	form = form_read_multipart(
	    body, SLICE("multipart/form-data; boundary=x"), &arena, &why);
	assert((form == NULL) == (why != NULL));
	json_decref(form);
	arena_fini(&arena);
}

/* One request of FORMAT.  False: it is no JSON, to whatever format. */
static bool
try_format(const struct format *format, const uint8_t *data, size_t size)
{
	struct upstream              upstream = { .is_ready = true, .async = nobody() };
	const struct engine_settings settings = { .public_store = 1,
		.search_max = 100 };
	struct engine                engine;
	struct http_exchange exchange = { .request = { .host = SLICE("localhost"),
					      .path = SLICE("/api/customers/7"),
					      .id = "0" } };
	struct work          work = { .engine = &engine,
			 .exchange = &exchange,
			 .format = format,
			 .token = SLICE("token"),
			 .has_credentials = true };
	struct json_problem  problem;

	work.body = json_read(slice_of((const char *)data + 2, size - 2), &problem);
	if (work.body == NULL)
		return false;
	work.route = work.any = choose(format, data[0]);
	work.parameters[PARAMETER_STORE] = SLICE("1003");
	work.parameters[PARAMETER_ITEM] = SLICE("7");
	work.parameters[PARAMETER_ID] =
	    format->ids_are_uids ? SLICE("XAyRWNUzyN") : SLICE("7");
	exchange.request.method = work.route->method;
	TAILQ_INIT(&work.calls);
	arena_init(&exchange.arena, HTTP_ARENA_BYTES_MAX);
	engine_init(&engine, &upstream, &settings);
	serve(&work, (enum status)(data[1] % STATUS_COUNT));
	forget_calls(&work);
	engine_fini(&engine);
	json_decref(work.body);
	arena_fini(&exchange.arena);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct format *const *format = formats;

	if (size < 2)
		return 0;
	read_forms(slice_of((const char *)data + 2, size - 2));
	while (*format != NULL && try_format(*format, data, size))
		format++;
	return 0;
}
