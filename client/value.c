/*
 * Reading results.  Everything goes through proto/reader, which keeps within its
 * bytes, so none of this needs to trust a value.
 */

#include "client/internal.h"
#include "proto/reader.h"

static struct reader
reader_of(struct customerd_slice value)
{
	struct reader reader;

	reader_init(&reader, slice_in(value));
	return reader;
}

enum customerd_type
customerd_type(struct customerd_slice value)
{
	struct reader reader = reader_of(value);

	switch (reader_peek(&reader)) {
	case VALUE_NIL: return CUSTOMERD_NIL;
	case VALUE_BOOL: return CUSTOMERD_BOOL;
	case VALUE_INTEGER: return CUSTOMERD_INTEGER;
	case VALUE_NUMBER: return CUSTOMERD_NUMBER;
	case VALUE_TEXT: return CUSTOMERD_TEXT;
	case VALUE_ARRAY: return CUSTOMERD_LIST;
	case VALUE_MAP: return CUSTOMERD_MAP;
	case VALUE_BYTES:
	case VALUE_END:
	case VALUE_OTHER: break;
	}
	return CUSTOMERD_OTHER;
}

void
customerd_walk(struct customerd_walk *walk, struct customerd_slice value)
{
	struct reader       reader = reader_of(value);
	enum customerd_type type = customerd_type(value);

	*walk = (struct customerd_walk){ .is_map = type == CUSTOMERD_MAP };
	if (type == CUSTOMERD_MAP)
		walk->left = reader_map(&reader);
	else if (type == CUSTOMERD_LIST)
		walk->left = reader_array(&reader);
	if (reader.status != STATUS_OK)
		walk->left = 0;
	walk->rest = slice_out(slice_of(reader.at, (size_t)(reader.end - reader.at)));
}

bool
customerd_next(struct customerd_walk *walk, struct customerd_slice *key,
    struct customerd_slice *item)
{
	struct reader reader = reader_of(walk->rest);
	struct slice  name = { NULL, 0 }, value;

	if (walk->left == 0)
		return false;
	if (walk->is_map)
		name = reader_text(&reader);
	value = reader_value(&reader);
	if (reader.status != STATUS_OK) {
		walk->left = 0;
		return false;
	}
	walk->left--;
	walk->rest = slice_out(slice_of(reader.at, (size_t)(reader.end - reader.at)));
	if (key != NULL)
		*key = slice_out(name);
	if (item != NULL)
		*item = slice_out(value);
	return true;
}

/* The item of VALUE that NAME, a key or the decimal place in a list, stands for. */
static bool
find_item(
    struct customerd_slice value, struct slice name, struct customerd_slice *found)
{
	struct customerd_walk  walk;
	struct customerd_slice key, item;
	char                   digits[12];

	customerd_walk(&walk, value);
	for (uint32_t place = 0; customerd_next(&walk, &key, &item); place++) {
		struct slice here = slice_in(key);

		if (!walk.is_map) {
			char    *digit = digits + sizeof(digits);
			uint32_t left = place;

			do
				*--digit = (char)('0' + left % 10);
			while ((left /= 10) > 0);
			here =
			    slice_of(digit, (size_t)(digits + sizeof(digits) - digit));
		}
		if (slice_equal(here, name)) {
			*found = item;
			return true;
		}
	}
	return false;
}

bool
customerd_get(
    struct customerd_slice value, const char *path, struct customerd_slice *found)
{
	while (*path != '\0') {
		size_t len = strcspn(path, ".");

		if (!find_item(value, slice_of(path, len), &value))
			return false;
		path += len;
		if (*path == '.')
			path++;
	}
	if (value.len == 0)
		return false;
	*found = value;
	return true;
}

/* A reader at PATH in VALUE, where something of TYPE must be. */
static bool
reader_at(struct reader *reader, struct customerd_slice value, const char *path,
    enum customerd_type type)
{
	if (!customerd_get(value, path, &value) || customerd_type(value) != type)
		return false;
	*reader = reader_of(value);
	return true;
}

bool
customerd_get_text(
    struct customerd_slice value, const char *path, struct customerd_slice *text)
{
	struct reader reader;
	struct slice  found;

	if (!reader_at(&reader, value, path, CUSTOMERD_TEXT))
		return false;
	found = reader_text(&reader);
	if (reader.status != STATUS_OK)
		return false;
	*text = slice_out(found);
	return true;
}

bool
customerd_get_integer(struct customerd_slice value, const char *path, int64_t *integer)
{
	struct reader reader;
	int64_t       found;

	if (!reader_at(&reader, value, path, CUSTOMERD_INTEGER) ||
	    !reader_integer(&reader, &found) || reader.status != STATUS_OK)
		return false;
	*integer = found;
	return true;
}

bool
customerd_get_number(struct customerd_slice value, const char *path, double *number)
{
	struct reader reader;
	double        found;

	if (!reader_at(&reader, value, path, CUSTOMERD_NUMBER) &&
	    !reader_at(&reader, value, path, CUSTOMERD_INTEGER))
		return false;
	found = reader_number(&reader);
	if (reader.status != STATUS_OK)
		return false;
	*number = found;
	return true;
}

bool
customerd_get_bool(struct customerd_slice value, const char *path, bool *is_true)
{
	struct reader reader;
	bool          found;

	if (!reader_at(&reader, value, path, CUSTOMERD_BOOL))
		return false;
	found = reader_bool(&reader);
	if (reader.status != STATUS_OK)
		return false;
	*is_true = found;
	return true;
}
