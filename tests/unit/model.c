/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Opening packed models. The files are made here from docs/container.md: the list of tensors, the layout and the
 * checksum below are written down a second time, not taken from the code under test. */

#include "model.h"

#include "bits.h"
#include "gguf_write.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[4096];

/* A model of 2 layers, width 6, embeddings of 4, 2 heads, 3 neurons, 19 tokens and 5 positions, in f16. */
struct entry {
	const char *name;
	uint32_t type; /* 0 f32, 1 f16, 24 i8, 26 i32 */
	uint64_t ne0, ne1;
	unsigned block_rows; /* for a checksum; 0: none in wick.checksums */
};

static const struct entry entries[] = {
	{ "token_embd.weight", 1, 4, 19, 16 },
	{ "position_embd.weight", 1, 6, 5, 16 },
	{ "token_embd_in.weight", 1, 4, 6, 16 },
#define LAYER(n)                                       \
	{ "blk." n ".attn_norm.weight", 0, 6, 1, 1 },  \
	{ "blk." n ".attn_norm.bias", 0, 6, 1, 1 },    \
	{ "blk." n ".ffn_norm.weight", 0, 6, 1, 1 },   \
	{ "blk." n ".ffn_norm.bias", 0, 6, 1, 1 },     \
	{ "blk." n ".attn_q.bias", 0, 6, 1, 1 },       \
	{ "blk." n ".attn_k.bias", 0, 6, 1, 1 },       \
	{ "blk." n ".attn_v.bias", 0, 6, 1, 1 },       \
	{ "blk." n ".attn_output.bias", 0, 6, 1, 1 },  \
	{ "blk." n ".ffn_up.bias", 0, 3, 1, 1 },       \
	{ "blk." n ".ffn_down.bias", 0, 6, 1, 1 },     \
	{ "blk." n ".attn_q.weight", 1, 6, 6, 16 },    \
	{ "blk." n ".attn_k.weight", 1, 6, 6, 16 },    \
	{ "blk." n ".attn_v.weight", 1, 6, 6, 16 },    \
	{ "blk." n ".attn_output.weight", 1, 6, 6, 16 }, \
	{ "blk." n ".ffn_bundles", 24, 512, 3, 0 },    \
	{ "blk." n ".ffn_crc", 26, 3, 1, 1 }
	LAYER("0"),
	LAYER("1"),
	{ "output_norm.weight", 0, 6, 1, 1 },
	{ "output_norm.bias", 0, 6, 1, 1 },
	{ "token_embd_out.weight", 1, 6, 4, 16 },
};

#define ENTRIES WICK_COUNT_OF(entries)
#define CHECKSUMS (2 + 1 + 1 + 2 * 15 + 3 + 2) /* token_embd has two blocks */

/* What a test wants otherwise; zero: as it should be. */
struct changes {
	const char *skip_key, *skip_tensor, *encoding;
	uint32_t version, heads, width, extra_tensor, align, check_rows;
	float eps;
};

/* The file in memory. */
struct build {
	struct changes changes;
	size_t header_bytes, count;
	uint64_t at[ENTRIES + 1]; /* of each tensor, wick.checksums last */
	uint8_t data[1 << 20];
};

/* CRC-32C bit by bit, as RFC 3720 defines it. */
static uint32_t crc32c(const uint8_t *data, size_t count)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < count; i++) {
		crc ^= data[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

static uint64_t bytes_of(const struct entry *entry)
{
	static const uint8_t widths[] = { [0] = 4, [1] = 2, [24] = 1, [26] = 4 };

	return entry->ne0 * entry->ne1 * widths[entry->type];
}

#define OR(value, otherwise) ((value) ? (value) : (otherwise))
#define KEY(put, key, value)                                      \
	do {                                                      \
		if (!build->changes.skip_key || strcmp(build->changes.skip_key, key) != 0) \
			put(writer, key, value);                  \
	} while (0)

static void put_keys(const struct build *build, struct wick_gguf_writer *writer)
{
	KEY(wick_gguf_put_string, "general.architecture", "opt");
	KEY(wick_gguf_put_u32, "opt.block_count", 2);
	KEY(wick_gguf_put_u32, "opt.context_length", 5);
	KEY(wick_gguf_put_u32, "opt.embedding_length", OR(build->changes.width, 6));
	KEY(wick_gguf_put_u32, "opt.feed_forward_length", 3);
	KEY(wick_gguf_put_u32, "opt.attention.head_count", OR(build->changes.heads, 2));
	KEY(wick_gguf_put_u32, "opt.attention.head_count_kv", OR(build->changes.heads, 2));
	KEY(wick_gguf_put_u32, "opt.vocab_size", 19);
	KEY(wick_gguf_put_f32, "opt.attention.layer_norm_epsilon", OR(build->changes.eps, 1e-5f));
	KEY(wick_gguf_put_u32, "wick.version", OR(build->changes.version, 1));
	KEY(wick_gguf_put_string, "wick.encoding", OR(build->changes.encoding, "f16"));
	KEY(wick_gguf_put_string, "wick.activation", "relu");
	KEY(wick_gguf_put_string, "wick.order", "natural");
	KEY(wick_gguf_put_u32, "wick.embed_length", 4);
	KEY(wick_gguf_put_u32, "wick.parts", 2);
	KEY(wick_gguf_put_u32, "wick.check_rows", OR(build->changes.check_rows, 16));
	KEY(wick_gguf_put_u64, "wick.stride", 512);
	/* f16: 19*4 + 5*6 + 6*4 + 4*6 + 2 * (4*36 + 3*12) = 514 numbers; f32: 2 * (9*6 + 3) + 12 = 126 */
	KEY(wick_gguf_put_u64, "wick.source_bytes", 2 * 514 + 4 * 126);
	KEY(wick_gguf_put_bool, "wick.norm_first", true);
	KEY(wick_gguf_put_bool, "wick.norm_affine", true);
	KEY(wick_gguf_put_bool, "wick.final_norm", true);
	KEY(wick_gguf_put_bool, "wick.bias", true);
	KEY(wick_gguf_put_bool, "wick.tied", true);
}

static void lay_out(struct build *build)
{
	struct wick_gguf_writer writer;
	uint64_t ne[2] = { CHECKSUMS, 1 }, header_bytes;
	uint8_t *header;

	wick_gguf_writer_init(&writer, OR(build->changes.align, 4096));
	put_keys(build, &writer);
	for (size_t i = 0; i < ENTRIES; i++) {
		uint64_t dims[2] = { entries[i].ne0, entries[i].ne1 };

		if (build->changes.skip_tensor && strcmp(build->changes.skip_tensor, entries[i].name) == 0)
			continue;
		build->at[i] = wick_gguf_put_tensor(
			&writer, entries[i].name, entries[i].type, dims, dims[1] > 1 ? 2 : 1, bytes_of(&entries[i]));
	}
	build->at[ENTRIES] = wick_gguf_put_tensor(&writer, "wick.checksums", 26, ne, 1, 4 * CHECKSUMS);
	if (build->changes.extra_tensor)
		wick_gguf_put_tensor(&writer, "blk.0.ffn_gate.weight", 0, ne + 1, 1, 4);
	assert_int_equal(wick_gguf_writer_header(&writer, &header, &header_bytes, NULL), 0);
	build->header_bytes = header_bytes;
	build->count = header_bytes + writer.data_bytes;
	assert_true(build->count <= sizeof(build->data));
	memcpy(build->data, header, header_bytes);
	memset(build->data + header_bytes, 0, build->count - header_bytes);
	free(header);
	wick_gguf_writer_deinit(&writer);
}

/* The bytes of tensor i. */
static uint8_t *data_of(struct build *build, size_t i)
{
	return build->data + build->header_bytes + build->at[i];
}

/* Numbers into a tensor; into ffn_crc the checksums of the bundles before it. */
static void fill(struct build *build, size_t i)
{
	uint8_t *data = data_of(build, i);

	for (uint64_t b = 0; b < bytes_of(&entries[i]); b++)
		data[b] = b * 7 + i;
	for (unsigned k = 0; entries[i].type == 26 && k < 3; k++)
		((uint32_t *)data)[k] = crc32c(data_of(build, i - 1) + 512 * k, 512);
}

static void seal(struct build *build)
{
	uint32_t *sums = (uint32_t *)data_of(build, ENTRIES);
	size_t sum = 0;

	for (size_t i = 0; i < ENTRIES; i++) {
		uint64_t rows = entries[i].ne1, row_bytes = bytes_of(&entries[i]) / rows, step = entries[i].block_rows;

		fill(build, i);
		for (uint64_t row = 0; step && row < rows; row += step)
			sums[sum++] = crc32c(
				data_of(build, i) + row * row_bytes, WICK_MIN(step, rows - row) * row_bytes);
	}
	assert_int_equal(sum, CHECKSUMS - 2);
	sums[sum] = crc32c(build->data, build->header_bytes);
	sums[sum + 1] = crc32c((uint8_t *)sums, 4 * (CHECKSUMS - 1));
}

static struct build *made(struct changes changes)
{
	struct build *build = calloc(1, sizeof(*build));

	assert_non_null(build);
	build->changes = changes;
	lay_out(build);
	seal(build);
	return build;
}

static int open_build(struct wick_model **model, const struct build *build, size_t count, struct wick_diag *diag)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(build->data, 1, count, file), count);
	assert_int_equal(fclose(file), 0);
	diag->text[0] = 0;
	return wick_model_open(model, path, diag);
}

static void refused(struct build *build, int code, const char *words)
{
	struct wick_model *model;
	struct wick_diag diag;
	int rc = open_build(&model, build, build->count, &diag);

	if (rc != code || !strstr(diag.text, words) || !strstr(diag.text, path))
		fail_msg("wanted %d and \"%s\", got %d: %s", code, words, rc, diag.text);
	assert_null(model);
	free(build);
}

#define CHANGED(...) made((struct changes){ __VA_ARGS__ })

static void shape_and_places(void **state)
{
	struct build *build = made((struct changes){ 0 });
	struct wick_model *model;
	struct wick_diag diag;
	uint64_t data = build->header_bytes;

	(void)state;
	if (open_build(&model, build, build->count, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(model->shape.arch, WICK_ARCH_OPT);
	assert_int_equal(model->shape.layers, 2);
	assert_int_equal(model->shape.d_model, 6);
	assert_int_equal(model->shape.d_embed, 4);
	assert_int_equal(model->shape.kind[0].attn.k_dim, 3);
	assert_int_equal(model->shape.type, WICK_F16);
	assert_int_equal(model->shape.stride, 512);
	assert_int_equal(model->shape.part_bytes, 12);
	assert_int_equal(model->shape.bundle_bytes, 24);
	assert_true(model->shape.project && model->shape.tied && model->shape.kind[0].norm_at == WICK_NORM_BEFORE && model->shape.final_norm);
	assert_true(wick_is_relu(&model->shape) && model->shape.bias && model->shape.norm_affine);
	assert_true(model->shape.norm_eps == 1e-5f);

	assert_string_equal(wick_tensor_at(model, 0, WICK_T_EMBED)->name, "token_embd.weight");
	assert_int_equal(wick_tensor_at(model, 0, WICK_T_EMBED)->offset, data + build->at[0]);
	assert_int_equal(wick_tensor_at(model, 0, WICK_T_EMBED)->rows, 19);
	assert_int_equal(wick_tensor_at(model, 0, WICK_T_EMBED)->cols, 4);
	assert_int_equal(wick_tensor_at(model, 0, WICK_T_EMBED)->row_bytes, 8);
	assert_int_equal(wick_tensor_at(model, 0, WICK_T_EMBED)->check_rows, 16);
	assert_int_equal(wick_tensor_at(model, 0, WICK_T_EMBED)->crcs[1], crc32c(build->data + data + build->at[0] + 16 * 8, 3 * 8));
	assert_memory_equal(wick_tensor_at(model, 0, WICK_T_HEAD), wick_tensor_at(model, 0, WICK_T_EMBED), sizeof(*wick_tensor_at(model, 0, WICK_T_HEAD)));
	assert_string_equal(wick_tensor_at(model, 1, WICK_T_UP_BIAS)->name, "blk.1.ffn_up.bias");
	assert_int_equal(wick_tensor_at(model, 1, WICK_T_UP_BIAS)->offset, data + build->at[3 + 16 + 8]);
	assert_int_equal(wick_tensor_at(model, 1, WICK_T_UP_BIAS)->type, WICK_F32);
	assert_int_equal(wick_tensor_at(model, 1, WICK_T_UP_BIAS)->row_bytes, 12);
	assert_int_equal(wick_tensor_at(model, 1, WICK_T_UP_BIAS)->crcs[0], crc32c(build->data + data + build->at[3 + 16 + 8], 12));
	assert_int_equal(wick_tensor_at(model, 1, WICK_T_BUNDLES)->rows, 3);
	assert_int_equal(wick_tensor_at(model, 1, WICK_T_BUNDLES)->cols, 12);
	assert_int_equal(wick_tensor_at(model, 1, WICK_T_BUNDLES)->row_bytes, 512);
	assert_int_equal(wick_tensor_at(model, 1, WICK_T_BUNDLES)->check_rows, 1);
	assert_int_equal(
		wick_tensor_at(model, 1, WICK_T_BUNDLES)->crcs[2], crc32c(build->data + data + build->at[3 + 16 + 14] + 1024, 512));
	assert_int_equal(wick_tensor_at(model, 0, WICK_T_PROJECT_OUT)->rows, 4);
	assert_int_equal(wick_tensor_at(model, 0, WICK_T_PROJECT_OUT)->cols, 6);
	assert_int_equal(model->crc_count, CHECKSUMS + 6);
	wick_model_close(model);
	free(build);
}

struct list {
	size_t next;
};

static void in_order(const struct wick_tensor *tensor, void *user)
{
	struct list *list = user;

	while (entries[list->next].type == 26)
		list->next++;
	assert_string_equal(tensor->name, entries[list->next++].name);
}

static void each_in_file_order(void **state)
{
	struct build *build = made((struct changes){ 0 });
	struct list list = { 0 };
	struct wick_model *model;
	struct wick_diag diag;

	(void)state;
	assert_int_equal(open_build(&model, build, build->count, &diag), 0);
	wick_model_each(model, in_order, &list);
	assert_int_equal(list.next, ENTRIES);
	wick_model_close(model);
	free(build);
}

static void wrong_keys(void **state)
{
	static const char *const needed[] = {
		"opt.block_count", "opt.vocab_size", "opt.attention.layer_norm_epsilon", "wick.encoding", "wick.stride",
		"wick.norm_first", "wick.tied", "wick.source_bytes", "wick.activation", "general.architecture",
	};

	(void)state;
	for (size_t k = 0; k < WICK_COUNT_OF(needed); k++)
		refused(CHANGED(.skip_key = needed[k]), -EINVAL, needed[k]);
	refused(CHANGED(.skip_key = "wick.version"), -EINVAL, "the architecture \"opt\" are not supported");
	refused(CHANGED(.version = 2), -EINVAL, "the architecture \"opt\" are not supported"); /* of 2 are other families */
	refused(CHANGED(.version = 3), -EINVAL, "the architecture \"opt\" are not supported");
	refused(CHANGED(.version = 4), -EINVAL, "the architecture \"opt\" are not supported");
	refused(CHANGED(.version = 5), -EINVAL, "version 5");
	refused(CHANGED(.align = 8192), -EINVAL, "general.alignment is 8192");
	refused(CHANGED(.check_rows = 8), -EINVAL, "wick.check_rows is 8");
	refused(CHANGED(.heads = 4), -EINVAL, "4 attention heads");
	refused(CHANGED(.heads = 1u << 25), -EINVAL, "opt.attention.head_count");
	refused(CHANGED(.width = 0x10000000), -EINVAL, "opt.embedding_length");
	refused(CHANGED(.eps = -1e-5f), -EINVAL, "the norm's epsilon is -1e-05;");
	refused(CHANGED(.eps = 1), -EINVAL, "the norm's epsilon is 1; more than 0 and less than 1 is possible");
	refused(CHANGED(.eps = 1e30f), -EINVAL, "epsilon is 1e+30");
	refused(CHANGED(.eps = NAN), -EINVAL, "epsilon is nan");
	refused(CHANGED(.encoding = "q5_k"), -EINVAL, "q5_k");
	refused(CHANGED(.encoding = "q8_0"), -EINVAL, "q8_0");
	refused(CHANGED(.encoding = "f32"), -EINVAL, "wick.source_bytes");
}

static void wrong_tensors(void **state)
{
	(void)state;
	refused(CHANGED(.skip_tensor = "blk.1.attn_k.bias"), -EINVAL, "\"blk.1.attn_k.bias\" is missing");
	refused(CHANGED(.skip_tensor = "token_embd.weight"), -EINVAL, "\"token_embd.weight\" is missing");
	refused(CHANGED(.extra_tensor = 1), -EINVAL, "\"blk.0.ffn_gate.weight\"");
	refused(CHANGED(.encoding = "bf16"), -EINVAL, "\"token_embd.weight\" is of GGUF type 1, not 30");
}

/* Whatever part of the file is missing, and whatever follows it, it is not opened. */
static void wrong_length(void **state)
{
	struct build *build = made((struct changes){ 0 });
	struct wick_model *model;
	struct wick_diag diag;

	(void)state;
	for (size_t count = 0; count < build->count; count += count + 600 < build->count ? 599 : 1)
		assert_int_equal(open_build(&model, build, count, &diag), -EINVAL);
	assert_int_equal(open_build(&model, build, build->count + 1, &diag), -EINVAL);
	free(build);
}

static struct build *flipped(size_t at)
{
	struct build *build = made((struct changes){ 0 });

	build->data[at] ^= 0x10;
	return build;
}

/* What opening reads it also checks; the numbers are left to whoever reads them. */
static void damage(void **state)
{
	struct build *plain = made((struct changes){ 0 });
	struct wick_model *model;
	struct wick_diag diag;
	size_t data = plain->header_bytes;

	(void)state;
	refused(flipped(data - 1), -EBADMSG, "the header");
	refused(flipped(data + plain->at[3 + 15] + 5), -EBADMSG, "\"blk.0.ffn_crc\"");
	refused(flipped(data + plain->at[ENTRIES]), -EBADMSG, "\"wick.checksums\"");
	refused(flipped(data + plain->at[ENTRIES] + 4 * CHECKSUMS - 1), -EBADMSG, "\"wick.checksums\"");
	plain->data[data] ^= 1;
	assert_int_equal(open_build(&model, plain, plain->count, &diag), 0);
	wick_model_close(model);
	free(plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shape_and_places), cmocka_unit_test(each_in_file_order), cmocka_unit_test(wrong_keys),
		cmocka_unit_test(wrong_tensors),    cmocka_unit_test(wrong_length),	  cmocka_unit_test(damage),
	};
	const char *folder = getenv("TMPDIR");
	int fd, rc;

	snprintf(path, sizeof(path), "%s/wick-model-XXXXXX", folder ? folder : "/tmp");
	fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
