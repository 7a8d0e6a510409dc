/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Floating point numbers of 8 bits (see fp8.h): a sign, four bits of exponent, whose 7 is 2 to the 0, and three of fraction. */

#include "fp8.h"

#include <math.h>

#define NAN_BITS 0x7fu

static float e4m3(uint8_t code)
{
	unsigned bits = code & 0x7f, exponent = bits >> 3, fraction = bits & 7;
	float value;

	if (bits == NAN_BITS)
		return NAN;
	value = exponent ? ldexpf((float)(8 + fraction), (int)exponent - 10) : ldexpf((float)fraction, -9);
	return code & 0x80 ? -value : value;
}

void wick_fp8_e4m3_to_f32(float *numbers, const uint8_t *codes, uint64_t count)
{
	float table[256];

	for (unsigned code = 0; code < 256; code++)
		table[code] = e4m3((uint8_t)code);
	for (uint64_t i = 0; i < count; i++)
		numbers[i] = table[codes[i]];
}
