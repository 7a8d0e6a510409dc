/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Places that are counted (see kv_pool.h). */

#include "kv_pool.h"

#include "check.h"
#include "mem.h"

uint64_t wick_kv_pool_bytes(uint32_t blocks)
{
	return 2 * wick_mem_cost(blocks * sizeof(uint32_t));
}

void wick_kv_pool_init(struct wick_kv_pool *pool, struct wick_mem *mem)
{
	pool->uses = wick_mem_take(mem, pool->blocks * sizeof(*pool->uses));
	pool->free = wick_mem_take(mem, pool->blocks * sizeof(*pool->free));
	for (uint32_t i = 0; i < pool->blocks; i++)
		pool->free[i] = pool->blocks - 1 - i;
	pool->free_count = pool->blocks;
}

uint32_t wick_kv_take(struct wick_kv_pool *pool)
{
	uint32_t block;

	wick_assert(pool->free_count);
	block = pool->free[--pool->free_count];
	pool->uses[block] = 1;
	return block;
}

void wick_kv_give_back(struct wick_kv_pool *pool, uint32_t block)
{
	if (!--pool->uses[block])
		pool->free[pool->free_count++] = block;
}
