/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Choosing the next token: softmax at a temperature, cut to the nucleus, one draw. A heap gives the most likely tokens
 * one by one, so that a vocabulary of 50,000 is not sorted for the twenty that matter. */

#include "sample.h"

#include "heap.h"
#include "mem.h"
#include "splitmix.h"

#include <math.h>
#include <stdbool.h>

uint64_t wick_sampler_bytes(uint32_t vocab)
{
	return wick_mem_cost((uint64_t)vocab * sizeof(struct wick_candidate));
}

void wick_sampler_init(struct wick_sampler *sampler, uint32_t vocab, struct wick_mem *mem)
{
	*sampler = (struct wick_sampler){ .vocab = vocab };
	sampler->candidates = wick_mem_take(mem, (uint64_t)vocab * sizeof(struct wick_candidate));
}

void wick_sampler_seed(struct wick_sampler *sampler, uint64_t seed)
{
	sampler->state = seed;
}

/* The next number of [0, 1). */
static double draw(struct wick_sampler *sampler)
{
	return (double)(wick_splitmix_draw(&sampler->state) >> 11) * 0x1p-53;
}

static uint32_t highest(const float *logits, uint32_t count)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < count; i++)
		if (logits[i] > logits[best])
			best = i;
	return best;
}

/* Less likely; among equals the higher id, so that the order is one. */
static bool is_below(const void *of, uint32_t i, uint32_t j)
{
	const struct wick_candidate *a = (const struct wick_candidate *)of + i, *b = (const struct wick_candidate *)of + j;

	return a->weight < b->weight || (a->weight == b->weight && a->id > b->id);
}

static void swap(void *of, uint32_t i, uint32_t j)
{
	struct wick_candidate *candidates = of, kept = candidates[i];

	candidates[i] = candidates[j];
	candidates[j] = kept;
}

uint32_t wick_sampler_pick(struct wick_sampler *sampler, const float *logits, float temp, float top_p)
{
	struct wick_candidate *candidates = sampler->candidates;
	const struct wick_heap heap = { candidates, is_below, swap };
	uint32_t best = highest(logits, sampler->vocab), taken = 0;
	double total = 0, nucleus = 0, mark;

	if (temp <= 0)
		return best;
	for (uint32_t i = 0; i < sampler->vocab; i++) {
		candidates[i] = (struct wick_candidate){ .weight = expf((logits[i] - logits[best]) / temp), .id = i };
		total += candidates[i].weight;
	}
	wick_heap_build(&heap, sampler->vocab);
	while (taken < sampler->vocab && (!taken || nucleus < top_p * total)) {
		wick_heap_pop(&heap, sampler->vocab - taken);
		nucleus += candidates[sampler->vocab - ++taken].weight;
	}
	mark = draw(sampler) * nucleus;
	for (uint32_t i = 1; i < taken; i++) {
		mark -= candidates[sampler->vocab - i].weight;
		if (mark < 0)
			return candidates[sampler->vocab - i].id;
	}
	return candidates[sampler->vocab - taken].id;
}
