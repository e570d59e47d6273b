#include "tools/rest/http_parser.h"

#include <assert.h>

#include "tools/rest/http_rules.h"

/* ---- what llhttp calls ---- */

static int
refuse(struct http_parser *parser, unsigned status, const char *why)
{
	parser->status = status;
	parser->why = why;
	return HPE_USER;
}

static int
on_header_name(llhttp_t *llhttp, const char *bytes, size_t len)
{
	struct http_parser  *parser = llhttp->data;
	struct http_request *request = parser->request;

	if (parser->is_past_head)
		return refuse(parser, 400, "Trailers are not taken.");
	assert(request->header_count < parser->headers_max); /* http_head has counted */
	parser->headers[request->header_count++] =
	    (struct http_pair){ slice_of(bytes, len), { NULL, 0 } };
	return HPE_OK;
}

static int
on_header_value(llhttp_t *llhttp, const char *bytes, size_t len)
{
	struct http_parser *parser = llhttp->data;
	struct slice        value = slice_of(bytes, len);

	if (parser->is_past_head)
		return HPE_USER; /* of a trailer, which has been refused by its name */
	while (value.len > 0 && strchr(" \t", value.data[value.len - 1]))
		value.len--;
	while (value.len > 0 && strchr(" \t", value.data[0]))
		value = slice_of(value.data + 1, value.len - 1);
	assert(parser->request->header_count > 0);
	parser->headers[parser->request->header_count - 1].value = value;
	return HPE_OK;
}

static int
on_headers_complete(llhttp_t *llhttp)
{
	struct http_parser *parser = llhttp->data;

	parser->is_past_head = true;
	parser->keeps_alive = llhttp_should_keep_alive(llhttp) != 0;
	llhttp->upgrade = 0; /* We know no other protocol and go on with this one. */
	return HPE_OK;
}

static int
on_body(llhttp_t *llhttp, const char *bytes, size_t len)
{
	struct http_parser *parser = llhttp->data;
	bool                fits = len <= parser->body.bytes_max - parser->body.len;

	buf_put(&parser->body, bytes, len);
	if (!fits)
		return refuse(parser, 413, "The body is too long.");
	return parser->body.failed ? refuse(parser, 503, "There is no memory left.")
				   : HPE_OK;
}

static int
on_message_complete(llhttp_t *llhttp)
{
	struct http_parser *parser = llhttp->data;

	parser->is_complete = true;
	return HPE_PAUSED; /* What follows is the next request. */
}

static const llhttp_settings_t callbacks = {
	.on_header_field = on_header_name,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

/* ---- in pieces ---- */

void
http_parser_init(struct http_parser *parser)
{
	*parser = (struct http_parser){ .request = NULL };
	buf_init(&parser->body, HTTP_BODY_BYTES_MAX);
	parser->body.secret = true; /* passwords are in it */
}

void
http_parser_fini(struct http_parser *parser)
{
	buf_fini(&parser->body);
}

void
http_parser_reset(struct http_parser *parser)
{
	struct buf body = parser->body;

	buf_clear(&body, HTTP_BODY_BYTES_KEPT);
	*parser = (struct http_parser){ .body = body };
}

/* Let llhttp have BYTES; returns how many it took. */
static size_t
execute(struct http_parser *parser, struct slice bytes)
{
	llhttp_errno_t error = llhttp_execute(&parser->llhttp, bytes.data, bytes.len);

	if (error == HPE_OK)
		return bytes.len;
	if (error != HPE_PAUSED && parser->status == 0)
		refuse(parser, 400, "The framing of the request is malformed.");
	return (size_t)(llhttp_get_error_pos(&parser->llhttp) - bytes.data);
}

bool
http_parser_head(struct http_parser *parser, struct http_request *request,
    struct slice head, const struct http_head *found, size_t body_bytes_max,
    struct arena *arena)
{
	struct slice target =
	    slice_of(head.data + found->target.at - found->start, found->target.len);
	size_t taken;

	assert(body_bytes_max > 0 && body_bytes_max <= HTTP_BODY_BYTES_MAX);
	http_parser_reset(parser);
	parser->body.bytes_max = body_bytes_max;
	parser->request = request;
	parser->headers_max = found->header_count;
	parser->headers =
	    arena_alloc(arena, found->header_count * sizeof(*parser->headers));
	if (parser->headers == NULL)
		return refuse(parser, 503, "There is no memory left.") == HPE_OK;
	request->headers = parser->headers;
	llhttp_init(&parser->llhttp, HTTP_REQUEST, &callbacks);
	parser->llhttp.data = parser;

	taken = execute(parser, head);
	http_rules_check(parser, head, target, arena);
	if (parser->status != 0)
		return false;
	assert(parser->is_past_head && taken == head.len);
	request->has_body = !parser->is_complete;
	return true;
}

/* So that nobody makes us read for ever without sending anything. */
static bool
is_mostly_framing(const struct http_parser *parser)
{
	return parser->framing_bytes >
	       HTTP_FRAMING_BYTES_MAX + HTTP_FRAMING_SHARE * parser->body.len;
}

/* llhttp takes a bare line feed for the last line of a chunked body; others do not. */
static void
check_last_line(struct http_parser *parser, struct slice taken)
{
	char last = taken.len > 1 ? taken.data[taken.len - 2] : parser->last_byte;

	if (parser->is_complete && (parser->llhttp.flags & F_CHUNKED) && last != '\r')
		refuse(parser, 400, "A line does not end with CR LF.");
	if (taken.len > 0)
		parser->last_byte = taken.data[taken.len - 1];
}

enum http_parse_result
http_parser_body(struct http_parser *parser, struct slice bytes, size_t *taken)
{
	size_t before = parser->body.len;

	assert(parser->is_past_head && !parser->is_complete);
	*taken = execute(parser, bytes);
	parser->framing_bytes += *taken - (parser->body.len - before);
	check_last_line(parser, slice_of(bytes.data, *taken));
	if (parser->status == 0 && is_mostly_framing(parser))
		refuse(parser, 413, "The body has too much framing.");
	if (parser->status != 0)
		return HTTP_PARSE_BAD;
	if (!parser->is_complete)
		return HTTP_PARSE_MORE;
	parser->request->body = buf_slice(&parser->body);
	return HTTP_PARSE_DONE;
}
