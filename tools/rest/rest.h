/*
 * rest -- the whole shim: what its parts share.
 *
 * Threads.  There is one: the loop's.
 */

#ifndef REST_REST_H
#define REST_REST_H

#include <ev.h>

#include "server/base/log.h"
#include "tools/rest/docs.h"
#include "tools/rest/engine.h"
#include "tools/rest/http.h"
#include "tools/rest/metrics.h"
#include "tools/rest/option.h"
#include "tools/rest/upstream.h"

struct rest {
	struct ev_loop     *ev;
	struct log          log;
	struct rest_options options;
	struct upstream     upstream;
	struct engine       engine;
	struct docs         docs;
	struct metrics      metrics;
	struct http_server *front; /* what clients see */
	struct http_server *admin; /* /live, /ready, /metrics */
	struct ssl_ctx_st  *tls;   /* of the front; NULL: only plain */
	bool                is_draining;
};

/* What the front serves; REST is its user. */
struct http_application front_application(struct rest *rest);

/* What the admin listener serves. */
struct http_application admin_application(struct rest *rest);

#endif
