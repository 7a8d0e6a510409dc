/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A packed model written anew with the neurons of each layer in another order: bundles, their checksums, the biases of
 * the up-projection and the predictors move together, everything else is copied. No number is changed, so the model
 * computes what it did, but for the order in which a layer's down-projection is summed up. Trained predictors, which
 * are in a file of their own, are written anew beside it (pack_order_place.c).
 *
 * A layer's bundles are read from front to back as often as their new order takes turns of memory:
 *
 *     source   0 1 2 3 4 5 6 7       every bundle checked, those of this turn kept
 *     turn 0   6 2 5 1               written when the source has been read to its end
 *     turn 1           0 7 3 4
 */

#include "pack_job.h"

#include "bits.h"
#include "gguf.h"
#include "gguf_write.h"
#include "order.h"
#include "predictor_set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ORDER_NAME "coactivation"
#define READ_BYTES (1u << 20) /* at a time */
#define ROOM_DEFAULT (1ull << 30)
#define ROOM_FIXED (24ull << 20) /* the output's buffer, names and headers */
#define TURN_LEAST 64            /* bundles */

struct reordering {
	struct wick_pack_job job; /* first: what visitors are given */
	struct wick_model *model;
	struct wick_predictor_set *predictors; /* which may be in a file of their own */
	struct wick_order *order;
	uint32_t *orders;   /* (layers, n_ff) so far */
	uint32_t *neurons;  /* (n_ff) of the current layer: place i takes neuron neurons[i] */
	uint32_t *place_of; /* (n_ff) the inverse */
	uint8_t *whole;     /* (whole_bytes): a tensor that is held whole */
	uint8_t *chunk;     /* (chunk_bytes): rows as read */
	uint8_t *turn;      /* (turn_bundles, stride) */
	uint64_t whole_bytes, chunk_bytes;
	uint32_t turn_bundles, next_layer;
};

static int read_rows(struct reordering *r, const struct wick_tensor *tensor, uint64_t first, uint64_t rows, uint8_t *into)
{
	return wick_pack_read_rows(&r->job, r->model->gguf, tensor, first, rows, into);
}

/* Rows as they are to be written, from the first of a block on. */
static int put_rows(struct reordering *r, const struct wick_tensor *tensor, const uint8_t *data, uint64_t rows)
{
	for (uint64_t row = 0; row < rows; row += tensor->check_rows)
		wick_pack_add_checksum(&r->job, data + row * tensor->row_bytes,
			WICK_MIN(tensor->check_rows, rows - row) * tensor->row_bytes);
	return wick_pack_put(&r->job, data, rows * tensor->row_bytes);
}

/* Rows that are read at a time: whole blocks. */
static uint64_t rows_at_once(const struct reordering *r, const struct wick_tensor *tensor)
{
	return WICK_MAX(r->chunk_bytes / tensor->row_bytes / tensor->check_rows, 1) * tensor->check_rows;
}

static int copy_tensor(struct reordering *r, const struct wick_tensor *tensor)
{
	uint64_t step = rows_at_once(r, tensor);
	int rc = 0;

	for (uint64_t row = 0; rc == 0 && row < tensor->rows; row += step) {
		uint64_t rows = WICK_MIN(step, tensor->rows - row);

		rc = read_rows(r, tensor, row, rows, r->chunk);
		if (rc == 0)
			rc = put_rows(r, tensor, r->chunk, rows);
	}
	return rc;
}

/* A tensor of which each neuron has `bytes` bytes: a row of a predictor, a number of a vector. */
static int move_tensor(struct reordering *r, const struct wick_tensor *tensor, uint64_t bytes)
{
	uint8_t *moved = r->whole + wick_tensor_bytes(tensor);
	int rc = read_rows(r, tensor, 0, tensor->rows, r->whole);

	for (uint32_t i = 0; i < r->job.shape.n_ff; i++)
		memcpy(moved + i * bytes, r->whole + r->neurons[i] * bytes, bytes);
	return rc ? rc : put_rows(r, tensor, moved, tensor->rows);
}

/* Bundles for the places [first, first + count), found by reading them all. */
static int gather_turn(struct reordering *r, const struct wick_tensor *bundles, uint32_t first, uint32_t count)
{
	uint64_t step = rows_at_once(r, bundles), stride = bundles->row_bytes;
	int rc = 0;

	for (uint64_t row = 0; rc == 0 && row < bundles->rows; row += step) {
		uint64_t rows = WICK_MIN(step, bundles->rows - row);

		rc = read_rows(r, bundles, row, rows, r->chunk);
		for (uint64_t k = 0; k < rows; k++) {
			uint32_t place = r->place_of[row + k];

			if (place >= first && place - first < count)
				memcpy(r->turn + (place - first) * stride, r->chunk + k * stride, stride);
		}
	}
	return rc;
}

static int move_bundles(struct reordering *r, const struct wick_tensor *bundles)
{
	uint32_t n_ff = r->job.shape.n_ff;
	int rc = 0;

	for (uint32_t first = 0; rc == 0 && first < n_ff; first += r->turn_bundles) {
		uint32_t count = WICK_MIN(r->turn_bundles, n_ff - first);

		rc = gather_turn(r, bundles, first, count);
		if (rc == 0)
			rc = wick_pack_put(&r->job, r->turn, count * bundles->row_bytes);
	}
	for (uint32_t i = 0; i < n_ff; i++)
		r->job.bundle_crcs[i] = bundles->crcs[r->neurons[i]];
	return rc;
}

/* Nothing is written meanwhile. */
static int tick(void *user)
{
	return wick_pack_go_on(user);
}

static int find_order(struct reordering *r, uint32_t layer)
{
	int rc;

	r->neurons = r->orders + (uint64_t)layer * r->job.shape.n_ff;
	rc = wick_order_layer(r->order, layer, r->neurons, tick, &r->job, r->job.diag);
	for (uint32_t i = 0; rc == 0 && i < r->job.shape.n_ff; i++)
		r->place_of[r->neurons[i]] = i;
	return rc;
}

static int put_slot(struct reordering *r, enum wick_tensor_id id, uint32_t layer)
{
	const struct wick_tensor *tensor = wick_tensor_at(r->model, layer, id);

	switch (id) {
	case WICK_T_UP_BIAS:
	case WICK_T_GATE_BIAS:
	case WICK_T_PRED_BIAS:
		return move_tensor(r, tensor, sizeof(float));
	case WICK_T_PRED_OUT:
	case WICK_T_GATE:
		return move_tensor(r, tensor, tensor->row_bytes);
	case WICK_T_BUNDLES:
		return move_bundles(r, tensor);
	case WICK_T_BUNDLE_CRCS:
		return wick_pack_bundle_crcs(&r->job);
	case WICK_T_CHECKSUMS:
		return wick_pack_checksums(&r->job);
	default:
		return copy_tensor(r, tensor);
	}
}

/* A layer's order is found before the first of its tensors. */
static int visit(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct reordering *r = user;
	bool first = wick_tensor_layered(id) && layer == r->next_layer;
	int rc = first ? find_order(r, r->next_layer++) : 0;

	if (rc == 0)
		rc = put_slot(r, id, layer);
	return rc ? rc : wick_outfile_pad(&r->job.out, WICK_FILE_ALIGN, r->job.diag);
}

/* As the source's, but for the order. */
static int make_header(struct reordering *r, uint8_t **header, uint64_t *header_bytes)
{
	struct wick_gguf_writer writer;
	int rc;

	wick_gguf_writer_init(&writer, WICK_FILE_ALIGN);
	wick_gguf_put_pairs(&writer, r->model->gguf, (const char *const[]){ "general.alignment", "wick.order", NULL });
	wick_gguf_put_string(&writer, "wick.order", ORDER_NAME);
	rc = wick_pack_header(&r->job, &writer, header, header_bytes);
	wick_gguf_writer_deinit(&writer);
	return rc;
}

/* Of a row of any tensor. */
static uint64_t widest_bytes(const struct wick_model *model)
{
	uint64_t bytes = 0;

	for (uint64_t i = 0; i < wick_tensors_count(model->shape.layers); i++)
		bytes = WICK_MAX(bytes, model->tensors[i].row_bytes);
	return bytes;
}

/* Room for what must be, and as many bundles a turn as the rest of the memory holds. */
static int make_room(struct reordering *r, uint64_t memory_bytes)
{
	struct wick_pack_job *job = &r->job;
	const struct wick_shape *shape = &job->shape;
	uint64_t n_ff = shape->n_ff, row_bytes = widest_bytes(r->model), checksums = wick_pack_checksum_count(job);
	uint64_t number_bytes = WICK_MAX(wick_tensor_at(r->model, 0, WICK_T_PRED_OUT)->row_bytes,
		wick_tensor_at(r->model, 0, WICK_T_GATE)->row_bytes);
	uint64_t fixed_bytes, least_bytes;

	r->whole_bytes = 2 * n_ff * WICK_MAX(number_bytes, sizeof(float));
	r->chunk_bytes = WICK_MAX(READ_BYTES, WICK_CHECK_ROWS * row_bytes);
	fixed_bytes = ROOM_FIXED + r->model->memory_bytes + wick_order_bytes(shape->n_ff) + r->whole_bytes + r->chunk_bytes +
		      ((2 + shape->layers) * n_ff + checksums) * sizeof(uint32_t) + r->predictors->memory_bytes;
	least_bytes = fixed_bytes + WICK_MIN(TURN_LEAST, n_ff) * shape->stride;
	memory_bytes = memory_bytes ? memory_bytes : ROOM_DEFAULT;
	if (memory_bytes < least_bytes)
		return wick_diag_say(job->diag, -EINVAL,
			"ordering this model takes at least %llu bytes of memory, more than the %llu allowed",
			(unsigned long long)least_bytes, (unsigned long long)memory_bytes);
	r->turn_bundles = (uint32_t)WICK_MIN((memory_bytes - fixed_bytes) / shape->stride, n_ff);
	r->whole = malloc(r->whole_bytes);
	r->chunk = malloc(r->chunk_bytes);
	r->turn = malloc(r->turn_bundles * shape->stride);
	r->orders = malloc(shape->layers * n_ff * sizeof(*r->orders));
	r->place_of = malloc(n_ff * sizeof(*r->place_of));
	job->bundle_crcs = malloc(n_ff * sizeof(*job->bundle_crcs));
	job->checksums = malloc(checksums * sizeof(*job->checksums));
	if (!r->whole || !r->chunk || !r->turn || !r->orders || !r->place_of || !job->bundle_crcs || !job->checksums)
		return wick_diag_say(job->diag, -ENOMEM, "no memory to order %s", wick_gguf_path(r->model->gguf));
	return 0;
}

static int open_source(struct reordering *r, const char *source, const struct wick_pack_options *options)
{
	struct wick_diag *diag = r->job.diag;
	int rc;

	if (!options->trace)
		return wick_diag_say(diag, -EINVAL, "an order by co-activation needs a trace of the model");
	if (options->type || options->align)
		return wick_diag_say(diag, -EINVAL,
			"a packed model is ordered as it is: its type and its alignment cannot be chosen");
	if (options->predictor || (options->layout && strcmp(options->layout, "packed")))
		return wick_diag_say(diag, -EINVAL, "a packed model is ordered as it is: its predictors and its layout cannot be chosen");
	rc = wick_model_open(&r->model, source, diag);
	if (rc == 0 && !r->model->shape.bundle_parts)
		rc = wick_diag_say(diag, -EINVAL, "%s: not a packed model: it has no neurons to put in order", source);
	if (rc)
		return rc;
	r->job.shape = r->model->shape;
	r->job.has = r->model;
	posix_fadvise(wick_gguf_fd(r->model->gguf), 0, 0, POSIX_FADV_NORMAL); /* from front to back: readahead pays */
	rc = wick_predictor_set_open(&r->predictors, r->model, source, diag);
	if (rc)
		return rc;
	return wick_order_open(&r->order, options->trace, r->job.shape.layers, r->job.shape.n_ff,
		wick_model_identity(r->model), diag);
}

static void forget(struct reordering *r)
{
	wick_outfile_discard(&r->job.out);
	wick_order_close(r->order);
	wick_predictor_set_close(r->predictors);
	wick_model_close(r->model);
	free(r->whole);
	free(r->chunk);
	free(r->turn);
	free(r->orders);
	free(r->place_of);
	free(r->job.bundle_crcs);
	free(r->job.checksums);
}

int wick_pack_in_order(const char *source, const char *out, const struct wick_pack_options *options, struct wick_diag *diag)
{
	struct reordering r = { .job = { .progress = options->progress, .user = options->user, .diag = diag } };
	uint64_t header_bytes = 0;
	uint8_t *header = NULL;
	int rc;

	wick_kernels_init(&r.job.kernels, ~0u);
	rc = open_source(&r, source, options);
	if (rc == 0)
		rc = wick_pack_check_neighbour(&r.job, r.predictors, source, out);
	if (rc == 0)
		rc = make_room(&r, options->memory_bytes);
	if (rc == 0)
		rc = make_header(&r, &header, &header_bytes);
	if (rc == 0)
		rc = wick_pack_write(&r.job, out, header, header_bytes, visit);
	if (rc == 0)
		rc = wick_pack_in_place(&r.job, r.predictors, out, r.orders);
	free(header);
	forget(&r);
	return rc;
}
