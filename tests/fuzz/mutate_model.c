/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Mutates packed models: as the GGUF files that they are (mutate_gguf.c), or in their shape. A number of the shape that
 * is changed alone is refused, since no tensor fits it any more; so the whole file is laid out anew for it, with other
 * weights and with checksums that are right. */

#include "bits.h"
#include "gguf_write.h"
#include "kernels.h"
#include "mutate.h"
#include "random.h"
#include "shape.h"
#include "tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RESHAPE 3 /* one mutation of so many */
#define WILD 8    /* one tensor of so many has numbers that are none */
#define WILD_BYTES 8

struct making {
	struct wick_shape shape;
	struct wick_gguf_writer writer;
	struct wick_kernels kernels;
	uint8_t *data;
	uint64_t header_bytes;
	uint64_t at;      /* of the slot that is next */
	uint64_t sums_at; /* of the checksum that is next */
	struct fuzz_random random;
};

/* The shape of the model that is mutated, or of a plain one. */
static struct wick_shape shape_of(const uint8_t *data, size_t size)
{
	struct wick_shape shape = { .layers = 1, .d_model = 4, .d_embed = 4, .n_ff = 5, .vocab = 7, .ctx_max = 9,
		.kind[0].attn = { .heads = 2, .kv_heads = 1 }, .final_norm = true, .norm_eps = 1e-5f, .bundle_parts = 2 };
	int memory = memfd_create("fuzz", MFD_CLOEXEC);
	struct wick_model *model = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	if (memory >= 0 && write(memory, data, size) == (ssize_t)size && !wick_model_open(&model, path, NULL) && !model->stock)
		shape = model->shape;
	wick_model_close(model);
	close(memory);
	return shape;
}

/* 1 to most, and small more often than not. */
static uint32_t dimension(struct fuzz_random *random, uint32_t most)
{
	return 1 + (uint32_t)fuzz_below(random, fuzz_below(random, 2) ? 4 : most);
}

/* For types of blocks, whole ones. */
static uint32_t width(struct fuzz_random *random)
{
	return fuzz_below(random, 2) ? 32 * dimension(random, 4) : dimension(random, 100);
}

static void change_number(struct wick_shape *shape, struct fuzz_random *random)
{
	static const float epsilons[] = { 1e-5f, 1e-44f, 1e-30f, 0.99f };

	switch (fuzz_below(random, 9)) {
	case 0:
		shape->layers = dimension(random, 8);
		break;
	case 1:
		shape->d_model = shape->d_embed = width(random);
		break;
	case 2:
		shape->d_embed = width(random);
		break;
	case 3:
		shape->kind[0].attn.heads = shape->kind[0].attn.kv_heads = dimension(random, shape->d_model);
		break;
	case 4:
		shape->kind[0].attn.kv_heads = dimension(random, shape->kind[0].attn.heads);
		break;
	case 5:
		shape->n_ff = dimension(random, 500);
		break;
	case 6:
		shape->vocab = dimension(random, 300);
		break;
	case 7:
		shape->ctx_max = dimension(random, 80);
		break;
	default:
		shape->norm_eps = epsilons[fuzz_below(random, WICK_COUNT_OF(epsilons))];
	}
}

static void change_kind(struct wick_shape *shape, struct fuzz_random *random)
{
	bool *const flags[] = { &shape->norm_affine, &shape->final_norm, &shape->bias, &shape->tied, &shape->predictor };
	uint32_t which = fuzz_below(random, 4);

	if (which < 2)
		shape->type = shape->matrix_type = (enum wick_type)fuzz_below(random, WICK_WRITTEN_TYPES);
	else if (which == 2 && fuzz_below(random, 2))
		shape->kind[0].norm_at ^= WICK_NORM_AFTER;
	else if (which == 2)
		shape->kind[0].ffn.act ^= WICK_ACT_GELU;
	else
		*flags[fuzz_below(random, WICK_COUNT_OF(flags))] ^= true;
}

/* What contradicts the rest of the shape follows it. */
static void make_possible(struct wick_shape *shape)
{
	bool blocks = shape->d_model % 32 == 0;

	if (shape->d_model % shape->kind[0].attn.heads)
		shape->kind[0].attn.heads = 1;
	if (shape->kind[0].attn.heads % shape->kind[0].attn.kv_heads)
		shape->kind[0].attn.kv_heads = 1;
	if (!blocks || shape->d_embed % 32)
		shape->type = WICK_MIN(shape->type, WICK_BF16);
	shape->matrix_type = shape->type;
	shape->predictor_type = blocks ? WICK_Q2 : WICK_BF16;
}

static bool change_shape(struct making *making)
{
	uint32_t align = 512u << fuzz_below(&making->random, 4);
	unsigned changes = 1 + (unsigned)fuzz_below(&making->random, 3);

	for (unsigned i = 0; i < changes; i++)
		(fuzz_below(&making->random, 3) ? change_number : change_kind)(&making->shape, &making->random);
	make_possible(&making->shape);
	return !wick_shape_complete(&making->shape, align, "", NULL);
}

/* A few tokens, for a vocabulary of any size. */
static void put_tokenizer(struct wick_gguf_writer *writer)
{
	char *const tokens[] = { "<s>", "</s>", "a", "b", "ab", "\xc4\xa0" }, *const merges[] = { "a b" };

	wick_gguf_put_string(writer, "tokenizer.ggml.model", "gpt2");
	wick_gguf_put_string(writer, "tokenizer.ggml.pre", "gpt-2");
	wick_gguf_put_strings(writer, "tokenizer.ggml.tokens", tokens, WICK_COUNT_OF(tokens));
	wick_gguf_put_strings(writer, "tokenizer.ggml.merges", merges, WICK_COUNT_OF(merges));
}

static int put_entry(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct making *making = user;
	struct wick_tensor tensor;
	uint32_t type;
	uint64_t ne[2];

	wick_tensor_describe(&tensor, id, layer, &making->shape);
	wick_tensor_directory(&tensor, id, &type, ne);
	making->sums_at = wick_gguf_put_tensor(
		&making->writer, tensor.name, type, ne, tensor.rows > 1 ? 2 : 1, wick_tensor_bytes(&tensor));
	return 0; /* the checksums are the last */
}

/* Numbers from -1/2 to 1/2, whole blocks of them. */
static void put_numbers(struct making *making, uint8_t *into, enum wick_type type, uint64_t count)
{
	uint32_t block = wick_types[type].block;
	float numbers[32];

	for (; count; count -= block, into += wick_types[type].block_bytes) {
		for (uint32_t i = 0; i < block; i++)
			numbers[i] = (float)fuzz_below(&making->random, 1024) / 1024 - 0.5f;
		making->kernels.from_f32[type](into, numbers, block);
	}
}

/* Some of them infinite, or none. */
static void put_wild_bytes(struct making *making, uint8_t *into, uint64_t bytes)
{
	for (unsigned i = 0; i < WILD_BYTES; i++) {
		uint8_t byte = (uint8_t)fuzz_draw(&making->random);

		into[fuzz_below(&making->random, bytes)] = byte & 1 ? 0xff : byte;
	}
}

static void put_weights(struct making *making, uint8_t *into, const struct wick_tensor *tensor)
{
	for (uint64_t row = 0; row < tensor->rows; row++)
		put_numbers(making, into + row * tensor->row_bytes, tensor->type, tensor->cols);
	if (fuzz_below(&making->random, WILD) == 0)
		put_wild_bytes(making, into, wick_tensor_bytes(tensor));
}

static void add_sum(struct making *making, const uint8_t *data, uint64_t bytes)
{
	uint32_t sum = making->kernels.crc32c(0, data, bytes);

	memcpy(making->data + making->sums_at, &sum, sizeof(sum));
	making->sums_at += sizeof(sum);
}

static void put_bundle_sums(struct making *making, const uint8_t *bundles, uint8_t *into)
{
	uint64_t stride = making->shape.stride;

	for (uint32_t i = 0; i < making->shape.n_ff; i++) {
		uint32_t sum = making->kernels.crc32c(0, bundles + i * stride, stride);

		memcpy(into + i * sizeof(sum), &sum, sizeof(sum));
	}
}

/* One tensor, and the checksums that guard it. */
static int put_slot(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct making *making = user;
	const struct wick_shape *shape = &making->shape;
	uint8_t *into = making->data + making->at;
	struct wick_tensor tensor;

	wick_tensor_describe(&tensor, id, layer, shape);
	switch (wick_tensor_table[id].kind) {
	case WICK_TENSOR_BUNDLE_CRCS:
		put_bundle_sums(making, into - wick_align_up(shape->n_ff * shape->stride, WICK_FILE_ALIGN), into);
		break;
	case WICK_TENSOR_CHECKSUMS:
		add_sum(making, making->data, making->header_bytes);
		add_sum(making, into, (uint64_t)(making->data + making->sums_at - into));
		return 0;
	default:
		put_weights(making, into, &tensor);
	}
	for (uint64_t row = 0; wick_tensor_blocks(&tensor, id) && row < tensor.rows; row += tensor.check_rows)
		add_sum(making, into + row * tensor.row_bytes,
			WICK_MIN(tensor.check_rows, tensor.rows - row) * tensor.row_bytes);
	making->at += wick_align_up(wick_tensor_bytes(&tensor), WICK_FILE_ALIGN);
	return 0;
}

/* The whole file; 0: it is too large. */
static size_t lay_out(struct making *making, size_t size_max)
{
	uint64_t bytes;
	uint8_t *header;

	wick_shape_write(&making->shape, &making->writer);
	put_tokenizer(&making->writer);
	wick_tensors_each(&making->shape, put_entry, making);
	if (wick_gguf_writer_header(&making->writer, &header, &making->header_bytes, NULL))
		return 0;
	bytes = making->header_bytes + making->writer.data_bytes;
	if (bytes <= size_max) {
		memset(making->data, 0, bytes);
		memcpy(making->data, header, making->header_bytes);
		making->at = making->header_bytes;
		making->sums_at += making->header_bytes;
		wick_tensors_each(&making->shape, put_slot, making);
	}
	free(header);
	return bytes <= size_max ? bytes : 0;
}

static size_t reshape(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	struct making making = { .data = data, .random = { seed } };
	size_t bytes = 0;

	wick_kernels_init(&making.kernels, ~0u);
	wick_gguf_writer_init(&making.writer, WICK_FILE_ALIGN);
	making.shape = shape_of(data, size);
	if (change_shape(&making))
		bytes = lay_out(&making, size_max);
	wick_gguf_writer_deinit(&making.writer);
	return bytes;
}

size_t fuzz_mutate_model(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	size_t bytes = seed % RESHAPE ? 0 : reshape(data, size, size_max, seed);

	return bytes ? bytes : fuzz_mutate_gguf(data, size, size_max, seed);
}
