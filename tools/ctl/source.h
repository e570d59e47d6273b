/*
 * source -- the records of a file, NDJSON or CSV, one after another.
 *
 * A file of any length is read in little memory.  Each record comes with the place
 * behind it, at which a later reading can go on.
 *
 * CSV begins with a row of field names: "email", "billing_address.city".  A cell that
 * is empty says nothing about its field; "" is a text that is empty.
 */

#ifndef CTL_SOURCE_H
#define CTL_SOURCE_H

#include <jansson.h>

#include "tools/ctl/json.h"

#define SOURCE_RECORD_BYTES_MAX                              \
	(256u * 1024) /* one record as it stands in the file \
		       */

enum source_format {
	SOURCE_NDJSON,
	SOURCE_CSV,
};

/* The place behind a record. */
struct source_place {
	int64_t offset; /* in bytes */
	int64_t line;   /* lines before it */
};

struct source_record {
	json_t             *record; /* the caller's; NULL: it is none … */
	char                why[JSON_WHY_BYTES]; /* … for this reason */
	int64_t             line;                /* in which it begins, from 1 */
	struct source_place behind;
};

struct source;

/* What the options say: "ndjson", "csv", or NULL, when the NAME of the file tells.
 * False when it was said that it is neither. */
bool source_format(const char *text, const char *name, enum source_format *format);

/* Open the file NAME; - is standard input.  NULL when it was said why not. */
struct source *source_open(const char *name, enum source_format format);
void           source_close(struct source *source);

/* Go on at PLACE.  False when it was said why that is not possible. */
bool source_seek(struct source *source, struct source_place place);

/* Of the whole file in bytes; 0 when nobody knows. */
int64_t source_bytes(const struct source *source);

/* The next record; false at the end. */
bool source_next(struct source *source, struct source_record *record);

/* What became of reading: 0, or an errno. */
int source_error(const struct source *source);

#endif
