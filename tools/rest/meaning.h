/*
 * meaning -- what the fields of records mean, in words for people.
 *
 * A row of a format's table that has no `meaning` of its own means what the record's
 * field means; so each is said once, for all formats.
 */

#ifndef REST_MEANING_H
#define REST_MEANING_H

#include "tools/rest/format.h"

/* What ROW, of a table for SHAPE, means; "" when nobody has said it. */
const char *meaning_of(const struct mapping *row, const struct shape *shape);

#endif
