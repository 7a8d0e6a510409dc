/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The table of models (see stock_shapes.h). Sizes are those of the models' published config.json. */

#include "stock_shapes.h"

#include "bits.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first is of no published model, and there for tests. */
static const struct wick_stock_model models[] = {
	{ "moe-tiny", "qwen3moe", .layers = 4, .d_model = 256, .heads = 4, .kv_heads = 2, .head_dim = 64, .n_ff = 512, .vocab = 512,
		.ctx = 1024, .experts = 16, .chosen = 4, .expert_n_ff = 256, .rope_base = 1e6, .eps = 1e-6 },
	{ "qwen3-30b-a3b", "qwen3moe", .layers = 48, .d_model = 2048, .heads = 32, .kv_heads = 4, .head_dim = 128, .n_ff = 6144,
		.vocab = 151936, .ctx = 40960, .experts = 128, .chosen = 8, .expert_n_ff = 768, .rope_base = 1e6, .eps = 1e-6 },
	{ "olmoe", "olmoe", .layers = 16, .d_model = 2048, .heads = 16, .kv_heads = 16, .head_dim = 128, .n_ff = 1024,
		.vocab = 50304, .ctx = 4096, .experts = 64, .chosen = 8, .rope_base = 1e4, .eps = 1e-5 },
	{ "mixtral-8x7b", "llama", .layers = 32, .d_model = 4096, .heads = 32, .kv_heads = 8, .head_dim = 128, .n_ff = 14336,
		.vocab = 32000, .ctx = 32768, .experts = 8, .chosen = 2, .rope_base = 1e6, .eps = 1e-5 },
	{ "gpt-oss-20b", "gpt-oss", .layers = 24, .d_model = 2880, .heads = 64, .kv_heads = 8, .head_dim = 64, .n_ff = 2880,
		.vocab = 201088, .ctx = 131072, .experts = 32, .chosen = 4, .expert_n_ff = 2880, .rope_base = 150000, .eps = 1e-5,
		.biased = true,
		.extra = { { "attention.sliding_window", .number = 128 }, { "rope.scaling.type", .text = "yarn" },
			{ "rope.scaling.factor", .real = 32 }, { "rope.scaling.original_context_length", .number = 4096 } } },
	{ "smallthinker-21b", "smallthinker", .layers = 52, .d_model = 2560, .heads = 28, .kv_heads = 4, .head_dim = 128, .n_ff = 768,
		.vocab = 151936, .ctx = 16384, .experts = 64, .chosen = 6, .expert_n_ff = 768, .rope_base = 1.5e6, .eps = 1e-6,
		.extra = { { "attention.sliding_window", .number = 4096 }, { "expert_gating_func", .number = 2 } } },
	{ "llama-3.1-8b", "llama", .layers = 32, .d_model = 4096, .heads = 32, .kv_heads = 8, .head_dim = 128, .n_ff = 14336,
		.vocab = 128256, .ctx = 131072, .rope_base = 5e5, .eps = 1e-5 },
	{ "mistral-7b", "llama", .layers = 32, .d_model = 4096, .heads = 32, .kv_heads = 8, .head_dim = 128, .n_ff = 14336,
		.vocab = 32768, .ctx = 32768, .rope_base = 1e6, .eps = 1e-5 },
	{ "qwen3-8b", "qwen3", .layers = 36, .d_model = 4096, .heads = 32, .kv_heads = 8, .head_dim = 128, .n_ff = 12288,
		.vocab = 151936, .ctx = 40960, .rope_base = 1e6, .eps = 1e-6 },
	{ "gemma-3-12b", "gemma3", .layers = 48, .d_model = 3840, .heads = 16, .kv_heads = 8, .head_dim = 256, .n_ff = 15360,
		.vocab = 262144, .ctx = 131072, .rope_base = 1e6, .eps = 1e-6, .tied = true,
		.extra = { { "attention.sliding_window", .number = 1024 }, { "rope.scaling.type", .text = "linear" },
			{ "rope.scaling.factor", .real = 8 } } },
	{ "phi-4", "phi3", .layers = 40, .d_model = 5120, .heads = 40, .kv_heads = 10, .head_dim = 128, .n_ff = 17920,
		.vocab = 100352, .ctx = 16384, .rope_base = 250000, .eps = 1e-5, .fused = true,
		.extra = { { "attention.sliding_window", .number = 0 }, { "rope.scaling.original_context_length", .number = 16384 } } },
	{ "falcon-7b", "falcon", .layers = 32, .d_model = 4544, .heads = 71, .kv_heads = 1, .head_dim = 64, .n_ff = 18176,
		.vocab = 65024, .ctx = 2048, .rope_base = 1e4, .eps = 1e-5, .layer_norm = true, .tied = true, .fused = true,
		.extra = { { "tensor_data_layout", .text = "jploski" } } },
};

/* What a name may be followed by. */
static const struct {
	const char *key;
	size_t field;
	uint32_t least;
} sizes[] = {
	{ "layers", offsetof(struct wick_stock_model, layers), 1 },
	{ "experts", offsetof(struct wick_stock_model, experts), 1 },
	{ "vocab", offsetof(struct wick_stock_model, vocab), 260 }, /* the bytes and four special tokens */
};

static const struct wick_stock_model *find(const char *text)
{
	size_t length = strcspn(text, ",");

	for (size_t i = 0; i < WICK_COUNT_OF(models); i++)
		if (strlen(models[i].name) == length && !memcmp(models[i].name, text, length))
			return &models[i];
	return NULL;
}

bool wick_stock_model_is(const char *text)
{
	return find(text);
}

static int refuse_name(const char *text, struct wick_diag *diag)
{
	char names[512];
	size_t at = 0;

	for (size_t i = 0; i < WICK_COUNT_OF(models); i++)
		at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i ? ", " : "", models[i].name);
	return wick_diag_say(diag, -EINVAL, "\"%.80s\": there is no such shape in stock layout; there are %s", text, names);
}

/* One "layers=2"; the text behind it, or NULL. */
static const char *take_size(struct wick_stock_model *model, const char *text)
{
	for (size_t i = 0; i < WICK_COUNT_OF(sizes); i++) {
		size_t length = strlen(sizes[i].key);
		uint32_t *into = (uint32_t *)((char *)model + sizes[i].field);
		unsigned long value;
		char *end;

		if (strncmp(text, sizes[i].key, length) || text[length] != '=')
			continue;
		value = strtoul(text + length + 1, &end, 10);
		if (end == text + length + 1 || !*into || value < sizes[i].least || value > *into)
			return NULL;
		*into = (uint32_t)value;
		return end;
	}
	return NULL;
}

int wick_stock_model_find(struct wick_stock_model *model, const char *text, struct wick_diag *diag)
{
	const struct wick_stock_model *row = find(text);
	const char *rest = text + strcspn(text, ",");

	if (!row)
		return refuse_name(text, diag);
	*model = *row;
	while (*rest) {
		rest = take_size(model, rest + 1);
		if (!rest || (*rest && *rest != ','))
			return wick_diag_say(diag, -EINVAL, "\"%.80s\": behind the name come layers=N, experts=N and vocab=N after commas, none "
				"above the model's own and none that it lacks", text);
	}
	if (model->chosen > model->experts)
		return wick_diag_say(diag, -EINVAL, "\"%.80s\": %u experts are chosen for a token: so many there have to be", text,
			model->chosen);
	return 0;
}
