#include <stdio.h>
#include <stdlib.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "tools/rest/json.h"

/* ---- memory ---- */

static struct arena *home; /* of what jansson makes now; NULL: the heap */

static void *
take(size_t size)
{
	return home != NULL ? arena_alloc(home, size) : malloc(size);
}

static void
give_back(void *memory)
{
	if (home == NULL)
		free(memory);
}

void
json_home(struct arena *arena)
{
	json_set_alloc_funcs(take, give_back);
	home = arena;
}

/* ---- reading ---- */

/* jansson goes down 2,048 levels on its stack, so depth is bounded before. */
static bool
is_too_deep(struct slice text, size_t *offset)
{
	unsigned depth = 0;
	bool     in_text = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (in_text) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_text = false;
		} else if (c == '"') {
			in_text = true;
		} else if (c == '{' || c == '[') {
			*offset = i;
			if (++depth > JSON_DEPTH_MAX)
				return true;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

static void
locate(struct json_problem *problem, struct slice text, size_t offset)
{
	problem->offset = offset < text.len ? offset : text.len;
	problem->line = problem->column = 1;
	for (size_t i = 0; i < problem->offset; i++) {
		problem->column++;
		if (text.data[i] == '\n') {
			problem->line++;
			problem->column = 1;
		}
	}
}

/* jansson reports the end of the token that did not fit; people want its begin. */
static size_t
token_begin(struct slice text, size_t end)
{
	while (end > 0 && end <= text.len &&
	       strchr(" \t\r\n:,[{", text.data[end - 1]) == NULL)
		end--;
	return end;
}

/*
 * jansson's words, and those of Python's reader, which many programmers know.  The
 * text itself is never repeated: nobody knows what is in it.
 */
static const char *
words_for(const char *said)
{
	// clang-format off
	static const struct {
		const char *begin, *words;
	} rows[] = {
		{ "end of file expected",   "Extra data" },
		{ "string or '}' expected", "Expecting property name enclosed in double quotes" },
		{ "':' expected",           "Expecting ':' delimiter" },
		{ "'}' expected",           "Expecting ',' delimiter" },
		{ "']' expected",           "Expecting ',' delimiter" },
		{ "duplicate object key",   "Duplicate key" },
		{ "premature end",          "Unterminated value" },
		{ "unable to decode",       "Invalid UTF-8" },
		{ "control character",      "Invalid control character" },
		{ "\\u0000 is not",         "Invalid NUL character" },
		{ "invalid Unicode",        "Invalid \\uXXXX escape" },
		{ "invalid escape",         "Invalid \\escape" },
	};
	// clang-format on

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strncmp(said, rows[i].begin, strlen(rows[i].begin)) == 0)
			return rows[i].words;
	return "Expecting value";
}

static json_t *
parse(struct slice text, struct json_problem *problem)
{
	json_error_t error;
	json_t      *value;
	size_t       offset = 0;

	if (is_too_deep(text, &offset)) {
		snprintf(problem->what, sizeof(problem->what), "Nested too deeply");
		locate(problem, text, offset);
		return NULL;
	}
	value = json_loadb(text.data != NULL ? text.data : "", text.len,
	    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (value == NULL) {
		snprintf(
		    problem->what, sizeof(problem->what), "%s", words_for(error.text));
		offset = error.position > 0 ? (size_t)error.position : 0;
		locate(problem, text, token_begin(text, offset));
	}
	return value;
}

json_t *
json_read(struct slice text, struct json_problem *problem)
{
	json_t     *value;
	const char *nul = text.len > 0 ? memchr(text.data, '\0', text.len) : NULL;

	*problem = (struct json_problem){ .line = 1, .column = 1 };
	value = parse(text, problem);
	/* jansson takes a NUL behind the value for the end. */
	if (value == NULL || nul == NULL)
		return value;
	json_decref(value);
	snprintf(problem->what, sizeof(problem->what), "Extra data");
	locate(problem, text, (size_t)(nul - text.data));
	return NULL;
}

/* ---- walking ---- */

unsigned
json_depth(const json_t *value)
{
	/* jansson's walk wants an object that it could change, and does not. */
	json_t     *walked = (json_t *)(uintptr_t)value;
	unsigned    deepest = 0, depth;
	const char *key;
	json_t     *inner;
	size_t      i;

	if (!json_is_object(value) && !json_is_array(value))
		return 0;
	json_object_foreach (walked, key, inner) {
		depth = json_depth(inner);
		deepest = depth > deepest ? depth : deepest;
	}
	json_array_foreach (walked, i, inner) {
		depth = json_depth(inner);
		deepest = depth > deepest ? depth : deepest;
	}
	return deepest + 1;
}

struct slice
json_slice(const json_t *value)
{
	return slice_of(json_string_value(value), json_string_length(value));
}

static bool
pack_object(struct buf *buf, const json_t *object)
{
	/* jansson's walk wants an object that it could change, and does not. */
	json_t     *walked = (json_t *)(uintptr_t)object;
	const char *key;
	json_t     *value;
	bool        fits = true;

	pack_map(buf, (uint32_t)json_object_size(object));
	json_object_foreach (walked, key, value) {
		pack_text(buf, slice_text(key));
		fits = json_to_wire(buf, value) && fits;
	}
	return fits;
}

static bool
pack_list(struct buf *buf, const json_t *list)
{
	size_t count = json_array_size(list);
	bool   fits = true;

	pack_array(buf, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		fits = json_to_wire(buf, json_array_get(list, i)) && fits;
	return fits;
}

bool
json_to_wire(struct buf *buf, const json_t *value)
{
	json_int_t integer;

	switch (json_typeof(value)) {
	case JSON_OBJECT: return pack_object(buf, value);
	case JSON_ARRAY: return pack_list(buf, value);
	case JSON_STRING: pack_text(buf, json_slice(value)); return true;
	case JSON_INTEGER:
		integer = json_integer_value(value);
		pack_integer(buf, integer);
		return integer <= INTEGER_MAX && integer >= -INTEGER_MAX;
	case JSON_REAL: pack_number(buf, json_real_value(value)); return true;
	case JSON_TRUE: pack_bool(buf, true); return true;
	case JSON_FALSE: pack_bool(buf, false); return true;
	case JSON_NULL: break;
	}
	pack_nil(buf);
	return true;
}
