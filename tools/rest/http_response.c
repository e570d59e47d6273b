#include "tools/rest/http_response.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "tools/rest/text.h"

/* X(status, text): those of RFC 9110 and its kin that make sense for an API. */
// clang-format off
#define STATUSES(X)                          \
	X(200, "OK")                         \
	X(201, "Created")                    \
	X(202, "Accepted")                   \
	X(204, "No Content")                 \
	X(301, "Moved Permanently")          \
	X(304, "Not Modified")               \
	X(307, "Temporary Redirect")         \
	X(308, "Permanent Redirect")         \
	X(400, "Bad Request")                \
	X(401, "Unauthorized")               \
	X(402, "Payment Required")           \
	X(403, "Forbidden")                  \
	X(404, "Not Found")                  \
	X(405, "Method Not Allowed")         \
	X(406, "Not Acceptable")             \
	X(408, "Request Timeout")            \
	X(409, "Conflict")                   \
	X(410, "Gone")                       \
	X(411, "Length Required")            \
	X(412, "Precondition Failed")        \
	X(413, "Content Too Large")          \
	X(414, "URI Too Long")               \
	X(415, "Unsupported Media Type")     \
	X(416, "Range Not Satisfiable")      \
	X(417, "Expectation Failed")         \
	X(422, "Unprocessable Content")      \
	X(423, "Locked")                     \
	X(428, "Precondition Required")      \
	X(429, "Too Many Requests")          \
	X(431, "Request Header Fields Too Large") \
	X(499, "Client Closed Request")      \
	X(500, "Internal Server Error")      \
	X(501, "Not Implemented")            \
	X(502, "Bad Gateway")                \
	X(503, "Service Unavailable")        \
	X(504, "Gateway Timeout")            \
	X(505, "HTTP Version Not Supported") \
	X(507, "Insufficient Storage")
// clang-format on

const char *
http_status_text(unsigned status)
{
	switch (status) {
#define X(number, text) \
	case number: return text;
		STATUSES(X)
#undef X
	default: return "Unknown";
	}
}

void
http_date_format(char date[HTTP_DATE_BYTES], int64_t wall_ms)
{
	/* Not strftime()'s, which may speak another language. */
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t            seconds = (time_t)(wall_ms / 1000);
	struct tm         tm;
	int               len;

	gmtime_r(&seconds, &tm);
	len = snprintf(date, HTTP_DATE_BYTES, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
	    days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
	    (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
	assert(len == HTTP_DATE_BYTES - 1);
}

static void
put_header(struct buf *out, struct slice name, struct slice value)
{
	/* A line break would let whoever chose the value write headers of his own. */
	assert(name.len > 0 && memchr(name.data, '\n', name.len) == NULL);
	assert(value.len == 0 || (memchr(value.data, '\n', value.len) == NULL &&
				     memchr(value.data, '\r', value.len) == NULL));
	buf_put(out, name.data, name.len);
	buf_put(out, ": ", 2);
	buf_put(out, value.data, value.len);
	buf_put(out, "\r\n", 2);
}

static void
put_status_line(struct buf *out, unsigned status)
{
	struct slice text = slice_text(http_status_text(status));
	char         line[] = "HTTP/1.1 999 ";

	text_digits(line + sizeof("HTTP/1.1"), 3, status);
	buf_put(out, line, sizeof(line) - 1);
	buf_put(out, text.data, text.len);
	buf_put(out, "\r\n", 2);
}

static void
put_length(struct buf *out, size_t length)
{
	char room[TEXT_DECIMAL_BYTES];

	put_header(out, SLICE("Content-Length"), text_decimal(room, (int64_t)length));
}

bool
http_response_put(struct buf *out, const struct http_response *response,
    const struct http_framing *framing)
{
	size_t before = out->len;
	bool   has_body = response->status != 204 && response->status != 304;

	assert(response->status >= 200 && response->status <= 599);
	assert(response->header_count <= HTTP_RESPONSE_HEADERS_MAX);
	put_status_line(out, response->status);
	put_header(out, SLICE("Date"), slice_text(framing->date));
	if (framing->id[0] != '\0')
		put_header(out, SLICE("X-Request-Id"), slice_text(framing->id));
	for (unsigned i = 0; i < response->header_count; i++)
		put_header(out, response->headers[i].name, response->headers[i].value);
	if (has_body && response->content_type != NULL)
		put_header(
		    out, SLICE("Content-Type"), slice_text(response->content_type));
	if (has_body)
		put_length(out, response->body.len);
	if (!framing->keeps_alive)
		put_header(out, SLICE("Connection"), SLICE("close"));
	else if (framing->is_http_1_0)
		put_header(out, SLICE("Connection"), SLICE("keep-alive"));
	buf_put(out, "\r\n", 2);
	if (has_body && !framing->is_head)
		buf_put(out, response->body.data, response->body.len);
	if (!out->failed)
		return true;
	buf_truncate(out, before);
	return false;
}

void
http_response_problem(
    struct http_response *response, const char *why, struct arena *arena)
{
	const char *title = http_status_text(response->status);
	size_t      size = 96 + strlen(title) + (why != NULL ? strlen(why) : 0);
	char       *text = arena_alloc(arena, size);
	int         len;

	response->content_type = "application/problem+json";
	if (text == NULL)
		return;
	/* Titles and reasons are our own words, without anything to escape. */
	len = snprintf(text, size,
	    "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u", title,
	    response->status);
	if (why != NULL)
		len +=
		    snprintf(text + len, size - (size_t)len, ",\"detail\":\"%s\"", why);
	len += snprintf(text + len, size - (size_t)len, "}\n");
	assert(len > 0 && (size_t)len < size);
	response->body = slice_of(text, (size_t)len);
}
