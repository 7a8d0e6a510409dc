/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Numbers from a counter (see synthetic.h): one step of the generator gives four. */

#include "synthetic_source.h"

#include "bits.h"
#include "check.h"
#include "fnv.h"
#include "splitmix.h"

#include <string.h>

#define LANES 4                              /* of 16 bits */
#define STEP (0.02f * 3.46410162f / 65536)   /* 0.02 * sqrt(12) is the width of all 65536 steps */
#define MIDDLE 32767.5f

uint64_t wick_synthetic_seed(const char *name)
{
	return wick_splitmix_mix(wick_fnv(WICK_FNV_BEGIN, name, strlen(name)));
}

/* Numbers [first, first + count) behind `into`, which need not be aligned. */
WICK_WRAPS static void make(uint8_t *into, uint64_t seed, float around, uint64_t first, uint64_t count)
{
	for (uint64_t i = first; i < first + count;) {
		uint64_t bits = wick_splitmix_mix(seed + i / LANES * WICK_SPLITMIX_STEP) >> 16 * (i % LANES);

		do {
			float number = around + ((float)(uint16_t)bits - MIDDLE) * STEP;

			memcpy(into, &number, sizeof(number));
			into += sizeof(number);
			bits >>= 16;
		} while (++i % LANES && i < first + count);
	}
}

void wick_synthetic_numbers(float *into, const char *name, float around, uint64_t count)
{
	make((uint8_t *)into, wick_synthetic_seed(name), around, 0, count);
}

static int read_made(struct wick_source_file *file, const struct wick_source_tensor *tensor, uint64_t offset,
	void *into, uint64_t bytes, struct wick_diag *diag)
{
	(void)file;
	(void)diag;
	wick_require(offset % sizeof(float) == 0 && bytes % sizeof(float) == 0);
	make(into, wick_synthetic_seed(tensor->name), (float)tensor->entry, offset / sizeof(float), bytes / sizeof(float));
	return 0;
}

const struct wick_source_format wick_synthetic_format = { .made = true, .read = read_made };
