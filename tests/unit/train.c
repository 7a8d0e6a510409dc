/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Training: what is learned depends on text and options alone, also across an interruption, and finds the neurons that
 * fire; what cannot be learned from is refused with a sentence. */

#include "packing.h"

#include "model.h"
#include "predictor_set.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct trainee {
	struct folder folder;
	char model[4096], text[4096], sidecar[4096], part[4096];
};

static struct trainee make_trainee(void)
{
	struct trainee t = { .folder = fixture_copy("sharded-f16") };
	uint32_t seed = 1;
	FILE *file;

	snprintf(t.model, sizeof(t.model), "%s/packed.gguf", t.folder.path);
	snprintf(t.text, sizeof(t.text), "%s/text", t.folder.path);
	snprintf(t.sidecar, sizeof(t.sidecar), "%s/packed.pred.gguf", t.folder.path);
	snprintf(t.part, sizeof(t.part), "%s/packed.pred.gguf.part", t.folder.path);
	pack_well(t.folder.path, t.model, NULL);
	file = fopen(t.text, "wb");
	assert_non_null(file);
	for (int i = 0; i < 30000; i++) {
		seed = seed * 1664525u + 1013904223u;
		fprintf(file, "%c%s", 'a' + (int)(seed >> 24) % 26, seed >> 16 & 3 ? "" : " ");
	}
	assert_int_equal(fclose(file), 0);
	return t;
}

static int stop_in_the_second_layer(void *user, uint32_t layer, uint32_t layers, const char *what, double done)
{
	(void)user, (void)layers, (void)what, (void)done;
	return layer == 1;
}

static int stop_at_once(void *user, uint32_t layer, uint32_t layers, const char *what, double done)
{
	(void)user, (void)layer, (void)layers, (void)what, (void)done;
	return 1;
}

static int never_stop(void *user, uint32_t layer, uint32_t layers, const char *what, double done)
{
	double *last = user;

	(void)what;
	assert_true(layer < layers);
	assert_true(done >= *last && done <= 1);
	*last = done;
	return 0;
}

static int train(const struct trainee *t, uint32_t threads, wick_train_progress_fn progress, json_t **report,
	struct wick_diag *diag)
{
	const char *texts[] = { t->text };
	double last = 0;
	struct wick_train_options options = { .texts = texts, .text_count = 1, .tokens = 12288, .steps = 60,
		.size = { .percent = 30 }, .ahead_size = { .percent = 15 }, .threads = threads, .progress = progress,
		.user = &last };
	char *text = NULL;
	int rc = wick_train(t->model, &options, &text, diag);

	if (report)
		*report = text ? json_loads(text, 0, NULL) : NULL;
	free(text);
	return rc;
}

static double number_of(const json_t *report, const char *section, const char *key)
{
	return json_number_value(json_object_get(json_object_get(report, section), key));
}

static void check_report(json_t *report)
{
	const json_t *layers = json_object_get(json_object_get(report, "predictors"), "layers");

	assert_non_null(report);
	assert_int_equal(json_array_size(layers), 2);
	assert_true(number_of(report, "predictors", "recall") >= 0.98);
	assert_true(number_of(report, "predictors", "model_share") <= 0.30);
	assert_true(number_of(report, "lookahead", "model_share") <= 0.15);
	assert_true(number_of(report, "predictors", "precision") > number_of(report, "predictors", "active_share"));
}

/* The shares of tokens that neurons fired for, of all text, and their mean in the part that was held out, which is as random, agree. */
static void check_firing(const struct trainee *t, const json_t *report)
{
	const json_t *layers = json_object_get(json_object_get(report, "predictors"), "layers");
	struct wick_predictor_set *set;
	struct wick_model *model;
	float *shares;

	assert_int_equal(wick_model_open(&model, t->model, NULL), 0);
	assert_int_equal(wick_predictor_set_open(&set, model, t->model, NULL), 0);
	shares = calloc((size_t)model->shape.layers * model->shape.n_ff, sizeof(*shares));
	assert_int_equal(wick_predictor_set_firing(set, shares, NULL), 0);
	for (uint32_t i = 0; i < model->shape.layers; i++) {
		double held = json_number_value(json_object_get(json_array_get(layers, i), "active_share")), sum = 0;

		for (uint32_t k = 0; k < model->shape.n_ff; k++)
			sum += (double)shares[i * model->shape.n_ff + k];
		assert_true(held > 0.05 && fabs(sum / model->shape.n_ff / held - 1) < 0.05);
	}
	free(shares);
	wick_predictor_set_close(set);
	wick_model_close(model);
}

static void same_file(const struct blob *a, const char *path)
{
	struct blob b = blob_load(path);

	assert_int_equal(a->count, b.count);
	assert_memory_equal(a->bytes, b.bytes, a->count);
	free(b.bytes);
}

static void threads_and_interruptions_change_nothing(void **state)
{
	struct trainee t = make_trainee();
	struct wick_diag diag = { 0 };
	json_t *report;
	struct blob first;

	(void)state;
	if (train(&t, 1, never_stop, &report, &diag))
		fail_msg("%s", diag.text);
	check_report(report);
	check_firing(&t, report);
	json_decref(report);
	assert_int_equal(access(t.part, F_OK), -1);
	first = blob_load(t.sidecar);

	assert_int_equal(unlink(t.sidecar), 0);
	assert_int_equal(train(&t, 2, stop_at_once, NULL, &diag), -ECANCELED);
	assert_int_equal(access(t.part, F_OK), -1); /* while it still looked at what fires */
	assert_int_equal(train(&t, 3, stop_in_the_second_layer, NULL, &diag), -ECANCELED);
	assert_non_null(strstr(diag.text, "layers that were finished are kept"));
	assert_int_equal(access(t.sidecar, F_OK), -1);
	assert_int_equal(access(t.part, F_OK), 0);
	assert_int_equal(train(&t, 2, never_stop, NULL, &diag), 0);
	assert_int_equal(access(t.part, F_OK), -1);
	same_file(&first, t.sidecar);

	free(first.bytes);
	folder_remove(&t.folder);
}

/* Half a record, as a power cut leaves it, is learned again. */
static void a_broken_part_is_learned_again(void **state)
{
	struct trainee t = make_trainee();
	struct blob first, part;

	(void)state;
	assert_int_equal(train(&t, 2, NULL, NULL, NULL), 0);
	first = blob_load(t.sidecar);
	assert_int_equal(train(&t, 2, stop_in_the_second_layer, NULL, NULL), -ECANCELED);
	part = blob_load(t.part);
	part.bytes[part.count / 2] ^= 1;
	folder_write(&t.folder, "packed.pred.gguf.part", part.bytes, part.count);
	assert_int_equal(train(&t, 2, NULL, NULL, NULL), 0);
	same_file(&first, t.sidecar);
	assert_int_equal(train(&t, 2, stop_in_the_second_layer, NULL, NULL), -ECANCELED);
	assert_int_equal(truncate(t.part, part.count - 5), 0);
	assert_int_equal(train(&t, 2, NULL, NULL, NULL), 0);
	same_file(&first, t.sidecar);
	free(first.bytes);
	free(part.bytes);
	folder_remove(&t.folder);
}

static void the_engine_takes_them(void **state)
{
	struct trainee t = make_trainee();
	struct wick_predictor_set *predictors;
	struct wick_model *model;

	(void)state;
	assert_int_equal(train(&t, 2, NULL, NULL, NULL), 0);
	assert_int_equal(wick_model_open(&model, t.model, NULL), 0);
	assert_int_equal(wick_predictor_set_open(&predictors, model, t.model, NULL), 0);
	assert_int_equal(predictors->origin, WICK_PREDICTORS_TRAINED);
	assert_non_null(predictors->ahead);
	wick_predictor_set_close(predictors);
	wick_model_close(model);
	folder_remove(&t.folder);
}

static void refused(const struct trainee *t, const struct wick_train_options *options, const char *sentence)
{
	struct wick_diag diag = { 0 };
	char *text;

	assert_true(wick_train(t->model, options, &text, &diag) < 0);
	assert_null(text);
	if (!strstr(diag.text, sentence))
		fail_msg("\"%s\" is not in \"%s\"", sentence, diag.text);
	assert_int_equal(access(t->sidecar, F_OK), -1);
}

static void refusals_are_said(void **state)
{
	struct trainee t = make_trainee();
	const char *texts[] = { t.text }, *missing[] = { "nowhere/at/all" };
	struct wick_train_options options = { .texts = texts, .text_count = 1 };

	(void)state;
	options.memory_bytes = 1 << 20;
	refused(&t, &options, "training takes at least");
	options.memory_bytes = 0;
	options.size.percent = 0.01;
	refused(&t, &options, "too few bytes");
	options.size.percent = 30;
	options.texts = missing;
	refused(&t, &options, "nowhere/at/all");
	options.texts = texts;
	assert_int_equal(truncate(t.text, 300), 0);
	refused(&t, &options, "the text has");
	options.tokens = 100;
	refused(&t, &options, "tokens of this model, not 100");
	folder_remove(&t.folder);
}

/* Under the name of what a training keeps is a download of others, a link, a pipe, or another training. */
static void what_is_not_ours_stays(void **state)
{
	struct trainee t = make_trainee();
	const char *texts[] = { t.text };
	struct wick_train_options options = { .texts = texts, .text_count = 1, .tokens = 12288, .steps = 1,
		.size = { .percent = 30 }, .ahead_size = { .percent = 15 } };
	struct blob text = blob_load(t.text);
	int fd;

	(void)state;
	folder_write(&t.folder, "packed.pred.gguf.part", "of others", 9);
	refused(&t, &options, "packed.pred.gguf.part: is there already, and is not what a training has kept");
	assert_int_equal(unlink(t.part), 0);
	assert_int_equal(symlink(t.text, t.part), 0);
	refused(&t, &options, "packed.pred.gguf.part: ");
	same_file(&text, t.text);
	assert_int_equal(unlink(t.part), 0);
	assert_int_equal(mkfifo(t.part, 0600), 0);
	refused(&t, &options, "packed.pred.gguf.part: is there already");
	assert_int_equal(unlink(t.part), 0);
	fd = open(t.part, O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	refused(&t, &options, "packed.pred.gguf.part: another training writes it");
	close(fd);
	free(text.bytes);
	folder_remove(&t.folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_and_interruptions_change_nothing),
		cmocka_unit_test(a_broken_part_is_learned_again),
		cmocka_unit_test(the_engine_takes_them),
		cmocka_unit_test(refusals_are_said),
		cmocka_unit_test(what_is_not_ours_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
