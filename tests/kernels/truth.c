/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The kernels a second time, for plain C to be checked against: each from its definition, slow, in numbers of 113 bits,
 * and sharing no line with kernels/. Quantisation has no definition but what others write: its truth is vectors.h. */

#include "check.h"
#include "grids.h"

#include <float.h>
#include <math.h>
#include <string.h>

#if LDBL_MANT_DIG == 113
typedef long double wide;
#else
__extension__ typedef __float128 wide;
#endif
__extension__ typedef unsigned __int128 wide_bits;

/* A binary number of IEEE 754 with so many bits of exponent and fraction, as a float. */
static float of_ieee(uint32_t bits, int exponent_bits, int fraction_bits)
{
	int bias = (1 << (exponent_bits - 1)) - 1;
	int exponent = (int)(bits >> fraction_bits & ((1u << exponent_bits) - 1));
	uint32_t fraction = bits & ((1u << fraction_bits) - 1);
	float sign = bits >> (exponent_bits + fraction_bits) & 1 ? -1 : 1;

	if (exponent == (1 << exponent_bits) - 1)
		return fraction ? NAN : sign * INFINITY;
	if (!exponent)
		return sign * (float)ldexp(fraction, 1 - bias - fraction_bits);
	return sign * (float)ldexp(fraction + ldexp(1, fraction_bits), exponent - bias - fraction_bits);
}

/* Back, by the unit of the number's binade: rint() rounds halves to even. */
static uint16_t to_ieee(float value, int exponent_bits, int fraction_bits)
{
	int bias = (1 << (exponent_bits - 1)) - 1;
	uint16_t sign = (uint16_t)(signbit(value) ? 1u << (exponent_bits + fraction_bits) : 0);
	uint16_t infinity = (uint16_t)(((1u << exponent_bits) - 1) << fraction_bits);
	double units, magnitude = fabs((double)value);
	uint32_t bits;
	int exponent;

	memcpy(&bits, &value, sizeof(bits));
	if (isinf(value))
		return sign | infinity;
	if (isnan(value)) /* quiet, and as much of the payload as there is room for */
		return sign | infinity | (uint16_t)(1u << (fraction_bits - 1) | (bits & 0x7fffff) >> (23 - fraction_bits));
	if (magnitude == 0)
		return sign;
	frexp(magnitude, &exponent);
	exponent = WICK_MAX(exponent - 1, 1 - bias);
	units = rint(ldexp(magnitude, fraction_bits - exponent));
	/* The fraction's implicit bit, if there, is what raises the exponent field from 0 to 1. */
	units += ldexp(exponent + bias - 1, fraction_bits);
	return units >= infinity ? sign | infinity : (uint16_t)(sign | (uint16_t)units);
}

static float half_at(const uint8_t *at)
{
	return of_ieee(at[0] | (uint32_t)at[1] << 8, 5, 10);
}

/* 16 bytes, the low halves first. */
static int nibble(const uint8_t *bytes, size_t place)
{
	return bytes[place % 16] / (place < 16 ? 1 : 16) % 16;
}

static int bit(const uint8_t *bytes, size_t place)
{
	return bytes[place / 8] / (1 << place % 8) % 2;
}

/* Six bits each of eight scales and eight minima: see the table of the format. */
static int scale_of_8(const uint8_t *packed, size_t part)
{
	return part < 4 ? packed[part] % 64 : packed[part + 4] % 16 + packed[part - 4] / 64 * 16;
}

static int minimum_of_8(const uint8_t *packed, size_t part)
{
	return part < 4 ? packed[part + 4] % 64 : packed[part + 4] / 16 + packed[part] / 64 * 16;
}

/* Scale and minimum of q4_k and q5_k, whose levels have 32 numbers a part, two parts in each 32 bytes. */
static float part_number(const uint8_t *at, const uint8_t *nibbles, size_t place, int fifth)
{
	size_t part = place / 32;
	int level = nibbles[part / 2 * 32 + place % 32] / (part % 2 ? 16 : 1) % 16 + 16 * fifth;
	double number = (double)half_at(at) * scale_of_8(at + 4, part) * level;

	return (float)(number - (double)half_at(at + 2) * minimum_of_8(at + 4, part));
}

static int level_q6_k(const uint8_t *at, size_t place)
{
	static const int low_byte[] = { 0, 32, 0, 32 }, low_place[] = { 1, 1, 16, 16 };
	size_t half = place / 128, quarter = place % 128 / 32, column = place % 32;
	int low = at[64 * half + (size_t)low_byte[quarter] + column] / low_place[quarter] % 16;

	return low + 16 * (at[128 + 32 * half + column] / (1 << 2 * quarter) % 4) - 32;
}

static int two_bits(const uint8_t *bytes, size_t place)
{
	return bytes[place / 128 * 32 + place % 32] / (1 << place % 128 / 32 * 2) % 4;
}

static int scale_q3_k(const uint8_t *packed, size_t part)
{
	int low = part < 8 ? packed[part] % 16 : packed[part - 8] / 16;

	return low + 16 * (packed[8 + part % 4] / (1 << 2 * (part / 4)) % 4) - 32;
}

static const int levels_iq4[] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };

static int scale_iq4_xs(const uint8_t *at, size_t part)
{
	int low = at[4 + part / 2] / (part % 2 ? 16 : 1) % 16, high = (at[2] + 256 * at[3]) / (1 << 2 * part) % 4;

	return low + 16 * high - 32;
}

/* A float of two bits of exponent, whose bias is 1, and one of fraction. */
static double mxfp4(int bits)
{
	return bits < 2 ? bits * 0.5 : ldexp(1 + bits % 2 * 0.5, bits / 2 - 1);
}

static uint32_t word_at(const uint8_t *at)
{
	return at[0] + 256u * at[1] + 65536u * at[2] + 16777216u * at[3];
}

/* Whether number i of eight is negative: of seven signs the eighth makes the count even. */
static int negative(uint32_t seven, size_t i)
{
	int count = 0;

	for (size_t k = 0; k < 7; k++)
		count += (int)(seven >> k & 1);
	return i < 7 ? (int)(seven >> i & 1) : count % 2;
}

/* Magnitude from the tables, which are the format's; scale in eighths of the half; sign. */
static float grid_number(enum wick_type type, const uint8_t *at, size_t place)
{
	size_t eight = place / 8, four = place / 4, part = place / 32, i = place % 8;
	const uint8_t *two = at + 2 + 2 * eight;
	int scale, magnitude, minus;
	uint32_t word;

	switch (type) {
	case WICK_IQ2_XXS:
		word = word_at(at + 2 + 8 * part + 4);
		scale = (int)(word >> 28) * 2 + 1;
		minus = negative(word >> 7 * (eight % 4) & 127, i);
		magnitude = (int)(wick_grid_iq2_xxs[at[2 + 8 * part + eight % 4]] >> 8 * i & 255);
		break;
	case WICK_IQ2_XS:
		scale = at[66 + part] / (place % 32 < 16 ? 1 : 16) % 16 * 2 + 1;
		minus = negative(two[1] / 2, i);
		magnitude = (int)(wick_grid_iq2_xs[two[0] + two[1] % 2 * 256] >> 8 * i & 255);
		break;
	case WICK_IQ2_S:
		scale = at[74 + part] / (place % 32 < 16 ? 1 : 16) % 16 * 2 + 1;
		minus = at[34 + eight] >> i & 1;
		word = at[2 + eight] + (at[66 + part] >> eight % 4 * 2 & 3u) * 256;
		magnitude = (int)(wick_grid_iq2_s[word] >> 8 * i & 255);
		break;
	case WICK_IQ3_XXS:
		word = word_at(at + 66 + 4 * part);
		scale = ((int)(word >> 28) * 2 + 1) * 2;
		minus = negative(word >> 7 * (eight % 4) & 127, i);
		magnitude = (int)(wick_grid_iq3_xxs[at[2 + four]] >> 8 * (place % 4) & 255);
		break;
	default:
		scale = (at[106 + part / 2] / (part % 2 ? 16 : 1) % 16 * 2 + 1) * 8;
		minus = at[74 + eight] >> i & 1;
		word = at[2 + four] + (at[66 + part] >> four % 8 & 1u) * 256;
		magnitude = (int)(wick_grid_iq3_s[word] >> 8 * (place % 4) & 255);
	}
	return half_at(at) * 0.125f * (float)scale * (float)(minus ? -magnitude : magnitude);
}

/* The differences have 24 bits and are exact in double: they are rounded once. */
static float block_number(enum wick_type type, const uint8_t *at, size_t place)
{
	double scale = (double)half_at(at);
	int level;

	switch (type) {
	case WICK_Q4_1:
		return (float)(scale * nibble(at + 4, place) + (double)half_at(at + 2));
	case WICK_Q5_0:
		return (float)(scale * (nibble(at + 6, place) + 16 * bit(at + 2, place) - 16));
	case WICK_Q5_1:
		return (float)(scale * (nibble(at + 8, place) + 16 * bit(at + 4, place)) + (double)half_at(at + 2));
	case WICK_Q4_K:
		return part_number(at, at + 16, place, 0);
	case WICK_Q5_K:
		return part_number(at, at + 48, place, at[16 + place % 32] / (1 << place / 32) % 2);
	case WICK_Q2_K:
		scale = (double)half_at(at + 80) * (at[place / 16] % 16) * two_bits(at + 16, place);
		return (float)(scale - (double)half_at(at + 82) * (at[place / 16] / 16));
	case WICK_Q3_K:
		level = two_bits(at + 32, place) - (at[place % 32] / (1 << place / 32) % 2 ? 0 : 4);
		return half_at(at + 108) * (float)scale_q3_k(at + 96, place / 16) * (float)level;
	case WICK_IQ4_NL:
		return (float)scale * (float)levels_iq4[nibble(at + 2, place)];
	case WICK_IQ4_XS:
		level = levels_iq4[nibble(at + 8 + place / 32 * 16, place % 32)];
		return (float)scale * (float)scale_iq4_xs(at, place / 32) * (float)level;
	case WICK_MXFP4:
		level = nibble(at + 1, place);
		return (float)ldexp(level < 8 ? mxfp4(level) : -mxfp4(level - 8), at[0] - 127) + 0.0f;
	case WICK_IQ2_XXS:
	case WICK_IQ2_XS:
	case WICK_IQ2_S:
	case WICK_IQ3_XXS:
	case WICK_IQ3_S:
		return grid_number(type, at, place);
	default:
		return half_at(at + 208) * (float)(int8_t)at[192 + place / 16] * (float)level_q6_k(at, place);
	}
}

static float number_at(enum wick_type type, const void *x, size_t i)
{
	const uint8_t *at = (const uint8_t *)x + wick_type_bytes(type, i / wick_types[type].block * wick_types[type].block);
	float value;
	size_t place = i % wick_types[type].block;
	uint32_t half = at[0] | (uint32_t)at[1] << 8;

	switch (type) {
	case WICK_F32:
		memcpy(&value, at, sizeof(value));
		return value;
	case WICK_F16:
		return of_ieee(half, 5, 10);
	case WICK_BF16:
		return of_ieee(half, 8, 7);
	case WICK_Q8_0:
		return of_ieee(half, 5, 10) * (float)(at[2 + place] < 128 ? at[2 + place] : at[2 + place] - 256);
	case WICK_Q2:
		return (float[]){ -3, -1, 1, 3 }[at[place % 8] / (1 << 2 * (place / 8)) % 4];
	case WICK_Q4_0:
		return of_ieee(half, 5, 10) * (float)(nibble(at + 2, place) - 8);
	default:
		return block_number(type, at, place);
	}
}

static float dot(enum wick_type type, const void *w, const float *x, size_t cols)
{
	wide sum = 0;

	for (size_t c = 0; c < cols; c++)
		sum += (wide)number_at(type, w, c) * (wide)x[c];
	return (float)sum;
}

static void to_f32(enum wick_type type, float *y, const void *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		y[i] = number_at(type, x, i);
}

static void matvec_rows(enum wick_type type, float *y, const void *w, size_t stride, const uint32_t *index, size_t count,
	const float *x, size_t cols)
{
	for (size_t k = 0; k < count; k++)
		y[k] = dot(type, (const uint8_t *)w + (index ? index[k] : k) * stride, x, cols);
}

/* a * b + y rounded once. The product is exact; where the sum loses something, its last bit is made odd towards what is
 * lost, so that it can no longer stand in the middle between two floats. */
static float fused(wide a, wide b, wide y)
{
	wide product = a * b, sum = product + y;
	wide part = sum - product, lost = (product - (sum - part)) + (y - part);
	wide_bits bits;

	memcpy(&bits, &sum, sizeof(bits));
	if (lost != 0 && !(bits & 1))
		bits += (lost > 0) == (sum > 0) ? 1 : (wide_bits)-1;
	memcpy(&sum, &bits, sizeof(bits));
	return (float)sum;
}

static void accumulate_rows(enum wick_type type, float *y, const void *w, size_t stride, const uint32_t *index,
	const float *h, size_t count, size_t cols)
{
	for (size_t k = 0; k < count; k++)
		for (size_t c = 0; c < cols && h[k] != 0; c++)
			y[c] = fused(h[k], number_at(type, (const uint8_t *)w + (index ? index[k] : k) * stride, c), y[c]);
}

#define EACH_TYPE(X)                                                                         \
	X(F32, f32) X(F16, f16) X(BF16, bf16) X(Q8_0, q8_0) X(Q4_0, q4_0) X(Q2, q2)          \
	X(Q4_1, q4_1) X(Q5_0, q5_0) X(Q5_1, q5_1) X(Q4_K, q4_k) X(Q5_K, q5_k) X(Q6_K, q6_k)  \
	X(Q2_K, q2_k) X(Q3_K, q3_k) X(IQ4_NL, iq4_nl) X(IQ4_XS, iq4_xs) X(MXFP4, mxfp4)  \
	X(IQ2_XXS, iq2_xxs) X(IQ2_XS, iq2_xs) X(IQ2_S, iq2_s) X(IQ3_XXS, iq3_xxs) X(IQ3_S, iq3_s)

#define OF_TYPE(TYPE, type)                                                                                        \
	static void to_f32_##type(float *y, const void *x, size_t count)                                           \
	{                                                                                                          \
		to_f32(WICK_##TYPE, y, x, count);                                                                  \
	}                                                                                                          \
	static void matvec_##type(                                                                                 \
		float *y, const void *w, size_t stride, const float *x, size_t rows, size_t cols)                  \
	{                                                                                                          \
		matvec_rows(WICK_##TYPE, y, w, stride, NULL, rows, x, cols);                                       \
	}                                                                                                          \
	static void matvec_rows_##type(float *y, const void *w, size_t stride, const uint32_t *index, size_t count, \
		const float *x, size_t cols)                                                                       \
	{                                                                                                          \
		matvec_rows(WICK_##TYPE, y, w, stride, index, count, x, cols);                                     \
	}                                                                                                          \
	static void accumulate_rows_##type(float *y, const void *w, size_t stride, const uint32_t *index,          \
		const float *h, size_t count, size_t cols)                                                         \
	{                                                                                                          \
		accumulate_rows(WICK_##TYPE, y, w, stride, index, h, count, cols);                                 \
	}

EACH_TYPE(OF_TYPE)

static void from_f32_f32(void *y, const float *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		memcpy((uint8_t *)y + 4 * i, x + i, 4);
}

static void from_f32_f16(void *y, const float *x, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint16_t bits = to_ieee(x[i], 5, 10);

		memcpy((uint8_t *)y + 2 * i, &bits, 2);
	}
}

static void from_f32_bf16(void *y, const float *x, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint16_t bits = to_ieee(x[i], 8, 7);

		memcpy((uint8_t *)y + 2 * i, &bits, 2);
	}
}

static void from_f32_q2(void *y, const float *x, size_t count)
{
	uint8_t *bytes = y;

	memset(bytes, 0, count / 4);
	for (size_t i = 0; i < count; i++)
		bytes[i / 32 * 8 + i % 8] |= (uint8_t)(((x[i] >= -2) + (x[i] >= 0) + (x[i] >= 2)) << 2 * (i % 32 / 8));
}

static void layer_norm(float *y, const float *x, const float *weight, const float *bias, size_t count, float eps)
{
	long double sum = 0, squares = 0, mean;

	for (size_t i = 0; i < count; i++)
		sum += x[i];
	mean = sum / count;
	for (size_t i = 0; i < count; i++)
		squares += (x[i] - mean) * (x[i] - mean);
	for (size_t i = 0; i < count; i++)
		y[i] = (float)((x[i] - mean) / sqrtl(squares / count + (long double)eps) * (weight ? weight[i] : 1) +
			(bias ? bias[i] : 0));
}

static void rms_norm(float *y, const float *x, const float *weight, size_t count, float eps)
{
	long double squares = 0;

	for (size_t i = 0; i < count; i++)
		squares += (long double)x[i] * x[i];
	for (size_t i = 0; i < count; i++)
		y[i] = (float)(x[i] / sqrtl(squares / count + (long double)eps) * (weight ? weight[i] : 1));
}

/* Without taking the largest off: a long double has room for every exponential of a float that occurs. */
static void softmax(float *x, size_t count)
{
	long double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += expl(x[i]);
	for (size_t i = 0; i < count; i++)
		x[i] = (float)(expl(x[i]) / sum);
}

static void relu(float *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (x[i] < 0)
			x[i] = 0;
}

static void add(float *y, const float *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		y[i] = (float)((double)y[i] + (double)x[i]);
}

static void rope_turns(float *turns, const double *frequencies, size_t pairs, uint32_t position, double size)
{
	for (size_t i = 0; i < pairs; i++) {
		long double angle = (long double)position * frequencies[i];

		turns[i] = (float)(size * cosl(angle));
		turns[pairs + i] = (float)(size * sinl(angle));
	}
}

/* By the definition: the pair as a complex number, times the turn. */
static void rope_pairs(float *x, const float *turns, size_t pairs, size_t step, size_t distance)
{
	for (size_t i = 0; i < pairs; i++) {
		wide a = x[i * step], b = x[i * step + distance], cosine = turns[i], sine = turns[pairs + i];

		x[i * step] = (float)(a * cosine - b * sine);
		x[i * step + distance] = (float)(b * cosine + a * sine);
	}
}

static void rope_halves(float *x, const float *turns, size_t count)
{
	rope_pairs(x, turns, count / 2, 1, count / 2);
}

static void rope_neighbours(float *x, const float *turns, size_t count)
{
	rope_pairs(x, turns, count / 2, 2, 1);
}

/* RFC 3720 defines it by long division: bit by bit, lowest first. */
static uint32_t crc32c(uint32_t crc, const void *data, size_t bytes)
{
	crc = ~crc;
	for (size_t i = 0; i < bytes * 8; i++) {
		uint32_t bit = ((const uint8_t *)data)[i / 8] >> i % 8 & 1;

		crc = crc >> 1 ^ ((crc & 1) != bit ? 0x82f63b78 : 0);
	}
	return ~crc;
}

void check_truth(struct wick_kernels *kernels)
{
	*kernels = (struct wick_kernels){
		.name = "truth",
		.from_f32 = { [WICK_F32] = from_f32_f32, [WICK_F16] = from_f32_f16, [WICK_BF16] = from_f32_bf16,
			[WICK_Q2] = from_f32_q2 },
		.layer_norm = layer_norm,
		.rms_norm = rms_norm,
		.softmax = softmax,
		.relu = relu,
		.add = add,
		.rope_turns = rope_turns,
		.rope_halves = rope_halves,
		.rope_neighbours = rope_neighbours,
		.crc32c = crc32c,
	};
#define ENTRY(TYPE, type)                                      \
	kernels->to_f32[WICK_##TYPE] = to_f32_##type;          \
	kernels->matvec[WICK_##TYPE] = matvec_##type;          \
	kernels->matvec_rows[WICK_##TYPE] = matvec_rows_##type; \
	kernels->accumulate_rows[WICK_##TYPE] = accumulate_rows_##type;
	EACH_TYPE(ENTRY)
#undef ENTRY
}
