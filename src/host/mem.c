/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The one reservation (see mem.h).
 *
 * Weights are read from end to end for every token. In pages of 4 KiB that is a walk of the page tables every 64 cache
 * lines; in huge pages it is none worth counting.
 */

#include "mem.h"

#include "bits.h"
#include "check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define HUGE_BYTES (2u << 20) /* a huge page of x86-64, and of ARM with pages of 4 KiB; a whole number of any others */

uint64_t wick_page_bytes(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t wick_mem_cost(uint64_t bytes)
{
	return wick_align_up(bytes, WICK_MEM_ALIGN);
}

int wick_mem_reserve(struct wick_mem *mem, uint64_t bytes, struct wick_diag *diag)
{
	uint64_t kept_bytes = wick_align_up(wick_mem_cost(bytes), wick_page_bytes());
	uint8_t *mapped, *base;

	*mem = (struct wick_mem){ 0 };
	mapped = mmap(NULL, kept_bytes + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapped == MAP_FAILED)
		return wick_diag_say(diag, -errno, "cannot reserve %llu bytes of memory: %s", (unsigned long long)bytes,
			strerror(errno));
	base = (uint8_t *)wick_align_up((uintptr_t)mapped, HUGE_BYTES);
	if (base > mapped)
		munmap(mapped, (size_t)(base - mapped));
	munmap(base + kept_bytes, (size_t)(mapped + HUGE_BYTES - base));
	madvise(base, bytes, MADV_HUGEPAGE); /* what came of it, wick_mem_look() tells */
	*mem = (struct wick_mem){ .base = base, .bytes = bytes };
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

	wick_require(cost <= mem->bytes - mem->used);
	mem->used += cost;
	return taken;
}

/* Sums of the mappings in /proc/self/smaps that lie in the reservation; false where they cannot be read. */
static bool count_pages(const struct wick_mem *mem, uint64_t *touched_kib, uint64_t *huge_kib)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	unsigned long long begin, end, kib;
	bool ours = false;
	char line[512];

	*touched_kib = *huge_kib = 0;
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%llx-%llx ", &begin, &end) == 2)
			ours = begin < (uintptr_t)mem->base + mem->bytes && end > (uintptr_t)mem->base;
		else if (ours && sscanf(line, "Rss: %llu", &kib) == 1)
			*touched_kib += kib;
		else if (ours && sscanf(line, "AnonHugePages: %llu", &kib) == 1)
			*huge_kib += kib;
	}
	fclose(file);
	return true;
}

static const char *why_small(const struct wick_mem *mem)
{
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
	char text[64] = "";
	bool there = file && fgets(text, sizeof(text), file);

	if (file)
		fclose(file);
	if (!there)
		return "this kernel has no transparent huge pages";
	if (strstr(text, "[never]"))
		return "transparent_hugepage is never";
	if (prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1)
		return "huge ones are off for this process";
	return mem->bytes < HUGE_BYTES ? "less than a huge one is needed" : "the kernel had no huge ones";
}

void wick_mem_look(struct wick_mem *mem)
{
	uint64_t touched_kib, huge_kib;

	if (!count_pages(mem, &touched_kib, &huge_kib))
		snprintf(mem->pages, sizeof(mem->pages), "pages of unknown size: /proc/self/smaps cannot be read");
	else if (huge_kib)
		snprintf(mem->pages, sizeof(mem->pages), "huge pages for %.0f%% of it",
			100 * (double)huge_kib / (double)WICK_MAX(huge_kib, touched_kib));
	else
		snprintf(mem->pages, sizeof(mem->pages), "pages of %llu KiB: %s",
			(unsigned long long)wick_page_bytes() >> 10, why_small(mem));
}
