/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Conversions: exact, every half there is and every float next to where rounding changes. */

#include "block_vectors.h"
#include "check.h"
#include "vectors.h"

#include <math.h>
#include <string.h>

#define COUNT_MAX 131 /* numbers in one go of the conversions of types without blocks */

enum slots { FROM, WANT, GOT };

/* count numbers in FROM, decoded by both. */
static void decode(struct check *check, enum wick_type type, size_t count)
{
	float *want = check_buffer(check, WANT, count * sizeof(*want));
	float *got = check_buffer(check, GOT, count * sizeof(*got));

	check_now(check, "to_f32 %s, %zu numbers", wick_types[type].name, count);
	check->truth->to_f32[type](want, check_held(check, FROM), count);
	check->kernels->to_f32[type](got, check_held(check, FROM), count);
	check_same(check, "exact", want, got, count);
	check_guards(check);
}

static void check_decode(struct check *check, enum wick_type type)
{
	size_t block = wick_types[type].block;

	for (size_t blocks = 0; blocks < 70; blocks++)
		for (unsigned kind = 0; kind < CHECK_KINDS; kind++) {
			void *from = check_buffer(check, FROM, (size_t)wick_type_bytes(type, blocks * block));

			check_numbers(check, type, from, blocks * block, kind);
			decode(check, type, blocks * block);
		}
	if (type == WICK_MXFP4) {
		uint8_t *from = check_buffer(check, FROM, 256 * 17);

		for (size_t b = 0; b < 256; b++)
			for (size_t i = 0; i < 17; i++)
				from[17 * b + i] = (uint8_t)(i ? check_random(check, 256) : b);
		decode(check, type, (size_t)256 * 32);
	}
	if (wick_types[type].block_bytes == 2) {
		uint8_t *from = check_buffer(check, FROM, 2 << 16);

		for (unsigned bits = 0; bits < 1 << 16; bits++)
			memcpy(from + 2 * bits, &(uint16_t){ (uint16_t)bits }, 2);
		decode(check, type, 1 << 16);
	}
}

/* The bytes that make_block_vectors.py decodes. */
static void generate(uint8_t *to, const struct vector_decoded *vector)
{
	size_t block_bytes = wick_types[vector->type].block_bytes;
	struct check_halves halves = check_halves(vector->type);
	uint64_t state = vector->seed;

	for (size_t i = 0; i < VECTOR_BLOCKS * block_bytes; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		to[i] = (uint8_t)(state >> 56);
	}
	for (size_t b = 0; b < VECTOR_BLOCKS; b++)
		for (unsigned h = 0; h < halves.count; h++)
			to[b * block_bytes + halves.place[h] + 1] &= 0xbf;
}

static void decode_vectors(struct check *check, const struct vector_decoded *vector)
{
	size_t count = (size_t)VECTOR_BLOCKS * wick_types[vector->type].block;
	uint8_t *from = check_buffer(check, FROM, VECTOR_BLOCKS * wick_types[vector->type].block_bytes);
	float *got = check_buffer(check, GOT, count * sizeof(*got));
	uint32_t crc;

	check_now(check, "to_f32 %s", wick_types[vector->type].name);
	generate(from, vector);
	check->kernels->to_f32[vector->type](got, from, count);
	crc = check->kernels->crc32c(0, got, count * sizeof(*got));
	check_bytes(check, "CRC-32C of what gguf has", &vector->crc, &crc, sizeof(crc));
}

/* count floats in FROM, encoded by both. */
static void encode(struct check *check, enum wick_type type, size_t count)
{
	size_t bytes = (size_t)wick_type_bytes(type, count);
	uint8_t *want = check_buffer(check, WANT, bytes);
	uint8_t *got = check_buffer(check, GOT, bytes);

	check_now(check, "from_f32 %s, %zu numbers", wick_types[type].name, count);
	check->truth->from_f32[type](want, check_held(check, FROM), count);
	check->kernels->from_f32[type](got, check_held(check, FROM), count);
	check_bytes(check, "exact", want, got, bytes);
	check_guards(check);
}

/* Around each half, and around the middle between it and the next: the float before, that float, the float after. */
static void encode_neighbours(struct check *check, enum wick_type type)
{
	unsigned shift = type == WICK_F16 ? 13 : 16;

	for (unsigned bits = 0; bits < 1 << 16; bits += 8) {
		float *from = check_buffer(check, FROM, 48 * sizeof(*from));

		for (unsigned i = 0; i < 48; i++) {
			uint16_t half = (uint16_t)(bits + i / 6);
			uint32_t there;

			check->truth->to_f32[type](from + i, &half, 1);
			memcpy(&there, from + i, sizeof(there));
			there += (i % 6 / 3 << (shift - 1)) + i % 3 - 1;
			memcpy(from + i, &there, sizeof(there));
		}
		encode(check, type, 48);
	}
}

static void encode_random(struct check *check, enum wick_type type)
{
	size_t block = wick_types[type].block;

	for (size_t count = 0; count <= COUNT_MAX * block / 4; count += block)
		for (unsigned turn = 0; turn < 4; turn++) {
			float *from = check_buffer(check, FROM, count * sizeof(*from));

			check_floats(check, from, count, turn % CHECK_KINDS);
			for (size_t i = 0; turn == 3 && block == 1 && i < count; i++)
				memcpy(from + i, &(uint32_t){ check_random(check, UINT32_MAX) }, sizeof(*from));
			encode(check, type, count);
		}
}

static void encode_vectors(struct check *check, enum wick_type type, const void *want, size_t blocks)
{
	size_t bytes = (size_t)wick_type_bytes(type, blocks * wick_types[type].block);
	float *from = check_buffer(check, FROM, sizeof(vector_floats));
	uint8_t *got = check_buffer(check, GOT, bytes);

	memcpy(from, vector_floats, sizeof(vector_floats));
	check_now(check, "from_f32 %s", wick_types[type].name);
	check->kernels->from_f32[type](got, from, blocks * wick_types[type].block);
	check_bytes(check, "as gguf has it", want, got, bytes);
}

/* By the sum of twelve even ones. */
static void normal_floats(struct check *check, float *x, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		x[i] = -6;
		for (int k = 0; k < 12; k++)
			x[i] += (float)check_random(check, 1 << 24) * 0x1p-24f;
	}
}

/* Noise comes back with an error that is a share of it. Of evenly spaced levels the share can be told: a step is the
 * largest magnitude of a part over half the levels, and an error is a step over the square root of 12. With normal
 * noise, whose largest of 32 is 2.4 times its deviation, that is 2.4 / 2^(bits - 1) / 3.46. Blocks of 256 round
 * their scales, too, but search for them: so they are no worse. */
static void encode_again(struct check *check, enum wick_type type)
{
	static const double bits[WICK_TYPE_COUNT] = {
		[WICK_Q8_0] = 8, [WICK_Q4_0] = 4, [WICK_Q4_1] = 4, [WICK_Q5_0] = 5, [WICK_Q5_1] = 5,
		[WICK_Q4_K] = 4, [WICK_Q5_K] = 5, [WICK_Q6_K] = 6, [WICK_Q2_K] = 2,
		[WICK_Q3_K] = 3, [WICK_IQ4_NL] = 4, [WICK_IQ4_XS] = 4, [WICK_MXFP4] = 3, [WICK_Q2] = 1,
	};
	size_t count = 4096, bytes = (size_t)wick_type_bytes(type, count);
	float *from = check_buffer(check, FROM, count * sizeof(*from));
	uint8_t *encoded = check_buffer(check, WANT, bytes);
	float *got = check_buffer(check, GOT, count * sizeof(*got));
	double error = 0, noise = 0, share = 2.4 / exp2(bits[type] - 1) / sqrt(12);

	check_now(check, "from_f32 %s and back", wick_types[type].name);
	normal_floats(check, from, count);
	check->kernels->from_f32[type](encoded, from, count);
	check->kernels->to_f32[type](got, encoded, count);
	for (size_t i = 0; i < count; i++) {
		error += ((double)from[i] - (double)got[i]) * ((double)from[i] - (double)got[i]);
		noise += (double)from[i] * (double)from[i];
	}
	check_near(check, &(float){ 0 }, &(float){ (float)sqrt(error / noise) }, &share, 1);
}

static void check_encode(struct check *check, enum wick_type type)
{
	if (type == WICK_Q8_0)
		encode_vectors(check, type, vector_q8_0, WICK_COUNT_OF(vector_q8_0));
	if (type == WICK_Q4_0)
		encode_vectors(check, type, vector_q4_0, WICK_COUNT_OF(vector_q4_0));
	if (type == WICK_Q4_1)
		encode_vectors(check, type, vector_q4_1, WICK_COUNT_OF(vector_q4_1));
	if (type == WICK_Q5_0)
		encode_vectors(check, type, vector_q5_0, WICK_COUNT_OF(vector_q5_0));
	if (type == WICK_Q5_1)
		encode_vectors(check, type, vector_q5_1, WICK_COUNT_OF(vector_q5_1));
	if (type == WICK_MXFP4)
		encode_vectors(check, type, vector_mxfp4, WICK_COUNT_OF(vector_mxfp4));
	if (wick_types[type].block > 1)
		encode_again(check, type);
	if (check->truth->from_f32[type])
		encode_random(check, type);
	if (type == WICK_F16 || type == WICK_BF16)
		encode_neighbours(check, type);
}

void check_convert(struct check *check)
{
	for (size_t v = 0; v < WICK_COUNT_OF(vector_decoded); v++) {
		enum wick_type type = vector_decoded[v].type;

		if (check->kernels->to_f32[type] != check->below->to_f32[type])
			decode_vectors(check, &vector_decoded[v]);
	}
	for (unsigned type = 0; type < WICK_TYPE_COUNT; type++) {
		if (check->kernels->to_f32[type] != check->below->to_f32[type])
			check_decode(check, type);
		if (check->kernels->from_f32[type] != check->below->from_f32[type])
			check_encode(check, type);
	}
}
