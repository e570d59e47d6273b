#include <stdlib.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/sheet.h"
#include "tools/ctl/typed.h"

static void
add(struct sheet *sheet, const char *parent, const struct field *field)
{
	char *path = NULL;

	if (sheet->count == SHEET_COLUMNS_MAX ||
	    asprintf(
		&path, "%s%s%s", parent, parent[0] == '\0' ? "" : ".", field->key) < 0)
		return;
	sheet->columns[sheet->count].path = path;
	sheet->columns[sheet->count++].field = field;
}

/* All fields that are ever answered. */
static void
add_all(struct sheet *sheet)
{
	const struct shape *shape = &record_shapes[RECORD_CUSTOMER];

	for (unsigned i = 0; i < shape->count; i++) {
		const struct field *field = &shape->fields[i];

		if ((field->flags & SECRET) != 0)
			continue;
		if (field->kind != FIELD_OBJECT)
			add(sheet, "", field);
		for (unsigned k = 0;
		     field->kind == FIELD_OBJECT && k < field->shape->count; k++)
			add(sheet, field->key, &field->shape->fields[k]);
	}
}

bool
sheet_init(struct sheet *sheet, const char *names)
{
	char                why[JSON_WHY_BYTES];
	const struct field *field;
	char               *copy, *rest, *name;
	bool                is_known = true;

	sheet->count = 0;
	if (names == NULL) {
		add_all(sheet);
		return true;
	}
	copy = rest = strdup(names);
	while (is_known && (name = strsep(&rest, ",")) != NULL) {
		field = typed_find(&record_shapes[RECORD_CUSTOMER], name, why);
		is_known = field != NULL && sheet->count < SHEET_COLUMNS_MAX;
		if (!is_known)
			break;
		sheet->columns[sheet->count].path = strdup(name);
		sheet->columns[sheet->count++].field = field;
	}
	if (!is_known)
		ctl_say("--columns: %s", why);
	free(copy);
	return is_known;
}

void
sheet_fini(struct sheet *sheet)
{
	for (unsigned i = 0; i < sheet->count; i++)
		free(sheet->columns[i].path);
	sheet->count = 0;
}

/* TEXT as a cell; one that is empty is not the same as none. */
static void
write_cell(FILE *file, const char *text)
{
	if (text[0] != '\0' && strpbrk(text, ",\"\r\n") == NULL) {
		fputs(text, file);
		return;
	}
	putc('"', file);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			putc('"', file);
		putc(*text, file);
	}
	putc('"', file);
}

void
sheet_head(const struct sheet *sheet, FILE *file)
{
	for (unsigned i = 0; i < sheet->count; i++)
		fprintf(file, "%s%s", i == 0 ? "" : ",", sheet->columns[i].path);
	putc('\n', file);
}

void
sheet_row(const struct sheet *sheet, FILE *file, json_t *record)
{
	for (unsigned i = 0; i < sheet->count; i++) {
		json_t *value = typed_get(record, sheet->columns[i].path);
		char   *text =
                    value == NULL ? NULL : typed_text(sheet->columns[i].field, value);

		if (i > 0)
			putc(',', file);
		if (text != NULL)
			write_cell(file, text);
		free(text);
	}
	putc('\n', file);
}
