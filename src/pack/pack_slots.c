/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The output's side of packing: each kind of tensor in its own way, from front to back.
 *
 * A bundle takes a row of gate and up and a column of down, and down is stored by rows. So columns of some neurons are
 * gathered first (every row of down gives a stretch), then their bundles are written; with little memory a layer takes several
 * such turns, and every byte of down is still asked for once (a zip's first turn reads all of it, for its checksum):
 *
 *     down (d_model, n_ff)  | turn 0 | turn 1 | turn 2 |
 *                           |--------|        |        |  row 0 -> columns[0..n)[0]
 *                           |--------|        |        |  row 1 -> columns[0..n)[1]
 */

#include "pack_job.h"

#include "bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TILE_ROWS 32 /* of down turned at a time: 128 bytes of every column */

/* Rows from first_row of the source on; a chunk holds whole blocks of rows. */
static int put_rows(struct wick_pack_job *job, const struct wick_tensor *tensor,
	const struct wick_source_tensor *source, uint64_t first_row)
{
	uint64_t step = job->chunk / tensor->cols / tensor->check_rows * tensor->check_rows;
	int rc = 0;

	for (uint64_t row = 0; rc == 0 && row < tensor->rows; row += step) {
		uint64_t rows = WICK_MIN(step, tensor->rows - row), count = rows * tensor->cols;

		rc = wick_pack_read(job, source, (first_row + row) * tensor->cols, count, 0, tensor->type);
		if (rc)
			return rc;
		job->kernels.from_f32[tensor->type](job->packed, job->numbers, count);
		for (uint64_t block = 0; block < rows; block += tensor->check_rows)
			wick_pack_add_checksum(job, job->packed + block * tensor->row_bytes,
				WICK_MIN(tensor->check_rows, rows - block) * tensor->row_bytes);
		rc = wick_pack_put(job, job->packed, rows * tensor->row_bytes);
	}
	return rc;
}

/* columns[k][row + r] = tile[r][k] */
static void turn(float *columns, uint64_t d_model, const float *tile, uint64_t rows, uint64_t neurons)
{
	for (uint64_t k = 0; k < neurons; k++)
		for (uint64_t r = 0; r < rows; r++)
			columns[k * d_model + r] = tile[r * neurons + k];
}

/* Columns first..first + neurons of down. */
static int gather_columns(struct wick_pack_job *job, uint32_t layer, uint64_t first, uint64_t neurons)
{
	const struct wick_source_tensor *down = wick_pack_source(job, WICK_T_DOWN, layer);
	uint64_t d_model = job->shape.d_model;
	uint64_t tile_rows = WICK_MIN(TILE_ROWS, job->chunk / neurons);
	int rc = 0;

	for (uint64_t row = 0; rc == 0 && row < d_model; row += tile_rows) {
		uint64_t rows = WICK_MIN(tile_rows, d_model - row);

		for (uint64_t r = 0; rc == 0 && r < rows; r++)
			rc = wick_pack_read(job, down, (row + r) * job->shape.n_ff + first, neurons, r * neurons,
				job->shape.type);
		if (rc)
			return rc;
		turn(job->columns + row, d_model, job->numbers, rows, neurons);
		rc = wick_pack_go_on(job);
	}
	return rc;
}

/* One part of each of `count` bundles in packed. */
static void build_part(struct wick_pack_job *job, unsigned part, const float *rows, uint64_t count)
{
	const struct wick_shape *shape = &job->shape;

	for (uint64_t k = 0; k < count; k++)
		job->kernels.from_f32[shape->type](job->packed + k * shape->stride + part * shape->part_bytes,
			rows + k * shape->d_model, shape->d_model);
}

static void end_bundles(struct wick_pack_job *job, uint64_t count, uint32_t *crcs)
{
	const struct wick_shape *shape = &job->shape;

	for (uint64_t k = 0; k < count; k++) {
		uint8_t *bundle = job->packed + k * shape->stride;

		memset(bundle + shape->bundle_bytes, 0, shape->stride - shape->bundle_bytes);
		crcs[k] = job->kernels.crc32c(0, bundle, shape->stride);
	}
}

/* Bundles of `count` neurons, the first of which is `first`, whose down-projections start at columns. */
static int build_bundles(struct wick_pack_job *job, uint32_t layer, uint64_t first, uint64_t count, const float *columns)
{
	static const enum wick_tensor_id rows[] = { WICK_T_GATE, WICK_T_UP };
	uint64_t d_model = job->shape.d_model;
	unsigned skipped = WICK_PARTS - job->shape.bundle_parts, part = skipped;
	int rc = 0;

	for (; rc == 0 && part < WICK_COUNT_OF(rows); part++) {
		rc = wick_pack_read(job, wick_pack_source(job, rows[part], layer), first * d_model, count * d_model, 0, job->shape.type);
		if (rc == 0)
			build_part(job, part - skipped, job->numbers, count);
	}
	build_part(job, part - skipped, columns, count);
	end_bundles(job, count, job->bundle_crcs + first);
	return rc;
}

/* Bundles of neurons first..first + neurons, whose columns have been gathered. */
static int put_gathered(struct wick_pack_job *job, uint32_t layer, uint64_t first, uint64_t neurons)
{
	uint64_t d_model = job->shape.d_model;
	uint64_t step = WICK_MIN(job->chunk / d_model, job->packed_bytes / job->shape.stride);
	int rc = 0;

	for (uint64_t k = 0; rc == 0 && k < neurons; k += step) {
		uint64_t count = WICK_MIN(step, neurons - k);

		rc = build_bundles(job, layer, first + k, count, job->columns + k * d_model);
		if (rc == 0)
			rc = wick_pack_put(job, job->packed, count * job->shape.stride);
	}
	return rc;
}

static int put_bundles(struct wick_pack_job *job, uint32_t layer)
{
	uint64_t n_ff = job->shape.n_ff, step = job->column_neurons;
	int rc = 0;

	for (uint64_t first = 0; rc == 0 && first < n_ff; first += step) {
		uint64_t neurons = WICK_MIN(step, n_ff - first);

		rc = gather_columns(job, layer, first, neurons);
		if (rc == 0)
			rc = put_gathered(job, layer, first, neurons);
	}
	return rc;
}

static int put_predictor_bias(struct wick_pack_job *job)
{
	uint64_t bytes = job->shape.n_ff * sizeof(*job->pred_bias);

	wick_pack_add_checksum(job, job->pred_bias, bytes);
	return wick_pack_put(job, job->pred_bias, bytes);
}

int wick_pack_make_columns(struct wick_pack_job *job, uint64_t bytes)
{
	uint64_t n_ff = job->shape.n_ff, column_bytes = (uint64_t)job->shape.d_model * sizeof(*job->columns);

	job->column_neurons = WICK_MIN(WICK_MAX(bytes / column_bytes, WICK_PACK_COLUMNS_MIN), WICK_MIN(n_ff, job->chunk));
	job->columns = malloc(job->column_neurons * column_bytes);
	job->affine = malloc(2 * column_bytes);
	job->pred_bias = malloc(n_ff * sizeof(float));
	job->bundle_crcs = malloc(n_ff * sizeof(*job->bundle_crcs));
	if (!job->columns || !job->affine || !job->pred_bias || !job->bundle_crcs)
		return wick_diag_say(job->diag, -ENOMEM, "no memory to pack");
	return 0;
}

void wick_pack_free_columns(struct wick_pack_job *job)
{
	free(job->columns);
	free(job->affine);
	free(job->pred_bias);
	free(job->bundle_crcs);
}

int wick_pack_slot(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct wick_pack_job *job = user;
	struct wick_tensor tensor;
	int rc;

	wick_tensor_describe(&tensor, id, layer, &job->shape);
	switch (wick_tensor_table[id].kind) {
	case WICK_TENSOR_BUNDLES:
		rc = put_bundles(job, layer);
		break;
	case WICK_TENSOR_BUNDLE_CRCS:
		rc = wick_pack_bundle_crcs(job);
		break;
	case WICK_TENSOR_PREDICTOR:
		rc = wick_pack_predictor(job, layer, &tensor);
		break;
	case WICK_TENSOR_PREDICTOR_BIAS:
		rc = put_predictor_bias(job);
		break;
	case WICK_TENSOR_CHECKSUMS:
		rc = wick_pack_checksums(job);
		break;
	default:
		rc = put_rows(job, &tensor, wick_pack_source(job, id, layer),
			id == WICK_T_POSITION ? job->arch->position_offset : 0);
	}
	return rc ? rc : wick_outfile_pad(&job->out, WICK_FILE_ALIGN, job->diag);
}
