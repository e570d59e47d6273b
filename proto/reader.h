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

/* The type of the next value, without taking it. */
enum value_type reader_peek(const struct reader *reader);

/* Take one value, which must be of that type; otherwise the reader fails. */
void         reader_nil(struct reader *reader);
bool         reader_bool(struct reader *reader);
double       reader_number(struct reader *reader); /* an integer will do, too */
struct slice reader_bytes(struct reader *reader);  /* bin, or str */
uint32_t     reader_array(struct reader *reader);  /* then so many values follow */
uint32_t     reader_map(struct reader *reader);    /* then so many pairs follow */

/*
 * Take an integer of any width.  False, with *VALUE untouched, when it does not
 * fit into an int64_t (an unsigned number above INT64_MAX); the value is taken
 * all the same and the reader has not failed.
 */
bool reader_integer(struct reader *reader, int64_t *value);

/* How reader_text() and reader_value() take what is not short. */
struct slice reader_long_text(struct reader *reader);
struct slice reader_long_value(struct reader *reader);

/* How long a value is that begins with c0 to df, if this byte says so; else 0. */
extern const unsigned char reader_scalar_bytes[32];

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
	size_t        len = 1;
	unsigned char first;

	if (reader->at == reader->end)
		return 0;
	first = (unsigned char)*reader->at;
	if (first >= 0xa0 && first < 0xc0)
		len += first & 0x1f;
	else if (first >= 0xc0 && first < 0xe0)
		len = reader_scalar_bytes[first - 0xc0];
	else if (first >= 0x80 && first < 0xa0)
		return 0;
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
