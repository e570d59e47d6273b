#include "tools/rest/http_rules.h"

#include "proto/limits.h"
#include "tools/rest/http_target.h"

struct check {
	struct http_parser  *parser;
	struct http_request *request;
	struct slice         head, target, authority;
	struct arena        *arena;
};

static bool
refuse(struct check *check, unsigned status, const char *why)
{
	check->parser->status = status;
	check->parser->why = why;
	return false;
}

/* ---- the request line ---- */

/* The method is looked up here, since llhttp knows many that we do not. */
static bool
check_method(struct check *check)
{
	for (int i = 0; i < HTTP_METHOD_COUNT; i++) {
		struct slice name = slice_text(http_method_name((enum http_method)i));

		if (check->head.len > name.len && check->head.data[name.len] == ' ' &&
		    memcmp(check->head.data, name.data, name.len) == 0) {
			check->request->method = (enum http_method)i;
			check->request->is_head = i == HTTP_METHOD_HEAD;
			return true;
		}
	}
	return refuse(check, 501, "There is no such method.");
}

static bool
check_target(struct check *check)
{
	struct http_target_error error;

	if (http_target_parse(
		check->request, check->target, &check->authority, check->arena, &error))
		return true;
	return refuse(check, error.status, error.why);
}

/* ---- headers that must be one ---- */

static bool
check_host(struct check *check)
{
	unsigned     count = http_header_count(check->request, "Host");
	struct slice host;

	http_header(check->request, "Host", &host);
	if (count > 1)
		return refuse(check, 400, "There is more than one Host.");
	if (count == 0 && check->parser->is_http_1_0)
		return true;
	if (count == 0)
		return refuse(check, 400, "There is no Host.");
	if (!http_host_is_valid(host))
		return refuse(check, 400, "The Host is malformed.");
	if (check->authority.len > 0 && !http_word_equal(check->authority, host))
		return refuse(check, 400, "The Host differs from the target's.");
	check->request->host = host;
	return true;
}

/* "Transfer_Encoding": whoever is behind us, or before us, may see a hyphen. */
static bool
is_disguised(struct slice name, struct slice real)
{
	if (name.len != real.len || memchr(name.data, '_', name.len) == NULL)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!http_word_equal(
			slice_of(name.data + i, 1), slice_of(real.data + i, 1)) &&
		    !(name.data[i] == '_' && real.data[i] == '-'))
			return false;
	return true;
}

static bool
check_disguises(struct check *check)
{
	for (unsigned i = 0; i < check->request->header_count; i++) {
		struct slice name = check->request->headers[i].name;

		if (is_disguised(name, SLICE("transfer-encoding")) ||
		    is_disguised(name, SLICE("content-length")))
			return refuse(check, 400, "A header has a misleading name.");
	}
	return true;
}

/* ---- the body ---- */

static bool
check_transfer_encoding(struct check *check)
{
	unsigned     count = http_header_count(check->request, "Transfer-Encoding");
	struct slice coding;

	if (count == 0)
		return true;
	if (check->parser->is_http_1_0)
		return refuse(check, 400, "HTTP/1.0 has no Transfer-Encoding.");
	if (http_header_count(check->request, "Content-Length") > 0)
		return refuse(check, 400, "The length of the body is given twice.");
	http_header(check->request, "Transfer-Encoding", &coding);
	if (count > 1 || coding.len == 0)
		return refuse(check, 400, "The Transfer-Encoding is malformed.");
	if (!http_word_equal(coding, SLICE("chunked")))
		return refuse(check, 501, "The only transfer coding is chunked.");
	return true;
}

static bool
check_content_length(struct check *check)
{
	unsigned     count = http_header_count(check->request, "Content-Length");
	struct slice length;

	if (count > 1)
		return refuse(check, 400, "There is more than one Content-Length.");
	http_header(check->request, "Content-Length", &length);
	for (size_t i = 0; i < length.len; i++)
		if (length.data[i] < '0' || length.data[i] > '9')
			return refuse(check, 400, "The Content-Length is malformed.");
	if (count == 1 && length.len == 0)
		return refuse(check, 400, "The Content-Length is malformed.");
	return true;
}

/* Whatever llhttp itself found wrong has its place between the checks: here. */
static bool
check_framing(struct check *check)
{
	return check->parser->status == 0;
}

static bool
has_body(const struct check *check)
{
	return !check->parser->is_complete;
}

static bool
check_length(struct check *check)
{
	enum http_method method = check->request->method;
	bool wants_body = method == HTTP_METHOD_POST || method == HTTP_METHOD_PUT ||
			  method == HTTP_METHOD_PATCH;

	if (check->parser->llhttp.content_length > check->parser->body.bytes_max)
		return refuse(check, 413, "The body is too long.");
	if (wants_body && !has_body(check) &&
	    http_header_count(check->request, "Content-Length") == 0)
		return refuse(check, 411, "This method needs a Content-Length.");
	return true;
}

static bool
check_content_encoding(struct check *check)
{
	struct slice coding;

	if (!has_body(check) ||
	    !http_header(check->request, "Content-Encoding", &coding) ||
	    http_word_equal(coding, SLICE("identity")))
		return true;
	return refuse(check, 415, "No content coding is understood here.");
}

static bool
check_expect(struct check *check)
{
	struct slice expectation;

	if (check->parser->is_http_1_0 ||
	    !http_header(check->request, "Expect", &expectation))
		return true;
	if (!http_word_equal(expectation, SLICE("100-continue")) ||
	    http_header_count(check->request, "Expect") > 1)
		return refuse(check, 417, "The only expectation is 100-continue.");
	check->parser->expects_continue = has_body(check);
	return true;
}

/* ---- the rest ---- */

bool
http_traceparent_is_valid(struct slice text)
{
	static const char form[] =
	    "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";

	_Static_assert(
	    sizeof(form) - 1 == TRACEPARENT_BYTES_MAX, "as the server has it");
	if (text.len != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

		if (form[i] == 'x' ? !is_hex : c != form[i])
			return false;
	}
	/* All zeros stand for no trace, and for no span. */
	return memcmp(text.data + 3, "00000000000000000000000000000000", 32) != 0 &&
	       memcmp(text.data + 36, "0000000000000000", 16) != 0;
}

/* One that is malformed is ignored, as its specification demands. */
static bool
take_traceparent(struct check *check)
{
	struct slice text;

	if (http_header_count(check->request, "traceparent") == 1 &&
	    http_header(check->request, "traceparent", &text) &&
	    http_traceparent_is_valid(text))
		check->request->traceparent = text;
	return true;
}

void
http_rules_check(struct http_parser *parser, struct slice head, struct slice target,
    struct arena *arena)
{
	/* In this order: the target first, for it names the form of the error. */
	static bool (*const rules[])(struct check * check) = { check_method,
		check_target, check_disguises, check_transfer_encoding,
		check_content_length, check_framing, check_host, check_length,
		check_content_encoding, check_expect, take_traceparent };
	struct check check = { .parser = parser,
		.request = parser->request,
		.head = head,
		.target = target,
		.arena = arena };

	parser->is_http_1_0 = target.data[target.len + sizeof(" HTTP/1.0") - 2] == '0';
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (!rules[i](&check))
			return;
}
