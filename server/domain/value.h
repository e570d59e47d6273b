/*
 * value -- check one value against its field, and bring it into the form in which
 * it is stored.
 *
 * Everything is checked and everything wrong is noted, also inside nested values.
 * What passes is appended to OUT in canonical form: integers in their shortest
 * encoding, nested maps with their keys in the order of the shape, nil inside nested
 * maps left out, tags in lower case.  Lists of tags, words, languages and integers are
 * sets: what comes again is dropped, after the items have been counted as sent.
 *
 * Pure; any thread.  Memory failures show in OUT.
 */

#ifndef DOMAIN_VALUE_H
#define DOMAIN_VALUE_H

#include "proto/field.h"
#include "proto/reader.h"
#include "server/base/arena.h"
#include "server/domain/violation.h"

/*
 * Take one value from READER, which stands before it, and judge it as FIELD.
 *
 * A violation is noted at the path where VIOLATIONS stands (the caller has gone down
 * into the field's name).  True when there was none; then the canonical value
 * has been appended to OUT, otherwise OUT is as before.  Nil is the caller's
 * business: here it is WRONG_TYPE.  FIELD_PATCH and FIELD_PATCHES are taken as they
 * are, if they are a map, or a list of FIELD->min to max maps.
 */
bool value_check(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out);

/*
 * The same, and *VALUE is the canonical value: what READER has passed if that is
 * canonical already, as nearly everything is; otherwise a copy in ARENA, made in
 * SCRATCH. Memory failures show in ARENA.
 */
bool value_take(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *scratch, struct arena *arena,
    struct slice *value);

#endif
