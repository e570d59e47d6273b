/*
 * typed -- between the text that people write and the values of fields.
 *
 * Lists are written with commas, times as 2030-12-31, 2030-12-31T23:59:59.999Z, as
 * milliseconds since 1970, or as what lies ahead: 30d, 12h, 90m.  Objects and maps are
 * JSON.  What typed_text() writes, typed_value() reads.
 */

#ifndef CTL_TYPED_H
#define CTL_TYPED_H

#include <jansson.h>

#include "proto/field.h"
#include "tools/ctl/json.h"

/* The value for FIELD that TEXT means; NULL, with a sentence in WHY, when it is none.
 */
json_t *typed_value(
    const struct field *field, const char *text, char why[JSON_WHY_BYTES]);

/* VALUE of FIELD, which may be NULL, as text, to be freed.  Nothing is "". */
char *typed_text(const struct field *field, const json_t *value);

/*
 * The field at PATH in SHAPE: "email", "billing_address.city".  NULL, with a
 * sentence in WHY that has a hint, when there is none.  Below a map, it is the map's.
 */
const struct field *typed_find(
    const struct shape *shape, const char *path, char why[JSON_WHY_BYTES]);

/* Put VALUE, which is taken, to PATH in OBJECT; objects on the way are made. */
bool typed_put(json_t *object, const char *path, json_t *value);

/* What is at PATH in OBJECT, or NULL. */
json_t *typed_get(json_t *object, const char *path);

#endif
