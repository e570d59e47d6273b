/*
 * route -- which row of a format a path belongs to.
 */

#ifndef REST_ROUTE_H
#define REST_ROUTE_H

#include "tools/rest/work.h"

/* What the rows of a path permit. */
struct route_match {
	const struct route *route;   /* NULL: none with this method */
	const struct route *any;     /* one with this path; NULL: no such path */
	unsigned            methods; /* bits of enum http_method */
	struct slice        parameters[PARAMETER_COUNT];
};

/* Look for REQUEST among the routes of FORMAT.  HEAD is GET. */
void route_find(struct route_match *match, const struct format *format,
    const struct http_request *request);

/* "GET, PUT, DELETE" in the arena of EXCHANGE, in the order of the rows. */
const char *route_allow(
    const struct format *format, const struct route *any, struct arena *arena);

#endif
