#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "server/kv/chunks.h"

#define ALIGNMENT 8u

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

/* An empty chunk for SIZE bytes, behind the last one: one that is there, or a new one.
 */
static struct chunk *
chunk_behind(struct chunks *chunks, size_t size)
{
	struct chunk **at = chunks->last == NULL ? &chunks->first : &chunks->last->next;
	struct chunk  *chunk = *at;

	if (chunk != NULL && chunk->size >= size)
		return chunk;
	if (size < CHUNK_BYTES)
		size = CHUNK_BYTES;
	if ((chunk = malloc(sizeof(*chunk) + size)) == NULL)
		return NULL;
	*chunk = (struct chunk){ .next = *at, .size = size };
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
