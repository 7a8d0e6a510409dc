/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Slots to layers: no other division has more expected hits, by trying all. */

#include "cache_slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { LAYERS = 3, N_FF = 5 };

/* Shares of 16 tokens, so that sums are exact and some are equal; about half of a layer never fires. */
static void make_firing(float firing[LAYERS][N_FF], uint32_t *random)
{
	for (uint32_t i = 0; i < LAYERS; i++) {
		float share = 1;

		for (uint32_t k = 0; k < N_FF; k++) {
			*random = *random * 1664525u + 1013904223u;
			share = (float)((int)(share * 16) * (int)(*random >> 28) / 16) / 16;
			firing[i][k] = share;
		}
	}
}

/* At each token, when every layer keeps the neurons that fire most often. */
static float hits(float firing[LAYERS][N_FF], const uint32_t slots[LAYERS])
{
	float sum = 0;

	for (uint32_t i = 0; i < LAYERS; i++)
		for (uint32_t k = 0; k < slots[i]; k++)
			sum += firing[i][k];
	return sum;
}

static float most_hits(float firing[LAYERS][N_FF], uint32_t least, uint32_t total)
{
	float most = -1;

	for (uint32_t a = least; a <= N_FF; a++)
		for (uint32_t b = least; b <= N_FF; b++)
			for (uint32_t c = least; c <= N_FF; c++) {
				const uint32_t slots[LAYERS] = { a, b, c };

				if (a + b + c == total && hits(firing, slots) > most)
					most = hits(firing, slots);
			}
	return most;
}

static void none_is_better(void **state)
{
	uint32_t random = 1;

	(void)state;
	for (unsigned round = 0; round < 500; round++)
		for (uint32_t least = 0; least <= N_FF; least++)
			for (uint32_t total = LAYERS * least; total <= LAYERS * N_FF; total++) {
				float firing[LAYERS][N_FF];
				uint32_t slots[LAYERS];

				make_firing(firing, &random);
				wick_cache_slots_divide(firing[0], LAYERS, N_FF, least, total, slots);
				for (uint32_t i = 0; i < LAYERS; i++)
					assert_in_range(slots[i], least, N_FF);
				assert_int_equal(slots[0] + slots[1] + slots[2], total);
				assert_true(hits(firing, slots) == most_hits(firing, least, total));
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_is_better),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
