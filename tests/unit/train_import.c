/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Predictors of others: what torch saved (fixtures/make_powerinfer.py) is what is predicted with, and what does not fit is
 * refused with a sentence that names the file. */

#include "packing.h"

#include "gguf.h"
#include "model.h"
#include "pool.h"
#include "predictor_set.h"

#include <jansson.h>
#include <math.h>
#include <unistd.h>

#define LAYERS 2
#define WIDTH 96
#define NEURONS 100
#define RANK_MAX 64

struct importer {
	struct folder folder;
	char model[4096], sidecar[4096];
};

static struct importer make_importer(void)
{
	struct importer i = { .folder = fixture_copy("sharded-f16") };

	snprintf(i.model, sizeof(i.model), "%s/packed.gguf", i.folder.path);
	snprintf(i.sidecar, sizeof(i.sidecar), "%s/packed.pred.gguf", i.folder.path);
	pack_well(i.folder.path, i.model, NULL);
	return i;
}

static const char *source(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/tests/unit/fixtures/powerinfer/%s", getenv("WICK_SOURCE"), name);
	return path;
}

/* The fixtures' numbers. */
static float number(unsigned row, unsigned col, unsigned seed)
{
	return (float)((int)((row * 31 + col * 17 + row * col * 5 + seed * 7) % 61) - 30) / 16;
}

static void check_matrix(const struct blob *file, const struct wick_tensor *tensor, unsigned seed, float tolerance)
{
	struct wick_kernels kernels;
	float row[WIDTH];

	wick_kernels_init(&kernels, ~0u);
	assert_in_range(tensor->cols, 1, WIDTH);
	for (unsigned i = 0; i < tensor->rows; i++) {
		kernels.to_f32[tensor->type](row, file->bytes + tensor->offset + i * tensor->row_bytes, tensor->cols);
		for (unsigned c = 0; c < tensor->cols; c++)
			assert_true(fabsf(row[c] - number(i, c, seed)) <= tolerance);
	}
}

/* The score of a neuron by the formula: fc2 . relu(fc1 . x) */
static double score_of(const float *x, unsigned layer, unsigned rank, unsigned neuron)
{
	double score = 0;

	for (unsigned r = 0; r < rank; r++) {
		double hidden = 0;

		for (unsigned c = 0; c < WIDTH; c++)
			hidden += (double)number(r, c, 2 * layer) * x[c];
		if (hidden > 0)
			score += hidden * number(neuron, r, 2 * layer + 1);
	}
	return score;
}

/* For inputs of few bits, so that sums are exact. */
static void check_prediction(const struct blob *file, struct wick_predictor *predictor, unsigned layer)
{
	float x[WIDTH], scratch[RANK_MAX + NEURONS], scores[NEURONS];
	uint32_t active[NEURONS], count, at = 0;
	struct wick_kernels kernels;
	struct wick_compute compute = { .kernels = &kernels };

	wick_kernels_init(&kernels, ~0u);
	assert_int_equal(wick_pool_create((struct wick_pool **)&compute.pool, 1, NULL), 0);
	for (unsigned c = 0; c < WIDTH; c++)
		x[c] = (float)((int)(c * 5 % 7) - 3) / 4;
	predictor->in_data = file->bytes + predictor->in.offset;
	predictor->out_data = file->bytes + predictor->out.offset;
	predictor->bias_data = (const float *)(file->bytes + predictor->bias.offset);
	count = wick_predict(predictor, &compute, x, scratch, scores, active);
	assert_in_range(count, 1, NEURONS - 1);
	for (unsigned i = 0; i < NEURONS; i++) {
		double score = score_of(x, layer, (unsigned)predictor->in.rows, i);

		assert_true(fabs(score - scores[i]) <= 1e-4 * fabs(score));
		assert_int_equal(at < count && active[at] == i, score > 0);
		at += score > 0;
	}
	wick_pool_destroy(compute.pool);
}

/* tolerance 0: stored exactly, and so predicted exactly */
static void check_import(const char *name, const char *type, unsigned first_rank, unsigned second_rank, float tolerance)
{
	struct importer i = make_importer();
	struct wick_predictor_set *predictors;
	struct wick_model *model;
	struct wick_diag diag = { 0 };
	struct blob file;
	json_t *report;
	char *text;

	if (wick_import_predictors(i.model, source(name), NULL, NULL, &text, &diag))
		fail_msg("%s", diag.text);
	report = json_loads(text, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(report, "type")), type);
	assert_int_equal(wick_model_open(&model, i.model, NULL), 0);
	if (wick_predictor_set_open(&predictors, model, i.model, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(predictors->origin, WICK_PREDICTORS_IMPORTED);
	assert_null(predictors->ahead);
	file = blob_load(i.sidecar);
	for (unsigned layer = 0; layer < LAYERS; layer++) {
		struct wick_predictor *predictor = &predictors->layer[layer];

		assert_int_equal(predictor->in.rows, layer ? second_rank : first_rank);
		assert_true(predictor->relu);
		check_matrix(&file, &predictor->in, 2 * layer, tolerance);
		check_matrix(&file, &predictor->out, 2 * layer + 1, tolerance);
		for (unsigned n = 0; n < NEURONS; n++)
			assert_true(((const float *)(file.bytes + predictor->bias.offset))[n] == 0);
		if (tolerance == 0)
			check_prediction(&file, predictor, layer);
	}
	wick_predictor_set_close(predictors);
	wick_model_close(model);
	json_decref(report);
	free(text);
	free(file.bytes);
	folder_remove(&i.folder);
}

static void what_torch_saved_is_predicted_with(void **state)
{
	(void)state;
	check_import("odd", "f16", 24, 7, 0);
	check_import("blocks", "q8_0", 32, 64, 0.5f * 30 / 16 / 127 + 0.001f);
}

static void refused(const struct importer *i, const char *folder, const char *sentence)
{
	struct wick_diag diag = { 0 };
	char *text;

	assert_true(wick_import_predictors(i->model, folder, NULL, NULL, &text, &diag) < 0);
	assert_null(text);
	if (!strstr(diag.text, sentence))
		fail_msg("\"%s\" is not in \"%s\"", sentence, diag.text);
	assert_int_equal(access(i->sidecar, F_OK), -1);
}

static void what_does_not_fit_is_refused(void **state)
{
	struct importer i = make_importer();

	(void)state;
	refused(&i, source("half"), "model_0.pt: \"fc2.weight\" is missing");
	refused(&i, source("bias"), "model_0.pt: \"fc1.bias\" is no part of a predictor, which is fc1.weight and fc2.weight");
	refused(&i, source("layer-missing"), "model_1.pt: No such file or directory");
	refused(&i, source("other-width"), "model_0.pt: \"fc1.weight\" is [8, 64], which does not fit the model: 96 wide");
	refused(&i, source("other-neurons"), "model_0.pt: \"fc2.weight\" is [96, 8], which does not fit");
	refused(&i, "nowhere", "nowhere/model_0.pt: No such file or directory");
	folder_remove(&i.folder);
}

/* Zip's, of which the file has each more than once. */
static uint32_t crc32_of(const uint8_t *bytes, size_t count)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < count; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* The file with one number of its first matrix (rank, WIDTH) replaced, and its checksum made right again. */
static void write_with(const struct importer *i, unsigned rank, unsigned at, float number_there)
{
	struct blob file = blob_load(source("odd/model_0.pt"));
	float row[WIDTH];
	uint32_t was, is;
	uint8_t *data;

	for (unsigned c = 0; c < WIDTH; c++)
		row[c] = number(0, c, 0);
	data = memmem(file.bytes, file.count, row, sizeof(row));
	assert_non_null(data);
	was = crc32_of(data, rank * sizeof(row));
	memcpy(data + at * sizeof(float), &number_there, sizeof(float));
	is = crc32_of(data, rank * sizeof(row));
	for (size_t k = 0; k + 4 <= file.count; k++)
		if (!memcmp(file.bytes + k, &was, 4))
			memcpy(file.bytes + k, &is, 4);
	folder_write(&i->folder, "model_0.pt", file.bytes, file.count);
	free(file.bytes);
}

static void numbers_that_cannot_be_stored_are_refused(void **state)
{
	struct importer i = make_importer();
	struct blob other = blob_load(source("odd/model_1.pt"));
	char *text;

	(void)state;
	folder_write(&i.folder, "model_1.pt", other.bytes, other.count);
	free(other.bytes);
	write_with(&i, 24, 5, NAN);
	refused(&i, i.folder.path, "model_0.pt: \"fc1.weight\": number 5 is NaN");
	write_with(&i, 24, 23 * WIDTH + 95, -INFINITY);
	refused(&i, i.folder.path, "model_0.pt: \"fc1.weight\": number 2303 is infinite");
	write_with(&i, 24, WIDTH, 1e30f);
	refused(&i, i.folder.path, "model_0.pt: \"fc1.weight\": number 96 is 1e+30, more than f16 can hold");
	write_with(&i, 24, WIDTH, 65504);
	assert_int_equal(wick_import_predictors(i.model, i.folder.path, NULL, NULL, &text, NULL), 0);
	free(text);
	folder_remove(&i.folder);
}

struct patience {
	unsigned calls, most; /* the call behind the most stops it */
	uint64_t done;
};

static int lose_patience(void *user, uint64_t done, uint64_t total)
{
	struct patience *patience = user;

	assert_true(done >= patience->done && done <= total);
	patience->done = done;
	return patience->calls++ == patience->most;
}

/* The old file stays until the new one is whole, and there is never a third. */
static void stopped_anywhere(void **state)
{
	struct importer i = make_importer();
	struct patience patience = { 0 };
	struct wick_diag diag = { 0 };
	unsigned entries;
	char *text;
	int rc;

	(void)state;
	folder_write(&i.folder, "packed.pred.gguf", "old", 3);
	entries = folder_count(&i.folder);
	do {
		struct blob file;

		patience = (struct patience){ .most = patience.most + (patience.calls != 0) };
		rc = wick_import_predictors(i.model, source("odd"), lose_patience, &patience, &text, &diag);
		assert_int_equal(folder_count(&i.folder), entries);
		file = blob_load(i.sidecar);
		assert_int_equal(rc == 0, file.count != 3);
		assert_true(rc == 0 || (rc == -ECANCELED && !text && strstr(diag.text, "stopped")));
		free(file.bytes);
	} while (rc);
	assert_int_equal(patience.most, LAYERS * 3);
	free(text);
	folder_remove(&i.folder);
}

/* Any byte may be wrong, and any end missing: refused with a sentence, or taken. */
static void damage_does_no_harm(void **state)
{
	struct importer i = make_importer();
	struct blob whole, other;
	unsigned refusals = 0;

	(void)state;
	whole = blob_load(source("odd/model_0.pt"));
	other = blob_load(source("odd/model_1.pt"));
	folder_write(&i.folder, "model_1.pt", other.bytes, other.count);
	free(other.bytes);
	for (size_t at = 0; at < whole.count; at += 211) {
		struct wick_diag diag = { 0 };
		char *text;
		int rc;

		whole.bytes[at] ^= 1 << at % 8;
		folder_write(&i.folder, "model_0.pt", whole.bytes, whole.count);
		rc = wick_import_predictors(i.model, i.folder.path, NULL, NULL, &text, &diag);
		assert_true((rc < 0) == (*diag.text != 0));
		refusals += rc < 0;
		free(text);
		folder_write(&i.folder, "model_0.pt", whole.bytes, at);
		rc = wick_import_predictors(i.model, i.folder.path, NULL, NULL, &text, &diag);
		assert_true(rc < 0 && !text);
		whole.bytes[at] ^= 1 << at % 8;
	}
	assert_true(refusals > 10);
	free(whole.bytes);
	folder_remove(&i.folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_torch_saved_is_predicted_with),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(numbers_that_cannot_be_stored_are_refused),
		cmocka_unit_test(stopped_anywhere),
		cmocka_unit_test(damage_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
