/*
 * reader -- read MessagePack values one after another, without building anything.
 *
 * For bytes that scan has accepted, or that a checksum vouches for.  It still
 * never reads past the end: what does not fit is a MALFORMED message.
 *
 * Errors stick.  After the first failure every read returns zero, false or an empty
 * slice, reader_peek() says VALUE_END, and the caller looks once, at
 * READER->status.  A count is never larger than what the bytes behind it can hold,
 * so a loop over a count that came from the peer is bounded, too.
 *
 * Memory.  Slices point into the bytes given to reader_init().
 */

#ifndef PROTO_READER_H
#define PROTO_READER_H

#include <stdint.h>

#include "proto/slice.h"
#include "proto/status.h"

enum value_type {
	VALUE_NIL,
	VALUE_BOOL,
	VALUE_INTEGER, /* any width, signed or not */
	VALUE_NUMBER,  /* float32 and float64 */
	VALUE_TEXT,    /* str */
	VALUE_BYTES,   /* bin */
	VALUE_ARRAY,
	VALUE_MAP,
	VALUE_END,   /* no bytes are left */
	VALUE_OTHER, /* ext and the reserved byte */
};

struct reader {
	const char *at, *end;
	enum status status; /* OK, or MALFORMED after the first failure */
};

static inline void
reader_init(struct reader *reader, struct slice bytes)
{
	reader->at = bytes.data;
	reader->end = bytes.len > 0 ? bytes.data + bytes.len : bytes.data;
	reader->status = STATUS_OK;
}

/* Note that READER has failed; false. */
bool reader_fail(struct reader *reader);

/* What the first bytes c0 to df stand for, and how many bytes of number follow. */
extern const struct reader_form {
	unsigned char type, width;
} reader_forms[32];

/* The type of what FIRST begins. */
static inline enum value_type
reader_type(unsigned char first)
{
	if (first < 0x80 || first >= 0xe0)
		return VALUE_INTEGER;
	if (first < 0x90)
		return VALUE_MAP;
	if (first < 0xa0)
		return VALUE_ARRAY;
	if (first < 0xc0)
		return VALUE_TEXT;
	return (enum value_type)reader_forms[first - 0xc0].type;
}

/* The type of the next value, without taking it. */
static inline enum value_type
reader_peek(const struct reader *reader)
{
	if (reader->at == reader->end)
		return VALUE_END;
	return reader_type((unsigned char)*reader->at);
}

/* Take one value, which must be of that type; otherwise the reader fails. */
void         reader_nil(struct reader *reader);
double       reader_number(struct reader *reader); /* an integer will do, too */
struct slice reader_bytes(struct reader *reader);  /* bin, or str */
uint32_t     reader_array(struct reader *reader);  /* then so many values follow */
uint32_t     reader_map(struct reader *reader);    /* then so many pairs follow */

static inline bool
reader_bool(struct reader *reader)
{
	if (reader_peek(reader) != VALUE_BOOL)
		return reader_fail(reader);
	return (unsigned char)*reader->at++ == 0xc3; /* true */
}

/* How reader_integer() takes what has more than one byte. */
bool reader_long_integer(struct reader *reader, int64_t *value);

/*
 * Take an integer of any width.  False, with *VALUE untouched, when it does not
 * fit into an int64_t (an unsigned number above INT64_MAX); the value is taken
 * all the same and the reader has not failed.
 */
static inline bool
reader_integer(struct reader *reader, int64_t *value)
{
	if (reader->at == reader->end || (unsigned char)*reader->at >= 0x80)
		return reader_long_integer(reader, value);
	*value = *reader->at++;
	return true;
}

/* How reader_text() and reader_value() take what is not short. */
struct slice reader_long_text(struct reader *reader);
struct slice reader_long_value(struct reader *reader);

/* How long a value is by its first byte; 0 if this byte does not say it. */
extern const unsigned char reader_short_bytes[256];

/* The bytes of the next value if it is a text of at most 31 bytes; otherwise 0. */
static inline size_t
reader_short_text(const struct reader *reader)
{
	size_t len;

	if (reader->at == reader->end || (*reader->at & 0xe0) != 0xa0)
		return 0;
	len = 1 + ((unsigned char)*reader->at & 0x1f);
	return len <= (size_t)(reader->end - reader->at) ? len : 0;
}

static inline struct slice
reader_text(struct reader *reader)
{
	const char *start = reader->at;
	size_t      len = reader_short_text(reader);

	if (len == 0)
		return reader_long_text(reader);
	reader->at += len;
	return slice_of(start + 1, len - 1);
}

/* The bytes of the next value if its first byte tells how many; otherwise 0. */
static inline size_t
reader_short_value(const struct reader *reader)
{
	size_t len;

	if (reader->at == reader->end)
		return 0;
	len = reader_short_bytes[(unsigned char)*reader->at];
	return len <= (size_t)(reader->end - reader->at) ? len : 0;
}

/* Take one value of any type, containers whole, and return its bytes. */
static inline struct slice
reader_value(struct reader *reader)
{
	const char *start = reader->at;
	size_t      len = reader_short_value(reader);

	if (len == 0)
		return reader_long_value(reader);
	reader->at += len;
	return slice_of(start, len);
}

#endif
