/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How a number, or a block of them, is stored. Values are ours; src/gguf/gguf.c maps them to the file's. */

#include <stdint.h>

enum wick_type {
	WICK_F32,
	WICK_F16,
	WICK_BF16,
	WICK_Q8_0, /* 32 numbers: f16 scale, 32 int8; 34 bytes */
	WICK_Q4_0, /* 32 numbers: f16 scale, 16 bytes of nibbles; 18 bytes */
	WICK_Q4_1, /* as Q4_0, with an f16 least number after the scale; 20 bytes */
	WICK_Q5_0, /* as Q4_0, with the fifth bits of all numbers between scale and nibbles; 22 bytes */
	WICK_Q5_1, /* both; 24 bytes */
	WICK_Q2_K, /* 256 numbers: 4 bits each of scale and minimum for 16 times 16, 2 bits each, two f16; 84 bytes */
	WICK_Q3_K, /* 256 numbers: 1 and 2 bits each, 6 bits of scale for 16 times 16, f16 scale of scales; 110 bytes */
	WICK_Q4_K, /* 256 numbers: f16 scale of scales and of minima, 6 bits each for 8 times 32, nibbles; 144 bytes */
	WICK_Q5_K, /* as Q4_K, with fifth bits; 176 bytes */
	WICK_Q6_K, /* 256 numbers: 4 and 2 bits each, an int8 scale for 16 times 16, f16 scale of scales; 210 bytes */
	WICK_IQ4_NL, /* as Q4_0, with levels from a table that is not even; 18 bytes */
	WICK_IQ4_XS, /* 256 numbers: f16 scale of scales, 6 bits of scale for 8 times 32, nibbles of that table; 136 bytes */
	WICK_MXFP4,  /* 32 numbers: a byte of exponent, nibbles that are floats of 4 bits; 17 bytes */
	WICK_IQ2_XXS, /* 256 numbers each: magnitudes from tables, eight or four at once; 66 bytes */
	WICK_IQ2_XS,  /* 74 bytes */
	WICK_IQ2_S,   /* 82 bytes */
	WICK_IQ3_XXS, /* 98 bytes */
	WICK_IQ3_S,   /* 110 bytes */
	WICK_Q2,   /* 32 numbers -3, -1, 1 or 3: 2 bits each, no scale; 8 bytes; of predictors only */
	WICK_TYPE_COUNT,
};

#define WICK_WEIGHT_TYPES WICK_Q2 /* those before it: what a model's weights can be */
#define WICK_WRITTEN_TYPES WICK_IQ2_XXS /* those before it: what numbers can be turned into */

struct wick_type_info {
	const char *name;
	uint32_t block;       /* numbers in a block */
	uint32_t block_bytes; /* bytes of a block */
};

static const struct wick_type_info wick_types[WICK_TYPE_COUNT] = {
	[WICK_F32] = { "f32", 1, 4 },        [WICK_F16] = { "f16", 1, 2 },        [WICK_BF16] = { "bf16", 1, 2 },
	[WICK_Q8_0] = { "q8_0", 32, 34 },    [WICK_Q4_0] = { "q4_0", 32, 18 },    [WICK_Q4_1] = { "q4_1", 32, 20 },
	[WICK_Q5_0] = { "q5_0", 32, 22 },    [WICK_Q5_1] = { "q5_1", 32, 24 },    [WICK_Q2_K] = { "q2_k", 256, 84 },
	[WICK_Q3_K] = { "q3_k", 256, 110 },  [WICK_Q4_K] = { "q4_k", 256, 144 },  [WICK_Q5_K] = { "q5_k", 256, 176 },
	[WICK_Q6_K] = { "q6_k", 256, 210 },  [WICK_IQ4_NL] = { "iq4_nl", 32, 18 },
	[WICK_IQ4_XS] = { "iq4_xs", 256, 136 }, [WICK_MXFP4] = { "mxfp4", 32, 17 },
	[WICK_IQ2_XXS] = { "iq2_xxs", 256, 66 }, [WICK_IQ2_XS] = { "iq2_xs", 256, 74 },
	[WICK_IQ2_S] = { "iq2_s", 256, 82 }, [WICK_IQ3_XXS] = { "iq3_xxs", 256, 98 },
	[WICK_IQ3_S] = { "iq3_s", 256, 110 }, [WICK_Q2] = { "q2", 32, 8 },
};

/* Bytes of `count` numbers of a type; count is a multiple of the type's block. */
static inline uint64_t wick_type_bytes(enum wick_type type, uint64_t count)
{
	return count / wick_types[type].block * wick_types[type].block_bytes;
}
