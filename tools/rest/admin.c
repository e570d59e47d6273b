/*
 * The admin listener: is it alive, is it of use, what has it done.
 */

#include <inttypes.h>
#include <stdio.h>

#include "proto/version.h"
#include "tools/rest/rest.h"

#define REPORT_BYTES_MAX ((size_t)4 * 1024 * 1024)

static const struct http_pair no_store = { { "Cache-Control", 13 }, { "no-store", 8 } };

static void
respond(struct http_exchange *exchange, unsigned status, const char *content_type,
    struct slice body)
{
	struct http_response response = { .status = status,
		.content_type = content_type,
		.headers = &no_store,
		.header_count = 1,
		.body = body };

	http_respond(exchange, &response);
}

static void
serve_live(struct rest *rest, struct http_exchange *exchange)
{
	(void)rest;
	respond(exchange, 200, "application/json",
	    SLICE("{\"live\":true,\"version\":\"" CUSTOMERD_VERSION "\"}\n"));
}

static void
serve_ready(struct rest *rest, struct http_exchange *exchange)
{
	bool has_upstream = upstream_is_ready(&rest->upstream);
	bool is_ready = has_upstream && !rest->is_draining;
	char text[160];
	int  len = snprintf(text, sizeof(text),
	     "{\"ready\":%s,\"version\":\"" CUSTOMERD_VERSION
	     "\",\"server\":\"%s\",\"draining\":%s}\n",
            is_ready ? "true" : "false", has_upstream ? "ready" : "unreachable",
            rest->is_draining ? "true" : "false");

	respond(exchange, is_ready ? 200 : 503, "application/json",
	    slice_of(text, (size_t)len));
}

/* ---- /metrics ---- */

static const struct {
	const char *name, *kind, *suffix, *text;
} counters[HTTP_COUNTER_COUNT] = {
#define KIND_COUNTER "counter", "_total"
#define KIND_GAUGE "gauge", ""
#define X(NAME, name, KIND, text) { name, KIND_##KIND, text },
	HTTP_COUNTERS(X)
#undef X
};

static void
print_gauge(struct buf *out, const char *name, const char *text, uint64_t value)
{
	metrics_put(out,
	    "# HELP customerd_rest_%s %s\n# TYPE customerd_rest_%s gauge\n"
	    "customerd_rest_%s %" PRIu64 "\n",
	    name, text, name, name, value);
}

static void
serve_metrics(struct rest *rest, struct http_exchange *exchange)
{
	struct buf out;

	buf_init(&out, REPORT_BYTES_MAX);
	metrics_put(&out,
	    "# HELP customerd_rest_build_info The version that runs.\n"
	    "# TYPE customerd_rest_build_info gauge\n"
	    "customerd_rest_build_info{version=\"" CUSTOMERD_VERSION "\"} 1\n");
	print_gauge(&out, "server_ready", "Whether customerd answers.",
	    upstream_is_ready(&rest->upstream));
	print_gauge(&out, "calls_open", "Calls to customerd not yet answered.",
	    customerd_async_pending(rest->upstream.async));
	for (int i = 0; i < HTTP_COUNTER_COUNT; i++)
		metrics_put(&out,
		    "# HELP customerd_rest_%s%s %s.\n# TYPE customerd_rest_%s%s %s\n"
		    "customerd_rest_%s%s %" PRIu64 "\n",
		    counters[i].name, counters[i].suffix, counters[i].text,
		    counters[i].name, counters[i].suffix, counters[i].kind,
		    counters[i].name, counters[i].suffix,
		    http_server_counter(rest->front, (enum http_counter)i));
	metrics_print(&rest->metrics, &out);
	if (out.failed)
		http_respond_error(exchange, 503, "There is no memory left.");
	else
		respond(exchange, 200, "text/plain; version=0.0.4; charset=utf-8",
		    buf_slice(&out));
	buf_fini(&out);
}

/* ---- routes ---- */

static const struct {
	const char *path;
	void (*serve)(struct rest *rest, struct http_exchange *exchange);
} routes[] = {
	{ "/live", serve_live },
	{ "/ready", serve_ready },
	{ "/metrics", serve_metrics },
};

static void
refuse_method(struct http_exchange *exchange)
{
	static const struct http_pair allow = { { "Allow", 5 }, { "GET, HEAD", 9 } };
	struct http_response          response = {
			 .status = 405, .headers = &allow, .header_count = 1
	};

	http_respond(exchange, &response);
}

static void
on_request(void *user, struct http_exchange *exchange)
{
	const struct http_request *request = &exchange->request;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!slice_equal(request->path, slice_text(routes[i].path)))
			continue;
		if (request->method == HTTP_METHOD_GET || request->is_head)
			routes[i].serve(user, exchange);
		else
			refuse_method(exchange);
		return;
	}
	http_respond_error(exchange, 404, "There is nothing under this path.");
}

struct http_application
admin_application(struct rest *rest)
{
	return (struct http_application){ .on_request = on_request, .user = rest };
}
