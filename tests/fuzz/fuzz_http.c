/*
 * However the bytes of a connection arrive, the same requests are found in them; and
 * what is found is clean.
 */

#include <assert.h>
#include <stdint.h>

#include "tools/rest/http_head.h"
#include "tools/rest/http_parser.h"
#include "tools/rest/http_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_BYTES_MAX ((size_t)256) /* small enough for a fuzzer to meet it */

struct connection {
	struct slice        bytes; /* all that will come */
	size_t              piece; /* so many at a time */
	size_t              come;  /* so far */
	size_t              begin; /* of the present request */
	struct http_head    head;
	struct http_parser  parser;
	struct http_request request;
	struct arena        arena;
	struct buf          found; /* what is to be the same */
};

static bool
more(struct connection *c)
{
	if (c->come == c->bytes.len)
		return false;
	c->come +=
	    c->piece < c->bytes.len - c->come ? c->piece : c->bytes.len - c->come;
	return true;
}

static struct slice
waiting(const struct connection *c)
{
	return slice_of(c->bytes.data + c->begin, c->come - c->begin);
}

static void
note(struct connection *c, struct slice text)
{
	buf_put(&c->found, text.data, text.len);
	buf_put(&c->found, "\n", 1);
}

static bool
refused(struct connection *c, unsigned status)
{
	char text[2] = { (char)(status >> 8), (char)status };

	assert(status >= 400 && status <= 505);
	note(c, slice_of(text, 2));
	return false;
}

static void
check_text(struct slice text, const char *unwanted)
{
	for (size_t i = 0; i < text.len; i++)
		assert((unsigned char)text.data[i] >= ' ' && text.data[i] != 0x7f &&
		       strchr(unwanted, text.data[i]) == NULL);
}

static void
check_request(struct connection *c)
{
	const struct http_request *request = &c->request;

	assert(request->method < HTTP_METHOD_COUNT);
	assert(request->segment_count <= HTTP_SEGMENTS_MAX + 1);
	assert(http_header_count(request, "Content-Length") +
		   http_header_count(request, "Transfer-Encoding") <=
	       1);
	for (unsigned i = 0; i < request->segment_count; i++) {
		check_text(request->segments[i], "/\\");
		note(c, request->segments[i]);
	}
	for (unsigned i = 0; i < request->parameter_count; i++) {
		check_text(request->parameters[i].name, "");
		check_text(request->parameters[i].value, "");
		note(c, request->parameters[i].value);
	}
	for (unsigned i = 0; i < request->header_count; i++) {
		struct slice name = request->headers[i].name;

		assert(name.len > 0);
		for (size_t at = 0; at < name.len; at++)
			assert(http_is_token((unsigned char)name.data[at]));
		assert(memchr(request->headers[i].value.data, '\n',
			   request->headers[i].value.len) == NULL);
		note(c, request->headers[i].value);
	}
}

static bool
take_head(struct connection *c)
{
	enum http_head_result result;

	http_head_init(&c->head);
	while ((result = http_head_feed(&c->head, waiting(c))) == HTTP_HEAD_MORE)
		if (!more(c))
			return false;
	if (result == HTTP_HEAD_BAD)
		return refused(c, c->head.status);
	return true;
}

static bool
take_body(struct connection *c)
{
	enum http_parse_result result;
	size_t                 taken;

	do {
		if (waiting(c).len == 0 && !more(c))
			return false;
		result = http_parser_body(&c->parser, waiting(c), &taken);
		c->begin += taken;
	} while (result == HTTP_PARSE_MORE);
	if (result == HTTP_PARSE_BAD)
		return refused(c, c->parser.status);
	assert(c->request.body.len <= BODY_BYTES_MAX);
	note(c, c->request.body);
	return true;
}

static bool
take_request(struct connection *c)
{
	struct slice head;

	arena_reset(&c->arena);
	c->request = (struct http_request){ .id = "" };
	if (!take_head(c))
		return false;
	head = slice_of(
	    c->bytes.data + c->begin + c->head.start, c->head.len - c->head.start);
	c->begin += c->head.len;
	if (!http_parser_head(
		&c->parser, &c->request, head, &c->head, BODY_BYTES_MAX, &c->arena))
		return refused(c, c->parser.status);
	check_request(c);
	return !c->request.has_body || take_body(c);
}

/* All that is found in BYTES when PIECE of them come at a time. */
static struct buf
run(struct slice bytes, size_t piece)
{
	struct connection c = { .bytes = bytes, .piece = piece };

	buf_init(&c.found, 1 << 24);
	http_parser_init(&c.parser);
	arena_init(&c.arena, 1 << 22);
	while (take_request(&c))
		note(&c, SLICE("next"));
	arena_fini(&c.arena);
	http_parser_fini(&c.parser);
	assert(!c.found.failed);
	return c.found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = slice_of(data, size);
	struct buf   whole, pieces;

	if (size == 0)
		return 0;
	whole = run(bytes, size);
	for (size_t piece = 1; piece < size && piece <= 7; piece += 3) {
		pieces = run(bytes, piece);
		assert(slice_equal(buf_slice(&whole), buf_slice(&pieces)));
		buf_fini(&pieces);
	}
	buf_fini(&whole);
	return 0;
}
