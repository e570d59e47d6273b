/*
 * http_target -- take the target of a request apart.
 *
 * The path is split at its slashes first and decoded then, so that no encoded byte
 * can become a separator; the query likewise.  Refused is whatever two readers could
 * understand differently: bad and truncated escapes, encoded slashes, backslashes and
 * control characters, "." and "..", bytes that are not UTF-8.
 */

#ifndef REST_HTTP_TARGET_H
#define REST_HTTP_TARGET_H

#include "tools/rest/http.h"

struct http_target_error {
	unsigned    status;
	const char *why;
};

/*
 * Fill the members of REQUEST that come from its target from TARGET, as it stood on
 * the request line.  REQUEST->method must be known.  *AUTHORITY is the host of an
 * absolute target, else empty.  False: ERROR tells; what was understood is filled in.
 */
bool http_target_parse(struct http_request *request, struct slice target,
    struct slice *authority, struct arena *arena, struct http_target_error *error);

/* Whether TEXT is "host" or "host:port", as RFC 3986 has it, without user info. */
bool http_host_is_valid(struct slice text);

#endif
