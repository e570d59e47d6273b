/*
 * form -- application/x-www-form-urlencoded as an object of strings.
 *
 * "a.b=1" is {"a": {"b": "1"}}, as HTML forms name what is nested.
 */

#ifndef REST_FORM_H
#define REST_FORM_H

#include <jansson.h>

#include "proto/slice.h"

struct arena;

/* NULL: not a form, a name twice, or no memory. */
json_t *form_read(struct slice text, struct arena *arena);

#endif
