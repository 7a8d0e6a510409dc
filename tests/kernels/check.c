/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

#include "check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CANARY 0xa5
#define CANARY_BYTES 256
#define REPORTS_MAX 20

void check_open(struct check *check, uint64_t seed, unsigned long every)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	*check = (struct check){ .random = seed, .every = every };
	for (unsigned slot = 0; slot < CHECK_SLOTS; slot++) {
		uint8_t *base = mmap(NULL, CHECK_SLOT_BYTES + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (base == MAP_FAILED || mprotect(base + CHECK_SLOT_BYTES, page, PROT_NONE)) {
			perror("checkkern: guarded memory");
			exit(1);
		}
		check->slots[slot] = base;
	}
}

void check_close(struct check *check)
{
	for (unsigned slot = 0; slot < CHECK_SLOTS; slot++)
		munmap(check->slots[slot], CHECK_SLOT_BYTES + (size_t)sysconf(_SC_PAGESIZE));
}

void *check_buffer(struct check *check, unsigned slot, size_t bytes)
{
	uint8_t *at = check->slots[slot] + CHECK_SLOT_BYTES - bytes;

	if (bytes > CHECK_SLOT_BYTES - CANARY_BYTES) {
		fprintf(stderr, "checkkern: a slot has no room for %zu bytes\n", bytes);
		exit(1);
	}
	memset(at - CANARY_BYTES, CANARY, CANARY_BYTES);
	check->slot_bytes[slot] = bytes;
	return at;
}

void *check_held(const struct check *check, unsigned slot)
{
	return check->slots[slot] + CHECK_SLOT_BYTES - check->slot_bytes[slot];
}

/* xorshift64*, good enough to reach every corner. */
uint32_t check_random(struct check *check, uint32_t below)
{
	uint64_t x = check->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	check->random = x;
	return below ? (uint32_t)((x * 0x2545f4914f6cdd1dull >> 32) % below) : 0;
}

static float extreme_float(struct check *check)
{
	float mantissa = 1 + (float)check_random(check, 1 << 23) * 0x1p-23f;
	float sign = check_random(check, 2) ? -1 : 1;

	switch (check_random(check, 6)) {
	case 0:
		return sign * 0;
	case 1: /* subnormal */
		return sign * ldexpf(mantissa, -127 - (int)check_random(check, 22));
	case 2:
		return sign * ldexpf(mantissa, 50);
	default:
		return sign * ldexpf(mantissa, (int)check_random(check, 80) - 40);
	}
}

/* Floats that eight bits a block, or four numbers, hold exactly, and fourteen bits 256; a quarter of the blocks is as large as
 * they can be. */
static void level_floats(struct check *check, float *x, size_t count)
{
	float unit = 1;
	bool full = false;
	int power = 0;

	for (size_t i = 0; i < count; i++) {
		if (i % 256 == 0)
			power = (int)check_random(check, 40) - 20;
		if (i % 32 == 0) {
			unit = ldexpf(check_random(check, 2) ? -1 : 1, power - (i % 256 ? (int)check_random(check, 8) : 0));
			full = check_random(check, 4) == 0;
		}
		x[i] = unit * (full || i % 4 == 1 ? 127 : (float)((int)check_random(check, 255) - 127));
	}
}

void check_floats(struct check *check, float *x, size_t count, enum check_kind kind)
{
	if (kind == CHECK_LEVELS) {
		level_floats(check, x, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		x[i] = kind == CHECK_EXTREME ? extreme_float(check)
					     : (float)((int)check_random(check, 1 << 24) - (1 << 23)) * 0x1p-22f;
}

/* A half, or the upper half of a float, that is finite. */
static uint16_t finite_half(struct check *check, uint16_t exponent_mask)
{
	uint16_t bits;

	do
		bits = (uint16_t)check_random(check, 1 << 16);
	while ((bits & exponent_mask) == exponent_mask);
	return bits;
}

static uint16_t half_near_one(struct check *check)
{
	return (uint16_t)(0x3800 + check_random(check, 0x800) + (check_random(check, 2) << 15));
}

/* Plain bf16 numbers are those around one, extreme ones stop at 2^50 so that no sum overflows. */
static uint16_t brain_half(struct check *check, enum check_kind kind)
{
	uint16_t bits = finite_half(check, 0x7f80);

	if (kind != CHECK_EXTREME)
		return (uint16_t)((bits & 0x80ff) | 0x3f00);
	return (bits & 0x7f80) > (127 + 50) << 7 ? (uint16_t)(bits & 0x807f) : bits;
}

static void numbers_u16(struct check *check, enum wick_type type, uint8_t *x, size_t count, enum check_kind kind)
{
	for (size_t i = 0; i < count; i++) {
		uint16_t bits = type == WICK_BF16 ? brain_half(check, kind)
			: kind != CHECK_EXTREME     ? half_near_one(check)
						  : finite_half(check, 0x7c00);

		memcpy(x + 2 * i, &bits, 2);
	}
}

/* Levels are any bytes, and in a quarter of the blocks all of them nothing or everything. */
static void numbers_levels(struct check *check, uint8_t *x, size_t bytes)
{
	uint32_t choice = check_random(check, 8);

	for (size_t i = 0; i < bytes; i++)
		x[i] = choice == 0 ? 0 : choice == 1 ? 0xff : (uint8_t)check_random(check, 256);
}

/* Every eighth extreme scale is the largest there is, every other eighth subnormal. */
static uint16_t scale_half(struct check *check, enum check_kind kind)
{
	uint16_t scale = kind != CHECK_EXTREME ? half_near_one(check) : finite_half(check, 0x7c00);
	uint32_t choice = kind != CHECK_EXTREME ? 2 : check_random(check, 8);

	return choice == 0 ? 0x7bff : choice == 1 ? scale & 0x83ff : scale;
}

/* Of mxfp4: around 127 or, as far as sums neither overflow nor fall below the smallest float, anything. */
static uint8_t exponent_byte(struct check *check, enum check_kind kind)
{
	return (uint8_t)(kind != CHECK_EXTREME ? 120 + check_random(check, 14) : 30 + check_random(check, 140));
}

struct check_halves check_halves(enum wick_type type)
{
	static const struct check_halves halves[WICK_TYPE_COUNT] = {
		[WICK_Q8_0] = { 1, { 0 }, false },   [WICK_Q4_0] = { 1, { 0 }, false },
		[WICK_Q4_1] = { 2, { 0, 2 }, true }, [WICK_Q5_0] = { 1, { 0 }, false },
		[WICK_Q5_1] = { 2, { 0, 2 }, true }, [WICK_Q4_K] = { 2, { 0, 2 }, true },
		[WICK_Q5_K] = { 2, { 0, 2 }, true }, [WICK_Q6_K] = { 1, { 208 }, false },
		[WICK_Q2_K] = { 2, { 80, 82 }, true }, [WICK_Q3_K] = { 1, { 108 }, false },
		[WICK_IQ4_NL] = { 1, { 0 }, false }, [WICK_IQ4_XS] = { 1, { 0 }, false },
		[WICK_IQ2_XXS] = { 1, { 0 }, false }, [WICK_IQ2_XS] = { 1, { 0 }, false },
		[WICK_IQ2_S] = { 1, { 0 }, false }, [WICK_IQ3_XXS] = { 1, { 0 }, false },
		[WICK_IQ3_S] = { 1, { 0 }, false },
	};

	return halves[type];
}

static void numbers_blocks(struct check *check, enum wick_type type, uint8_t *x, size_t blocks, enum check_kind kind)
{
	struct check_halves halves = check_halves(type);

	for (size_t b = 0; b < blocks; b++, x += wick_types[type].block_bytes) {
		numbers_levels(check, x, wick_types[type].block_bytes);
		if (type == WICK_MXFP4)
			x[0] = exponent_byte(check, kind);
		for (unsigned h = 0; h < halves.count; h++)
			memcpy(x + halves.place[h], &(uint16_t){ scale_half(check, kind) }, 2);
	}
}

void check_numbers(struct check *check, enum wick_type type, void *x, size_t count, enum check_kind kind)
{
	float value;

	switch (type) {
	case WICK_F32:
		for (size_t i = 0; i < count; i++) {
			check_floats(check, &value, 1, kind);
			memcpy((uint8_t *)x + 4 * i, &value, 4);
		}
		break;
	case WICK_F16:
	case WICK_BF16:
		numbers_u16(check, type, x, count, kind);
		break;
	default:
		numbers_blocks(check, type, x, count / wick_types[type].block, kind);
	}
}

void check_now(struct check *check, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(check->what, sizeof(check->what), format, args);
	va_end(args);
}

/* Counts a failure and reports the first ones. */
__attribute__((format(printf, 2, 3))) static void fail(struct check *check, const char *format, ...)
{
	va_list args;

	if (check->failed++ >= REPORTS_MAX)
		return;
	printf("%s: %s: ", check->set, check->what);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

bool check_due(struct check *check)
{
	return check->shapes++ % check->every == 0;
}

void check_guards(struct check *check)
{
	for (unsigned slot = 0; slot < CHECK_SLOTS; slot++) {
		const uint8_t *at = check_held(check, slot);

		for (int i = 1; check->slot_bytes[slot] && i <= CANARY_BYTES; i++)
			if (at[-i] != CANARY) {
				fail(check, "wrote %d bytes before buffer %u", i, slot);
				break;
			}
	}
}

static bool same(float a, float b)
{
	return (isnan(a) && isnan(b)) || !memcmp(&a, &b, sizeof(a));
}

void check_same(struct check *check, const char *contract, const float *want, const float *got, size_t count)
{
	check->compared++;
	for (size_t i = 0; i < count; i++)
		if (!same(want[i], got[i])) {
			fail(check, "%s: [%zu of %zu] is %a, not %a", contract, i, count, (double)got[i], (double)want[i]);
			return;
		}
}

void check_bytes(struct check *check, const char *contract, const void *want, const void *got, size_t bytes)
{
	const uint8_t *a = want, *b = got;

	check->compared++;
	for (size_t i = 0; i < bytes; i++)
		if (a[i] != b[i]) {
			fail(check, "%s: byte %zu of %zu is 0x%02x, not 0x%02x", contract, i, bytes, b[i], a[i]);
			return;
		}
}

void check_near(struct check *check, const float *want, const float *got, const double *bound, size_t count)
{
	check->compared++;
	for (size_t i = 0; i < count; i++) {
		bool good = isfinite(want[i]) ? fabs((double)want[i] - (double)got[i]) <= bound[i] : same(want[i], got[i]);

		if (!good) {
			fail(check, "[%zu of %zu] is %.9g, not %.9g: off by %.3g, bound %.3g", i, count, (double)got[i],
				(double)want[i], fabs((double)want[i] - (double)got[i]), bound[i]);
			return;
		}
	}
}

double check_dot_bound(const struct check *check, size_t cols, double terms)
{
	double roundings = check->plain ? 1 : 4.0 * (double)wick_div_up(cols, WICK_COLUMN_TILE) + 12;

	return (roundings + 2) * CHECK_U * terms + (roundings + 2) * 0x1p-149;
}
