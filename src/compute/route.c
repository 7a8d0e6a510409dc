/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A router's arithmetic (see route.h). */

#include "route.h"

#include <math.h>
#include <string.h>

static float largest(const float *z, uint32_t count)
{
	float most = z[0];

	for (uint32_t i = 1; i < count; i++)
		most = z[i] > most ? z[i] : most;
	return most;
}

/* In place. Unlike the kernel of attention, which may drop shares below 2^-126, in one order of sums on every processor. */
static void softmax(float *z, uint32_t count)
{
	float most = largest(z, count), sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		z[i] = expf(z[i] - most);
		sum += z[i];
	}
	for (uint32_t i = 0; i < count; i++)
		z[i] /= sum;
}

static void sigmoid(float *z, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		z[i] = 1 / (1 + expf(-z[i]));
}

static float rank_of(const float *scores, const float *bias, uint32_t id)
{
	return bias ? scores[id] + bias[id] : scores[id];
}

/* The best ids, best first; of equal ones those in front. */
static void choose(const float *scores, const float *bias, uint32_t count, uint32_t *ids, uint32_t chosen)
{
	uint32_t held = 0;

	for (uint32_t id = 0; id < count; id++) {
		float rank = rank_of(scores, bias, id);
		uint32_t at = held < chosen ? held++ : chosen;

		for (; at && rank > rank_of(scores, bias, ids[at - 1]); at--)
			if (at < chosen)
				ids[at] = ids[at - 1];
		if (at < chosen)
			ids[at] = id;
	}
}

static void sort(uint32_t *ids, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		uint32_t id = ids[i], at = i;

		for (; at && ids[at - 1] > id; at--)
			ids[at] = ids[at - 1];
		ids[at] = id;
	}
}

/* A sum of 0, all sigmoids being that small, gives weights of 0. */
static void normalise(float *weights, uint32_t count)
{
	float sum = 0;

	for (uint32_t i = 0; i < count; i++)
		sum += weights[i];
	for (uint32_t i = 0; i < count; i++)
		weights[i] = sum > 0 ? weights[i] / sum : 0;
}

static bool all_finite(const float *z, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!isfinite(z[i]))
			return false;
	return true;
}

bool wick_route_best(const struct wick_expert_facts *experts, float *z, const float *bias, uint32_t *ids, uint32_t most)
{
	if (!all_finite(z, experts->count))
		return false;
	if (experts->router == WICK_ROUTER_SIGMOID)
		sigmoid(z, experts->count);
	/* Shares are in the order of outputs, in which fewer are equal. */
	choose(z, bias, experts->count, ids, most);
	return true;
}

bool wick_route(const struct wick_expert_facts *experts, float *z, const float *bias, const uint16_t *given, uint32_t *ids,
	float *weights)
{
	if (!wick_route_best(experts, z, bias, ids, experts->chosen))
		return false;
	sort(ids, experts->chosen);
	for (uint32_t i = 0; given && i < experts->chosen; i++)
		ids[i] = given[i];
	if (experts->router == WICK_ROUTER_SOFTMAX)
		softmax(z, experts->count);
	for (uint32_t i = 0; i < experts->chosen; i++)
		weights[i] = z[ids[i]];
	if (experts->router == WICK_ROUTER_SOFTMAX_CHOSEN)
		softmax(weights, experts->chosen);
	if (experts->norm_weights)
		normalise(weights, experts->chosen);
	for (uint32_t i = 0; i < experts->chosen; i++)
		weights[i] *= experts->scale;
	return true;
}

void wick_chosen_make(struct wick_chosen *chosen, uint32_t experts, const uint32_t *ids, const float *weights, uint32_t m,
	uint32_t per_row, uint32_t *at)
{
	size_t pairs = (size_t)m * per_row;
	uint32_t sum = 0;

	memset(at, 0, experts * sizeof(*at));
	for (size_t i = 0; i < pairs; i++)
		if (ids[i] != WICK_UNROUTED)
			at[ids[i]]++;
	chosen->count = 0;
	for (uint32_t id = 0; id < experts; id++) {
		uint32_t rows = at[id];

		at[id] = sum;
		if (!rows)
			continue;
		chosen->ids[chosen->count] = id;
		chosen->first[chosen->count++] = sum;
		sum += rows;
	}
	chosen->first[chosen->count] = sum;
	for (size_t i = 0; i < pairs; i++) {
		if (ids[i] == WICK_UNROUTED)
			continue;
		chosen->rows[at[ids[i]]] = (uint32_t)(i / per_row);
		chosen->weights[at[ids[i]]++] = weights[i];
	}
}
