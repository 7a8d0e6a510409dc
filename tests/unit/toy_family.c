/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A family that nobody has, as one table of facts: norms after, attention and FFN side by side in some layers, neurons with a
 * gate, heads that share keys and are wider than d_model / heads, and every third layer of another kind. The steps that are
 * made of it give the logits of a plain loop, all in memory, and drawn from the file by a cache that holds a part. */

#include "bits.h"
#include "file.h"
#include "forward.h"
#include "load.h"
#include "mem.h"
#include "pool.h"
#include "tensors.h"
#include "trace.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LAYERS 6
#define D 32
#define N_FF 48
#define VOCAB 40
#define CTX 64
#define TOKENS 12
#define SLOTS 20 /* of N_FF neurons */

static const uint8_t kind_of_layer[LAYERS] = { 0, 0, 1, 0, 0, 1 };

static const struct wick_shape family = {
	.name = "toy", .layers = LAYERS, .d_model = D, .d_embed = D, .n_ff = N_FF, .vocab = VOCAB, .ctx_max = CTX,
	.kinds = 2, .kind_of_layer = kind_of_layer, .norm = WICK_NORM_LAYER, .norm_affine = true, .norm_eps = 1e-5f,
	.final_norm = true, .bias = true, .type = WICK_F32, .matrix_type = WICK_F32,
	.bundle_parts = 3, .part_bytes = 4 * D, .bundle_bytes = 12 * D, .stride = 512,
	.kind = {
		{ .norm_at = WICK_NORM_AFTER, .parallel = true,
			.attn = { .heads = 4, .kv_heads = 2, .k_dim = 16, .v_dim = 8, .rope = WICK_ROPE_HALVES, .rope_dim = 8,
				.rope_base = 100, .scale = 0.3f },
			.ffn = { .act = WICK_ACT_SILU, .gated = true, .n_ff = N_FF } },
		{ .norm_at = WICK_NORM_AFTER,
			.attn = { .heads = 3, .kv_heads = 1, .k_dim = 24, .v_dim = 24, .rope = WICK_ROPE_NEIGHBOURS, .rope_dim = 6,
				.rope_base = 50, .scale = 0.25f, .window = 5 },
			.ffn = { .act = WICK_ACT_GELU_TANH, .gated = true, .n_ff = N_FF } },
	},
};

struct toy {
	char path[32], trace_path[40];
	struct wick_model model;
	uint8_t *bytes; /* of the file */
	uint64_t count;
	struct wick_kernels kernels;
	uint64_t random;
	bool chosen[TOKENS][LAYERS][N_FF];

	struct wick_file file;
	struct wick_fetch fetch;
	struct wick_matrices matrices;
	struct wick_forward forward;
	struct wick_mem mem;
};

static uint32_t ids[TOKENS];

static float draw(struct toy *toy)
{
	toy->random = toy->random * 6364136223846793005 + 1442695040888963407;
	return (float)(toy->random >> 40) / (1 << 23) - 1;
}

/* Places a tensor and makes up its numbers and checksums. */
static int make_tensor(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct toy *toy = user;
	struct wick_tensor *tensor = wick_tensor_at(&toy->model, layer, id);
	uint32_t *crcs;

	if (!wick_tensor_is_numbers(id))
		return 0;
	wick_tensor_describe(tensor, id, layer, &family);
	tensor->offset = toy->count;
	toy->count = wick_align_up(toy->count + wick_tensor_bytes(tensor), WICK_FILE_ALIGN);
	toy->bytes = realloc(toy->bytes, toy->count);
	memset(toy->bytes + tensor->offset, 0, toy->count - tensor->offset);
	for (uint64_t row = 0; row < tensor->rows; row++)
		for (uint64_t i = 0; i < tensor->cols; i++)
			((float *)(toy->bytes + tensor->offset + row * tensor->row_bytes))[i] = draw(toy) * 0.4f + tensor->vector;
	tensor->crcs = crcs = calloc(wick_div_up(tensor->rows, tensor->check_rows), sizeof(*crcs));
	for (uint64_t row = 0; row < tensor->rows; row += tensor->check_rows)
		crcs[row / tensor->check_rows] = toy->kernels.crc32c(0, toy->bytes + tensor->offset + row * tensor->row_bytes,
			WICK_MIN(tensor->check_rows, tensor->rows - row) * tensor->row_bytes);
	return 0;
}

static void make_model(struct toy *toy)
{
	int fd;

	memset(toy, 0, sizeof(*toy));
	wick_kernels_init(&toy->kernels, ~0u);
	toy->model.shape = family;
	toy->model.tensors = calloc(wick_tensors_count(LAYERS), sizeof(*toy->model.tensors));
	assert_int_equal(wick_tensors_each(&family, make_tensor, toy), 0);
	assert_int_equal(wick_steps_make(&toy->model.steps, &toy->model, NULL), 0);
	strcpy(toy->path, "/tmp/wick-toy-XXXXXX");
	fd = mkstemp(toy->path);
	assert_true(fd >= 0 && write(fd, toy->bytes, toy->count) == (ssize_t)toy->count);
	close(fd);
	for (uint32_t t = 0; t < TOKENS; t++)
		ids[t] = (t * 7 + 3) % VOCAB;
}

/* Which neurons each token computes: all, or a share, as a trace that the engine replays. */
static struct wick_trace *choose(struct toy *toy, bool all)
{
	const struct wick_trace_shape shape = { .layers = LAYERS, .n_ff = N_FF };
	struct wick_trace_writer *writer;
	struct wick_trace *trace;
	uint32_t active[N_FF];

	snprintf(toy->trace_path, sizeof(toy->trace_path), "%s.trace", toy->path);
	assert_int_equal(wick_trace_create(&writer, toy->trace_path, &shape, NULL), 0);
	for (uint32_t t = 0; t < TOKENS; t++)
		for (uint32_t l = 0; l < LAYERS; l++) {
			uint32_t count = 0;

			for (uint32_t i = 0; i < N_FF; i++) {
				toy->chosen[t][l][i] = all || draw(toy) < (i % 5 ? -0.6f : 0.4f);
				if (toy->chosen[t][l][i])
					active[count++] = i;
			}
			assert_int_equal(wick_trace_add(writer, l, active, count, NULL, NULL, 0, NULL), 0);
		}
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
	assert_int_equal(wick_trace_open(&trace, toy->trace_path, NULL), 0);
	return trace;
}

static void carve_sparse(struct toy *toy, struct wick_trace *trace)
{
	const struct wick_sparse_shape shape = { .on = true, .batch_tokens = 1,
		.policy = wick_policy_find(NULL) };
	struct wick_sparse *sparse = &toy->forward.sparse;

	sparse->model = &toy->model;
	sparse->compute = &toy->forward.compute;
	sparse->fetch = &toy->fetch;
	sparse->matrices = &toy->matrices;
	sparse->vectors = &toy->forward.vectors;
	sparse->overlap = true;
	sparse->chooser = (struct wick_chooser){ .compute = &toy->forward.compute, .layers = LAYERS, .n_ff = N_FF,
		.trace = { trace } };
	for (uint32_t i = 0; i < LAYERS; i++)
		toy->matrices.slots[i] = SLOTS;
	wick_sparse_init(sparse, &shape, &toy->mem);
	sparse->drawing.price = (struct wick_extent_price){ .count = 1, .bytes = { 512 }, .us = { 1 } };
}

/* Everything resident or, with a trace, all but the neurons. */
static void open_toy(struct toy *toy, struct wick_trace *trace)
{
	struct wick_forward *f = &toy->forward;
	const struct wick_forward_shape size = { .ctx = CTX, .threads = 2, .sequences = 1, .all_logits = true };
	const struct wick_kv_shape kv = { .blocks = 1, .sequences = 1, .ctx = CTX, .type = WICK_F16 };
	const struct wick_io_options options = { .depth = 8 };
	struct wick_load loads[256];
	uint32_t count;

	assert_int_equal(wick_file_open_grained(&toy->file, toy->path, false, 512, NULL), 0);
	assert_int_equal(wick_io_create(&toy->fetch.io, &options, NULL), 0);
	assert_int_equal(wick_pool_create(&toy->fetch.pool, 2, NULL), 0);
	toy->fetch.file = &toy->file;
	toy->fetch.kernels = f->compute.kernels = &toy->kernels;
	toy->fetch.chunk_bytes = 65536;
	f->compute.pool = toy->fetch.pool;
	f->model = &toy->model;
	f->matrices = &toy->matrices;
	f->fetch = &toy->fetch;
	assert_int_equal(wick_matrices_make(&toy->matrices, &toy->model, CTX, NULL), 0);
	assert_int_equal(wick_mem_reserve(&toy->mem, 16 << 20, NULL), 0);
	count = wick_vectors_init(&f->vectors, &toy->model, &toy->file, &toy->mem, loads);
	wick_kv_init(&f->kv, &family, &kv, &toy->mem);
	wick_forward_init(f, &size, &toy->mem);
	for (uint32_t i = 0; i < toy->matrices.count; i++) {
		struct wick_matrix *matrix = &toy->matrices.at[i];

		matrix->drawn = trace && matrix->bundles;
		if (matrix->drawn)
			continue;
		matrix->resident_rows = matrix->rows;
		loads[count] = (struct wick_load){ .tensor = matrix->tensor, .rows = matrix->rows,
			.base = wick_mem_take(&toy->mem, wick_matrix_bytes(matrix, matrix->rows)) };
		matrix->base = wick_load_data(&loads[count++], &toy->file);
	}
	if (trace)
		carve_sparse(toy, trace);
	assert_int_equal(wick_load_all(&toy->fetch, loads, count, 4, NULL, NULL, NULL), 0);
	wick_forward_ready(f);
	wick_kv_extend(&f->kv, f->kv.seq, 0, TOKENS);
}

static void close_toy(struct toy *toy)
{
	wick_io_destroy(toy->fetch.io);
	wick_pool_destroy(toy->fetch.pool);
	wick_file_close(&toy->file);
	wick_mem_release(&toy->mem);
	wick_matrices_free(&toy->matrices);
	wick_steps_free(&toy->model.steps);
	for (uint64_t i = 0; i < wick_tensors_count(LAYERS); i++)
		free((void *)toy->model.tensors[i].crcs);
	free(toy->model.tensors);
	free(toy->bytes);
	unlink(toy->path);
	unlink(toy->trace_path);
}

/* The plain loop. */

static const float *row_of(const struct toy *toy, uint32_t layer, enum wick_tensor_id id, uint64_t row)
{
	const struct wick_tensor *tensor = wick_tensor_at(&toy->model, layer, id);

	assert_true(row < tensor->rows);
	return (const float *)(toy->bytes + tensor->offset + row * tensor->row_bytes);
}

static double dot(const float *w, const double *x, uint32_t n)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += w[i] * x[i];
	return sum;
}

static void linear(const struct toy *toy, uint32_t layer, enum wick_tensor_id id, enum wick_tensor_id bias, const double *x,
	double *y)
{
	const struct wick_tensor *tensor = wick_tensor_at(&toy->model, layer, id);

	for (uint64_t row = 0; row < tensor->rows; row++)
		y[row] = dot(row_of(toy, layer, id, row), x, (uint32_t)tensor->cols) +
			(bias == WICK_T_COUNT ? 0 : row_of(toy, layer, bias, 0)[row]);
}

static void norm(const struct toy *toy, uint32_t layer, enum wick_tensor_id weight, double *x)
{
	double mean = 0, square = 0;

	for (uint32_t i = 0; i < D; i++)
		mean += x[i] / D;
	for (uint32_t i = 0; i < D; i++)
		square += (x[i] - mean) * (x[i] - mean) / D;
	for (uint32_t i = 0; i < D; i++)
		x[i] = (x[i] - mean) / sqrt(square + 1e-5) * row_of(toy, layer, weight, 0)[i] +
			row_of(toy, layer, weight + 1, 0)[i];
}

/* x[i] and x[j] turned by the angle of pair number `pair`. */
static void turn(const struct wick_attn_facts *attn, double *head, uint32_t position)
{
	for (uint32_t pair = 0; pair < attn->rope_dim / 2; pair++) {
		double angle = position * pow(attn->rope_base, -2.0 * pair / attn->rope_dim), c = cos(angle), s = sin(angle);
		uint32_t i = attn->rope == WICK_ROPE_HALVES ? pair : 2 * pair;
		uint32_t j = attn->rope == WICK_ROPE_HALVES ? pair + attn->rope_dim / 2 : 2 * pair + 1;
		double a = head[i], b = head[j];

		head[i] = a * c - b * s;
		head[j] = a * s + b * c;
	}
}

static double keys[LAYERS][TOKENS][D * 2], values[LAYERS][TOKENS][D * 2];

static void attend(const struct toy *toy, uint32_t layer, uint32_t t, const double *x, double *y)
{
	const struct wick_attn_facts *attn = &wick_kind(&family, layer)->attn;
	double q[D * 4], out[D * 4] = { 0 }, score[TOKENS];
	uint32_t from = attn->window && t + 1 > attn->window ? t + 1 - attn->window : 0;

	linear(toy, layer, WICK_T_Q, WICK_T_Q_BIAS, x, q);
	linear(toy, layer, WICK_T_K, WICK_T_K_BIAS, x, keys[layer][t]);
	linear(toy, layer, WICK_T_V, WICK_T_V_BIAS, x, values[layer][t]);
	for (uint32_t h = 0; h < attn->heads; h++)
		turn(attn, q + h * attn->k_dim, t);
	for (uint32_t h = 0; h < attn->kv_heads; h++)
		turn(attn, keys[layer][t] + h * attn->k_dim, t);
	for (uint32_t h = 0; h < attn->heads; h++) {
		uint32_t of = h / (attn->heads / attn->kv_heads);
		double sum = 0;

		for (uint32_t p = from; p <= t; p++) {
			score[p] = 0;
			for (uint32_t i = 0; i < attn->k_dim; i++)
				score[p] += q[h * attn->k_dim + i] * keys[layer][p][of * attn->k_dim + i];
			score[p] = exp(score[p] * attn->scale);
			sum += score[p];
		}
		for (uint32_t p = from; p <= t; p++)
			for (uint32_t i = 0; i < attn->v_dim; i++)
				out[h * attn->v_dim + i] += score[p] / sum * values[layer][p][of * attn->v_dim + i];
	}
	linear(toy, layer, WICK_T_O, WICK_T_O_BIAS, out, y);
}

static void ffn(const struct toy *toy, uint32_t layer, uint32_t t, const double *x, double *y)
{
	bool silu = wick_kind(&family, layer)->ffn.act == WICK_ACT_SILU;

	for (uint32_t i = 0; i < D; i++)
		y[i] = row_of(toy, layer, WICK_T_DOWN_BIAS, 0)[i];
	for (uint32_t n = 0; n < N_FF; n++) {
		const float *neuron = row_of(toy, layer, WICK_T_BUNDLES, n); /* gate, up, down */
		double g = dot(neuron, x, D), up = dot(neuron + D, x, D) + row_of(toy, layer, WICK_T_UP_BIAS, 0)[n];

		g = silu ? g / (1 + exp(-g)) : 0.5 * g * (1 + tanh(sqrt(2 / M_PI) * (g + 0.044715 * g * g * g)));
		for (uint32_t i = 0; toy->chosen[t][layer][n] && i < D; i++)
			y[i] += g * up * neuron[2 * D + i];
	}
}

static void add(double *x, const double *y)
{
	for (uint32_t i = 0; i < D; i++)
		x[i] += y[i];
}

static void plain_token(const struct toy *toy, uint32_t t, double *logits)
{
	double x[D], y[D], z[D];

	for (uint32_t i = 0; i < D; i++)
		x[i] = row_of(toy, 0, WICK_T_EMBED, ids[t])[i];
	for (uint32_t layer = 0; layer < LAYERS; layer++) {
		bool parallel = wick_kind(&family, layer)->parallel;

		attend(toy, layer, t, x, y);
		if (parallel)
			ffn(toy, layer, t, x, z);
		add(x, y);
		if (!parallel) {
			norm(toy, layer, WICK_T_ATTN_NORM, x);
			ffn(toy, layer, t, x, z);
		}
		add(x, z);
		norm(toy, layer, parallel ? WICK_T_ATTN_NORM : WICK_T_FFN_NORM, x);
	}
	norm(toy, 0, WICK_T_OUT_NORM, x);
	linear(toy, 0, WICK_T_HEAD, WICK_T_COUNT, x, logits);
}

/* Keys and values are kept as f16: three digits. */
static void check_logits(const double *want, const float *got)
{
	double most = 0;

	for (uint32_t i = 0; i < VOCAB; i++)
		most = WICK_MAX(most, fabs(want[i]));
	for (uint32_t i = 0; i < VOCAB; i++)
		if (!(fabs(want[i] - (double)got[i]) <= 3e-3 * most))
			fail_msg("logit %u is %g, not %g", i, (double)got[i], want[i]);
}

/* m tokens at once. */
static void run(struct toy *toy, uint32_t m)
{
	double logits[VOCAB];

	for (uint32_t t = 0; t < TOKENS; t += m) {
		const struct wick_batch batch = { .m = m, .m_next = 1 };

		for (uint32_t i = 0; i < m; i++)
			toy->forward.rows[i] = (struct wick_batch_row){ .seq = toy->forward.kv.seq, .id = ids[t + i],
				.position = t + i, .token = t + i, .want = true };
		assert_int_equal(wick_forward_batch(&toy->forward, &batch, NULL), 0);
		for (uint32_t i = 0; i < m; i++) {
			plain_token(toy, t + i, logits);
			check_logits(logits, toy->forward.buffer[WICK_LOGITS] + i * VOCAB);
		}
	}
}

static void in_memory(void **state)
{
	static const uint32_t at_once[] = { 1, 4, TOKENS };
	static struct toy toy;

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(at_once); i++) {
		make_model(&toy);
		wick_trace_close(choose(&toy, true));
		open_toy(&toy, NULL);
		run(&toy, at_once[i]);
		close_toy(&toy);
	}
}

static void from_the_file(void **state)
{
	static struct toy toy;
	struct wick_trace *trace;

	(void)state;
	make_model(&toy);
	trace = choose(&toy, false);
	open_toy(&toy, trace);
	run(&toy, 1);
	assert_true(toy.forward.sparse.counters.bundles_read > LAYERS * N_FF / 2);
	assert_true(toy.forward.sparse.counters.bundles_read < toy.forward.sparse.counters.bundles_active);
	wick_trace_close(trace);
	close_toy(&toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_memory),
		cmocka_unit_test(from_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
