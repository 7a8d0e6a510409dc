/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Folders whose matrices are FP8 with scales of blocks (make_fp8.py): packed, they are to the byte what the folder of the same
 * numbers is, which PyTorch made of codes and scales; whatever else quantization_config may say is refused by name. */

#include "packing.h"

#include "bits.h"
#include "fp8.h"

#include <math.h>

static struct folder folder; /* for outputs; empty between tests */
static char out[512];

static void every_code(void **state)
{
	struct blob expected = blob_load(fixture_path("fp8/e4m3.f32"));
	uint8_t codes[256];
	float numbers[256], wanted[256];

	(void)state;
	assert_int_equal(expected.count, sizeof(wanted));
	memcpy(wanted, expected.bytes, sizeof(wanted));
	for (unsigned i = 0; i < 256; i++)
		codes[i] = (uint8_t)i;
	wick_fp8_e4m3_to_f32(numbers, codes, 256);
	for (unsigned i = 0; i < 256; i++)
		if (isnan(wanted[i]) ? !isnan(numbers[i]) : memcmp(&numbers[i], &wanted[i], sizeof(float)))
			fail_msg("code %u: %g, not %g", i, (double)numbers[i], (double)wanted[i]);
	free(expected.bytes);
}

/* The files of a golden checkpoint in place of another's, so that the model's name stays. */
static void put_files(const struct folder *into, const char *name)
{
	static const char *const files[] = { "config.json", "model.safetensors" };
	char path[256];

	for (size_t i = 0; i < WICK_COUNT_OF(files); i++) {
		struct blob blob;

		snprintf(path, sizeof(path), "%s/%s", name, files[i]);
		blob = blob_load(fixture_path(path));
		folder_write(into, files[i], blob.bytes, blob.count);
		free(blob.bytes);
	}
}

static void the_numbers_of_pytorch(void **state)
{
	static const struct {
		const char *codes, *numbers, *type;
	} subjects[] = {
		{ "fp8/llama/codes", "fp8/llama/numbers", "bf16" },
		{ "fp8/qwen3/codes", "fp8/qwen3/numbers", "f32" },
		{ "fp8/qwen3/codes", "fp8/qwen3/numbers", "bf16" },
		{ "fp8/qwen3/codes", "fp8/qwen3/numbers", "q8_0" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(subjects); i++) {
		const struct wick_pack_options options = { .type = subjects[i].type };
		struct folder source = fixture_copy(subjects[i].codes);
		struct blob packed, wanted;

		pack_well(source.path, out, &options);
		packed = blob_load(out);
		put_files(&source, subjects[i].numbers);
		pack_well(source.path, out, &options);
		wanted = blob_load(out);
		if (packed.count != wanted.count || memcmp(packed.bytes, wanted.bytes, packed.count))
			fail_msg("%s as %s: other bytes", subjects[i].codes, subjects[i].type);
		free(packed.bytes);
		free(wanted.bytes);
		unlink(out);
		folder_remove(&source);
	}
}

struct edit {
	const char *fixture, *file, *from, *to, *says;
	int rc;
};

static void try_edit(const struct edit *edit)
{
	struct folder source = fixture_copy(edit->fixture);
	struct wick_diag diag = { 0 };
	int rc;

	folder_edit(&source, edit->file, edit->from, edit->to);
	rc = wick_pack(source.path, out, NULL, &diag);
	if (rc != edit->rc || !strstr(diag.text, edit->says))
		fail_msg("%s: %d, \"%s\", not \"%s\"", edit->to, rc, diag.text, edit->says);
	assert_int_equal(access(out, F_OK), -1);
	folder_remove(&source);
}

static void other_ways(void **state)
{
	static const struct edit edits[] = {
		{ "fp8/llama/codes", "config.json", "\"fp8\"", "\"awq\"", "quantised in a way that is not supported, \"awq\"", -EINVAL },
		{ "fp8/llama/codes", "config.json", "\"fp8\"", "\"mxfp4\"", "quantised in a way that is not supported, \"mxfp4\"", -EINVAL },
		{ "fp8/llama/codes", "config.json", "\"fp8\"", "null", "\"quant_method\" is missing", -EINVAL },
		{ "fp8/llama/codes", "config.json", "\"e4m3\"", "\"e5m2\"", "fmt \"e5m2\" is not supported (e4m3 is)", -EINVAL },
		{ "fp8/llama/codes", "config.json", "\"dynamic\"", "\"static\"", "activation_scheme \"static\" is not supported", -EINVAL },
		{ "fp8/llama/codes", "config.json", "128,", "64,", "\"weight_block_size\" is not [128, 128]", -EINVAL },
		{ "fp8/llama/codes", "config.json", "128,", "", "\"weight_block_size\" is not [128, 128]", -EINVAL },
		{ "fp8/llama/codes", "config.json", "\"weight_block_size\": [", "\"weight_block_size\": null, \"ignored_layers\": [",
			"\"weight_block_size\" is not [128, 128]", -EINVAL },
		{ "fp8/llama/codes", "config.json", "\"fmt\"", "\"scale_fmt\"", "\"scale_fmt\" is not known for quant_method fp8", -EINVAL },
		{ "fp8/llama/codes", "config.json", "\"quantization_config\"", "\"quantisation_config\"",
			"is of type F8_E4M3, which wick cannot use", -EINVAL },
		{ "fp8/llama/numbers", "config.json", "{", "{\"quantization_config\": [],", "\"quantization_config\" is not an object", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(edits); i++)
		try_edit(&edits[i]);
}

static void scales(void **state)
{
	static const char file[] = "model.safetensors";
	static const struct edit edits[] = {
		{ "fp8/llama/codes", file, "mlp.up_proj.weight_scale_inv", "mlp.up_proj.weight_scale_vni",
			"tensor model.layers.0.mlp.up_proj.weight_scale_inv is missing", -ENOENT },
		{ "fp8/llama/codes", file, "{\"dtype\":\"F32\",\"shape\":[2,2]", "{\"dtype\":\"F32\",\"shape\":[4,1]",
			"weight_scale_inv is not a number for each block of 128 by 128", -EINVAL },
		{ "fp8/llama/codes", file, "{\"dtype\":\"F32\",\"shape\":[2,2]", "{\"dtype\":\"I32\",\"shape\":[2,2]",
			"weight_scale_inv is not a number for each block of 128 by 128", -EINVAL },
		{ "fp8/llama/codes", file, "{\"dtype\":\"F8_E4M3\"", "{\"dtype\":\"F8_E5M2\"", "is of type F8_E5M2, which wick cannot use", -EINVAL },
		{ "fp8/llama/codes", file, "\"shape\":[136,144]", "\"shape\":[144,136]", "has shape [144, 136]; config.json asks for [136, 144]", -EINVAL },
		{ "fp8/llama/codes", file, "model.layers.0.self_attn.v_proj.weight_scale_inv", "model.layers.1.self_attn.v_proj.weight_scale_inv",
			"v_proj.weight_scale_inv is missing", -ENOENT },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(edits); i++)
		try_edit(&edits[i]);
}

/* After its header has been edited. */
static void lengthen_header(const struct folder *source, uint64_t more)
{
	struct blob blob = blob_load(folder_path(source, "model.safetensors"));
	uint64_t bytes;

	memcpy(&bytes, blob.bytes, sizeof(bytes));
	bytes += more;
	memcpy(blob.bytes, &bytes, sizeof(bytes));
	folder_write(source, "model.safetensors", blob.bytes, blob.count);
	free(blob.bytes);
}

/* The first bytes of a tensor. */
static void put_bytes(const struct folder *source, const char *tensor, const uint8_t *bytes, unsigned count)
{
	struct blob blob = blob_load(folder_path(source, "model.safetensors"));
	const char *entry = memmem(blob.bytes, blob.count, tensor, strlen(tensor));
	const char *offsets = entry ? strstr(entry, "\"data_offsets\":[") : NULL;
	uint64_t header_bytes;

	assert_non_null(offsets);
	memcpy(&header_bytes, blob.bytes, sizeof(header_bytes));
	memcpy(blob.bytes + sizeof(header_bytes) + header_bytes + strtoull(strchr(offsets, '[') + 1, NULL, 10), bytes, count);
	folder_write(source, "model.safetensors", blob.bytes, blob.count);
	free(blob.bytes);
}

/* Scales beside a matrix that is no code. */
static void scales_of_nothing(void **state)
{
	static const char more[] = "{\"lm_head.weight_scale_inv\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"";
	struct folder source = fixture_copy("fp8/llama/numbers");
	struct wick_diag diag = { 0 };

	(void)state;
	folder_edit(&source, "config.json", "{", "{\"quantization_config\": {\"quant_method\": \"fp8\", \"weight_block_size\": [128, 128]},");
	pack_well(source.path, out, NULL);
	unlink(out);
	folder_edit(&source, "model.safetensors", "{\"", more);
	lengthen_header(&source, strlen(more) - 2);
	assert_int_equal(wick_pack(source.path, out, NULL, &diag), -EINVAL);
	if (!strstr(diag.text, "lm_head.weight_scale_inv has no place in the llama model"))
		fail_msg("%s", diag.text);
	folder_remove(&source);
}

/* Codes and scales that are no number. */
static void what_is_no_number(void **state)
{
	static const struct {
		const char *tensor, *says;
		uint8_t bytes[4];
		unsigned count;
	} damages[] = {
		{ "model.layers.0.mlp.down_proj.weight\"", "down_proj.weight: number 0 is NaN", { 0x7f }, 1 },
		{ "model.layers.0.mlp.down_proj.weight\"", "down_proj.weight: number 0 is NaN", { 0xff }, 1 },
		{ "model.layers.0.mlp.down_proj.weight_scale_inv\"", "down_proj.weight: number 0 is", { 0, 0, 0x80, 0x7f }, 4 },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(damages); i++) {
		struct folder source = fixture_copy("fp8/llama/codes");
		struct wick_diag diag = { 0 };

		put_bytes(&source, damages[i].tensor, damages[i].bytes, damages[i].count);
		assert_int_equal(wick_pack(source.path, out, NULL, &diag), -EINVAL);
		if (!strstr(diag.text, damages[i].says))
			fail_msg("%s: %s", damages[i].tensor, diag.text);
		assert_int_equal(access(out, F_OK), -1);
		folder_remove(&source);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_code), cmocka_unit_test(the_numbers_of_pytorch),
		cmocka_unit_test(other_ways), cmocka_unit_test(scales), cmocka_unit_test(scales_of_nothing),
		cmocka_unit_test(what_is_no_number) };
	int rc;

	folder = folder_make();
	snprintf(out, sizeof(out), "%s/out.gguf", folder.path);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	folder_remove(&folder);
	return rc;
}
