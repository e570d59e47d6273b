/*
 * print -- records and lists for people.
 *
 * Colours are only for a terminal, and not where NO_COLOR is set.  Nothing that a
 * record contains reaches the terminal as a command.
 */

#ifndef CTL_PRINT_H
#define CTL_PRINT_H

#include <jansson.h>
#include <stdio.h>

#include "proto/field.h"

enum style {
	STYLE_PLAIN,
	STYLE_HEAD,
	STYLE_NAME,
};

/* What switches STREAM to STYLE: an escape sequence, or "". */
const char *print_style(FILE *stream, enum style style);

/* Print the fields of RECORD, one a line: "name  value". */
void print_record(const struct shape *shape, json_t *record);

/* Print ITEMS, objects, as a table with COLUMNS: names with commas. */
void print_table(const struct shape *shape, json_t *items, const char *columns);

/* Only COLUMNS of RECORD: a new object. */
json_t *print_pick(json_t *record, const char *columns);

#endif
