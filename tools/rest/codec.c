#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/reader.h"
#include "tools/rest/codec.h"
#include "tools/rest/engine.h"

/* More than the server keeps, less than a message on the wire may hold. */
#define RAW_DEPTH_MAX 7u

#define SET_BYTES_MAX ((size_t)FRAME_BYTES_MAX)

/* ---- decoding ---- */

void
decode_begin(struct decoding *in, struct work *work, bool is_create, const char *path)
{
	*in = (struct decoding){ .work = work, .is_create = is_create };
	buf_init(&in->set, SET_BYTES_MAX);
	in->set.secret = true; /* perhaps */
	buf_borrow(&in->set, &work->engine->spare_set);
	buf_init(&in->args, SET_BYTES_MAX);
	snprintf(in->path, sizeof(in->path), "%s", path);
}

void
decode_end(struct decoding *in)
{
	buf_return(&in->set, &in->work->engine->spare_set, ENGINE_BYTES_KEPT);
	buf_fini(&in->args);
}

bool
decode_refuse(struct decoding *in, enum fault fault, const struct mapping *row,
    const json_t *value)
{
	char                path[FAULT_PATH_BYTES + 64];
	struct field_fault *noted;

	snprintf(path, sizeof(path), "%s%s", in->path, row->name);
	noted = work_fault(in->work, fault, row, path);
	if (noted != NULL)
		noted->value = value;
	return false;
}

/* The canonical key of ROW within SHAPE. */
static struct slice
row_key(const struct shape *shape, const struct mapping *row)
{
	assert(row->field >= 0 && (unsigned)row->field < shape->count);
	return shape->fields[row->field].name;
}

void
decode_pair(struct decoding *in, struct slice key, const struct codec *codec,
    const struct mapping *row, const json_t *value)
{
	size_t before = in->set.len;

	pack_text(&in->set, key);
	if (json_is_null(value)) {
		pack_nil(&in->set);
	} else if (!codec->decode(in, row, value)) {
		buf_truncate(&in->set, before);
		return;
	}
	in->set_count++;
}

static void
decode_value(struct decoding *in, const struct shape *shape, const struct mapping *row,
    const json_t *value)
{
	if (row->codec->decode_pairs != NULL)
		row->codec->decode_pairs(in, row, value);
	else
		decode_pair(in, row_key(shape, row), row->codec, row, value);
}

static bool
is_required(const struct decoding *in, const struct mapping *row)
{
	if ((row->flags & MAP_STRICT) != 0 && in->work->engine->settings.strict)
		return true;
	return (row->flags & MAP_REQUIRED) != 0 && (in->is_create || in->is_nested);
}

static void
decode_rows(struct decoding *in, const struct shape *shape, const struct mapping *rows,
    const json_t *object)
{
	const json_t *outer = in->object;

	in->object = object;
	for (const struct mapping *row = rows; row->name != NULL; row++) {
		const json_t *value = json_object_get(object, row->name);

		if ((row->flags & MAP_READ_ONLY) != 0)
			continue;
		if (value == NULL) {
			if (is_required(in, row))
				decode_refuse(in, FAULT_REQUIRED, row, NULL);
		} else if (json_is_null(value) && (row->flags & MAP_NOT_NULL) != 0) {
			decode_refuse(in, FAULT_NULL_VALUE, row, value);
		} else if (!json_is_null(value) || (row->flags & MAP_NULL_KEEPS) == 0) {
			decode_value(in, shape, row, value);
		}
	}
	in->object = outer;
}

void
decode_fields(struct decoding *in, const struct mapping *rows, const json_t *object)
{
	decode_rows(in, resource_shape(in->work->route->resource), rows, object);
}

void
decode_below(struct decoding *in, const struct mapping *row, const struct mapping *rows,
    const json_t *object)
{
	size_t before = strlen(in->path);

	snprintf(in->path + before, sizeof(in->path) - before, "%s.", row->name);
	decode_fields(in, rows, object);
	in->path[before] = '\0';
}

uint32_t
decode_pack(const struct decoding *in, struct buf *buf)
{
	pack_literal(buf, "set");
	pack_map(buf, in->set_count);
	pack_raw(buf, buf_slice(&in->set));
	pack_raw(buf, buf_slice(&in->args));
	return 1 + in->args_count;
}

/* ---- encoding ---- */

static bool
is_named(const struct slice *names, unsigned count, const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (slice_equal(names[i], slice_text(name)))
			return true;
	return false;
}

bool
encode_wants(const struct encoding *in, const char *name)
{
	return in->only_count == 0 || is_named(in->only, in->only_count, name);
}

static bool
is_wanted(const struct encoding *in, const struct mapping *row)
{
	if ((row->flags & MAP_WRITE_ONLY) != 0)
		return false;
	if ((row->flags & MAP_ON_REQUEST) != 0)
		return is_named(in->with, in->with_count, row->name);
	return encode_wants(in, row->name);
}

static bool
is_absent(struct slice value)
{
	return value.len == 0 || (unsigned char)value.data[0] == 0xc0; /* nil */
}

void
encode_fields(struct out *out, const struct encoding *in, const struct mapping *rows)
{
	for (const struct mapping *row = rows; row->name != NULL; row++) {
		struct slice value = { NULL, 0 };

		if (!is_wanted(in, row))
			continue;
		if (row->field != FIELD_NONE)
			value = in->parts->field[row->field];
		if (row->field != FIELD_NONE && is_absent(value)) {
			if (row->absent == NULL)
				continue;
			out_key(out, row->name);
			out_raw(out, row->absent);
		} else {
			out_key(out, row->name);
			row->codec->encode(out, in, row, value);
		}
	}
}

const struct mapping *
mapping_find(const struct mapping *rows, const struct shape *shape, struct slice key)
{
	for (const struct mapping *row = rows; row->name != NULL; row++)
		if (row->field != FIELD_NONE && (row->flags & MAP_READ_ONLY) == 0 &&
		    slice_equal(row_key(shape, row), key))
			return row;
	return NULL;
}

/* ---- texts ---- */

/* Characters, for bounds that people count. */
static int64_t
character_count(struct slice text)
{
	int64_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
	return count;
}

static bool
put_text(struct decoding *in, const struct mapping *row, const json_t *value,
    struct slice text)
{
	int64_t count = character_count(text);

	if (count == 0 && (row->flags & MAP_NOT_BLANK) != 0)
		return decode_refuse(in, FAULT_BLANK, row, value);
	if (count < row->min)
		return decode_refuse(in, FAULT_TOO_SHORT, row, value);
	if (row->max > 0 && count > row->max)
		return decode_refuse(in, FAULT_TOO_LONG, row, value);
	pack_text(&in->set, text);
	return true;
}

static bool
decode_text(struct decoding *in, const struct mapping *row, const json_t *value)
{
	if (!json_is_string(value))
		return decode_refuse(in, FAULT_WRONG_TYPE, row, value);
	return put_text(in, row, value, json_slice(value));
}

static void
encode_value(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	(void)in;
	(void)row;
	out_value(out, value);
}

const struct codec as_text = {
	.decode = decode_text, .encode = encode_value, .type = "string"
};

static struct slice
trim(struct slice text)
{
	while (text.len > 0 && strchr(" \t\r\n", text.data[0]) != NULL)
		text = slice_of(text.data + 1, text.len - 1);
	while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]) != NULL)
		text.len--;
	return text;
}

static bool
decode_coerced(struct decoding *in, const struct mapping *row, const json_t *value)
{
	char       digits[32];
	struct out json;
	struct buf buf;
	bool       is_good;

	if (json_is_string(value))
		return put_text(in, row, value, trim(json_slice(value)));
	if (json_is_integer(value)) {
		snprintf(digits, sizeof(digits), "%lld",
		    (long long)json_integer_value(value));
		return put_text(in, row, value, slice_text(digits));
	}
	if (!json_is_real(value))
		return decode_refuse(in, FAULT_WRONG_TYPE, row, value);
	buf_init(&buf, sizeof(digits));
	json = (struct out){ .out = &buf };
	out_double(&json, json_real_value(value));
	is_good = put_text(in, row, value, buf_slice(&buf));
	buf_fini(&buf);
	return is_good;
}

const struct codec as_coerced = {
	.decode = decode_coerced, .encode = encode_value, .type = "string"
};

/* ---- numbers ---- */

/* An integer, also written as 5.0. */
static bool
take_integer(const json_t *value, int64_t *integer)
{
	double real;

	if (json_is_integer(value)) {
		*integer = json_integer_value(value);
		return *integer <= INTEGER_MAX && *integer >= -INTEGER_MAX;
	}
	if (!json_is_real(value))
		return false;
	real = json_real_value(value);
	if (!(fabs(real) <= (double)INTEGER_MAX) || (double)(int64_t)real != real)
		return false;
	*integer = (int64_t)real;
	return true;
}

static bool
decode_integer(struct decoding *in, const struct mapping *row, const json_t *value)
{
	int64_t integer;

	if (!take_integer(value, &integer))
		return decode_refuse(in, FAULT_NOT_NUMBER, row, value);
	if (integer < row->min)
		return decode_refuse(in, FAULT_TOO_SMALL, row, value);
	if (row->max > 0 && integer > row->max)
		return decode_refuse(in, FAULT_TOO_LARGE, row, value);
	pack_integer(&in->set, integer);
	return true;
}

static bool
decode_positive(struct decoding *in, const struct mapping *row, const json_t *value)
{
	int64_t integer;

	if (take_integer(value, &integer) && integer == 0) {
		pack_nil(&in->set);
		return true;
	}
	return decode_integer(in, row, value);
}

static bool
decode_number(struct decoding *in, const struct mapping *row, const json_t *value)
{
	if (!json_is_number(value))
		return decode_refuse(in, FAULT_NOT_NUMBER, row, value);
	if (json_is_integer(value))
		return decode_integer(in, row, value);
	pack_number(&in->set, json_real_value(value));
	return true;
}

static bool
decode_bool(struct decoding *in, const struct mapping *row, const json_t *value)
{
	if (!json_is_boolean(value))
		return decode_refuse(in, FAULT_WRONG_TYPE, row, value);
	pack_bool(&in->set, json_is_true(value));
	return true;
}

const struct codec as_integer = {
	.decode = decode_integer, .encode = encode_value, .type = "integer"
};
const struct codec as_positive = {
	.decode = decode_positive, .encode = encode_value, .type = "integer"
};
const struct codec as_number = {
	.decode = decode_number, .encode = encode_value, .type = "number"
};
const struct codec as_bool = {
	.decode = decode_bool, .encode = encode_value, .type = "boolean"
};

/* ---- nested values ---- */

static bool
decode_raw(struct decoding *in, const struct mapping *row, const json_t *value)
{
	if (json_depth(value) > RAW_DEPTH_MAX)
		return decode_refuse(in, FAULT_TOO_DEEP, row, value);
	if (!json_to_wire(&in->set, value))
		return decode_refuse(in, FAULT_TOO_LARGE, row, value);
	return true;
}

static bool
decode_map(struct decoding *in, const struct mapping *row, const json_t *value)
{
	if (!json_is_object(value))
		return decode_refuse(in, FAULT_NOT_OBJECT, row, value);
	return decode_raw(in, row, value);
}

/* Read VALUE with the rows of a nested shape; paths go one step down, by STEP. */
static void
decode_inner(struct decoding *in, const struct nested *nested, const json_t *value,
    const char *step)
{
	size_t   before = strlen(in->path), place;
	uint32_t outer_count = in->set_count;
	bool     outer_is_nested = in->is_nested;

	snprintf(in->path + before, sizeof(in->path) - before, "%s.", step);
	in->set_count = 0;
	in->is_nested = true;
	place = pack_map_open(&in->set);
	decode_rows(in, nested->shape, nested->fields, value);
	if (nested->append != NULL)
		in->set_count += nested->append(in, value);
	pack_map_close(&in->set, place, in->set_count);
	in->set_count = outer_count;
	in->is_nested = outer_is_nested;
	in->path[before] = '\0';
}

static bool
decode_object(struct decoding *in, const struct mapping *row, const json_t *value)
{
	if (!json_is_object(value))
		return decode_refuse(in, FAULT_NOT_OBJECT, row, value);
	decode_inner(in, row->nested, value, row->name);
	return true;
}

static bool
decode_objects(struct decoding *in, const struct mapping *row, const json_t *value)
{
	size_t count = json_array_size(value);
	char   step[FAULT_PATH_BYTES];

	if (!json_is_array(value))
		return decode_refuse(in, FAULT_NOT_LIST, row, value);
	pack_array(&in->set, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(value, i);

		if (!json_is_object(item))
			return decode_refuse(in, FAULT_NOT_OBJECT, row, item);
		snprintf(step, sizeof(step), "%s.%zu", row->name, i);
		decode_inner(in, row->nested, item, step);
	}
	return true;
}

static void
encode_object(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	const struct nested *nested = row->nested;
	struct parts         parts;
	struct encoding      inner = { .work = in->work,
		     .parts = &parts,
		     .record = in->record != NULL ? in->record : in->parts };

	parts_split(&parts, nested->shape, value);
	out_open(out, '{');
	encode_fields(out, &inner, nested->fields);
	out_close(out, '}');
}

static void
encode_objects(struct out *out, const struct encoding *in, const struct mapping *row,
    struct slice value)
{
	struct reader reader;
	uint32_t      count;

	reader_init(&reader, value);
	out_open(out, '[');
	for (count = reader_array(&reader); count > 0; count--)
		encode_object(out, in, row, reader_value(&reader));
	out_close(out, ']');
}

const struct codec as_raw = { .decode = decode_raw, .encode = encode_value };
const struct codec as_map = {
	.decode = decode_map, .encode = encode_value, .type = "object"
};
const struct codec as_object = {
	.decode = decode_object, .encode = encode_object, .type = "object"
};
const struct codec as_objects = {
	.decode = decode_objects, .encode = encode_objects, .type = "array"
};
