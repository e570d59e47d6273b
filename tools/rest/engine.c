#include "tools/rest/engine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/base/clock.h"
#include "tools/rest/route.h"
#include "tools/rest/work_internal.h"

/* ---- running ---- */

/* Look the record of the path up, since its absence goes before the body's errors. */
static const struct answer *
look_first(struct work *work)
{
	struct slice id = work->parameters[PARAMETER_ID];
	struct slice args = work_args_id(work, id);

	return args.len == 0 ? NULL : work_call(work, work_methods(work)->get, args);
}

bool
work_verify(struct work *work, bool looks)
{
	const struct answer *answer;

	if (!work->has_credentials)
		return true;
	looks = looks && work->parameters[PARAMETER_ID].len > 0;
	answer = looks ? look_first(work) : work_call(work, METHOD_PING, MAP_EMPTY);
	if (answer == NULL)
		return false;
	if (answer->status == STATUS_OK || answer->status == STATUS_INVALID)
		return true;
	work_refuse_answer(work, answer);
	return false;
}

/* Whether the path's store is the token's.  False: not known yet, or answered. */
static bool
admit(struct work *work)
{
	const struct answer *store;

	if (work->format->owns == NULL || !work->has_credentials)
		return true;
	store = work_store(work);
	if (store == NULL)
		return false;
	if (store->status != STATUS_OK) {
		work_refuse_answer(work, store);
		return false;
	}
	if (work->format->owns(work, store->result))
		return true;
	work_refuse(work, REASON_NO_STORE, work->parameters[PARAMETER_STORE]);
	return false;
}

static void
advance(struct work *work)
{
	struct call_made *made;

	work->is_refusing = false;
	work->fault_count = 0;
	work->header_count = 0;
	work->revision = 0;
	TAILQ_FOREACH (made, &work->calls, link)
		made->is_mentioned = false;
	if (!work->is_refused) {
		if (admit(work))
			work->route->serve(work);
	} else if (work_verify(work, work->looks_first)) {
		work_refuse(work, work->local_reason, work->local_subject);
	}
}

/* ---- how many at once ---- */

/* The place where requests for the store of WORK are counted; NULL: nowhere. */
static struct engine_store *
find_store(struct work *work)
{
	struct engine_store *stores = work->engine->stores, *vacant = NULL;
	struct slice         name = work->parameters[PARAMETER_STORE];

	for (unsigned i = 0; i < ENGINE_STORES_MAX; i++) {
		if (stores[i].busy == 0)
			vacant = &stores[i];
		else if (slice_equal(slice_text(stores[i].name), name))
			return &stores[i];
	}
	if (vacant == NULL || name.len >= sizeof(vacant->name))
		return NULL;
	memcpy(vacant->name, name.data, name.len);
	vacant->name[name.len] = '\0';
	return vacant;
}

/* Count WORK for its store, or find that there are too many of its kind. */
static void
count_for_store(struct work *work)
{
	unsigned             max = work->engine->settings.concurrent_max;
	struct engine_store *store;

	if (!work->route->resource->is_bounded || max == 0)
		return;
	store = find_store(work);
	if (store == NULL)
		return;
	if (store->busy >= max) {
		work_find_wrong(work, REASON_RATE_LIMITED, slice_of(NULL, 0));
		work->has_credentials = false; /* answered at once, without a look */
		return;
	}
	store->busy++;
	work->store = store;
}

/* Count WORK for its token, or find that it is too much. */
static void
count_for_token(struct work *work)
{
	const struct format *format = work->format;
	struct rate         *rate = &work->engine->rate;

	work->rate = (struct rate_state){ .limit = format->rate_limit,
		.left = format->rate_limit,
		.window_ms = format->rate_window_s * INT64_C(1000),
		.reset_ms = format->rate_window_s * INT64_C(1000) };
	if (rate->max == 0 || work->token.len == 0)
		return;
	work->rate = rate_count(rate, work->token, clock_mono_ms());
	if (!work->rate.is_over)
		return;
	work_find_wrong(work, REASON_RATE_LIMITED, slice_of(NULL, 0));
	work->has_credentials = false;
}

static int64_t
rate_value(const struct work *work, enum rate_value value)
{
	const struct rate_state *rate = &work->rate;

	switch (value) {
	case RATE_LIMIT: return rate->limit;
	case RATE_LEFT: return rate->left;
	case RATE_WINDOW_S: return rate->window_ms / 1000;
	case RATE_WINDOW_MS: return rate->window_ms;
	case RATE_RESET_MS: return rate->reset_ms;
	case RATE_RETRY_S: return rate->is_over ? (rate->retry_ms + 999) / 1000 : 1;
	}
	return 0;
}

/* Clients that are told to wait, but not how long, ask again at once. */
static void
write_rate(struct work *work)
{
	const struct rate_header *header = work->format->rate_headers;
	unsigned                  status = work->response.status;

	for (; header != NULL && header->name != NULL; header++)
		if (header->value != RATE_RETRY_S || status == 429 || status == 503)
			work_header(work, header->name,
			    work_decimal(
				work, "", rate_value(work, header->value), ""));
}

/* Give up all that WORK holds outside of its arena. */
static void
end(struct work *work)
{
	work_cancel(work);
	if (work->store != NULL)
		work->store->busy--;
	arena_fini(&work->page);
}

static bool
is_not_modified(const struct work *work)
{
	const struct http_request *request = &work->exchange->request;
	struct slice               value;

	return work->response.status == 200 && work->revision > 0 &&
	       !carries_body(request) &&
	       http_header(request, "If-None-Match", &value) &&
	       (slice_equal(value, SLICE("*")) ||
		   tag_revision(value) == work->revision);
}

static void
respond(struct work *work)
{
	const struct http_pair *header = work->format->headers;

	if (work->revision > 0)
		work_header(
		    work, "ETag", work_decimal(work, "\"", work->revision, "\""));
	if (is_not_modified(work)) {
		work->response.status = 304;
		work->response.content_type = NULL;
		work->response.body = slice_of(NULL, 0);
	}
	if (work->dry_run && work->response.status < 300)
		work_header(work, "Preference-Applied", "tx=rollback");
	if (work->format->allow_always || work->response.status == 405)
		work_header(work, "Allow",
		    route_allow(work->format, work->any, work_arena(work)));
	for (; header != NULL && header->name.len > 0; header++)
		work->headers[work->header_count++] = *header;
	write_rate(work);
	work->response.headers = work->headers;
	work->response.header_count = work->header_count;
	end(work);
	http_respond(work->exchange, &work->response);
}

void
work_run(struct work *work)
{
	do {
		work->runs_again = false;
		advance(work);
	} while (work->runs_again);
	/* Nothing to wait for and no answer: memory or calls have run out. */
	if (!work->is_answered && work->pending == 0)
		work_refuse(work, REASON_UNAVAILABLE, slice_of(NULL, 0));
	if (work->is_answered)
		respond(work);
}

/* ---- what the HTTP server calls ---- */

static struct work *
begin(struct engine *engine, struct http_exchange *exchange,
    const struct format *format, const struct route_match *match)
{
	struct work *work = arena_alloc(&exchange->arena, sizeof(*work));

	if (work == NULL)
		return NULL;
	*work = (struct work){
		.engine = engine,
		.exchange = exchange,
		.format = format,
		.route = match->route != NULL ? match->route : match->any,
		.any = match->any,
		.now_ms = clock_wall_ms(),
	};
	TAILQ_INIT(&work->calls);
	memcpy(work->parameters, match->parameters, sizeof(work->parameters));
	arena_init(&work->page, WORK_PAGE_BYTES_MAX);
	exchange->context = work;
	return work;
}

static void
answer_options(struct http_exchange *exchange, const struct format *format,
    const struct route_match *match)
{
	struct http_pair     allow = { SLICE("Allow"),
		    slice_text(route_allow(format, match->any, &exchange->arena)) };
	struct http_response response = {
		.status = 204, .headers = &allow, .header_count = 1
	};

	http_respond(exchange, &response);
}

/* Where the path would be with its slash. */
static void
redirect(struct http_exchange *exchange)
{
	const struct http_request *request = &exchange->request;
	size_t                     len = request->path.len + request->query.len + 3;
	char                      *target = arena_alloc(&exchange->arena, len);
	struct http_pair           location = { SLICE("Location"), { NULL, 0 } };
	struct http_response       response = { .status = 301,
		      .content_type = "text/html; charset=utf-8",
		      .headers = &location,
		      .header_count = 1 };

	if (target == NULL) {
		http_respond_error(exchange, 503, NULL);
		return;
	}
	snprintf(target, len, "%.*s/%s%.*s", (int)request->path.len, request->path.data,
	    request->query.len > 0 ? "?" : "", (int)request->query.len,
	    request->query.data);
	location.value = slice_text(target);
	http_respond(exchange, &response);
}

/* Find what is wrong with the request as far as that shows without asking, and begin.
 */
static void
serve(struct engine *engine, struct http_exchange *exchange,
    const struct format *format, const struct route_match *match)
{
	struct work *work = begin(engine, exchange, format, match);

	if (work == NULL) {
		http_respond_error(exchange, 503, NULL);
		return;
	}
	work_check(work, match);
	work_read_conditions(work);
	count_for_token(work);
	if (!work->is_refused)
		count_for_store(work);
	if (!upstream_is_ready(engine->upstream)) {
		work->has_credentials = false; /* nobody to ask */
		if (!work->is_refused)
			work_find_wrong(work, REASON_UNAVAILABLE, slice_of(NULL, 0));
	}
	work_run(work);
}

void
engine_serve(struct engine *engine, struct http_exchange *exchange)
{
	const struct http_request *request = &exchange->request;
	const struct format       *format = format_find(engine->formats, request->path);
	struct route_match         match = { 0 };

	if (format != NULL)
		route_find(&match, format, request);
	if (match.any == NULL ||
	    (request->has_trailing_slash && !format->wants_slash)) {
		http_respond_error(exchange, 404, NULL);
		return;
	}
	exchange->format = format->name;
	exchange->route = match.any->path;
	if (format->wants_slash && !request->has_trailing_slash)
		redirect(exchange);
	else if (request->method == HTTP_METHOD_OPTIONS && !format->options_by_route)
		answer_options(exchange, format, &match);
	else
		serve(engine, exchange, format, &match);
}

void
engine_cancel(struct http_exchange *exchange)
{
	struct work *work = exchange->context;

	if (work != NULL)
		end(work);
}

/* The reason of an error that the HTTP server has found. */
static enum reason
reason_of_status(unsigned status)
{
	static const struct {
		unsigned    http;
		enum reason reason;
	} rows[] = {
		{ 404, REASON_NO_ROUTE },
		{ 413, REASON_TOO_LARGE },
		{ 415, REASON_UNSUPPORTED_MEDIA_TYPE },
		{ 429, REASON_RATE_LIMITED },
		{ 503, REASON_UNAVAILABLE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].http == status)
			return rows[i].reason;
	return REASON_BAD_REQUEST;
}

/* For a path that is no format's business. */
static void
write_plain(struct out *json, const struct complaint *complaint)
{
	out_open(json, '{');
	out_key(json, "status");
	out_int(json, complaint->http);
	out_pair(json, "title", complaint->title);
	out_key(json, "detail");
	out_text(json, complaint->subject);
	out_close(json, '}');
}

void
engine_render_error(struct engine *engine, struct http_exchange *exchange,
    const char *why, struct http_response *response)
{
	const struct format *format =
	    format_find(engine->formats, exchange->request.path);
	enum reason        reason = reason_of_status(response->status);
	struct reason_text text = format_reason(format, reason);
	struct complaint   complaint = { .reason = reason,
		  .http = response->status,
		  .code = text.code,
		  .title = text.title,
		  .detail = text.detail,
		  .subject = slice_text(
		      why != NULL ? why : http_status_text(response->status)) };
	struct work work = { .engine = engine, .exchange = exchange, .format = format };
	struct out  json = work_json(&work);
	const char *page = NULL;

	if (format != NULL && format->error_page != NULL)
		page = format->error_page(&complaint);
	if (page != NULL)
		buf_put(json.out, page, strlen(page));
	else if (format != NULL)
		format->write_error(&json, &work, &complaint);
	else
		write_plain(&json, &complaint);
	response->content_type = page != NULL     ? "text/html"
				 : format != NULL ? format->response_type
						  : "application/json";
	response->body = arena_copy(&exchange->arena, buf_slice(json.out));
}

void
engine_init(struct engine *engine, struct upstream *upstream,
    const struct engine_settings *settings)
{
	*engine = (struct engine){
		.upstream = upstream, .settings = *settings, .formats = formats
	};
	buf_init(&engine->out, HTTP_RESPONSE_BYTES_MAX);
	buf_init(&engine->spare_buf, FRAME_BYTES_MAX);
	buf_init(&engine->spare_set, FRAME_BYTES_MAX);
	for (unsigned i = 0; i < ENGINE_SHARED_MAX; i++)
		TAILQ_INIT(&engine->shared[i].readers);
	rate_init(&engine->rate, settings->rate_max, settings->rate_window_ms);
}

void
engine_fini(struct engine *engine)
{
	buf_fini(&engine->out);
	buf_fini(&engine->spare_buf);
	buf_fini(&engine->spare_set);
}
