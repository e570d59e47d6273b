/*
 * fetch -- asks the processor for memory that will be read soon.
 *
 * What no cache holds takes as long to come as two or three hundred instructions.  Who
 * knows early what is going to be read asks for it and does something else meanwhile.
 */

#ifndef KV_FETCH_H
#define KV_FETCH_H

#include <stddef.h>

#define FETCH_LINE_BYTES 64u /* of the processor's caches */

/* Begin to fetch what is at AT.  GCC drops functions that do nothing else, so: */
static inline void
fetch(const void *at)
{
	__builtin_prefetch(at);
	__asm__ volatile("");
}

/* The same for all lines of the LEN bytes at AT, which is not 0. */
static inline void
fetch_bytes(const void *at, size_t len)
{
	const char *line = at;

	for (size_t i = 0; i < len; i += FETCH_LINE_BYTES)
		fetch(line + i);
	fetch(line + len - 1);
}

#endif
