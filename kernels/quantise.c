/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Floats to the block types of GGUF beyond q8_0 and q4_0, in plain C.
 *
 * Blocks of 32 take their scale from their extremes, as other writers do. For a block of 256 scales are searched: each
 * part of it is tried with a few scales around that of its extremes, each time the levels are chosen, then the scale
 * and minimum that suit these levels best, by least squares; the try with the smallest error is kept. Scales and minima
 * are then rounded to what the block can store, and the levels chosen once more for those. */

#include "plain.h"
#include "sets.h"

#include <math.h>

static void store_half(uint8_t *to, float value)
{
	memcpy(to, &(uint16_t){ wick_f16_of_f32(value) }, 2);
}

/* A number as it reads back after being stored as a half. */
static float as_half(float value)
{
	return wick_f32_of_f16(wick_f16_of_f32(value));
}

/* A level within its bounds; a NaN becomes the lower one, so that no input is undefined behaviour. */
static int clamp(float level, int low, int high)
{
	return (int)(level > (float)low ? (level < (float)high ? level : (float)high) : (float)low);
}

static float inverse_of(float scale)
{
	return scale != 0 ? 1 / scale : 0;
}

struct extremes {
	float least, most;
};

static struct extremes extremes_of(const float *x, size_t count)
{
	struct extremes found = { x[0], x[0] };

	for (size_t i = 1; i < count; i++) {
		found.least = x[i] < found.least ? x[i] : found.least;
		found.most = x[i] > found.most ? x[i] : found.most;
	}
	return found;
}

/* The number farthest from zero, with its sign. */
static float farthest_of(const float *x, size_t count)
{
	float farthest = 0;

	for (size_t i = 0; i < count; i++)
		if (fabsf(x[i]) > fabsf(farthest))
			farthest = x[i];
	return farthest;
}

static void put_nibble(uint8_t *nibbles, size_t i, int level)
{
	nibbles[i % 16] |= (uint8_t)((level & 15) << (i < 16 ? 0 : 4));
}

static void put_fifth(uint8_t *bits, size_t i, int level)
{
	bits[i / 8] |= (uint8_t)(level >> 4 << i % 8);
}

static void encode_q4_1(void *y, const float *x, size_t count)
{
	uint8_t *block = y;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 20, x += WICK_BLOCK) {
		struct extremes ends = extremes_of(x, WICK_BLOCK);
		float scale = (ends.most - ends.least) / 15, inverse = inverse_of(scale);

		memset(block, 0, 20);
		store_half(block, scale);
		store_half(block + 2, ends.least);
		for (size_t i = 0; i < WICK_BLOCK; i++)
			put_nibble(block + 4, i, clamp((x[i] - ends.least) * inverse + 0.5f, 0, 15));
	}
}

static void encode_q5_0(void *y, const float *x, size_t count)
{
	uint8_t *block = y;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 22, x += WICK_BLOCK) {
		float scale = farthest_of(x, WICK_BLOCK) / -16, inverse = inverse_of(scale);

		memset(block, 0, 22);
		store_half(block, scale);
		for (size_t i = 0; i < WICK_BLOCK; i++) {
			int level = clamp(x[i] * inverse + 16.5f, 0, 31);

			put_fifth(block + 2, i, level);
			put_nibble(block + 6, i, level);
		}
	}
}

static void encode_q5_1(void *y, const float *x, size_t count)
{
	uint8_t *block = y;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 24, x += WICK_BLOCK) {
		struct extremes ends = extremes_of(x, WICK_BLOCK);
		float scale = (ends.most - ends.least) / 31, inverse = inverse_of(scale);

		memset(block, 0, 24);
		store_half(block, scale);
		store_half(block + 2, ends.least);
		for (size_t i = 0; i < WICK_BLOCK; i++) {
			int level = clamp((x[i] - ends.least) * inverse + 0.5f, 0, 31);

			put_fifth(block + 4, i, level);
			put_nibble(block + 8, i, level);
		}
	}
}

/* Numbers of a part are scale * level - minimum; levels are from low to high. A type without minima has low < 0. */
struct fit {
	float scale, minimum;
};

struct levels {
	int low, high;
};

/* The nearest: what is cut off towards zero is above it by a half, and not negative. */
static int level_of(float x, const struct fit *fit, const struct levels *levels)
{
	float steps = (x + fit->minimum) * inverse_of(fit->scale) - (float)levels->low;

	return clamp(steps + 0.5f, 0, levels->high - levels->low) + levels->low;
}

#define TRIES 4       /* on either side of the extremes' own scale */
#define TRY_STEP 0.2f /* levels, by which a try stretches them */

/* The scale of the extremes, had they some levels more or fewer between them. */
static struct fit guess(const float *x, size_t count, const struct levels *levels, float stretch)
{
	struct extremes ends = extremes_of(x, count);
	float least = ends.least < 0 ? ends.least : 0;

	if (levels->low < 0)
		return (struct fit){ farthest_of(x, count) / ((float)levels->low - stretch), 0 };
	return (struct fit){ (ends.most - least) / ((float)levels->high + stretch), -least };
}

/* Sums over a part, for the levels that a fit gives. */
struct sums {
	double n, x, l, xx, xl, ll;
};

static struct sums sum_up(const float *x, size_t count, const struct levels *levels, const struct fit *fit)
{
	struct sums sums = { .n = (double)count };

	for (size_t i = 0; i < count; i++) {
		double level = level_of(x[i], fit, levels);

		sums.x += (double)x[i];
		sums.l += level;
		sums.xx += (double)x[i] * (double)x[i];
		sums.xl += (double)x[i] * level;
		sums.ll += level * level;
	}
	return sums;
}

/* The scale, and the minimum where there is one, that suit these levels best. No minimum is below zero. */
static struct fit least_squares(const struct sums *sums, bool minimum)
{
	double spread = sums->n * sums->ll - sums->l * sums->l;
	double scale = spread > 0 ? (sums->n * sums->xl - sums->x * sums->l) / spread : 0;

	if (minimum && scale * sums->l >= sums->x)
		return (struct fit){ (float)scale, (float)((scale * sums->l - sums->x) / sums->n) };
	return (struct fit){ sums->ll > 0 ? (float)(sums->xl / sums->ll) : 0, 0 };
}

/* The sum of (scale * level - minimum - x)^2. */
static double error_of(const struct sums *sums, const struct fit *fit)
{
	double scale = (double)fit->scale, minimum = (double)fit->minimum;

	return scale * (scale * sums->ll - 2 * minimum * sums->l - 2 * sums->xl) +
		minimum * (minimum * sums->n + 2 * sums->x) + sums->xx;
}

static struct fit fit_part(const float *x, size_t count, const struct levels *levels)
{
	struct fit best = { 0, 0 };
	double least = HUGE_VAL;

	for (int t = -TRIES; t <= TRIES; t++) {
		struct fit fit = guess(x, count, levels, TRY_STEP * (float)t);
		struct sums sums = sum_up(x, count, levels, &fit);
		double error;

		fit = least_squares(&sums, levels->low == 0);
		error = error_of(&sums, &fit);
		if (error < least) {
			best = fit;
			least = error;
		}
	}
	return best;
}

static void fit_parts(struct fit *fits, const float *x, size_t parts, const struct levels *levels)
{
	size_t count = WICK_SUPERBLOCK / parts;

	for (size_t j = 0; j < parts; j++)
		fits[j] = fit_part(x + j * count, count, levels);
}

/* Whole numbers of parts times one half. */
struct rounded {
	float unit;
	int8_t whole[16];
};

/* Brings `count` values into whole numbers of a unit, of which the farthest is `most`. */
static struct rounded round_values(const float *values, size_t count, int most)
{
	struct rounded rounded = { as_half(farthest_of(values, count) / (float)most), { 0 } };
	float inverse = inverse_of(rounded.unit);

	for (size_t j = 0; j < count; j++)
		rounded.whole[j] = (int8_t)clamp(roundf(values[j] * inverse), most < 0 ? most : 0, WICK_MAX(most, -most - 1));
	return rounded;
}

/* Scales of parts as whole numbers, the farthest of them `most`; fits become those that can be stored. */
static struct rounded round_scales(struct fit *fits, size_t parts, int most)
{
	struct rounded rounded;
	float scales[16];

	for (size_t j = 0; j < parts; j++)
		scales[j] = fits[j].scale;
	rounded = round_values(scales, parts, most);
	for (size_t j = 0; j < parts; j++)
		fits[j].scale = rounded.unit * (float)rounded.whole[j];
	return rounded;
}

static struct rounded round_minima(struct fit *fits, size_t parts, int most)
{
	struct rounded rounded;
	float minima[16];

	for (size_t j = 0; j < parts; j++)
		minima[j] = fits[j].minimum;
	rounded = round_values(minima, parts, most);
	for (size_t j = 0; j < parts; j++)
		fits[j].minimum = rounded.unit * (float)rounded.whole[j];
	return rounded;
}

/* Scales and minima of q4_k and q5_k into their 12 bytes; fits become those that are there. */
static void store_scales(uint8_t *block, struct fit *fits)
{
	struct rounded scale = round_scales(fits, 8, 63), minimum = round_minima(fits, 8, 63);

	store_half(block, scale.unit);
	store_half(block + 2, minimum.unit);
	for (size_t j = 0; j < 4; j++) {
		block[4 + j] = (uint8_t)(scale.whole[j] | scale.whole[j + 4] >> 4 << 6);
		block[8 + j] = (uint8_t)(minimum.whole[j] | minimum.whole[j + 4] >> 4 << 6);
		block[12 + j] = (uint8_t)((scale.whole[j + 4] & 15) | (minimum.whole[j + 4] & 15) << 4);
	}
}

static void encode_parts(uint8_t *block, const float *x, uint8_t *fifth, uint8_t *nibbles)
{
	const struct levels levels = { 0, fifth ? 31 : 15 };
	struct fit fits[8];

	fit_parts(fits, x, 8, &levels);
	store_scales(block, fits);
	for (size_t i = 0; i < WICK_SUPERBLOCK; i++) {
		int level = level_of(x[i], &fits[i / 32], &levels);

		nibbles[i / 64 * 32 + i % 32] |= (uint8_t)((level & 15) << i / 32 % 2 * 4);
		if (fifth)
			fifth[i % 32] |= (uint8_t)(level >> 4 << i / 32);
	}
}

static void encode_q4_k(void *y, const float *x, size_t count)
{
	uint8_t *block = y;

	for (; count >= WICK_SUPERBLOCK; count -= WICK_SUPERBLOCK, block += 144, x += WICK_SUPERBLOCK) {
		memset(block, 0, 144);
		encode_parts(block, x, NULL, block + 16);
	}
}

static void encode_q5_k(void *y, const float *x, size_t count)
{
	uint8_t *block = y;

	for (; count >= WICK_SUPERBLOCK; count -= WICK_SUPERBLOCK, block += 176, x += WICK_SUPERBLOCK) {
		memset(block, 0, 176);
		encode_parts(block, x, block + 16, block + 48);
	}
}

static void encode_q6_k(void *y, const float *x, size_t count)
{
	const struct levels levels = { -32, 31 };
	uint8_t *block = y;
	struct fit fits[16];

	for (; count >= WICK_SUPERBLOCK; count -= WICK_SUPERBLOCK, block += 210, x += WICK_SUPERBLOCK) {
		struct rounded scales;

		fit_parts(fits, x, 16, &levels);
		scales = round_scales(fits, 16, -128);
		memset(block, 0, 210);
		memcpy(block + 192, scales.whole, 16);
		store_half(block + 208, scales.unit);
		for (size_t i = 0; i < WICK_SUPERBLOCK; i++) {
			int level = level_of(x[i], &fits[i / 16], &levels) + 32;

			block[i / 128 * 64 + i % 64] |= (uint8_t)((level & 15) << i / 64 % 2 * 4);
			block[128 + i / 128 * 32 + i % 32] |= (uint8_t)(level >> 4 << i / 32 % 4 * 2);
		}
	}
}

/* Scales and minima of 16 parts in 4 bits each, the levels in 2. */
static void encode_q2_k(void *y, const float *x, size_t count)
{
	const struct levels levels = { 0, 3 };
	uint8_t *block = y;
	struct fit fits[16];

	for (; count >= WICK_SUPERBLOCK; count -= WICK_SUPERBLOCK, block += 84, x += WICK_SUPERBLOCK) {
		struct rounded scales, minima;

		fit_parts(fits, x, 16, &levels);
		minima = round_minima(fits, 16, 15);
		scales = round_scales(fits, 16, 15);
		memset(block, 0, 84);
		for (size_t j = 0; j < 16; j++)
			block[j] = (uint8_t)(scales.whole[j] | minima.whole[j] << 4);
		store_half(block + 80, scales.unit);
		store_half(block + 82, minima.unit);
		for (size_t i = 0; i < WICK_SUPERBLOCK; i++)
			block[16 + i / 128 * 32 + i % 32] |=
				(uint8_t)(level_of(x[i], &fits[i / 16], &levels) << i / 32 % 4 * 2);
	}
}

static void encode_q3_k(void *y, const float *x, size_t count)
{
	const struct levels levels = { -4, 3 };
	uint8_t *block = y;
	struct fit fits[16];

	for (; count >= WICK_SUPERBLOCK; count -= WICK_SUPERBLOCK, block += 110, x += WICK_SUPERBLOCK) {
		struct rounded scales;

		fit_parts(fits, x, 16, &levels);
		scales = round_scales(fits, 16, -32);
		memset(block, 0, 110);
		store_half(block + 108, scales.unit);
		for (size_t j = 0; j < 16; j++) {
			block[96 + j % 8] |= (uint8_t)(((scales.whole[j] + 32) & 15) << j / 8 * 4);
			block[104 + j % 4] |= (uint8_t)((scales.whole[j] + 32) >> 4 << j / 4 * 2);
		}
		for (size_t i = 0; i < WICK_SUPERBLOCK; i++) {
			int level = level_of(x[i], &fits[i / 16], &levels) + 4;

			block[32 + i / 128 * 32 + i % 32] |= (uint8_t)((level & 3) << i / 32 % 4 * 2);
			block[i % 32] |= (uint8_t)(level >> 2 << i / 32);
		}
	}
}

/* Where levels are a table: the place of the one that is nearest, the first of two. */
static int nearest(const int8_t *table, float scale, float x)
{
	int best = 0;

	for (int k = 1; k < 16; k++)
		if (fabsf(scale * (float)table[k] - x) < fabsf(scale * (float)table[best] - x))
			best = k;
	return best;
}

/* The best of a few scales, as above; the farthest number takes the farthest level, or a little less or more. */
static float fit_table(const float *x, size_t count, const int8_t *table)
{
	float best = 0;
	double most = 0;

	for (int t = -TRIES; t <= TRIES; t++) {
		float scale = farthest_of(x, count) / ((float)table[0] * (1 + 0.03f * (float)t));
		double sum_xl = 0, sum_ll = 0;

		for (size_t i = 0; i < count; i++) {
			double level = table[nearest(table, scale, x[i])];

			sum_xl += (double)x[i] * level;
			sum_ll += level * level;
		}
		/* The error is the sum of x^2 less this. */
		if (sum_ll > 0 && sum_xl * sum_xl / sum_ll > most) {
			most = sum_xl * sum_xl / sum_ll;
			best = (float)(sum_xl / sum_ll);
		}
	}
	return best;
}

static void encode_iq4_nl(void *y, const float *x, size_t count)
{
	uint8_t *block = y;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 18, x += WICK_BLOCK) {
		float scale = as_half(fit_table(x, WICK_BLOCK, wick_levels_iq4));

		memset(block, 0, 18);
		store_half(block, scale);
		for (size_t i = 0; i < WICK_BLOCK; i++)
			put_nibble(block + 2, i, nearest(wick_levels_iq4, scale, x[i]));
	}
}

static void encode_iq4_xs(void *y, const float *x, size_t count)
{
	uint8_t *block = y;
	struct fit fits[8];

	for (; count >= WICK_SUPERBLOCK; count -= WICK_SUPERBLOCK, block += 136, x += WICK_SUPERBLOCK) {
		struct rounded scales;
		uint32_t high = 0;

		for (size_t j = 0; j < 8; j++)
			fits[j].scale = fit_table(x + j * WICK_BLOCK, WICK_BLOCK, wick_levels_iq4);
		scales = round_scales(fits, 8, -32);
		memset(block, 0, 136);
		store_half(block, scales.unit);
		for (size_t j = 0; j < 8; j++) {
			block[4 + j / 2] |= (uint8_t)(((scales.whole[j] + 32) & 15) << j % 2 * 4);
			high |= (uint32_t)(scales.whole[j] + 32) >> 4 << 2 * j;
		}
		memcpy(block + 2, &(uint16_t){ (uint16_t)high }, 2);
		for (size_t i = 0; i < WICK_SUPERBLOCK; i++)
			put_nibble(block + 8 + i / 32 * 16, i % 32, nearest(wick_levels_iq4, fits[i / 32].scale, x[i]));
	}
}

/* The largest number gets the largest exponent of a level, 2: what is above 6 times the power of two becomes 6. */
static void encode_mxfp4(void *y, const float *x, size_t count)
{
	uint8_t *block = y;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 17, x += WICK_BLOCK) {
		float most = fabsf(farthest_of(x, WICK_BLOCK)), scale;
		int exponent = most > 0 ? WICK_MAX(ilogbf(most) - 2 + 127, 0) : 0;

		memset(block, 0, 17);
		block[0] = (uint8_t)WICK_MIN(exponent, 254);
		scale = wick_scale_mxfp4(block[0]);
		for (size_t i = 0; i < WICK_BLOCK; i++)
			put_nibble(block + 1, i, nearest(wick_levels_mxfp4, scale, x[i]));
	}
}

void wick_kernels_quantise_c(struct wick_kernels *kernels)
{
#define DECODE(TYPE, type) kernels->to_f32[WICK_##TYPE] = wick_decode_##type;
	WICK_EACH_BLOCK_TYPE(DECODE)
#undef DECODE
#define ENCODE(TYPE, type) kernels->from_f32[WICK_##TYPE] = encode_##type;
	WICK_EACH_WRITTEN_TYPE(ENCODE)
#undef ENCODE
#define NONE(TYPE, type) kernels->from_f32[WICK_##TYPE] = NULL;
	WICK_EACH_GRID_TYPE(NONE)
#undef NONE
}
