/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The plan on the shapes of real models, from their numbers alone. */

#include "plan.h"

#include "bits.h"
#include "mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB 1048576ull

struct size {
	const char *name;
	uint32_t layers, d_model, d_embed, heads, n_ff, vocab, ctx;
};

static const struct size sizes[] = {
	{ "opt-125m", 12, 768, 768, 12, 3072, 50272, 2048 },
	{ "opt-350m", 24, 1024, 512, 16, 4096, 50272, 2048 },
	{ "opt-6.7b", 32, 4096, 4096, 32, 16384, 50272, 2048 },
	{ "demo", 6, 320, 320, 5, 1280, 2048, 512 },
	{ "odd", 2, 72, 72, 3, 100, 256, 340 },
};

static struct wick_tensor matrix(uint64_t rows, uint64_t cols)
{
	return (struct wick_tensor){ .name = "m", .type = WICK_F16, .rows = rows, .cols = cols, .row_bytes = cols * 2,
		.check_rows = WICK_CHECK_ROWS };
}

static struct wick_tensor vector(uint64_t cols)
{
	return (struct wick_tensor){ .name = "v", .type = WICK_F32, .rows = 1, .cols = cols, .row_bytes = cols * 4,
		.check_rows = 1, .vector = true };
}

static void fill_layer(struct wick_model *model, uint32_t layer, const struct size *size, uint64_t stride)
{
	for (enum wick_tensor_id id = WICK_T_ATTN_NORM; id <= WICK_T_DOWN_BIAS; id++)
		*wick_tensor_at(model, layer, id) = vector(id == WICK_T_UP_BIAS ? size->n_ff : size->d_model);
	for (enum wick_tensor_id id = WICK_T_Q; id <= WICK_T_O; id++)
		*wick_tensor_at(model, layer, id) = matrix(size->d_model, size->d_model);
	*wick_tensor_at(model, layer, WICK_T_BUNDLES) = (struct wick_tensor){ .name = "b", .type = WICK_F16,
		.rows = size->n_ff, .cols = 2 * size->d_model, .row_bytes = stride, .check_rows = 1 };
}

static struct wick_model *model_of(const struct size *size)
{
	struct wick_model *model = calloc(1, sizeof(*model));
	uint64_t part = 2ull * size->d_model, stride = wick_align_up(2 * part, 512);
	bool project = size->d_embed != size->d_model;

	model->shape = (struct wick_shape){ .layers = size->layers, .d_model = size->d_model, .d_embed = size->d_embed,
		.kinds = 1, .positions = true, .n_ff = size->n_ff,
		.vocab = size->vocab, .ctx_max = size->ctx, .final_norm = !project,
		.project = project, .tied = true, .bundle_parts = 2, .part_bytes = part,
		.bundle_bytes = 2 * part, .stride = stride, .type = WICK_F16 };
	model->shape.kind[0] = (struct wick_layer_facts){ .norm_at = project ? WICK_NORM_AFTER : WICK_NORM_BEFORE,
		.attn = { .heads = size->heads, .kv_heads = size->heads, .k_dim = size->d_model / size->heads,
			.v_dim = size->d_model / size->heads }, .ffn = { .n_ff = size->n_ff } };
	model->tensors = calloc(wick_tensors_count(size->layers), sizeof(*model->tensors));
	for (uint32_t i = 0; i < size->layers; i++)
		fill_layer(model, i, size, stride);
	*wick_tensor_at(model, 0, WICK_T_EMBED) = *wick_tensor_at(model, 0, WICK_T_HEAD) = matrix(size->vocab, size->d_embed);
	*wick_tensor_at(model, 0, WICK_T_POSITION) = matrix(size->ctx, size->d_model);
	if (project) {
		*wick_tensor_at(model, 0, WICK_T_PROJECT_IN) = matrix(size->d_model, size->d_embed);
		*wick_tensor_at(model, 0, WICK_T_PROJECT_OUT) = matrix(size->d_embed, size->d_model);
	}
	assert_int_equal(wick_steps_make(&model->steps, model, NULL), 0);
	model->shape.source_bytes = 2ull * ((uint64_t)size->vocab * size->d_embed + (uint64_t)size->ctx * size->d_model +
		size->layers * (4ull * size->d_model * size->d_model + 2ull * size->d_model * size->n_ff));
	return model;
}

static void free_model(struct wick_model *model)
{
	wick_steps_free(&model->steps);
	free(model->tensors);
	free(model);
}

struct made {
	struct wick_plan plan;
	struct wick_layout layout;
	struct wick_matrix at[256];
	uint32_t slots[64];
	uint32_t count;
	int err;
	struct wick_diag diag;
};

/* A pool of so many blocks, which may have fewer. */
static uint32_t kv_blocks = 6, kv_blocks_min = 6;

static const float *firing; /* NULL: not known */

static void make(struct made *made, const struct wick_model *model, enum wick_mode mode, struct wick_memory memory)
{
	struct wick_plan_input input = { .model = model, .memory = memory, .free_bytes = 64ull << 30,
		.process_bytes = 20 * MIB, .limit_bytes = UINT64_MAX, .metadata_bytes = 3 * MIB, .mode = mode, .chunk_bytes = MIB,
		.size = { .ctx = WICK_MIN(model->shape.ctx_max, 384), .threads = 2, .sequences = 1 },
		.kv = { .blocks = kv_blocks, .sequences = 1, .ctx = 384, .type = WICK_F16 }, .kv_blocks_min = kv_blocks_min, .firing = firing };
	struct wick_matrices matrices;

	memset(made, 0, sizeof(*made));
	assert_int_equal(wick_matrices_make(&matrices, model, input.size.ctx, NULL), 0);
	made->err = wick_plan_make(&input, &matrices, &made->plan, &made->layout, &made->diag);
	made->count = matrices.count;
	assert_true(made->count <= WICK_COUNT_OF(made->at));
	memcpy(made->at, matrices.at, made->count * sizeof(*made->at));
	memcpy(made->slots, matrices.slots, model->shape.layers * sizeof(*made->slots));
	wick_matrices_free(&matrices);
}

/* Recounted from the matrices, without the planner's own sums. */
static void check_sums(const struct made *made)
{
	const struct wick_plan *plan = &made->plan;
	uint64_t resident = 0, swept = 0;

	for (uint32_t i = 0; i < made->count; i++) {
		const struct wick_matrix *matrix = &made->at[i];

		assert_true(matrix->resident_rows <= matrix->rows);
		if (matrix->resident_rows < matrix->rows)
			assert_int_equal(matrix->resident_rows % matrix->tile_rows, 0);
		resident += wick_align_up(matrix->resident_rows * matrix->tensor->row_bytes, 4096);
		if (!matrix->lookup)
			swept += (matrix->rows - matrix->resident_rows) * matrix->tensor->row_bytes;
	}
	assert_int_equal(plan->resident_bytes, resident);
	assert_int_equal(plan->swept_bytes, swept);
	assert_int_equal(plan->total_bytes, plan->process_bytes + plan->metadata_bytes + plan->vector_bytes + plan->kv_bytes +
		plan->activation_bytes + plan->staging_bytes + plan->resident_bytes);
	assert_true(plan->total_bytes <= plan->budget_bytes);
	if (swept)
		assert_true(made->layout.sweep.unit_count >= 2);
}

/* Any budget from the minimum up works, stays inside, and more memory never keeps less. */
static void budgets(void **state)
{
	struct made *made = calloc(1, sizeof(*made));

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(sizes); i++) {
		struct wick_model *model = model_of(&sizes[i]);
		uint64_t least, whole, last_resident = 0;

		make(made, model, WICK_MODE_DENSE, (struct wick_memory){ .bytes = 1 });
		assert_int_equal(made->err, -ENOSPC);
		least = made->plan.minimum_bytes;
		whole = made->plan.whole_bytes;
		make(made, model, WICK_MODE_DENSE, (struct wick_memory){ .bytes = least - 1 });
		assert_int_equal(made->err, -ENOSPC);
		assert_non_null(strstr(made->diag.text, "the smallest that works"));
		for (int step = 0; step <= 40; step++) {
			uint64_t budget = least + (whole > least ? (whole - least) / 40 * (uint64_t)step : 0);

			make(made, model, WICK_MODE_DENSE, (struct wick_memory){ .bytes = step == 40 ? whole : budget });
			assert_int_equal(made->err, 0);
			check_sums(made);
			assert_true(made->plan.resident_bytes >= last_resident);
			last_resident = made->plan.resident_bytes;
		}
		assert_int_equal(made->plan.swept_bytes, 0);
		assert_int_equal(made->plan.staging_bytes, 0);
		free_model(model);
	}
	free(made);
}

static void modes(void **state)
{
	struct made *made = calloc(1, sizeof(*made));
	struct wick_memory plenty = { .bytes = 40ull << 30 };

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(sizes); i++) {
		struct wick_model *model = model_of(&sizes[i]);
		uint64_t source = model->shape.source_bytes;

		make(made, model, WICK_MODE_NAIVE, plenty);
		check_sums(made);
		assert_int_equal(made->plan.resident_bytes, 0);
		make(made, model, WICK_MODE_HYBRID, plenty);
		check_sums(made);
		assert_true(made->plan.resident_bytes <= source / 2);
		assert_true(made->plan.swept_bytes > 0);
		free_model(model);
	}
	free(made);
}

/* PCT% is a share of the weights plus the process. 0 is three quarters of what is free, but never more than all. */
static void percent_and_default(void **state)
{
	struct made *made = calloc(1, sizeof(*made));
	struct wick_model *model = model_of(&sizes[2]);

	(void)state;
	make(made, model, WICK_MODE_DENSE, (struct wick_memory){ .percent = 50 });
	assert_int_equal(made->plan.budget_bytes, 20 * MIB + model->shape.source_bytes / 2);
	make(made, model, WICK_MODE_DENSE, (struct wick_memory){ 0 });
	assert_int_equal(made->plan.budget_bytes, made->plan.whole_bytes);
	assert_int_equal(made->plan.swept_bytes, 0);
	free_model(model);
	free(made);
}

static double hits(const struct made *made, const struct wick_shape *shape, const float *shares)
{
	double sum = 0;

	for (uint32_t i = 0; i < shape->layers; i++)
		for (uint32_t k = 0; k < made->slots[i]; k++)
			sum += (double)shares[(size_t)i * shape->n_ff + k];
	return sum;
}

/* Layer i's neurons fire i + 1 times as often as the first one's. */
static float *make_shares(const struct wick_shape *shape)
{
	float *shares = calloc((size_t)shape->layers * shape->n_ff, sizeof(*shares));

	assert_non_null(shares);
	for (uint32_t i = 0; i < shape->layers; i++)
		for (uint32_t k = 0; k < shape->n_ff; k++)
			shares[(size_t)i * shape->n_ff + k] = (float)(i + 1) / (float)shape->layers / (float)(k + 2);
	return shares;
}

/* Within the budget, never below the smallest cache, and with more hits than if all were alike. */
static void caches_of_the_layers(void **state)
{
	struct made *made = calloc(1, sizeof(*made)), *alike = calloc(1, sizeof(*alike));

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct wick_model *model = model_of(&sizes[i]);
		float *shares = make_shares(&model->shape);
		uint64_t least, whole;
		unsigned unlike = 0;

		make(made, model, WICK_MODE_SPARSE, (struct wick_memory){ .bytes = 1 });
		least = made->plan.minimum_bytes;
		whole = made->plan.whole_bytes;
		for (uint64_t step = 0; step < 20; step++) {
			struct wick_memory memory = { .bytes = least + (whole - least) * step / 20 };

			make(alike, model, WICK_MODE_SPARSE, memory);
			firing = shares;
			make(made, model, WICK_MODE_SPARSE, memory);
			firing = NULL;
			assert_int_equal(made->err, 0);
			assert_true(made->plan.total_bytes <= made->plan.budget_bytes);
			assert_int_equal(made->plan.cache_rows_by_firing, made->plan.drawn_bytes > 0);
			assert_in_range(made->plan.cache_rows_least, WICK_SPARSE_ROWS_MIN, made->plan.cache_rows);
			assert_in_range(made->plan.cache_rows_most, made->plan.cache_rows, model->shape.n_ff);
			assert_int_equal(alike->plan.cache_rows_least, alike->plan.cache_rows_most);
			assert_true(hits(made, &model->shape, shares) >= hits(alike, &model->shape, shares));
			if (made->plan.drawn_bytes && alike->plan.cache_rows > WICK_SPARSE_ROWS_MIN) {
				assert_true(made->slots[0] < made->slots[model->shape.layers - 1]);
				unlike++;
			}
		}
		assert_true(unlike > 0);
		free(shares);
		free_model(model);
	}
	free(made);
	free(alike);
}

/* Of which staging takes the larger part: what surrounds a unit is larger than the unit. */
static void tiny(void **state)
{
	static const struct size size = { "tiny", 2, 4, 1, 2, 1, 7, 9 };
	struct made *made = calloc(1, sizeof(*made));
	struct wick_model *model = model_of(&size);
	uint64_t whole;

	(void)state;
	make(made, model, WICK_MODE_DENSE, (struct wick_memory){ .bytes = 1 });
	whole = made->plan.whole_bytes;
	for (uint64_t budget = made->plan.minimum_bytes; budget <= whole; budget += 512) {
		make(made, model, WICK_MODE_DENSE, (struct wick_memory){ .bytes = budget });
		assert_int_equal(made->err, 0);
		check_sums(made);
	}
	free_model(model);
	free(made);
}

/* Half of a large model leaves room for units that have a GEMM tile for each thread, in whole tiles, in flight too. */
static void units(void **state)
{
	struct made *made = calloc(1, sizeof(*made));
	struct wick_model *model = model_of(&sizes[2]);
	uint64_t tile_bytes = wick_tile_rows(&model->shape) * model->shape.stride;

	(void)state;
	make(made, model, WICK_MODE_HYBRID, (struct wick_memory){ .percent = 52 });
	assert_int_equal(made->err, 0);
	assert_true(made->plan.unit_bytes >= made->plan.threads * tile_bytes);
	assert_int_equal(made->plan.unit_bytes % tile_bytes, 0);
	assert_true(made->plan.unit_count >= 4);
	free_model(model);
	free(made);
}

/* The pool of several conversations: a whole context under the smallest budget, all that they may have where all fits, and never
 * fewer positions for more memory; between them no more than a quarter of it. */
static void pools(void **state)
{
	struct made *made = calloc(1, sizeof(*made)), *one = calloc(1, sizeof(*one));

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(sizes); i++) {
		struct wick_model *model = model_of(&sizes[i]);
		uint64_t least, whole, last = 0;

		make(one, model, WICK_MODE_DENSE, (struct wick_memory){ .bytes = 1 });
		kv_blocks = 24;
		make(made, model, WICK_MODE_DENSE, (struct wick_memory){ .bytes = 64ull << 30 });
		assert_int_equal(made->plan.kv_positions, 24 * WICK_KV_BLOCK);
		whole = made->plan.whole_bytes;
		make(made, model, WICK_MODE_DENSE, (struct wick_memory){ 0 });
		assert_int_equal(made->plan.kv_positions, 24 * WICK_KV_BLOCK);
		make(made, model, WICK_MODE_DENSE, (struct wick_memory){ .bytes = 1 });
		least = made->plan.minimum_bytes;
		assert_int_equal(least, one->plan.minimum_bytes);
		for (uint64_t step = 0; step <= 40; step++) {
			make(made, model, WICK_MODE_DENSE, (struct wick_memory){ .bytes = least + (whole - least) * step / 40 });
			assert_int_equal(made->err, 0);
			check_sums(made);
			assert_in_range(made->plan.kv_positions, WICK_MAX(last, 6 * WICK_KV_BLOCK), 24 * WICK_KV_BLOCK);
			if (step < 40 && made->plan.kv_positions > 6 * WICK_KV_BLOCK)
				assert_true(made->plan.kv_bytes <= made->plan.budget_bytes / 4 + MIB);
			last = made->plan.kv_positions;
		}
		assert_int_equal(last, 24 * WICK_KV_BLOCK);
		kv_blocks = 6;
		free_model(model);
	}
	free(made);
	free(one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(budgets),
		cmocka_unit_test(modes),
		cmocka_unit_test(caches_of_the_layers),
		cmocka_unit_test(tiny),
		cmocka_unit_test(units),
		cmocka_unit_test(percent_and_default),
		cmocka_unit_test(pools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
