/*
 * text_internal -- what the files of text share.
 */

#ifndef DOMAIN_TEXT_INTERNAL_H
#define DOMAIN_TEXT_INTERNAL_H

#include <stdint.h>

#include "proto/buf.h"

/* ASCII only, whatever the locale. */
static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool
is_letter_or_digit(char c)
{
	return is_letter(c) || is_digit(c);
}

/* Take the first character of TEXT; false when it is empty or no UTF-8. */
bool text_take(struct slice *text, int32_t *character);

bool text_is_ascii(struct slice text);

/* Append TEXT with the capitals of ASCII in lower case. */
void text_lower(struct slice text, struct buf *out);

#endif
