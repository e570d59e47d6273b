#include "tools/rest/http_head.h"

#include <assert.h>

#include "tools/rest/http.h"

enum {
	START,    /* an empty line or a method may begin */
	START_LF, /* an empty line is to end */
	METHOD,
	TARGET,
	VERSION,
	VERSION_LF,
	LINE, /* a header or the last line may begin */
	NAME,
	VALUE,
	VALUE_LF,
	END_LF,
	END,
};

static const char version_form[] = "HTTP/#.#"; /* # is a digit */

void
http_head_init(struct http_head *head)
{
	*head = (struct http_head){ .state = START };
}

bool
http_is_token(unsigned char byte)
{
	/* ASCII from the space on; those that are not of a token are spaces. */
	static const char tokens[] = " ! #$%&'  *+ -. 0123456789       "
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ   ^_`"
				     "abcdefghijklmnopqrstuvwxyz | ~";

	return byte > ' ' && byte <= '~' && tokens[byte - ' '] != ' ';
}

static bool
is_of_target(unsigned char byte)
{
	return byte > ' ' && byte < 0x7f;
}

static bool
is_of_value(unsigned char byte)
{
	return (byte >= ' ' && byte != 0x7f) || byte == '\t';
}

static size_t
at_most(size_t value, size_t max)
{
	return value < max ? value : max;
}

/* Nothing follows END, so that is also where a bad head stops. */
static int
bad(struct http_head *head, unsigned status, const char *why)
{
	head->status = status;
	head->why = why;
	return END;
}

static int
on_start(struct http_head *head, unsigned char byte)
{
	head->start = head->token_at = head->len;
	if (byte == '\r' && head->empty_line_count++ < HTTP_HEAD_EMPTY_LINES_MAX)
		return START_LF;
	if (!http_is_token(byte))
		return bad(head, 400, "This is not a request of HTTP/1.1.");
	return METHOD;
}

static int
on_method(struct http_head *head, unsigned char byte)
{
	if (byte == ' ') {
		head->token_at = head->target.at = head->len + 1;
		return TARGET;
	}
	if (!http_is_token(byte))
		return bad(head, 400, "The method is not a token.");
	if (head->len - head->token_at >= HTTP_HEAD_METHOD_BYTES_MAX)
		return bad(head, 501, "There is no such method.");
	return METHOD;
}

static int
on_target(struct http_head *head, unsigned char byte)
{
	size_t len = head->len - head->token_at;

	if (byte == ' ' && len > 0) {
		head->target.len = len;
		head->token_at = head->len + 1;
		return VERSION;
	}
	if (!is_of_target(byte))
		return bad(head, 400, "The request line is malformed.");
	if (len >= HTTP_TARGET_BYTES_MAX)
		return bad(head, 414, "The target of the request is too long.");
	return TARGET;
}

static int
on_version(struct http_head *head, struct slice bytes)
{
	size_t        at = head->len - head->token_at;
	unsigned char byte = (unsigned char)bytes.data[head->len];
	const char   *version = bytes.data + head->token_at;

	if (at < sizeof(version_form) - 1) {
		if (version_form[at] == '#' ? byte >= '0' && byte <= '9'
					    : byte == (unsigned char)version_form[at])
			return VERSION;
	} else if (byte == '\r') {
		if (version[5] == '1' && version[7] <= '1')
			return VERSION_LF;
		return bad(head, 505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
	}
	return bad(head, 400, "The version of the protocol is malformed.");
}

static int
on_line(struct http_head *head, unsigned char byte)
{
	if (byte == '\r')
		return END_LF;
	if (byte == ' ' || byte == '\t')
		return bad(head, 400, "A header is folded.");
	if (!http_is_token(byte))
		return bad(head, 400, "The name of a header is malformed.");
	if (++head->header_count > HTTP_HEADERS_MAX)
		return bad(head, 431, "There are too many headers.");
	return NAME;
}

static int
on_name(struct http_head *head, unsigned char byte)
{
	if (byte == ':')
		return VALUE;
	if (!http_is_token(byte))
		return bad(head, 400, "The name of a header is malformed.");
	return NAME;
}

static int
on_value(struct http_head *head, unsigned char byte)
{
	if (byte == '\r')
		return VALUE_LF;
	if (!is_of_value(byte))
		return bad(head, 400, "The value of a header is malformed.");
	return VALUE;
}

static int
on_line_feed(struct http_head *head, unsigned char byte, int next)
{
	if (byte != '\n')
		return bad(head, 400, "A line does not end with CR LF.");
	return next;
}

static int
step(struct http_head *head, struct slice bytes)
{
	unsigned char byte = (unsigned char)bytes.data[head->len];

	switch (head->state) {
	case START: return on_start(head, byte);
	case START_LF: return on_line_feed(head, byte, START);
	case METHOD: return on_method(head, byte);
	case TARGET: return on_target(head, byte);
	case VERSION: return on_version(head, bytes);
	case VERSION_LF: return on_line_feed(head, byte, LINE);
	case LINE: return on_line(head, byte);
	case NAME: return on_name(head, byte);
	case VALUE: return on_value(head, byte);
	case VALUE_LF: return on_line_feed(head, byte, LINE);
	case END_LF: return on_line_feed(head, byte, END);
	default: assert(!"the head has ended"); return END;
	}
}

/* Where bytes begin that are to be looked at one by one: most change no state. */
static size_t
skip(const struct http_head *head, struct slice bytes)
{
	const unsigned char *byte = (const unsigned char *)bytes.data;
	size_t at = head->len, end = at_most(bytes.len, HTTP_HEAD_BYTES_MAX);

	switch (head->state) {
	case METHOD:
		end = at_most(end, head->token_at + HTTP_HEAD_METHOD_BYTES_MAX);
		while (at < end && http_is_token(byte[at]))
			at++;
		break;
	case TARGET:
		end = at_most(end, head->token_at + HTTP_TARGET_BYTES_MAX);
		while (at < end && is_of_target(byte[at]))
			at++;
		break;
	case NAME:
		while (at < end && http_is_token(byte[at]))
			at++;
		break;
	case VALUE:
		while (at < end && is_of_value(byte[at]))
			at++;
		break;
	default: break;
	}
	return at;
}

enum http_head_result
http_head_feed(struct http_head *head, struct slice bytes)
{
	assert(head->state != END);
	while (head->state != END && (head->len = skip(head, bytes)) < bytes.len) {
		if (head->len >= HTTP_HEAD_BYTES_MAX)
			head->state = bad(head, 431, "The headers are too long.");
		else
			head->state = step(head, bytes);
		head->len++;
	}
	if (head->state != END)
		return HTTP_HEAD_MORE;
	return head->status == 0 ? HTTP_HEAD_DONE : HTTP_HEAD_BAD;
}
