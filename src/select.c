/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Selection by radix: the digit of the threshold is where a histogram's running sum passes `least`; then the same for the
 * next digit among the keys that share the digits found so far. */

#include "select.h"

#include "check.h"

#include <string.h>

#define DIGIT_BITS 11
#define DIGITS 3 /* the highest first; the last two share a bit */
#define BUCKETS (1u << DIGIT_BITS)

/* How many of the keys that begin like `prefix` (under mask) have each value of the digit at `shift`. */
static void count_digits(uint32_t *buckets, const uint32_t *keys, uint32_t count, uint32_t prefix, uint32_t mask,
	unsigned shift)
{
	memset(buckets, 0, BUCKETS * sizeof(*buckets));
	for (uint32_t i = 0; i < count; i++)
		buckets[(keys[i] >> shift) & (BUCKETS - 1)] += (keys[i] & mask) == prefix;
}

struct wick_split wick_select_least(const uint32_t *keys, uint32_t count, uint32_t least)
{
	static const unsigned shifts[DIGITS] = { 21, 10, 0 };
	uint32_t buckets[BUCKETS], prefix = 0, mask = 0, digit;

	wick_assert(least >= 1 && least <= count);
	for (unsigned i = 0; i < DIGITS; i++) {
		count_digits(buckets, keys, count, prefix, mask, shifts[i]);
		for (digit = 0; buckets[digit] < least; digit++)
			least -= buckets[digit];
		prefix |= digit << shifts[i];
		mask |= (BUCKETS - 1) << shifts[i];
	}
	return (struct wick_split){ .threshold = prefix, .ties = least };
}
