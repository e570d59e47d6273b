#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#include "server/base/arena.h"

struct arena_chunk {
	struct arena_chunk *next;
	size_t              size; /* of bytes */
	size_t              used;
	_Alignas(max_align_t) char bytes[];
};

static const size_t ALIGNMENT = _Alignof(max_align_t);

static struct arena_chunk *
chunk_new(size_t size_min)
{
	size_t              room = ARENA_CHUNK_BYTES - sizeof(struct arena_chunk);
	size_t              size = size_min > room ? size_min : room;
	struct arena_chunk *chunk = malloc(sizeof(*chunk) + size);

	if (chunk == NULL)
		return NULL;
	chunk->next = NULL;
	chunk->size = size;
	chunk->used = 0;
	ASAN_POISON_MEMORY_REGION(chunk->bytes, chunk->size);
	return chunk;
}

/* Take back what CHUNK handed out. */
static void
chunk_clear(struct arena_chunk *chunk, bool secret)
{
	if (secret) {
		/* Padding between pieces is poisoned, too. */
		ASAN_UNPOISON_MEMORY_REGION(chunk->bytes, chunk->used);
		explicit_bzero(chunk->bytes, chunk->used);
	}
	chunk->used = 0;
	ASAN_POISON_MEMORY_REGION(chunk->bytes, chunk->size);
}

static void
chunk_free(struct arena_chunk *chunk, bool secret)
{
	chunk_clear(chunk, secret);
	ASAN_UNPOISON_MEMORY_REGION(chunk->bytes, chunk->size);
	free(chunk);
}

/* The chunk with room for SIZE bytes, a new one if need be; NULL: out of memory. */
static struct arena_chunk *
find_room(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = arena->last;

	if (chunk != NULL && chunk->size - chunk->used >= size)
		return chunk;
	chunk = chunk_new(size);
	if (chunk == NULL)
		return NULL;
	if (arena->last == NULL)
		arena->first = chunk;
	else
		arena->last->next = chunk;
	arena->last = chunk;
	return chunk;
}

void
arena_init(struct arena *arena, size_t bytes_max)
{
	*arena = (struct arena){ .bytes_max = bytes_max };
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk;
	size_t              taken;
	void               *piece;

	assert(arena->bytes_used <= arena->bytes_max);
	/* Compared before rounding up, which could overflow. */
	if (arena->failed || size > arena->bytes_max - arena->bytes_used)
		goto failed;
	taken = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (taken < size || taken > arena->bytes_max - arena->bytes_used)
		goto failed;
	chunk = find_room(arena, taken);
	if (chunk == NULL)
		goto failed;

	piece = chunk->bytes + chunk->used;
	chunk->used += taken;
	arena->bytes_used += taken;
	ASAN_UNPOISON_MEMORY_REGION(piece, size);
	return piece;

failed:
	arena->failed = true;
	return NULL;
}

struct slice
arena_copy(struct arena *arena, struct slice bytes)
{
	char *copy = arena_alloc(arena, bytes.len);

	if (copy == NULL)
		return slice_of(NULL, 0);
	if (bytes.len > 0)
		memcpy(copy, bytes.data, bytes.len);
	return slice_of(copy, bytes.len);
}

char *
arena_text(struct arena *arena, struct slice text)
{
	char *copy;

	assert(text.len < SIZE_MAX); /* or there is no room for the NUL */
	copy = arena_alloc(arena, text.len + 1);
	if (copy == NULL)
		return NULL;
	if (text.len > 0)
		memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return copy;
}

void
arena_reset(struct arena *arena)
{
	struct arena_chunk *chunk, *next;

	if (arena->first != NULL) {
		for (chunk = arena->first->next; chunk != NULL; chunk = next) {
			next = chunk->next;
			chunk_free(chunk, arena->secret);
		}
		chunk_clear(arena->first, arena->secret);
		arena->first->next = NULL;
	}
	arena->last = arena->first;
	arena->bytes_used = 0;
	arena->failed = false;
	arena->secret = false;
}

void
arena_fini(struct arena *arena)
{
	arena_reset(arena);
	if (arena->first != NULL)
		chunk_free(arena->first, false); /* the reset has wiped it */
	arena->first = arena->last = NULL;
}
