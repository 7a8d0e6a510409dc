/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The one reservation (see mem.h). */

#include "mem.h"

#include "bits.h"
#include "check.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

uint64_t wick_mem_cost(uint64_t bytes)
{
	return wick_align_up(bytes, WICK_MEM_ALIGN);
}

int wick_mem_reserve(struct wick_mem *mem, uint64_t bytes, struct wick_diag *diag)
{
	void *base;

	*mem = (struct wick_mem){ 0 };
	base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return wick_diag_say(diag, -errno, "cannot reserve %llu bytes of memory: %s", (unsigned long long)bytes,
			strerror(errno));
	*mem = (struct wick_mem){ .base = base, .bytes = bytes, .pages = "4 KiB pages" };
	return 0;
}

void wick_mem_release(struct wick_mem *mem)
{
	if (mem->base)
		munmap(mem->base, mem->bytes);
	*mem = (struct wick_mem){ 0 };
}

void *wick_mem_take(struct wick_mem *mem, uint64_t bytes)
{
	uint64_t cost = wick_mem_cost(bytes);
	void *taken = mem->base + mem->used;

	wick_verify(cost <= mem->bytes - mem->used);
	mem->used += cost;
	return taken;
}
