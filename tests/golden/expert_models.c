/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Random models with experts (see expert_models.h). */

#include "expert_models.h"

#include "fixture.h"

#include "bits.h"
#include "plain.h"
#include "gguf.h"
#include "gguf_write.h"
#include "splitmix.h"
#include "types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GGML_F16 1
#define GGML_MXFP4 39
#define PAIRS_MOST 64 /* of a family's own keys */

enum { D = EXPERT_D_MODEL, Q = EXPERT_HEADS * EXPERT_HEAD, KV = EXPERT_HEAD, COUNT = EXPERT_COUNT };

struct expert_part {
	const char *name;
	uint64_t ne[3];
	uint32_t dims;
};

#define ATTENTION \
	{ "attn_q.weight", { D, Q }, 2 }, { "attn_k.weight", { D, KV }, 2 }, { "attn_v.weight", { D, KV }, 2 }, \
	{ "attn_output.weight", { Q, D }, 2 }, { "attn_norm.weight", { D }, 1 }
#define MATRICES(n_ff) \
	{ "ffn_gate_inp.weight", { D, COUNT }, 2 }, { "ffn_gate_exps.weight", { D, n_ff, COUNT }, 3 }, \
	{ "ffn_up_exps.weight", { D, n_ff, COUNT }, 3 }, { "ffn_down_exps.weight", { n_ff, D, COUNT }, 3 }, { 0 }

static const struct expert_part qwen3moe[] = { ATTENTION, { "attn_q_norm.weight", { KV }, 1 },
	{ "attn_k_norm.weight", { KV }, 1 }, { "ffn_norm.weight", { D }, 1 }, MATRICES(96) };

static const struct expert_part gpt_oss[] = { ATTENTION, { "attn_q.bias", { Q }, 1 }, { "attn_k.bias", { KV }, 1 },
	{ "attn_v.bias", { KV }, 1 }, { "attn_output.bias", { D }, 1 }, { "attn_sinks.weight", { EXPERT_HEADS }, 1 },
	{ "post_attention_norm.weight", { D }, 1 }, { "ffn_gate_inp.bias", { COUNT }, 1 },
	{ "ffn_gate_exps.bias", { 768, COUNT }, 2 }, { "ffn_up_exps.bias", { 768, COUNT }, 2 },
	{ "ffn_down_exps.bias", { D, COUNT }, 2 }, MATRICES(768) };

static const struct expert_part smallthinker[] = { ATTENTION, { "ffn_norm.weight", { D }, 1 }, MATRICES(96) };

static const struct expert_part glm4moe[] = { ATTENTION, { "post_attention_norm.weight", { D }, 1 },
	{ "exp_probs_b.bias", { COUNT }, 1 }, MATRICES(96) };

#define STACKED_DOWN "blk.2.ffn_down_exps.weight"

const struct expert_family expert_families[] = {
	{ "qwen3moe", "stock/qwen3moe-f16", qwen3moe, 96, WICK_GGML_F32, 0, NULL, EXPERTS_STACKED, 0, STACKED_DOWN },
	{ "qwen3moe", "stock/qwen3moe-f16", qwen3moe, 96, WICK_GGML_F32, 0, NULL, EXPERTS_SPLIT, 0, "blk.2.ffn_down.*.weight" },
	{ "qwen3moe", "stock/qwen3moe-f16", qwen3moe, 96, WICK_GGML_F32, 0, NULL, EXPERTS_MERGED, 0, STACKED_DOWN },
	{ "qwen3moe", "stock/qwen3moe-f16", qwen3moe, 96, WICK_GGML_F32, 0, NULL, EXPERTS_PACKED, 0, "blk.2.ffn_down.*.weight" },
	{ "gpt-oss", "stock/gpt-oss-f16", gpt_oss, 768, GGML_MXFP4, 20, "gpt-oss.rope.scaling.type", EXPERTS_STACKED, 0, STACKED_DOWN },
	{ "gpt-oss", "stock/gpt-oss-f16", gpt_oss, 768, GGML_MXFP4, 20, "gpt-oss.rope.scaling.type", EXPERTS_PACKED,
		0, "blk.2.ffn_down.*.weight" },
	{ "smallthinker", "stock/smallthinker-f16", smallthinker, 96, WICK_GGML_F32, 20, NULL, EXPERTS_STACKED, 0, STACKED_DOWN },
	{ "glm4moe", "stock/glm4moe-f16", glm4moe, 96, WICK_GGML_F32, 0, NULL, EXPERTS_STACKED, 0, STACKED_DOWN },
	{ "qwen3moe", "stock/qwen3moe-f16", qwen3moe, 96, WICK_GGML_F32, 0, NULL, EXPERTS_STACKED, GGML_F16, STACKED_DOWN },
	{ "qwen3moe", "stock/qwen3moe-f16", qwen3moe, 96, WICK_GGML_F32, 0, NULL, EXPERTS_PACKED, GGML_F16, "blk.2.ffn_down.*.weight" },
	{ 0 },
};

static uint64_t bytes_of(uint32_t type, uint64_t numbers)
{
	return wick_type_bytes(type == GGML_MXFP4 ? WICK_MXFP4 : type == GGML_F16 ? WICK_F16 : WICK_F32, numbers);
}

uint64_t expert_part_bytes(const struct expert_family *family)
{
	return bytes_of(family->type, (uint64_t)family->n_ff * D);
}

uint64_t expert_cycle_bytes(const struct expert_family *family)
{
	uint64_t parts = 3ull * EXPERT_LAYERS - (family->layer_1_down != 0), numbers = (uint64_t)family->n_ff * D;

	return EXPERT_CHOSEN * (parts * bytes_of(family->type, numbers) + (family->layer_1_down ? bytes_of(family->layer_1_down, numbers) : 0));
}

/* What is written, and how it differs from a model that can be. */
struct making {
	const struct expert_family *family;
	struct expert_fault fault;
	struct wick_gguf_writer writer;
};

static void put(struct making *making, const char *name, uint32_t type, const uint64_t ne[3], uint32_t dims)
{
	uint64_t numbers = ne[0] * (dims > 1 ? ne[1] : 1) * (dims > 2 ? ne[2] : 1);

	wick_gguf_put_tensor(&making->writer, name, type, ne, dims, bytes_of(type, numbers));
}

static bool has(const struct expert_part *part, const char *name)
{
	return strstr(part->name, name) == part->name;
}

static uint32_t type_of(const struct expert_family *family, const char *name, uint32_t layer)
{
	return family->layer_1_down && layer == 1 && strstr(name, "ffn_down") ? family->layer_1_down : family->type;
}

static void put_each(struct making *making, const struct expert_part *part, uint32_t layer)
{
	char name[80];

	for (uint32_t expert = 0; expert < COUNT + making->fault.more - making->fault.fewer; expert++) {
		bool other = making->fault.other && layer == 1 && expert == making->fault.other && has(part, "ffn_up");

		snprintf(name, sizeof(name), "blk.%u.%.*s.%u.weight", layer, (int)(strstr(part->name, "_exps") - part->name), part->name, expert);
		put(making, name, other ? GGML_F16 : making->family->type, part->ne, 2);
	}
}

/* Gates and ups are in one. */
static void put_merged(struct making *making, const struct expert_part *part, uint32_t layer)
{
	const uint64_t ne[] = { part->ne[0], 2 * part->ne[1] + making->fault.odd_rows, part->ne[2] };
	char name[80];

	snprintf(name, sizeof(name), "blk.%u.ffn_gate_up_exps.weight", layer);
	if (has(part, "ffn_gate"))
		put(making, name, making->family->type, ne, 3);
}

static void put_part(struct making *making, const struct expert_part *part, uint32_t layer)
{
	enum expert_layout layout = making->family->layout;
	char name[80];

	if (layout == EXPERTS_SPLIT && part->dims == 3) {
		put_each(making, part, layer);
	} else if (layout == EXPERTS_MERGED && part->dims == 3 && !has(part, "ffn_down")) {
		put_merged(making, part, layer);
	} else {
		uint64_t ne[3] = { part->ne[0], part->ne[1], part->ne[2] };

		if (part->dims == 3 && layer == 1 && has(part, "ffn_up"))
			ne[2] = ne[2] + making->fault.more - making->fault.fewer;
		snprintf(name, sizeof(name), "blk.%u.%s", layer, part->name);
		put(making, name, part->dims == 3 ? type_of(making->family, part->name, layer) : WICK_GGML_F32, ne, part->dims);
	}
}

static void put_all(struct making *making)
{
	put(making, "token_embd.weight", WICK_GGML_F32, (const uint64_t[]){ D, EXPERT_VOCAB, 1 }, 2);
	put(making, "output_norm.weight", WICK_GGML_F32, (const uint64_t[]){ D, 1, 1 }, 1);
	for (uint32_t layer = 0; layer < EXPERT_LAYERS; layer++)
		for (const struct expert_part *part = making->family->parts; part->name; part++)
			put_part(making, part, layer);
}

static void put_keys(struct wick_gguf_writer *writer, const struct expert_family *family)
{
	const struct {
		const char *key;
		uint32_t value;
	} numbers[] = {
		{ "block_count", EXPERT_LAYERS }, { "context_length", 256 }, { "embedding_length", D }, { "feed_forward_length", family->n_ff },
		{ "attention.head_count", EXPERT_HEADS }, { "attention.head_count_kv", 1 }, { "attention.key_length", KV },
		{ "attention.value_length", KV }, { "expert_count", COUNT }, { "expert_used_count", EXPERT_CHOSEN },
		{ "attention.sliding_window", family->window }, { "rope.scaling.original_context_length", 32 },
	};
	size_t count = WICK_COUNT_OF(numbers) - !family->yarn - !family->window;
	char key[80];

	for (size_t i = 0; i < count; i++) {
		snprintf(key, sizeof(key), "%s.%s", family->name, numbers[i].key);
		wick_gguf_put_u32(writer, key, numbers[i].value);
	}
	snprintf(key, sizeof(key), "%s.attention.layer_norm_rms_epsilon", family->name);
	wick_gguf_put_f32(writer, key, 1e-6f);
	if (!family->yarn)
		return;
	wick_gguf_put_string(writer, family->yarn, "yarn");
	snprintf(key, sizeof(key), "%s.rope.scaling.factor", family->name);
	wick_gguf_put_f32(writer, key, 8);
}

/* The vocabulary is a fixture's; keys of its shape are not. */
static void put_vocabulary(struct wick_gguf_writer *writer, const struct expert_family *family)
{
	const char *except[PAIRS_MOST + 2] = { "general.alignment" };
	char names[PAIRS_MOST][80], folder[PATH_MAX], from[PATH_MAX];
	struct wick_gguf_string name;
	struct wick_gguf *gguf;
	size_t count = 0;

	fixture_folder(folder, family->fixture);
	path_join(from, folder, "model.gguf");
	assert_int_equal(wick_gguf_open(&gguf, from, NULL), 0);
	for (uint64_t i = 0; wick_gguf_key_at(gguf, i, &name) && count < PAIRS_MOST; i++)
		if (!strncmp(name.bytes, family->name, strlen(family->name))) {
			snprintf(names[count], sizeof(names[0]), "%.*s", (int)name.length, name.bytes);
			except[count + 1] = names[count];
			count++;
		}
	wick_gguf_put_pairs(writer, gguf, except);
	wick_gguf_close(gguf);
}

static uint64_t number_bytes(uint32_t type)
{
	return type == WICK_GGML_F32 ? sizeof(float) : type == GGML_F16 ? sizeof(uint16_t) : 1;
}

/* Numbers of a size that keeps activations in bounds; of MXFP4 any nibbles, at scales that do. */
static void fill(uint8_t *into, uint32_t type, uint64_t bytes, uint64_t *seed)
{
	for (uint64_t i = 0; i < bytes; i += number_bytes(type)) {
		uint64_t drawn = wick_splitmix_draw(seed) >> 40;
		float number = ((float)drawn / 0x1p23f - 1) * 0.4f;

		if (type == WICK_GGML_F32)
			memcpy(into + i, &number, sizeof(number));
		else if (type == GGML_F16)
			memcpy(into + i, &(uint16_t){ wick_f16_of_f32(number) }, sizeof(uint16_t));
		else
			into[i] = (uint8_t)(i % 17 ? drawn : 122 + drawn % 4);
	}
}

/* Where the numbers of a tensor of this name begin in those that are drawn: by its name, so that a model in another layout has
 * the same. */
static uint64_t seed_of(const char *name)
{
	uint64_t seed = 7;

	for (; *name; name++)
		seed = seed * 31 + (uint8_t)*name;
	return seed;
}

static void fill_part(uint8_t *into, const struct expert_family *family, uint32_t layer, const char *kind, uint32_t expert)
{
	uint32_t type = type_of(family, kind, layer);
	char name[80];
	uint64_t seed;

	snprintf(name, sizeof(name), "%u %s %u", layer, kind, expert);
	seed = seed_of(name);
	fill(into, type, bytes_of(type, (uint64_t)family->n_ff * D), &seed);
}

/* Experts' numbers are their own, wherever they are. False: it has none. */
static bool fill_experts(uint8_t *file, const struct wick_gguf_tensor *tensor, const char *name, const struct expert_family *family)
{
	static const char *const kinds[] = { "ffn_gate", "ffn_up", "ffn_down" };
	bool is_merged = strstr(name, "ffn_gate_up_exps") != NULL;
	unsigned layer, expert, kind = 0;
	char text[16];

	if (is_merged || strstr(name, "_exps.weight")) {
		while (!strstr(name, kinds[kind]))
			kind++;
		layer = (unsigned)atoi(name + 4);
		for (uint64_t i = 0; i < tensor->ne[2] * (is_merged ? 2 : 1); i++)
			fill_part(file + tensor->offset + i * bytes_of(type_of(family, name, layer), (uint64_t)family->n_ff * D), family, layer,
				kinds[is_merged ? i % 2 : kind], (uint32_t)(is_merged ? i / 2 : i));
		return true;
	}
	if (sscanf(name, "blk.%u.%15[a-z_].%u.weight", &layer, text, &expert) != 3)
		return false;
	fill_part(file + tensor->offset, family, layer, text, expert);
	return true;
}

/* Numbers of all tensors, where the directory says that they are. */
static void fill_all(uint8_t *file, const char *path, const struct expert_family *family)
{
	struct wick_gguf *gguf;

	assert_int_equal(wick_gguf_open(&gguf, path, NULL), 0);
	for (uint64_t i = 0; i < wick_gguf_tensor_count(gguf); i++) {
		const struct wick_gguf_tensor *tensor = wick_gguf_tensor_at(gguf, i);
		char name[80];
		uint64_t seed;

		snprintf(name, sizeof(name), "%.*s", (int)tensor->name.length, tensor->name.bytes);
		seed = seed_of(name);
		if (!fill_experts(file, tensor, name, family))
			fill(file + tensor->offset, WICK_GGML_F32, tensor->bytes, &seed);
	}
	wick_gguf_close(gguf);
}

static void write_stock(const char *path, const struct expert_family *family, const struct expert_fault *fault)
{
	struct making making = { .family = family, .fault = fault ? *fault : (struct expert_fault){ 0 } };
	uint8_t *header, *file;
	uint64_t bytes;

	wick_gguf_writer_init(&making.writer, 32);
	put_vocabulary(&making.writer, family);
	put_keys(&making.writer, family);
	put_all(&making);
	assert_int_equal(wick_gguf_writer_header(&making.writer, &header, &bytes, NULL), 0);
	file = calloc(1, bytes + making.writer.data_bytes);
	assert_non_null(file);
	memcpy(file, header, bytes);
	file_write(path, file, bytes + making.writer.data_bytes);
	if (!fault) {
		fill_all(file, path, family);
		file_write(path, file, bytes + making.writer.data_bytes);
	}
	free(file);
	free(header);
	wick_gguf_writer_deinit(&making.writer);
}

void expert_model_write(const char *path, const struct expert_family *family, const struct expert_fault *fault)
{
	char stock[PATH_MAX];

	if (family->layout != EXPERTS_PACKED) {
		write_stock(path, family, fault);
		return;
	}
	assert_true(snprintf(stock, sizeof(stock), "%s.stock", path) < (int)sizeof(stock));
	write_stock(stock, family, fault);
	model_pack(stock, path, NULL);
}
