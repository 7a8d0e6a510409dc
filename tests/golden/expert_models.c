/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Random models with experts (see expert_models.h). */

#include "expert_models.h"

#include "fixture.h"

#include "bits.h"
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

const struct expert_family expert_families[] = {
	{ "qwen3moe", "stock/qwen3moe-f16", qwen3moe, 96, WICK_GGML_F32, 0, NULL },
	{ "gpt-oss", "stock/gpt-oss-f16", gpt_oss, 768, GGML_MXFP4, 20, "gpt-oss.rope.scaling.type" },
	{ "smallthinker", "stock/smallthinker-f16", smallthinker, 96, WICK_GGML_F32, 20, NULL },
	{ 0 },
};

static uint64_t numbers_of(const struct expert_part *part)
{
	uint64_t count = 1;

	for (uint32_t d = 0; d < part->dims; d++)
		count *= part->ne[d];
	return count;
}

static uint64_t bytes_of(uint32_t type, uint64_t numbers)
{
	return wick_type_bytes(type == GGML_MXFP4 ? WICK_MXFP4 : WICK_F32, numbers);
}

uint64_t expert_part_bytes(const struct expert_family *family)
{
	return bytes_of(family->type, (uint64_t)family->n_ff * D);
}

static uint32_t type_of(const struct expert_family *family, const struct expert_part *part)
{
	return part->dims == 3 ? family->type : WICK_GGML_F32;
}

static void put_part(struct wick_gguf_writer *writer, const struct expert_part *part, const char *prefix, uint32_t type)
{
	char name[80];

	snprintf(name, sizeof(name), "%s%s", prefix, part->name);
	wick_gguf_put_tensor(writer, name, type, part->ne, part->dims, bytes_of(type, numbers_of(part)));
}

static void put_all(struct wick_gguf_writer *writer, const struct expert_family *family)
{
	static const struct expert_part embed = { "token_embd.weight", { D, EXPERT_VOCAB }, 2 },
		norm = { "output_norm.weight", { D }, 1 };

	put_part(writer, &embed, "", WICK_GGML_F32);
	put_part(writer, &norm, "", WICK_GGML_F32);
	for (uint32_t layer = 0; layer < EXPERT_LAYERS; layer++) {
		char prefix[16];

		snprintf(prefix, sizeof(prefix), "blk.%u.", layer);
		for (const struct expert_part *part = family->parts; part->name; part++)
			put_part(writer, part, prefix, type_of(family, part));
	}
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

/* Numbers of a size that keeps activations in bounds; of MXFP4 any nibbles, at scales that do. */
static void fill(uint8_t *into, uint32_t type, uint64_t bytes, uint64_t *seed)
{
	for (uint64_t i = 0; i < bytes; i += type == WICK_GGML_F32 ? sizeof(float) : 1) {
		uint64_t drawn = wick_splitmix_draw(seed) >> 40;
		float number = ((float)drawn / 0x1p23f - 1) * 0.4f;

		if (type == WICK_GGML_F32)
			memcpy(into + i, &number, sizeof(number));
		else
			into[i] = (uint8_t)(i % 17 ? drawn : 122 + drawn % 4);
	}
}

/* Numbers of all tensors, where the directory says that they are. */
static void fill_all(uint8_t *file, const char *path)
{
	struct wick_gguf *gguf;
	uint64_t seed = 7;

	assert_int_equal(wick_gguf_open(&gguf, path, NULL), 0);
	for (uint64_t i = 0; i < wick_gguf_tensor_count(gguf); i++) {
		const struct wick_gguf_tensor *tensor = wick_gguf_tensor_at(gguf, i);

		fill(file + tensor->offset, tensor->type, tensor->bytes, &seed);
	}
	wick_gguf_close(gguf);
}

void expert_model_write(const char *path, const struct expert_family *family)
{
	struct wick_gguf_writer writer;
	uint64_t bytes;
	uint8_t *header, *file;

	wick_gguf_writer_init(&writer, 32);
	put_vocabulary(&writer, family);
	put_keys(&writer, family);
	put_all(&writer, family);
	assert_int_equal(wick_gguf_writer_header(&writer, &header, &bytes, NULL), 0);
	file = calloc(1, bytes + writer.data_bytes);
	assert_non_null(file);
	memcpy(file, header, bytes);
	file_write(path, file, bytes + writer.data_bytes);
	fill_all(file, path);
	file_write(path, file, bytes + writer.data_bytes);
	free(file);
	free(header);
	wick_gguf_writer_deinit(&writer);
}
