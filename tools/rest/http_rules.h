/*
 * http_rules -- what a well-formed head must and must not say.
 *
 * One host and the target's, one length, no transfer coding but chunked, no content
 * coding, no expectation but one, a length where a body is due.
 */

#ifndef REST_HTTP_RULES_H
#define REST_HTTP_RULES_H

#include "tools/rest/http_parser.h"

/*
 * Check what llhttp has found in HEAD and complete the request.  The parser's status
 * and why become those of the first rule that is broken, if any.
 */
void http_rules_check(struct http_parser *parser, struct slice head,
    struct slice target, struct arena *arena);

/* Whether TEXT is a traceparent of W3C Trace Context, version 00. */
bool http_traceparent_is_valid(struct slice text);

#endif
