/*
 * hex -- bytes as a person writes them: "94 00 01".
 *
 * Blanks are skipped.  Anything else that is no pair of digits is a mistake in the
 * test, which ends there.
 */

#ifndef TESTS_SUPPORT_HEX_H
#define TESTS_SUPPORT_HEX_H

#include "proto/buf.h"

/* Append the bytes of HEX to BUF, and return all that BUF holds then. */
struct slice must_hex(struct buf *buf, const char *hex);

#endif
