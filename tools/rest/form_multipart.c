/*
 * multipart/form-data, RFC 7578: parts between lines that the client has chosen.
 *
 * Strict: nothing before the first of these lines nor behind the last, line ends of
 * CR and LF, one Content-Disposition in each part, no transfer codings.
 */

#include <strings.h>

#include "server/base/arena.h"
#include "tools/rest/form.h"

#define BOUNDARY_BYTES_MAX 70u
#define PARTS_MAX 64u
#define PART_HEAD_BYTES_MAX 1024u

/* What is left of a body, and the line between its parts. */
struct parts_reader {
	struct slice left;
	struct slice line; /* CR, LF, "--", the boundary */
	const char  *why;  /* what is wrong, or NULL */
};

/* What a part says of itself. */
struct part {
	struct slice name;
	struct slice value;
	bool         is_file, is_nothing; /* a field for files, and none was chosen */
};

static bool
fail(struct parts_reader *reader, const char *why)
{
	reader->why = why;
	return false;
}

/* Cut LEN bytes off the front of TEXT. */
static struct slice
cut(struct slice *text, size_t len)
{
	struct slice front = slice_of(text->data, len);

	*text = slice_of(text->data + len, text->len - len);
	return front;
}

static bool
begins_with(struct slice text, struct slice front)
{
	return text.len >= front.len && memcmp(text.data, front.data, front.len) == 0;
}

static bool
skip(struct slice *text, struct slice front)
{
	if (!begins_with(*text, front))
		return false;
	cut(text, front.len);
	return true;
}

/* Cut off all up to MARK, and MARK; false when it is not there. */
static bool
cut_until(struct slice *text, struct slice mark, struct slice *front)
{
	const char *found =
	    text->len > 0 ? memmem(text->data, text->len, mark.data, mark.len) : NULL;

	if (found == NULL)
		return false;
	*front = cut(text, (size_t)(found - text->data));
	cut(text, mark.len);
	return true;
}

static struct slice
trim(struct slice text)
{
	while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
		cut(&text, 1);
	while (text.len > 0 &&
	       (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/*
 * The next parameter of a header's value, `; name="value"`, without its quotes.  False
 * at the end, and where it is malformed: then something is left.
 */
static bool
next_parameter(struct slice *text, struct slice *name, struct slice *value)
{
	struct slice rest = trim(*text);
	size_t       len = 0;

	if (!skip(&rest, SLICE(";")))
		return false;
	rest = trim(rest);
	if (!cut_until(&rest, SLICE("="), name))
		return false;
	if (skip(&rest, SLICE("\""))) {
		if (!cut_until(&rest, SLICE("\""), value))
			return false;
	} else {
		while (len < rest.len && strchr("; \t\"", rest.data[len]) == NULL)
			len++;
		*value = cut(&rest, len);
	}
	*text = trim(rest);
	return true;
}

/* Whether TEXT is WORD, whatever its case. */
static bool
is_word(struct slice text, struct slice word)
{
	return text.len == word.len && strncasecmp(text.data, word.data, word.len) == 0;
}

static bool
take_boundary(struct parts_reader *reader, struct slice type, struct arena *arena)
{
	const char  *semicolon = memchr(type.data, ';', type.len);
	struct slice name, value, boundary = { NULL, 0 };
	char        *line = arena_alloc(arena, BOUNDARY_BYTES_MAX + 4);

	if (semicolon != NULL)
		cut(&type, (size_t)(semicolon - type.data));
	while (semicolon != NULL && next_parameter(&type, &name, &value))
		if (is_word(name, SLICE("boundary")))
			boundary = value;
	if (boundary.len == 0 || boundary.len > BOUNDARY_BYTES_MAX)
		return fail(reader, "Invalid boundary in multipart");
	if (line == NULL)
		return fail(reader, "no memory");
	memcpy(line, "\r\n--", 4);
	memcpy(line + 4, boundary.data, boundary.len);
	reader->line = slice_of(line, boundary.len + 4);
	return true;
}

static bool
read_disposition(struct parts_reader *reader, struct part *part, struct slice value)
{
	struct slice name, text;

	if (!skip(&value, SLICE("form-data")) || part->name.data != NULL)
		return fail(reader, "Invalid Content-Disposition");
	while (next_parameter(&value, &name, &text)) {
		if (is_word(name, SLICE("name")))
			part->name = text;
		if (!is_word(name, SLICE("filename")))
			continue;
		part->is_file = true;
		part->is_nothing = text.len == 0;
	}
	if (value.len > 0 || part->name.len == 0)
		return fail(reader, "Invalid Content-Disposition");
	return true;
}

static bool
read_head(struct parts_reader *reader, struct part *part, struct slice head)
{
	struct slice line, name;

	while (head.len > 0) {
		if (!cut_until(&head, SLICE("\r\n"), &line) ||
		    !cut_until(&line, SLICE(":"), &name))
			return fail(reader, "Invalid header of a part");
		if (is_word(name, SLICE("Content-Disposition")) &&
		    !read_disposition(reader, part, trim(line)))
			return false;
		if (is_word(name, SLICE("Content-Transfer-Encoding")))
			return fail(reader, "A part has a transfer coding");
	}
	return part->name.len > 0 || fail(reader, "A part has no name");
}

/* The next part; false at the end, and when something is wrong. */
static bool
next_part(struct parts_reader *reader, struct part *part)
{
	struct slice head;

	if (skip(&reader->left, SLICE("--"))) {
		skip(&reader->left, SLICE("\r\n"));
		return reader->left.len > 0 && fail(reader, "Data behind the end");
	}
	*part = (struct part){ .is_file = false };
	if (!skip(&reader->left, SLICE("\r\n")) ||
	    !cut_until(&reader->left, SLICE("\r\n\r\n"), &head) ||
	    head.len > PART_HEAD_BYTES_MAX)
		return fail(reader, "Invalid header of a part");
	head.len += 2; /* so that each line ends alike */
	return read_head(reader, part, head) &&
	       (cut_until(&reader->left, reader->line, &part->value) ||
		   fail(reader, "The end is missing"));
}

/* Set PART in OBJECT.  What a file is read as fits no field. */
static bool
keep(struct parts_reader *reader, json_t *object, const struct part *part,
    struct arena *arena)
{
	char   *name = arena_text(arena, part->name);
	json_t *value = part->is_file ? json_true()
				      : json_stringn(part->value.data, part->value.len);

	if (part->is_nothing)
		return true;
	if (memchr(part->name.data, '\0', part->name.len) != NULL ||
	    (part->value.len > 0 &&
		memchr(part->value.data, '\0', part->value.len) != NULL)) {
		json_decref(value);
		value = NULL;
	}
	if (name == NULL || value == NULL)
		return fail(reader, "A part is no text in UTF-8");
	return form_set(object, name, value) || fail(reader, "A name comes twice");
}

json_t *
form_read_multipart(
    struct slice text, struct slice type, struct arena *arena, const char **why)
{
	struct parts_reader reader = { .left = text };
	struct part         part;
	json_t             *object = json_object();
	unsigned            count = 0;

	if (object == NULL || !take_boundary(&reader, type, arena)) {
		*why = reader.why != NULL ? reader.why : "no memory";
		json_decref(object);
		return NULL;
	}
	/* The first line has none before it. */
	if (!skip(&reader.left, slice_of(reader.line.data + 2, reader.line.len - 2)))
		reader.why = "The boundary is missing";
	while (reader.why == NULL && next_part(&reader, &part)) {
		if (++count > PARTS_MAX)
			reader.why = "Too many parts";
		else
			keep(&reader, object, &part, arena);
	}
	*why = reader.why;
	if (reader.why == NULL)
		return object;
	json_decref(object);
	return NULL;
}
