#include "tools/rest/http_exchange.h"

#include <assert.h>
#include <stdio.h>

#include "server/base/clock.h"

static const char continue_line[] = "HTTP/1.1 100 Continue\r\n\r\n";

static struct http_connection *
connection_of(struct http_exchange *exchange)
{
	return (struct http_connection *)((char *)exchange -
					  offsetof(struct http_connection, exchange));
}

/* ---- the end of an exchange ---- */

/*
 * The names of the parameters, without their values, which may be anything: tokens,
 * email addresses.
 */
static struct slice
query_names(struct http_exchange *exchange)
{
	const struct http_request *request = &exchange->request;
	struct slice               query = request->query;
	char                      *names = arena_alloc(&exchange->arena, query.len);
	size_t                     len = 0;

	for (unsigned i = 0; names != NULL && i < request->parameter_count; i++) {
		struct slice name = request->parameters[i].name;

		if (i > 0)
			names[len++] = ',';
		memcpy(names + len, name.data, name.len); /* shorter than encoded */
		len += name.len;
	}
	return slice_of(names, len);
}

/* Add a field, unless it has nothing to tell. */
static struct log_field *
put_text(struct log_field *field, const char *key, struct slice text)
{
	if (text.len == 0)
		return field;
	*field = LOG_SLICE(key, text);
	return field + 1;
}

static struct slice
text_or_empty(const char *text)
{
	return text != NULL ? slice_text(text) : slice_of(NULL, 0);
}

/* Whether nobody knows who it was: a wrong token, or what is no request. */
static bool
is_strangers(
    const struct http_connection *connection, const struct http_outcome *outcome)
{
	return outcome->status == 401 || !connection->is_shown;
}

static void
log_outcome(const struct http_connection *connection, struct http_exchange *exchange,
    const struct http_outcome *outcome, const char *why)
{
	const struct http_request *request = &exchange->request;
	struct log                *log = connection->server->log;
	struct log_field           fields[14], *end = fields;
	uint64_t                   suppressed = 0;

	if (connection->server->settings.is_quiet || !log_wants(log, LOG_LEVEL_INFO))
		return;
	if (is_strangers(connection, outcome) &&
	    !gate_pass(
		&connection->server->stranger_gate, clock_mono_ms(), &suppressed))
		return;
	end = put_text(end, "id", slice_text(request->id));
	if (request->path.len > 0)
		end = put_text(
		    end, "method", slice_text(http_method_name(request->method)));
	end = put_text(end, "path", request->path);
	end = put_text(end, "query", query_names(exchange));
	*end++ = LOG_INTEGER("status", outcome->status);
	*end++ = LOG_INTEGER("took_us", outcome->took_us);
	*end++ = LOG_INTEGER("bytes", outcome->bytes);
	end = put_text(end, "peer", slice_text(request->peer));
	end = put_text(end, "format", text_or_empty(exchange->format));
	end = put_text(end, "route", text_or_empty(exchange->route));
	end = put_text(end, "traceparent", request->traceparent);
	end = put_text(end, "why", text_or_empty(why));
	if (suppressed > 0)
		*end++ = LOG_INTEGER("suppressed", suppressed);
	*end = LOG_END;
	log_put(log, LOG_LEVEL_INFO, "request", fields);
}

/* Tell everybody how it went, and forget the request. */
static void
finish(
    struct http_connection *connection, unsigned status, size_t bytes, const char *why)
{
	struct http_server   *server = connection->server;
	struct http_exchange *exchange = &connection->exchange;
	struct http_outcome   outcome = { .status = status,
		  .took_us = clock_mono_us() - connection->began_us,
		  .bytes = bytes };

	if (server->application.on_done != NULL)
		server->application.on_done(
		    server->application.user, exchange, &outcome);
	log_outcome(connection, exchange, &outcome, why);
	server->counters[HTTP_COUNTER_REQUESTS_OPEN]--;
	connection->has_exchange = false;
	connection->has_had_one = true;
	http_connection_forget_wait(connection);
	http_parser_reset(&connection->parser);
	http_head_init(&connection->head);
	arena_reset(&exchange->arena);
}

/* ---- answers ---- */

static bool
put_answer(struct http_connection *connection, const struct http_response *response,
    bool keeps_alive)
{
	struct http_framing framing = { .id = connection->id,
		.date = http_server_date(connection->server),
		.is_head = connection->exchange.request.is_head,
		.is_http_1_0 = connection->parser.is_http_1_0,
		.keeps_alive = keeps_alive };

	return http_response_put(
	    http_connection_output(connection), response, &framing);
}

static void
answer(struct http_connection *connection, const struct http_response *response,
    const char *why)
{
	static const struct http_response too_large = { .status = 500 };
	/* What is left of the request could not be told from the next one. */
	bool keeps_alive =
	    connection->parser.is_complete && connection->parser.keeps_alive &&
	    !connection->server->is_draining && !response->ends_connection;

	assert(connection->has_exchange);
	if (!put_answer(connection, response, keeps_alive)) {
		response = &too_large;
		keeps_alive = false;
		if (!put_answer(connection, response, false))
			connection->is_broken = true;
	}
	connection->state = keeps_alive ? HTTP_READING_HEAD : HTTP_ENDING;
	finish(connection, response->status, response->body.len, why);
	http_connection_run(connection);
}

void
http_respond(struct http_exchange *exchange, const struct http_response *response)
{
	answer(connection_of(exchange), response, NULL);
}

static void
answer_error(struct http_connection *connection, unsigned status, const char *why,
    bool ends_connection)
{
	struct http_exchange          *exchange = &connection->exchange;
	const struct http_application *application = &connection->server->application;
	struct http_response           response = { .status = status };

	if (application->render_error != NULL)
		application->render_error(application->user, exchange, why, &response);
	else
		http_response_problem(&response, why, &exchange->arena);
	response.ends_connection |= ends_connection;
	answer(connection, &response, why);
}

void
http_respond_error(struct http_exchange *exchange, unsigned status, const char *why)
{
	answer_error(connection_of(exchange), status, why, false);
}

/* ---- the beginning ---- */

static void
open_exchange(struct http_connection *connection)
{
	struct http_exchange *exchange = &connection->exchange;

	assert(!connection->has_exchange && exchange->arena.bytes_used == 0);
	exchange->request = (struct http_request){ .id = connection->id,
		.peer = connection->peer,
		.is_secure = connection->stream.tls != NULL };
	exchange->context = NULL;
	exchange->format = exchange->route = NULL;
	exchange->arena.secret = true; /* tokens are in the headers */
	http_server_make_id(connection->server, connection->id);
	connection->began_us = clock_mono_us();
	connection->has_exchange = true;
	connection->is_shown = false;
	connection->server->counters[HTTP_COUNTER_REQUESTS_OPEN]++;
}

void
http_exchange_begin_bad(struct http_connection *connection)
{
	const struct http_head *head = &connection->head;
	struct http_request    *request = &connection->exchange.request;
	const char             *query;

	open_exchange(connection);
	if (head->target.len == 0)
		return;
	request->target = arena_copy(&connection->exchange.arena,
	    slice_of(connection->in.data + head->target.at, head->target.len));
	request->path = request->target;
	query = request->target.len > 0
		    ? memchr(request->target.data, '?', request->target.len)
		    : NULL;
	if (query != NULL)
		request->path.len = (size_t)(query - request->path.data);
}

void
http_exchange_refuse(
    struct http_connection *connection, unsigned status, const char *why)
{
	connection->server->counters[HTTP_COUNTER_REQUESTS_MALFORMED]++;
	buf_truncate(&connection->in, 0);
	if (connection->is_shown && connection->server->application.on_cancel != NULL)
		connection->server->application.on_cancel(
		    connection->server->application.user, &connection->exchange);
	answer_error(connection, status, why, true);
}

void
http_exchange_refuse_head(struct http_connection *connection)
{
	unsigned    status = connection->head.status;
	const char *why = connection->head.why;

	http_exchange_begin_bad(connection);
	http_exchange_refuse(connection, status, why);
}

void
http_exchange_begin(struct http_connection *connection)
{
	struct http_server   *server = connection->server;
	struct http_exchange *exchange = &connection->exchange;
	struct http_parser   *parser = &connection->parser;
	struct http_head      found = connection->head;
	struct slice          head;

	open_exchange(connection);
	head = arena_copy(&exchange->arena,
	    slice_of(connection->in.data + found.start, found.len - found.start));
	if (head.len == 0) {
		http_exchange_refuse(connection, 503, "There is no memory left.");
		return;
	}
	buf_drop(&connection->in, found.len);
	if (!http_parser_head(parser, &exchange->request, head, &found,
		server->settings.body_bytes_max, &exchange->arena)) {
		http_exchange_refuse(connection, parser->status, parser->why);
		return;
	}
	connection->state = HTTP_READING_BODY;
	if (server->application.on_headers != NULL) {
		connection->is_shown = true;
		server->application.on_headers(server->application.user, exchange);
		if (!connection->has_exchange)
			return;
	}
	if (!exchange->request.has_body)
		http_exchange_deliver(connection);
	else if (parser->expects_continue && connection->in.len == 0)
		buf_put(http_connection_output(connection), continue_line,
		    sizeof(continue_line) - 1);
}

void
http_exchange_deliver(struct http_connection *connection)
{
	struct http_server *server = connection->server;

	connection->state = HTTP_AWAITING_ANSWER;
	connection->is_shown = true;
	server->application.on_request(server->application.user, &connection->exchange);
}

void
http_exchange_cancel(struct http_connection *connection)
{
	struct http_server *server = connection->server;

	if (!connection->has_exchange)
		return;
	if (connection->is_shown && server->application.on_cancel != NULL)
		server->application.on_cancel(
		    server->application.user, &connection->exchange);
	server->counters[HTTP_COUNTER_REQUESTS_CANCELLED]++;
	finish(connection, 499, 0, NULL);
}
