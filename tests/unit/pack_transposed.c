/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* GPT-2's matrices have a row for each input, and so have gpt-oss's experts where they are plain numbers: packed, each has a row for
 * each output, also where a matrix is read in several turns. Queries, keys and values, which are one tensor of GPT-2, are apart,
 * and so are gates and ups of gpt-oss, which take turns. */

#include "packing.h"

#include "bits.h"
#include "gguf.h"

#include <inttypes.h>

/* So wide that up- and down-projection are more than is read at a time. */
enum { WIDTH = 32, INNER = 70000, VOCAB = 259, POSITIONS = 4 };
enum { HIDDEN = 48, EXPERTS = 2, NEURONS = 30000, QUERIES = 32, KEYS = 16 };

/* Of the checkpoint, as safetensors has them: cols 0: a vector; deep: so many matrices. */
struct tensor {
	const char *name;
	uint32_t rows, cols, deep;
};

/* What becomes of a matrix: from column `first` of the checkpoint's on each step-th, of the matrix of one expert. */
struct made {
	const char *name;
	unsigned of;
	uint32_t first, rows, step, expert;
};

struct model {
	const char *config;
	const struct tensor *tensors;
	size_t tensor_count;
	const struct made *made;
	size_t made_count;
};

static const struct tensor gpt2_tensors[] = {
	{ "wte.weight", VOCAB, WIDTH }, { "wpe.weight", POSITIONS, WIDTH },
	{ "h.0.ln_1.weight", WIDTH }, { "h.0.ln_1.bias", WIDTH }, { "h.0.ln_2.weight", WIDTH }, { "h.0.ln_2.bias", WIDTH },
	{ "h.0.attn.c_attn.weight", WIDTH, 3 * WIDTH }, { "h.0.attn.c_attn.bias", 3 * WIDTH },
	{ "h.0.attn.c_proj.weight", WIDTH, WIDTH }, { "h.0.attn.c_proj.bias", WIDTH },
	{ "h.0.mlp.c_fc.weight", WIDTH, INNER }, { "h.0.mlp.c_fc.bias", INNER },
	{ "h.0.mlp.c_proj.weight", INNER, WIDTH }, { "h.0.mlp.c_proj.bias", WIDTH },
	{ "ln_f.weight", WIDTH }, { "ln_f.bias", WIDTH },
	{ "h.0.attn.bias", POSITIONS, POSITIONS }, /* the mask of old checkpoints, which is no part of the model */
};

static const struct made gpt2_made[] = {
	{ "blk.0.attn_q.weight", 6, 0, WIDTH, 1 }, { "blk.0.attn_k.weight", 6, WIDTH, WIDTH, 1 },
	{ "blk.0.attn_v.weight", 6, 2 * WIDTH, WIDTH, 1 }, { "blk.0.attn_output.weight", 8, 0, WIDTH, 1 },
	{ "blk.0.ffn_up.weight", 10, 0, INNER, 1 }, { "blk.0.ffn_down.weight", 12, 0, WIDTH, 1 },
};

static const struct model gpt2 = {
	"{\"model_type\": \"gpt2\", \"n_embd\": 32, \"n_head\": 2, \"n_layer\": 1, \"n_inner\": 70000, \"n_positions\": 4, "
	"\"vocab_size\": 259}",
	gpt2_tensors, WICK_COUNT_OF(gpt2_tensors), gpt2_made, WICK_COUNT_OF(gpt2_made),
};

#define LAYER "model.layers.0."

static const struct tensor gpt_oss_tensors[] = {
	{ LAYER "mlp.experts.gate_up_proj", HIDDEN, 2 * NEURONS, EXPERTS }, { LAYER "mlp.experts.gate_up_proj_bias", EXPERTS, 2 * NEURONS },
	{ LAYER "mlp.experts.down_proj", NEURONS, HIDDEN, EXPERTS }, { LAYER "mlp.experts.down_proj_bias", EXPERTS, HIDDEN },
	{ LAYER "mlp.router.weight", EXPERTS, HIDDEN }, { LAYER "mlp.router.bias", EXPERTS },
	{ LAYER "self_attn.q_proj.weight", QUERIES, HIDDEN }, { LAYER "self_attn.q_proj.bias", QUERIES },
	{ LAYER "self_attn.k_proj.weight", KEYS, HIDDEN }, { LAYER "self_attn.k_proj.bias", KEYS },
	{ LAYER "self_attn.v_proj.weight", KEYS, HIDDEN }, { LAYER "self_attn.v_proj.bias", KEYS },
	{ LAYER "self_attn.o_proj.weight", HIDDEN, QUERIES }, { LAYER "self_attn.o_proj.bias", HIDDEN },
	{ LAYER "self_attn.sinks", 2 }, { LAYER "input_layernorm.weight", HIDDEN }, { LAYER "post_attention_layernorm.weight", HIDDEN },
	{ "model.embed_tokens.weight", VOCAB, HIDDEN }, { "model.norm.weight", HIDDEN }, { "lm_head.weight", VOCAB, HIDDEN },
};

static const struct made gpt_oss_made[] = {
	{ "blk.0.ffn_gate.0.weight", 0, 0, NEURONS, 2, 0 }, { "blk.0.ffn_up.0.weight", 0, 1, NEURONS, 2, 0 },
	{ "blk.0.ffn_gate.1.weight", 0, 0, NEURONS, 2, 1 }, { "blk.0.ffn_up.1.weight", 0, 1, NEURONS, 2, 1 },
	{ "blk.0.ffn_down.0.weight", 2, 0, HIDDEN, 1, 0 }, { "blk.0.ffn_down.1.weight", 2, 0, HIDDEN, 1, 1 },
};

static const struct model gpt_oss = {
	"{\"model_type\": \"gpt_oss\", \"hidden_size\": 48, \"intermediate_size\": 30000, \"num_hidden_layers\": 1, \"head_dim\": 16, "
	"\"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"num_local_experts\": 2, \"num_experts_per_tok\": 1, "
	"\"vocab_size\": 259, \"max_position_embeddings\": 64, \"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4.0, "
	"\"original_max_position_embeddings\": 16, \"truncate\": false}}",
	gpt_oss_tensors, WICK_COUNT_OF(gpt_oss_tensors), gpt_oss_made, WICK_COUNT_OF(gpt_oss_made),
};

/* A number in f16, finite and not below 0, another one at each place. */
static uint16_t number(unsigned tensor, uint64_t at)
{
	return (uint16_t)((at * 2654435761u >> 7 ^ tensor * 977u) % 0x7c00);
}

static uint64_t count_of(const struct tensor *tensor)
{
	return (uint64_t)tensor->rows * WICK_MAX(tensor->cols, 1) * WICK_MAX(tensor->deep, 1);
}

static void put_shape(char text[48], const struct tensor *tensor)
{
	if (tensor->deep)
		snprintf(text, 48, "%u,%u,%u", tensor->deep, tensor->rows, tensor->cols);
	else if (tensor->cols)
		snprintf(text, 48, "%u,%u", tensor->rows, tensor->cols);
	else
		snprintf(text, 48, "%u", tensor->rows);
}

/* All numbers lie behind it. */
static uint64_t make_header(char header[8192], const struct model *model)
{
	uint64_t at = 0;

	strcpy(header, "{");
	for (size_t i = 0; i < model->tensor_count; i++) {
		const struct tensor *tensor = &model->tensors[i];
		size_t end = strlen(header);
		char shape[48];

		put_shape(shape, tensor);
		snprintf(header + end, 8192 - end, "%s\"%s\":{\"dtype\":\"F16\",\"shape\":[%s],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}",
			i ? "," : "", tensor->name, shape, 2 * at, 2 * (at + count_of(tensor)));
		at += count_of(tensor);
	}
	strcat(header, "}");
	return at;
}

static void write_checkpoint(const struct folder *folder, const struct model *model)
{
	char header[8192];
	uint64_t all = make_header(header, model), length = strlen(header);
	uint16_t *numbers = malloc(all * sizeof(*numbers));
	FILE *file = folder_create(folder, "model.safetensors");

	assert_int_equal(fwrite(&length, sizeof(length), 1, file), 1);
	assert_int_equal(fwrite(header, length, 1, file), 1);
	for (size_t i = 0; i < model->tensor_count; i++) {
		uint64_t count = count_of(&model->tensors[i]);

		for (uint64_t k = 0; k < count; k++)
			numbers[k] = number((unsigned)i, k);
		assert_int_equal(fwrite(numbers, sizeof(*numbers), count, file), count);
	}
	free(numbers);
	assert_int_equal(fclose(file), 0);
}

static void check(const struct made *matrix, const struct tensor *from, const uint16_t *packed)
{
	uint64_t before = (uint64_t)matrix->expert * from->rows * from->cols + matrix->first;

	for (uint64_t row = 0; row < matrix->rows; row++)
		for (uint64_t col = 0; col < from->rows; col++) {
			uint16_t want = number(matrix->of, before + col * from->cols + row * matrix->step);

			if (packed[row * from->rows + col] != want)
				fail_msg("%s: row %" PRIu64 ", number %" PRIu64 ": %x, not %x", matrix->name, row, col,
					packed[row * from->rows + col], want);
		}
}

static void expect_turned(const struct model *model)
{
	const struct wick_pack_options options = { .type = "f16" };
	struct folder source = fixture_copy("stock/gpt2-f16/folder"), outputs = folder_make();
	struct wick_gguf *gguf;
	struct blob packed;
	char out[512];

	snprintf(out, sizeof(out), "%s/out.gguf", outputs.path);
	folder_write(&source, "config.json", model->config, strlen(model->config));
	write_checkpoint(&source, model);
	pack_well(source.path, out, &options);
	packed = blob_load(out);
	assert_int_equal(wick_gguf_open(&gguf, out, NULL), 0);
	for (size_t i = 0; i < model->made_count; i++) {
		const struct made *made = &model->made[i];
		const struct wick_gguf_tensor *tensor = wick_gguf_tensor(gguf, made->name);

		if (!tensor)
			fail_msg("no %s", made->name);
		assert_int_equal(tensor->bytes, 2ull * made->rows * model->tensors[made->of].rows);
		check(made, &model->tensors[made->of], (const uint16_t *)(const void *)(packed.bytes + tensor->offset));
	}
	wick_gguf_close(gguf);
	free(packed.bytes);
	folder_remove(&source);
	folder_remove(&outputs);
}

static void each_row_is_a_column(void **state)
{
	(void)state;
	expect_turned(&gpt2);
}

static void of_experts_each_second_one(void **state)
{
	(void)state;
	expect_turned(&gpt_oss);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_row_is_a_column), cmocka_unit_test(of_experts_each_second_one) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
