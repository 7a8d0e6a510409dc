/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What families' files leave out, and what others have got wrong there: facts that tiny fixtures cannot show, since they hang on a
 * real model's sizes or on keys that are missing. Expected values are those of each family's own code, as the table of
 * docs/models.md has them. */

#include "fixture.h"

#include "bits.h"
#include "gguf_parts.h"
#include "model.h"
#include "stock.h"
#include "variant.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The facts of a variant of a fixture; the caller frees kind_of_layer. */
static void facts_of(struct wick_shape *shape, const char *fixture, const struct variant *variant)
{
	char scratch[PATH_MAX], path[PATH_MAX];
	struct wick_gguf_parts parts;
	struct wick_diag diag = { 0 };

	scratch_make(scratch);
	path_join(path, scratch, "model.gguf");
	variant_write(path, fixture, variant);
	assert_int_equal(wick_gguf_parts_open(&parts, path, &diag), 0);
	if (wick_stock_facts(shape, &parts, &diag))
		fail_msg("%s: %s", fixture, diag.text);
	wick_gguf_parts_close(&parts);
	scratch_remove(scratch);
}

static void near(float got, double want)
{
	assert_true(fabs((double)got - want) <= 1e-6 * fabs(want));
}

/* The first layer that has experts. */
static const struct wick_expert_facts *experts_of(const struct wick_shape *shape)
{
	uint32_t layer = 0;

	while (!wick_kind(shape, layer)->ffn.experts.count)
		layer++;
	return &wick_kind(shape, layer)->ffn.experts;
}

static void put_olmoe_shares(struct wick_gguf_writer *writer)
{
	wick_gguf_put_bool(writer, "olmoe.expert_weights_norm", true);
}

static void put_qwen3moe_shares(struct wick_gguf_writer *writer)
{
	wick_gguf_put_bool(writer, "qwen3moe.expert_weights_norm", false);
}

/* Weights of those chosen are made to sum to 1 by some families, not by others, and as the key says where there is one. */
static void gotcha_3_shares(void **state)
{
	static const struct {
		const char *fixture;
		void (*put)(struct wick_gguf_writer *writer);
		bool norm;
	} cases[] = { { "olmoe-f16", NULL, false }, { "qwen2moe-f16", NULL, false }, { "qwen3moe-f16", NULL, true },
		{ "mixtral-bf16", NULL, true }, { "granitemoe-f16", NULL, true }, { "smallthinker-f16", NULL, true },
		{ "olmoe-f16", put_olmoe_shares, true }, { "qwen3moe-f16", put_qwen3moe_shares, false } };
	struct wick_shape shape;

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		facts_of(&shape, cases[i].fixture, &(struct variant){ .put = cases[i].put });
		assert_int_equal(experts_of(&shape)->norm_weights, cases[i].norm);
		free((void *)shape.kind_of_layer);
	}
}

static void put_scale_0(struct wick_gguf_writer *writer)
{
	wick_gguf_put_f32(writer, "glm4moe.expert_weights_scale", 0);
}

/* A scale of 0, or none, is 1. */
static void gotcha_4_scale(void **state)
{
	static const char scale[] = "glm4moe.expert_weights_scale";
	struct wick_shape shape;

	(void)state;
	facts_of(&shape, "glm4moe-f16", &(struct variant){ .without = { NULL } });
	near(experts_of(&shape)->scale, 1.7);
	free((void *)shape.kind_of_layer);
	facts_of(&shape, "glm4moe-f16", &(struct variant){ .without = { scale } });
	near(experts_of(&shape)->scale, 1);
	free((void *)shape.kind_of_layer);
	facts_of(&shape, "glm4moe-f16", &(struct variant){ .without = { scale }, .put = put_scale_0 });
	near(experts_of(&shape)->scale, 1);
	free((void *)shape.kind_of_layer);
}

/* Of gpt-oss every second layer has the window, the first one among them. */
static void gotcha_11_windows(void **state)
{
	struct wick_shape shape;

	(void)state;
	facts_of(&shape, "gpt-oss-f16", &(struct variant){ .without = { NULL } });
	for (uint32_t i = 0; i < shape.layers; i++) {
		assert_int_equal(wick_kind(&shape, i)->attn.window, i % 2 ? 0 : 32);
		assert_true(wick_kind(&shape, i)->attn.rope_between && wick_kind(&shape, i)->attn.sinks);
	}
	free((void *)shape.kind_of_layer);
}

/* Of SmallThinker the first of every four layers sees everything and is not turned, where there is a window; without one all are
 * turned. Its router comes first, by sigmoids where no key says otherwise. */
static void gotcha_22_layers(void **state)
{
	struct wick_shape shape;

	(void)state;
	facts_of(&shape, "smallthinker-f16", &(struct variant){ .without = { "smallthinker.expert_gating_func" } });
	for (uint32_t i = 0; i < shape.layers; i++) {
		assert_int_equal(wick_kind(&shape, i)->attn.window, i % 4 ? 32 : 0);
		assert_int_equal(wick_kind(&shape, i)->attn.rope, i % 4 ? WICK_ROPE_HALVES : WICK_ROPE_NONE);
		assert_true(wick_kind(&shape, i)->ffn.experts.early);
	}
	assert_int_equal(experts_of(&shape)->router, WICK_ROUTER_SIGMOID);
	free((void *)shape.kind_of_layer);
	facts_of(&shape, "smallthinker-f16", &(struct variant){ .without = { "smallthinker.attention.sliding_window" } });
	assert_int_equal(wick_kind(&shape, 0)->attn.rope, WICK_ROPE_HALVES);
	free((void *)shape.kind_of_layer);
}

static void put_layers_26(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "gemma2.block_count", 26);
}

static void put_layers_46(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "gemma2.block_count", 46);
}

/* Queries of Gemma 2 27B are scaled by 1/sqrt(width over heads), those of the smaller ones by 1/sqrt(numbers of a head). */
static void gotcha_10_scale(void **state)
{
	struct wick_shape shape;

	(void)state;
	facts_of(&shape, "gemma2-f16", &(struct variant){ .without = { "gemma2.block_count" }, .put = put_layers_46 });
	near(shape.kind[0].attn.scale, 1 / sqrt(16 / 2));
	free((void *)shape.kind_of_layer);
	facts_of(&shape, "gemma2-f16", &(struct variant){ .without = { "gemma2.block_count" }, .put = put_layers_26 });
	near(shape.kind[0].attn.scale, 1 / sqrt(256));
	free((void *)shape.kind_of_layer);
}

/* The first files of Gemma 2 had no keys for softcaps and window: it has them all the same. */
static void gotcha_10_softcaps(void **state)
{
	struct wick_shape shape;

	(void)state;
	facts_of(&shape, "gemma2-f16", &(struct variant){ .without = { "gemma2.attn_logit_softcapping",
		"gemma2.final_logit_softcapping", "gemma2.attention.sliding_window" } });
	near(shape.kind[0].attn.softcap, 50);
	near(shape.kind[1].attn.softcap, 50);
	near(shape.logit_cap, 30);
	near(shape.embed_scale, sqrt(16));
	assert_int_equal(shape.kind[shape.kind_of_layer[0]].attn.window, 4096);
	assert_int_equal(shape.kind[shape.kind_of_layer[1]].attn.window, 0);
	free((void *)shape.kind_of_layer);
}

/* Five layers with a window and a base of their own, then one that sees everything, stretched. */
static void gemma3_has_two_kinds(void **state)
{
	struct wick_shape shape;

	(void)state;
	facts_of(&shape, "gemma3-f16", &(struct variant){ .without = { NULL } });
	for (uint32_t i = 0; i < shape.layers; i++) {
		const struct wick_attn_facts *attn = &wick_kind(&shape, i)->attn;

		assert_int_equal(attn->window, i == 5 ? 0 : 32);
		near(attn->rope_base, i == 5 ? 1e6 : 1e4);
		assert_int_equal(attn->rope_scaling, i == 5 ? WICK_SCALING_LINEAR : WICK_SCALING_NONE);
		near(attn->softcap, 0);
	}
	free((void *)shape.kind_of_layer);
}

/* GELU of Falcon and MPT is by the error function, that of the others by tanh. */
static void gotcha_17_gelu(void **state)
{
	static const struct {
		const char *fixture;
		enum wick_act act;
	} cases[] = { { "falcon-7b-f16", WICK_ACT_GELU }, { "falcon-40b-f16", WICK_ACT_GELU }, { "phi2-f16", WICK_ACT_GELU_TANH },
		{ "gpt2-f16", WICK_ACT_GELU_TANH }, { "mpt-f16", WICK_ACT_GELU }, { "starcoder2-f16", WICK_ACT_GELU_TANH }, { "gemma2-f16", WICK_ACT_GELU_TANH },
		{ "gemma3-f16", WICK_ACT_GELU_TANH } };
	struct wick_shape shape;

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		facts_of(&shape, cases[i].fixture, &(struct variant){ .without = { NULL } });
		assert_int_equal(shape.kind[0].ffn.act, cases[i].act);
		free((void *)shape.kind_of_layer);
	}
}

static void put_no_window(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "phi3.attention.sliding_window", 0);
}

/* A window is applied where the key says so, and a window of 0 is none, as Phi-4's files have it. */
static void gotcha_18_window(void **state)
{
	struct wick_shape shape;

	(void)state;
	facts_of(&shape, "mistral-window-f16", &(struct variant){ .without = { NULL } });
	assert_int_equal(wick_kind(&shape, 0)->attn.window, 32);
	assert_int_equal(wick_kind(&shape, 1)->attn.window, 32);
	free((void *)shape.kind_of_layer);
	facts_of(&shape, "mistral-window-f16", &(struct variant){ .without = { "llama.attention.sliding_window" } });
	assert_int_equal(wick_kind(&shape, 1)->attn.window, 0);
	facts_of(&shape, "phi3-long-f16",
		&(struct variant){ .without = { "phi3.attention.sliding_window" }, .put = put_no_window });
	assert_int_equal(wick_kind(&shape, 1)->attn.window, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(gotcha_3_shares), cmocka_unit_test(gotcha_4_scale),
		cmocka_unit_test(gotcha_11_windows), cmocka_unit_test(gotcha_22_layers), cmocka_unit_test(gotcha_10_scale), cmocka_unit_test(gotcha_10_softcaps),
		cmocka_unit_test(gemma3_has_two_kinds), cmocka_unit_test(gotcha_17_gelu), cmocka_unit_test(gotcha_18_window) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
