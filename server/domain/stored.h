/*
 * stored -- what lies in the database in front of each record and each change: the
 * number of the change before.
 *
 * In front of a record it is that of the record's last change; in front of a change,
 * that of the one before it of the same record.  0: none is known.  So from a record
 * its changes are found, one after the other, and nothing else need be kept for that.
 *
 * It is a MessagePack integer of fixed length, so that what follows begins at a known
 * place.  A map follows: where servers before format 4 of the file have left nothing in
 * front, its first byte says so.
 */

#ifndef DOMAIN_STORED_H
#define DOMAIN_STORED_H

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "proto/buf.h"
#include "proto/pack.h"

#define STORED_FIRST 0xcfu /* MessagePack's "uint 64" */
#define STORED_FRONT_BYTES 9u

/* Append what stands in front of a record or change: BEFORE. */
static inline void
stored_pack(struct buf *buf, uint64_t before)
{
	uint64_t big_endian = htobe64(before);
	char     bytes[sizeof(big_endian)];

	memcpy(bytes, &big_endian, sizeof(bytes));
	pack_short(buf, STORED_FIRST, bytes, sizeof(bytes));
}

/* Take that off the front of VALUE.  False, and 0, when it is not there. */
static inline bool
stored_take(struct slice *value, uint64_t *before)
{
	uint64_t big_endian;

	*before = 0;
	if (value->len < STORED_FRONT_BYTES ||
	    (unsigned char)value->data[0] != STORED_FIRST)
		return false;
	memcpy(&big_endian, value->data + 1, sizeof(big_endian));
	*before = be64toh(big_endian);
	value->data += STORED_FRONT_BYTES;
	value->len -= STORED_FRONT_BYTES;
	return true;
}

#endif
