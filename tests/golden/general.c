/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A model of a family whose files have stock GGUF's keys gives the same bits from that file as it lies, packed from it, and
 * packed from the folder that transformers wrote (make_stock.py); a packed one is whole, and a flipped bit is found. What has
 * no place in a packed model is refused by name. */

#include "first_session.h"
#include "fixture.h"

#include "bits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define VOCAB 259

/* Those with a folder have its type. */
static const struct subject {
	const char *name, *file, *type;
} subjects[] = {
	{ "llama3-bf16", "model.gguf", "bf16" },
	{ "llama-bias-f16", "model.gguf", "f16" },
	{ "mistral-window-f16", "model.gguf", "f16" },
	{ "qwen2-f16", "model.gguf", "f16" },
	{ "qwen3-tied-bf16", "model.gguf", "bf16" },
	{ "llama-split-f16", "model-00001-of-00004.gguf", NULL },
	{ "qwen2-linear-f32", "model.gguf", NULL },
	{ "gemma2-f16", "model.gguf", NULL },
	{ "gemma3-f16", "model.gguf", NULL },
	{ "granite-f16", "model.gguf", NULL },
	{ "starcoder2-f16", "model.gguf", NULL },
	{ "phi2-f16", "model.gguf", NULL },
	{ "mixtral-bf16", "model.gguf", NULL },
	{ "qwen2moe-f16", "model.gguf", NULL },
	{ "qwen3moe-f16", "model.gguf", NULL },
	{ "olmoe-f16", "model.gguf", NULL },
	{ "granitemoe-f16", "model.gguf", NULL },
	{ "glm4moe-f16", "model.gguf", NULL },
	{ "gpt-oss-bf16", "model.gguf", NULL },
	{ "gpt-oss-mxfp4", "model.gguf", NULL },
	{ "smallthinker-f16", "model.gguf", NULL },
};

static char scratch[PATH_MAX], packed[PATH_MAX];

static void fixture_path(char path[PATH_MAX], const struct subject *subject, const char *file)
{
	char folder[PATH_MAX], name[128];

	snprintf(name, sizeof(name), "stock/%s", subject->name);
	fixture_folder(folder, name);
	path_join(path, folder, file);
}

static int begin(void **state)
{
	char cache[PATH_MAX];

	(void)state;
	scratch_make(scratch);
	path_join(packed, scratch, "packed.gguf");
	path_join(cache, scratch, "cache");
	return setenv("XDG_CACHE_HOME", cache, 1);
}

static int end(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

static void pack(const char *source, const char *type)
{
	const struct wick_pack_options options = { .type = type };
	struct wick_diag diag = { 0 };

	if (wick_pack(source, packed, &options, &diag))
		fail_msg("%s", diag.text);
}

/* The logits of some tokens, with everything in memory or nothing. */
static void answer(float logits[VOCAB], const char *model, const char *mode)
{
	struct wick_diag diag = { 0 };
	struct wick_options options;
	struct wick *wick;
	uint32_t ids[40];

	for (uint32_t i = 0; i < WICK_COUNT_OF(ids); i++)
		ids[i] = (7 + 31 * i) % 256;
	wick_options_init(&options);
	options.memory.bytes = 64 << 20;
	options.mode = mode;
	wick = model_open(model, &options);
	assert_int_equal(wick_report_of(wick)->vocab, VOCAB);
	assert_int_equal(wick_session_eval(session_of(wick), ids, WICK_COUNT_OF(ids), NULL, NULL, &diag), 0);
	memcpy(logits, wick_session_logits(session_of(wick)), VOCAB * sizeof(float));
	wick_close(wick);
}

static void expect_same(const char *stock, const char *what)
{
	static const char *const modes[] = { "dense", "naive" };
	float wanted[VOCAB], got[VOCAB];
	struct wick_diag diag = { 0 };

	if (wick_verify(packed, NULL, NULL, NULL, &diag))
		fail_msg("%s: %s", what, diag.text);
	answer(wanted, stock, "dense");
	for (size_t i = 0; i < WICK_COUNT_OF(modes); i++) {
		answer(got, packed, modes[i]);
		if (memcmp(got, wanted, sizeof(got)))
			fail_msg("%s, %s: other bits", what, modes[i]);
	}
}

static void the_same_bits_from_each_source(void **state)
{
	char stock[PATH_MAX], folder[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(subjects); i++) {
		fixture_path(stock, &subjects[i], subjects[i].file);
		pack(stock, NULL);
		expect_same(stock, subjects[i].name);
		if (!subjects[i].type)
			continue;
		fixture_path(folder, &subjects[i], "folder");
		pack(folder, subjects[i].type);
		expect_same(stock, subjects[i].name);
	}
}

/* Several matrices in one tensor: such a model is run as it lies. */
static void what_has_no_place_is_refused(void **state)
{
	static const struct {
		const char *fixture, *says;
	} refused[] = {
		{ "gpt2-f16", "tensor \"blk.0.attn_qkv.bias\" is several in one" },
		{ "phi3-short-f16", "tensor \"blk.0.attn_qkv.weight\" is several in one" },
		{ "falcon-7b-f16", "tensor \"blk.0.attn_qkv.weight\" is several in one" },
		{ "falcon-40b-f16", "tensor \"blk.0.attn_qkv.weight\" is several in one" },
	};
	const struct wick_pack_options options = { 0 };

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(refused); i++) {
		const struct subject subject = { refused[i].fixture, "model.gguf", NULL };
		struct wick_diag diag = { 0 };
		char stock[PATH_MAX];

		fixture_path(stock, &subject, subject.file);
		assert_int_equal(wick_pack(stock, packed, &options, &diag), -EINVAL);
		if (!strstr(diag.text, refused[i].says))
			fail_msg("%s: %s", subject.name, diag.text);
		assert_int_equal(access(packed, F_OK), -1);
	}
}

/* What was packed is a source, too; its checksums are compared. */
static void packed_once_more(void **state)
{
	char stock[PATH_MAX], first[PATH_MAX];
	const struct wick_pack_options options = { 0 };
	struct wick_diag diag = { 0 };
	uint64_t bytes;
	uint8_t *data;

	(void)state;
	fixture_path(stock, &subjects[1], subjects[1].file);
	pack(stock, NULL);
	path_join(first, scratch, "first.gguf");
	assert_int_equal(rename(packed, first), 0);
	pack(first, NULL);
	expect_same(stock, "packed twice");
	data = file_read(first, &bytes);
	data[bytes / 2] ^= 1;
	file_write(first, data, bytes);
	assert_int_equal(unlink(packed), 0);
	assert_int_equal(wick_pack(first, packed, &options, &diag), -EBADMSG);
	assert_int_equal(access(packed, F_OK), -1);
	free(data);
}

/* One of the subjects, packed; its bytes, which the caller frees. */
static uint8_t *pack_one(uint64_t *bytes)
{
	char stock[PATH_MAX];

	fixture_path(stock, &subjects[2], subjects[2].file);
	pack(stock, NULL);
	return file_read(packed, bytes);
}

/* A bit of each block of 512 bytes, header and padding included. */
static void every_flipped_bit_is_found(void **state)
{
	uint64_t bytes;
	uint8_t *data = pack_one(&bytes);

	(void)state;
	for (uint64_t at = 24; at < bytes; at += 509) {
		struct wick_diag diag = { 0 };
		int err;

		data[at] ^= (uint8_t)(1 << at % 8);
		file_write(packed, data, bytes);
		err = wick_verify(packed, NULL, NULL, NULL, &diag);
		if (err != -EBADMSG && err != -EINVAL)
			fail_msg("a bit of byte %llu: %d, %s", (unsigned long long)at, err, diag.text);
		data[at] ^= (uint8_t)(1 << at % 8);
	}
	free(data);
}

static void cut_files_are_refused(void **state)
{
	uint64_t bytes;
	uint8_t *data = pack_one(&bytes);

	(void)state;
	for (uint64_t left = 1; left < bytes; left += 1013) {
		struct wick_diag diag = { 0 };
		char *json = NULL;

		file_write(packed, data, left);
		assert_int_equal(wick_info(packed, &json, &diag), -EINVAL);
		assert_non_null(strstr(diag.text, packed));
	}
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_same_bits_from_each_source, begin, end),
		cmocka_unit_test_setup_teardown(what_has_no_place_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(packed_once_more, begin, end),
		cmocka_unit_test_setup_teardown(every_flipped_bit_is_found, begin, end),
		cmocka_unit_test_setup_teardown(cut_files_are_refused, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
