/*
 * pack -- write MessagePack into a buf, through msgpack-c's packer.
 *
 * Errors stick in the buf.  A container's count is written first; so many values
 * (or pairs of values) must follow.  Integers and lengths take their shortest form.
 *
 * What is nearly everything, small numbers, short texts and small containers, has one
 * byte in front or is one; that is written here, where it takes a few instructions.
 */

#ifndef PROTO_PACK_H
#define PROTO_PACK_H

#include <stdint.h>

#include "proto/buf.h"

/* The first bytes of what is short, and what it may have at most. */
enum {
	PACK_FIXINT_MAX = 0x7f,
	PACK_FIXMAP = 0x80,
	PACK_FIXARRAY = 0x90,
	PACK_FIXCONTAINER_MAX = 15,
	PACK_FIXSTR = 0xa0,
	PACK_FIXSTR_MAX = 31,
	PACK_NIL = 0xc0,
	PACK_FALSE = 0xc2,
	PACK_TRUE = 0xc3,
};

/* What does not fit into the short forms. */
void pack_long_integer(struct buf *buf, int64_t value);
void pack_long_text(struct buf *buf, struct slice text);
void pack_large_array(struct buf *buf, uint32_t count);
void pack_large_map(struct buf *buf, uint32_t count);

/* Append FIRST and the LEN bytes of BODY. */
static inline void
pack_short(struct buf *buf, unsigned first, const char *body, size_t len)
{
	char *end = buf_room(buf, len + 1);

	if (end == NULL)
		return;
	*end = (char)first;
	if (len > 0)
		memcpy(end + 1, body, len);
	buf->len += len + 1;
}

static inline void
pack_nil(struct buf *buf)
{
	pack_short(buf, PACK_NIL, NULL, 0);
}

static inline void
pack_bool(struct buf *buf, bool value)
{
	pack_short(buf, value ? PACK_TRUE : PACK_FALSE, NULL, 0);
}

static inline void
pack_integer(struct buf *buf, int64_t value)
{
	if (value >= 0 && value <= PACK_FIXINT_MAX)
		pack_short(buf, (unsigned)value, NULL, 0);
	else
		pack_long_integer(buf, value);
}

static inline void
pack_text(struct buf *buf, struct slice text)
{
	if (text.len <= PACK_FIXSTR_MAX)
		pack_short(buf, PACK_FIXSTR | (unsigned)text.len, text.data, text.len);
	else
		pack_long_text(buf, text);
}

/* How many bytes pack_text() appends. */
static inline size_t
pack_text_bytes(struct slice text)
{
	return text.len + (text.len <= PACK_FIXSTR_MAX ? 1
			      : text.len <= UINT8_MAX  ? 2
			      : text.len <= UINT16_MAX ? 3
						       : 5);
}

static inline void
pack_array(struct buf *buf, uint32_t count)
{
	if (count <= PACK_FIXCONTAINER_MAX)
		pack_short(buf, PACK_FIXARRAY | count, NULL, 0);
	else
		pack_large_array(buf, count);
}

static inline void
pack_map(struct buf *buf, uint32_t count)
{
	if (count <= PACK_FIXCONTAINER_MAX)
		pack_short(buf, PACK_FIXMAP | count, NULL, 0);
	else
		pack_large_map(buf, count);
}

void pack_number(struct buf *buf, double value);      /* float64 */
void pack_bytes(struct buf *buf, struct slice bytes); /* bin */

/* Append one or more values that are MessagePack already. */
static inline void
pack_raw(struct buf *buf, struct slice value)
{
	buf_put(buf, value.data, value.len);
}

/* A string literal, usually a key. */
#define pack_literal(buf, literal) pack_text((buf), SLICE(literal))

/*
 * For a container whose count is known only afterwards: pack_map_open() writes a
 * map of 65,535 pairs at most (map16) and returns its place, which goes to
 * pack_map_close() together with the true count.  The same for arrays.
 */
size_t pack_map_open(struct buf *buf);
void   pack_map_close(struct buf *buf, size_t place, uint32_t count);
size_t pack_array_open(struct buf *buf);
void   pack_array_close(struct buf *buf, size_t place, uint32_t count);

#endif
