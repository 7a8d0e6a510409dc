/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

#include "sentence.h"

#include "fixture.h"

#include "bits.h"
#include "model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct named {
	const char *name;
	struct wick_tensor tensor;
	bool found;
};

static void find_tensor(const struct wick_tensor *tensor, void *user)
{
	struct named *named = user;

	if (strcmp(tensor->name, named->name))
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

static bool find_in(const char *path, const char *name, struct wick_tensor *tensor)
{
	struct named named = { .name = name };
	struct wick_model *model;

	assert_int_equal(wick_model_open(&model, path, NULL), 0);
	wick_model_each(model, find_tensor, &named);
	wick_model_close(model);
	*tensor = named.tensor;
	return named.found;
}

const char *sentence_wrong(const char *text, const struct sentence_fault *fault)
{
	uint64_t begin, end, block_bytes = 0, reach, length = strlen(fault->path);
	uint64_t unit = WICK_MAX(fault->drive_bytes, SENTENCE_SECTOR);
	unsigned long long row, offset;
	struct wick_tensor tensor;
	char name[64] = "";

	if (strncmp(text, fault->path, length) || sscanf(text + length, ": %63[^:]: ", name) != 1 ||
		!numbers_of(text + length + 4 + strlen(name), &row, &offset))
		return "it names no place";
	if (fault->model && !find_in(fault->model, name, &tensor))
		return "there is no such tensor";
	if (fault->model) {
		begin = tensor.offset + row * tensor.row_bytes;
		block_bytes = tensor.check_rows * tensor.row_bytes;
		end = wick_align_up(WICK_MIN(begin + block_bytes, tensor.offset + wick_tensor_bytes(&tensor)), WICK_FILE_ALIGN);
		if (row + tensor.check_rows < tensor.rows)
			end = begin + block_bytes;
		if (row >= tensor.rows || offset + unit <= begin || offset >= end)
			return "that is elsewhere";
	}
	reach = WICK_MAX(fault->chunk_bytes, block_bytes) + 2 * unit;
	if (fault->offset != UINT64_MAX &&
		(fault->offset + unit < offset || fault->offset >= offset + reach))
		return "the fault is not there";
	return NULL;
}
