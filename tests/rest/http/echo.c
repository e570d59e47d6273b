/*
 * echo -- an application for tools/rest/http.h that the tests in this folder talk to.
 *
 *	echo FD [SETTING=NUMBER...]     FD listens; settings as in struct http_settings
 *
 *	/slow?ms=N       answers after N milliseconds
 *	/large?bytes=N   answers with so many bytes
 *	/refuse?status=N answers before the body is read
 *	/close           answers and ends the connection
 *	/events          what the server counts, and how many exchanges were cancelled
 *	anything else    answers with the request as the application sees it, in JSON
 *
 * SIGTERM drains it; then it ends with status 0.
 */

#include <ev.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/base/listen.h"
#include "server/base/log.h"
#include "tools/rest/http.h"

struct echo {
	struct ev_loop     *ev;
	struct log          log;
	struct http_server *server;
	unsigned            shown, cancelled, done;
};

/* ---- answers ---- */

static json_t *
text(struct slice slice)
{
	json_t *value = json_stringn(slice.data != NULL ? slice.data : "", slice.len);

	return value != NULL ? value : json_null();
}

static json_t *
pairs(const struct http_pair *pair, unsigned count)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(
		    list, json_pack("[o, o]", text(pair[i].name), text(pair[i].value)));
	return list;
}

static json_t *
describe(const struct http_request *request)
{
	json_t *segments = json_array();

	for (unsigned i = 0; i < request->segment_count; i++)
		json_array_append_new(segments, text(request->segments[i]));
	return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:b, "
			 "s:s, s:o, s:s}",
	    "method", http_method_name(request->method), "is_head", request->is_head,
	    "target", text(request->target), "path", text(request->path), "query",
	    text(request->query), "segments", segments, "has_trailing_slash",
	    request->has_trailing_slash, "parameters",
	    pairs(request->parameters, request->parameter_count), "headers",
	    pairs(request->headers, request->header_count), "host", text(request->host),
	    "body", text(request->body), "has_body", request->has_body, "id",
	    request->id, "traceparent", text(request->traceparent), "peer",
	    request->peer);
}

static void
respond_json(struct http_exchange *exchange, json_t *value, bool ends_connection)
{
	char                *body = json_dumps(value, JSON_COMPACT);
	struct http_response response = { .status = 200,
		.content_type = "application/json",
		.body = slice_text(body),
		.ends_connection = ends_connection };

	http_respond(exchange, &response);
	free(body);
	json_decref(value);
}

static void
respond_large(struct http_exchange *exchange, size_t bytes)
{
	char                *body = arena_alloc(&exchange->arena, bytes);
	struct http_response response = { .status = 200,
		.content_type = "text/plain",
		.body = slice_of(body, bytes) };

	memset(body, 'x', bytes);
	http_respond(exchange, &response);
}

static long
number(const struct http_request *request, const char *name)
{
	struct slice value;
	char         digits[16] = "";

	if (http_parameter(request, name, &value) && value.len < sizeof(digits))
		memcpy(digits, value.data, value.len);
	return strtol(digits, NULL, 10);
}

/* ---- answers later ---- */

static void
on_time(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	struct http_exchange *exchange = timer->data;

	(void)ev;
	(void)events;
	free(timer);
	respond_json(exchange, describe(&exchange->request), false);
}

static void
respond_later(struct echo *echo, struct http_exchange *exchange)
{
	struct ev_timer *timer = malloc(sizeof(*timer));

	ev_timer_init(
	    timer, on_time, (double)number(&exchange->request, "ms") / 1e3, 0.);
	timer->data = exchange;
	exchange->context = timer;
	ev_timer_start(echo->ev, timer);
}

static json_t *
events(const struct echo *echo)
{
	json_t *found = json_pack("{s:i, s:i, s:i}", "shown", (int)echo->shown,
	    "cancelled", (int)echo->cancelled, "done", (int)echo->done);

#define X(NAME, name, kind, what)        \
	json_object_set_new(found, name, \
	    json_integer(                \
		(json_int_t)http_server_counter(echo->server, HTTP_COUNTER_##NAME)));
	HTTP_COUNTERS(X)
#undef X
	return found;
}

/* ---- the application ---- */

static bool
is_for(const struct http_exchange *exchange, const char *path)
{
	return slice_equal(exchange->request.path, slice_text(path));
}

static void
on_headers(void *user, struct http_exchange *exchange)
{
	struct echo *echo = user;

	echo->shown++;
	exchange->format = "echo";
	if (is_for(exchange, "/refuse"))
		http_respond_error(exchange,
		    (unsigned)number(&exchange->request, "status"), "As you wish.");
}

static void
on_request(void *user, struct http_exchange *exchange)
{
	struct echo *echo = user;

	if (is_for(exchange, "/slow"))
		respond_later(echo, exchange);
	else if (is_for(exchange, "/large"))
		respond_large(exchange, (size_t)number(&exchange->request, "bytes"));
	else if (is_for(exchange, "/events"))
		respond_json(exchange, events(echo), false);
	else
		respond_json(
		    exchange, describe(&exchange->request), is_for(exchange, "/close"));
}

static void
on_cancel(void *user, struct http_exchange *exchange)
{
	struct echo *echo = user;

	echo->cancelled++;
	if (exchange->context != NULL) {
		ev_timer_stop(echo->ev, exchange->context);
		free(exchange->context);
	}
}

static void
on_done(void *user, const struct http_exchange *exchange,
    const struct http_outcome *outcome)
{
	struct echo *echo = user;

	(void)exchange;
	(void)outcome;
	echo->done++;
}

/* ---- the program ---- */

static void
on_drained(void *user)
{
	struct echo *echo = user;

	ev_break(echo->ev, EVBREAK_ALL);
}

static void
on_signal(struct ev_loop *ev, struct ev_signal *watcher, int revents)
{
	struct echo *echo = watcher->data;

	(void)revents;
	ev_signal_stop(ev, watcher);
	http_server_drain(echo->server, on_drained, echo);
}

static void
set(struct http_settings *settings, const char *name, long value)
{
	if (strcmp(name, "connections_max") == 0)
		settings->connections_max = (unsigned)value;
	if (strcmp(name, "body_bytes_max") == 0)
		settings->body_bytes_max = (size_t)value;
#define SET(member)                     \
	if (strcmp(name, #member) == 0) \
	settings->member = value
	SET(head_timeout_ms);
	SET(body_timeout_ms);
	SET(idle_timeout_ms);
	SET(write_timeout_ms);
	SET(linger_timeout_ms);
	SET(drain_timeout_ms);
#undef SET
}

int
main(int argc, char *argv[])
{
	struct echo             echo = { .ev = ev_loop_new(EVFLAG_AUTO) };
	struct http_application application = { on_headers, on_request, on_cancel, NULL,
		on_done, &echo };
	struct http_settings    settings = { .connections_max = 0 };
	struct ev_signal        signals;
	int                     fd = (int)strtol(argv[1], NULL, 10);
	char                    why[128];

	for (int i = 2; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		*value = '\0';
		set(&settings, argv[i], strtol(value + 1, NULL, 10));
	}
	signal(SIGPIPE, SIG_IGN);
	log_init(&echo.log, STDERR_FILENO, LOG_LEVEL_INFO);
	if (!listen_inherit(fd, why, sizeof(why)) ||
	    !http_server_open(
		&echo.server, echo.ev, &application, &settings, &echo.log))
		return EXIT_FAILURE;
	http_server_listen(echo.server, fd, NULL);
	ev_signal_init(&signals, on_signal, SIGTERM);
	signals.data = &echo;
	ev_signal_start(echo.ev, &signals);
	ev_run(echo.ev, 0);
	http_server_close(echo.server);
	ev_loop_destroy(echo.ev);
	return EXIT_SUCCESS;
}
