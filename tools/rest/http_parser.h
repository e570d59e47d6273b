/*
 * http_parser -- what a request means: llhttp for the framing, and the rules that
 * llhttp leaves to its user.
 *
 * A head is parsed only when http_head has found it to be one; so every byte has
 * been judged twice by the time that somebody acts on it.
 *
 * Memory.  The request refers to the head, which must stay, and to the arena.  The
 * parser owns the body.
 */

#ifndef REST_HTTP_PARSER_H
#define REST_HTTP_PARSER_H

#include <llhttp.h>

#include "proto/buf.h"
#include "tools/rest/http.h"
#include "tools/rest/http_head.h"

/* Of a chunked body, what is not data: sizes and extensions. */
#define HTTP_FRAMING_BYTES_MAX ((size_t)16 * 1024)
#define HTTP_FRAMING_SHARE 16 /* … and so many bytes for each chunk's data byte */

#define HTTP_BODY_BYTES_KEPT 2048u /* of memory, for the next body */

enum http_parse_result {
	HTTP_PARSE_MORE, /* the body is not over */
	HTTP_PARSE_DONE,
	HTTP_PARSE_BAD, /* STATUS and WHY tell */
};

struct http_parser {
	llhttp_t             llhttp;
	struct http_request *request; /* being filled in */
	struct http_pair    *headers; /* its headers */
	unsigned             headers_max;
	struct buf           body;
	size_t               framing_bytes; /* received with the body, but not of it */
	char                 last_byte;     /* of them, so far */
	bool                 is_past_head;
	bool                 is_complete;
	bool                 keeps_alive; /* the peer is content to go on */
	bool                 is_http_1_0;
	bool                 expects_continue;
	unsigned             status;
	const char          *why;
};

void http_parser_init(struct http_parser *parser);
void http_parser_fini(struct http_parser *parser);

/*
 * Fill REQUEST from HEAD, in which FOUND was found, from its start on; a body of more
 * than BODY_BYTES_MAX is refused here or while it comes.  False: the head is bad.
 */
bool http_parser_head(struct http_parser *parser, struct http_request *request,
    struct slice head, const struct http_head *found, size_t body_bytes_max,
    struct arena *arena);

/* Take of BYTES what belongs to the body: *TAKEN of them.  To be called until it does
 * not answer MORE, if the request has a body. */
enum http_parse_result http_parser_body(
    struct http_parser *parser, struct slice bytes, size_t *taken);

/* Let go of the body. */
void http_parser_reset(struct http_parser *parser);

#endif
