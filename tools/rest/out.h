/*
 * out -- JSON, written as text straight into a buf; no tree is built.
 *
 * Commas are put where they belong.  The writer keeps no stack, so whoever opens must
 * close.  Errors stick in the buf.
 */

#ifndef REST_OUT_H
#define REST_OUT_H

#include <stdint.h>

#include "proto/buf.h"

struct out {
	struct buf *out;
	bool        wants_comma;
};

void out_open(struct out *json, char bracket);    /* '{' or '[' */
void out_close(struct out *json, char bracket);   /* '}' or ']' */
void out_key(struct out *json, const char *word); /* ours: nothing in it is escaped */
void out_key_text(struct out *json, struct slice text); /* anybody's */
void out_text(struct out *json, struct slice text);
void out_string(struct out *json, const char *text); /* NULL is null */
void out_format(struct out *json, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void out_int(struct out *json, int64_t value);
void out_double(struct out *json, double value); /* the shortest that reads back */
void out_bool(struct out *json, bool value);
void out_nil(struct out *json);

/* One MessagePack value. */
void out_value(struct out *json, struct slice value);

/* TEXT as it is: JSON already. */
void out_raw(struct out *json, const char *text);

/* The same in COUNT pieces, with BETWEEN, as it is, between two of them. */
void out_joined(
    struct out *json, unsigned count, const struct slice *pieces, struct slice between);

/* WORD: TEXT in one call. */
void out_pair(struct out *json, const char *word, const char *text);

#endif
