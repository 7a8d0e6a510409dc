/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Choosing the next token from logits. */

#include <stdint.h>

struct wick_mem;

struct wick_candidate {
	float weight; /* exp((logit - highest) / temp), not normalised */
	uint32_t id;
};

struct wick_sampler {
	uint64_t state; /* of the generator */
	uint32_t vocab;
	struct wick_candidate *candidates; /* (vocab); a heap */
};

uint64_t wick_sampler_bytes(uint32_t vocab);
void wick_sampler_init(struct wick_sampler *sampler, uint32_t vocab, struct wick_mem *mem);
void wick_sampler_seed(struct wick_sampler *sampler, uint64_t seed);

/* temp 0: the highest logit, the lowest id among equals. Otherwise from the smallest set of most likely tokens whose
 * share is at least top_p. Same seed, logits and settings: same token. */
uint32_t wick_sampler_pick(struct wick_sampler *sampler, const float *logits, float temp, float top_p);
