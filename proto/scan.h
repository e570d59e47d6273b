/*
 * scan -- decide, without allocating, where one MessagePack message ends and
 * whether it keeps the bounds.
 *
 * No byte reaches a decoder before this has accepted the whole message.  The
 * scan runs msgpack-c's own parser template (<msgpack/unpack_template.h>) with
 * callbacks that only count, so both have one idea of what is well-formed.  A
 * count or a length is refused at its header, before anybody waits or makes room
 * for what it promises.  Refused as well: the reserved byte c1 and every ext type.
 *
 * Errors.  MALFORMED for what is no MessagePack or no permitted type, TOO_LARGE
 * for what breaks a bound.  Afterwards the scan is over; the peer cannot be
 * understood any more.
 */

#ifndef PROTO_SCAN_H
#define PROTO_SCAN_H

#include <stdint.h>

#include "proto/slice.h"
#include "proto/status.h"

struct scan_limits {
	size_t   bytes_max;    /* of the whole message */
	unsigned depth_max;    /* at most FRAME_DEPTH_MAX */
	unsigned elements_max; /* values, keys and containers together */
};

enum scan_result {
	SCAN_MORE, /* the message goes on behind the bytes given so far */
	SCAN_DONE, /* the message is complete and within the bounds */
	SCAN_BAD,  /* refused: see scan_status() */
};

#define SCAN_STATE_BYTES 416

struct scan {
	size_t      bytes_max; /* of the limits; the state keeps the others */
	size_t      scanned;   /* bytes of the message seen so far */
	enum status status;    /* why it was refused, or OK */
	/* The parser template's own, opaque here; scan.c checks the size. */
	_Alignas(8) unsigned char state[SCAN_STATE_BYTES];
};

/* Begin a message.  LIMITS are copied. */
void scan_init(struct scan *scan, const struct scan_limits *limits);

/*
 * Go on with a message of which BYTES are all bytes received so far, from its
 * first one on; the scan remembers how far it came.  On SCAN_DONE, *LEN is the
 * length of the message; more bytes may follow it, and the next message begins
 * with scan_init().
 */
enum scan_result scan_feed(struct scan *scan, struct slice bytes, size_t *len);

/* Why the message was refused. */
enum status scan_status(const struct scan *scan);

#endif
