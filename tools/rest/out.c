#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/reader.h"
#include "tools/rest/out.h"
#include "tools/rest/text.h"

#define NUMBER_BYTES 40u
#define FORMATTED_BYTES 1024u
#define BLOCK_BYTES 16u

static void
put(struct out *json, const char *text)
{
	buf_put(json->out, text, strlen(text));
}

/* Before a value: the comma that the one before it left to us. */
static void
separate(struct out *json)
{
	if (json->wants_comma)
		buf_put(json->out, ",", 1);
	json->wants_comma = true;
}

void
out_open(struct out *json, char bracket)
{
	separate(json);
	buf_put(json->out, &bracket, 1);
	json->wants_comma = false;
}

void
out_close(struct out *json, char bracket)
{
	buf_put(json->out, &bracket, 1);
	json->wants_comma = true;
}

/* What must be escaped within quotes: as short as JSON permits. */
static void
put_escaped(struct out *json, unsigned char c)
{
	static const char letters[] = "btnvfr";
	char              escaped[8];

	if (c >= '\b' && c <= '\r' && c != '\v')
		snprintf(escaped, sizeof(escaped), "\\%c", letters[c - '\b']);
	else if (c == '"' || c == '\\')
		snprintf(escaped, sizeof(escaped), "\\%c", c);
	else
		snprintf(escaped, sizeof(escaped), "\\u%04x", c);
	put(json, escaped);
}

/* Of one unsigned char, or of each one in a vector. */
#define IS_SPECIAL(c) (((c) < ' ') | ((c) == '"') | ((c) == '\\') | ((c) == 0x7f))

/* Whether none of BLOCK_BYTES is special, in a few instructions for all of them. */
static bool
is_plain_block(const char *bytes)
{
	unsigned char __attribute__((vector_size(BLOCK_BYTES))) block;
	uint64_t halves[2];

	_Static_assert(sizeof(halves) == sizeof(block), "two halves");
	memcpy(&block, bytes, sizeof(block));
	block = IS_SPECIAL(block);
	memcpy(halves, &block, sizeof(block));
	return (halves[0] | halves[1]) == 0;
}

/* Append TEXT, unless something in it is special: that is seen where it stands then,
 * with spaces behind it up to the end of a block. */
static bool
put_plain(struct buf *out, struct slice text)
{
	char *room = buf_room(out, text.len + BLOCK_BYTES);

	if (room == NULL)
		return false;
	if (text.len > 0) /* an empty text may have no address */
		memcpy(room, text.data, text.len);
	memset(room + text.len, ' ', BLOCK_BYTES);
	for (size_t at = 0; at < text.len; at += BLOCK_BYTES)
		if (!is_plain_block(room + at))
			return false;
	out->len += text.len;
	return true;
}

/* TEXT as it stands within quotes. */
static void
put_within(struct out *json, struct slice text)
{
	if (put_plain(json->out, text))
		return;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (IS_SPECIAL(c))
			put_escaped(json, c);
		else
			buf_put(json->out, &c, 1);
	}
}

static void
put_quoted(struct out *json, struct slice text)
{
	buf_put(json->out, "\"", 1);
	put_within(json, text);
	buf_put(json->out, "\"", 1);
}

void
out_key(struct out *json, const char *word)
{
	size_t len = strlen(word);
	char  *room = buf_room(json->out, len + strlen(",\"\":"));

	if (room == NULL)
		return;
	if (json->wants_comma)
		*room++ = ',';
	*room++ = '"';
	room = mempcpy(room, word, len);
	*room++ = '"';
	*room++ = ':';
	json->out->len = (size_t)(room - json->out->data);
	json->wants_comma = false;
}

void
out_key_text(struct out *json, struct slice text)
{
	out_text(json, text);
	buf_put(json->out, ":", 1);
	json->wants_comma = false;
}

void
out_text(struct out *json, struct slice text)
{
	separate(json);
	put_quoted(json, text);
}

void
out_string(struct out *json, const char *text)
{
	if (text == NULL)
		out_nil(json);
	else
		out_text(json, slice_text(text));
}

void
out_format(struct out *json, const char *format, ...)
{
	char    text[FORMATTED_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	out_string(json, text);
}

void
out_int(struct out *json, int64_t value)
{
	char         room[TEXT_DECIMAL_BYTES];
	struct slice text = text_decimal(room, value);

	separate(json);
	buf_put(json->out, text.data, text.len);
}

void
out_double(struct out *json, double value)
{
	char text[NUMBER_BYTES];

	separate(json);
	if (!isfinite(value)) { /* JSON has no such number */
		put(json, "null");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (!(strtod(text, NULL) < value) && !(strtod(text, NULL) > value))
			break;
	}
	put(json, text);
}

void
out_bool(struct out *json, bool value)
{
	out_raw(json, value ? "true" : "false");
}

void
out_nil(struct out *json)
{
	out_raw(json, "null");
}

void
out_raw(struct out *json, const char *text)
{
	separate(json);
	put(json, text);
}

void
out_joined(
    struct out *json, unsigned count, const struct slice *pieces, struct slice between)
{
	size_t len = (count - 1) * between.len;
	char  *room;

	for (unsigned i = 0; i < count; i++)
		len += pieces[i].len;
	separate(json);
	room = buf_room(json->out, len);
	if (room == NULL)
		return;
	for (unsigned i = 0; i < count; i++) {
		if (i > 0)
			room = mempcpy(room, between.data, between.len);
		room = mempcpy(room, pieces[i].data, pieces[i].len);
	}
	json->out->len += len;
}

void
out_pair(struct out *json, const char *word, const char *text)
{
	out_key(json, word);
	out_string(json, text);
}

static void write_value(struct out *json, struct reader *reader);

static void
write_list(struct out *json, struct reader *reader)
{
	uint32_t count = reader_array(reader);

	out_open(json, '[');
	for (; count > 0 && reader->status == STATUS_OK; count--)
		write_value(json, reader);
	out_close(json, ']');
}

static void
write_map(struct out *json, struct reader *reader)
{
	uint32_t count = reader_map(reader);

	out_open(json, '{');
	for (; count > 0 && reader->status == STATUS_OK; count--) {
		out_key_text(json, reader_text(reader));
		write_value(json, reader);
	}
	out_close(json, '}');
}

/* How deep this goes was bounded when the value was stored. */
static void
write_value(struct out *json, struct reader *reader)
{
	int64_t integer = 0;

	switch (reader_peek(reader)) {
	case VALUE_BOOL: out_bool(json, reader_bool(reader)); return;
	case VALUE_INTEGER:
		reader_integer(reader, &integer);
		out_int(json, integer);
		return;
	case VALUE_NUMBER: out_double(json, reader_number(reader)); return;
	case VALUE_TEXT: out_text(json, reader_text(reader)); return;
	case VALUE_ARRAY: write_list(json, reader); return;
	case VALUE_MAP: write_map(json, reader); return;
	case VALUE_NIL:
	case VALUE_BYTES:
	case VALUE_OTHER:
	case VALUE_END: break;
	}
	reader_value(reader);
	out_nil(json);
}

void
out_value(struct out *json, struct slice value)
{
	struct reader reader;

	reader_init(&reader, value);
	write_value(json, &reader);
}
