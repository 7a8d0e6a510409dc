/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Who looks on sees every neuron of every layer and position once, in order, and the same whether positions came one by
 * one or as a batch, whose arithmetic is another: equal but for rounding. */

#include "first_session.h"
#include "fixture.h"

#include "watch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define TOKENS 40

struct record {
	uint32_t layers, n_ff, d_model;
	uint32_t layer, next; /* the layer told of last, and the neuron that must come next */
	float *x;             /* (layers, TOKENS, d_model) */
	float *h;             /* (layers, TOKENS, n_ff) */
};

static void inputs(void *user, uint32_t layer, uint32_t position, uint32_t m, const float *x)
{
	struct record *record = user;

	assert_true(layer == 0 || (layer == record->layer + 1 && record->next == record->n_ff));
	record->layer = layer;
	record->next = 0;
	memcpy(record->x + ((size_t)layer * TOKENS + position) * record->d_model, x,
		(size_t)m * record->d_model * sizeof(*x));
}

static void fired(void *user, uint32_t layer, uint32_t position, uint32_t m, uint32_t first, uint32_t count,
	const float *h, size_t ldh)
{
	struct record *record = user;

	assert_int_equal(layer, record->layer);
	assert_int_equal(first, record->next);
	record->next = first + count;
	for (uint32_t i = 0; i < m; i++)
		memcpy(record->h + ((size_t)layer * TOKENS + position + i) * record->n_ff + first, h + i * ldh,
			count * sizeof(*h));
}

static void look_on(struct record *record, const char *model, const char *mode, uint32_t at_once)
{
	const struct wick_watch watch = { .user = record, .inputs = inputs, .fired = fired };
	const struct wick_report *report;
	struct wick_options options;
	struct wick *wick;
	uint32_t ids[TOKENS];

	wick_options_init(&options);
	options.mode = mode;
	wick = model_open(model, &options);
	report = wick_report_of(wick);
	*record = (struct record){ .layers = report->layers, .n_ff = report->n_ff, .d_model = report->d_model };
	record->x = calloc((size_t)record->layers * TOKENS * record->d_model, sizeof(float));
	record->h = calloc((size_t)record->layers * TOKENS * record->n_ff, sizeof(float));
	assert_non_null(record->x);
	assert_non_null(record->h);
	wick_watch(wick, &watch);
	for (uint32_t i = 0; i < TOKENS; i++)
		ids[i] = 5 + i * 13 % 200;
	for (uint32_t i = 0; i < TOKENS; i += at_once)
		assert_int_equal(wick_session_eval(session_of(wick), ids + i, at_once, NULL, NULL, NULL), 0);
	assert_int_equal(record->layer, record->layers - 1);
	assert_int_equal(record->next, record->n_ff);
	wick_close(wick);
}

static void assert_near(const float *a, const float *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!(fabsf(a[i] - b[i]) <= 1e-3f * (1 + fabsf(b[i]))))
			fail_msg("number %zu: %g, %g", i, (double)a[i], (double)b[i]);
}

static void sees_the_same_one_by_one_and_at_once(void **state)
{
	struct record one, all;
	size_t activations, positive = 0;

	look_on(&one, *state, "dense", 1);
	look_on(&all, *state, "naive", TOKENS);
	activations = (size_t)one.layers * TOKENS * one.n_ff;
	assert_near(all.x, one.x, (size_t)one.layers * TOKENS * one.d_model);
	assert_near(all.h, one.h, activations);
	for (size_t i = 0; i < activations; i++) {
		assert_true(one.h[i] >= 0); /* ReLU */
		positive += one.h[i] > 0;
	}
	assert_in_range(positive, activations / 10, activations * 9 / 10);
	free(one.x);
	free(one.h);
	free(all.x);
	free(all.h);
}

static char scratch[PATH_MAX], model[PATH_MAX], model_gelu[PATH_MAX];

/* The first layer's input does not depend on the activation: what one lets pass as it is, the other weighs with the share
 * of a normal distribution below it, and what one cuts off is a little below zero. */
static void gelu_is_that_of_the_error_function(void **state)
{
	struct record relu, gelu;
	unsigned below = 0;

	look_on(&relu, *state, "dense", 1);
	for (uint32_t at_once = 1; at_once <= TOKENS; at_once += TOKENS - 1) {
		look_on(&gelu, model_gelu, "dense", at_once);
		for (size_t i = 0; i < TOKENS * (size_t)relu.n_ff; i++) {
			double h = (double)relu.h[i], wanted = h * 0.5 * erfc(-h / sqrt(2));

			if (h > 0 && fabs((double)gelu.h[i] - wanted) > 1e-3 * (1 + h))
				fail_msg("neuron %zu: %g, and %g of %g by gelu", i, wanted, (double)gelu.h[i], h);
			assert_true(h > 0 || (gelu.h[i] <= 0 && gelu.h[i] > -0.17f));
			below += gelu.h[i] < 0;
		}
		free(gelu.x);
		free(gelu.h);
	}
	assert_in_range(below, 1, 2 * TOKENS * relu.n_ff);
	free(relu.x);
	free(relu.h);
}

/* A copy of the checkpoint that says so. */
static void pack_gelu(const char *folder)
{
	char copy[PATH_MAX], path[PATH_MAX], *config, *word;
	uint64_t bytes;

	path_join(copy, scratch, "gelu");
	assert_int_equal(mkdir(copy, 0700), 0);
	folder_copy(folder, copy);
	path_join(path, copy, "config.json");
	config = file_read(path, &bytes);
	word = strstr(config, "\"relu\"");
	assert_non_null(word);
	memcpy(word, "\"gelu\"", strlen("\"gelu\""));
	file_write(path, config, bytes);
	free(config);
	path_join(model_gelu, scratch, "gelu.gguf");
	model_pack(copy, model_gelu, "f16");
}

static int pack(void **state)
{
	char folder[PATH_MAX];

	fixture_folder(folder, "sharded-f16");
	scratch_make(scratch);
	path_join(model, scratch, "model.gguf");
	model_pack(folder, model, "f16");
	pack_gelu(folder);
	*state = model;
	return 0;
}

static int unpack(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sees_the_same_one_by_one_and_at_once),
		cmocka_unit_test(gelu_is_that_of_the_error_function),
	};

	return cmocka_run_group_tests(tests, pack, unpack);
}
