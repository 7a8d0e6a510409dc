/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A model, or its predictors, is replaced by another of the same sizes right before any one of the times that it is opened,
 * as wick pack and wick train do it, by rename. What comes out is the answer of the one or that of the other, or a sentence;
 * never an answer of both. */

#include "first_session.h"
#include "fixture.h"
#include "kernels.h"
#include "model.h"
#include "predictor_set.h"
#include "sidecar.h"
#include "synth.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LAYERS 2
#define RANK 32
#define PROMPT 12
#define VOCAB_MAX 512
#define OPENS_MAX 20

static char scratch[PATH_MAX], model[PATH_MAX], sidecar[PATH_MAX], next[PATH_MAX];

struct file {
	void *data;
	uint64_t bytes;
};

static struct file models[2], predictors[2];

static const char *watched; /* a path; NULL: none */
static unsigned opens, swap_at;

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

int __wrap_open64(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (watched && !strcmp(path, watched) && ++opens == swap_at)
		assert_int_equal(rename(next, path), 0);
	return __real_open64(path, flags, mode);
}

struct way {
	const char *mode;
	bool no_verify;
};

struct answer {
	int code;
	uint32_t vocab;
	float logits[VOCAB_MAX];
	struct wick_diag diag;
};

/* Opens the model and evaluates a prompt. */
static struct answer answer(const struct way *way)
{
	struct answer answer = { 0 };
	struct wick_options options;
	uint32_t ids[PROMPT];
	struct wick *wick;

	wick_options_init(&options);
	options.mode = way->mode;
	options.no_verify = way->no_verify;
	options.threads = 1;
	options.ctx = 32;
	for (uint32_t i = 0; i < PROMPT; i++)
		ids[i] = 5 + i * 17;
	answer.code = wick_open(&wick, model, &options, &answer.diag);
	if (answer.code)
		return answer;
	answer.vocab = wick_report_of(wick)->vocab;
	assert_in_range(answer.vocab, 1, VOCAB_MAX);
	answer.code = wick_session_eval(session_of(wick), ids, PROMPT, NULL, NULL, &answer.diag);
	if (!answer.code)
		memcpy(answer.logits, wick_session_logits(session_of(wick)), answer.vocab * sizeof(float));
	wick_close(wick);
	return answer;
}

static bool same(const struct answer *a, const struct answer *b)
{
	return a->vocab == b->vocab && !memcmp(a->logits, b->logits, a->vocab * sizeof(float));
}

/* Both answers first, then the first file with the second in its place from the k-th time on. */
static void is_replaced_before_any_open(const char *path, const struct file files[2], const struct way *way)
{
	struct answer truth[2], got;
	unsigned refused = 0;

	for (unsigned i = 0; i < 2; i++) {
		file_write(path, files[i].data, files[i].bytes);
		truth[i] = answer(way);
		if (truth[i].code)
			fail_msg("%s", truth[i].diag.text);
	}
	assert_false(same(&truth[0], &truth[1]));
	for (unsigned k = 1;; k++) {
		file_write(path, files[0].data, files[0].bytes);
		file_write(next, files[1].data, files[1].bytes);
		opens = 0;
		swap_at = k;
		watched = path;
		got = answer(way);
		watched = NULL;
		if (opens < k)
			break;
		refused += got.code != 0;
		if (got.code ? !strstr(got.diag.text, path) : !same(&got, &truth[0]) && !same(&got, &truth[1]))
			fail_msg("%s, before open %u: %d, \"%s\"", way->mode, k, got.code, got.diag.text);
		assert_in_range(k, 1, OPENS_MAX);
	}
	assert_in_range(opens, 2, OPENS_MAX); /* else nothing was tried */
	assert_in_range(refused, 1, opens);
}

static void a_model_is_replaced(void **state)
{
	static const struct way ways[] = { { "dense", false }, { "naive", false }, { "dense", true } };

	(void)state;
	for (unsigned i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		is_replaced_before_any_open(model, models, &ways[i]);
}

static void predictors_are_replaced(void **state)
{
	static const struct way ways[] = { { "sparse", false }, { "sparse", true } };

	(void)state;
	file_write(model, models[0].data, models[0].bytes);
	for (unsigned i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		is_replaced_before_any_open(sidecar, predictors, &ways[i]);
}

/* All of it is of one file, which is right, wherever it lies by then. */
static void verify_sees_one_file(void **state)
{
	(void)state;
	remove(sidecar); /* which would be another model's */
	for (swap_at = 1;; swap_at++) {
		struct wick_diag diag = { 0 };
		int code;

		file_write(model, models[0].data, models[0].bytes);
		file_write(next, models[1].data, models[1].bytes);
		opens = 0;
		watched = model;
		code = wick_verify(model, NULL, NULL, NULL, &diag);
		watched = NULL;
		if (code)
			fail_msg("before open %u: %d, \"%s\"", swap_at, code, diag.text);
		if (opens < swap_at)
			break;
	}
}

/* heads: of the header; the weights differ where `change` is. */
static struct file make_model(unsigned heads, unsigned change)
{
	const struct synth_shape shape = { .layers = LAYERS, .d_model = 64, .heads = heads, .ffn = 128, .vocab = 300,
		.ctx = 64 };
	char weights[PATH_MAX];
	struct file file;
	uint64_t bytes;
	uint8_t *data;

	synth_checkpoint(scratch, &shape);
	path_join(weights, scratch, "model.safetensors");
	data = file_read(weights, &bytes);
	for (uint64_t i = bytes / 2 & ~1ull; change && i + 1 < bytes; i += 2)
		data[i] ^= change; /* the lower half of a BF16: its fraction */
	file_write(weights, data, bytes);
	free(data);
	model_pack(scratch, model, "bf16");
	file.data = file_read(model, &file.bytes);
	return file;
}

struct making {
	struct wick_sidecar_shape shape;
	uint64_t state;
	float numbers[RANK * 128];
};

static int make_part(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part, const void **data)
{
	struct making *making = user;
	struct wick_tensor tensor;

	wick_sidecar_describe(&tensor, &making->shape, layer, ahead, part);
	for (uint64_t i = 0; i < tensor.rows * tensor.cols; i++) {
		making->state = making->state * 6364136223846793005u + 1442695040888963407u;
		making->numbers[i] = (float)(int32_t)(making->state >> 32) * 0x1p-33f;
	}
	*data = making->numbers;
	return 0;
}

static struct file make_predictors(bool relu, uint64_t seed)
{
	static const uint32_t ranks[LAYERS] = { RANK, RANK }, ahead[LAYERS] = { 0 };
	struct making *making = calloc(1, sizeof(*making));
	struct wick_diag diag = { 0 };
	struct wick_model *opened;
	struct file file;

	assert_int_equal(wick_model_open(&opened, model, NULL), 0);
	making->state = seed;
	making->shape = (struct wick_sidecar_shape){ .model_crc = wick_model_identity(opened), .layers = LAYERS,
		.d_model = opened->shape.d_model, .n_ff = opened->shape.n_ff, .type = WICK_F32, .ranks = ranks, .ahead = ahead,
		.relu = relu };
	if (wick_sidecar_write(sidecar, &making->shape, make_part, making, &diag))
		fail_msg("%s", diag.text);
	wick_model_close(opened);
	free(making);
	file.data = file_read(sidecar, &file.bytes);
	remove(sidecar);
	return file;
}

static int make_files(void **state)
{
	(void)state;
	scratch_make(scratch);
	path_join(model, scratch, "model.gguf");
	path_join(sidecar, scratch, "model.pred.gguf");
	path_join(next, scratch, "next");
	models[1] = make_model(2, 0x35);
	models[0] = make_model(4, 0);
	assert_int_equal(models[0].bytes, models[1].bytes);
	predictors[0] = make_predictors(false, 1);
	predictors[1] = make_predictors(true, 2);
	assert_int_equal(predictors[0].bytes, predictors[1].bytes);
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		free(models[i].data);
		free(predictors[i].data);
	}
	scratch_remove(scratch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_model_is_replaced),
		cmocka_unit_test(predictors_are_replaced),
		cmocka_unit_test(verify_sees_one_file),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
