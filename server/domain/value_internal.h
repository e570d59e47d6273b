/*
 * value_internal -- what the files of value share.
 */

#ifndef DOMAIN_VALUE_INTERNAL_H
#define DOMAIN_VALUE_INTERNAL_H

#include "server/domain/value.h"

/*
 * Judge the value before which READER stands, and append it if it is good.  Otherwise
 * note why; what has been appended by then is taken back by value_check().
 */
typedef void value_checker(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out);

value_checker value_check_text, value_check_bool, value_check_integer;
value_checker value_check_map, value_check_set, value_check_lines, value_check_scalars,
    value_check_object, value_check_objects, value_check_patches;

/* Integers and floats of any size that the wire can carry. */
value_checker value_check_any_number;

/* The value at the prefix of VIOLATIONS breaks RULE. */
static inline void
refuse(struct violations *violations, enum rule rule)
{
	violations_add(violations, SLICE(""), rule);
}

/* The rule that something of LEN breaks when FIELD wants more. */
static inline enum rule
too_short(const struct field *field, size_t len)
{
	return len == 0 && (field->flags & REQUIRED) ? RULE_REQUIRED : RULE_TOO_SHORT;
}

/*
 * Take a key of a map.  False when it is no text, which is held against the map; its
 * value is then taken, too.
 */
bool value_take_key(
    struct reader *reader, struct violations *violations, struct slice *key);

#endif
