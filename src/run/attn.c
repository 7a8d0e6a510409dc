/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Attention over keys and values in blocks: a matrix times a vector, softmax, and rows accumulated. Rows of a sequence
 * that follow each other are done together, TOKENS at most, as tiles; softmax is of one row at a time, over its own
 * positions:
 *
 *     scores    positions
 *     row 0     x x x x x x x 0 0 0
 *     row 1     x x x x x x x x 0 0      a share of zero is not looked at when values are accumulated
 *     row 2     x x x x x x x x x 0
 *
 * Every score is a dot product of its own and every sum of values runs upwards from the first position, one fused
 * multiply-add each. So it does not matter how positions are cut into blocks, or which rows are done together. Each task
 * is one head of such a span of rows, with its thread's scratch. */

#include "attn.h"

#include "pool.h"

#include <math.h>
#include <string.h>

#define TOKENS 32 /* of a span, at most: as many pass over keys and values while these are in a cache */

struct job {
	const struct wick_attention *attention;
	uint32_t spans; /* which begin at attention->spans */
};

/* One head of a span. */
struct head {
	const struct wick_attention *at;
	const struct wick_batch_row *rows; /* (m) */
	uint32_t m, number, kv_head;
	const float *q; /* (m, ldq) */
	float *out;     /* (m, ldo) */
	size_t ldq, ldo;
	float *scores;  /* (m, positions), then more scratch */
	uint32_t *slots; /* (positions): of a row alone, where they are, counted from the first of block 0 */
	uint32_t begin, end; /* positions that any row sees */
	float slope;         /* of ALiBi; 0: there is none */
};

/* Keys and values of a row's sequence in the layer. */
static const struct wick_kv_layer *layer_of(const struct wick_attention *at, const struct wick_batch_row *row)
{
	return &row->seq->layer[at->layer];
}

static uint8_t *in_block(uint8_t *base, const struct wick_kv_layer *kv, const struct wick_kv_seq *seq, uint32_t head,
	uint32_t position, uint64_t bytes)
{
	uint64_t block = (uint64_t)seq->in[kv->pool].block[position / WICK_KV_BLOCK] * kv->heads + head;

	return base + (block * WICK_KV_BLOCK + position % WICK_KV_BLOCK) * bytes;
}

/* Puts a row's keys and values into its sequence, before any head looks at them. */
static void store_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct wick_attention *at = ((const struct job *)arg)->attention;
	const struct wick_batch_row *row = &at->rows[task];
	const struct wick_kv_layer *kv = layer_of(at, row);
	void (*from_f32)(void *y, const float *x, size_t count) = at->compute->kernels->from_f32[kv->type];

	(void)thread;
	for (uint32_t head = 0; head < kv->heads; head++) {
		size_t from = (size_t)task * kv->heads + head;

		from_f32(in_block(kv->keys, kv, row->seq, head, row->position, kv->key_bytes), at->k + from * at->facts->k_dim,
			at->facts->k_dim);
		if (kv->state == WICK_STATE_LATENT)
			continue;
		from_f32(in_block(kv->values, kv, row->seq, head, row->position, kv->value_bytes),
			at->v + from * at->facts->v_dim, at->facts->v_dim);
	}
}

/* The first position that a position looks at. */
static uint32_t first_seen(const struct wick_attention *at, uint32_t position)
{
	uint32_t window = at->facts->window;

	return window && position >= window ? position + 1 - window : 0;
}

/* Positions of the block of p, from p on. */
static uint32_t in_one_block(uint32_t p, uint32_t end)
{
	return WICK_MIN(end, p / WICK_KV_BLOCK * WICK_KV_BLOCK + WICK_KV_BLOCK) - p;
}

static const uint8_t *keys_at(const struct head *head, uint32_t p)
{
	const struct wick_kv_layer *kv = layer_of(head->at, head->rows);

	return in_block(kv->keys, kv, head->rows->seq, head->kv_head, p, kv->key_bytes);
}

static const uint8_t *values_at(const struct head *head, uint32_t p)
{
	const struct wick_kv_layer *kv = layer_of(head->at, head->rows);

	return in_block(kv->values, kv, head->rows->seq, head->kv_head, p, kv->value_bytes);
}

/* Scores to shares. A head's sink takes its share in the place behind them, which belongs to the next row, or to scratch. */
static void soften(const struct head *head, float *scores, uint32_t count)
{
	void (*softmax)(float *x, size_t count) = head->at->compute->kernels->softmax;
	float behind;

	if (!head->at->sinks) {
		softmax(scores, count);
		return;
	}
	behind = scores[count];
	scores[count] = head->at->sinks[head->number];
	softmax(scores, count + 1);
	scores[count] = behind;
}

/* By how much a head's scores fall a position (ALiBi, section 3). Of `near` heads, a power of two, head h falls by 2 to the power
 * of -alibi (h + 1) / near; heads beyond the largest such power take every second of twice as many, from the first on. */
static float alibi_slope(const struct wick_attn_facts *facts, uint32_t head)
{
	uint32_t near = 1;

	while (2 * near <= facts->heads)
		near *= 2;
	if (head < near)
		return exp2f(-facts->alibi * (float)(head + 1) / (float)near);
	return exp2f(-facts->alibi * (float)(2 * (head - near) + 1) / (float)(2 * near));
}

/* Nothing is shared out to positions outside of what a row sees. */
static void share_out(const struct head *head, float *scores, uint32_t position)
{
	uint32_t from = first_seen(head->at, position) - head->begin, to = position + 1 - head->begin;
	float softcap = head->at->facts->softcap, scale = head->at->facts->scale;

	memset(scores, 0, from * sizeof(*scores));
	for (uint32_t p = from; p < to; p++)
		scores[p] *= scale;
	for (uint32_t p = from; softcap != 0 && p < to; p++)
		scores[p] = softcap * tanhf(scores[p] / softcap);
	for (uint32_t p = from; head->slope != 0 && p < to; p++)
		scores[p] -= head->slope * (float)(to - 1 - p);
	soften(head, scores + from, to - from);
	memset(scores + to, 0, (head->end - head->begin - to) * sizeof(*scores));
}

/* Where the positions are. By index the kernels see all of them at once, and fetch from the next block in time. */
static void find_slots(const struct head *head)
{
	const struct wick_kv_layer *kv = layer_of(head->at, head->rows);
	const uint32_t *blocks = head->rows->seq->in[kv->pool].block;
	uint32_t *slot = head->slots, block_slots = kv->heads * WICK_KV_BLOCK;

	for (uint32_t p = head->begin, n; p < head->end; p += n) {
		uint32_t first = blocks[p / WICK_KV_BLOCK] * block_slots + p % WICK_KV_BLOCK;

		n = in_one_block(p, head->end);
		for (uint32_t i = 0; i < n; i++)
			*slot++ = first + i;
	}
}

/* A row alone, as in decoding. */
static void attend_one(const struct head *head)
{
	const struct wick_kernels *kernels = head->at->compute->kernels;
	const struct wick_attn_facts *facts = head->at->facts;
	const struct wick_kv_layer *kv = layer_of(head->at, head->rows);
	uint64_t first = (uint64_t)head->kv_head * WICK_KV_BLOCK;
	size_t positions = head->end - head->begin;

	find_slots(head);
	kernels->matvec_rows[kv->type](head->scores, kv->keys + first * kv->key_bytes, kv->key_bytes, head->slots, positions,
		head->q, facts->k_dim);
	share_out(head, head->scores, head->rows->position);
	memset(head->out, 0, facts->v_dim * sizeof(*head->out));
	kernels->accumulate_rows[kv->type](head->out, kv->values + first * kv->value_bytes, kv->value_bytes, head->slots,
		head->scores, positions, facts->v_dim);
}

static void score_rows(const struct head *head, float *scratch)
{
	const struct wick_kernels *kernels = head->at->compute->kernels;
	const struct wick_kv_layer *kv = layer_of(head->at, head->rows);
	uint32_t dim = head->at->facts->k_dim;
	struct wick_matmul product = { .ldy = head->end - head->begin, .stride = kv->key_bytes, .cols = dim,
		.packed = scratch, .m = head->m, .scratch = scratch + wick_packed_floats(head->m, dim) };

	kernels->pack_x[kv->type](scratch, head->q, head->ldq, head->m, dim, 0, head->m);
	for (uint32_t p = head->begin; p < head->end; p += product.rows) {
		product.y = head->scores + p - head->begin;
		product.w = keys_at(head, p);
		product.rows = in_one_block(p, head->end);
		kernels->matmul[kv->type](&product);
	}
}

static void attend_rows(const struct head *head)
{
	const struct wick_kernels *kernels = head->at->compute->kernels;
	const struct wick_kv_layer *kv = layer_of(head->at, head->rows);
	size_t positions = head->end - head->begin, dim = head->at->facts->v_dim;
	struct wick_accumulate mix = { .y = head->out, .ldy = head->ldo, .stride = kv->value_bytes, .ldh = positions,
		.m = head->m, .cols = dim, .scratch = head->scores + wick_align_up(head->m * positions, 16) };

	score_rows(head, mix.scratch);
	for (uint32_t i = 0; i < head->m; i++) {
		share_out(head, head->scores + i * positions, head->rows[i].position);
		memset(head->out + i * head->ldo, 0, dim * sizeof(*head->out));
	}
	for (uint32_t p = head->begin; p < head->end; p += (uint32_t)mix.count) {
		mix.h = head->scores + p - head->begin;
		mix.w = values_at(head, p);
		mix.count = in_one_block(p, head->end);
		kernels->accumulate_batch[kv->type](&mix);
	}
}

/* A row alone has as many slots as scores; where ctx is more than one, spans of rows take more than both. The rows of a span see
 * together no more than a window and themselves. */
size_t wick_attention_scratch_floats(const struct wick_attn_facts *facts, uint32_t ctx)
{
	size_t seen = facts->window ? WICK_MIN((size_t)ctx, (size_t)facts->window + TOKENS) : ctx;
	size_t m = WICK_MIN(ctx, (uint32_t)TOKENS), mixing = wick_accumulate_scratch_floats(m);
	size_t scoring = wick_packed_floats(m, facts->k_dim) + wick_matmul_scratch_floats(facts->k_dim);

	return wick_align_up(wick_align_up(m * seen, 16) + WICK_MAX(scoring, mixing), 16);
}

static void head_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_attention *at = job->attention;
	const struct wick_attn_facts *facts = at->facts;
	uint32_t number = task / job->spans, first = at->spans[task % job->spans];
	const struct wick_batch_row *rows = at->rows + first;
	struct head head = { .at = at, .rows = rows, .m = at->spans[task % job->spans + 1] - first, .number = number,
		.kv_head = number / (facts->heads / facts->kv_heads), .ldq = (size_t)facts->heads * facts->k_dim,
		.ldo = (size_t)facts->heads * facts->v_dim, .scores = at->scores + thread * at->scores_floats,
		.begin = first_seen(at, rows->position), .slope = facts->alibi != 0 ? alibi_slope(facts, number) : 0 };

	head.q = at->q + first * head.ldq + number * facts->k_dim;
	head.out = at->out + first * head.ldo + number * facts->v_dim;
	head.end = rows[head.m - 1].position + 1;
	head.slots = (uint32_t *)(head.scores + wick_align_up(head.end - head.begin + 1, 16));
	if (head.m == 1)
		attend_one(&head);
	else
		attend_rows(&head);
}

/* Whether a row may be done together with the one before it. */
static bool goes_on(const struct wick_attention *at, uint32_t row, uint32_t first)
{
	const struct wick_batch_row *before = &at->rows[row - 1], *this = &at->rows[row];

	return row - first < TOKENS && this->seq == before->seq && this->position == before->position + 1;
}

static uint32_t find_spans(const struct wick_attention *at)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < at->m; i++)
		if (!i || !goes_on(at, i, at->spans[count - 1]))
			at->spans[count++] = i;
	at->spans[count] = at->m;
	return count;
}

void wick_attend(const struct wick_attention *at)
{
	struct job job = { at, find_spans(at) };

	wick_pool_run(at->compute->pool, store_task, &job, at->m);
	wick_pool_run(at->compute->pool, head_task, &job, job.spans * at->facts->heads);
}
