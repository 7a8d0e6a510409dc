/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Choosing the next token from logits, in this order, which is that of Hugging Face's transformers:
 *
 *     1. logit biases are added; tokens that end a text are out where they are to be ignored
 *     2. penalties for recent tokens: a logit is divided by repeat_penalty (multiplied, if it is negative), and
 *        frequency_penalty is taken off as often as the token is there, presence_penalty once
 *     3. temp: 0 takes the highest, the lowest id among equals, and the rest is left out
 *     4. top_k: the likeliest tokens, lower ids before higher among equals
 *     5. top_p: the smallest set of the likeliest of those that has this share of their probability
 *     6. min_p: those of them that are at least this share as likely as the likeliest
 *     7. typical_p: the smallest set, of those whose surprise is nearest to the expected one, that has this share
 *     8. a draw among what is left, by probability
 *
 * The random number of a draw is a function of the seed and the position alone: the same seed gives the same text,
 * however it was computed. */

#include <stdint.h>
#include <wick/wick.h>

struct wick_mem;

struct wick_candidate {
	float weight; /* a logit, then exp((logit - highest) / temp), not normalised */
	uint32_t id;
};

struct wick_sampler {
	uint64_t seed;
	uint32_t vocab;                    /* tokens that can be chosen, the first of each row of logits */
	struct wick_candidate *candidates; /* (vocab) */
	uint32_t *counts;                  /* (vocab) of recent tokens; 0 between two calls */
};

uint64_t wick_sampler_bytes(uint32_t vocab);
void wick_sampler_init(struct wick_sampler *sampler, uint32_t vocab, struct wick_mem *mem);

/* Leaves what can be chosen in the candidates behind the number returned, with their weights. stops: bits of the tokens
 * that end a text. */
uint32_t wick_sampler_weigh(struct wick_sampler *sampler, const float *logits, const struct wick_sampling *sampling,
	const uint8_t *stops);

/* The token behind this position. */
uint32_t wick_sampler_pick(struct wick_sampler *sampler, const float *logits, const struct wick_sampling *sampling,
	const uint8_t *stops, uint64_t position);
