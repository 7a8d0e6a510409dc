/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Files of predictors, for a model of two layers that is there in name only: refused with a sentence, or every tensor lies
 * in the file, has the shape that the model wants, and has its checksums. */

#include "bits.h"
#include "fuzz.h"
#include "gguf.h"
#include "mutate.h"
#include "predictor_set.h"
#include "sidecar.h"
#include "tensors.h"

#include <stdlib.h>

#define LAYERS 2
#define D_MODEL 32
#define N_FF 48
#define IDENTITY 0x12345678

static void check_tensor(const struct wick_predictor_set *predictors, const struct wick_tensor *tensor, uint64_t rows)
{
	volatile uint32_t sink = 0;

	wick_require(tensor->rows == rows && tensor->cols && tensor->row_bytes == wick_type_bytes(tensor->type, tensor->cols));
	wick_require(tensor->offset + wick_tensor_bytes(tensor) <= wick_gguf_file_bytes(predictors->gguf));
	for (uint64_t i = 0; i < wick_div_up(tensor->rows, tensor->check_rows); i++)
		sink ^= tensor->crcs[i];
}

static void check_predictor(const struct wick_predictor_set *predictors, const struct wick_predictor *predictor)
{
	wick_require(predictor->in.cols == D_MODEL && predictor->out.cols == predictor->in.rows);
	wick_require(predictor->bias.cols == N_FF);
	check_tensor(predictors, &predictor->in, predictor->in.rows);
	check_tensor(predictors, &predictor->out, N_FF);
	check_tensor(predictors, &predictor->bias, 1);
}

static void bind(const char *path)
{
	struct wick_predictor own[LAYERS] = { 0 }, ahead[LAYERS] = { 0 };
	struct wick_predictor_set predictors = { .layers = LAYERS, .layer = own, .ahead = ahead };
	struct wick_model model = { .shape = { .layers = LAYERS, .d_model = D_MODEL, .n_ff = N_FF }, .identity = IDENTITY };
	struct wick_diag diag = { 0 };
	int rc = wick_gguf_open(&predictors.gguf, path, &diag);

	wick_require(wick_model_identity(&model) == IDENTITY);
	if (rc == 0)
		rc = wick_sidecar_bind(&predictors, &model, &diag);
	fuzz_check(rc, &diag);
	for (int i = 0; rc == 0 && i < LAYERS; i++) {
		check_predictor(&predictors, &own[i]);
		if (ahead[i].in.rows)
			check_predictor(&predictors, &ahead[i]);
		if (predictors.firing)
			check_tensor(&predictors, &predictors.firing[i], 1);
	}
	wick_gguf_close(predictors.gguf);
	free(predictors.crcs);
	free(predictors.levels);
	free(predictors.firing);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	return fuzz_mutate_gguf(data, size, size_max, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int memory = memfd_create("fuzz", MFD_CLOEXEC);
	char path[64];

	wick_require(memory >= 0 && write(memory, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	bind(path);
	close(memory);
	return 0;
}
