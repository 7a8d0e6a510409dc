/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Places that sequences take, share and give back: each is counted, and is free when no sequence has it any more. */

#include <stdint.h>

struct wick_mem;

#define WICK_KV_BLOCK 64 /* positions */

struct wick_kv_pool {
	uint32_t window;     /* of blocks of positions: those that its layers look at; 0: all */
	uint32_t most;       /* likewise: blocks of a sequence */
	uint32_t blocks;
	uint32_t *uses;      /* (blocks): sequences that have it */
	uint32_t *free;      /* (free_count) blocks that none has, the next one last */
	uint32_t free_count;
};

uint64_t wick_kv_pool_bytes(uint32_t blocks);
void wick_kv_pool_init(struct wick_kv_pool *pool, struct wick_mem *mem); /* of pool->blocks */
uint32_t wick_kv_take(struct wick_kv_pool *pool); /* there is one */
void wick_kv_give_back(struct wick_kv_pool *pool, uint32_t block);

/* Blocks of so many positions. */
static inline uint32_t wick_kv_blocks(uint64_t positions)
{
	return (uint32_t)((positions + WICK_KV_BLOCK - 1) / WICK_KV_BLOCK);
}
