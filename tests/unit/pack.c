/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What packing makes of a checkpoint: every number of the golden ones in its place, whatever the memory and stride. The
 * names on both sides are written down here a second time. */

#include "packing.h"

#include "bits.h"
#include "checkpoint.h"
#include "gguf.h"
#include "kernels.h"
#include "model.h"

#include <fcntl.h>

static struct folder folder; /* for outputs */
static struct wick_kernels kernels;

static const char *const fixtures[] = {
	"plain-f32", "sharded-f16", "odd-head-bf16", "bin-hub-f16", "sharded-bin-bf16", "post-norm-f16",
};

static struct wick_model *open_model(const char *path)
{
	struct wick_model *model;
	struct wick_diag diag = { 0 };

	if (wick_model_open(&model, path, &diag))
		fail_msg("%s", diag.text);
	return model;
}

static struct wick_checkpoint *open_checkpoint(const char *name)
{
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };

	if (wick_checkpoint_open(&checkpoint, fixture_path(name), &diag))
		fail_msg("%s", diag.text);
	return checkpoint;
}

/* Numbers of a source tensor, under either prefix, as f32. */
static float *source_numbers(struct wick_checkpoint *checkpoint, const char *name, uint64_t count)
{
	static const char *const prefixes[] = { "model.decoder.", "decoder.", "" };
	const struct wick_source_tensor *tensor = NULL;
	float *numbers = malloc(count * sizeof(*numbers));
	uint8_t *raw = malloc(count * 4);
	char whole[160];

	for (size_t i = 0; !tensor && i < WICK_COUNT_OF(prefixes); i++) {
		snprintf(whole, sizeof(whole), "%s%s", prefixes[i], name);
		tensor = wick_checkpoint_find(checkpoint, whole);
	}
	assert_non_null(tensor);
	assert_int_equal(tensor->bytes, count * wick_types[tensor->type].block_bytes);
	assert_int_equal(wick_checkpoint_read(checkpoint, tensor, 0, raw, tensor->bytes, NULL), 0);
	kernels.to_f32[tensor->type](numbers, raw, count);
	free(raw);
	return numbers;
}

/* One number of f32 as it should be stored, in the packed file's own bytes. */
static void expect_number(const uint8_t *stored, float number, enum wick_type type, const char *name)
{
	uint8_t wanted[4];

	kernels.from_f32[type](wanted, &number, 1);
	if (memcmp(stored, wanted, wick_types[type].block_bytes) != 0)
		fail_msg("%s: a number is not what the checkpoint has", name);
}

struct packed {
	struct wick_model *model;
	struct wick_checkpoint *checkpoint;
	struct blob file;
};

/* A tensor holds the source's rows from first_row on. */
static void expect_tensor(struct packed *p, const struct wick_tensor *tensor, const char *source, uint64_t first_row)
{
	uint64_t count = (first_row + tensor->rows) * tensor->cols;
	float *numbers = source_numbers(p->checkpoint, source, count);
	uint32_t width = wick_types[tensor->type].block_bytes;

	for (uint64_t i = 0; i < tensor->rows * tensor->cols; i++)
		expect_number(p->file.bytes + tensor->offset + i * width, numbers[first_row * tensor->cols + i],
			tensor->type, tensor->name);
	free(numbers);
}

/* Bundle i is row i of fc1, column i of fc2, and zeros. */
static void expect_bundles(struct packed *p, uint32_t layer)
{
	const struct wick_shape *shape = &p->model->shape;
	const struct wick_tensor *bundles = wick_tensor_at(p->model, layer, WICK_T_BUNDLES);
	uint32_t width = wick_types[shape->type].block_bytes;
	uint64_t d_model = shape->d_model, n_ff = shape->n_ff;
	char name[64];
	float *up, *down;

	snprintf(name, sizeof(name), "layers.%u.fc1.weight", layer);
	up = source_numbers(p->checkpoint, name, n_ff * d_model);
	snprintf(name, sizeof(name), "layers.%u.fc2.weight", layer);
	down = source_numbers(p->checkpoint, name, n_ff * d_model);
	for (uint64_t i = 0; i < n_ff; i++) {
		const uint8_t *bundle = p->file.bytes + bundles->offset + i * shape->stride;

		for (uint64_t k = 0; k < d_model; k++) {
			expect_number(bundle + k * width, up[i * d_model + k], shape->type, bundles->name);
			expect_number(bundle + (d_model + k) * width, down[k * n_ff + i], shape->type, bundles->name);
		}
		for (uint64_t b = 2 * d_model * width; b < shape->stride; b++)
			assert_int_equal(bundle[b], 0);
	}
	free(up);
	free(down);
}

static void expect_layer(struct packed *p, uint32_t i)
{
	const struct {
		enum wick_tensor_id id;
		const char *source;
	} pairs[] = {
		{ WICK_T_ATTN_NORM, "self_attn_layer_norm.weight" },
		{ WICK_T_ATTN_NORM_BIAS, "self_attn_layer_norm.bias" },
		{ WICK_T_FFN_NORM, "final_layer_norm.weight" },
		{ WICK_T_FFN_NORM_BIAS, "final_layer_norm.bias" },
		{ WICK_T_Q, "self_attn.q_proj.weight" },
		{ WICK_T_Q_BIAS, "self_attn.q_proj.bias" },
		{ WICK_T_K, "self_attn.k_proj.weight" },
		{ WICK_T_K_BIAS, "self_attn.k_proj.bias" },
		{ WICK_T_V, "self_attn.v_proj.weight" },
		{ WICK_T_V_BIAS, "self_attn.v_proj.bias" },
		{ WICK_T_O, "self_attn.out_proj.weight" },
		{ WICK_T_O_BIAS, "self_attn.out_proj.bias" },
		{ WICK_T_UP_BIAS, "fc1.bias" },
		{ WICK_T_DOWN_BIAS, "fc2.bias" },
	};

	for (size_t k = 0; k < WICK_COUNT_OF(pairs); k++) {
		char source[80];

		snprintf(source, sizeof(source), "layers.%u.%s", i, pairs[k].source);
		expect_tensor(p, wick_tensor_at(p->model, i, pairs[k].id), source, 0);
	}
	expect_bundles(p, i);
}

static void expect_model(struct packed *p)
{
	const struct wick_model *model = p->model;

	expect_tensor(p, wick_tensor_at(model, 0, WICK_T_EMBED), "embed_tokens.weight", 0);
	expect_tensor(p, wick_tensor_at(model, 0, WICK_T_POSITION), "embed_positions.weight", 2);
	if (model->shape.project) {
		expect_tensor(p, wick_tensor_at(model, 0, WICK_T_PROJECT_IN), "project_in.weight", 0);
		expect_tensor(p, wick_tensor_at(model, 0, WICK_T_PROJECT_OUT), "project_out.weight", 0);
	}
	if (model->shape.final_norm) {
		expect_tensor(p, wick_tensor_at(model, 0, WICK_T_OUT_NORM), "final_layer_norm.weight", 0);
		expect_tensor(p, wick_tensor_at(model, 0, WICK_T_OUT_NORM_BIAS), "final_layer_norm.bias", 0);
	}
	expect_tensor(p, wick_tensor_at(model, 0, WICK_T_HEAD), model->shape.tied ? "embed_tokens.weight" : "lm_head.weight", 0);
	for (uint32_t i = 0; i < model->shape.layers; i++)
		expect_layer(p, i);
}

static void every_number_in_its_place(void **state)
{
	static const char *const types[] = { "f32", "f16", "bf16" };
	char *out = strdup(folder_path(&folder, "numbers.gguf"));

	(void)state;
	for (size_t f = 0; f < WICK_COUNT_OF(fixtures); f++)
		for (size_t t = 0; t < 2 * WICK_COUNT_OF(types); t++) {
			const char *type = types[t % 3], *attention = t < 3 ? NULL : types[(t + 1) % 3];
			struct packed p;
			struct wick_verified verified = { 0 };

			pack_well(fixture_path(fixtures[f]), out,
				&(struct wick_pack_options){ .type = type, .attention_type = attention });
			assert_int_equal(wick_verify(out, NULL, NULL, &verified, NULL), 0);
			p.model = open_model(out);
			p.checkpoint = open_checkpoint(fixtures[f]);
			p.file = blob_load(out);
			/* every checksum but the copy in ffn_crc, and the tables themselves */
			assert_int_equal(verified.blocks, p.model->crc_count);
			assert_string_equal(wick_types[wick_tensor_at(p.model, 0, WICK_T_BUNDLES)->type].name, type);
			assert_string_equal(wick_types[wick_tensor_at(p.model, 0, WICK_T_Q)->type].name, attention ? attention : type);
			expect_model(&p);
			wick_model_close(p.model);
			wick_checkpoint_close(p.checkpoint);
			free(p.file.bytes);
		}
	free(out);
}

static void shapes_from_config(void **state)
{
	char *out = strdup(folder_path(&folder, "shape.gguf"));
	struct wick_model *model;

	(void)state;
	pack_well(fixture_path("post-norm-f16"), out, NULL);
	model = open_model(out);
	assert_int_equal(model->shape.d_model, 72);
	assert_int_equal(model->shape.d_embed, 40);
	assert_int_equal(model->shape.n_ff, 68);
	assert_int_equal(model->shape.ctx_max, 376);
	assert_int_equal(model->shape.kind[0].attn.k_dim, 24);
	assert_int_equal(model->shape.type, WICK_F16);
	assert_true(model->shape.project && model->shape.tied && wick_is_relu(&model->shape) && model->shape.bias);
	assert_false(model->shape.kind[0].norm_at == WICK_NORM_BEFORE || model->shape.final_norm);
	assert_string_equal(wick_tensor_at(model, 0, WICK_T_OUT_NORM)->name, "");
	/* f16: 274*40 + 376*72 + 2*72*40 + 2 * (4*72*72 + 2*68*72); f32: 2 * (4*72 + 5*72 + 68) */
	assert_int_equal(model->shape.source_bytes, 2 * (10960 + 27072 + 5760 + 2 * (20736 + 9792)) + 4 * 2 * 716);
	wick_model_close(model);
	free(out);
}

static void tokenizer_is_in_the_file(void **state)
{
	char *out = strdup(folder_path(&folder, "tokens.gguf"));
	struct wick_gguf *gguf;
	struct wick_diag diag = { 0 };
	enum wick_gguf_type type;
	uint64_t count, id;
	bool add_bos = false;
	struct wick_gguf_string text;

	(void)state;
	pack_well(fixture_path("bin-hub-f16"), out, NULL);
	assert_int_equal(wick_gguf_open(&gguf, out, &diag), 0);
	assert_int_equal(wick_gguf_array(gguf, "tokenizer.ggml.tokens", &type, &count, &diag), 0);
	assert_int_equal(count, 283); /* 274 and 9 that nothing names */
	text = wick_gguf_array_string(gguf, "tokenizer.ggml.tokens", 2);
	assert_memory_equal(text.bytes, "</s>", 4);
	assert_int_equal(wick_gguf_array_int(gguf, "tokenizer.ggml.token_type", 2), 3);
	assert_int_equal(wick_gguf_array_int(gguf, "tokenizer.ggml.token_type", 100), 1);
	text = wick_gguf_array_string(gguf, "tokenizer.ggml.merges", 1);
	assert_memory_equal(text.bytes, "th e", 4);
	assert_int_equal(wick_gguf_u64(gguf, "tokenizer.ggml.bos_token_id", &id, &diag), 0);
	assert_int_equal(id, 2);
	assert_int_equal(wick_gguf_bool(gguf, "tokenizer.ggml.add_bos_token", &add_bos, &diag), 0);
	assert_true(add_bos);
	wick_gguf_close(gguf);
	free(out);
}

static void assert_name(const char *source, const char *expected)
{
	char *out = strdup(folder_path(&folder, "named.gguf"));
	struct wick_gguf_string name;
	struct wick_gguf *gguf;
	struct wick_diag diag = { 0 };

	pack_well(source, out, NULL);
	assert_int_equal(wick_gguf_open(&gguf, out, &diag), 0);
	assert_int_equal(wick_gguf_string(gguf, "general.name", &name, &diag), 0);
	assert_int_equal(name.length, strlen(expected));
	assert_memory_equal(name.bytes, expected, name.length);
	wick_gguf_close(gguf);
	free(out);
}

/* A folder gives the model its name, but a snapshot of the hub's cache, whose own name is a hash, that of its model. */
static void named_by_the_folder(void **state)
{
	static const char *const names[][2] = {
		{ "/models--org--a-tiny-model/snapshots/0123abcd", "a-tiny-model" },
		{ "/models--tiny/snapshots/0123abcd", "tiny" },
		{ "/models--org--tiny/other/0123abcd", "0123abcd" },
		{ "/datasets--org--tiny/snapshots/0123abcd", "0123abcd" },
		{ "/snapshots/0123abcd", "0123abcd" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(names); i++) {
		struct folder hub = folder_make();
		char path[512], command[6000];

		snprintf(path, sizeof(path), "%s%s", hub.path, names[i][0]);
		snprintf(command, sizeof(command), "mkdir -p '%s' && cp '%s'/* '%s'", path, fixture_path("plain-f32"), path);
		assert_int_equal(system(command), 0);
		assert_name(path, names[i][1]);
		snprintf(command, sizeof(command), "rm -r '%s'", hub.path);
		assert_int_equal(system(command), 0);
	}
	assert_name(fixture_path("plain-f32"), "plain-f32");
}

/* With the least memory, a layer of 130 neurons takes three turns; the file is the same. One byte less is refused. */
static void memory_changes_nothing(void **state)
{
	char *large = strdup(folder_path(&folder, "large.gguf")), *small = strdup(folder_path(&folder, "small.gguf"));
	char *source = strdup(fixture_path("sharded-bin-bf16"));
	struct wick_pack_options options = { .memory_bytes = 1 };
	struct wick_diag diag;
	unsigned long long least;
	struct blob a, b;
	const char *number;

	(void)state;
	assert_int_equal(wick_pack(source, small, &options, &diag), -EINVAL);
	number = strstr(diag.text, "at least ");
	assert_non_null(number);
	assert_int_equal(sscanf(number, "at least %llu bytes", &least), 1);
	options.memory_bytes = least - 1;
	assert_int_equal(wick_pack(source, small, &options, &diag), -EINVAL);
	options.memory_bytes = least;
	pack_well(source, small, &options);
	pack_well(source, large, NULL);
	a = blob_load(small);
	b = blob_load(large);
	assert_int_equal(a.count, b.count);
	assert_memory_equal(a.bytes, b.bytes, a.count);
	free(a.bytes);
	free(b.bytes);
	free(large);
	free(small);
	free(source);
}

static void strides(void **state)
{
	static const struct {
		uint32_t align;
		uint64_t stride; /* of a bundle of 2 * 72 numbers of f32, 576 bytes */
	} cases[] = { { 0, 1024 }, { 512, 1024 }, { 1024, 1024 }, { 2048, 2048 }, { 4096, 4096 } };
	char *out = strdup(folder_path(&folder, "stride.gguf"));
	static const uint32_t wrong[] = { 1, 256, 768, 8192 };
	struct wick_diag diag;

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		struct wick_pack_options options = { .type = "f32", .align = cases[i].align };
		struct wick_model *model;

		pack_well(fixture_path("plain-f32"), out, &options);
		assert_int_equal(wick_verify(out, NULL, NULL, NULL, NULL), 0);
		model = open_model(out);
		assert_int_equal(model->shape.stride, cases[i].stride);
		assert_int_equal(model->shape.bundle_bytes, 576);
		wick_model_close(model);
	}
	for (size_t i = 0; i < WICK_COUNT_OF(wrong); i++)
		assert_int_equal(wick_pack(fixture_path("plain-f32"), out,
					 &(struct wick_pack_options){ .align = wrong[i] }, &diag),
			-EINVAL);
	free(out);
}

/* A checkpoint of one layer without biases and norm weights; number i of the file is i times a small step. */
static void bare_checkpoint(const struct folder *into, unsigned d_model, unsigned n_ff, unsigned positions)
{
	const struct {
		const char *name;
		unsigned rows, cols;
	} tensors[] = {
		{ "embed_positions.weight", positions + 2, d_model },
		{ "embed_tokens.weight", 274, d_model },
		{ "layers.0.fc1.weight", n_ff, d_model },
		{ "layers.0.fc2.weight", d_model, n_ff },
		{ "layers.0.self_attn.k_proj.weight", d_model, d_model },
		{ "layers.0.self_attn.out_proj.weight", d_model, d_model },
		{ "layers.0.self_attn.q_proj.weight", d_model, d_model },
		{ "layers.0.self_attn.v_proj.weight", d_model, d_model },
	};
	char header[4096] = "{", config[512];
	size_t at = 1, data = 0;
	uint64_t bytes;
	FILE *file;

	for (size_t i = 0; i < WICK_COUNT_OF(tensors); i++) {
		size_t end = data + (size_t)4 * tensors[i].rows * tensors[i].cols;

		at += snprintf(header + at, sizeof(header) - at,
			"%s\"model.decoder.%s\":{\"dtype\":\"F32\",\"shape\":[%u,%u],\"data_offsets\":[%zu,%zu]}",
			i ? "," : "", tensors[i].name, tensors[i].rows, tensors[i].cols, data, end);
		data = end;
	}
	strcpy(header + at, "}");
	bytes = strlen(header);
	file = fopen(folder_path(into, "model.safetensors"), "wb");
	fwrite(&bytes, 8, 1, file);
	fwrite(header, 1, bytes, file);
	for (size_t i = 0; i < data / 4; i++)
		fwrite(&(float){ 0x1p-20f * i }, 4, 1, file);
	assert_int_equal(fclose(file), 0);
	snprintf(config, sizeof(config),
		"{\"model_type\":\"opt\",\"hidden_size\":%u,\"num_hidden_layers\":1,\"num_attention_heads\":2,"
		"\"ffn_dim\":%u,\"vocab_size\":274,\"max_position_embeddings\":%u,\"enable_bias\":false,"
		"\"activation_function\":\"gelu\",\"layer_norm_elementwise_affine\":false,"
		"\"_remove_final_layer_norm\":true,\"word_embed_proj_dim\":null}",
		d_model, n_ff, positions);
	folder_write(into, "config.json", config, strlen(config));
}

static void no_biases_no_norm_weights_gelu(void **state)
{
	struct folder source = fixture_copy("plain-f32");
	char *out = strdup(folder_path(&folder, "bare.gguf"));
	struct wick_model *model;

	(void)state;
	bare_checkpoint(&source, 8, 4, 2);
	pack_well(source.path, out, NULL);
	assert_int_equal(wick_verify(out, NULL, NULL, NULL, NULL), 0);
	model = open_model(out);
	assert_false(model->shape.bias || model->shape.norm_affine || model->shape.final_norm || wick_is_relu(&model->shape));
	assert_true(model->shape.kind[0].norm_at == WICK_NORM_BEFORE && model->shape.tied);
	assert_string_equal(wick_tensor_at(model, 0, WICK_T_Q_BIAS)->name, "");
	assert_string_equal(wick_tensor_at(model, 0, WICK_T_ATTN_NORM)->name, "");
	assert_int_equal(wick_gguf_tensor_count(model->gguf), 2 + 4 + 2 + 1);
	wick_model_close(model);
	folder_remove(&source);
	free(out);
}

/* Tensors that do not pass through the buffers at once, in rows and in neurons. */
static void larger_than_the_buffers(void **state)
{
	struct folder source = fixture_copy("plain-f32");
	char *out = strdup(folder_path(&folder, "large.gguf"));
	struct wick_diag diag = { 0 };
	struct packed p;

	(void)state;
	bare_checkpoint(&source, 256, 9000, 5000);
	pack_well(source.path, out, &(struct wick_pack_options){ .type = "f32" });
	assert_int_equal(wick_verify(out, NULL, NULL, NULL, NULL), 0);
	p.model = open_model(out);
	assert_int_equal(wick_checkpoint_open(&p.checkpoint, source.path, &diag), 0);
	p.file = blob_load(out);
	expect_tensor(&p, wick_tensor_at(p.model, 0, WICK_T_POSITION), "embed_positions.weight", 2);
	expect_tensor(&p, wick_tensor_at(p.model, 0, WICK_T_EMBED), "embed_tokens.weight", 0);
	expect_tensor(&p, wick_tensor_at(p.model, 0, WICK_T_O), "layers.0.self_attn.out_proj.weight", 0);
	expect_bundles(&p, 0);
	wick_model_close(p.model);
	wick_checkpoint_close(p.checkpoint);
	free(p.file.bytes);
	folder_remove(&source);
	free(out);
}

struct seen {
	uint64_t last, total;
	unsigned calls;
	bool backwards;
};

static int see(void *user, uint64_t done, uint64_t total)
{
	struct seen *seen = user;

	seen->backwards |= done < seen->last || done > total || (seen->calls && total != seen->total);
	seen->last = done;
	seen->total = total;
	seen->calls++;
	return 0;
}

static void progress_goes_to_the_end(void **state)
{
	char *out = strdup(folder_path(&folder, "progress.gguf"));
	struct seen packing = { 0 }, verifying = { 0 };
	struct wick_pack_options options = { .progress = see, .user = &packing };
	struct blob blob;

	(void)state;
	pack_well(fixture_path("plain-f32"), out, &options);
	blob = blob_load(out);
	free(blob.bytes);
	assert_int_equal(packing.last, blob.count);
	assert_int_equal(packing.total, blob.count);
	assert_int_equal(wick_verify(out, see, &verifying, NULL, NULL), 0);
	assert_int_equal(verifying.last, blob.count);
	assert_false(packing.backwards || verifying.backwards);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_in_its_place),
		cmocka_unit_test(shapes_from_config),
		cmocka_unit_test(tokenizer_is_in_the_file),
		cmocka_unit_test(named_by_the_folder),
		cmocka_unit_test(memory_changes_nothing),
		cmocka_unit_test(strides),
		cmocka_unit_test(no_biases_no_norm_weights_gelu),
		cmocka_unit_test(larger_than_the_buffers),
		cmocka_unit_test(progress_goes_to_the_end),
	};
	int rc;

	wick_kernels_init(&kernels, ~0u);
	folder = folder_make();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	folder_remove(&folder);
	return rc;
}
