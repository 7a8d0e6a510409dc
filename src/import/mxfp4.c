/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* MXFP4, to the blocks of GGUF (see mxfp4.h). */

#include "mxfp4.h"

static uint8_t nibble(const uint8_t *nibbles, unsigned number)
{
	return nibbles[number / 2] >> number % 2 * 4 & 15;
}

static void put_block(uint8_t *block, const uint8_t *nibbles, uint8_t exponent)
{
	*block++ = exponent;
	for (unsigned i = 0; i < WICK_MXFP4_NIBBLES; i++)
		block[i] = (uint8_t)(nibble(nibbles, i) | nibble(nibbles, i + WICK_MXFP4_NIBBLES) << 4);
}

void wick_mxfp4_blocks(uint8_t *blocks, const uint8_t *nibbles, const uint8_t *exponents, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		put_block(blocks + i * (1 + WICK_MXFP4_NIBBLES), nibbles + i * WICK_MXFP4_NIBBLES, exponents[i]);
}
