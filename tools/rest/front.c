/*
 * The front: what clients see is the engine's business, what is counted is ours.
 */

#include "tools/rest/rest.h"

static void
on_request(void *user, struct http_exchange *exchange)
{
	struct rest *rest = user;

	if (!docs_serve(&rest->docs, exchange))
		engine_serve(&rest->engine, exchange);
}

static void
on_cancel(void *user, struct http_exchange *exchange)
{
	(void)user;
	engine_cancel(exchange); /* Documents are answered at once. */
}

static void
render_error(void *user, struct http_exchange *exchange, const char *why,
    struct http_response *response)
{
	struct rest *rest = user;

	engine_render_error(&rest->engine, exchange, why, response);
}

static void
on_done(void *user, const struct http_exchange *exchange,
    const struct http_outcome *outcome)
{
	struct rest *rest = user;

	metrics_add(&rest->metrics, exchange->format, exchange->route, outcome->status,
	    outcome->took_us);
}

struct http_application
front_application(struct rest *rest)
{
	return (struct http_application){
		.on_request = on_request,
		.on_cancel = on_cancel,
		.render_error = render_error,
		.on_done = on_done,
		.user = rest,
	};
}
