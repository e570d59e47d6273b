#include <assert.h>

#include "proto/pack.h"
#include "proto/reader.h"
#include "server/domain/record.h"

#define SCALAR_BYTES_MAX 16u /* a packed integer or boolean, with room to spare */

/* How many bytes NAME has as record_pack() writes it. */
static size_t
key_bytes(struct slice name)
{
	return name.len + (name.len <= PACK_FIXSTR_MAX ? 1 : 2);
}

/*
 * How many bytes the key of FIELD takes at AT, which is not the END; 0 if it is not
 * there as record_pack() writes it.
 */
static inline size_t
key_at(const struct field *field, const char *at, const char *end)
{
	const struct slice *name = &field->name;
	size_t              bytes;

	if ((unsigned char)*at != field->head)
		return 0; /* as most of those that are not there */
	bytes = key_bytes(*name);
	if (bytes > (size_t)(end - at) ||
	    (name->len > PACK_FIXSTR_MAX && (unsigned char)at[1] != name->len) ||
	    !slice_same(at + bytes - name->len, name->data, name->len))
		return 0;
	return bytes;
}

/* As reader_value().  A call gets a copy, so that READER can stay in registers. */
static inline struct slice
take_value(struct reader *reader)
{
	struct reader copy;
	struct slice  value = slice_of(reader->at, reader_short_value(reader));

	reader->at += value.len;
	if (value.len > 0)
		return value;
	copy = *reader;
	value = reader_long_value(&copy);
	*reader = copy;
	return value;
}

/*
 * Take COUNT pairs that are as record_pack() writes them: with their keys in the order
 * of the shape, so that none must be searched for.  False when they are not.
 */
static bool
split_in_order(struct record *record, const struct shape *shape, struct reader reader,
    uint32_t count)
{
	const struct field *field = shape->fields;
	const unsigned      places = shape->count;
	uint64_t            present = 0;

	for (unsigned place = 0; place < places && reader.at != reader.end;
	     place++, field++) {
		size_t key = key_at(field, reader.at, reader.end);

		if (key == 0)
			continue;
		reader.at += key;
		record->field[place] = take_value(&reader);
		present |= FIELD_BIT(place);
	}
	record->present = record->split = record->kept = present;
	return reader.status == STATUS_OK && reader.at == reader.end &&
	       (unsigned)__builtin_popcountll(present) == count;
}

/* The same for pairs in any order, with keys in any form. */
static bool
split_in_disorder(struct record *record, const struct shape *shape,
    struct reader reader, uint32_t count)
{
	record_init(record);
	for (; count > 0; count--) {
		int place = shape_find(shape, reader_text(&reader), 0);

		if (place < 0 || record_has(record, (unsigned)place))
			return false;
		record->field[place] = reader_value(&reader);
		record->present |= FIELD_BIT(place);
	}
	return reader.status == STATUS_OK && reader.at == reader.end;
}

bool
record_split(struct record *record, const struct shape *shape, struct slice bytes)
{
	struct reader reader;
	uint32_t      count;

	record_init(record);
	reader_init(&reader, bytes);
	count = reader_map(&reader);
	return split_in_order(record, shape, reader, count) ||
	       split_in_disorder(record, shape, reader, count);
}

/* The pairs from FIRST to LAST, as record_split() has found them. */
static struct slice
pairs(const struct record *record, const struct shape *shape, unsigned first,
    unsigned last)
{
	const char *start =
	    record->field[first].data - key_bytes(shape->fields[first].name);
	const char *end = record->field[last].data + record->field[last].len;

	return slice_of(start, (size_t)(end - start));
}

void
record_pack(const struct record *record, const struct shape *shape, uint64_t mask,
    struct buf *buf)
{
	uint64_t left = record->present & mask;
	uint64_t kept = left & record->kept;
	/* Where something goes that was there, or comes that was not. */
	uint64_t breaks = (left | record->split) & ~kept;

	pack_map(buf, (uint32_t)__builtin_popcountll(left));
	while (left != 0) {
		unsigned place = (unsigned)__builtin_ctzll(left);
		uint64_t behind = breaks & ~(FIELD_BIT(place) - 1);
		uint64_t run = left & ((behind & -behind) - 1); /* up to a break */

		if (run != 0) {
			pack_raw(buf, pairs(record, shape, place,
					  63 - (unsigned)__builtin_clzll(run)));
		} else {
			run = FIELD_BIT(place);
			pack_text(buf, shape->fields[place].name);
			pack_raw(buf, record->field[place]);
		}
		left &= ~run;
	}
}

uint64_t
shape_places(const struct shape *shape, unsigned flags)
{
	uint64_t places = 0;

	for (unsigned i = 0; i < shape->count; i++)
		if ((shape->fields[i].flags & flags) != 0)
			places |= FIELD_BIT(i);
	return places;
}

int64_t
record_integer(const struct record *record, unsigned place)
{
	struct reader reader;
	int64_t       value = 0;

	if (!record_has(record, place))
		return 0;
	reader_init(&reader, record->field[place]);
	reader_integer(&reader, &value);
	return value;
}

bool
record_bool(const struct record *record, unsigned place)
{
	struct reader reader;

	if (!record_has(record, place))
		return false;
	reader_init(&reader, record->field[place]);
	return reader_bool(&reader);
}

struct slice
record_text(const struct record *record, unsigned place)
{
	struct reader reader;

	if (!record_has(record, place))
		return (struct slice){ NULL, 0 };
	reader_init(&reader, record->field[place]);
	return reader_text(&reader);
}

void
record_set(struct record *record, unsigned place, struct slice packed)
{
	record->field[place] = packed;
	record->present |= FIELD_BIT(place);
	record->kept &= ~FIELD_BIT(place);
}

/* Set the field to what BUF holds: bytes of ARENA. */
static void
set_from_buf(
    struct record *record, unsigned place, const struct buf *buf, struct arena *arena)
{
	if (buf->failed)
		arena->failed = true;
	record_set(record, place, buf_slice(buf));
}

/* Let BUF write into SIZE new bytes of ARENA; without memory, into none. */
static void
init_in_arena(struct buf *buf, struct arena *arena, size_t size)
{
	char *bytes = arena_alloc(arena, size);

	buf_init_fixed(buf, bytes, size);
	buf->failed = bytes == NULL;
}

void
record_set_integer(
    struct record *record, unsigned place, int64_t value, struct arena *arena)
{
	struct buf buf;

	init_in_arena(&buf, arena, SCALAR_BYTES_MAX);
	pack_integer(&buf, value);
	set_from_buf(record, place, &buf, arena);
}

void
record_set_bool(struct record *record, unsigned place, bool value, struct arena *arena)
{
	record_set(record, place, value ? SLICE("\xc3") : SLICE("\xc2"));
	(void)arena;
}

void
record_set_text(
    struct record *record, unsigned place, struct slice text, struct arena *arena)
{
	struct buf buf;

	init_in_arena(&buf, arena, text.len + SCALAR_BYTES_MAX);
	pack_text(&buf, text);
	set_from_buf(record, place, &buf, arena);
}

void
record_clear(struct record *record, unsigned place)
{
	record->present &= ~FIELD_BIT(place);
}

uint64_t
record_differences(const struct record *old, const struct record *new)
{
	uint64_t differ = old->present ^ new->present;
	uint64_t both = old->present & new->present & ~new->kept;

	for (; both != 0; both &= both - 1) {
		unsigned place = (unsigned)__builtin_ctzll(both);

		if (!record_same(old, new, place))
			differ |= FIELD_BIT(place);
	}
	return differ;
}
