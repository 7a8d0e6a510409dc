/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick_verify() of wick.h: the model and the predictors beside it from front to back, every block against its checksum and
 * every gap against zero. Opening a file has compared its header and the checksums themselves already. */

#include "bits.h"
#include "fileio.h"
#include "gguf.h"
#include "kernels.h"
#include "model.h"
#include "predictor_set.h"
#include "sums.h"
#include "tensors.h"

#include <wick/wick.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES (1u << 20)

struct sweep {
	const struct wick_model *model;
	const struct wick_predictor_set *predictors;
	const struct wick_gguf *gguf; /* of the file that it is in */
	uint32_t part; /* of the model */
	uint8_t *buffer; /* (BUFFER_BYTES) */
	uint64_t at;     /* of the file, everything before is right */
	uint64_t start;  /* of the buffer in the file */
	uint64_t have;   /* bytes in the buffer */
	uint64_t before; /* bytes of the file before this one */
	uint64_t total;  /* bytes of both */
	uint64_t blocks;
	uint32_t (*crc32c)(uint32_t crc, const void *data, size_t bytes);
	wick_progress_fn progress;
	void *user;
	struct wick_diag *diag;
};

static const char *path_of(const struct sweep *sweep)
{
	return wick_gguf_path(sweep->gguf);
}

/* Refills the buffer from sweep->at on, unless something of it is left. */
static int refill(struct sweep *sweep)
{
	uint64_t file_bytes = wick_gguf_file_bytes(sweep->gguf);

	if (sweep->at >= sweep->start && sweep->at < sweep->start + sweep->have)
		return 0;
	if (sweep->progress && sweep->progress(sweep->user, sweep->before + sweep->at, sweep->total))
		return wick_diag_say(sweep->diag, -ECANCELED, "stopped before the end of %s", path_of(sweep));
	sweep->start = sweep->at;
	sweep->have = WICK_MIN(BUFFER_BYTES, file_bytes - sweep->at);
	return wick_read_at(wick_gguf_fd(sweep->gguf), path_of(sweep), sweep->buffer, sweep->have, sweep->start, sweep->diag);
}

/* Passes the next bytes, up to `end`, that lie in the buffer; *from is where. */
static int next_bytes(struct sweep *sweep, uint64_t end, const uint8_t **from, uint64_t *count)
{
	int rc = refill(sweep);

	if (rc)
		return rc;
	*from = sweep->buffer + (sweep->at - sweep->start);
	*count = WICK_MIN(end, sweep->start + sweep->have) - sweep->at;
	sweep->at += *count;
	return 0;
}

static bool all_zero(const uint8_t *bytes, uint64_t count)
{
	uint8_t any = 0;

	for (uint64_t i = 0; i < count; i++)
		any |= bytes[i];
	return !any;
}

/* From where the sweep is to `end`, where the named tensor begins, there is only padding. */
static int check_gap(struct sweep *sweep, uint64_t end, const char *before)
{
	uint64_t first = sweep->at, count;
	const uint8_t *bytes;

	while (sweep->at < end) {
		int rc = next_bytes(sweep, end, &bytes, &count);

		if (rc)
			return rc;
		if (!all_zero(bytes, count))
			return wick_diag_say(sweep->diag, -EBADMSG,
				"%s: the padding in front of %s (bytes %llu to %llu) is damaged: it is not zero",
				path_of(sweep), before, (unsigned long long)first, (unsigned long long)(end - 1));
	}
	return 0;
}

/* " bundle 17" or " rows 16 to 31"; a vector is one block. */
static void name_block(char text[64], const struct wick_tensor *tensor, uint64_t row, uint64_t rows)
{
	text[0] = 0;
	row += tensor->first_row;
	if (tensor->check_rows > 1)
		snprintf(text, 64, " rows %llu to %llu", (unsigned long long)row, (unsigned long long)(row + rows - 1));
	else if (tensor->rows > 1)
		snprintf(text, 64, " bundle %llu", (unsigned long long)row);
}

static int check_block(struct sweep *sweep, const struct wick_tensor *tensor, uint64_t row)
{
	uint64_t rows = WICK_MIN(tensor->check_rows, tensor->rows - row);
	uint64_t first = sweep->at, end = first + rows * tensor->row_bytes, count;
	const uint8_t *bytes;
	uint32_t crc = 0;
	char where[64];

	while (sweep->at < end) {
		int rc = next_bytes(sweep, end, &bytes, &count);

		if (rc)
			return rc;
		crc = sweep->crc32c(crc, bytes, count);
	}
	sweep->blocks++;
	if (wick_sums_agree(tensor, row / tensor->check_rows, crc))
		return 0;
	name_block(where, tensor, row, rows);
	return wick_diag_say(sweep->diag, -EBADMSG,
		"%s: tensor \"%s\"%s (bytes %llu to %llu) is damaged: its checksum does not match", path_of(sweep),
		tensor->name, where, (unsigned long long)first, (unsigned long long)(end - 1));
}

/* Rows that lie one behind the other. */
struct span {
	const struct wick_tensor *tensor;
	uint64_t first_row, rows, offset;
};

static int check_span(struct sweep *sweep, const struct span *span)
{
	int rc = check_gap(sweep, span->offset, span->tensor->name);

	for (uint64_t row = 0; rc == 0 && row < span->rows; row += span->tensor->check_rows)
		rc = check_block(sweep, span->tensor, span->first_row + row);
	return rc;
}

static int check_tensor(struct sweep *sweep, const struct wick_tensor *tensor)
{
	const struct span span = { tensor, 0, tensor->rows, tensor->offset };

	return check_span(sweep, &span);
}

/* Checksums were compared when the file was opened; what is in front of them was not. */
static int pass_checksums(struct sweep *sweep, const char *name)
{
	const struct wick_gguf_tensor *entry = wick_gguf_tensor(sweep->gguf, name);
	int rc = check_gap(sweep, entry->offset, name);

	sweep->at = entry->offset + entry->bytes;
	sweep->blocks++;
	return rc;
}

static int check_entry(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct sweep *sweep = user;
	const struct wick_tensor *tensor = wick_tensor_at(sweep->model, layer, id);

	return wick_tensor_is_numbers(id) ? check_tensor(sweep, tensor) : pass_checksums(sweep, tensor->name);
}

static int by_offset(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* The spans of a tensor that are in a part of the model, into list where it is not NULL. How many. */
static uint64_t list_tensor(const struct wick_tensor *tensor, uint32_t part, struct span *list)
{
	uint32_t pieces = tensor->expert_at ? tensor->experts : 1;
	uint64_t rows = tensor->rows / pieces, count = 0;

	for (uint32_t i = 0; i < pieces; i++) {
		struct wick_place place = wick_tensor_place(tensor, i * rows);

		if (place.part != part)
			continue;
		if (list)
			list[count] = (struct span){ tensor, i * rows, rows, place.offset };
		count++;
	}
	return count;
}

/* Those of a part of a stock model. */
static uint64_t list_stock(const struct wick_model *model, uint32_t part, struct span *list)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < wick_tensors_count(model->shape.layers); i++)
		if (wick_tensor_is_own(model, i))
			count += list_tensor(&model->tensors[i], part, list ? list + count : NULL);
	return count;
}

/* In the order of the file. What lies between the tensors of others is theirs. */
static int check_stock(struct sweep *sweep)
{
	uint64_t count = list_stock(sweep->model, sweep->part, NULL);
	struct span *list = calloc(count + 1, sizeof(*list));
	int rc = list ? 0 : wick_diag_say(sweep->diag, -ENOMEM, "%s: no memory to verify it", path_of(sweep));

	if (list) {
		list_stock(sweep->model, sweep->part, list);
		qsort(list, count, sizeof(*list), by_offset);
	}
	for (uint64_t i = 0; rc == 0 && i < count; i++) {
		if (!sweep->model->crcs)
			sweep->at = list[i].offset;
		rc = check_span(sweep, &list[i]);
	}
	if (rc == 0 && sweep->model->crcs)
		rc = pass_checksums(sweep, "wick.checksums");
	else if (rc == 0)
		sweep->at = wick_gguf_file_bytes(sweep->gguf);
	free(list);
	return rc;
}

static int check_model(struct sweep *sweep)
{
	return sweep->model->stock ? check_stock(sweep) : wick_tensors_each(&sweep->model->shape, check_entry, sweep);
}

/* In the order of wick_sidecar_each(). */
static int check_predictor(struct sweep *sweep, const struct wick_predictor *predictor)
{
	int rc;

	if (!predictor->in.rows)
		return 0;
	rc = check_tensor(sweep, &predictor->in);
	if (rc == 0)
		rc = check_tensor(sweep, &predictor->out);
	return rc ? rc : check_tensor(sweep, &predictor->bias);
}

static int check_predictors(struct sweep *sweep)
{
	const struct wick_predictor_set *predictors = sweep->predictors;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < predictors->layers; i++) {
		rc = check_predictor(sweep, &predictors->layer[i]);
		if (rc == 0 && predictors->ahead)
			rc = check_predictor(sweep, &predictors->ahead[i]);
		if (rc == 0 && predictors->levels)
			rc = check_tensor(sweep, &predictors->levels[i].tensor);
		if (rc == 0 && predictors->firing)
			rc = check_tensor(sweep, &predictors->firing[i]);
	}
	return rc ? rc : pass_checksums(sweep, "wick.checksums");
}

/* One file from its header's end on: its tensors, which check() walks through, and what is behind the last. */
static int sweep_file(struct sweep *sweep, const struct wick_gguf *gguf, int (*check)(struct sweep *sweep))
{
	int rc;

	sweep->gguf = gguf;
	sweep->at = wick_gguf_header_bytes(gguf);
	sweep->have = 0;
	sweep->blocks++;
	posix_fadvise(wick_gguf_fd(gguf), 0, 0, POSIX_FADV_NORMAL); /* from front to back: readahead pays */
	rc = check(sweep);
	if (rc == 0)
		rc = check_gap(sweep, wick_gguf_file_bytes(gguf), "the end of the file");
	sweep->before += wick_gguf_file_bytes(gguf);
	return rc;
}

static int sweep_parts(struct sweep *sweep)
{
	const struct wick_gguf_parts *parts = &sweep->model->parts;
	int rc = 0;

	for (sweep->part = 0; rc == 0 && sweep->part < parts->count; sweep->part++)
		rc = sweep_file(sweep, parts->at[sweep->part], check_model);
	return rc;
}

static int sweep_all(struct sweep *sweep)
{
	const struct wick_gguf *beside = sweep->predictors->gguf;
	int rc;

	sweep->total = wick_gguf_parts_file_bytes(&sweep->model->parts) + (beside ? wick_gguf_file_bytes(beside) : 0);
	sweep->buffer = malloc(BUFFER_BYTES);
	if (!sweep->buffer)
		return wick_diag_say(sweep->diag, -ENOMEM, "%s: no memory to verify it", wick_gguf_path(sweep->model->gguf));
	rc = sweep_parts(sweep);
	if (rc == 0 && beside)
		rc = sweep_file(sweep, beside, check_predictors);
	if (rc == 0 && sweep->progress)
		sweep->progress(sweep->user, sweep->total, sweep->total);
	free(sweep->buffer);
	return rc;
}

int wick_verify(const char *path, wick_progress_fn progress, void *user, struct wick_verified *verified,
	struct wick_diag *diag)
{
	struct sweep sweep = { .progress = progress, .user = user, .diag = diag };
	struct wick_predictor_set *predictors = NULL;
	struct wick_sums sums = { 0 };
	struct wick_kernels kernels;
	struct wick_model *model;
	uint64_t known;
	int rc;

	if (diag)
		diag->text[0] = 0;
	rc = wick_model_open(&model, path, diag);
	if (rc)
		return rc;
	wick_kernels_init(&kernels, ~0u);
	sweep.crc32c = kernels.crc32c;
	sweep.model = model;
	rc = wick_sums_open(&sums, model, diag);
	known = wick_sums_known(&sums);
	if (rc == 0)
		rc = wick_predictor_set_open(&predictors, model, path, diag);
	sweep.predictors = predictors;
	if (rc == 0)
		rc = sweep_all(&sweep);
	if (rc == 0)
		rc = wick_sums_save(&sums, diag);
	if (verified)
		*verified = (struct wick_verified){ .blocks = sweep.blocks, .learned = wick_sums_known(&sums) - known };
	wick_sums_close(&sums);
	wick_predictor_set_close(predictors);
	wick_model_close(model);
	return rc;
}
