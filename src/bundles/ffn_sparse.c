/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One round of the sparse FFN (see sparse.h): neurons computed while their bundles arrive.
 *
 *     k            0   1   2   3   4   5   6         of the neurons of the round, ascending
 *     slot        12   -   3  40   -   -  17         - has a slot, but its bytes are on their way
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
	struct wick_member *member;
	const struct wick_part *part;
	uint64_t stride;
	const uint8_t *slots;
	const uint32_t *ids;
	uint32_t n;
	const struct wick_sparse_rows *rows;
	const float *up_bias, *gate_bias;
	const struct wick_ffn_facts *facts;
	size_t d_model, n_ff;
	uint32_t todo;                /* resident when the round began */
	uint32_t arrivals, taken_in;  /* so far, and of them checked and computed */
	uint32_t up_done, down_done;  /* everything before */
	uint32_t job_first, job_end;  /* what the others are at: arrivals, or places on their way down */
	uint32_t task_rows, task_cols;
};

/* h[i] = part . x of a row + bias for some places of the round, which are in some slots. */
static void multiply(const struct round *round, uint32_t row, enum wick_part_id id, float *h, const float *bias_of_id,
	const uint32_t *places, const uint32_t *slots, uint32_t count)
{
	const struct wick_kernels *kernels = round->sparse->compute->kernels;
	const struct wick_part *part = &round->part[id];
	const float *x = round->rows->x + row * round->d_model;
	float bias[TASK_ROWS];

	kernels->matvec_rows[part->type](h, round->slots + part->at, round->stride, slots, count, x, part->cols);
	if (!bias_of_id)
		return;
	for (uint32_t i = 0; i < count; i++)
		bias[i] = bias_of_id[round->ids[places[i]]];
	kernels->add(h, bias, count);
}

/* h[i] = act(up), or act(gate) where there are gates, for some places of the round that a row wants. */
static void first_rows(const struct round *round, uint32_t row, float *h, const uint32_t *places, const uint32_t *slots,
	uint32_t count)
{
	const float *gate = round->rows->gate;

	if (gate)
		for (uint32_t i = 0; i < count; i++)
			h[i] = gate[row * round->n_ff + round->ids[places[i]]];
	else if (round->facts->gated)
		multiply(round, row, WICK_PART_GATE, h, round->gate_bias, places, slots, count);
	else
		multiply(round, row, WICK_PART_UP, h, round->up_bias, places, slots, count);
	if (!gate || wick_act_is_relu(round->facts->act))
		wick_activate_ffn(round->sparse->compute->kernels, round->facts, h, NULL, count);
}

/* h[i] = act(gate) * up: what the gate has made 0 needs no product. */
static void let_through(const struct round *round, uint32_t row, float *h, const uint32_t *places, const uint32_t *slots,
	uint32_t count)
{
	uint32_t open = 0, which[TASK_ROWS], open_places[TASK_ROWS], open_slots[TASK_ROWS];
	float some[TASK_ROWS], up[TASK_ROWS];

	for (uint32_t i = 0; i < count; i++)
		if (h[i] != 0) {
			which[open] = i;
			some[open] = h[i];
			open_places[open] = places[i];
			open_slots[open++] = slots[i];
		}
	if (!open)
		return;
	multiply(round, row, WICK_PART_UP, up, round->up_bias, open_places, open_slots, open);
	wick_let_through(round->facts, some, up, open);
	for (uint32_t i = 0; i < open; i++)
		h[which[i]] = some[i];
}

static bool wants(const struct round *round, uint32_t row, uint32_t id)
{
	const struct wick_sparse *sparse = round->sparse;

	return round->rows->m == 1 || (sparse->mask[row * wick_sparse_mask_words(sparse) + id / 64] >> id % 64 & 1);
}

/* Of some places those that a row wants; the h of the others is 0, which the down-projection leaves out. */
static uint32_t find_wanted(const struct round *round, uint32_t row, float *h, const uint32_t *places, uint32_t count,
	uint32_t *mine)
{
	uint32_t wanted = 0;

	for (uint32_t i = 0; i < count; i++) {
		h[places[i]] = 0;
		mine[wanted] = places[i];
		wanted += wants(round, row, round->ids[places[i]]);
	}
	return wanted;
}

/* The activations of some places of the round that a row wants. */
static void up_row(const struct round *round, uint32_t row, float *h_of_place, const uint32_t *places, uint32_t count)
{
	uint32_t slots[TASK_ROWS];
	float h[TASK_ROWS];

	for (uint32_t i = 0; i < count; i++)
		slots[i] = round->sparse->slot[places[i]];
	first_rows(round, row, h, places, slots, count);
	if (round->facts->gated)
		let_through(round, row, h, places, slots, count);
	for (uint32_t i = 0; i < count; i++)
		h_of_place[places[i]] = h[i];
}

/* Some places for every row: their weights come from memory once. */
static void up_rows(const struct round *round, const uint32_t *places, uint32_t count)
{
	struct wick_sparse *sparse = round->sparse;
	uint32_t mine[TASK_ROWS];

	wick_assert(count >= 1 && count <= TASK_ROWS);
	for (uint32_t row = 0; row < round->rows->m; row++) {
		float *h = sparse->h + (size_t)row * sparse->round;
		uint32_t wanted = find_wanted(round, row, h, places, count, mine);

		if (wanted)
			up_row(round, row, h, mine, wanted);
	}
	for (uint32_t i = 0; i < count; i++)
		sparse->ready[places[i]] = 1;
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
	const struct wick_compute *compute = sparse->compute;
	const struct wick_part *part = &round->part[WICK_PART_DOWN];
	uint32_t column = task * round->task_cols;
	struct wick_accumulate down = { .y = round->rows->y + column, .ldy = round->d_model, .stride = round->stride,
		.w = round->slots + part->at + wick_type_bytes(part->type, column), .index = sparse->slot + round->job_first,
		.h = sparse->h + round->job_first, .ldh = sparse->round, .m = round->rows->m,
		.count = round->job_end - round->job_first, .cols = WICK_MIN(round->task_cols, part->cols - column),
		.scratch = compute->scratch + thread * compute->scratch_floats };

	if (down.m == 1)
		compute->kernels->accumulate_rows[part->type](down.y, down.w, down.stride, down.index, down.h, down.count, down.cols);
	else
		compute->kernels->accumulate_batch[part->type](&down);
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
		(uint32_t)wick_div_up(round->part[WICK_PART_DOWN].cols, round->task_cols));
}

static uint8_t *slot_of(const struct wick_arrival *arrival)
{
	return wick_cache_at(&arrival->member->group->cache, arrival->slot);
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

		if (!arrival->bad)
			arrival->bad = !wick_draw_is_right(&sparse->drawing, arrival->member->set, arrival->bundle, 0, slot_of(arrival));
		if (!arrival->bad && arrival->k != WICK_NO_SLOT)
			places[count++] = arrival->k;
	}
	if (count)
		up_rows(round, places, count);
}

/* Reads a bundle again, alone, whose checksum did not match or whose read failed: the failure may lie in its neighbours
 * of that read. A bundle that no token wants now may stay broken until one does, and is not waited for twice. */
static int repair(struct round *round, struct wick_arrival *arrival, struct wick_diag *diag)
{
	bool wanted = arrival->k != WICK_NO_SLOT;
	int err = -ETIMEDOUT;

	if (wanted || !arrival->unanswered)
		err = wick_draw_repair(&round->sparse->drawing, arrival->member->set, arrival->bundle, 0, slot_of(arrival),
			wanted ? diag : NULL);
	if (!err && wanted)
		up_rows(round, &arrival->k, 1);
	if (!wanted && arrival->unanswered)
		wick_sparse_stop_prefetch(round->sparse);
	if (err && !wanted)
		arrival->member->group->dirty = true;
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
			wick_group_landed(arrival->member->group, arrival->slot);
	}
	sparse->counters.bundles_read += round->job_end - round->job_first;
	return err;
}

/* Gathers the bundles of a draw that are back. */
static void gather(struct round *round, struct wick_draw *draw)
{
	struct wick_sparse *sparse = round->sparse;
	struct wick_draw_block block;

	while (wick_draw_next(draw, &block)) {
		const struct wick_wanted *wanted = &draw->wanted[block.k];

		sparse->arrival[round->arrivals++] = (struct wick_arrival){ .member = draw->member, .bundle = wanted->bundle,
			.slot = wanted->row, .bad = block.failed, .unanswered = block.unanswered,
			.k = draw->member == round->member ? sparse->place_of[wanted->bundle] : WICK_NO_SLOT };
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
		while (sparse->ahead[i].member == round->member && sparse->ahead[i].pending)
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

/* The neurons have their slots; those that are here are to be computed. */
static void place(struct round *round)
{
	struct wick_sparse *sparse = round->sparse;
	const struct wick_cache *cache = &round->member->group->cache;
	const uint32_t *slot_of_id = cache->slot_of_key + round->member->first;

	for (uint32_t k = 0; k < round->n; k++) {
		sparse->slot[k] = slot_of_id[round->ids[k]];
		sparse->ready[k] = 0;
		sparse->place_of[round->ids[k]] = k;
		if (!cache->in_flight[sparse->slot[k]])
			sparse->todo[round->todo++] = k;
	}
	round->slots = cache->slots;
}

/* Everything is here, neuron i in row i. */
static void place_resident(struct round *round)
{
	const struct wick_sparse *sparse = round->sparse;

	for (uint32_t k = 0; k < round->n; k++) {
		sparse->slot[k] = round->ids[k];
		sparse->ready[k] = 0;
		sparse->todo[k] = k;
	}
	round->todo = round->n;
	round->slots = wick_matrices_bundles(sparse->matrices, round->member->set->layer)->base;
}

static void begin(struct round *round)
{
	const struct wick_sparse *sparse = round->sparse;
	const struct wick_turn *turn = &sparse->turn;
	const struct wick_bundle_set *set = turn->member->set;

	round->member = turn->member;
	round->ids = turn->ids + turn->done;
	round->n = turn->n;
	round->part = set->kind->part;
	round->stride = set->kind->slot_bytes;
	round->d_model = sparse->model->shape.d_model;
	round->n_ff = sparse->model->shape.n_ff;
	round->facts = &wick_kind(&sparse->model->shape, set->layer)->ffn;
	round->up_bias = wick_vector(sparse->vectors, set->layer, WICK_T_UP_BIAS);
	round->gate_bias = wick_vector(sparse->vectors, set->layer, WICK_T_GATE_BIAS);
	round->task_cols = (uint32_t)wick_align_up(wick_div_up(round->part[WICK_PART_DOWN].cols,
		TASK_SHARE * wick_pool_threads(sparse->compute->pool)), wick_column_tile(round->part[WICK_PART_DOWN].type));
	if (round->member->group)
		place(round);
	else
		place_resident(round);
}

void wick_sparse_admit(struct wick_sparse *sparse)
{
	uint64_t begun = wick_now_ns();

	wick_turn_next(&sparse->turn, sparse->round, sparse->demand.wanted + (sparse->early ? sparse->demand.count : 0));
	sparse->counters.manage_ns += wick_now_ns() - begun;
}

void wick_sparse_draw(struct wick_sparse *sparse)
{
	struct wick_turn *turn = &sparse->turn;

	if (!turn->member->group)
		return;
	if (sparse->early)
		wick_draw_more(&sparse->demand, turn->absent, WICK_IO_DEMAND);
	else
		wick_draw_start(&sparse->demand, turn->member, turn->absent, WICK_IO_DEMAND);
	sparse->early = false;
	wick_sparse_score_prefetch(sparse, turn->member);
}

/* Reads for this layer and for the next one, while the others compute what is here. */
static void send(struct round *round, bool look_ahead)
{
	struct wick_sparse *sparse = round->sparse;

	if (sparse->overlap)
		begin_up(round);
	if (!sparse->sent)
		wick_sparse_draw(sparse);
	sparse->sent = false;
	gather_all(round);
	if (look_ahead)
		wick_sparse_look_ahead(sparse, round->member->set->layer, round->rows);
	if (!sparse->overlap) {
		wait_for_all(round);
		begin_up(round);
	}
}

int wick_sparse_round(struct wick_sparse *sparse, const struct wick_sparse_rows *rows, bool look_ahead, struct wick_diag *diag)
{
	struct round round = { .sparse = sparse, .rows = rows };
	uint64_t begun, waited_ns = sparse->fetch->wait_ns;
	int err;

	if (!sparse->sent)
		wick_sparse_admit(sparse);
	begun = wick_now_ns();
	begin(&round);
	sparse->counters.manage_ns += wick_now_ns() - begun;
	send(&round, look_ahead);
	err = compute(&round, diag);
	if (!round.member->group)
		return err;
	wick_sparse_note_wait(sparse, sparse->fetch->wait_ns - waited_ns);
	for (uint32_t k = 0; k < round.n; k++)
		sparse->place_of[round.ids[k]] = WICK_NO_SLOT;
	return err;
}
