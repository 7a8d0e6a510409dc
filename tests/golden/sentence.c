/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

#include "sentence.h"

#include "fixture.h"

#include "bits.h"
#include "model.h"
#include "predictor_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct named {
	const char *name;
	uint64_t row, offset, unit; /* of what the drive reads */
	struct wick_tensor tensor;
	bool found;
};

/* Of several that are one in the file. */
static bool has_place(const struct wick_tensor *tensor, const struct named *named)
{
	return named->row - tensor->first_row < tensor->rows && named->offset + named->unit > tensor->offset &&
		named->offset < tensor->offset + wick_tensor_bytes(tensor);
}

static void find_tensor(const struct wick_tensor *tensor, void *user)
{
	struct named *named = user;

	if (strcmp(tensor->name, named->name) || (named->found && !has_place(tensor, named)))
		return;
	named->tensor = *tensor;
	named->found = true;
}

/* The numbers behind "bundle ", "row " or "rows " and behind "offset ". */
static bool numbers_of(const char *text, unsigned long long *row, unsigned long long *offset)
{
	const char *at = strstr(text, "offset ");

	return at && sscanf(at, "offset %llu", offset) == 1 &&
	       (sscanf(text, "bundle %llu", row) == 1 || sscanf(text, "row %llu", row) == 1 ||
		       sscanf(text, "rows %llu", row) == 1);
}

static void find_in_predictor(const struct wick_predictor *predictor, struct named *named)
{
	find_tensor(&predictor->in, named);
	find_tensor(&predictor->out, named);
	find_tensor(&predictor->bias, named);
}

static void find_in_predictors(const struct wick_model *model, const char *path, struct named *named)
{
	struct wick_predictor_set *predictors;

	assert_int_equal(wick_predictor_set_open(&predictors, model, path, NULL), 0);
	for (uint32_t i = 0; i < predictors->layers; i++) {
		find_in_predictor(&predictors->layer[i], named);
		if (predictors->ahead)
			find_in_predictor(&predictors->ahead[i], named);
	}
	wick_predictor_set_close(predictors);
}

/* Its tensor, and where that has a row. */
static bool find_in(const struct sentence_fault *fault, struct named *named, uint64_t *begin)
{
	struct wick_model *model;

	assert_int_equal(wick_model_open(&model, fault->model, NULL), 0);
	if (fault->predictors)
		find_in_predictors(model, fault->model, named);
	else
		wick_model_each(model, find_tensor, named);
	named->row -= named->tensor.first_row;
	if (named->found && named->row < named->tensor.rows)
		*begin = wick_tensor_place(&named->tensor, named->row).offset;
	wick_model_close(model);
	return named->found;
}

const char *sentence_wrong(const char *text, const struct sentence_fault *fault)
{
	uint64_t begin = 0, end, block_bytes, reach, length = strlen(fault->path);
	uint64_t unit = WICK_MAX(fault->drive_bytes, SENTENCE_SECTOR);
	unsigned long long row, offset;
	const struct wick_tensor *tensor;
	struct named named;
	char name[64] = "";

	if (strncmp(text, fault->path, length) || sscanf(text + length, ": %63[^:]: ", name) != 1 ||
		!numbers_of(text + length + 4 + strlen(name), &row, &offset))
		return "it names no place";
	named = (struct named){ .name = name, .row = row, .offset = offset, .unit = unit };
	tensor = &named.tensor;
	if (!find_in(fault, &named, &begin))
		return "there is no such tensor";
	block_bytes = tensor->check_rows * tensor->row_bytes;
	end = begin + block_bytes;
	if (named.row + tensor->check_rows >= tensor->rows)
		end = wick_align_up(begin + WICK_MIN(tensor->rows - named.row, tensor->check_rows) * tensor->row_bytes, WICK_FILE_ALIGN);
	if (named.row >= tensor->rows || offset + unit <= begin || offset >= end)
		return "that is elsewhere";
	reach = WICK_MAX(fault->chunk_bytes, block_bytes) + 2 * unit;
	if (fault->offset != UINT64_MAX &&
		(fault->offset + unit < offset || fault->offset >= offset + reach))
		return "the fault is not there";
	return NULL;
}
