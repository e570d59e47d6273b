#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/limits.h"
#include "tools/ctl/typed.h"
#include "tools/ctl/when.h"

static json_t *
refuse(char why[JSON_WHY_BYTES], const char *reason)
{
	snprintf(why, JSON_WHY_BYTES, "%s", reason);
	return NULL;
}

static json_t *
integer_value(const char *text, char why[JSON_WHY_BYTES])
{
	char     *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || value > INTEGER_MAX ||
	    value < -INTEGER_MAX)
		return refuse(why, "is a whole number, within 2^53");
	return json_integer(value);
}

static json_t *
time_value(const char *text, char why[JSON_WHY_BYTES])
{
	int64_t time_ms;

	if (!when_parse(text, &time_ms))
		return refuse(why, "is a time: 2030-12-31, 2030-12-31T23:59:59Z, 30d, "
				   "or milliseconds since 1970");
	return json_integer(time_ms);
}

static json_t *
bool_value(const char *text, char why[JSON_WHY_BYTES])
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return refuse(why, "is true or false");
	return json_boolean(text[0] == 't');
}

static json_t *
text_value(const char *text, char why[JSON_WHY_BYTES])
{
	json_t *value = json_string(text);

	return value != NULL ? value : refuse(why, "is no valid UTF-8");
}

static json_t *
json_value(const char *text, char why[JSON_WHY_BYTES])
{
	json_error_t error;
	json_t      *value =
	    json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);

	if (value == NULL)
		snprintf(why, JSON_WHY_BYTES, "is JSON: %s, at column %d", error.text,
		    error.column);
	return value;
}

static json_t *
number_value(const char *text, char why[JSON_WHY_BYTES])
{
	json_t *value = json_value(text, why);

	if (json_is_number(value))
		return value;
	json_decref(value);
	return refuse(why, "is a number");
}

static json_t *
word_value(const struct field *field, const char *text, char why[JSON_WHY_BYTES])
{
	size_t len;

	for (unsigned i = 0; field->words[i] != NULL; i++)
		if (strcmp(field->words[i], text) == 0)
			return json_string(text);
	len = (size_t)snprintf(why, JSON_WHY_BYTES, "is one of");
	for (unsigned i = 0; field->words[i] != NULL && len < JSON_WHY_BYTES; i++)
		len += (size_t)snprintf(why + len, JSON_WHY_BYTES - len, "%s %s",
		    i == 0 ? ":" : ",", field->words[i]);
	return NULL;
}

static json_t *
item_value(const struct field *field, const char *text, char why[JSON_WHY_BYTES])
{
	if (field->kind == FIELD_INTEGERS)
		return integer_value(text, why);
	if (field->kind == FIELD_WORDS)
		return word_value(field, text, why);
	return text_value(text, why);
}

static json_t *
list_value(const struct field *field, const char *text, char why[JSON_WHY_BYTES])
{
	json_t *list = json_array(), *item;
	char   *copy = strdup(text), *rest = copy, *one;

	if (copy == NULL)
		goto failed;
	while ((one = strsep(&rest, ",")) != NULL) {
		one += strspn(one, " ");
		if (*one == '\0')
			continue;
		item = item_value(field, one, why);
		if (item == NULL || json_array_append_new(list, item) != 0)
			goto failed;
	}
	free(copy);
	return list;

failed:
	free(copy);
	json_decref(list);
	return NULL;
}

json_t *
typed_value(const struct field *field, const char *text, char why[JSON_WHY_BYTES])
{
	switch (field->kind) {
	case FIELD_INTEGER: return integer_value(text, why);
	case FIELD_TIME: return time_value(text, why);
	case FIELD_BOOL: return bool_value(text, why);
	case FIELD_NUMBER: return number_value(text, why);
	case FIELD_WORD: return word_value(field, text, why);
	case FIELD_LINES:
	case FIELD_TAGS:
	case FIELD_WORDS:
	case FIELD_LANGUAGES:
	case FIELD_INTEGERS: return list_value(field, text, why);
	case FIELD_MAP:
	case FIELD_SCALARS:
	case FIELD_OBJECT:
	case FIELD_OBJECTS:
	case FIELD_PATCH:
	case FIELD_PATCHES: return json_value(text, why);
	default: return text_value(text, why);
	}
}

/* The items of LIST with commas; NULL when they are not all plain. */
static char *
list_text(const json_t *list)
{
	char  *text = NULL;
	size_t size, count = json_array_size(list);
	FILE  *stream = open_memstream(&text, &size);

	if (stream == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(list, i);

		if (i > 0)
			fputc(',', stream);
		if (json_is_string(item))
			fputs(json_string_value(item), stream);
		else
			json_dumpf(item, stream, JSON_ENCODE_ANY | JSON_COMPACT);
	}
	fclose(stream);
	return text;
}

static bool
is_plain_list(const json_t *value)
{
	size_t count = json_array_size(value);

	for (size_t i = 0; i < count; i++)
		if (json_is_object(json_array_get(value, i)) ||
		    json_is_array(json_array_get(value, i)))
			return false;
	return json_is_array(value);
}

char *
typed_text(const struct field *field, const json_t *value)
{
	char when[WHEN_BYTES];

	if (value == NULL || json_is_null(value))
		return strdup("");
	if (json_is_string(value) && (field == NULL || field->kind != FIELD_SCALARS))
		return strdup(json_string_value(value));
	if (json_is_integer(value) && field != NULL && field->kind == FIELD_TIME &&
	    when_print(when, json_integer_value(value)))
		return strdup(when);
	if (is_plain_list(value) && (field == NULL || field->kind != FIELD_SCALARS))
		return list_text(value);
	return json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}

/* ---- paths ---- */

#define NAME_MAX_BYTES 64u

/* How many letters must be added, dropped or changed between A and B. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_BYTES], len = strlen(b);

	if (len >= NAME_MAX_BYTES)
		return SIZE_MAX;
	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < len; j++) {
			size_t best = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			if (diagonal + 1 < best)
				best = diagonal + 1;
			if (row[j] + 1 < best)
				best = row[j] + 1;
			row[j + 1] = best;
		}
	}
	return row[len];
}

/* Say that SHAPE has no NAME, and what is near. */
static const struct field *
refuse_name(const struct shape *shape, const char *name, char why[JSON_WHY_BYTES])
{
	const struct field *nearest = NULL;
	size_t              nearest_by = 4, by;

	for (unsigned i = 0; i < shape->count; i++) {
		by = distance(name, shape->fields[i].key);
		if (by < nearest_by && by < strlen(name)) {
			nearest_by = by;
			nearest = &shape->fields[i];
		}
	}
	snprintf(why, JSON_WHY_BYTES,
	    nearest == NULL ? "a %s has no field \"%s\""
			    : "a %s has no field \"%s\"; perhaps \"%s\"?",
	    shape->name, name, nearest == NULL ? "" : nearest->key);
	return NULL;
}

const struct field *
typed_find(const struct shape *shape, const char *path, char why[JSON_WHY_BYTES])
{
	const struct field *field = NULL;
	char                name[NAME_MAX_BYTES];
	const char         *rest = path;
	int                 place;

	while (rest != NULL) {
		size_t len = strcspn(rest, ".");

		snprintf(name, sizeof(name), "%.*s", (int)len, rest);
		rest = rest[len] == '.' ? rest + len + 1 : NULL;
		place = shape_find(shape, slice_text(name), 0);
		if (place < 0)
			return refuse_name(shape, name, why);
		field = &shape->fields[place];
		if (rest == NULL || field->kind == FIELD_MAP)
			return field;
		shape = field->shape;
		if (field->kind != FIELD_OBJECT) {
			snprintf(why, JSON_WHY_BYTES,
			    "nothing below \"%s\" can be named", name);
			return NULL;
		}
	}
	return field;
}

bool
typed_put(json_t *object, const char *path, json_t *value)
{
	const char *dot;
	json_t     *inner;

	while ((dot = strchr(path, '.')) != NULL) {
		size_t len = (size_t)(dot - path);

		inner = json_object_getn(object, path, len);
		if (!json_is_object(inner)) {
			inner = json_object();
			if (json_object_setn_new(object, path, len, inner) != 0)
				break;
		}
		object = inner;
		path = dot + 1;
	}
	return json_object_set_new(object, path, value) == 0;
}

json_t *
typed_get(json_t *object, const char *path)
{
	const char *dot;

	while ((dot = strchr(path, '.')) != NULL) {
		object = json_object_getn(object, path, (size_t)(dot - path));
		path = dot + 1;
	}
	return json_object_get(object, path);
}
