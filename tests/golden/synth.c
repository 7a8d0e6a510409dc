/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

#include "synth.h"

#include "fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define MAX_TENSORS 2048

struct tensor {
	char name[96];
	unsigned rows, cols; /* cols 0: a vector of rows numbers */
	float centre, spread; /* numbers are uniform in centre +- spread */
};

struct plan {
	struct tensor tensors[MAX_TENSORS];
	unsigned count;
};

static uint64_t numbers_in(const struct tensor *tensor)
{
	return (uint64_t)tensor->rows * (tensor->cols ? tensor->cols : 1);
}

__attribute__((format(printf, 5, 6))) static void add(
	struct plan *plan, unsigned rows, unsigned cols, float centre, const char *format, ...)
{
	struct tensor *tensor = &plan->tensors[plan->count++];
	va_list args;

	assert_in_range(plan->count, 1, MAX_TENSORS);
	va_start(args, format);
	vsnprintf(tensor->name, sizeof(tensor->name), format, args);
	va_end(args);
	tensor->rows = rows;
	tensor->cols = cols;
	tensor->centre = centre;
	tensor->spread = cols ? sqrtf(3.0f / (float)cols) : 0.2f;
}

/* A linear map or a norm: its weight and its bias. */
static void add_linear(struct plan *plan, unsigned layer, const char *name, unsigned rows, unsigned cols)
{
	add(plan, rows, cols, cols ? 0 : 1, "model.decoder.layers.%u.%s.weight", layer, name);
	add(plan, rows, 0, 0, "model.decoder.layers.%u.%s.bias", layer, name);
}

static void list_tensors(struct plan *plan, const struct synth_shape *s)
{
	static const char *const projections[] = { "q_proj", "k_proj", "v_proj", "out_proj" };
	char name[64];

	add(plan, s->vocab, s->embed ? s->embed : s->d_model, 0, "model.decoder.embed_tokens.weight");
	add(plan, s->ctx + 2, s->d_model, 0, "model.decoder.embed_positions.weight");
	for (unsigned i = 0; i < s->layers; i++) {
		for (unsigned p = 0; p < 4; p++) {
			snprintf(name, sizeof(name), "self_attn.%s", projections[p]);
			add_linear(plan, i, name, s->d_model, s->d_model);
		}
		add_linear(plan, i, "self_attn_layer_norm", s->d_model, 0);
		add_linear(plan, i, "fc1", s->ffn, s->d_model);
		add_linear(plan, i, "fc2", s->d_model, s->ffn);
		add_linear(plan, i, "final_layer_norm", s->d_model, 0);
	}
	if (s->embed) {
		add(plan, s->d_model, s->embed, 0, "model.decoder.project_in.weight");
		add(plan, s->embed, s->d_model, 0, "model.decoder.project_out.weight");
		return;
	}
	add(plan, s->d_model, 0, 1, "model.decoder.final_layer_norm.weight");
	add(plan, s->d_model, 0, 0, "model.decoder.final_layer_norm.bias");
}

static void write_header(FILE *file, const struct plan *plan)
{
	uint64_t at = 0;
	size_t bytes;
	char *text;
	FILE *json = open_memstream(&text, &bytes);

	assert_non_null(json);
	fprintf(json, "{");
	for (unsigned i = 0; i < plan->count; i++) {
		const struct tensor *t = &plan->tensors[i];
		uint64_t end = at + 2 * numbers_in(t);

		fprintf(json, "%s\"%s\":{\"dtype\":\"BF16\",\"shape\":[%u", i ? "," : "", t->name, t->rows);
		if (t->cols)
			fprintf(json, ",%u", t->cols);
		fprintf(json, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at, (unsigned long long)end);
		at = end;
	}
	fprintf(json, "}%*s", (int)(-ftell(json) - 1) & 7, "");
	assert_int_equal(fclose(json), 0);
	fwrite(&(uint64_t){ bytes }, 8, 1, file); /* little-endian, as every machine that runs this */
	fwrite(text, 1, bytes, file);
	free(text);
}

/* xorshift64: the upper bits are random enough for weights. */
static float uniform(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (float)(*state >> 40) * 0x1p-23f - 1.0f;
}

static void write_numbers(FILE *file, const struct tensor *tensor, uint64_t *state)
{
	for (uint64_t i = 0; i < numbers_in(tensor); i++) {
		float value = tensor->centre + tensor->spread * uniform(state);
		uint32_t bits;

		memcpy(&bits, &value, 4);
		fwrite(&(uint16_t){ (uint16_t)(bits >> 16) }, 2, 1, file);
	}
}

static void write_config(const char *folder, const struct synth_shape *s)
{
	char path[PATH_MAX], text[1024];

	snprintf(text, sizeof(text),
		"{\"architectures\": [\"OPTForCausalLM\"], \"model_type\": \"opt\",\n"
		" \"activation_function\": \"relu\", \"do_layer_norm_before\": %s,\n"
		" \"hidden_size\": %u, \"word_embed_proj_dim\": %u, \"ffn_dim\": %u,\n"
		" \"num_hidden_layers\": %u, \"num_attention_heads\": %u, \"max_position_embeddings\": %u,\n"
		" \"vocab_size\": %u, \"bos_token_id\": 2, \"eos_token_id\": 2, \"pad_token_id\": 1,\n"
		" \"torch_dtype\": \"bfloat16\"}\n",
		s->embed ? "false" : "true", s->d_model, s->embed ? s->embed : s->d_model, s->ffn, s->layers,
		s->heads, s->ctx, s->vocab);
	path_join(path, folder, "config.json");
	file_write(path, text, strlen(text));
}

static void copy_tokenizer(const char *folder)
{
	static const char *const names[] = { "vocab.json", "merges.txt", "tokenizer_config.json" };
	char fixture[PATH_MAX], from[PATH_MAX], to[PATH_MAX];

	fixture_folder(fixture, "plain-f32");
	for (unsigned i = 0; i < 3; i++) {
		uint64_t bytes;
		void *data;

		path_join(from, fixture, names[i]);
		path_join(to, folder, names[i]);
		data = file_read(from, &bytes);
		file_write(to, data, bytes);
		free(data);
	}
}

void synth_checkpoint(const char *folder, const struct synth_shape *shape)
{
	uint64_t state = 88172645463325252u;
	struct plan *plan = calloc(1, sizeof(*plan));
	char path[PATH_MAX];
	FILE *file;

	assert_non_null(plan);
	list_tensors(plan, shape);
	path_join(path, folder, "model.safetensors");
	file = fopen(path, "wb");
	assert_non_null(file);
	write_header(file, plan);
	for (unsigned i = 0; i < plan->count; i++)
		write_numbers(file, &plan->tensors[i], &state);
	assert_int_equal(fclose(file), 0);
	free(plan);
	write_config(folder, shape);
	copy_tokenizer(folder);
}

const struct synth_model synth_models[SYNTH_MODELS] = {
	{ "pre-norm", "f16", { .layers = 2, .d_model = 64, .heads = 2, .ffn = 192, .vocab = 288, .ctx = 64 } },
	{ "post-norm", "bf16", { .layers = 2, .d_model = 64, .heads = 2, .ffn = 192, .vocab = 288, .ctx = 64, .embed = 32 } },
	{ "trained", "q4_0", { .layers = 2, .d_model = 64, .heads = 2, .ffn = 384, .vocab = 288, .ctx = 64 }, true },
	{ "gated", "f16", { .layers = 2, .ffn = 192 }, true, "synthetic:llama-tiny" },
	{ "parallel", "f16", { .layers = 2, .ffn = 192 }, true, "synthetic:falcon-tiny" },
};

void synth_model_folder(char folder[PATH_MAX], const struct synth_model *model, const char *scratch)
{
	if (model->source) {
		strcpy(folder, model->source);
		return;
	}
	path_join(folder, scratch, model->name);
	assert_int_equal(mkdir(folder, 0700), 0);
	synth_checkpoint(folder, &model->shape);
}
