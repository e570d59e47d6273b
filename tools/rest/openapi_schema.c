/*
 * The schemas of fields.  A schema for answers promises less than one for requests:
 * a bound of a format's own holds for what comes through that format only, and an
 * empty text stands for a field without a value.
 */

#include <assert.h>

#include "tools/rest/codec.h"
#include "tools/rest/meaning.h"
#include "tools/rest/openapi.h"

json_t *
must_json(json_t *value)
{
	assert(value != NULL);
	return value;
}

void
must_set(json_t *object, const char *key, json_t *value)
{
	int failed = json_object_set_new(object, key, must_json(value));

	assert(failed == 0);
}

void
must_append(json_t *array, json_t *value)
{
	int failed = json_array_append_new(array, must_json(value));

	assert(failed == 0);
}

static const char *
type_of_kind(enum field_kind kind)
{
	switch (kind) {
	case FIELD_BOOL: return "boolean";
	case FIELD_INTEGER:
	case FIELD_TIME: return "integer";
	case FIELD_NUMBER: return "number";
	case FIELD_MAP:
	case FIELD_OBJECT:
	case FIELD_PATCH: return "object";
	case FIELD_SCALARS: return "string number array";
	case FIELD_OBJECTS:
	case FIELD_LINES:
	case FIELD_TAGS:
	case FIELD_WORDS:
	case FIELD_LANGUAGES:
	case FIELD_INTEGERS:
	case FIELD_PATCHES: return "array";
	default: return "string";
	}
}

/* Of what always has the same value. */
static const char *
type_of_json(const char *text)
{
	switch (text[0]) {
	case '{': return "object";
	case '[': return "array";
	case '"': return "string";
	case 't':
	case 'f': return "boolean";
	default: return "integer";
	}
}

static const char *
type_of(const struct mapping *row, const struct field *field)
{
	if (row->codec->type != NULL)
		return row->codec->type;
	if (field != NULL)
		return type_of_kind(field->kind);
	assert(row->absent != NULL);
	return type_of_json(row->absent);
}

static bool
takes_null(const struct mapping *row, enum openapi_use use)
{
	if (use == OPENAPI_ANSWER)
		return row->absent != NULL && strcmp(row->absent, "null") == 0;
	return (row->flags & MAP_NOT_NULL) == 0;
}

/* "string", or a list of the words and "null". */
static void
set_type(json_t *schema, const char *words, bool has_null)
{
	json_t *types = must_json(json_array());

	while (*words != '\0') {
		size_t len = strcspn(words, " ");

		must_append(types, json_stringn(words, len));
		words += len + (words[len] == ' ');
	}
	if (has_null)
		must_append(types, json_string("null"));
	if (json_array_size(types) > 1) {
		must_set(schema, "type", types);
		return;
	}
	must_set(schema, "type", json_incref(json_array_get(types, 0)));
	json_decref(types);
}

static bool
counts_characters(enum field_kind kind)
{
	return kind == FIELD_LINE || kind == FIELD_TEXT || kind == FIELD_EMAIL ||
	       kind == FIELD_UID || kind == FIELD_COUNTRY || kind == FIELD_LANGUAGE ||
	       kind == FIELD_TAG;
}

static void
set_bounds(json_t *schema, const char *min_key, const char *max_key, int64_t min,
    int64_t max, enum openapi_use use)
{
	if (use != OPENAPI_ANSWER && min != 0)
		must_set(schema, min_key, json_integer(min));
	if (max != 0)
		must_set(schema, max_key, json_integer(max));
}

/* The format's own bounds, where it has any, come before the record's. */
static void
bound(json_t *schema, const struct mapping *row, const struct field *field,
    const char *type, enum openapi_use use)
{
	bool    is_own = use != OPENAPI_ANSWER;
	int64_t min = is_own ? row->min : 0, max = is_own ? row->max : 0;
	bool    is_text = strcmp(type, "string") == 0;
	bool    is_number =
	    strncmp(type, "integer", 7) == 0 || strcmp(type, "number") == 0;

	if (is_text && row->codec->format == NULL) {
		if (field != NULL && counts_characters(field->kind)) {
			min = min != 0 ? min : field->min;
			max = max != 0 ? max : field->max;
		}
		set_bounds(schema, "minLength", "maxLength", min, max, use);
	} else if (is_number) {
		if (field != NULL &&
		    (field->kind == FIELD_INTEGER || field->kind == FIELD_NUMBER)) {
			min = min != 0 || row->codec == &as_positive ? min : field->min;
			max = max != 0 ? max : field->max;
		}
		set_bounds(schema, "minimum", "maximum", min, max, use);
		if (use != OPENAPI_ANSWER && min == 0)
			must_set(schema, "minimum", json_integer(0));
	} else if (strcmp(type, "array") == 0 && field != NULL) {
		set_bounds(schema, "minItems", "maxItems", field->min, field->max, use);
	}
}

static json_t *
words_of(const struct field *field, bool has_null)
{
	json_t *words = must_json(json_array());

	for (const char *const *word = field->words; *word != NULL; word++)
		must_append(words, json_string(*word));
	if (has_null)
		must_append(words, json_null());
	return words;
}

/* What is inside of an object or a list.  In a change, too, that is always whole. */
static void
set_inside(json_t *schema, const struct mapping *row, const struct field *field,
    enum openapi_use use)
{
	enum openapi_use inner = use == OPENAPI_CHANGE ? OPENAPI_NEW : use;
	json_t          *inside = NULL;

	if (row->nested != NULL)
		inside = openapi_object(row->nested->fields, row->nested->shape, inner);
	if (inside != NULL && field != NULL && field->kind == FIELD_OBJECTS)
		must_set(schema, "items", inside);
	else if (inside != NULL)
		must_set(schema, "properties",
		    json_incref(json_object_get(inside, "properties")));
	if (inside != NULL && (field == NULL || field->kind != FIELD_OBJECTS)) {
		if (json_object_get(inside, "required") != NULL)
			must_set(schema, "required",
			    json_incref(json_object_get(inside, "required")));
		json_decref(inside);
	}
	if (field != NULL && field->kind == FIELD_INTEGERS)
		must_set(
		    schema, "items", must_json(json_pack("{s:s}", "type", "integer")));
}

json_t *
openapi_value(
    const struct mapping *row, const struct shape *shape, enum openapi_use use)
{
	const struct field *field =
	    row->field != FIELD_NONE ? &shape->fields[row->field] : NULL;
	const char *type = type_of(row, field);
	const char *meaning = meaning_of(row, shape);
	bool        has_null = takes_null(row, use);
	json_t     *schema = must_json(json_object());

	set_type(schema, type, has_null);
	if (meaning[0] != '\0')
		must_set(schema, "description", json_string(meaning));
	if (row->codec->format != NULL)
		must_set(schema, "format", json_string(row->codec->format));
	if (use == OPENAPI_ANSWER && (row->flags & MAP_READ_ONLY) != 0)
		must_set(schema, "readOnly", json_true());
	if (use != OPENAPI_ANSWER && (row->flags & MAP_WRITE_ONLY) != 0)
		must_set(schema, "writeOnly", json_true());
	if (field != NULL && field->kind == FIELD_WORD)
		must_set(schema, "enum", words_of(field, has_null));
	bound(schema, row, field, type, use);
	set_inside(schema, row, field, use);
	return schema;
}

json_t *
openapi_object(
    const struct mapping *rows, const struct shape *shape, enum openapi_use use)
{
	unsigned hidden = use == OPENAPI_ANSWER ? MAP_WRITE_ONLY : MAP_READ_ONLY;
	json_t  *properties = must_json(json_object());
	json_t  *required = must_json(json_array());
	json_t  *schema = must_json(json_object());

	for (const struct mapping *row = rows; row->name != NULL; row++) {
		if ((row->flags & hidden) != 0)
			continue;
		must_set(properties, row->name, openapi_value(row, shape, use));
		if (use == OPENAPI_NEW && (row->flags & MAP_REQUIRED) != 0)
			must_append(required, json_string(row->name));
	}
	must_set(schema, "type", json_string("object"));
	must_set(schema, "properties", properties);
	if (json_array_size(required) > 0)
		must_set(schema, "required", required);
	else
		json_decref(required);
	return schema;
}
