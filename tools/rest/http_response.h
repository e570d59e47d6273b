/*
 * http_response -- an answer as bytes.
 */

#ifndef REST_HTTP_RESPONSE_H
#define REST_HTTP_RESPONSE_H

#include "proto/buf.h"
#include "tools/rest/http.h"

#define HTTP_DATE_BYTES 30u /* "Sun, 06 Nov 1994 08:49:37 GMT" and a NUL */

/* What the connection adds to the application's answer. */
struct http_framing {
	const char *id;          /* of the request */
	const char *date;        /* now */
	bool        is_head;     /* leave the body out, but count it */
	bool        is_http_1_0; /* the peer expects the connection to end … */
	bool        keeps_alive; /* … unless this says otherwise */
};

/* Append RESPONSE to OUT; when that fails, OUT is as before. */
bool http_response_put(struct buf *out, const struct http_response *response,
    const struct http_framing *framing);

/* Write the date of WALL_MS, milliseconds since the epoch, as HTTP does. */
void http_date_format(char date[HTTP_DATE_BYTES], int64_t wall_ms);

/* Fill the body of RESPONSE: application/problem+json, RFC 9457, in ARENA. */
void http_response_problem(
    struct http_response *response, const char *why, struct arena *arena);

#endif
