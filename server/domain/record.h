/*
 * record -- a stored record, field by field, without building anything.
 *
 * The stored form is the answer: one MessagePack map with the wire's keys, in the
 * order of the shape, absent fields left out.  record_split() gives a slice for each
 * field; to change a record is to replace slices and to pack it again in one pass,
 * in which what lies between two replaced ones is copied in one piece.
 *
 * Memory.  Slices point into what was split; record_set_*() puts new values
 * into the arena.
 */

#ifndef DOMAIN_RECORD_H
#define DOMAIN_RECORD_H

#include "proto/buf.h"
#include "proto/field.h"
#include "server/base/arena.h"

struct record {
	uint64_t present; /* FIELD_BIT()s */
	uint64_t split;   /* what record_split() found, if in the order of the shape */
	uint64_t kept;    /* of that, what was not set since */
	struct slice field[SHAPE_FIELDS_MAX]; /* packed values, by place in the shape */
};

#define FIELD_BIT(place) (UINT64_C(1) << (place))

/* Make RECORD empty. */
static inline void
record_init(struct record *record)
{
	record->present = record->split = record->kept = 0;
}

static inline bool
record_has(const struct record *record, unsigned place)
{
	return (record->present & FIELD_BIT(place)) != 0;
}

/* Take BYTES, a packed map, apart.  False when it is not one of SHAPE. */
bool record_split(struct record *record, const struct shape *shape, struct slice bytes);

/* Append the packed map of the fields that are present and in MASK. */
void record_pack(const struct record *record, const struct shape *shape, uint64_t mask,
    struct buf *buf);

/* The places of SHAPE's fields that have any of FLAGS. */
uint64_t shape_places(const struct shape *shape, unsigned flags);

/* Read one field; zero, false or empty when it is absent. */
int64_t      record_integer(const struct record *record, unsigned place);
bool         record_bool(const struct record *record, unsigned place);
struct slice record_text(const struct record *record, unsigned place);

/* Set one field to a new value, or to nothing.  Failure shows in ARENA. */
void record_set(struct record *record, unsigned place, struct slice packed);
void record_set_integer(
    struct record *record, unsigned place, int64_t value, struct arena *arena);
void record_set_bool(
    struct record *record, unsigned place, bool value, struct arena *arena);
void record_set_text(
    struct record *record, unsigned place, struct slice text, struct arena *arena);
void record_clear(struct record *record, unsigned place);

/* Has the field the same value, or none, in both? */
static inline bool
record_same(const struct record *a, const struct record *b, unsigned place)
{
	if (record_has(a, place) != record_has(b, place))
		return false;
	/* One that was not touched is the very same. */
	return !record_has(a, place) || a->field[place].data == b->field[place].data ||
	       slice_equal(a->field[place], b->field[place]);
}

/* The places of the fields that differ.  NEW began as a copy of OLD, or empty. */
uint64_t record_differences(const struct record *old, const struct record *new);

#endif
