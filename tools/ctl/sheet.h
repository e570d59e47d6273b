/*
 * sheet -- customers as rows of CSV, in the form that source.h reads.
 *
 * Objects with plain fields are spread over columns: "billing_address.city".  Lists
 * of words stand in one cell, with commas; what is nested deeper is JSON.
 */

#ifndef CTL_SHEET_H
#define CTL_SHEET_H

#include <jansson.h>
#include <stdio.h>

#include "proto/field.h"

#define SHEET_COLUMNS_MAX 256u

struct sheet {
	struct {
		char               *path;
		const struct field *field;
	} columns[SHEET_COLUMNS_MAX];
	unsigned count;
};

/* The columns that NAMES says, with commas; NULL: all.  False when it was said that one
 * does not exist. */
bool sheet_init(struct sheet *sheet, const char *names);
void sheet_fini(struct sheet *sheet);

void sheet_head(const struct sheet *sheet, FILE *file);
void sheet_row(const struct sheet *sheet, FILE *file, json_t *record);

#endif
