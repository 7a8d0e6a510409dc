/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Choosing the next token: softmax at a temperature, cut to the nucleus, one draw. A heap gives the most likely tokens
 * one by one, so that a vocabulary of 50,000 is not sorted for the twenty that matter. */

#include "sample.h"

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
	sampler->heap = wick_mem_take(mem, (uint64_t)vocab * sizeof(struct wick_candidate));
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

/* More likely first; among equals the lower id, so that the order is one. */
static bool before(struct wick_candidate a, struct wick_candidate b)
{
	return a.weight > b.weight || (a.weight == b.weight && a.id < b.id);
}

static void sift_down(struct wick_candidate *heap, uint32_t count, uint32_t at)
{
	struct wick_candidate moving = heap[at];

	for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count && before(heap[child + 1], heap[child]))
			child++;
		if (!before(heap[child], moving))
			break;
		heap[at] = heap[child];
	}
	heap[at] = moving;
}

/* Moves the most likely candidate behind the rest of the heap. */
static void pop(struct wick_candidate *heap, uint32_t count)
{
	struct wick_candidate top = heap[0];

	heap[0] = heap[count - 1];
	sift_down(heap, count - 1, 0);
	heap[count - 1] = top;
}

uint32_t wick_sampler_pick(struct wick_sampler *sampler, const float *logits, float temp, float top_p)
{
	struct wick_candidate *heap = sampler->heap;
	uint32_t best = highest(logits, sampler->vocab), taken = 0;
	double total = 0, nucleus = 0, mark;

	if (temp <= 0)
		return best;
	for (uint32_t i = 0; i < sampler->vocab; i++) {
		heap[i] = (struct wick_candidate){ .weight = expf((logits[i] - logits[best]) / temp), .id = i };
		total += heap[i].weight;
	}
	for (uint32_t i = sampler->vocab / 2; i-- > 0;)
		sift_down(heap, sampler->vocab, i);
	while (taken < sampler->vocab && (!taken || nucleus < top_p * total)) {
		pop(heap, sampler->vocab - taken);
		nucleus += heap[sampler->vocab - ++taken].weight;
	}
	mark = draw(sampler) * nucleus;
	for (uint32_t i = 1; i < taken; i++) {
		mark -= heap[sampler->vocab - i].weight;
		if (mark < 0)
			return heap[sampler->vocab - i].id;
	}
	return heap[sampler->vocab - taken].id;
}
