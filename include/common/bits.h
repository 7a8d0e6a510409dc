/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Alignment and sizes that cannot wrap around. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WICK_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define WICK_MIN(a, b) ((a) < (b) ? (a) : (b))
#define WICK_MAX(a, b) ((a) > (b) ? (a) : (b))

/* Of a function that computes modulo 2^64 and means it, such as a hash: -fsanitize=integer finds no fault with it. */
#ifdef __clang__
#define WICK_WRAPS __attribute__((no_sanitize("integer")))
#else
#define WICK_WRAPS
#endif

/* The alignment is a power of two in all of these. */
static inline uint64_t wick_align_down(uint64_t value, uint64_t align)
{
	return value & ~(align - 1);
}

/* Callers keep value below 2^63, so that this cannot wrap. */
static inline uint64_t wick_align_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) & ~(align - 1);
}

static inline bool wick_is_pow2(uint64_t value)
{
	return value && !(value & (value - 1));
}

static inline uint64_t wick_div_up(uint64_t value, uint64_t by)
{
	return value / by + (value % by != 0);
}

/* Saturating: a size that does not fit becomes UINT64_MAX, which every allocator and every bound refuses. */
static inline uint64_t wick_mul(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static inline uint64_t wick_add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}
