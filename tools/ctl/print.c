#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utf8proc.h>

#include "client/customerd.h"
#include "tools/ctl/print.h"
#include "tools/ctl/typed.h"

#define COLUMNS_MAX 64u
#define CELL_BYTES 1024u
#define CELL_WIDTH_MAX 48 /* on a terminal */

const char *
print_style(FILE *stream, enum style style)
{
	static const char *const escapes[] = { "\033[0m", "\033[1m", "\033[36m" };
	const char              *no_color = getenv("NO_COLOR");
	const char              *term = getenv("TERM");

	if (!isatty(fileno(stream)) || (no_color != NULL && no_color[0] != '\0') ||
	    term == NULL || strcmp(term, "dumb") == 0)
		return "";
	return escapes[style];
}

/* The columns that TEXT takes on a terminal. */
static int
width_of(const char *text)
{
	utf8proc_int32_t c;
	int              width = 0;

	while (*text != '\0' &&
	       utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &c) > 0) {
		text += utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &c);
		width += utf8proc_charwidth(c);
	}
	return width;
}

static void
print_padded(const char *text, int width)
{
	int missing = width - width_of(text);

	printf("%s%*s", text, missing > 0 ? missing : 0, "");
}

/* VALUE of FIELD as one safe line. */
static void
cell_text(char cell[CELL_BYTES], const struct field *field, const json_t *value)
{
	char *text = typed_text(field, value);

	cell[0] = '\0';
	if (text != NULL)
		customerd_printable(
		    cell, CELL_BYTES, (struct customerd_slice){ text, strlen(text) });
	free(text);
}

/* ---- one record ---- */

/* What to do with each line of a record. */
struct lines {
	int  width;      /* of the widest name so far */
	bool is_printed; /* or only measured */
};

static void walk_value(
    struct lines *lines, const char *path, const struct field *field, json_t *value);

/* VALUE of FIELD as one safe line of any length. */
static void
print_value(const struct field *field, const json_t *value)
{
	char  *text = typed_text(field, value);
	size_t size = text == NULL ? 0 : strlen(text) + 1;
	char  *safe = malloc(size);

	if (text != NULL && safe != NULL) {
		customerd_printable(
		    safe, size, (struct customerd_slice){ text, size - 1 });
		fputs(safe, stdout);
	}
	free(safe);
	free(text);
}

static void
walk_line(
    struct lines *lines, const char *path, const struct field *field, json_t *value)
{
	char name[256];

	customerd_printable(
	    name, sizeof(name), (struct customerd_slice){ path, strlen(path) });
	if (!lines->is_printed) {
		if (width_of(name) > lines->width)
			lines->width = width_of(name);
		return;
	}
	fputs(print_style(stdout, STYLE_NAME), stdout);
	print_padded(name, lines->width);
	printf("%s  ", print_style(stdout, STYLE_PLAIN));
	print_value(field, value);
	putchar('\n');
}

static void
walk_object(
    struct lines *lines, const char *path, const struct shape *shape, json_t *object)
{
	char        longer[256];
	const char *key;
	json_t     *value;

	json_object_foreach (object, key, value) {
		int place = shape == NULL ? -1 : shape_find(shape, slice_text(key), 0);

		snprintf(longer, sizeof(longer), "%s%s%s", path,
		    path[0] == '\0' ? "" : ".", key);
		walk_value(
		    lines, longer, place < 0 ? NULL : &shape->fields[place], value);
	}
}

static void
walk_value(
    struct lines *lines, const char *path, const struct field *field, json_t *value)
{
	char    longer[256];
	size_t  i;
	json_t *item;

	if (json_is_object(value) && json_object_size(value) > 0) {
		walk_object(lines, path, field == NULL ? NULL : field->shape, value);
		return;
	}
	if (!json_is_object(json_array_get(value, 0))) {
		walk_line(lines, path, field, value);
		return;
	}
	json_array_foreach (value, i, item) {
		snprintf(longer, sizeof(longer), "%s.%zu", path, i);
		walk_value(lines, longer, field, item);
	}
}

void
print_record(const struct shape *shape, json_t *record)
{
	struct lines lines = { .width = 0 };

	walk_object(&lines, "", shape, record);
	lines.is_printed = true;
	walk_object(&lines, "", shape, record);
}

/* ---- many ---- */

struct column {
	const char         *name;
	const struct field *field;
	int                 width;
};

/* Split NAMES, which is written into, at its commas. */
static unsigned
split_columns(
    struct column columns[COLUMNS_MAX], const struct shape *shape, char *names)
{
	char     why[JSON_WHY_BYTES];
	unsigned count = 0;
	char    *name;

	while (count < COLUMNS_MAX && (name = strsep(&names, ",")) != NULL)
		if (*name != '\0')
			columns[count++] = (struct column){ .name = name,
				.field =
				    shape == NULL ? NULL : typed_find(shape, name, why),
				.width = width_of(name) };
	return count;
}

/* Cut TEXT to what a table has room for. */
static void
cut_cell(char *text)
{
	utf8proc_int32_t c;
	int              width = 0;

	if (!isatty(STDOUT_FILENO) || width_of(text) <= CELL_WIDTH_MAX)
		return;
	for (; width < CELL_WIDTH_MAX - 1; width += utf8proc_charwidth(c))
		text += utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &c);
	strcpy(text, "~");
}

static void
print_row(const struct column columns[], unsigned count, json_t *item)
{
	char cell[CELL_BYTES];

	for (unsigned i = 0; i < count; i++) {
		cell_text(cell, columns[i].field, typed_get(item, columns[i].name));
		cut_cell(cell);
		if (i + 1 == count)
			printf("%s\n", cell);
		else
			print_padded(cell, columns[i].width + 2);
	}
}

static void
measure(struct column columns[], unsigned count, json_t *items)
{
	char    cell[CELL_BYTES];
	size_t  i;
	json_t *item;

	json_array_foreach (items, i, item) {
		for (unsigned k = 0; k < count; k++) {
			cell_text(
			    cell, columns[k].field, typed_get(item, columns[k].name));
			cut_cell(cell);
			if (width_of(cell) > columns[k].width)
				columns[k].width = width_of(cell);
		}
	}
}

void
print_table(const struct shape *shape, json_t *items, const char *names)
{
	struct column columns[COLUMNS_MAX];
	char         *copy = strdup(names);
	unsigned      count = copy == NULL ? 0 : split_columns(columns, shape, copy);
	size_t        i;
	json_t       *item;

	measure(columns, count, items);
	printf("%s", print_style(stdout, STYLE_HEAD));
	for (unsigned k = 0; k < count; k++)
		print_padded(
		    columns[k].name, k + 1 == count ? 0 : columns[k].width + 2);
	printf("%s\n", print_style(stdout, STYLE_PLAIN));
	json_array_foreach (items, i, item)
		print_row(columns, count, item);
	free(copy);
}

json_t *
print_pick(json_t *record, const char *names)
{
	json_t *picked = json_object(), *value;
	char   *copy = strdup(names), *rest = copy, *name;

	while (rest != NULL && (name = strsep(&rest, ",")) != NULL) {
		value = *name == '\0' ? NULL : typed_get(record, name);
		if (value != NULL)
			typed_put(picked, name, json_incref(value));
	}
	free(copy);
	return picked;
}
