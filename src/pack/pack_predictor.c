/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A predictor that needs no text: a copy of the part that decides, gate or up-projection, in two bits a number, and a threshold that allows for the
 * loss.
 *
 * A row w becomes scale * k with k of -3, -1, 1, 3. The error, e = w - scale * k, meets inputs x = gain * z + offset
 * that a norm has made, so z has mean 0 and variance 1: e . x is off by e . offset on average, which can be put right,
 * and by |e * gain| around that. A neuron is predicted when it would fire if the error were SLACK times that in its
 * favour:
 *
 *     k . x + (bias - threshold + e . offset + SLACK * |e * gain|) / scale > 0
 *
 * with the threshold of FATReLU.
 */

#include "pack_job.h"

#include "bits.h"

#include <math.h>
#include <string.h>

/* Standard deviations. On a trained ReLU model 1.4 finds 98.6% of the neurons that fire, at 2.4 predicted for each. */
#define SLACK 1.4

/* The scale at which four evenly spaced levels are closest to normally distributed numbers of variance 1 (J. Max,
 * 1960): half of the step of 0.9957. */
#define SCALE_OF_RMS 0.49785

#define SCALE_MIN 1e-20f /* of a row of zeros: nothing but its bias decides */

/* Where the checkpoint has none, `into` stays as it is. */
static int read_vector(struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer, float *into, uint64_t count)
{
	const struct wick_source_tensor *source = job->arch->sources[id] ? wick_pack_source(job, id, layer) : NULL;
	int rc = source ? wick_pack_read(job, source, 0, count, 0, WICK_F32) : 0;

	if (rc == 0 && source)
		memcpy(into, job->numbers, count * sizeof(*into));
	return rc;
}

/* The gain and offset between a normalised number and an FFN's input; and the biases. */
static int read_surroundings(struct wick_pack_job *job, uint32_t layer)
{
	const struct wick_shape *shape = &job->shape;
	const struct wick_layer_facts *facts = &shape->kind[0];
	bool own = facts->norm_at == WICK_NORM_BEFORE && (!facts->parallel || facts->two_norms);
	enum wick_tensor_id weight = own ? WICK_T_FFN_NORM : WICK_T_ATTN_NORM;
	enum wick_tensor_id bias = own ? WICK_T_FFN_NORM_BIAS : WICK_T_ATTN_NORM_BIAS;
	enum wick_tensor_id product = wick_firing_part(shape) == WICK_PART_GATE ? WICK_T_GATE_BIAS : WICK_T_UP_BIAS;
	int rc;

	for (uint32_t c = 0; c < shape->d_model; c++) {
		job->affine[c] = 1;
		job->affine[shape->d_model + c] = 0;
	}
	memset(job->pred_bias, 0, shape->n_ff * sizeof(*job->pred_bias));
	rc = read_vector(job, weight, layer, job->affine, shape->d_model);
	if (rc == 0)
		rc = read_vector(job, bias, layer, job->affine + shape->d_model, shape->d_model);
	if (rc == 0)
		rc = read_vector(job, product, layer, job->pred_bias, shape->n_ff);
	for (uint32_t i = 0; i < shape->n_ff; i++)
		job->pred_bias[i] -= facts->ffn.threshold;
	return rc;
}

static double dot(const float *a, const float *b, uint64_t count)
{
	double sum = 0;

	for (uint64_t i = 0; i < count; i++)
		sum += (double)a[i] * b[i];
	return sum;
}

/* Encodes a row; leaves its levels, and returns the scale at which they are closest to it. */
static float encode_row(struct wick_pack_job *job, enum wick_type type, uint8_t *to, const float *row, float *levels)
{
	uint64_t d_model = job->shape.d_model;
	double rms = sqrt(dot(row, row, d_model) / (double)d_model), product, square;
	float step = type == WICK_Q2 ? (float)WICK_MAX(SCALE_OF_RMS * rms, SCALE_MIN) : 1;

	for (uint64_t c = 0; c < d_model; c++)
		levels[c] = row[c] / step;
	job->kernels.from_f32[type](to, levels, d_model);
	job->kernels.to_f32[type](levels, to, d_model);
	product = dot(row, levels, d_model);
	square = dot(levels, levels, d_model);
	return type == WICK_Q2 && product > 0 ? (float)WICK_MAX(product / square, SCALE_MIN) : step;
}

/* The error of a row, w - scale * levels, decides its threshold. */
static float threshold(const struct wick_pack_job *job, float bias, const float *row, const float *levels, float scale)
{
	const float *gain = job->affine, *offset = gain + job->shape.d_model;
	double mean = 0, square = 0;

	for (uint64_t c = 0; c < job->shape.d_model; c++) {
		double error = row[c] - (double)scale * levels[c];

		mean += error * offset[c];
		square += error * gain[c] * error * gain[c];
	}
	return (float)((bias + mean + SLACK * sqrt(square)) / scale);
}

/* Some rows of that part, in numbers, into packed. The levels go to raw, which has been read. */
static void encode_rows(struct wick_pack_job *job, const struct wick_tensor *tensor, uint64_t first, uint64_t count)
{
	float *levels = (float *)job->raw;

	for (uint64_t k = 0; k < count; k++) {
		const float *row = job->numbers + k * tensor->cols;
		float scale = encode_row(job, tensor->type, job->packed + k * tensor->row_bytes, row, levels);

		job->pred_bias[first + k] = threshold(job, job->pred_bias[first + k], row, levels, scale);
	}
}

int wick_pack_predictor(struct wick_pack_job *job, uint32_t layer, const struct wick_tensor *tensor)
{
	uint64_t step = job->chunk / tensor->cols / tensor->check_rows * tensor->check_rows;
	enum wick_tensor_id part = wick_firing_part(&job->shape) == WICK_PART_GATE ? WICK_T_GATE : WICK_T_UP;
	int rc = read_surroundings(job, layer);

	for (uint64_t row = 0; rc == 0 && row < tensor->rows; row += step) {
		uint64_t rows = WICK_MIN(step, tensor->rows - row);

		rc = wick_pack_read(job, wick_pack_source(job, part, layer), row * tensor->cols, rows * tensor->cols, 0, job->shape.type);
		if (rc)
			return rc;
		encode_rows(job, tensor, row, rows);
		for (uint64_t block = 0; block < rows; block += tensor->check_rows)
			wick_pack_add_checksum(job, job->packed + block * tensor->row_bytes,
				WICK_MIN(tensor->check_rows, rows - block) * tensor->row_bytes);
		rc = wick_pack_put(job, job->packed, rows * tensor->row_bytes);
	}
	return rc;
}
