/*
 * http_head -- find the end of a request's head, and refuse what is not one.
 *
 * A scan over every byte up to the empty line, to the letter of RFC 9112: lines end
 * with CR LF, names are tokens, no line is folded, no control character anywhere.
 * What a lenient parser would read its own way never reaches one.  Meaning is for
 * http_parser; here only the bounds on sizes and the version are known.
 *
 * The scan goes on where it stopped, so a head that comes byte by byte costs no
 * more than one that comes whole.
 */

#ifndef REST_HTTP_HEAD_H
#define REST_HTTP_HEAD_H

#include "proto/slice.h"

#define HTTP_HEAD_EMPTY_LINES_MAX 2u   /* before the request line */
#define HTTP_HEAD_METHOD_BYTES_MAX 32u /* 501 */

enum http_head_result {
	HTTP_HEAD_MORE, /* so far, so good */
	HTTP_HEAD_DONE, /* LEN bytes are a head */
	HTTP_HEAD_BAD,  /* STATUS and WHY tell */
};

struct http_head {
	int    state;
	size_t len;      /* bytes seen */
	size_t start;    /* of the request line, behind empty lines */
	size_t token_at; /* where the present method, target or version begins */
	struct {
		size_t at, len;
	} target; /* once it is whole */
	unsigned    empty_line_count;
	unsigned    header_count;
	unsigned    status;
	const char *why;
};

void http_head_init(struct http_head *head);

/* BYTES are all that have come since the head began; the scan resumes within. */
enum http_head_result http_head_feed(struct http_head *head, struct slice bytes);

/* Whether BYTE may stand in a method and in the name of a header. */
bool http_is_token(unsigned char byte);

#endif
