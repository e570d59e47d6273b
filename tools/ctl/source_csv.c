#include <stdlib.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/source_internal.h"
#include "tools/ctl/typed.h"

/* libcsv would take blanks away at both ends of a cell. */
static int
is_no_space(unsigned char c)
{
	(void)c;
	return 0;
}

static bool
begin_parser(struct source *source)
{
	unsigned char options =
	    CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL | CSV_EMPTY_IS_NULL;

	if (csv_init(&source->csv, options) != 0)
		return false;
	csv_set_space_func(&source->csv, is_no_space);
	return true;
}

/* The name of a column.  Those that begin with _ are remarks. */
static void
take_name(struct source *source, const char *name)
{
	struct source_column *column = &source->columns[source->column_count];
	char                  why[JSON_WHY_BYTES];

	if (source->column_count == SOURCE_COLUMNS_MAX) {
		snprintf(
		    source->why, sizeof(source->why), "there are too many columns");
		return;
	}
	source->column_count++;
	column->path = strdup(name == NULL ? "" : name);
	if (column->path == NULL || column->path[0] == '_')
		return;
	column->field = typed_find(&record_shapes[RECORD_CUSTOMER], column->path, why);
	for (unsigned i = 0; i + 1 < source->column_count; i++)
		if (strcmp(source->columns[i].path, column->path) == 0) {
			column->field = NULL;
			snprintf(why, sizeof(why), "\"%.100s\" stands there twice",
			    column->path);
		}
	if (column->field == NULL && source->why[0] == '\0')
		memcpy(source->why, why, sizeof(why));
}

static void
take_cell(struct source *source, const char *text)
{
	const struct source_column *column = &source->columns[source->cell];
	char                        reason[JSON_WHY_BYTES];
	json_t                     *value;

	if (text == NULL || source->why[0] != '\0')
		return;
	if (source->cell >= source->column_count) {
		snprintf(source->why, sizeof(source->why), "has more cells than names");
		return;
	}
	if (column->field == NULL)
		return;
	value = typed_value(column->field, text, reason);
	if (value == NULL || !typed_put(source->row, column->path, value))
		snprintf(source->why, sizeof(source->why), "%.100s %.400s",
		    column->path, reason);
}

static void
on_cell(void *text, size_t len, void *user)
{
	struct source *source = user;

	if (text != NULL && strlen(text) != len)
		snprintf(
		    source->why, sizeof(source->why), "has a byte that is no text");
	else if (!source->is_named)
		take_name(source, text);
	else
		take_cell(source, text);
	source->cell++;
}

static void
on_row(int c, void *user)
{
	struct source *source = user;

	(void)c;
	source->has_row = true;
}

/* Give the parser the piece that was read, or, at the end of the file, nothing. */
static void
feed(struct source *source, bool is_end)
{
	size_t len = source->piece.len;

	source->row_bytes += len;
	if (!source->is_too_long && source->row_bytes <= SOURCE_RECORD_BYTES_MAX &&
	    (is_end ? csv_fini(&source->csv, on_cell, on_row, source) == 0
		    : csv_parse(&source->csv, source->piece.data, len, on_cell, on_row,
			  source) == len))
		return;
	/* Go on behind this line, with a new mind. */
	snprintf(source->why, sizeof(source->why), "%s",
	    csv_error(&source->csv) == CSV_EPARSE ? "its quotes are wrong"
						  : "the row is too long");
	csv_free(&source->csv);
	source->has_row = begin_parser(source);
}

static bool
is_blank(struct slice text)
{
	while (text.len > 0 && memchr("\r\n", text.data[text.len - 1], 2) != NULL)
		text.len--;
	return text.len == 0;
}

/* Read up to the end of a row; false at the end of the file. */
static bool
read_row(struct source *source)
{
	source->has_row = false;
	source->cell = 0;
	source->row_bytes = 0;
	source->why[0] = '\0';
	source->row_line = source->place.line + 1;
	while (!source->has_row && source_piece(source, true)) {
		feed(source, false);
		if (source->row_bytes == source->piece.len &&
		    is_blank(buf_slice(&source->piece))) {
			source->row_bytes = 0;
			source->row_line = source->place.line + 1;
		}
	}
	if (!source->has_row && source->row_bytes > 0) {
		buf_clear(&source->piece, SOURCE_RECORD_BYTES_MAX);
		feed(source, true);
	}
	return source->has_row;
}

bool
source_csv_open(struct source *source)
{
	if (!begin_parser(source) || !read_row(source)) {
		ctl_say("%s: there is no row of names", source->name);
		return false;
	}
	source->is_named = true;
	if (source->why[0] == '\0')
		return true;
	ctl_say("%s: the row of names: %s", source->name, source->why);
	return false;
}

void
source_csv_close(struct source *source)
{
	csv_free(&source->csv);
	for (unsigned i = 0; i < source->column_count; i++)
		free(source->columns[i].path);
}

bool
source_csv_next(struct source *source, struct source_record *record)
{
	source->row = json_object();
	if (source->row == NULL || !read_row(source)) {
		json_decref(source->row);
		return false;
	}
	record->line = source->row_line;
	record->behind = source->place;
	memcpy(record->why, source->why, sizeof(record->why));
	record->record = source->row;
	if (source->why[0] != '\0') {
		json_decref(source->row);
		record->record = NULL;
	}
	return true;
}
