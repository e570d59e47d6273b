/*
 * pack -- write MessagePack into a buf, through msgpack-c's packer.
 *
 * Errors stick in the buf.  A container's count is written first; so many values
 * (or pairs of values) must follow.  Integers and lengths take their shortest form.
 */

#ifndef PROTO_PACK_H
#define PROTO_PACK_H

#include <stdint.h>

#include "proto/buf.h"

void pack_nil(struct buf *buf);
void pack_bool(struct buf *buf, bool value);
void pack_integer(struct buf *buf, int64_t value);
void pack_number(struct buf *buf, double value); /* float64 */
void pack_text(struct buf *buf, struct slice text);
void pack_bytes(struct buf *buf, struct slice bytes); /* bin */
void pack_array(struct buf *buf, uint32_t count);
void pack_map(struct buf *buf, uint32_t count);

/* Append one or more values that are MessagePack already. */
void pack_raw(struct buf *buf, struct slice value);

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
