/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A model whose neurons have gates is packed in both ways: what is foretold of one file by the other is what that file has. */

#include "model.h"
#include "tensors.h"

#include "bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <wick/wick.h>

static char scratch[] = "/tmp/wick-repack-XXXXXX", apart[128], together[128];

struct pair {
	const struct wick_model *foretold, *packed;
};

static void pack(const char *source, const char *path, const struct wick_pack_options *options)
{
	struct wick_diag diag = { 0 };

	if (wick_pack(source, path, options, &diag))
		fail_msg("%s", diag.text);
}

static int expect_tensor(enum wick_tensor_id id, uint32_t layer, void *user)
{
	const struct pair *pair = user;
	const struct wick_tensor *foretold = wick_tensor_at(pair->foretold, layer, id), *packed = wick_tensor_at(pair->packed, layer, id);

	if (!wick_tensor_is_numbers(id))
		return 0;
	assert_int_equal(foretold->rows, packed->rows);
	if (!packed->rows)
		return 0;
	assert_string_equal(foretold->name, packed->name);
	assert_int_equal(foretold->cols, packed->cols);
	assert_int_equal(foretold->type, packed->type);
	assert_int_equal(foretold->row_bytes, packed->row_bytes);
	assert_int_equal(foretold->check_rows, packed->check_rows);
	return 0;
}

static void expect_steps(const struct wick_steps *foretold, const struct wick_steps *packed)
{
	assert_int_equal(foretold->count, packed->count);
	for (uint32_t i = 0; i < packed->count; i++)
		assert_int_equal(foretold->step[i].op, packed->step[i].op);
	assert_int_equal(foretold->matrices, packed->matrices);
	assert_memory_equal(foretold->matrix, packed->matrix, packed->matrices * sizeof(*packed->matrix));
	assert_int_equal(foretold->kind[0].slot_bytes, packed->kind[0].slot_bytes);
	assert_int_equal(foretold->kind[0].bytes, packed->kind[0].bytes);
}

static void expect_foretold(const char *from, const char *of)
{
	struct wick_model *model, *packed, foretold;
	struct wick_diag diag = { 0 };

	if (wick_model_open(&model, from, &diag) || wick_model_open(&packed, of, &diag) || wick_model_repack(&foretold, model, &diag))
		fail_msg("%s", diag.text);
	assert_int_not_equal(model->shape.bundle_parts, packed->shape.bundle_parts);
	assert_int_equal(foretold.shape.bundle_parts, packed->shape.bundle_parts);
	assert_int_equal(foretold.shape.stride, packed->shape.stride);
	assert_int_equal(foretold.shape.predictor, packed->shape.predictor);
	wick_tensors_all(packed->shape.layers, expect_tensor, &(struct pair){ &foretold, packed });
	expect_steps(&foretold.steps, &packed->steps);
	wick_model_repacked_free(&foretold);
	wick_model_close(packed);
	wick_model_close(model);
}

/* Types of bundles and of the matrices beside them, and blocks of the drive, in a row each. */
static void each_foretells_the_other(void **state)
{
	static const struct wick_pack_options all[] = { { .type = "f16", .align = 512 }, { .type = "f16", .align = 4096 },
		{ .type = "q8_0", .attention_type = "f16", .align = 512 }, { .type = "q4_0", .attention_type = "q8_0", .align = 1024 } };

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(all); i++) {
		struct wick_pack_options by_gate = all[i];

		by_gate.predictor = "gate";
		pack("synthetic:llama-small", together, &all[i]);
		pack("synthetic:llama-small", apart, &by_gate);
		expect_foretold(together, apart);
		expect_foretold(apart, together);
	}
}

/* The plan of either file has a time for the other; a model without gates has none. */
static void plans_say_it(void **state)
{
	struct wick_options options;
	struct wick_plan plan;

	(void)state;
	wick_options_init(&options);
	options.memory.bytes = 512u << 20; /* all of it fits, so that no drive is asked */
	assert_int_equal(wick_plan(together, &options, &plan, NULL), 0);
	assert_true(plan.predicted_repacked_ms > 0 && !plan.gate_bytes);
	assert_int_equal(wick_plan(apart, &options, &plan, NULL), 0);
	assert_true(plan.predicted_repacked_ms > 0 && plan.gate_bytes > 0);
	options.mode = "dense";
	assert_int_equal(wick_plan(apart, &options, &plan, NULL), 0);
	assert_true(plan.predicted_repacked_ms == 0);
	pack("synthetic:opt-tiny", together, &(struct wick_pack_options){ .type = "f16" });
	options.mode = NULL;
	assert_int_equal(wick_plan(together, &options, &plan, NULL), 0);
	assert_true(plan.predicted_repacked_ms == 0);
}

static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(scratch))
		return -1;
	snprintf(apart, sizeof(apart), "%s/apart.gguf", scratch);
	snprintf(together, sizeof(together), "%s/together.gguf", scratch);
	return 0;
}

static int end(void **state)
{
	(void)state;
	unlink(apart);
	unlink(together);
	return rmdir(scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_foretells_the_other), cmocka_unit_test(plans_say_it) };

	return cmocka_run_group_tests(tests, begin, end);
}
