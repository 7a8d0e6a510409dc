/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* How many bytes each predictor gets. The errors of a predictor fall about with its rank and grow with the neurons that
 * fire, a / rank in all, so a layer in which more of them fire is worth more of the bytes: ranks end up as the square
 * roots of the shares that fire, which a first sweep of a few chunks counts. A prediction a layer ahead is limited by
 * the information that is there so early, and its ranks are all the same. */

#include "train.h"

#include "bits.h"

#include <errno.h>
#include <stdlib.h>

#define CENSUS_CHUNKS 16u
#define RANK_TIMES_MAX 3 /* the mean */

/* Ranks come in blocks of the type that packs tightest. */
static uint32_t rank_block(void)
{
	return wick_types[WICK_Q4_0].block;
}

static double block_bytes(const struct wick_train *train)
{
	const struct wick_shape *shape = &train->model->shape;

	return (double)(shape->d_model + shape->n_ff) * (double)wick_type_bytes(train->type, rank_block());
}

/* Blocks that a share of the model's bytes pays for, beside the biases of `count` predictors. */
static uint64_t blocks_for(const struct wick_train *train, double share, uint32_t count)
{
	const struct wick_shape *shape = &train->model->shape;
	double bytes = share * (double)shape->source_bytes - (double)count * shape->n_ff * sizeof(float);

	return bytes > 0 ? (uint64_t)(bytes / block_bytes(train)) : 0;
}

/* Beyond the model's own width a low rank is none. */
static uint32_t blocks_max(const struct wick_train *train)
{
	return WICK_MAX(WICK_MIN(train->model->shape.d_model, train->model->shape.n_ff) / rank_block(), 1u);
}

uint32_t wick_train_rank_max(const struct wick_train *train)
{
	uint32_t layers = train->model->shape.layers;
	uint64_t most = wick_div_up(blocks_for(train, train->share, layers) * RANK_TIMES_MAX, layers);

	return (uint32_t)WICK_MIN(most, blocks_max(train)) * rank_block();
}

static uint64_t count_bits(const uint8_t *bytes, size_t count)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < count; i++)
		bits += (uint64_t)__builtin_popcount(bytes[i]);
	return bits;
}

/* Neurons that fire in each layer, on the first chunks. */
static int census(struct wick_train *train, double *fired)
{
	uint32_t chunks = train->chunks;
	int rc;

	train->chunks = WICK_MIN(chunks, CENSUS_CHUNKS);
	rc = wick_train_sweep_begin(train);
	for (uint32_t i = 0; rc == 0 && i < train->model->shape.layers; i++) {
		rc = wick_train_sweep_layer(train, i);
		fired[i] = (double)count_bits(train->fired, wick_train_tokens(train) * train->fired_bytes);
	}
	wick_train_sweep_end(train);
	train->chunks = chunks;
	return rc;
}

/* One block each, and the others one after the other to where they mend the most. */
static void divide(const double *fired, uint32_t layers, uint32_t most, uint64_t blocks, uint32_t *given)
{
	for (uint32_t i = 0; i < layers; i++)
		given[i] = 1;
	for (uint64_t left = blocks - layers; left; left--) {
		uint32_t best = layers;
		double mended = 0;

		for (uint32_t i = 0; i < layers; i++) {
			double some = fired[i] / given[i] - fired[i] / (given[i] + 1);

			if (given[i] < most && (best == layers || some > mended)) {
				best = i;
				mended = some;
			}
		}
		if (best == layers)
			return;
		given[best]++;
	}
}

static int make_trained(struct wick_train *train, struct wick_trained *trained, uint32_t rank)
{
	const struct wick_shape *shape = &train->model->shape;
	struct wick_fitted *fitted = &trained->fitted;

	trained->rank = rank;
	if (!rank)
		return 0;
	fitted->in = malloc(rank * wick_type_bytes(train->type, shape->d_model));
	fitted->out = malloc(shape->n_ff * wick_type_bytes(train->type, rank));
	fitted->bias = malloc(shape->n_ff * sizeof(float));
	fitted->counts = malloc(2 * sizeof(*fitted->counts));
	if (!fitted->in || !fitted->out || !fitted->bias || !fitted->counts)
		return wick_diag_say(train->diag, -ENOMEM, "no memory for a predictor of rank %u", rank);
	return 0;
}

static int make_all(struct wick_train *train, const uint32_t *given)
{
	uint32_t layers = train->model->shape.layers, ahead = 0;
	int rc = 0;

	if (layers > 1 && train->ahead_share > 0)
		ahead = (uint32_t)WICK_MIN(blocks_for(train, train->ahead_share, layers - 1) / (layers - 1), blocks_max(train));
	for (uint32_t i = 0; rc == 0 && i < layers; i++) {
		rc = make_trained(train, &train->own[i], given[i] * rank_block());
		if (rc == 0 && i + 1 < layers)
			rc = make_trained(train, &train->ahead[i], ahead * rank_block());
	}
	return rc;
}

int wick_train_allot(struct wick_train *train)
{
	uint32_t layers = train->model->shape.layers, *given;
	uint64_t blocks = blocks_for(train, train->share, layers);
	double *fired;
	int rc;

	if (blocks < layers)
		return wick_diag_say(train->diag, -EINVAL,
			"%.2f%% of the model are too few bytes for its predictors: not even a rank of %u",
			100 * train->share, rank_block());
	train->own = calloc(layers, sizeof(*train->own));
	train->ahead = calloc(layers, sizeof(*train->ahead));
	fired = calloc(layers, sizeof(*fired));
	given = calloc(layers, sizeof(*given));
	if (!train->own || !train->ahead || !fired || !given)
		rc = wick_diag_say(train->diag, -ENOMEM, "no memory for predictors of %u layers", layers);
	else
		rc = census(train, fired);
	if (rc == 0) {
		divide(fired, layers, wick_train_rank_max(train) / rank_block(), blocks, given);
		rc = make_all(train, given);
	}
	free(fired);
	free(given);
	return rc;
}
