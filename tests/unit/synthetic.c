/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Made models: as many parameters as the published ones, numbers that do not depend on how they are read, and a packed
 * file that says what it is. */

#include "../golden/first_session.h"
#include "synthetic.h"

#include "bits.h"
#include "pack_job.h"
#include "packing.h"
#include "shape.h"
#include "tokenizer.h"

#include <math.h>

/* Parameters as transformers counts them in the published models. */
static const struct {
	const char *source;
	uint64_t parameters;
} published[] = {
	{ "synthetic:opt-125m", 125239296 },
	{ "synthetic:opt-350m", 331196416 },
	{ "synthetic:opt-1.3b", 1315758080 },
	{ "synthetic:opt-2.7b", 2651596800 },
	{ "synthetic:opt-6.7b", 6658473984 },
	{ "synthetic:opt-13b", 12853473280 },
	{ "synthetic:opt-30b", 29974540288 },
};

static struct wick_checkpoint *open_made(const char *source)
{
	struct wick_config config;
	struct wick_diag diag = { 0 };
	struct wick_pack_job job = { .shape.type = WICK_F16, .arch = &wick_arch_opt, .diag = &diag };

	if (wick_synthetic_config(&config, source, &diag) || wick_arch_opt.read_config(&job.shape, &config, &diag) ||
		wick_shape_complete(&job.shape, 512, source, &diag) || wick_synthetic_open(&job, source))
		fail_msg("%s", diag.text);
	wick_config_free(&config);
	return job.checkpoint;
}

static void test_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(published); i++) {
		struct wick_checkpoint *checkpoint = open_made(published[i].source);
		uint64_t parameters = 0;

		for (unsigned t = 0; t < wick_checkpoint_count(checkpoint); t++)
			parameters += wick_checkpoint_at(checkpoint, t)->bytes / sizeof(float);
		assert_int_equal(parameters, published[i].parameters);
		wick_checkpoint_close(checkpoint);
	}
}

static float *read_all(struct wick_checkpoint *checkpoint, const struct wick_source_tensor *tensor, uint64_t step)
{
	float *numbers = malloc(tensor->bytes);

	for (uint64_t at = 0; at < tensor->bytes; at += step)
		assert_int_equal(wick_checkpoint_read(checkpoint, tensor, at, (char *)numbers + at,
					 WICK_MIN(step, tensor->bytes - at), NULL), 0);
	return numbers;
}

static void test_any_order(void **state)
{
	struct wick_checkpoint *checkpoint = open_made("synthetic:opt-tiny");

	(void)state;
	for (unsigned t = 0; t < wick_checkpoint_count(checkpoint); t++) {
		const struct wick_source_tensor *tensor = wick_checkpoint_at(checkpoint, t);
		float *whole = read_all(checkpoint, tensor, tensor->bytes);

		for (uint64_t step = 4; step <= 28; step += 4) {
			float *pieces = read_all(checkpoint, tensor, step);

			assert_memory_equal(whole, pieces, tensor->bytes);
			free(pieces);
		}
		free(whole);
	}
	wick_checkpoint_close(checkpoint);
}

/* Mean and standard deviation of n even numbers are off by about 0.02 / sqrt(n) and less; five times that is allowed. */
static void test_spread(void **state)
{
	struct wick_checkpoint *checkpoint = open_made("synthetic:opt-tiny");

	(void)state;
	for (unsigned t = 0; t < wick_checkpoint_count(checkpoint); t++) {
		const struct wick_source_tensor *tensor = wick_checkpoint_at(checkpoint, t);
		double around = strstr(tensor->name, "norm.weight") ? 1 : 0, sum = 0, squares = 0;
		uint64_t count = tensor->bytes / sizeof(float);
		double allowed = 5 * 0.02 / sqrt((double)count);
		float *numbers = read_all(checkpoint, tensor, tensor->bytes);

		for (uint64_t i = 0; i < count; i++) {
			sum += numbers[i] - around;
			squares += (numbers[i] - around) * (numbers[i] - around);
		}
		if (fabs(sum / count) > allowed || fabs(sqrt(squares / count) - 0.02) > allowed)
			fail_msg("%s: mean %g, deviation %g", tensor->name, sum / count, sqrt(squares / count));
		free(numbers);
	}
	wick_checkpoint_close(checkpoint);
}

/* No two tensors may have the same numbers: a matrix in the place of another would not be noticed. */
static void test_different(void **state)
{
	struct wick_checkpoint *checkpoint = open_made("synthetic:opt-tiny");
	unsigned count = wick_checkpoint_count(checkpoint);

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		for (unsigned k = 0; k < i; k++) {
			float a[16], b[16];

			wick_checkpoint_read(checkpoint, wick_checkpoint_at(checkpoint, i), 0, a, sizeof(a), NULL);
			wick_checkpoint_read(checkpoint, wick_checkpoint_at(checkpoint, k), 0, b, sizeof(b), NULL);
			for (unsigned n = 0; n < 16; n++)
				a[n] -= roundf(a[n]), b[n] -= roundf(b[n]);
			assert_memory_not_equal(a, b, sizeof(a));
		}
	}
	wick_checkpoint_close(checkpoint);
}

/* Packed, it runs: every byte has its token, logits are finite, and the name tells what it is. */
static void test_runs(void **state)
{
	static const char text[] = "Hello,\n\xc3\xa9";
	struct wick_options options;
	struct folder folder = folder_make();
	struct wick_diag diag;
	struct wick *wick;
	uint32_t ids[32];
	const float *logits;
	int64_t count;
	char *path;

	(void)state;
	path = strdup(folder_path(&folder, "tiny.gguf"));
	pack_well("synthetic:opt-tiny", path, NULL);
	wick_options_init(&options);
	if (wick_open(&wick, path, &options, &diag))
		fail_msg("%s", diag.text);
	assert_string_equal(wick_report_of(wick)->model, "synthetic:opt-tiny");
	count = wick_tokenize(wick, text, strlen(text), true, ids, WICK_COUNT_OF(ids));
	assert_int_equal(count, 1 + strlen(text));
	for (unsigned i = 0; i < strlen(text); i++) {
		size_t bytes;
		const char *token = wick_token_text(wick, ids[1 + i], &bytes);

		assert_int_equal(bytes, 1);
		assert_int_equal(token[0], text[i]);
	}
	assert_int_equal(wick_session_eval(session_of(wick), ids, (uint32_t)count, NULL, NULL, &diag), 0);
	logits = wick_session_logits(session_of(wick));
	for (uint32_t i = 0; i < wick_report_of(wick)->vocab; i++)
		assert_true(isfinite(logits[i]) && fabsf(logits[i]) < 100);
	wick_close(wick);
	free(path);
	folder_remove(&folder);
}

static void test_unknown_size(void **state)
{
	struct wick_diag diag;

	(void)state;
	assert_int_equal(wick_pack("synthetic:opt-7b", "out.gguf", NULL, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "\"synthetic:opt-7b\": there is no such shape"));
	assert_non_null(strstr(diag.text, "opt-6.7b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_different),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_unknown_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
