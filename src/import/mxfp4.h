/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* MXFP4 as gpt-oss's checkpoints have it: nibbles and exponents in two tensors, neighbours in one byte. In a block of GGUF a
 * byte has a number of the block's first half and one of the second, and the exponent is in front. */

#include <stdint.h>

#define WICK_MXFP4_NUMBERS 32u /* in a block, and bytes of nibbles: */
#define WICK_MXFP4_NIBBLES 16u
#define WICK_MXFP4_NAN 255u    /* an exponent that is no number */

/* count blocks, (count, 17) bytes, of nibbles (count, 16) and exponents (count). No value changes. */
void wick_mxfp4_blocks(uint8_t *blocks, const uint8_t *nibbles, const uint8_t *exponents, uint64_t count);
