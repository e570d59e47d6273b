/*
 * oracle -- what other implementations say about the same bytes.
 *
 * SCAN_DONE with the length of the first value in *LEN, SCAN_MORE when it goes on
 * behind the bytes, SCAN_BAD otherwise.
 */

#ifndef TESTS_SUPPORT_ORACLE_H
#define TESTS_SUPPORT_ORACLE_H

#include "proto/scan.h"

/* libmpack, which shares no code with msgpack-c.  Knows no bounds but a depth of 32. */
enum scan_result oracle_mpack(struct slice bytes, size_t *len);

/*
 * msgpack-c's own unpacker.  Allocates what a count promises: only for bytes that
 * scan has accepted.
 */
enum scan_result oracle_msgpack(struct slice bytes, size_t *len);

#endif
