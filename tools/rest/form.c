#include "tools/rest/form.h"

#include "server/base/arena.h"

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo %XX and '+' of TEXT into a terminated text.  NULL when it is malformed. */
static char *
decode(struct slice text, struct arena *arena)
{
	char  *out = arena_text(arena, text);
	size_t len = 0;

	for (size_t i = 0; out != NULL && i < text.len; i++) {
		int value = text.data[i] == '+' ? ' ' : (unsigned char)text.data[i];

		if (value == '%') {
			if (i + 2 >= text.len || hex(text.data[i + 1]) < 0 ||
			    hex(text.data[i + 2]) < 0)
				return NULL;
			value = hex(text.data[i + 1]) * 16 + hex(text.data[i + 2]);
			i += 2;
		}
		if (value == '\0')
			return NULL;
		out[len++] = (char)value;
	}
	if (out != NULL)
		out[len] = '\0';
	return out;
}

bool
form_set(json_t *object, char *name, json_t *value)
{
	char *dot = strchr(name, '.');

	if (dot != NULL) {
		json_t *inner;

		*dot = '\0';
		inner = json_object_get(object, name);
		if (inner == NULL) {
			inner = json_object();
			json_object_set_new(object, name, inner);
		}
		object = inner;
		name = dot + 1;
	}
	if (json_is_object(object) && json_object_get(object, name) == NULL)
		return json_object_set_new(object, name, value) == 0;
	json_decref(value);
	return false;
}

static bool
read_pair(json_t *object, struct slice pair, struct arena *arena)
{
	const char  *equals = memchr(pair.data, '=', pair.len);
	size_t       len = equals != NULL ? (size_t)(equals - pair.data) : pair.len;
	struct slice rest = { NULL, 0 };
	char        *name, *value;

	if (equals != NULL)
		rest = slice_of(equals + 1, pair.len - len - 1);
	name = decode(slice_of(pair.data, len), arena);
	value = decode(rest, arena);
	return name != NULL && value != NULL &&
	       form_set(object, name, json_string(value));
}

json_t *
form_read(struct slice text, struct arena *arena)
{
	json_t *object = json_object();

	while (object != NULL && text.len > 0) {
		const char *end = memchr(text.data, '&', text.len);
		size_t      len = end != NULL ? (size_t)(end - text.data) : text.len;

		if (len > 0 && !read_pair(object, slice_of(text.data, len), arena)) {
			json_decref(object);
			return NULL;
		}
		len += end != NULL;
		text = slice_of(text.data + len, text.len - len);
	}
	return object;
}
