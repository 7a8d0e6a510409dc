/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Memory that is given back all at once: of a parsed template, or of one render. A bound says how much it may be. */

#include <stdint.h>

struct wick_arena_chunk;

struct wick_arena {
	struct wick_arena_chunk *chunks; /* the newest first */
	uint64_t used_bytes, most_bytes; /* of all chunks; the bound */
};

/* Memory aligned for every type, unset. NULL: none is left (used_bytes is within most_bytes), or beyond the bound. */
void *wick_arena_take(struct wick_arena *arena, uint64_t bytes);

/* Gives everything back; the arena can be used again. */
void wick_arena_free(struct wick_arena *arena);
