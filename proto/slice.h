/*
 * slice -- bytes that somebody else owns.
 *
 * A slice never frees and is never freed; how long it stays valid is said by
 * whoever hands it out.  The bytes are not terminated.
 */

#ifndef PROTO_SLICE_H
#define PROTO_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *data; /* may be NULL when len is 0 */
	size_t      len;  /* in bytes */
};

/* The characters of a string literal. */
#define SLICE(literal) ((struct slice){ (literal), sizeof(literal) - 1 })

/* The characters of the terminated string TEXT, which must outlive the slice. */
static inline struct slice
slice_text(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

static inline struct slice
slice_of(const void *data, size_t len)
{
	return (struct slice){ data, len };
}

static inline bool
slice_equal(struct slice a, struct slice b)
{
	/* Most that differ do so at once, which is told without a call. */
	return a.len == b.len &&
	       (a.len == 0 ||
		   (*a.data == *b.data && memcmp(a.data, b.data, a.len) == 0));
}

#endif
