/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Which neurons a layer computes (see choose.h). */

#include "choose.h"

#include "bits.h"
#include "heap.h"

#include <math.h>
#include <string.h>

int wick_choose_begin(struct wick_chooser *chooser, uint32_t row, uint32_t token, struct wick_diag *diag)
{
	return wick_trace_seek(chooser->trace[row], token, diag);
}

/* All that are not 0: nothing is missed, and nothing is too many but what up lets down. Not a number is one of them. */
static uint32_t open_gates(const struct wick_chooser *chooser, const float *gate, uint32_t end, uint32_t *ids)
{
	bool relu = wick_act_is_relu(chooser->gated->act);
	uint32_t count = 0;

	for (uint32_t i = 0; i < end; i++) {
		ids[count] = i;
		count += relu ? !(gate[i] <= chooser->gated->threshold) : gate[i] != 0;
	}
	return count;
}

uint32_t wick_choose(const struct wick_chooser *chooser, uint32_t layer, uint32_t row, const float *x, const float *gate, uint32_t *ids)
{
	uint32_t count = 0;

	if (chooser->gated)
		count = open_gates(chooser, gate, chooser->n_ff, ids);
	if (chooser->active)
		count = wick_predict(&chooser->active[layer], chooser->compute, x, chooser->scratch, NULL, ids);
	if (chooser->trace[0])
		count = wick_trace_active(chooser->trace[row], layer, ids);
	return count;
}

uint32_t wick_choose_early(const struct wick_chooser *chooser, uint32_t layer, uint32_t row, const float *gate, uint32_t end,
	uint32_t *ids)
{
	uint32_t count = open_gates(chooser, gate, end, ids);

	if (!chooser->trace[0])
		return count;
	count = wick_trace_active(chooser->trace[row], layer, ids);
	while (count && ids[count - 1] >= end)
		count--;
	return count;
}

bool wick_choose_ahead(const struct wick_chooser *chooser, uint32_t layer)
{
	if (layer + 1 >= chooser->layers)
		return false;
	return chooser->trace[0] ? wick_trace_shape(chooser->trace[0])->lookahead : chooser->likely != NULL;
}

/* Neurons with their probabilities, two arrays in step. */
struct likely {
	uint32_t *ids;
	float *probability;
};

/* The likeliest is the lowest, and so comes first. */
static bool is_likelier(const void *of, uint32_t i, uint32_t j)
{
	const struct likely *likely = of;

	return likely->probability[i] > likely->probability[j];
}

static void swap(void *of, uint32_t i, uint32_t j)
{
	struct likely *likely = of;
	uint32_t id = likely->ids[i];
	float p = likely->probability[i];

	likely->ids[i] = likely->ids[j];
	likely->probability[i] = likely->probability[j];
	likely->ids[j] = id;
	likely->probability[j] = p;
}

void wick_choose_likeliest_first(uint32_t *ids, float *probability, uint32_t count)
{
	struct likely likely = { ids, probability };
	const struct wick_heap heap = { &likely, is_likelier, swap };

	wick_heap_sort(&heap, count);
}

static float chance_of(float score)
{
	return 1 / (1 + expf(-score));
}

/* Those likely enough, still in ascending order, with the probability that their scores stand for. */
static uint32_t keep_likely(const float *scores, uint32_t *ids, float *probability, uint32_t count)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		float p = chance_of(scores[ids[i]]);

		ids[kept] = ids[i];
		probability[kept] = p;
		kept += p >= WICK_LIKELY;
	}
	return kept;
}

/* The same ids ascending; scores serve as marks. */
static void sort_ascending(uint32_t *sorted, const uint32_t *ids, uint32_t count, float *scores, uint32_t n_ff)
{
	uint32_t kept = 0;

	memset(scores, 0, n_ff * sizeof(*scores));
	for (uint32_t i = 0; i < count; i++)
		scores[ids[i]] = 1;
	for (uint32_t id = 0; kept < count; id++)
		if (scores[id] > 0)
			sorted[kept++] = id;
}

uint32_t wick_choose_likely(const struct wick_chooser *chooser, uint32_t layer, const float *x, uint32_t *ids,
	float *probability, uint32_t *sorted)
{
	uint32_t count = 0;

	if (chooser->likely) {
		count = wick_predict(&chooser->likely[layer], chooser->compute, x, chooser->scratch, chooser->scores, sorted);
		count = keep_likely(chooser->scores, sorted, probability, count);
	}
	if (chooser->trace[0]) {
		count = wick_trace_likely(chooser->trace[0], layer + 1, ids, probability, chooser->n_ff);
		while (count && probability[count - 1] < WICK_LIKELY)
			count--;
		sort_ascending(sorted, ids, count, chooser->scores, chooser->n_ff);
	} else {
		memcpy(ids, sorted, count * sizeof(*ids));
		wick_choose_likeliest_first(ids, probability, count);
	}
	return count;
}

/* Raises the probability (n_ff) of what a row thinks likely. ids and sorted are scratch. */
static void raise_likely(const struct wick_chooser *chooser, uint32_t layer, uint32_t row, const float *x, uint32_t *ids,
	float *probability, uint32_t *sorted)
{
	uint32_t count = 0;

	if (chooser->likely)
		count = wick_predict(&chooser->likely[layer], chooser->compute, x, chooser->scratch, chooser->scores, sorted);
	for (uint32_t i = 0; !chooser->trace[0] && i < count; i++)
		probability[sorted[i]] = WICK_MAX(probability[sorted[i]], chance_of(chooser->scores[sorted[i]]));
	if (!chooser->trace[0])
		return;
	count = wick_trace_likely(chooser->trace[row], layer + 1, ids, chooser->scores, chooser->n_ff);
	for (uint32_t i = 0; i < count; i++)
		probability[ids[i]] = WICK_MAX(probability[ids[i]], chooser->scores[i]);
}

uint32_t wick_choose_likely_of_any(const struct wick_chooser *chooser, uint32_t layer, const float *x, size_t ldx, uint32_t m,
	uint32_t *ids, float *probability, uint32_t *sorted)
{
	uint32_t count = 0;

	memset(probability, 0, chooser->n_ff * sizeof(*probability));
	for (uint32_t row = 0; row < m; row++)
		raise_likely(chooser, layer, row, x + row * ldx, ids, probability, sorted);
	for (uint32_t id = 0; id < chooser->n_ff; id++) {
		sorted[count] = ids[count] = id;
		probability[count] = probability[id];
		count += probability[id] >= WICK_LIKELY;
	}
	wick_choose_likeliest_first(ids, probability, count);
	return count;
}
