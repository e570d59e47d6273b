#include <assert.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "server/domain/value_internal.h"

/* The longest lists in the table of fields. */
#define LIST_ITEMS_MAX 250u
#define OBJECTS_MAX 50u

/* Texts in the value of one form field. */
#define SCALARS_ITEMS_MAX 50u

/* Take the head of a list; false when it is none, or its length breaks the bounds. */
static bool
take_count(const struct field *field, struct reader *reader,
    struct violations *violations, uint32_t *count)
{
	if (reader_peek(reader) != VALUE_ARRAY) {
		refuse(violations, RULE_WRONG_TYPE);
		return false;
	}
	*count = reader_array(reader);
	if (*count < field->min)
		refuse(violations, too_short(field, *count));
	else if (*count > field->max)
		refuse(violations, RULE_TOO_MANY);
	else
		return true;
	return false;
}

/* Take and judge item INDEX of a list. */
static void
check_item(const struct field *item, unsigned index, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	unsigned mark = violations_down_index(violations, index);

	value_check(item, reader, violations, out);
	violations_up(violations, mark);
}

/* The bytes from FROM to TO in OUT. */
static struct slice
part(const struct buf *out, size_t from, size_t to)
{
	return slice_of(out->data + from, to - from);
}

/* Take and judge the items of a list, each as ITEM, and append the list. */
static void
check_items(const struct field *item, uint32_t count, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	pack_array(out, count);
	for (uint32_t i = 0; i < count && reader->status == STATUS_OK; i++)
		check_item(item, i, reader, violations, out);
}

void
value_check_lines(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	static const struct field line = { .kind = FIELD_LINE, .max = 255 };
	uint32_t                  count;

	if (take_count(field, reader, violations, &count))
		check_items(&line, count, reader, violations, out);
}

void
value_check_patches(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	static const struct field patch = { .kind = FIELD_PATCH };
	uint32_t                  count;

	if (take_count(field, reader, violations, &count))
		check_items(&patch, count, reader, violations, out);
}

/* An empty text is a value like any other here; forms are sent back as they came. */
void
value_check_scalars(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	const struct field list = { .max = SCALARS_ITEMS_MAX };
	const struct field item = { .kind = FIELD_TEXT, .max = field->max };
	uint32_t           count;

	switch (reader_peek(reader)) {
	case VALUE_INTEGER:
	case VALUE_NUMBER:
		value_check_any_number(field, reader, violations, out);
		return;
	case VALUE_ARRAY:
		if (take_count(&list, reader, violations, &count))
			check_items(&item, count, reader, violations, out);
		return;
	default: value_check_text(field, reader, violations, out); return;
	}
}

/*
 * Sets: lists in which an item that comes again is dropped
 */

/* Is what OUT has behind AT[COUNT] one of the COUNT items before it? */
static bool
is_repeated(const struct buf *out, const size_t *at, uint32_t count)
{
	struct slice item = part(out, at[count], out->len);

	for (uint32_t i = 0; i < count; i++)
		if (slice_equal(part(out, at[i], at[i + 1]), item))
			return true;
	return false;
}

/*
 * Change the count of the list at START to COUNT, which is no more than it was; its
 * items begin at FIRST.  A shorter head lets them move up.
 */
static void
recount(struct buf *out, size_t start, size_t first, uint32_t count)
{
	const size_t len = out->len - first;

	out->len = start; /* buf_truncate() would wipe, in a secret one */
	pack_array(out, count);
	assert(out->len <= first);
	memmove(out->data + out->len, out->data + first, len);
	out->len += len;
}

/* What the items of a set are, but for the words of WORDS. */
static const struct field set_items[FIELD_KIND_COUNT] = {
	[FIELD_TAGS] = { .kind = FIELD_TAG, .min = 1, .max = 25 },
	[FIELD_WORDS] = { .kind = FIELD_WORD },
	[FIELD_LANGUAGES] = { .kind = FIELD_LANGUAGE, .min = 2, .max = 35 },
	[FIELD_INTEGERS] = { .kind = FIELD_INTEGER, .max = INTEGER_MAX },
};

void
value_check_set(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	const size_t start = out->len;
	struct field item = set_items[field->kind];
	size_t   at[LIST_ITEMS_MAX + 1]; /* where the items kept begin, and the end */
	uint32_t count, kept = 0;

	assert(field->max <= LIST_ITEMS_MAX);
	if (!take_count(field, reader, violations, &count))
		return;
	item.words = field->words;
	pack_array(out, count);
	at[0] = out->len;
	for (uint32_t i = 0; i < count && reader->status == STATUS_OK; i++) {
		check_item(&item, i, reader, violations, out);
		if (out->failed)
			continue; /* only to find what else is wrong */
		if (is_repeated(out, at, kept))
			out->len = at[kept];
		else
			at[++kept] = out->len;
	}
	if (kept < count && !out->failed)
		recount(out, start, at[0], kept);
}

/*
 * Objects
 */

/*
 * Find the values of SHAPE's fields in the map before READER; empty stays what is
 * absent or nil.  Returns how many there are.
 */
static uint32_t
collect(const struct shape *shape, struct reader *reader, struct violations *violations,
    struct slice *values)
{
	struct slice  key;
	struct reader value;
	uint64_t      seen = 0;
	uint32_t      present = 0;
	int           place = -1;

	for (uint32_t i = reader_map(reader); i > 0 && reader->status == STATUS_OK;
	     i--) {
		if (!value_take_key(reader, violations, &key))
			continue;
		reader_init(&value, reader_value(reader));
		place = shape_find(shape, key, (unsigned)(place + 1));
		if (place < 0) {
			violations_add(violations, key, RULE_UNKNOWN_FIELD);
			continue;
		}
		if (seen & (UINT64_C(1) << place))
			violations_add(violations, key, RULE_DUPLICATE);
		seen |= UINT64_C(1) << place;
		if (reader_peek(&value) == VALUE_NIL)
			continue;
		values[place] = reader_value(&value);
		present++;
	}
	return present;
}

void
value_check_object(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	const struct shape *shape = field->shape;
	const struct field *inner;
	struct slice        values[SHAPE_FIELDS_MAX] = { 0 };
	struct reader       value;
	unsigned            mark;

	if (reader_peek(reader) != VALUE_MAP) {
		refuse(violations, RULE_WRONG_TYPE);
		return;
	}
	pack_map(out, collect(shape, reader, violations, values));
	for (unsigned i = 0; i < shape->count; i++) {
		inner = &shape->fields[i];
		mark = violations_down(violations, inner->name);
		reader_init(&value, values[i]);
		if (values[i].len > 0) {
			pack_text(out, inner->name);
			value_check(inner, &value, violations, out);
		} else if (inner->flags & REQUIRED) {
			refuse(violations, RULE_REQUIRED);
		}
		violations_up(violations, mark);
	}
}

/* What no two objects in one list may have in common. */
static const struct once {
	const struct shape *shape;
	int                 what; /* the field in which they must differ … */
	int                 when; /* … if they have this boolean set, or ALWAYS */
	enum rule           rule; /* broken by the second one */
} onces[] = {
#define ALWAYS (-1)
	// clang-format off
	{ &saved_address_shape, SAVED_ADDRESS_ID, ALWAYS,          RULE_DUPLICATE },
	{ &contact_shape,       CONTACT_ID,       ALWAYS,          RULE_DUPLICATE },
	{ &contact_shape,       CONTACT_TYPE,     CONTACT_DEFAULT, RULE_DEFAULT_TWICE },
	{ &form_field_shape,    FORM_FIELD_NAME,  ALWAYS,          RULE_DUPLICATE },
	// clang-format on
};

/* The value of FIELD in OBJECT, one of ours or nothing; empty when it is absent. */
static struct slice
member(struct slice object, const struct field *field)
{
	struct reader reader;
	struct slice  key, value;

	reader_init(&reader, object);
	for (uint32_t left = reader_map(&reader); left > 0; left--) {
		key = reader_text(&reader);
		value = reader_value(&reader);
		if (slice_equal(key, field->name))
			return value;
	}
	return slice_of(NULL, 0);
}

/* The value that OBJECT must not share under ONCE; empty when there is none. */
static struct slice
once_value(const struct once *once, struct slice object)
{
	const struct field *fields = once->shape->fields;
	struct reader       when;

	if (once->when != ALWAYS) {
		reader_init(&when, member(object, &fields[once->when]));
		if (!reader_bool(&when))
			return slice_of(NULL, 0);
	}
	return member(object, &fields[once->what]);
}

static void
check_once(const struct once *once, const struct slice *objects, uint32_t count,
    struct violations *violations)
{
	const struct field *culprit =
	    &once->shape->fields[once->when != ALWAYS ? once->when : once->what];
	struct slice values[OBJECTS_MAX];
	unsigned     mark;

	for (uint32_t i = 0; i < count; i++) {
		values[i] = once_value(once, objects[i]);
		for (uint32_t j = 0; j < i && values[i].len > 0; j++) {
			if (!slice_equal(values[j], values[i]))
				continue;
			mark = violations_down_index(violations, i);
			violations_add(violations, culprit->name, once->rule);
			violations_up(violations, mark);
			break;
		}
	}
}

void
value_check_objects(const struct field *field, struct reader *reader,
    struct violations *violations, struct buf *out)
{
	const struct field item = { .kind = FIELD_OBJECT, .shape = field->shape };
	const size_t       start = out->len;
	struct slice       objects[OBJECTS_MAX];
	size_t             at[OBJECTS_MAX + 1];
	uint32_t           count;

	assert(field->max <= OBJECTS_MAX);
	if (!take_count(field, reader, violations, &count))
		return;
	pack_array(out, count);
	for (uint32_t i = 0; i < count; i++) {
		at[i] = out->len;
		check_item(&item, i, reader, violations, out);
	}
	if (out->failed)
		return;
	at[count] = out->len;
	if (out->len - start > NESTED_BYTES_MAX)
		refuse(violations, RULE_TOO_LARGE);
	/* Only now, when OUT does not grow any more, do slices into it hold. */
	for (uint32_t i = 0; i < count; i++)
		objects[i] = part(out, at[i], at[i + 1]);
	for (size_t i = 0; i < sizeof(onces) / sizeof(onces[0]); i++)
		if (onces[i].shape == field->shape)
			check_once(&onces[i], objects, count, violations);
}
