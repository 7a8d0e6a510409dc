/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick_train(): opening, memory, the order of things (see train.h). */

#include "train.h"

#include "bits.h"
#include "gguf.h"
#include "memory_limits.h"
#include "pool.h"
#include "predictor_set.h"
#include "tokenizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_MAX 512u
#define TOKENS_DEFAULT 131072u
#define TOKENS_OF_GATES 16384u /* to count with, and learn nothing from */
#define STEPS_DEFAULT 1200
#define SHARE_DEFAULT 0.04
#define AHEAD_DEFAULT 0.02
#define CHUNK_BYTES (1u << 20) /* of one read */
#define DEPTH 32
#define FIXED_BYTES (32ull << 20) /* code, libraries, OpenBLAS's buffers, the text's pieces */

/* Types that a predictor of this model can be stored in: 4 bits, or 16 where the width is not in whole blocks. */
static enum wick_type stored_type(const struct wick_shape *shape)
{
	return shape->d_model % wick_types[WICK_Q4_0].block ? WICK_F16 : WICK_Q4_0;
}

static int check_model(const struct wick_train *train, const char *path)
{
	const struct wick_shape *shape = &train->model->shape;

	if (wick_gate_is_apart(shape) && wick_is_relu(shape))
		return wick_diag_say(train->diag, -EINVAL, "%s: its gates say which neurons fire: there is nothing to predict", path);
	if (!wick_is_relu(shape) && !wick_gate_is_soft(shape) && !wick_has_experts(shape))
		return wick_diag_say(train->diag, -EINVAL,
			"%s: its activation is not ReLU: every neuron counts, and there is nothing to predict", path);
	return 0;
}

static int open_model(struct wick_train *train, const char *path)
{
	int rc = wick_model_open(&train->model, path, train->diag);

	if (rc == 0)
		rc = check_model(train, path);
	if (rc == 0)
		rc = wick_tokenizer_create(&train->tokenizer, train->model->gguf, train->model->shape.vocab, train->diag);
	if (rc)
		return rc;
	wick_kernels_init(&train->kernels, ~0u);
	train->path = wick_predictor_set_path(path);
	return train->path ? 0 : wick_diag_say(train->diag, -ENOMEM, "%s: no memory for a name", path);
}

/* What reads and multiplies a layer. */
static int open_layers(struct wick_train *train, const char *path)
{
	struct wick_io_options io = { .depth = DEPTH, .retries = WICK_IO_RETRIES };
	int rc = wick_file_open_grained(&train->file, path, true, WICK_FILE_ALIGN, train->diag);

	if (rc == 0)
		rc = wick_gguf_check_same(train->model->gguf, train->file.fd, train->diag);
	if (rc == 0)
		rc = wick_io_create(&train->io, &io, train->diag);
	if (rc == 0)
		rc = wick_pool_create(&train->pool, train->options->threads, train->diag);
	if (rc == 0)
		rc = wick_gemm_init(wick_pool_threads(train->pool), train->diag);
	if (rc)
		return rc;
	train->fetch = (struct wick_fetch){ .file = &train->file, .io = train->io, .kernels = &train->kernels,
		.pool = train->pool, .chunk_bytes = CHUNK_BYTES };
	train->type = stored_type(&train->model->shape);
	return 0;
}

/* A token's share of memory: its residual, two inputs, a bit a neuron, its id twice. */
static uint64_t token_bytes(const struct wick_shape *shape)
{
	return (uint64_t)shape->d_model * (sizeof(float) + 2 * sizeof(uint16_t)) + wick_div_up(shape->n_ff, 8) +
		3 * sizeof(uint32_t);
}

/* Memory shared by all tokens: a layer, the predictors of all layers, and buffers for learning one. */
static uint64_t layer_bytes(const struct wick_train *train)
{
	const struct wick_shape *shape = &train->model->shape;
	uint64_t weights = (uint64_t)shape->n_ff * shape->stride +
		4 * (uint64_t)shape->d_model * wick_type_bytes(shape->type, shape->d_model);
	uint64_t tables = shape->vocab * wick_type_bytes(shape->type, shape->d_embed);
	uint64_t rank = wick_train_rank_max(train), sizes = rank * (shape->d_model + (uint64_t)shape->n_ff) * sizeof(float);
	uint64_t learning = 6 * sizes + 2 * WICK_FIT_BATCH * (uint64_t)shape->n_ff * sizeof(float) +
		4096 * (uint64_t)shape->d_model * sizeof(float) + rank * rank * sizeof(double);
	uint64_t kept = (uint64_t)((train->share + train->ahead_share) * (double)shape->source_bytes);

	return FIXED_BYTES + WICK_MAX(weights + learning, tables) + kept +
		(uint64_t)shape->n_ff * (shape->d_model + (uint64_t)shape->layers) * sizeof(float) + train->model->memory_bytes;
}

/* As many chunks as were asked for. */
static int plan_chunks(struct wick_train *train)
{
	train->chunk = WICK_MIN(CHUNK_MAX, train->model->shape.ctx_max);
	train->chunks = train->tokens_most / train->chunk;
	if (train->chunks >= WICK_TRAIN_CHUNKS_MIN)
		return 0;
	return wick_diag_say(train->diag, -EINVAL, "training takes at least %llu tokens of this model, not %u",
		(unsigned long long)WICK_TRAIN_CHUNKS_MIN * train->chunk, train->tokens_most);
}

/* As many tokens as were asked for and memory holds. */
static int plan_tokens(struct wick_train *train)
{
	const struct wick_shape *shape = &train->model->shape;
	uint64_t memory = train->options->memory_bytes ? train->options->memory_bytes : wick_free_bytes() / 4 * 3;
	uint64_t fixed = layer_bytes(train), tokens = train->tokens_most, least;
	int rc = plan_chunks(train);

	if (rc)
		return rc;
	least = WICK_TRAIN_CHUNKS_MIN * (uint64_t)train->chunk;
	if (memory > fixed)
		tokens = WICK_MIN(tokens, (memory - fixed) / token_bytes(shape));
	if (memory <= fixed || tokens < least)
		return wick_diag_say(train->diag, -ENOSPC,
			"training takes at least %llu bytes of memory for this model, more than the %llu allowed",
			(unsigned long long)(fixed + least * token_bytes(shape)), (unsigned long long)memory);
	train->chunks = (uint32_t)(tokens / train->chunk);
	return 0;
}

static int make_room(struct wick_train *train)
{
	const struct wick_shape *shape = &train->model->shape;
	size_t tokens = wick_train_tokens(train);

	train->fired_bytes = wick_div_up(shape->n_ff, 8);
	train->residual = calloc(tokens, shape->d_model * sizeof(float));
	train->x = calloc(tokens, shape->d_model * sizeof(uint16_t));
	train->x_before = calloc(tokens, shape->d_model * sizeof(uint16_t));
	train->fired = calloc(tokens, train->fired_bytes);
	train->firing = calloc(shape->layers, shape->n_ff * sizeof(float));
	train->up = calloc(shape->n_ff, shape->d_model * sizeof(float));
	if (!train->residual || !train->x || !train->x_before || !train->fired || !train->firing || !train->up)
		return wick_diag_say(train->diag, -ENOMEM, "no memory for %zu tokens", tokens);
	return 0;
}

struct learning {
	struct wick_train *train;
	uint32_t layer;
	const char *what;
};

static int fit_progress(void *user, uint32_t step, uint32_t steps)
{
	const struct learning *learning = user;

	return wick_train_say(learning->train, learning->layer, learning->what, (double)step / steps);
}

/* Learns from x which neurons fire in the current layer, unless an earlier run did. */
static int learn(struct wick_train *train, uint32_t layer, bool ahead, const uint16_t *x)
{
	struct learning learning = { train, layer, ahead ? "lookahead" : "predictor" };
	struct wick_trained *trained = ahead ? &train->ahead[layer] : &train->own[layer];
	uint32_t reached = ahead ? layer + 1 : layer;
	struct wick_fit_data data = { .x = x, .fired = train->fired, .fired_bytes = train->fired_bytes,
		.tokens = wick_train_tokens(train), .train = (train->chunks - train->held_chunks) * train->chunk,
		.d_model = train->model->shape.d_model, .n_ff = train->model->shape.n_ff, .up = train->up,
		.up_bias = wick_tensor_at(train->model, reached, WICK_T_UP_BIAS)->rows ? wick_vector(&train->forward.vectors, 0, WICK_T_UP_BIAS) : NULL };
	struct wick_fit_options options = { .rank = trained->rank, .steps = train->options->steps, .type = train->type,
		.seed = train->options->seed + 2 * layer + ahead, .progress = fit_progress, .user = &learning };
	int rc = 0;

	if (trained->rank && !trained->done) {
		rc = wick_fit(&trained->fitted, &data, &options, &train->kernels, train->pool, train->diag);
		if (rc == 0)
			rc = wick_train_keep(train, layer, ahead);
	}
	train->target += trained->rank > 0;
	return rc;
}

/* How often the neurons of the layer fired that was swept last. */
static void count_firing(struct wick_train *train, uint32_t layer)
{
	uint32_t n_ff = train->model->shape.n_ff, tokens = wick_train_tokens(train);
	float *firing = train->firing + (size_t)layer * n_ff;

	for (uint32_t token = 0; token < tokens; token++)
		for (size_t byte = 0; byte < train->fired_bytes; byte++)
			for (unsigned bits = train->fired[token * train->fired_bytes + byte]; bits; bits &= bits - 1)
				firing[byte * 8 + (unsigned)__builtin_ctz(bits)]++;
	for (uint32_t i = 0; i < n_ff; i++)
		firing[i] /= (float)tokens;
}

static int sweep(struct wick_train *train)
{
	int rc = wick_train_sweep_begin(train);

	for (uint32_t layer = 0; rc == 0 && layer < train->model->shape.layers; layer++) {
		rc = wick_train_sweep_layer(train, layer);
		if (rc)
			return rc;
		count_firing(train, layer);
		rc = learn(train, layer, false, train->x);
		if (rc == 0 && layer)
			rc = learn(train, layer - 1, true, train->x_before);
	}
	return rc;
}

/* A size as a share of the model. */
static double share_of(const struct wick_train *train, const struct wick_memory *size, double otherwise)
{
	if (size->bytes)
		return WICK_MIN((double)size->bytes / (double)train->model->shape.source_bytes, 1);
	return size->percent > 0 ? size->percent / 100 : otherwise;
}

/* Of what is only counted the figures are worth no file to go on from. */
static int learn_gates(struct wick_train *train, const char *path, char **json)
{
	bool experts = wick_has_experts(&train->model->shape);
	const struct wick_train_options *options = train->options;
	int rc = 0;

	if (options->size.bytes || options->size.percent > 0 || options->ahead_size.bytes || options->ahead_size.percent > 0)
		rc = wick_diag_say(train->diag, -EINVAL, "thresholds of gates have no size that could be chosen");
	train->tokens_most = options->tokens ? options->tokens : TOKENS_OF_GATES;
	if (rc == 0)
		rc = experts ? plan_chunks(train) : plan_tokens(train);
	if (rc == 0)
		rc = wick_train_read_text(train);
	if (rc)
		return rc;
	return experts ? wick_train_expert_gates(train, path, json) : wick_train_gates(train, json);
}

static int learn_predictors(struct wick_train *train, char **json)
{
	int rc;

	train->tokens_most = train->options->tokens ? train->options->tokens : TOKENS_DEFAULT;
	train->share = share_of(train, &train->options->size, SHARE_DEFAULT);
	train->ahead_share = train->options->no_ahead ? 0 : share_of(train, &train->options->ahead_size, AHEAD_DEFAULT);
	rc = plan_tokens(train);
	if (rc == 0)
		rc = wick_train_read_text(train);
	if (rc == 0)
		rc = make_room(train);
	if (rc == 0)
		rc = wick_train_allot(train);
	if (rc == 0)
		rc = wick_train_keep_open(train);
	if (rc == 0)
		rc = sweep(train);
	if (rc == 0)
		rc = wick_train_finish(train, json);
	wick_train_keep_close(train, rc == 0);
	return rc != -ECANCELED ? rc : wick_diag_say(train->diag, rc,
		"stopped; layers that were finished are kept, and the same command goes on");
}

static int train_all(struct wick_train *train, const char *path, char **json)
{
	int rc = open_model(train, path);
	bool experts = rc == 0 && wick_has_experts(&train->model->shape);

	if (rc == 0 && !experts)
		rc = open_layers(train, path);
	if (rc)
		return rc;
	return experts || wick_gate_is_soft(&train->model->shape) ? learn_gates(train, path, json) : learn_predictors(train, json);
}

static void free_trained(struct wick_trained *trained, uint32_t layers)
{
	for (uint32_t i = 0; trained && i < layers; i++) {
		free(trained[i].fitted.in);
		free(trained[i].fitted.out);
		free(trained[i].fitted.bias);
		free(trained[i].fitted.counts);
	}
	free(trained);
}

static void forget(struct wick_train *train)
{
	uint32_t layers = train->model ? train->model->shape.layers : 0;
	int kept = wick_io_destroy(train->io);

	wick_pool_destroy(train->pool);
	if (kept) { /* reads that were given up may still need file and memory */
		wick_file_abandon(&train->file);
	} else {
		wick_file_close(&train->file);
		wick_mem_release(&train->mem);
	}
	wick_tokenizer_destroy(train->tokenizer);
	free_trained(train->own, layers);
	free_trained(train->ahead, layers);
	wick_model_close(train->model);
	wick_steps_free(&train->one.steps);
	wick_matrices_free(&train->matrices);
	free(train->path);
	free(train->ids);
	free(train->residual);
	free(train->x);
	free(train->x_before);
	free(train->fired);
	free(train->firing);
	free(train->up);
}

static int check_options(const struct wick_train_options *options, struct wick_diag *diag)
{
	if (!options->text_count)
		return wick_diag_say(diag, -EINVAL, "text to learn from is missing");
	if (options->threads > WICK_THREADS_MAX)
		return wick_diag_say(diag, -EINVAL, "%u threads: 1 to %u are possible", options->threads, WICK_THREADS_MAX);
	if (!(options->size.percent >= 0 && options->size.percent <= 100) ||
		!(options->ahead_size.percent >= 0 && options->ahead_size.percent <= 100))
		return wick_diag_say(diag, -EINVAL, "predictors can be 0 to 100%% of the model");
	return 0;
}

int wick_train(const char *model_path, const struct wick_train_options *given, char **json, struct wick_diag *diag)
{
	struct wick_train_options options = *given;
	struct wick_train train = { .options = &options, .diag = diag, .file = { .fd = -1 }, .keep_fd = -1 };
	int rc;

	*json = NULL;
	if (diag)
		diag->text[0] = 0;
	options.steps = options.steps ? options.steps : STEPS_DEFAULT;
	rc = check_options(&options, diag);
	if (rc == 0)
		rc = train_all(&train, model_path, json);
	forget(&train);
	return rc;
}
