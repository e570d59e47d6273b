#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "server/kv/chunks.h"

#define ALIGNMENT 8u
#define LARGE_PAGE_BYTES (CHUNK_HEAD_BYTES + CHUNK_BYTES)

struct chunk {
	struct chunk *next;
	size_t        size, used;
	_Alignas(ALIGNMENT) char data[];
};

void
chunks_init(struct chunks *chunks)
{
	*chunks = (struct chunks){ NULL, NULL, 0 };
}

void
chunks_fini(struct chunks *chunks)
{
	struct chunk *chunk, *next;

	for (chunk = chunks->first; chunk != NULL; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	chunks_init(chunks);
}

/*
 * A chunk with SIZE bytes or more.  What lies in chunks is looked at all over them, in
 * some hundred megabytes: in small pages, nearly each look is for the page's place
 * first.
 */
static struct chunk *
chunk_new(size_t size)
{
	struct chunk *chunk;

	_Static_assert(sizeof(*chunk) == CHUNK_HEAD_BYTES, "a chunk is a large page");
	size = (sizeof(*chunk) + size + LARGE_PAGE_BYTES - 1) / LARGE_PAGE_BYTES *
	       LARGE_PAGE_BYTES;
	if ((chunk = aligned_alloc(LARGE_PAGE_BYTES, size)) == NULL)
		return NULL;
	madvise(chunk, size, MADV_HUGEPAGE); /* it may be refused */
	*chunk = (struct chunk){ .size = size - sizeof(*chunk) };
	return chunk;
}

/* An empty chunk for SIZE bytes, behind the last one: one that is there, or a new one.
 */
static struct chunk *
chunk_behind(struct chunks *chunks, size_t size)
{
	struct chunk **at = chunks->last == NULL ? &chunks->first : &chunks->last->next;
	struct chunk  *chunk = *at;

	if (chunk != NULL && chunk->size >= size)
		return chunk;
	if ((chunk = chunk_new(size)) == NULL)
		return NULL;
	chunk->next = *at;
	*at = chunk;
	return chunk;
}

void *
chunks_alloc(struct chunks *chunks, size_t size)
{
	struct chunk *chunk = chunks->last;
	void         *piece;

	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (chunk == NULL || chunk->size - chunk->used < size) {
		if ((chunk = chunk_behind(chunks, size)) == NULL)
			return NULL;
		assert(chunk->used == 0);
		chunks->last = chunk;
	}
	piece = chunk->data + chunk->used;
	chunk->used += size;
	chunks->bytes += size;
	return piece;
}

struct chunks_mark
chunks_mark(const struct chunks *chunks)
{
	const struct chunk *last = chunks->last;

	return (struct chunks_mark){ chunks->last, last == NULL ? 0 : last->used,
		chunks->bytes };
}

void
chunks_rewind(struct chunks *chunks, struct chunks_mark mark)
{
	struct chunk *chunk = mark.chunk == NULL ? chunks->first : mark.chunk->next;

	for (; chunk != NULL; chunk = chunk->next)
		chunk->used = 0;
	if (mark.chunk != NULL)
		mark.chunk->used = mark.used;
	chunks->last = mark.chunk;
	chunks->bytes = mark.bytes;
}

void
chunks_reset(struct chunks *chunks)
{
	chunks_rewind(chunks, (struct chunks_mark){ NULL, 0, 0 });
}

struct slice
chunks_run(const struct chunks *chunks, struct chunks_mark *mark)
{
	struct chunk *chunk = mark->chunk == NULL ? chunks->first : mark->chunk;
	size_t        from = mark->used;

	if (chunks->last == NULL)
		return slice_of(NULL, 0);
	while (chunk->used == from && chunk != chunks->last) {
		chunk = chunk->next;
		from = 0;
	}
	mark->chunk = chunk;
	mark->used = chunk->used;
	return slice_of(chunk->data + from, chunk->used - from);
}
