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

bool
record_split(struct record *record, const struct shape *shape, struct slice bytes)
{
	struct reader reader;
	unsigned      hint = 0;
	bool          is_canonical = true;

	record_init(record);
	reader_init(&reader, bytes);
	for (uint32_t left = reader_map(&reader); left > 0; left--) {
		const char  *start = reader.at;
		struct slice key = reader_text(&reader);
		int          place = shape_find(shape, key, hint);

		if (place < 0 || record_has(record, (unsigned)place))
			return false;
		if ((unsigned)place < hint || start + key_bytes(key) != reader.at)
			is_canonical = false;
		hint = (unsigned)place + 1;
		record->field[place] = reader_value(&reader);
		record->present |= FIELD_BIT(place);
	}
	if (is_canonical)
		record->split = record->kept = record->present;
	return reader.status == STATUS_OK && reader_peek(&reader) == VALUE_END;
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
record_differences(const struct record *a, const struct record *b)
{
	uint64_t differ = a->present ^ b->present;

	for (uint64_t both = a->present & b->present; both != 0; both &= both - 1) {
		unsigned     place = (unsigned)__builtin_ctzll(both);
		struct slice in_a = a->field[place], in_b = b->field[place];

		if (in_a.data != in_b.data && !slice_equal(in_a, in_b))
			differ |= FIELD_BIT(place);
	}
	return differ;
}
