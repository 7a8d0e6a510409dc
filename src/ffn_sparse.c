/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One round of the sparse FFN (see sparse.h): neurons computed while their bundles arrive.
 *
 *     k            0   1   2   3   4   5   6         of the neurons of the round, ascending
 *     row         12   -   3  40   -   -  17         - has a row, but its bytes are on their way
 *     ready        x   x   x   x   .   x   x         up-projection done; 1 and 5 have arrived, 4 has not
 *     down         ------------->|                   y has the sum of 0..3
 *
 * The one thread that may talk to the drive is this one, so work is cut into slices of about 100 microseconds, shared
 * with the pool, and between two of them it takes back what has arrived and keeps the queue full. */

#include "sparse.h"

#include "bits.h"
#include "check.h"
#include "clock.h"
#include "pool.h"

#include <string.h>

#define SLICE_BYTES (1u << 20) /* of weights: what two cores read in about 100 microseconds */
#define TASK_ROWS 32           /* bundles in a task, at most */
#define TASK_ARRIVALS 8        /* bundles checked and computed in a task, at most */

struct round {
	struct wick_sparse *sparse;
	struct wick_sparse_layer *layer;
	const struct wick_tensor *bundles;
	const uint8_t *rows;
	const uint32_t *ids;
	uint32_t n;
	const float *x, *up_bias;
	float *y;
	uint32_t todo, todo_done;
	uint32_t down_done;
	uint32_t task_rows, slice_end; /* of the slice that is being computed */
	uint32_t slice_cols;
	uint32_t arrivals;
};

/* h[k] = relu(up . x + bias) for some places of the round. */
static void up_rows(const struct round *round, const uint32_t *places, uint32_t count)
{
	const struct wick_shape *shape = &round->sparse->model->shape;
	const struct wick_kernels *kernels = round->sparse->compute->kernels;
	uint32_t rows[TASK_ROWS];
	float h[TASK_ROWS], bias[TASK_ROWS];

	wick_assert(count >= 1 && count <= TASK_ROWS);
	for (uint32_t i = 0; i < count; i++)
		rows[i] = round->sparse->row[places[i]];
	kernels->matvec_rows[shape->type](h, round->rows, shape->stride, rows, count, round->x, shape->d_model);
	if (round->up_bias) {
		for (uint32_t i = 0; i < count; i++)
			bias[i] = round->up_bias[round->ids[places[i]]];
		kernels->add(h, bias, count);
	}
	kernels->relu(h, count);
	for (uint32_t i = 0; i < count; i++) {
		round->sparse->h[places[i]] = h[i];
		round->sparse->ready[places[i]] = 1;
	}
}

static void up_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct round *round = arg;
	uint32_t first = round->todo_done + task * round->task_rows;

	(void)thread;
	up_rows(round, round->sparse->todo + first, WICK_MIN(round->task_rows, round->slice_end - first));
}

/* Bundle parts in a slice. */
static uint32_t slice_rows(const struct round *round)
{
	return (uint32_t)WICK_MAX(SLICE_BYTES / round->sparse->model->shape.part_bytes, 1);
}

/* Up-projections of some that are resident. */
static void up_slice(struct round *round)
{
	struct wick_pool *pool = round->sparse->compute->pool;
	uint32_t count = WICK_MIN(slice_rows(round), round->todo - round->todo_done);

	round->slice_end = round->todo_done + count;
	round->task_rows = WICK_MIN(TASK_ROWS, (uint32_t)wick_div_up(count, wick_pool_threads(pool)));
	wick_pool_run(pool, up_task, round, (uint32_t)wick_div_up(count, round->task_rows));
	round->todo_done = round->slice_end;
}

static void down_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct round *round = arg;
	const struct wick_sparse *sparse = round->sparse;
	const struct wick_shape *shape = &sparse->model->shape;
	uint32_t column = task * round->slice_cols, cols = WICK_MIN(round->slice_cols, shape->d_model - column);

	(void)thread;
	sparse->compute->kernels->accumulate_rows[shape->type](round->y + column,
		round->rows + shape->part_bytes + wick_type_bytes(shape->type, column), shape->stride,
		sparse->row + round->down_done, sparse->h + round->down_done, round->slice_end - round->down_done, cols);
}

/* The down-projection goes on over what has been computed without a gap. False: it is waiting. */
static bool down_slice(struct round *round)
{
	const struct wick_shape *shape = &round->sparse->model->shape;
	uint32_t end = round->down_done, most = WICK_MIN(end + slice_rows(round), round->n);

	while (end < most && round->sparse->ready[end])
		end++;
	if (end == round->down_done)
		return false;
	round->slice_end = end;
	wick_pool_run(round->sparse->compute->pool, down_task, round,
		(uint32_t)wick_div_up(shape->d_model, round->slice_cols));
	round->down_done = end;
	return true;
}

/* Checksums of some arrivals, and the up-projection of those among them that are wanted now. */
static void arrive_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct round *round = arg;
	const struct wick_sparse *sparse = round->sparse;
	uint32_t first = task * TASK_ARRIVALS, end = WICK_MIN(first + TASK_ARRIVALS, round->arrivals), count = 0;
	uint32_t places[TASK_ARRIVALS];

	(void)thread;
	for (uint32_t i = first; i < end; i++) {
		struct wick_arrival *arrival = &sparse->arrival[i];

		if (!arrival->bad)
			arrival->bad = sparse->compute->kernels->crc32c(0, wick_cache_at(arrival->cache, arrival->row),
				arrival->bundles->row_bytes) != arrival->bundles->crcs[arrival->bundle];
		if (!arrival->bad && arrival->k != WICK_NO_ROW)
			places[count++] = arrival->k;
	}
	if (count)
		up_rows(round, places, count);
}

/* One that did not match or could not be read, perhaps for the sake of its neighbours in the read: once more, alone. What
 * nobody wants now may stay broken until somebody does. */
static int repair(struct round *round, struct wick_arrival *arrival, struct wick_diag *diag)
{
	bool wanted = arrival->k != WICK_NO_ROW;
	int err = wick_draw_repair(&round->sparse->drawing, arrival->bundles,
		wick_cache_at(arrival->cache, arrival->row), arrival->bundle, wanted ? diag : NULL);

	if (!err && wanted)
		up_rows(round, &arrival->k, 1);
	if (err && !wanted)
		round->layer->poisoned = true;
	arrival->bad = err;
	return wanted ? err : 0;
}

/* Checks and computes what has been gathered. */
static int take_in(struct round *round, struct wick_diag *diag)
{
	struct wick_sparse *sparse = round->sparse;
	int err = 0;

	wick_pool_run(sparse->compute->pool, arrive_task, round,
		(uint32_t)wick_div_up(round->arrivals, TASK_ARRIVALS));
	for (uint32_t i = 0; i < round->arrivals; i++) {
		struct wick_arrival *arrival = &sparse->arrival[i];

		if (arrival->bad && !err)
			err = repair(round, arrival, diag);
		if (!arrival->bad)
			arrival->cache->in_flight[arrival->row] = 0;
	}
	sparse->counters.bundles_read += round->arrivals;
	round->arrivals = 0;
	return err;
}

/* Gathers the bundles of the reads of a draw that are back. */
static void gather(struct round *round, struct wick_draw *draw)
{
	struct wick_sparse *sparse = round->sparse;
	struct wick_draw_read *read;

	while ((read = wick_draw_back(draw)))
		for (uint32_t i = 0; i < read->wanted_count; i++) {
			const struct wick_wanted *wanted = &draw->wanted[read->wanted_first + i];

			sparse->arrival[round->arrivals++] = (struct wick_arrival){ .bundles = draw->bundles,
				.cache = draw->cache, .bundle = wanted->bundle, .row = wanted->row,
				.k = round->n ? sparse->place_of[wanted->bundle] : WICK_NO_ROW,
				.bad = read->request.state == WICK_IO_FAILED };
		}
}

static void gather_all(struct round *round)
{
	gather(round, &round->sparse->demand);
	for (unsigned i = 0; i < WICK_COUNT_OF(round->sparse->ahead); i++)
		if (round->sparse->ahead[i].cache == &round->layer->cache)
			gather(round, &round->sparse->ahead[i]);
}

void wick_sparse_settle(struct wick_sparse *sparse, struct wick_draw *draw)
{
	struct round nothing = { .sparse = sparse, .layer = (struct wick_sparse_layer *)draw->cache };

	gather(&nothing, draw);
	if (nothing.arrivals)
		take_in(&nothing, NULL);
}

/* Without overlap: everything that was sent for this layer is back. */
static void wait_for_all(struct round *round)
{
	struct wick_sparse *sparse = round->sparse;

	for (unsigned i = 0; i < WICK_COUNT_OF(sparse->ahead); i++)
		while (sparse->ahead[i].cache == &round->layer->cache && sparse->ahead[i].pending)
			wick_fetch_wait(sparse->fetch);
	while (sparse->demand.pending)
		wick_fetch_wait(sparse->fetch);
}

/* Computes until every neuron of the round is in y. What is here is worked on before anything is waited for, and what
 * has come in small numbers waits until there is a share for every thread, unless nothing else is left to do. */
static int compute(struct round *round, struct wick_diag *diag)
{
	struct wick_sparse *sparse = round->sparse;
	uint32_t group = TASK_ARRIVALS * wick_pool_threads(sparse->compute->pool);
	int err = 0;

	if (!sparse->overlap)
		wait_for_all(round);
	while (!err && round->down_done < round->n) {
		wick_fetch_poll(sparse->fetch);
		gather_all(round);
		if (round->arrivals >= group || (round->arrivals && round->todo_done == round->todo))
			err = take_in(round, diag);
		else if (round->todo_done < round->todo)
			up_slice(round);
		else if (!down_slice(round))
			wick_fetch_wait(sparse->fetch);
	}
	return err;
}

/* Gives the neurons their rows and sends for those that are not here. */
static void place(struct round *round)
{
	struct wick_sparse *sparse = round->sparse;
	struct wick_cache *cache = &round->layer->cache;
	uint32_t count;

	count = wick_policy_admit(round->layer->policy, cache, round->ids, round->n, sparse->demand.wanted);
	wick_draw_start(&sparse->demand, round->bundles, cache, count, WICK_IO_DEMAND);
	for (uint32_t k = 0; k < round->n; k++) {
		sparse->row[k] = cache->row_of_neuron[round->ids[k]];
		sparse->ready[k] = 0;
		sparse->place_of[round->ids[k]] = k;
		if (!cache->in_flight[sparse->row[k]])
			sparse->todo[round->todo++] = k;
	}
	round->rows = cache->rows;
}

/* Everything is here, neuron i in row i. */
static void place_resident(struct round *round, const struct wick_place *at)
{
	for (uint32_t k = 0; k < round->n; k++) {
		round->sparse->row[k] = round->ids[k];
		round->sparse->ready[k] = 0;
		round->sparse->todo[k] = k;
	}
	round->todo = round->n;
	round->rows = at->base;
}

int wick_sparse_round(struct wick_sparse *sparse, uint32_t layer, const uint32_t *ids, uint32_t n, const float *x, float *y,
	bool look_ahead, struct wick_diag *diag)
{
	const struct wick_place *at = &sparse->places[wick_place_layer(layer, WICK_PLACE_FFN)];
	struct round round = { .sparse = sparse, .layer = &sparse->layer[layer], .bundles = at->tensor, .ids = ids, .n = n,
		.x = x, .y = y, .up_bias = wick_vector(sparse->vectors, layer, WICK_VECTOR_UP_BIAS) };
	uint64_t begun = wick_now_ns(), waited_ns = sparse->fetch->wait_ns, useful = sparse->counters.bundles_useful;
	int err;

	wick_assert(n >= 1 && n <= sparse->round);
	round.slice_cols = (uint32_t)wick_align_up(
		wick_div_up(sparse->model->shape.d_model, wick_pool_threads(sparse->compute->pool)), WICK_COLUMN_TILE);
	if (round.layer->policy) {
		place(&round);
		wick_sparse_judge(sparse, round.layer);
	} else {
		place_resident(&round, at);
	}
	sparse->counters.manage_ns += wick_now_ns() - begun;
	if (look_ahead)
		wick_sparse_look_ahead(sparse, layer, x);
	err = compute(&round, diag);
	if (!round.layer->policy)
		return err;
	wick_sparse_pace(sparse, sparse->fetch->wait_ns - waited_ns, (uint32_t)(sparse->counters.bundles_useful - useful));
	for (uint32_t k = 0; k < n; k++)
		sparse->place_of[ids[k]] = WICK_NO_ROW;
	return err;
}
