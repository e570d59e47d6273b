/*
 * json -- between JSON, for people, and MessagePack, for the wire.
 *
 * Integers stay within +-(2^53 - 1); what is larger is refused, not rounded.  So are
 * keys given twice, and bytes that are no text.
 */

#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <jansson.h>

#include "proto/buf.h"

#define JSON_WHY_BYTES 512u

/* Append VALUE.  False, with a sentence in WHY, when that cannot be. */
bool json_pack_value(struct buf *buf, const json_t *value, char why[JSON_WHY_BYTES]);

/* The one MessagePack value in BYTES, a new reference; NULL when JSON has no such. */
json_t *json_unpack_value(struct slice bytes);

/* Parse TEXT, which must be an object.  NULL, with a sentence in WHY, when not. */
json_t *json_parse_object(const char *text, size_t len, char why[JSON_WHY_BYTES]);

#endif
