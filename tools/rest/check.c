/*
 * What can be said about a request without asking the server: its credentials, its
 * types, its body, and the headers that mean the same in every format.
 */

#include <stdio.h>
#include <stdlib.h>

#include "proto/limits.h"
#include "tools/rest/form.h"
#include "tools/rest/route.h"
#include "tools/rest/work_internal.h"

void
work_find_wrong(struct work *work, enum reason reason, struct slice subject)
{
	work->is_refused = true;
	work->local_reason = reason;
	work->local_subject = subject;
}

static void
take_token(struct work *work, struct slice token)
{
	if (token.len == 0 || token.len > TOKEN_BYTES_MAX ||
	    memchr(token.data, '\0', token.len) != NULL) {
		work_find_wrong(work, REASON_BAD_TOKEN, token);
		return;
	}
	work->token = token;
	work->exchange->arena.secret = true;
}

/* "Bearer TOKEN".  False: another scheme. */
static bool
take_bearer(struct work *work, struct slice header)
{
	static const char scheme[] = "Bearer";
	const size_t      len = sizeof(scheme) - 1;
	struct slice      token;

	if (header.len < len || memcmp(header.data, scheme, len) != 0 ||
	    (header.len > len && header.data[len] != ' '))
		return false;
	token = slice_of(header.data + len, header.len - len);
	while (token.len > 0 && token.data[0] == ' ')
		token = slice_of(token.data + 1, token.len - 1);
	if (token.len == 0 || memchr(token.data, ' ', token.len) != NULL)
		work_find_wrong(work, REASON_BAD_CREDENTIALS, token);
	else
		take_token(work, token);
	return true;
}

static bool
take_credential(struct work *work, const struct credential *credential)
{
	const struct http_request *request = &work->exchange->request;
	struct slice               value;

	switch (credential->kind) {
	case CREDENTIAL_BEARER:
		return http_header(request, "Authorization", &value) &&
		       take_bearer(work, value);
	case CREDENTIAL_HEADER:
		if (!http_header(request, credential->name, &value))
			return false;
		break;
	case CREDENTIAL_PARAMETER:
		if (!http_parameter(request, credential->name, &value))
			return false;
		break;
	case CREDENTIAL_END: return false;
	}
	take_token(work, value);
	return true;
}

/* Whether a header with credentials comes twice: two readers may take either. */
static bool
has_two_credentials(const struct work *work)
{
	const struct http_request *request = &work->exchange->request;
	const struct credential   *one = work->format->credentials;

	for (; one->kind != CREDENTIAL_END; one++)
		if (one->kind == CREDENTIAL_HEADER &&
		    http_header_count(request, one->name) > 1)
			return true;
	return http_header_count(request, "Authorization") > 1;
}

static void
check_credentials(struct work *work)
{
	const struct credential *credential = work->format->credentials;

	if (has_two_credentials(work)) {
		work_find_wrong(work, REASON_BAD_CREDENTIALS, slice_of(NULL, 0));
		return;
	}
	for (; credential->kind != CREDENTIAL_END; credential++)
		if (take_credential(work, credential))
			break;
	if (credential->kind == CREDENTIAL_END)
		work_find_wrong(work, REASON_NO_CREDENTIALS, slice_of(NULL, 0));
	work->has_credentials = !work->is_refused;
}

/* The first word of a header's value: "a/b" of "a/b; charset=utf-8". */
static struct slice
first_word(struct slice value)
{
	size_t len = 0;

	for (; len < value.len; len++)
		if (value.data[len] == ';' || value.data[len] == ',' ||
		    value.data[len] == ' ' || value.data[len] == '\t')
			break;
	return slice_of(value.data, len);
}

static bool
is_utf8(struct slice content_type)
{
	char         text[128];
	char        *charset;
	struct slice word;

	snprintf(text, sizeof(text), "%.*s", (int)content_type.len, content_type.data);
	charset = strcasestr(text, "charset=");
	if (charset == NULL)
		return true;
	word = first_word(slice_text(charset + strlen("charset=")));
	return http_word_equal(word, SLICE("utf-8")) ||
	       http_word_equal(word, SLICE("\"utf-8\""));
}

bool
carries_body(const struct http_request *request)
{
	return request->method == HTTP_METHOD_POST ||
	       request->method == HTTP_METHOD_PUT ||
	       request->method == HTTP_METHOD_PATCH;
}

/* The forms of HTML, for formats that read them. */
static bool
is_urlencoded(struct slice type)
{
	return http_word_equal(type, SLICE("application/x-www-form-urlencoded"));
}

static bool
is_multipart(struct slice type)
{
	return http_word_equal(type, SLICE("multipart/form-data"));
}

static void
check_media_type(struct work *work)
{
	const struct http_request *request = &work->exchange->request;
	const char *const         *types = work->format->request_types;
	struct slice               header, type, coding;

	if (!carries_body(request))
		return;
	http_header(request, "Content-Type", &header);
	type = first_word(header);
	while (*types != NULL && !http_word_equal(type, slice_text(*types)))
		types++;
	work->has_form =
	    work->format->reads_forms && (is_urlencoded(type) || is_multipart(type));
	if ((*types == NULL && !work->has_form) || !is_utf8(header))
		work_find_wrong(work, REASON_UNSUPPORTED_MEDIA_TYPE, header);
	else if (http_header(request, "Content-Encoding", &coding) &&
		 !http_word_equal(coding, SLICE("identity")))
		work_find_wrong(work, REASON_UNSUPPORTED_MEDIA_TYPE, coding);
}

/* Whether RANGE, of an Accept header, takes TYPE. */
static bool
range_takes(struct slice range, struct slice type)
{
	if (slice_equal(range, SLICE("*/*")))
		return true;
	if (range.len >= 2 && memcmp(range.data + range.len - 2, "/*", 2) == 0)
		return range.len - 1 <= type.len &&
		       memcmp(range.data, type.data, range.len - 1) == 0;
	return http_word_equal(range, type);
}

static void
check_accept(struct work *work)
{
	struct slice header, type = slice_text(work->format->response_type);

	if (!http_header(&work->exchange->request, "Accept", &header) ||
	    header.len == 0)
		return;
	for (struct slice rest = header; rest.len > 0;) {
		const char *comma = memchr(rest.data, ',', rest.len);
		size_t len = comma != NULL ? (size_t)(comma - rest.data) : rest.len;

		while (rest.len > 0 && rest.data[0] == ' ') {
			rest = slice_of(rest.data + 1, rest.len - 1);
			len -= len > 0;
		}
		if (range_takes(first_word(slice_of(rest.data, len)), type))
			return;
		len += len < rest.len;
		rest = slice_of(rest.data + len, rest.len - len);
	}
	work_find_wrong(work, REASON_NOT_ACCEPTABLE, header);
}

static void
read_form(struct work *work, struct slice body, struct slice type)
{
	const char *why = "Malformed name or value, or a name twice";

	if (is_multipart(first_word(type))) {
		work->body = form_read_multipart(body, type, work_arena(work), &why);
		why = work_text(work, "Multipart form parse error - %s", why);
	} else {
		work->body = form_read(body, work_arena(work));
		why = work_text(work, "Form parse error - %s", why);
	}
	if (work->body == NULL)
		work_find_wrong(work, REASON_FORM_MALFORMED, slice_text(why));
}

static void
read_json(struct work *work, struct slice body)
{
	struct json_problem problem;

	work->body = json_read(body, &problem);
	if (work->body == NULL)
		work_find_wrong(work, REASON_BODY_MALFORMED,
		    slice_text(work_text(work, "%s: line %u column %u (char %zu)",
			problem.what, problem.line, problem.column, problem.offset)));
}

static void
check_body(struct work *work)
{
	const struct http_request *request = &work->exchange->request;
	struct slice               type;

	if (!carries_body(request))
		return;
	http_header(request, "Content-Type", &type);
	json_home(work_arena(work));
	if (work->has_form)
		read_form(work, request->body, type);
	else if (work->format->reads_forms && request->body.len == 0)
		work->body = json_object();
	else
		read_json(work, request->body);
	json_home(NULL);
}

static void
check_method(struct work *work, const struct route_match *match)
{
	if (match->route == NULL)
		work_find_wrong(work, REASON_METHOD_NOT_ALLOWED,
		    slice_text(http_method_name(work->exchange->request.method)));
}

void
work_check(struct work *work, const struct route_match *match)
{
	for (const enum check *check = work->format->checks;
	     *check != CHECK_END && !work->is_refused; check++) {
		switch (*check) {
		case CHECK_METHOD: check_method(work, match); break;
		case CHECK_CREDENTIALS:
			if (!match->any->is_public)
				check_credentials(work);
			break;
		case CHECK_MEDIA_TYPE: check_media_type(work); break;
		case CHECK_ACCEPT: check_accept(work); break;
		case CHECK_BODY: check_body(work); break;
		case CHECK_RECORD: work->looks_first = true; break;
		case CHECK_END: break;
		}
	}
}

/* ---- headers that mean the same in every format ---- */

int64_t
tag_revision(struct slice tag)
{
	int64_t revision = 0;

	if (tag.len < 3 || tag.len > 18 || tag.data[0] != '"' ||
	    tag.data[tag.len - 1] != '"')
		return -1;
	for (size_t i = 1; i + 1 < tag.len; i++) {
		if (tag.data[i] < '0' || tag.data[i] > '9')
			return -1;
		revision = revision * 10 + (tag.data[i] - '0');
	}
	return revision > 0 ? revision : -1;
}

void
work_read_conditions(struct work *work)
{
	const struct http_request *request = &work->exchange->request;
	struct slice               value;

	if (http_header(request, "If-Match", &value) &&
	    !slice_equal(value, SLICE("*"))) {
		work->if_revision = tag_revision(value);
		if (work->if_revision < 0 && !work->is_refused)
			work_find_wrong(work, REASON_REVISION_MISMATCH, value);
	}
	if (http_header(request, "Idempotency-Key", &value)) {
		if ((value.len == 0 || value.len > WORK_KEY_BYTES_MAX) &&
		    !work->is_refused)
			work_find_wrong(
			    work, REASON_BAD_PARAMETER, SLICE("Idempotency-Key"));
		work->idempotency_key = arena_text(work_arena(work), value);
	}
	if (http_header(request, "Prefer", &value))
		work->dry_run = slice_equal(value, SLICE("tx=rollback"));
	if (request->traceparent.len > 0)
		work->traceparent = arena_text(work_arena(work), request->traceparent);
}
