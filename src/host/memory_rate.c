/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* How fast memory is read: what a token's weights cannot be taken faster than. */

#include "bits.h"
#include "clock.h"
#include "cold.h"
#include "cpu_limits.h"
#include "median.h"
#include "mem.h"
#include "pool.h"

#include <wick/wick.h>

#include <stdlib.h>
#include <string.h>

#define RATE_BYTES (128ull << 20)
#define RATE_NS 100000000u
#define RATE_PASSES 64u      /* timed at most */
#define TASK_BYTES (1u << 20)

struct reading {
	uint8_t *base;
	_Atomic uint64_t sum; /* so that no compiler drops the reading */
};

static void fill(void *arg, uint32_t task, uint32_t thread)
{
	const struct reading *reading = arg;

	(void)thread;
	memset(reading->base + (uint64_t)task * TASK_BYTES, 1, TASK_BYTES);
}

WICK_WRAPS static void add_up(void *arg, uint32_t task, uint32_t thread)
{
	struct reading *reading = arg;
	const uint64_t *words = (const uint64_t *)(const void *)(reading->base + (uint64_t)task * TASK_BYTES);
	uint64_t sums[8] = { 0 };

	(void)thread;
	for (uint32_t i = 0; i < TASK_BYTES / sizeof(*words); i += 8)
		for (unsigned k = 0; k < 8; k++)
			sums[k] += words[i + k];
	for (unsigned k = 0; k < 8; k++)
		reading->sum += sums[k];
}

/* The median of as many passes as there is time for, of which none finds anything in a cache; no more than a cgroup's quota gives in
 * the end. */
static double time_passes(struct wick_pool *pool, struct reading *reading, uint32_t tasks)
{
	uint64_t bytes = (uint64_t)tasks * TASK_BYTES, begun_ns = wick_now_ns(), cpu_ns = 1;
	double rates[RATE_PASSES], a_cpu;
	uint32_t count = 0;

	do {
		uint64_t from_ns, from_cpu_ns;

		wick_cold_evict(reading->base, bytes);
		from_ns = wick_now_ns();
		from_cpu_ns = wick_cpu_ns();
		wick_pool_run(pool, add_up, reading, tasks);
		rates[count++] = (double)bytes * 1e3 / (double)(wick_now_ns() - from_ns + 1);
		cpu_ns += wick_cpu_ns() - from_cpu_ns;
	} while (count < RATE_PASSES && wick_now_ns() - begun_ns < RATE_NS);
	a_cpu = (double)count * (double)bytes * 1e3 / (double)cpu_ns;
	return WICK_MIN(wick_median(rates, count), a_cpu * wick_cpu_quota(""));
}

int wick_memory_rate(uint32_t threads, double *mb_per_s, struct wick_diag *diag)
{
	uint64_t bytes = WICK_MIN(RATE_BYTES, WICK_MAX(wick_free_bytes() / 4, TASK_BYTES));
	uint32_t tasks = (uint32_t)(bytes / TASK_BYTES);
	struct reading reading = { 0 };
	struct wick_mem mem = { 0 };
	struct wick_pool *pool = NULL;
	int err = wick_pool_create(&pool, WICK_MIN(threads, WICK_THREADS_MAX), diag);

	if (!err)
		err = wick_mem_reserve(&mem, (uint64_t)tasks * TASK_BYTES, diag);
	if (!err) {
		reading.base = wick_mem_take(&mem, (uint64_t)tasks * TASK_BYTES);
		wick_pool_run(pool, fill, &reading, tasks);
		*mb_per_s = time_passes(pool, &reading, tasks);
	}
	wick_mem_release(&mem);
	wick_pool_destroy(pool);
	return err;
}
