/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Short operations on files (see operations.h). */

#include "operations.h"

#include "fixture.h"
#include "predictors.h"

#include "trace_synth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXT_LETTERS 30000

struct operations_paths at;

int operations_verify(struct wick_diag *diag)
{
	return wick_verify(at.model, NULL, NULL, NULL, diag);
}

int operations_info(struct wick_diag *diag)
{
	char *json = NULL;
	int code = wick_info(at.model, &json, diag);

	assert_int_equal(!json, code < 0);
	free(json);
	return code;
}

int operations_order(struct wick_diag *diag)
{
	const struct wick_pack_options options = { .order = "coactivation", .trace = at.trace };

	return wick_pack(at.predicted, at.out, &options, diag);
}

int operations_import(struct wick_diag *diag)
{
	char folder[PATH_MAX], *json = NULL;
	int code;

	path_join(folder, getenv("WICK_SOURCE"), "tests/unit/fixtures/powerinfer/odd");
	code = wick_import_predictors(at.model, folder, NULL, NULL, &json, diag);
	free(json);
	return code;
}

int operations_pack_stock(struct wick_diag *diag)
{
	char path[PATH_MAX];

	path_join(path, at.source, "model.gguf");
	return wick_pack(path, at.out, NULL, diag);
}

static int synthesize_to(const char *path, struct wick_diag *diag)
{
	const struct wick_trace_shape shape = { .layers = 2, .n_ff = 100, .tokens = 64, .synthetic = true, .lookahead = true,
		.synthesis = { .zipf = 1, .active = 0.2, .seed = 1 } };

	return wick_synth_write(path, &shape, NULL, NULL, diag);
}

int operations_synthesize(struct wick_diag *diag)
{
	return synthesize_to(at.out, diag);
}

int operations_train(double ahead_percent, wick_train_progress_fn progress, struct wick_diag *diag)
{
	const char *texts[] = { at.text };
	const struct wick_train_options options = { .texts = texts, .text_count = 1, .tokens = OPERATIONS_TRAIN_TOKENS,
		.steps = 1, .memory_bytes = 1ull << 30, .size = { .percent = 30 }, .ahead_size = { .percent = ahead_percent },
		.no_ahead = !ahead_percent, .threads = 1, .progress = progress };
	char *json = NULL;
	int code = wick_train(at.model, &options, &json, diag);

	free(json);
	return code;
}

/* Letters by chance, with a space after every fourth or so. */
static void write_text(void)
{
	FILE *file = fopen(at.text, "wb");
	uint32_t seed = 1;

	assert_non_null(file);
	for (int i = 0; i < TEXT_LETTERS; i++) {
		seed = seed * 1664525u + 1013904223u;
		fprintf(file, "%c%s", 'a' + (int)(seed >> 24) % 26, seed >> 16 & 3 ? "" : " ");
	}
	assert_int_equal(fclose(file), 0);
}

int operations_make(void **state)
{
	(void)state;
	scratch_make(at.scratch);
	path_join(at.model, at.scratch, "model.gguf");
	path_join(at.sidecar, at.scratch, "model.pred.gguf");
	path_join(at.part, at.scratch, "model.pred.gguf.part");
	path_join(at.predicted, at.scratch, "predicted.gguf");
	path_join(at.trace, at.scratch, "some.trace");
	path_join(at.text, at.scratch, "text");
	path_join(at.out, at.scratch, "out.gguf");
	path_join(at.out_sidecar, at.scratch, "out.pred.gguf");
	fixture_folder(at.source, "sharded-f16");
	model_pack(at.source, at.model, "f16");
	model_pack(at.source, at.predicted, "f16");
	predictors_write(at.predicted);
	assert_int_equal(synthesize_to(at.trace, NULL), 0);
	write_text();
	return 0;
}

int operations_remove(void **state)
{
	(void)state;
	scratch_remove(at.scratch);
	return 0;
}
