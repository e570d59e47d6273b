/*
 * docs -- /docs, the page for people, and /openapi, the documents for programs.
 *
 *	/docs                    one page: every format's routes, fields and errors,
 *each request to paste and to send /openapi                 which documents there are
 *	/openapi/<format>.json   OpenAPI 3.1
 *
 * All of it is made at the start, from the tables that serve the routes.  The page
 * loads nothing: style and script stand in it, and its Content-Security-Policy knows
 * them by their hashes.
 *
 * Threads.  The loop's.
 */

#ifndef REST_DOCS_H
#define REST_DOCS_H

#include "proto/buf.h"
#include "tools/rest/format.h"

struct docs {
	const struct format *const *formats; /* NULL: there are no documents */
	const char                 *url;     /* of --public-url, or "" */
	struct buf                  page, list;
	char                      **documents; /* by place in FORMATS */
};

/* Make all there is about the formats of LIST, which end with NULL.  URL is borrowed.
 */
void docs_open(struct docs *docs, const struct format *const *list, const char *url);

/* DOCS may be all zero. */
void docs_close(struct docs *docs);

/* Answer EXCHANGE, if its path is one of the above; false: it is not. */
bool docs_serve(const struct docs *docs, struct http_exchange *exchange);

#endif
