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
#include <stdint.h>
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

/* The first bytes at AT, as a number for comparing. */
static inline uint64_t
slice_word(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static inline uint32_t
slice_half(const char *at)
{
	uint32_t half;

	memcpy(&half, at, sizeof(half));
	return half;
}

/*
 * Are the LEN bytes at A and B the same?  As memcmp(), but without a call: for keys and
 * other short names.  The last word may overlap the one before.
 */
static inline bool
slice_same(const char *a, const char *b, size_t len)
{
	const size_t word = sizeof(uint64_t), half = sizeof(uint32_t);

	if (len < half)
		return len == 0 || (*a == *b && a[len / 2] == b[len / 2] &&
				       a[len - 1] == b[len - 1]);
	if (len < word)
		return slice_half(a) == slice_half(b) &&
		       slice_half(a + len - half) == slice_half(b + len - half);
	for (size_t at = 0; at < len - word; at += word)
		if (slice_word(a + at) != slice_word(b + at))
			return false;
	return slice_word(a + len - word) == slice_word(b + len - word);
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
