/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Choosing the next token (see sample.h). The kept candidates are always the last in the array: a heap gives the
 * likeliest one by one, so that a vocabulary of 50,000 is not sorted for the twenty that matter. */

#include "sample.h"

#include "bits.h"
#include "heap.h"
#include "mem.h"
#include "splitmix.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

uint64_t wick_sampler_bytes(uint32_t vocab)
{
	return wick_mem_cost((uint64_t)vocab * sizeof(struct wick_candidate)) +
		wick_mem_cost((uint64_t)vocab * sizeof(uint32_t));
}

void wick_sampler_init(struct wick_sampler *sampler, uint32_t vocab, struct wick_mem *mem)
{
	*sampler = (struct wick_sampler){ .vocab = vocab };
	sampler->candidates = wick_mem_take(mem, (uint64_t)vocab * sizeof(struct wick_candidate));
	sampler->counts = wick_mem_take(mem, (uint64_t)vocab * sizeof(uint32_t));
	memset(sampler->counts, 0, (size_t)vocab * sizeof(uint32_t));
}

static void add_biases(struct wick_sampler *sampler, const struct wick_sampling *sampling, const uint8_t *stops)
{
	for (uint32_t i = 0; i < sampling->bias_count; i++)
		if (sampling->biases[i].id < sampler->vocab)
			sampler->candidates[sampling->biases[i].id].weight += sampling->biases[i].add;
	for (uint32_t id = 0; sampling->ignore_stops && id < sampler->vocab; id++)
		if (stops[id / 8] >> id % 8 & 1)
			sampler->candidates[id].weight = -INFINITY;
}

static void penalise(struct wick_candidate *candidate, uint32_t count, const struct wick_sampling *sampling)
{
	if (sampling->repeat_penalty > 0)
		candidate->weight = candidate->weight > 0 ? candidate->weight / sampling->repeat_penalty :
							    candidate->weight * sampling->repeat_penalty;
	candidate->weight -= sampling->frequency_penalty * (float)count + sampling->presence_penalty;
}

/* Each recent token once, with how often it is there. */
static void add_penalties(struct wick_sampler *sampler, const struct wick_sampling *sampling)
{
	for (uint32_t i = 0; i < sampling->recent_count; i++)
		if (sampling->recent[i] < sampler->vocab)
			sampler->counts[sampling->recent[i]]++;
	for (uint32_t i = 0; i < sampling->recent_count; i++) {
		uint32_t id = sampling->recent[i];

		if (id >= sampler->vocab || !sampler->counts[id])
			continue;
		penalise(&sampler->candidates[id], sampler->counts[id], sampling);
		sampler->counts[id] = 0;
	}
}

static uint32_t highest(const struct wick_sampler *sampler)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < sampler->vocab; i++)
		if (sampler->candidates[i].weight > sampler->candidates[best].weight)
			best = i;
	return best;
}

static void swap(struct wick_candidate *candidates, uint32_t i, uint32_t j)
{
	struct wick_candidate kept = candidates[i];

	candidates[i] = candidates[j];
	candidates[j] = kept;
}

/* Less likely; among equals the higher id, so that the order is one. */
static bool is_less_likely(const void *of, uint32_t i, uint32_t j)
{
	const struct wick_candidate *a = (const struct wick_candidate *)of + i, *b = (const struct wick_candidate *)of + j;

	return a->weight < b->weight || (a->weight == b->weight && a->id > b->id);
}

static void swap_candidates(void *of, uint32_t i, uint32_t j)
{
	swap(of, i, j);
}

static double sum(const struct wick_sampler *sampler, uint32_t from)
{
	double total = 0;

	for (uint32_t i = from; i < sampler->vocab; i++)
		total += sampler->candidates[i].weight;
	return total;
}

/* top_k, top_p and min_p. Returns where what they keep begins. */
static uint32_t keep_likeliest(struct wick_sampler *sampler, const struct wick_sampling *sampling)
{
	struct wick_candidate *candidates = sampler->candidates;
	const struct wick_heap heap = { candidates, is_less_likely, swap_candidates };
	uint32_t vocab = sampler->vocab, most = sampling->top_k ? WICK_MIN(sampling->top_k, vocab) : vocab, taken = 0;
	double total, nucleus = 0;

	if (most == vocab && sampling->top_p >= 1 && sampling->min_p <= 0)
		return 0;
	wick_heap_build(&heap, vocab);
	for (uint32_t i = 0; sampling->top_k && i < most; i++)
		wick_heap_pop(&heap, vocab - i);
	total = sum(sampler, sampling->top_k ? vocab - most : 0);
	while (taken < most && (!taken || nucleus < (double)sampling->top_p * total)) {
		if (!sampling->top_k)
			wick_heap_pop(&heap, vocab - taken);
		if (taken && candidates[vocab - 1 - taken].weight < sampling->min_p * candidates[vocab - 1].weight)
			break;
		nucleus += candidates[vocab - ++taken].weight;
	}
	return vocab - taken;
}

/* Candidates by how far their surprise, -ln p, is from the expected one. */
struct surprise {
	struct wick_candidate *candidates;
	double expected; /* as -ln of a weight */
};

static double distance(const struct surprise *surprise, uint32_t i)
{
	return fabs(-log((double)surprise->candidates[i].weight) - surprise->expected);
}

static bool is_less_typical(const void *of, uint32_t i, uint32_t j)
{
	const struct surprise *surprise = of;
	double a = distance(surprise, i), b = distance(surprise, j);

	return a > b || (a == b && surprise->candidates[i].id > surprise->candidates[j].id);
}

static void swap_surprise(void *of, uint32_t i, uint32_t j)
{
	swap(((struct surprise *)of)->candidates, i, j);
}

/* The surprise of a token is -ln(weight / total), so that ln total falls out of every difference. */
static uint32_t keep_typical(struct wick_sampler *sampler, uint32_t from, const struct wick_sampling *sampling)
{
	struct surprise surprise = { .candidates = sampler->candidates + from };
	const struct wick_heap heap = { &surprise, is_less_typical, swap_surprise };
	uint32_t count = sampler->vocab - from, taken = 0;
	double total = sum(sampler, from), share = 0;

	if (sampling->typical_p <= 0 || sampling->typical_p >= 1)
		return from;
	for (uint32_t i = 0; i < count; i++)
		if (surprise.candidates[i].weight > 0)
			surprise.expected -= surprise.candidates[i].weight / total * log((double)surprise.candidates[i].weight);
	wick_heap_build(&heap, count);
	while (taken < count && (!taken || share < (double)sampling->typical_p * total)) {
		wick_heap_pop(&heap, count - taken);
		share += surprise.candidates[count - ++taken].weight;
	}
	return sampler->vocab - taken;
}

uint32_t wick_sampler_weigh(struct wick_sampler *sampler, const float *logits, const struct wick_sampling *sampling,
	const uint8_t *stops)
{
	struct wick_candidate *candidates = sampler->candidates;
	uint32_t best;
	float top;

	for (uint32_t id = 0; id < sampler->vocab; id++)
		candidates[id] = (struct wick_candidate){ .weight = logits[id], .id = id };
	add_biases(sampler, sampling, stops);
	add_penalties(sampler, sampling);
	best = highest(sampler);
	top = candidates[best].weight;
	if (sampling->temp <= 0 || isinf(top)) {
		swap(candidates, best, sampler->vocab - 1);
		candidates[sampler->vocab - 1].weight = 1;
		return sampler->vocab - 1;
	}
	for (uint32_t id = 0; id < sampler->vocab; id++)
		candidates[id].weight = expf((candidates[id].weight - top) / sampling->temp);
	return keep_typical(sampler, keep_likeliest(sampler, sampling), sampling);
}

/* Number `position` of the seed's, in [0, 1). */
WICK_WRAPS static double draw(uint64_t seed, uint64_t position)
{
	return (double)(wick_splitmix_mix(seed + (position + 1) * WICK_SPLITMIX_STEP) >> 11) * 0x1p-53;
}

uint32_t wick_sampler_pick(struct wick_sampler *sampler, const float *logits, const struct wick_sampling *sampling,
	const uint8_t *stops, uint64_t position)
{
	uint32_t from = wick_sampler_weigh(sampler, logits, sampling, stops), last = sampler->vocab - 1;
	double mark = draw(sampler->seed, position) * sum(sampler, from);

	for (uint32_t i = sampler->vocab; i-- > from;) {
		if (sampler->candidates[i].weight <= 0)
			continue;
		last = i;
		mark -= sampler->candidates[i].weight;
		if (mark < 0)
			break;
	}
	return sampler->candidates[last].id;
}
