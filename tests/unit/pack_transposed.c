/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* GPT-2's matrices have a row for each input: packed, each has a row for each output, also where a matrix is read in several
 * turns, and queries, keys and values, which are one tensor there, are apart. */

#include "packing.h"

#include "bits.h"
#include "gguf.h"

#include <inttypes.h>

/* So wide that up- and down-projection are more than is read at a time. */
enum { WIDTH = 32, INNER = 70000, VOCAB = 259, POSITIONS = 4 };

static const char config[] = "{\"model_type\": \"gpt2\", \"n_embd\": 32, \"n_head\": 2, \"n_layer\": 1, \"n_inner\": 70000, "
	"\"n_positions\": 4, \"vocab_size\": 259}";

/* Of the checkpoint, as safetensors has them: cols 0: a vector. */
static const struct tensor {
	const char *name;
	uint32_t rows, cols;
} tensors[] = {
	{ "wte.weight", VOCAB, WIDTH }, { "wpe.weight", POSITIONS, WIDTH },
	{ "h.0.ln_1.weight", WIDTH, 0 }, { "h.0.ln_1.bias", WIDTH, 0 }, { "h.0.ln_2.weight", WIDTH, 0 }, { "h.0.ln_2.bias", WIDTH, 0 },
	{ "h.0.attn.c_attn.weight", WIDTH, 3 * WIDTH }, { "h.0.attn.c_attn.bias", 3 * WIDTH, 0 },
	{ "h.0.attn.c_proj.weight", WIDTH, WIDTH }, { "h.0.attn.c_proj.bias", WIDTH, 0 },
	{ "h.0.mlp.c_fc.weight", WIDTH, INNER }, { "h.0.mlp.c_fc.bias", INNER, 0 },
	{ "h.0.mlp.c_proj.weight", INNER, WIDTH }, { "h.0.mlp.c_proj.bias", WIDTH, 0 },
	{ "ln_f.weight", WIDTH, 0 }, { "ln_f.bias", WIDTH, 0 },
	{ "h.0.attn.bias", POSITIONS, POSITIONS }, /* the mask of old checkpoints, which is no part of the model */
};

/* What becomes of them: from column `first` of the checkpoint's on. */
static const struct made {
	const char *name;
	unsigned of;
	uint32_t first, rows;
} made[] = {
	{ "blk.0.attn_q.weight", 6, 0, WIDTH }, { "blk.0.attn_k.weight", 6, WIDTH, WIDTH }, { "blk.0.attn_v.weight", 6, 2 * WIDTH, WIDTH },
	{ "blk.0.attn_output.weight", 8, 0, WIDTH }, { "blk.0.ffn_up.weight", 10, 0, INNER }, { "blk.0.ffn_down.weight", 12, 0, WIDTH },
};

/* A number in f16, finite and not below 0, another one at each place. */
static uint16_t number(unsigned tensor, uint64_t at)
{
	return (uint16_t)((at * 2654435761u >> 7 ^ tensor * 977u) % 0x7c00);
}

static uint64_t count_of(const struct tensor *tensor)
{
	return (uint64_t)tensor->rows * WICK_MAX(tensor->cols, 1);
}

static void write_checkpoint(const struct folder *folder)
{
	char header[8192] = "{";
	uint64_t at = 0, length;
	uint16_t *numbers;
	FILE *file;

	for (size_t i = 0; i < WICK_COUNT_OF(tensors); i++) {
		size_t end = strlen(header);
		char cols[16] = "";

		if (tensors[i].cols)
			snprintf(cols, sizeof(cols), ",%u", tensors[i].cols);
		snprintf(header + end, sizeof(header) - end, "%s\"%s\":{\"dtype\":\"F16\",\"shape\":[%u%s],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}",
			i ? "," : "", tensors[i].name, tensors[i].rows, cols, 2 * at, 2 * (at + count_of(&tensors[i])));
		at += count_of(&tensors[i]);
	}
	strcat(header, "}");
	length = strlen(header);
	file = fopen(folder_path(folder, "model.safetensors"), "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(&length, sizeof(length), 1, file), 1);
	assert_int_equal(fwrite(header, length, 1, file), 1);
	numbers = malloc(at * sizeof(*numbers));
	for (size_t i = 0; i < WICK_COUNT_OF(tensors); i++) {
		uint64_t count = count_of(&tensors[i]);

		for (uint64_t k = 0; k < count; k++)
			numbers[k] = number((unsigned)i, k);
		assert_int_equal(fwrite(numbers, sizeof(*numbers), count, file), count);
	}
	free(numbers);
	assert_int_equal(fclose(file), 0);
}

static void check(const struct made *matrix, const uint16_t *packed)
{
	const struct tensor *from = &tensors[matrix->of];

	for (uint64_t row = 0; row < matrix->rows; row++)
		for (uint64_t col = 0; col < from->rows; col++) {
			uint16_t want = number(matrix->of, col * from->cols + matrix->first + row);

			if (packed[row * from->rows + col] != want)
				fail_msg("%s: row %" PRIu64 ", number %" PRIu64 ": %x, not %x", matrix->name, row, col,
					packed[row * from->rows + col], want);
		}
}

static void each_row_is_a_column(void **state)
{
	const struct wick_pack_options options = { .type = "f16" };
	struct folder source = fixture_copy("stock/gpt2-f16/folder"), outputs = folder_make();
	struct wick_gguf *gguf;
	struct blob packed;
	char out[512];

	(void)state;
	snprintf(out, sizeof(out), "%s/out.gguf", outputs.path);
	folder_write(&source, "config.json", config, strlen(config));
	write_checkpoint(&source);
	pack_well(source.path, out, &options);
	packed = blob_load(out);
	assert_int_equal(wick_gguf_open(&gguf, out, NULL), 0);
	for (size_t i = 0; i < WICK_COUNT_OF(made); i++) {
		const struct wick_gguf_tensor *tensor = wick_gguf_tensor(gguf, made[i].name);

		assert_non_null(tensor);
		assert_int_equal(tensor->bytes, 2ull * made[i].rows * tensors[made[i].of].rows);
		check(&made[i], (const uint16_t *)(const void *)(packed.bytes + tensor->offset));
	}
	wick_gguf_close(gguf);
	free(packed.bytes);
	folder_remove(&source);
	folder_remove(&outputs);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_row_is_a_column) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
