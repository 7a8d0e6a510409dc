/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Experts over rows (see experts.h). */

#include "experts.h"

#include "bits.h"
#include "pool.h"
#include "watch.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#define PAIRS_MOST 128 /* of a strip: enough to spread the decoding of weights, few enough to stay in a cache */
#define GATE_TASKS 8 /* of an expert: its pairs are shared among them */
#define TASK_ROWS_MIN 16       /* of several: each task reads all of them */
#define OPEN_ROWS 64           /* looked at together for those whose gates are open */

struct job {
	const struct wick_experts *experts;
	const struct wick_strip *strip;
	const uint32_t *which; /* (count) */
	const uint8_t *const *data;
	enum wick_part_id part;
	uint64_t task_rows;
	uint32_t tasks_each; /* of an expert, or slices of columns */
	size_t slice_cols;
};

static const struct wick_expert_facts *widest_facts(const struct wick_shape *shape, uint64_t *n_ff)
{
	const struct wick_expert_facts *most = NULL;

	*n_ff = 0;
	for (uint32_t i = 0; i < shape->kinds; i++) {
		const struct wick_ffn_facts *ffn = &shape->kind[i].ffn;

		if (!ffn->experts.count)
			continue;
		most = &ffn->experts;
		*n_ff = WICK_MAX(*n_ff, ffn->n_ff);
	}
	return most;
}

enum { GATHERED, PACKED, GATE, UP, OUT, IDS, AT, WEIGHTS, WHICH, DATA, CHOSEN_IDS, CHOSEN_FIRST, CHOSEN_ROWS,
	CHOSEN_WEIGHTS, PIECES };

static uint32_t pairs_most(const struct wick_expert_facts *facts, uint32_t batch_tokens)
{
	return (uint32_t)WICK_MIN((uint64_t)batch_tokens * facts->chosen, PAIRS_MOST);
}

/* All layers of a model have as many experts, and choose as many. */
static void piece_floats(size_t floats[PIECES], const struct wick_shape *shape, uint32_t batch_tokens)
{
	uint64_t n_ff, d_model = shape->d_model;
	const struct wick_expert_facts *facts = widest_facts(shape, &n_ff);
	uint64_t pairs = pairs_most(facts, batch_tokens), all = (uint64_t)batch_tokens * facts->chosen;

	floats[GATHERED] = floats[OUT] = pairs * d_model;
	floats[PACKED] = wick_packed_floats(pairs, WICK_MAX(n_ff, d_model));
	floats[GATE] = floats[UP] = pairs * n_ff;
	floats[IDS] = floats[WEIGHTS] = floats[CHOSEN_ROWS] = floats[CHOSEN_WEIGHTS] = all;
	floats[AT] = floats[CHOSEN_FIRST] = facts->count + 1;
	floats[WHICH] = floats[CHOSEN_IDS] = facts->count;
	floats[DATA] = facts->count * WICK_PARTS * sizeof(uint8_t *) / sizeof(float);
}

size_t wick_expert_room_floats(const struct wick_shape *shape, uint32_t batch_tokens)
{
	size_t floats[PIECES], sum = 0;

	if (!wick_has_experts(shape))
		return 0;
	piece_floats(floats, shape, batch_tokens);
	for (int i = 0; i < PIECES; i++)
		sum += wick_align_up(floats[i], 16);
	return sum;
}

void wick_expert_room_init(struct wick_expert_room *room, const struct wick_shape *shape, uint32_t batch_tokens, float *memory)
{
	size_t floats[PIECES];
	uint64_t n_ff;
	void **pieces[PIECES] = { [GATHERED] = (void **)&room->gathered, [PACKED] = (void **)&room->packed,
		[GATE] = (void **)&room->gate, [UP] = (void **)&room->up, [OUT] = (void **)&room->out, [IDS] = (void **)&room->ids,
		[AT] = (void **)&room->at, [WEIGHTS] = (void **)&room->weights, [WHICH] = (void **)&room->which,
		[DATA] = (void **)&room->data, [CHOSEN_IDS] = (void **)&room->chosen.ids,
		[CHOSEN_FIRST] = (void **)&room->chosen.first, [CHOSEN_ROWS] = (void **)&room->chosen.rows,
		[CHOSEN_WEIGHTS] = (void **)&room->chosen.weights };

	if (!wick_has_experts(shape))
		return;
	piece_floats(floats, shape, batch_tokens);
	for (int i = 0; i < PIECES; i++) {
		*pieces[i] = memory;
		memory += wick_align_up(floats[i], 16);
	}
	room->experts_most = UINT32_MAX;
	room->pairs_most = pairs_most(widest_facts(shape, &n_ff), batch_tokens);
}

bool wick_strip_next(struct wick_strip *strip, const struct wick_expert_room *room)
{
	const struct wick_chosen *chosen = &room->chosen;
	uint32_t all = chosen->first[chosen->count], k = strip->end_k, end = strip->end + room->pairs_most;

	if (strip->end == all)
		return false;
	/* An expert of which some pairs were left goes on. */
	if (k && strip->end < chosen->first[k])
		k--;
	strip->first = strip->end;
	strip->first_k = k;
	for (strip->end = chosen->first[k + 1]; k + 1 < chosen->count && chosen->first[k + 2] <= end &&
		k + 2 - strip->first_k <= room->experts_most; k++)
		strip->end = chosen->first[k + 2];
	strip->end = WICK_MIN(strip->end, end);
	strip->end_k = k + 1;
	return true;
}

/* The pairs of an expert that are in the strip. */
static uint32_t pairs_of(const struct job *job, uint32_t k, uint32_t *count)
{
	const struct wick_chosen *chosen = &job->experts->room->chosen;
	uint32_t first = WICK_MAX(chosen->first[k], job->strip->first), end = WICK_MIN(chosen->first[k + 1], job->strip->end);

	*count = end - first;
	return first;
}

static const float *row_of(const struct job *job, uint32_t pair)
{
	const struct wick_experts *experts = job->experts;

	return experts->x + experts->room->chosen.rows[pair] * experts->matrix[WICK_PART_GATE].cols;
}

/* Several rows of an expert, side by side and then packed for the part; a single one is used where it is. */
static void pack_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_expert_matrix *matrix = &job->experts->matrix[job->part];
	const struct wick_expert_room *room = job->experts->room;
	uint32_t count, pair = pairs_of(job, job->which[task], &count), at = pair - job->strip->first;
	float *x = job->part == WICK_PART_DOWN ? room->gate + at * matrix->cols : room->gathered + at * matrix->cols;

	(void)thread;
	if (count == 1)
		return;
	for (uint32_t i = 0; job->part == WICK_PART_GATE && i < count; i++)
		memcpy(x + i * matrix->cols, row_of(job, pair + i), matrix->cols * sizeof(float));
	job->experts->compute->kernels->pack_x[matrix->type](
		room->packed + wick_packed_floats(at, matrix->cols), x, matrix->cols, count, matrix->cols, 0, count);
}

static float *output_of(const struct job *job)
{
	const struct wick_expert_room *room = job->experts->room;

	return job->part == WICK_PART_GATE ? room->gate : job->part == WICK_PART_UP ? room->up : room->out;
}

/* Whether gates are activated before there are ups, since those of gates that are 0 need not be known. */
static bool is_skipping(const struct wick_experts *experts)
{
	return experts->act == WICK_ACT_RELU || experts->cut > 0;
}

/* The ups of open gates; of 64 that are mostly open all, since rows apart cost some two times as much as rows side by side. A row's
 * bits do not depend on its company. */
static void multiply_open(const struct job *job, const struct wick_matmul *mul, const float *gate, const float *x)
{
	const struct wick_kernels *kernels = job->experts->compute->kernels;
	enum wick_type type = job->experts->matrix[job->part].type;
	uint32_t index[OPEN_ROWS];
	float y[OPEN_ROWS];

	for (size_t first = 0; first < mul->rows; first += OPEN_ROWS) {
		size_t end = WICK_MIN(first + OPEN_ROWS, mul->rows), open = 0;

		for (size_t row = first; row < end; row++)
			if (gate[row] != 0)
				index[open++] = (uint32_t)row;
		if (2 * open > end - first) {
			kernels->matvec[type](mul->y + first, (const uint8_t *)mul->w + first * mul->stride, mul->stride, x, end - first,
				mul->cols);
			continue;
		}
		kernels->matvec_rows[type](y, mul->w, mul->stride, index, open, x, mul->cols);
		for (size_t k = 0; k < open; k++)
			mul->y[index[k]] = y[k];
	}
}

static void multiply_one(const struct job *job, const struct wick_matmul *mul, uint32_t pair, uint64_t row)
{
	const struct wick_expert_room *room = job->experts->room;
	const struct wick_expert_matrix *matrix = &job->experts->matrix[job->part];
	uint64_t at = pair - job->strip->first;
	const float *x = job->part == WICK_PART_DOWN ? room->gate + at * matrix->cols : row_of(job, pair);

	if (job->part == WICK_PART_UP && is_skipping(job->experts))
		multiply_open(job, mul, room->gate + at * matrix->rows + row, x);
	else
		job->experts->compute->kernels->matvec[matrix->type](mul->y, mul->w, mul->stride, x, mul->rows, mul->cols);
}

/* Some rows of one part of one expert. */
static void multiply_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_expert_room *room = job->experts->room;
	const struct wick_compute *compute = job->experts->compute;
	const struct wick_expert_matrix *matrix = &job->experts->matrix[job->part];
	uint32_t i = task / job->tasks_each, count, pair = pairs_of(job, job->which[i], &count);
	uint64_t row = task % job->tasks_each * job->task_rows, at = pair - job->strip->first;
	struct wick_matmul mul = { .y = output_of(job) + at * matrix->rows + row, .ldy = matrix->rows,
		.w = job->data[i * WICK_PARTS + job->part] + row * matrix->stride, .stride = matrix->stride,
		.rows = WICK_MIN(job->task_rows, matrix->rows - row), .cols = matrix->cols,
		.packed = room->packed + wick_packed_floats(at, matrix->cols), .m = count,
		.scratch = compute->scratch + thread * compute->scratch_floats };

	if (count == 1)
		multiply_one(job, &mul, pair, row);
	else
		compute->kernels->matmul[matrix->type](&mul);
	for (uint32_t pair_of = 0; matrix->bias && pair_of < count; pair_of++)
		compute->kernels->add(mul.y + pair_of * mul.ldy,
			matrix->bias + room->chosen.ids[job->which[i]] * matrix->rows + row, mul.rows);
}

/* Activates the gates of a pair, of which small ones become 0. How many are 0. */
static uint64_t close_gates(const struct wick_experts *experts, float *gate, size_t count)
{
	uint64_t closed = 0;

	wick_activate_gate(experts->compute->kernels, experts->act, gate, count);
	for (size_t i = 0; i < count; i++) {
		gate[i] = fabsf(gate[i]) < experts->cut ? 0 : gate[i];
		closed += gate[i] == 0;
	}
	return closed;
}

/* h = act(gate) * up of some pairs of an expert; where ups are skipped, gates before there are ups, and the rest behind them. */
static void gate_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_experts *experts = job->experts;
	const struct wick_expert_matrix *gate = &experts->matrix[WICK_PART_GATE];
	uint64_t closed = 0;
	uint32_t count, pair = pairs_of(job, job->which[task / GATE_TASKS], &count);
	uint32_t first = count * (task % GATE_TASKS) / GATE_TASKS, end = count * (task % GATE_TASKS + 1) / GATE_TASKS;

	(void)thread;
	for (uint32_t i = first; i < end; i++) {
		float *g = experts->room->gate + (pair - job->strip->first + i) * gate->rows;
		float *u = experts->room->up + (pair - job->strip->first + i) * gate->rows;

		if (!is_skipping(experts))
			wick_activate_gated(experts->compute->kernels, experts->act, g, u, gate->rows);
		else if (job->part == WICK_PART_UP)
			closed += close_gates(experts, g, gate->rows);
		else
			wick_let_open_through(experts->act, g, u, gate->rows);
	}
	if (closed)
		atomic_fetch_add(&experts->room->closed, closed);
}

static void run_part(struct job *job, uint32_t count)
{
	const struct wick_expert_matrix *matrix = &job->experts->matrix[job->part];
	struct wick_pool *pool = job->experts->compute->pool;
	const struct wick_kernels *kernels = job->experts->compute->kernels;
	bool packed = job->part == WICK_PART_UP &&
		kernels->pack_x[matrix->type] == kernels->pack_x[job->experts->matrix[WICK_PART_GATE].type];
	bool single = job->strip->end - job->strip->first == job->strip->end_k - job->strip->first_k;

	if (!packed && !single)
		wick_pool_run(pool, pack_task, job, count);
	job->task_rows = WICK_MAX(wick_task_rows(pool, matrix->stride, count * matrix->rows), TASK_ROWS_MIN);
	job->tasks_each = (uint32_t)wick_div_up(matrix->rows, job->task_rows);
	wick_pool_run(pool, multiply_task, job, count * job->tasks_each);
}

/* The gates of all pairs, as they came out of their matrices. */
static void show_gates(const struct job *job, uint32_t count)
{
	const struct wick_experts *experts = job->experts;
	uint64_t n_ff = experts->matrix[WICK_PART_GATE].rows;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t pairs, pair = pairs_of(job, job->which[i], &pairs);

		experts->watch->expert_gates(experts->watch->user, experts->layer, pairs,
			experts->room->gate + (pair - job->strip->first) * n_ff);
	}
}

void wick_experts_compute(const struct wick_experts *experts, const struct wick_strip *strip, const uint32_t *which,
	uint32_t count, const uint8_t *const *data, enum wick_part_id first, enum wick_part_id end)
{
	struct job job = { .experts = experts, .strip = strip, .which = which, .data = data };

	for (job.part = first; job.part < end; job.part++) {
		if (job.part == WICK_PART_DOWN || (job.part == WICK_PART_UP && is_skipping(experts)))
			wick_pool_run(experts->compute->pool, gate_task, &job, count * GATE_TASKS);
		run_part(&job, count);
		if (job.part == WICK_PART_GATE && experts->watch && experts->watch->expert_gates)
			show_gates(&job, count);
	}
}

/* All pairs of a strip, in one slice of columns. */
static void sum_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_experts *experts = job->experts;
	const struct wick_kernels *kernels = experts->compute->kernels;
	const struct wick_expert_matrix *down = &experts->matrix[WICK_PART_DOWN];
	const struct wick_chosen *chosen = &experts->room->chosen;
	size_t first = task * job->slice_cols, cols = WICK_MIN(job->slice_cols, down->rows - first);

	(void)thread;
	for (uint32_t pair = job->strip->first; pair < job->strip->end; pair++) {
		const float *out = experts->room->out + (pair - job->strip->first) * down->rows + first;

		kernels->accumulate_rows[WICK_F32](experts->y + chosen->rows[pair] * down->rows + first, out,
			down->rows * sizeof(float), NULL, &chosen->weights[pair], 1, cols);
	}
}

void wick_experts_sum(const struct wick_experts *experts, const struct wick_strip *strip)
{
	struct job job = { .experts = experts, .strip = strip };
	size_t cols = experts->matrix[WICK_PART_DOWN].rows;

	if (is_skipping(experts))
		experts->room->gates += (strip->end - strip->first) * (uint64_t)experts->matrix[WICK_PART_GATE].rows;
	job.slice_cols = wick_align_up(wick_div_up(cols, wick_pool_threads(experts->compute->pool)), WICK_COLUMN_TILE);
	wick_pool_run(experts->compute->pool, sum_task, &job, (uint32_t)wick_div_up(cols, job.slice_cols));
}
