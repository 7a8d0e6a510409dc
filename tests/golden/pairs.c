/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Greedily (see pairs.h). */

#include "pairs.h"

#include <stdint.h>

const char *const dense_families[DENSE_FAMILIES] = { "llama3-bf16", "mistral-window-f16", "qwen2-f16", "qwen3-tied-bf16", "granite-f16",
	"gemma2-f16", "gemma3-f16", "phi2-f16", "phi3-long-f16", "falcon-7b-f16", "falcon-40b-f16", "gpt2-f16", "mpt-f16", "starcoder2-f16" };

#define OPEN UINT32_MAX /* a column that has no value yet */

static bool *pair_of(struct pairs *pairs, unsigned a, unsigned of_a, unsigned b, unsigned of_b)
{
	return a < b ? &pairs->met[a][of_a][b][of_b] : &pairs->met[b][of_b][a][of_a];
}

/* Into the row, two values that have not met. */
static bool begin(struct pairs *pairs, unsigned row[PAIRS_COLUMNS])
{
	for (unsigned a = 0; a < PAIRS_COLUMNS; a++)
		for (unsigned b = a + 1; b < PAIRS_COLUMNS; b++)
			for (unsigned i = 0; i < pairs->counts[a] * pairs->counts[b]; i++) {
				row[a] = i / pairs->counts[b];
				row[b] = i % pairs->counts[b];
				if (!*pair_of(pairs, a, row[a], b, row[b]))
					return true;
				row[a] = row[b] = OPEN;
			}
	return false;
}

/* How many values of the row one has not met. */
static unsigned gain(struct pairs *pairs, const unsigned row[PAIRS_COLUMNS], unsigned column, unsigned value)
{
	unsigned count = 0;

	for (unsigned other = 0; other < PAIRS_COLUMNS; other++)
		count += other != column && row[other] != OPEN && !*pair_of(pairs, column, value, other, row[other]);
	return count;
}

/* Of all values that which meets the most others; of several the first behind those of the columns before. */
static void fill(struct pairs *pairs, unsigned row[PAIRS_COLUMNS], unsigned column, unsigned start)
{
	unsigned count = pairs->counts[column], best = start % count;

	for (unsigned i = 1; i < count; i++)
		if (gain(pairs, row, column, (start + i) % count) > gain(pairs, row, column, best))
			best = (start + i) % count;
	row[column] = best;
}

bool pairs_next(struct pairs *pairs, unsigned row[PAIRS_COLUMNS])
{
	for (unsigned column = 0; column < PAIRS_COLUMNS; column++)
		row[column] = OPEN;
	if (!begin(pairs, row))
		return false;
	for (unsigned column = 0; column < PAIRS_COLUMNS; column++)
		if (row[column] == OPEN && pairs->counts[column])
			fill(pairs, row, column, row[0] == OPEN ? 0 : row[0]);
	for (unsigned a = 0; a < PAIRS_COLUMNS; a++)
		for (unsigned b = a + 1; b < PAIRS_COLUMNS && row[a] != OPEN; b++)
			if (row[b] != OPEN)
				*pair_of(pairs, a, row[a], b, row[b]) = true;
	return true;
}
