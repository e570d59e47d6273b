/*
 * text -- numbers as text, without printf(), for what every answer has.
 */

#ifndef REST_TEXT_H
#define REST_TEXT_H

#include <stdint.h>

#include "proto/slice.h"

#define TEXT_DECIMAL_BYTES 20u /* -9223372036854775808 */

/* VALUE in decimal, somewhere within ROOM. */
struct slice text_decimal(char room[TEXT_DECIMAL_BYTES], int64_t value);

/* The last COUNT decimal digits of VALUE, at AT.  Inline, for COUNT is a constant. */
static inline void
text_digits(char *at, unsigned count, uint64_t value)
{
	for (; count > 0; value /= 10)
		at[--count] = (char)('0' + value % 10);
}

/* VALUE as 16 hexadecimal digits, at AT. */
void text_hexadecimal(char *at, uint64_t value);

#endif
