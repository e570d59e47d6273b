#include <math.h>
#include <stdio.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "tools/ctl/json.h"

static bool
refuse(char why[JSON_WHY_BYTES], const char *reason)
{
	snprintf(why, JSON_WHY_BYTES, "%s", reason);
	return false;
}

static bool pack_nested(
    struct buf *buf, const json_t *value, unsigned depth, char why[JSON_WHY_BYTES]);

static bool
pack_items(
    struct buf *buf, const json_t *list, unsigned depth, char why[JSON_WHY_BYTES])
{
	size_t count = json_array_size(list);

	pack_array(buf, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		if (!pack_nested(buf, json_array_get(list, i), depth, why))
			return false;
	return true;
}

static bool
pack_pairs(
    struct buf *buf, const json_t *object, unsigned depth, char why[JSON_WHY_BYTES])
{
	/* jansson's walk wants an object that it could change, and does not. */
	json_t     *walked = (json_t *)(uintptr_t)object;
	const char *key;
	json_t     *value;

	pack_map(buf, (uint32_t)json_object_size(object));
	json_object_foreach (walked, key, value) {
		pack_text(buf, slice_text(key));
		if (!pack_nested(buf, value, depth, why))
			return false;
	}
	return true;
}

static bool
pack_nested(
    struct buf *buf, const json_t *value, unsigned depth, char why[JSON_WHY_BYTES])
{
	json_int_t integer;

	if (depth > FRAME_DEPTH_MAX)
		return refuse(why, "values are nested too deeply");
	switch (json_typeof(value)) {
	case JSON_OBJECT: return pack_pairs(buf, value, depth + 1, why);
	case JSON_ARRAY: return pack_items(buf, value, depth + 1, why);
	case JSON_STRING:
		pack_text(
		    buf, slice_of(json_string_value(value), json_string_length(value)));
		return true;
	case JSON_INTEGER:
		integer = json_integer_value(value);
		if (integer > INTEGER_MAX || integer < -INTEGER_MAX)
			return refuse(why, "an integer is beyond 2^53 - 1");
		pack_integer(buf, integer);
		return true;
	case JSON_REAL: pack_number(buf, json_real_value(value)); return true;
	case JSON_TRUE: pack_bool(buf, true); return true;
	case JSON_FALSE: pack_bool(buf, false); return true;
	case JSON_NULL: break;
	}
	pack_nil(buf);
	return true;
}

bool
json_pack_value(struct buf *buf, const json_t *value, char why[JSON_WHY_BYTES])
{
	if (!pack_nested(buf, value, 1, why))
		return false;
	return !buf->failed || refuse(why, "the value is too large");
}

static json_t *unpack_nested(struct reader *reader);

static json_t *
unpack_list(struct reader *reader)
{
	json_t  *list = json_array();
	uint32_t count = reader_array(reader);

	for (; count > 0 && reader->status == STATUS_OK; count--) {
		if (json_array_append_new(list, unpack_nested(reader)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *
unpack_map(struct reader *reader)
{
	json_t  *object = json_object();
	uint32_t count = reader_map(reader);

	for (; count > 0 && reader->status == STATUS_OK; count--) {
		struct slice key = reader_text(reader);
		json_t      *value = unpack_nested(reader);

		if (json_object_setn_new(object, key.data, key.len, value) != 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *
unpack_integer(struct reader *reader)
{
	int64_t integer;

	return reader_integer(reader, &integer) ? json_integer(integer) : NULL;
}

static json_t *
unpack_text(struct reader *reader)
{
	struct slice text = reader_text(reader);

	return json_stringn(text.data, text.len);
}

/* How deep this goes was bounded by the scan of the whole message. */
static json_t *
unpack_nested(struct reader *reader)
{
	switch (reader_peek(reader)) {
	case VALUE_NIL: reader_nil(reader); return json_null();
	case VALUE_BOOL: return json_boolean(reader_bool(reader));
	case VALUE_INTEGER: return unpack_integer(reader);
	case VALUE_NUMBER: return json_real(reader_number(reader));
	case VALUE_TEXT: return unpack_text(reader);
	case VALUE_ARRAY: return unpack_list(reader);
	case VALUE_MAP: return unpack_map(reader);
	case VALUE_BYTES:
	case VALUE_OTHER:
	case VALUE_END: break;
	}
	return NULL;
}

json_t *
json_unpack_value(struct slice bytes)
{
	struct reader reader;
	json_t       *value;

	reader_init(&reader, bytes);
	value = unpack_nested(&reader);
	if (reader.status == STATUS_OK)
		return value;
	json_decref(value);
	return NULL;
}

json_t *
json_parse_object(const char *text, size_t len, char why[JSON_WHY_BYTES])
{
	json_error_t error;
	json_t      *value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);

	if (value == NULL) {
		snprintf(why, JSON_WHY_BYTES, "no valid JSON: %s, at column %d",
		    error.text, error.column);
		return NULL;
	}
	if (!json_is_object(value)) {
		refuse(why, "no JSON object");
		json_decref(value);
		return NULL;
	}
	return value;
}
