/*
 * source_internal -- what NDJSON and CSV share: pieces of the file, that end with a
 * line.
 */

#ifndef CTL_SOURCE_INTERNAL_H
#define CTL_SOURCE_INTERNAL_H

#include <csv.h>
#include <stdio.h>

#include "tools/ctl/source.h"

#define SOURCE_COLUMNS_MAX 256u

struct source_column {
	char               *path;
	const struct field *field; /* NULL: a column of no interest */
};

struct source {
	FILE              *file;
	char              *name;
	enum source_format format;
	int64_t            bytes;
	int                error;

	struct buf          piece;       /* up to the end of a line, and with it */
	bool                is_too_long; /* … but for what does not fit */
	bool                is_cut;      /* the file ended before the line did */
	struct source_place place;       /* behind the piece */

	struct csv_parser    csv;
	struct source_column columns[SOURCE_COLUMNS_MAX];
	unsigned             column_count;
	unsigned             cell;     /* the next one of the row */
	bool                 has_row;  /* a row is complete */
	bool                 is_named; /* the row of names was read */
	size_t               row_bytes;
	int64_t              row_line; /* in which it begins */
	json_t              *row;
	char                 why[JSON_WHY_BYTES]; /* the row is wrong; "" if not */
};

/* Read the next piece; false at the end.  A piece ends with a line feed, or, when
 * ENDS_WITH_CR, with a carriage return. */
bool source_piece(struct source *source, bool ends_with_cr);

/* Of CSV. */
bool source_csv_open(struct source *source);
void source_csv_close(struct source *source);
bool source_csv_next(struct source *source, struct source_record *record);

#endif
