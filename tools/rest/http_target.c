#include "tools/rest/http_target.h"

#include <utf8proc.h>

/* ---- characters ---- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* unreserved and sub-delims of RFC 3986. */
static bool
is_name_character(char c)
{
	return is_letter(c) || is_digit(c) ||
	       (c != '\0' && strchr("-._~!$&'()*+,;=", c) != NULL);
}

/* Of a segment of the path; '%' is looked at when it is decoded. */
static bool
is_path_character(char c)
{
	return is_name_character(c) || c == ':' || c == '@' || c == '%';
}

/* Clients leave more than the RFC allows as it is: "id:in=2,3", "filter[q]". */
static bool
is_query_character(char c)
{
	return c > ' ' && c < 0x7f && strchr("\"#<>\\", c) == NULL;
}

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Clean UTF-8 without control characters. */
static bool
is_clean(struct slice text)
{
	const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text.data;
	utf8proc_ssize_t        left = (utf8proc_ssize_t)text.len, len;
	utf8proc_int32_t        point;

	for (; left > 0; at += len, left -= len) {
		len = utf8proc_iterate(at, left, &point);
		if (len <= 0 || point < 0x20 || (point >= 0x7f && point < 0xa0))
			return false;
	}
	return true;
}

/* ---- decoding ---- */

enum decode_as { AS_SEGMENT, AS_PARAMETER };

static bool
has(struct slice text, char c)
{
	return text.len > 0 && memchr(text.data, c, text.len) != NULL;
}

/*
 * Decode ENCODED, of characters that may be there, into ARENA.  False: it is not
 * well-formed, or there is no memory.
 */
static bool
decode(struct slice encoded, enum decode_as as, struct arena *arena, struct slice *out)
{
	char  *text;
	size_t len = 0;

	*out = encoded;
	if (!has(encoded, '%') && (as == AS_SEGMENT || !has(encoded, '+')))
		return true;
	text = arena_alloc(arena, encoded.len);
	if (text == NULL)
		return false;
	for (size_t i = 0; i < encoded.len; i++) {
		char c = encoded.data[i];
		int  high, low;

		if (c == '+' && as == AS_PARAMETER)
			c = ' ';
		if (c == '%') {
			if (encoded.len - i < 3)
				return false;
			high = hex_value(encoded.data[++i]);
			low = hex_value(encoded.data[++i]);
			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			if (as == AS_SEGMENT && (c == '/' || c == '\\'))
				return false;
		}
		text[len++] = c;
	}
	*out = slice_of(text, len);
	return is_clean(*out);
}

/* The part of *REST before the first SEPARATOR, which is taken off with it. */
static struct slice
cut(struct slice *rest, char separator)
{
	const char *end =
	    rest->len > 0 ? memchr(rest->data, separator, rest->len) : NULL;
	struct slice part = *rest;

	if (end == NULL) {
		*rest = slice_of(rest->data + rest->len, 0);
		return part;
	}
	part.len = (size_t)(end - part.data);
	*rest = slice_of(end + 1, rest->len - part.len - 1);
	return part;
}

static bool
fail(struct http_target_error *error, unsigned status, const char *why)
{
	*error = (struct http_target_error){ status, why };
	return false;
}

static bool
consists_of(struct slice text, bool (*is_one)(char c))
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_one(text.data[i]))
			return false;
	return true;
}

static size_t
count(struct slice text, char c)
{
	size_t found = 0;

	for (size_t i = 0; i < text.len; i++)
		found += text.data[i] == c;
	return found;
}

/* ---- path and query ---- */

static bool
parse_segment(struct slice part, struct arena *arena, struct slice *segment,
    struct http_target_error *error)
{
	if (!consists_of(part, is_path_character) ||
	    !decode(part, AS_SEGMENT, arena, segment))
		return fail(error, 400, "The path is malformed.");
	if (slice_equal(*segment, SLICE(".")) || slice_equal(*segment, SLICE("..")))
		return fail(error, 400, "The path has dots for a segment.");
	return true;
}

static bool
parse_path(
    struct http_request *request, struct arena *arena, struct http_target_error *error)
{
	struct slice  rest = slice_of(request->path.data + 1, request->path.len - 1);
	size_t        slashes = count(rest, '/');
	struct slice *segments;

	if (rest.len == 0)
		return true;
	if (slashes > HTTP_SEGMENTS_MAX)
		return fail(error, 414, "The path has too many segments.");
	segments = arena_alloc(arena, (slashes + 1) * sizeof(*segments));
	if (segments == NULL)
		return fail(error, 503, "There is no memory left.");
	request->segments = segments;
	request->has_trailing_slash = rest.data[rest.len - 1] == '/';
	while (rest.len > 0) {
		struct slice part = cut(&rest, '/');

		if (!parse_segment(
			part, arena, &segments[request->segment_count], error))
			return false;
		request->segment_count++;
	}
	return true;
}

static bool
parse_query(
    struct http_request *request, struct arena *arena, struct http_target_error *error)
{
	struct slice      rest = request->query;
	size_t            count_max = count(rest, '&') + 1;
	struct http_pair *pairs;

	if (rest.len == 0)
		return true;
	if (!consists_of(rest, is_query_character))
		return fail(error, 400, "The query is malformed.");
	if (count_max > HTTP_PARAMETERS_MAX)
		return fail(error, 414, "The query has too many parameters.");
	pairs = arena_alloc(arena, count_max * sizeof(*pairs));
	if (pairs == NULL)
		return fail(error, 503, "There is no memory left.");
	request->parameters = pairs;
	while (rest.len > 0) {
		struct slice      value = cut(&rest, '&'), name = cut(&value, '=');
		struct http_pair *pair = &pairs[request->parameter_count];

		if (name.len == 0 && value.len == 0)
			continue; /* "a=1&&b=2" */
		if (!decode(name, AS_PARAMETER, arena, &pair->name) ||
		    !decode(value, AS_PARAMETER, arena, &pair->value))
			return fail(error, 400, "The query is malformed.");
		request->parameter_count++;
	}
	return true;
}

/* ---- the whole ---- */

bool
http_host_is_valid(struct slice text)
{
	struct slice host = text, port = { NULL, 0 };
	size_t       colon = text.len;

	while (colon > 0 && is_digit(text.data[colon - 1]))
		colon--;
	if (colon > 0 && text.data[colon - 1] == ':') {
		host = slice_of(text.data, colon - 1);
		port = slice_of(text.data + colon, text.len - colon);
	}
	if (host.len == 0 || port.len > 5)
		return false;
	if (host.data[0] != '[')
		return consists_of(host, is_name_character);
	/* An IPv6 address; what exactly it says does not matter here. */
	if (host.len < 4 || host.data[host.len - 1] != ']')
		return false;
	for (size_t i = 1; i < host.len - 1; i++)
		if (hex_value(host.data[i]) < 0 && host.data[i] != ':' &&
		    host.data[i] != '.')
			return false;
	return true;
}

/* Take "http://authority" off the front of *TARGET, if it is there. */
static bool
take_authority(struct slice *target, struct slice *authority)
{
	static const struct slice schemes[] = { { "http://", 7 }, { "https://", 8 } };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = schemes[i].len, end;

		if (target->len < len ||
		    !http_word_equal(slice_of(target->data, len), schemes[i]))
			continue;
		for (end = len; end < target->len; end++)
			if (target->data[end] == '/' || target->data[end] == '?')
				break;
		*authority = slice_of(target->data + len, end - len);
		*target = slice_of(target->data + end, target->len - end);
		return http_host_is_valid(*authority);
	}
	return true;
}

bool
http_target_parse(struct http_request *request, struct slice target,
    struct slice *authority, struct arena *arena, struct http_target_error *error)
{
	bool is_absolute;

	*authority = slice_of(NULL, 0);
	request->target = target;
	if (!take_authority(&target, authority))
		return fail(error, 400, "The target names no host.");
	is_absolute = authority->len > 0;
	if (is_absolute && target.len == 0)
		target = SLICE("/");
	request->target = target;
	request->query = target;
	request->path = cut(&request->query, '?');
	if (request->method == HTTP_METHOD_OPTIONS && slice_equal(target, SLICE("*")))
		return true;
	if (request->path.len == 0 || request->path.data[0] != '/')
		return fail(error, 400, "The target is not a path.");
	return parse_path(request, arena, error) && parse_query(request, arena, error);
}
