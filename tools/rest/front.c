/*
 * The front: find the format and the route that a request is for.
 */

#include "tools/rest/rest.h"

static void
on_request(void *user, struct http_exchange *exchange)
{
	(void)user;
	http_respond_error(exchange, 404, "There is nothing under this path.");
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
		.on_request = on_request, .on_done = on_done, .user = rest
	};
}
