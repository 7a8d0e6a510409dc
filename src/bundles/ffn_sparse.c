/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One round of the sparse FFN (see sparse.h): neurons computed while their bundles arrive.
 *
 *     k            0   1   2   3   4   5   6         of the neurons of the round, ascending
 *     row         12   -   3  40   -   -  17         - has a row, but its bytes are on their way
 *     ready        x   x   x   x   .   x   x         up-projection done; 1 and 5 have arrived, 4 has not
 *     down         ------------->|                   y has the sum of 0..3
 *
 * Only this thread may talk to the drive. The others have a job meanwhile: resident neurons while reads are sent,
 * arrived ones while the next arrivals are taken back; and this thread helps when it has done its part.
 *
 *     this one     send demand | send ahead | up ..| take back | check | take back | down ..
 *     the others   up ............................ | check ........... | down .............
 */

#include "sparse.h"

#include "bits.h"
#include "check.h"
#include "clock.h"
#include "pool.h"

#include <errno.h>
#include <string.h>

#define TASK_ROWS 32    /* bundles in a task, at most */
#define TASK_ARRIVALS 8 /* bundles checked and computed in a task, at most */
#define TASK_SHARE 4    /* tasks a thread, at least, for dynamic load balancing */
#define DOWN_LEAST 128  /* neurons worth a job of their own, while there is something else to do */

struct round {
	struct wick_sparse *sparse;
	struct wick_sparse_layer *layer;
	const struct wick_tensor *bundles;
	const uint8_t *rows;
	const uint32_t *ids;
	uint32_t n;
	const float *x, *up_bias;
	float *y;
	uint32_t todo;                /* resident when the round began */
	uint32_t arrivals, taken_in;  /* so far, and of them checked and computed */
	uint32_t up_done, down_done;  /* everything before */
	uint32_t job_first, job_end;  /* what the others are at: arrivals, or places on their way down */
	uint32_t task_rows, task_cols;
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
	uint32_t first = task * round->task_rows;

	(void)thread;
	up_rows(round, round->sparse->todo + first, WICK_MIN(round->task_rows, round->todo - first));
}

/* Up-projections of those that are resident. */
static void begin_up(struct round *round)
{
	struct wick_pool *pool = round->sparse->compute->pool;
	uint32_t share = (uint32_t)wick_div_up(round->todo, TASK_SHARE * wick_pool_threads(pool));

	round->task_rows = WICK_MIN(TASK_ROWS, WICK_MAX(share, 1));
	wick_pool_begin(pool, up_task, round, (uint32_t)wick_div_up(round->todo, round->task_rows));
}

static void down_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct round *round = arg;
	const struct wick_sparse *sparse = round->sparse;
	const struct wick_shape *shape = &sparse->model->shape;
	uint32_t column = task * round->task_cols, cols = WICK_MIN(round->task_cols, shape->d_model - column);

	(void)thread;
	sparse->compute->kernels->accumulate_rows[shape->type](round->y + column,
		round->rows + shape->part_bytes + wick_type_bytes(shape->type, column), shape->stride,
		sparse->row + round->job_first, sparse->h + round->job_first, round->job_end - round->job_first, cols);
}

/* Those that the down-projection may go on with: all that come next without a gap. */
static uint32_t count_ready(struct round *round)
{
	while (round->up_done < round->n && round->sparse->ready[round->up_done])
		round->up_done++;
	return round->up_done - round->down_done;
}

static void begin_down(struct round *round)
{
	round->job_first = round->down_done;
	round->job_end = round->down_done = round->up_done;
	wick_pool_begin(round->sparse->compute->pool, down_task, round,
		(uint32_t)wick_div_up(round->sparse->model->shape.d_model, round->task_cols));
}

/* Checksums of some arrivals, and the up-projection of those among them that are wanted now. */
static void arrive_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct round *round = arg;
	const struct wick_sparse *sparse = round->sparse;
	uint32_t first = round->job_first + task * TASK_ARRIVALS, end = WICK_MIN(first + TASK_ARRIVALS, round->job_end);
	uint32_t count = 0;
	uint32_t places[TASK_ARRIVALS];

	(void)thread;
	for (uint32_t i = first; i < end; i++) {
		struct wick_arrival *arrival = &sparse->arrival[i];

		if (!arrival->bad && !sparse->fetch->no_verify)
			arrival->bad = sparse->compute->kernels->crc32c(0, wick_cache_at(arrival->cache, arrival->row),
				arrival->bundles->row_bytes) != arrival->bundles->crcs[arrival->bundle];
		if (!arrival->bad && arrival->k != WICK_NO_ROW)
			places[count++] = arrival->k;
	}
	if (count)
		up_rows(round, places, count);
}

/* Reads a bundle again, alone, whose checksum did not match or whose read failed: the failure may lie in its neighbours
 * of that read. A bundle that no token wants now may stay broken until one does, and is not waited for twice. */
static int repair(struct round *round, struct wick_arrival *arrival, struct wick_diag *diag)
{
	bool wanted = arrival->k != WICK_NO_ROW;
	int err = -ETIMEDOUT;

	if (wanted || !arrival->unanswered)
		err = wick_draw_repair(&round->sparse->drawing, arrival->bundles,
			wick_cache_at(arrival->cache, arrival->row), arrival->bundle, wanted ? diag : NULL);
	if (!err && wanted)
		up_rows(round, &arrival->k, 1);
	if (!wanted && arrival->unanswered)
		wick_sparse_stop_prefetch(round->sparse);
	if (err && !wanted)
		((struct wick_sparse_layer *)arrival->cache)->dirty = true;
	arrival->bad = err;
	return wanted ? err : 0;
}

/* Checks and computes what has been gathered. */
static void begin_taking_in(struct round *round)
{
	round->job_first = round->taken_in;
	round->job_end = round->taken_in = round->arrivals;
	wick_pool_begin(round->sparse->compute->pool, arrive_task, round,
		(uint32_t)wick_div_up(round->job_end - round->job_first, TASK_ARRIVALS));
}

static int end_taking_in(struct round *round, struct wick_diag *diag)
{
	struct wick_sparse *sparse = round->sparse;
	int err = 0;

	wick_pool_finish(sparse->compute->pool);
	for (uint32_t i = round->job_first; i < round->job_end; i++) {
		struct wick_arrival *arrival = &sparse->arrival[i];

		if (arrival->bad && !err)
			err = repair(round, arrival, diag);
		if (!arrival->bad)
			arrival->cache->in_flight[arrival->row] = 0;
	}
	sparse->counters.bundles_read += round->job_end - round->job_first;
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
				.k = draw->cache == &round->layer->cache ? sparse->place_of[wanted->bundle] : WICK_NO_ROW,
				.bad = read->request.state == WICK_IO_FAILED,
				.unanswered = read->request.result == -ETIMEDOUT };
		}
}

static void gather_all(struct round *round)
{
	gather(round, &round->sparse->demand);
	for (unsigned i = 0; i < WICK_COUNT_OF(round->sparse->ahead); i++)
		gather(round, &round->sparse->ahead[i]);
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

/* Computes until every neuron of the round is in y, and everything that came with them is checked. */
static int compute(struct round *round, struct wick_diag *diag)
{
	struct wick_sparse *sparse = round->sparse;
	int err = 0;

	wick_pool_finish(sparse->compute->pool);
	gather_all(round);
	while (!err && (round->down_done < round->n || round->taken_in < round->arrivals)) {
		bool arrived = round->taken_in < round->arrivals;
		uint32_t ready = count_ready(round);

		if (ready >= DOWN_LEAST || (ready && !arrived)) {
			begin_down(round);
			wick_fetch_poll(sparse->fetch);
			wick_pool_finish(sparse->compute->pool);
		} else if (arrived) {
			begin_taking_in(round);
			wick_fetch_poll(sparse->fetch);
			err = end_taking_in(round, diag);
		} else {
			wick_fetch_wait(sparse->fetch);
		}
		gather_all(round);
	}
	return err;
}

/* Gives the neurons their rows; those that are not here come into demand.wanted. Returns how many. */
static uint32_t place(struct round *round)
{
	struct wick_sparse *sparse = round->sparse;
	struct wick_cache *cache = &round->layer->cache;
	uint32_t absent;

	absent = wick_policy_admit(round->layer->policy, cache, round->ids, round->n, sparse->demand.wanted);
	for (uint32_t k = 0; k < round->n; k++) {
		sparse->row[k] = cache->row_of_neuron[round->ids[k]];
		sparse->ready[k] = 0;
		sparse->place_of[round->ids[k]] = k;
		if (!cache->in_flight[sparse->row[k]])
			sparse->todo[round->todo++] = k;
	}
	round->rows = cache->rows;
	return absent;
}

/* Everything is here, neuron i in row i. */
static void place_resident(struct round *round, const struct wick_matrix *at)
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
	const struct wick_matrix *at = wick_matrices_bundles(sparse->matrices, layer);
	struct round round = { .sparse = sparse, .layer = &sparse->layer[layer], .bundles = at->tensor, .ids = ids, .n = n,
		.x = x, .y = y, .up_bias = wick_vector(sparse->vectors, layer, WICK_T_UP_BIAS) };
	uint64_t begun = wick_now_ns(), waited_ns = sparse->fetch->wait_ns, useful = sparse->counters.bundles_useful;
	uint32_t absent = 0;
	int err;

	wick_assert(n >= 1 && n <= sparse->round);
	round.task_cols = (uint32_t)wick_align_up(wick_div_up(sparse->model->shape.d_model,
		TASK_SHARE * wick_pool_threads(sparse->compute->pool)), wick_column_tile(sparse->model->shape.type));
	if (round.layer->policy)
		absent = place(&round);
	else
		place_resident(&round, at);
	sparse->counters.manage_ns += wick_now_ns() - begun;
	if (sparse->overlap)
		begin_up(&round);
	if (round.layer->policy) {
		wick_draw_start(&sparse->demand, round.bundles, &round.layer->cache, absent, WICK_IO_DEMAND);
		wick_sparse_score_prefetch(sparse, round.layer);
	}
	gather_all(&round);
	if (look_ahead)
		wick_sparse_look_ahead(sparse, layer, x);
	if (!sparse->overlap) {
		wait_for_all(&round);
		begin_up(&round);
	}
	err = compute(&round, diag);
	if (!round.layer->policy)
		return err;
	wick_sparse_note_wait(sparse, sparse->fetch->wait_ns - waited_ns, (uint32_t)(sparse->counters.bundles_useful - useful));
	for (uint32_t k = 0; k < n; k++)
		sparse->place_of[ids[k]] = WICK_NO_ROW;
	return err;
}
