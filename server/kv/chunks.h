/*
 * chunks -- memory that is taken piece by piece, given back from the end, and kept.
 *
 * What base/arena is for a request, with what a batch needs: a mark to go back to,
 * and no end but that of the machine's memory.  Chunks that were taken once stay, so
 * that a database in steady state allocates nothing.
 *
 * Memory.  A piece is valid until the chunks are rewound to a mark that was set before
 * it, or reset.  Pieces lie one behind another in a chunk, in the order in which they
 * were taken; chunks_run() walks over the bytes since a mark.
 *
 * Threads.  One at a time.
 */

#ifndef KV_CHUNKS_H
#define KV_CHUNKS_H

#include "proto/slice.h"

/* What a chunk has for pieces, unless one needs more: with its head, a large page. */
#define CHUNK_HEAD_BYTES ((size_t)24)
#define CHUNK_BYTES (((size_t)2 << 20) - CHUNK_HEAD_BYTES)

struct chunk;

struct chunks {
	struct chunk *first;
	struct chunk *last;  /* the one being filled; those behind it are empty */
	size_t        bytes; /* handed out */
};

struct chunks_mark {
	struct chunk *chunk; /* NULL: nothing had been taken */
	size_t        used, bytes;
};

void chunks_init(struct chunks *chunks);
void chunks_fini(struct chunks *chunks);

/* SIZE bytes, aligned for numbers of 8 bytes, not cleared.  NULL: no memory. */
void *chunks_alloc(struct chunks *chunks, size_t size);

struct chunks_mark chunks_mark(const struct chunks *chunks);

/* Give back what was taken since MARK; the memory stays. */
void chunks_rewind(struct chunks *chunks, struct chunks_mark mark);

/* Give back everything. */
void chunks_reset(struct chunks *chunks);

/* The bytes from *MARK to the end of its chunk; *MARK moves on.  Empty: no more. */
struct slice chunks_run(const struct chunks *chunks, struct chunks_mark *mark);

#endif
