/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Chunks of memory, each twice the size of the one before. */

#include "arena.h"

#include "bits.h"

#include <stdlib.h>

#define FIRST_CHUNK_BYTES 4096u
#define LAST_CHUNK_BYTES (1u << 20) /* chunks grow up to this, but for a request that is larger */
#define ALIGNMENT 16u

struct wick_arena_chunk {
	struct wick_arena_chunk *before;
	uint64_t room_bytes, taken_bytes;
	char bytes[] __attribute__((aligned(ALIGNMENT)));
};

static struct wick_arena_chunk *add_chunk(struct wick_arena *arena, uint64_t bytes)
{
	struct wick_arena_chunk *before = arena->chunks, *chunk;
	uint64_t usual_bytes = before ? WICK_MIN(2 * before->room_bytes, LAST_CHUNK_BYTES) : FIRST_CHUNK_BYTES;
	uint64_t room_bytes = WICK_MAX(bytes, usual_bytes);

	if (room_bytes > arena->most_bytes - arena->used_bytes)
		room_bytes = bytes;
	if (room_bytes > arena->most_bytes - arena->used_bytes)
		return NULL;
	chunk = malloc(sizeof(*chunk) + room_bytes);
	if (!chunk)
		return NULL;
	*chunk = (struct wick_arena_chunk){ .before = before, .room_bytes = room_bytes };
	arena->chunks = chunk;
	arena->used_bytes += room_bytes;
	return chunk;
}

void *wick_arena_take(struct wick_arena *arena, uint64_t bytes)
{
	struct wick_arena_chunk *chunk = arena->chunks;
	void *taken;

	if (bytes > arena->most_bytes)
		return NULL;
	bytes = wick_align_up(bytes, ALIGNMENT);
	if (!chunk || bytes > chunk->room_bytes - chunk->taken_bytes)
		chunk = add_chunk(arena, bytes);
	if (!chunk)
		return NULL;
	taken = chunk->bytes + chunk->taken_bytes;
	chunk->taken_bytes += bytes;
	return taken;
}

void wick_arena_free(struct wick_arena *arena)
{
	while (arena->chunks) {
		struct wick_arena_chunk *chunk = arena->chunks;

		arena->chunks = chunk->before;
		free(chunk);
	}
	arena->used_bytes = 0;
}
