/*
 * arena -- the memory of one request: taken piece by piece, given back at once.
 *
 * Errors stick.  When the bound is met or memory runs out, the arena is marked
 * failed and every later call answers NULL or an empty slice, until it is reset;
 * the caller looks once, at ARENA->failed.
 *
 * Memory.  What an arena hands out is valid until arena_reset() or arena_fini().
 * A reset keeps the first chunk, so a connection in steady state allocates
 * nothing.  Under AddressSanitizer, touching memory after the reset is an error.
 *
 * Threads.  An arena is used by one thread at a time; it may be handed over.
 */

#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "proto/slice.h"

#define ARENA_CHUNK_BYTES ((size_t)8192) /* one malloc(), unless a piece needs more */

struct arena_chunk;

struct arena {
	struct arena_chunk *first; /* kept by a reset; NULL until the first piece */
	struct arena_chunk *last;  /* the one being filled */
	size_t bytes_used;         /* handed out since the reset, padding included */
	size_t bytes_max;          /* bytes_used never grows past this */
	bool   failed;             /* a piece was refused */
	bool   secret;             /* wipe what was handed out before letting go */
};

/* Make ARENA empty, without memory of its own yet, to hand out BYTES_MAX at most. */
void arena_init(struct arena *arena, size_t bytes_max);

/* Free everything.  ARENA may be used again. */
void arena_fini(struct arena *arena);

/*
 * SIZE bytes, fit for any type, not cleared.  NULL once ARENA has failed.
 * A SIZE of 0 gives a pointer that must not be followed.
 */
void *arena_alloc(struct arena *arena, size_t size);

/* A copy of BYTES.  Empty once ARENA has failed. */
struct slice arena_copy(struct arena *arena, struct slice bytes);

/* A copy of TEXT with a NUL behind it, for C's own functions.  NULL on failure. */
char *arena_text(struct arena *arena, struct slice text);

/*
 * Take everything back and forget the failure.  The memory is overwritten first
 * when ARENA->secret is set, as whoever puts a password or a token into it must
 * do before; the mark is then cleared.
 */
void arena_reset(struct arena *arena);

#endif
