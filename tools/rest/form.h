/*
 * form -- what HTML forms send, as an object of strings: www-form-urlencoded, and
 * multipart/form-data.
 *
 * "a.b=1" is {"a": {"b": "1"}}, as forms name what is nested.  A file is `true`, which
 * no field takes for a text.
 */

#ifndef REST_FORM_H
#define REST_FORM_H

#include <jansson.h>

#include "proto/slice.h"

struct arena;

/* NULL: not a form, a name twice, or no memory. */
json_t *form_read(struct slice text, struct arena *arena);

/* The same for parts; TYPE is the Content-Type, which has the boundary.  *WHY tells. */
json_t *form_read_multipart(
    struct slice text, struct slice type, struct arena *arena, const char **why);

/* Set NAME, "a" or "a.b", of OBJECT to VALUE, which is taken over; false: it is set. */
bool form_set(json_t *object, char *name, json_t *value);

#endif
