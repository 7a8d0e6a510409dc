/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Toy layers of each kind of state: keys and values of all positions, of a window, a latent, and a recurrent state. A conversation
 * alone, one position after the other, is what its definition says, and the truth for all else: in company, over a prefix that is
 * another's, after going back, and after an evaluation that fails, each layer's outputs have the same bits. */

#include "attn.h"
#include "engine.h"
#include "pool.h"

#include "bits.h"
#include "splitmix.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TALKS = 3, TOKENS = 520, CTX = 600, SHARED = 300, ROWS = 120, STEP = 128 /* of copies, in such a context */ };
enum { HEADS = 2, DIM = 32, LATENT_DIM = 64, SIDE = 8, WINDOW = 40, WIDTH = HEADS * LATENT_DIM };
enum { KV, WINDOWED, LATENT, RECURRENT, LAYERS };

#define DECAY 0.9f
#define ERROR_MAX 2e-3 /* keys and values are halves */

static const uint8_t kind_of_layer[LAYERS] = { KV, WINDOWED, LATENT, RECURRENT };

struct toy {
	struct wick wick; /* of which sessions know no more than their positions */
	struct wick_session sessions[TALKS];
	struct wick_shape shape;
	struct wick_kernels kernels;
	struct wick_compute compute;
	struct wick_mem mem;
	struct wick_attention attention;
	struct wick_batch_row rows[ROWS];
	uint32_t talk[ROWS]; /* of each row */
	uint32_t spans[ROWS + 1];
	float q[ROWS * WIDTH], k[ROWS * WIDTH], v[ROWS * WIDTH];
	float out[LAYERS][ROWS][WIDTH];
};

static float truth[TALKS][TOKENS][LAYERS][WIDTH];

/* Of a token in a layer, as if projections had made them of it; conversations begin alike. */
static float number(uint32_t talk, uint32_t position, uint32_t layer, char what, uint32_t i)
{
	uint64_t seed = (((position < SHARED ? 0 : talk + 1) * 1000ull + position) * LAYERS + layer) * 1000003 + (uint64_t)what * 4099 + i;

	return (float)(wick_splitmix_draw(&seed) >> 40) / 0x1p23f - 1;
}

static struct wick_shape make_shape(void)
{
	struct wick_attn_facts attn = { .heads = HEADS, .kv_heads = 1, .k_dim = DIM, .v_dim = DIM, .scale = 1 / sqrtf(DIM) };
	struct wick_shape shape = { .layers = LAYERS, .d_model = WIDTH, .kinds = LAYERS, .kind_of_layer = kind_of_layer };

	for (uint32_t kind = 0; kind < LAYERS; kind++)
		shape.kind[kind].attn = attn;
	shape.kind[WINDOWED].attn.window = WINDOW;
	shape.kind[LATENT].attn.latent = true;
	shape.kind[LATENT].attn.k_dim = LATENT_DIM;
	shape.kind[RECURRENT].attn = (struct wick_attn_facts){ .state_floats = SIDE * SIDE };
	return shape;
}

static struct toy *make(bool whole_windows)
{
	const struct wick_kv_shape size = { .blocks = TALKS * wick_kv_blocks(CTX), .sequences = TALKS, .ctx = CTX, .type = WICK_F16,
		.whole_windows = whole_windows };
	struct toy *toy = calloc(1, sizeof(*toy));
	size_t scores = wick_attention_scratch_floats(&(struct wick_attn_facts){ .k_dim = LATENT_DIM, .v_dim = DIM, .heads = HEADS, .kv_heads = 1 }, CTX);

	assert_non_null(toy);
	wick_kernels_init(&toy->kernels, ~0u);
	toy->shape = make_shape();
	toy->compute.kernels = &toy->kernels;
	assert_int_equal(wick_pool_create(&toy->compute.pool, 2, NULL), 0);
	assert_int_equal(wick_mem_reserve(&toy->mem, wick_kv_bytes(&toy->shape, &size) + wick_mem_cost(2 * scores * sizeof(float)), NULL), 0);
	wick_kv_init(&toy->wick.forward.kv, &toy->shape, &size, &toy->mem);
	toy->attention = (struct wick_attention){ .compute = &toy->compute, .rows = toy->rows, .q = toy->q, .k = toy->k, .v = toy->v,
		.scores = wick_mem_take(&toy->mem, 2 * scores * sizeof(float)), .scores_floats = scores, .spans = toy->spans };
	assert_int_equal(toy->mem.used, toy->mem.bytes);
	for (uint32_t s = 0; s < TALKS; s++)
		toy->sessions[s] = (struct wick_session){ .wick = &toy->wick, .kv = &toy->wick.forward.kv, .seq = &toy->wick.forward.kv.seq[s] };
	return toy;
}

/* All that sequences had is given back. */
static void destroy(struct toy *toy)
{
	const struct wick_kv *kv = &toy->wick.forward.kv;

	for (uint32_t s = 0; s < TALKS; s++)
		assert_int_equal(wick_session_rewind(&toy->sessions[s], 0), 0);
	for (uint32_t p = 0; p < kv->pools; p++)
		assert_int_equal(kv->pool[p].free_count, kv->pool[p].blocks);
	assert_int_equal(kv->recurrent.pool.free_count, kv->recurrent.pool.blocks);
	wick_pool_destroy(toy->compute.pool);
	wick_mem_release(&toy->mem);
	free(toy);
}

static void fill(const struct toy *toy, float *x, char what, uint32_t layer, uint32_t count, uint32_t m)
{
	for (uint32_t row = 0; row < m; row++)
		for (uint32_t i = 0; i < count; i++)
			x[row * count + i] = number(toy->talk[row], toy->rows[row].position, layer, what, i);
}

static void attend(struct toy *toy, uint32_t layer, uint32_t m)
{
	const struct wick_attn_facts *facts = &toy->shape.kind[layer].attn;
	size_t width = wick_heads_width(facts);
	float *out = calloc(ROWS, width * sizeof(*out));

	assert_non_null(out);
	fill(toy, toy->q, 'q', layer, HEADS * facts->k_dim, m);
	fill(toy, toy->k, 'k', layer, facts->k_dim, m);
	fill(toy, toy->v, 'v', layer, facts->v_dim, m);
	toy->attention.facts = facts;
	toy->attention.layer = layer;
	toy->attention.m = m;
	toy->attention.out = out;
	wick_attend(&toy->attention);
	for (uint32_t row = 0; row < m; row++)
		memcpy(toy->out[layer][row], out + row * width, width * sizeof(*out));
	free(out);
}

/* state = DECAY * state + k v', and what q makes of it. */
static void recur(const struct wick_recurrent_row *state, const float *q, const float *k, const float *v, float *out)
{
	memset(out, 0, SIDE * sizeof(*out));
	for (uint32_t i = 0; i < SIDE; i++)
		for (uint32_t j = 0; j < SIDE; j++) {
			uint32_t at = i * SIDE + j;

			state->to[at] = DECAY * (state->from ? state->from[at] : 0) + k[i] * v[j];
			out[j] += q[i] * state->to[at];
		}
	if (state->copy)
		memcpy(state->copy, state->to, SIDE * SIDE * sizeof(*state->copy));
}

static void recur_all(struct toy *toy, uint32_t m)
{
	fill(toy, toy->q, 'q', RECURRENT, SIDE, m);
	fill(toy, toy->k, 'k', RECURRENT, SIDE, m);
	fill(toy, toy->v, 'v', RECURRENT, SIDE, m);
	for (uint32_t row = 0; row < m; row++) {
		const struct wick_kv *kv = &toy->wick.forward.kv;
		struct wick_recurrent_row state = wick_kv_state(kv, toy->rows[row].seq, RECURRENT, toy->rows[row].position);

		recur(&state, toy->q + row * SIDE, toy->k + row * SIDE, toy->v + row * SIDE, toy->out[RECURRENT][row]);
	}
}

/* The rows of a pass. */
static void compute(struct toy *toy, uint32_t m)
{
	for (uint32_t row = 0; row < m; row++)
		wick_kv_advance(&toy->wick.forward.kv, toy->sessions[toy->rows[row].seq - toy->wick.forward.kv.seq].seq, toy->rows[row].position);
	for (uint32_t layer = 0; layer < LAYERS; layer++)
		if (layer == RECURRENT)
			recur_all(toy, m);
		else
			attend(toy, layer, m);
}

static void enter(struct toy *toy, uint32_t s, uint32_t count)
{
	uint32_t position = toy->sessions[s].position;

	wick_kv_extend(&toy->wick.forward.kv, toy->sessions[s].seq, position, position + count);
}

static void leave(struct toy *toy, uint32_t s, uint32_t count)
{
	toy->sessions[s].position += count;
	wick_kv_end(&toy->wick.forward.kv, toy->sessions[s].seq, toy->sessions[s].position);
}

static void add_rows(struct toy *toy, uint32_t at, uint32_t s, uint32_t talk, uint32_t position, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		toy->rows[at + i] = (struct wick_batch_row){ .seq = toy->sessions[s].seq, .position = position + i };
		toy->talk[at + i] = talk;
	}
}

static void check_row(const struct toy *toy, uint32_t row)
{
	for (uint32_t layer = 0; layer < LAYERS; layer++)
		if (memcmp(toy->out[layer][row], truth[toy->talk[row]][toy->rows[row].position][layer], sizeof(toy->out[layer][row])))
			fail_msg("layer %u: other bits at position %u", layer, toy->rows[row].position);
}

/* A session goes on with a conversation's tokens, `most` in a pass, all in one evaluation. */
static void go_on(struct toy *toy, uint32_t s, uint32_t talk, uint32_t to, uint32_t most)
{
	uint32_t from = toy->sessions[s].position;

	if (from == to)
		return;
	enter(toy, s, to - from);
	for (uint32_t p = from, m; p < to; p += m) {
		m = WICK_MIN(most, to - p);
		add_rows(toy, 0, s, talk, p, m);
		compute(toy, m);
		for (uint32_t row = 0; row < m; row++)
			check_row(toy, row);
	}
	leave(toy, s, to - from);
}

/* Nothing is left of an evaluation but that it was there. */
static void fail_some(struct toy *toy, uint32_t s, uint32_t count)
{
	struct wick_session *session = &toy->sessions[s];
	uint32_t position = session->position;

	enter(toy, s, count);
	add_rows(toy, 0, s, TALKS - 1, position, count);
	compute(toy, count);
	assert_int_equal(wick_kv_reach(session->kv, session->seq, position), position);
	wick_kv_cut(session->kv, session->seq, position);
}

static int find_truth(void **state)
{
	struct toy *toy = make(true);

	(void)state;
	for (uint32_t talk = 0; talk < TALKS; talk++)
		for (uint32_t p = 0; p < TOKENS; p++) {
			enter(toy, talk, 1);
			add_rows(toy, 0, talk, talk, p, 1);
			compute(toy, 1);
			leave(toy, talk, 1);
			for (uint32_t layer = 0; layer < LAYERS; layer++)
				memcpy(truth[talk][p][layer], toy->out[layer][0], sizeof(truth[talk][p][layer]));
		}
	destroy(toy);
	return 0;
}

/* Of a position, as the arithmetic is written down; a latent's values are the first numbers of its keys. */
static void attend_plainly(uint32_t talk, uint32_t position, uint32_t layer, uint32_t head, double sum[DIM])
{
	uint32_t k_dim = layer == LATENT ? LATENT_DIM : DIM, first = layer == WINDOWED && position >= WINDOW ? position + 1 - WINDOW : 0;
	double total = 0;

	memset(sum, 0, DIM * sizeof(*sum));
	for (uint32_t p = first; p <= position; p++) {
		double score = 0, share;

		for (uint32_t c = 0; c < k_dim; c++)
			score += (double)number(talk, position, layer, 'q', head * k_dim + c) * (double)number(talk, p, layer, 'k', c);
		share = exp(score / sqrt(DIM));
		total += share;
		for (uint32_t c = 0; c < DIM; c++)
			sum[c] += share * (double)number(talk, p, layer, layer == LATENT ? 'k' : 'v', c);
	}
	for (uint32_t c = 0; c < DIM; c++)
		sum[c] /= total;
}

static void recur_plainly(uint32_t talk, uint32_t position, double sum[SIDE])
{
	memset(sum, 0, SIDE * sizeof(*sum));
	for (uint32_t p = 0; p <= position; p++)
		for (uint32_t i = 0; i < SIDE; i++)
			for (uint32_t j = 0; j < SIDE; j++)
				sum[j] += pow((double)DECAY, position - p) * (double)number(talk, position, RECURRENT, 'q', i) *
					(double)number(talk, p, RECURRENT, 'k', i) * (double)number(talk, p, RECURRENT, 'v', j);
}

static void check_near(const float *got, const double *wanted, uint32_t count, uint32_t layer, uint32_t position)
{
	for (uint32_t i = 0; i < count; i++)
		if (!(fabs((double)got[i] - wanted[i]) < ERROR_MAX))
			fail_msg("layer %u, position %u: %g, not %g", layer, position, (double)got[i], wanted[i]);
}

static void definition(void **state)
{
	static const uint32_t positions[] = { 0, 1, 39, 40, 127, 128, 310, TOKENS - 1 };
	double wanted[DIM];

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(positions); i++) {
		for (uint32_t layer = 0; layer < RECURRENT; layer++)
			for (uint32_t head = 0; head < HEADS; head++) {
				attend_plainly(1, positions[i], layer, head, wanted);
				check_near(truth[1][positions[i]][layer] + head * DIM, wanted, DIM, layer, positions[i]);
			}
		recur_plainly(1, positions[i], wanted);
		check_near(truth[1][positions[i]][RECURRENT], wanted, SIDE, RECURRENT, positions[i]);
	}
}

/* Some rows of each conversation in a pass. */
static void company(void **state)
{
	static const uint32_t most[] = { 1, 7, ROWS / TALKS };

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(most); i++) {
		struct toy *toy = make(i % 2);

		while (toy->sessions[0].position < TOKENS) {
			uint32_t position = toy->sessions[0].position, count = WICK_MIN(most[i], TOKENS - position);

			for (uint32_t s = 0; s < TALKS; s++) {
				enter(toy, s, count);
				add_rows(toy, s * count, s, s, position, count);
			}
			compute(toy, TALKS * count);
			for (uint32_t row = 0; row < TALKS * count; row++)
				check_row(toy, row);
			for (uint32_t s = 0; s < TALKS; s++)
				leave(toy, s, count);
		}
		destroy(toy);
	}
}

/* To the copy before, or to the beginning where windows do not reach as far; and on from there. */
static void back_and_again(void **state)
{
	static const struct { uint32_t position, whole, windowed; } asked[] = {
		{ 500, 500, 500 }, { 499, 384, 384 }, { 385, 384, 384 }, { 384, 384, 384 }, { 383, 256, 256 }, { 200, 128, 0 }, { 128, 128, 0 },
		{ 127, 0, 0 }, { 0, 0, 0 } };

	(void)state;
	for (int whole = 0; whole < 2; whole++) {
		struct toy *toy = make(whole);
		struct wick_session *session = &toy->sessions[0];

		for (unsigned i = 0; i < WICK_COUNT_OF(asked); i++) {
			uint32_t reached = whole ? asked[i].whole : asked[i].windowed;

			go_on(toy, 0, 0, 500, 100);
			assert_int_equal(wick_session_reach(session, asked[i].position), reached);
			assert_int_equal(wick_session_rewind(session, asked[i].position), reached);
			assert_int_equal(wick_session_position(session), reached);
			go_on(toy, 0, reached > SHARED ? 0 : i % 2, TOKENS, 60);
			wick_session_rewind(session, 0);
		}
		destroy(toy);
	}
}

/* Whatever an evaluation that fails has gone over, copies among it, the session goes on as if it had not been. */
static void failed(void **state)
{
	struct toy *toy = make(false);

	(void)state;
	fail_some(toy, 0, ROWS);
	go_on(toy, 0, 0, 120, 50);
	fail_some(toy, 0, 20);
	fail_some(toy, 0, 1);
	go_on(toy, 0, 0, 128, 3);
	fail_some(toy, 0, ROWS);
	assert_int_equal(wick_session_reach(&toy->sessions[0], 127), 0);
	go_on(toy, 0, 0, 200, ROWS);
	fail_some(toy, 0, ROWS);
	assert_int_equal(wick_session_rewind(&toy->sessions[0], 199), STEP);
	go_on(toy, 0, 0, TOKENS, ROWS);
	destroy(toy);
}

/* By reference: nothing is taken for it, and what each makes of it is its own. */
static void shared(void **state)
{
	static const struct { uint32_t asked, whole; } cases[] = { { SHARED, SHARED }, { SHARED - 1, 256 }, { 256, 256 }, { 140, 128 }, { 1, 0 } };

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(cases); i++) {
		struct toy *toy = make(true);
		const struct wick_kv *kv = &toy->wick.forward.kv;
		uint32_t states, blocks;

		go_on(toy, 0, 0, SHARED, 90);
		states = kv->recurrent.pool.free_count;
		blocks = kv->pool[0].free_count;
		assert_int_equal(wick_session_share(&toy->sessions[1], &toy->sessions[0], cases[i].asked, NULL), 0);
		assert_int_equal(wick_session_position(&toy->sessions[1]), cases[i].whole);
		assert_int_equal(wick_session_share(&toy->sessions[2], &toy->sessions[1], cases[i].whole, NULL), 0);
		assert_int_equal(kv->recurrent.pool.free_count, states);
		assert_int_equal(kv->pool[0].free_count, blocks);
		go_on(toy, 1, 1, TOKENS, 40);
		go_on(toy, 0, 0, TOKENS - 30, 70);
		assert_int_equal(wick_session_rewind(&toy->sessions[0], 0), 0);
		go_on(toy, 2, 2, TOKENS, ROWS);
		assert_int_equal(wick_session_rewind(&toy->sessions[1], SHARED + 1), 256);
		go_on(toy, 1, 2, TOKENS, 11);
		destroy(toy);
	}
}

/* A latent has one row a position, and a recurrent layer none; copies are counted beside them. */
static void as_much_as_is_said(void **state)
{
	const struct wick_shape shape = make_shape();
	struct toy *toy = make(false);
	const struct wick_kv *kv = &toy->wick.forward.kv;

	(void)state;
	assert_int_equal(wick_kv_position_bytes(&shape, WICK_F16), 2 * (2 * DIM + 2 * DIM + LATENT_DIM));
	assert_int_equal(kv->layer[LATENT].state, WICK_STATE_LATENT);
	assert_int_equal(kv->layer[RECURRENT].state, WICK_STATE_RECURRENT);
	assert_int_equal(kv->layer[WINDOWED].state, WICK_STATE_WINDOW);
	assert_int_equal(kv->recurrent.state_bytes, SIDE * SIDE * sizeof(float));
	assert_int_equal(kv->recurrent.step, STEP);
	assert_int_equal(kv->recurrent.pool.blocks, TALKS * (CTX / STEP + 2));
	destroy(toy);
}

static void not_for_files(void **state)
{
	struct toy *toy = make(false);
	struct wick_diag diag;
	uint32_t ids[TOKENS];

	(void)state;
	go_on(toy, 0, 0, 200, 100);
	assert_int_equal(wick_session_keep(&toy->sessions[0], ids, "kept", &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "what recurrent layers have is not for files"));
	assert_int_equal(wick_session_resume(&toy->sessions[1], "kept", ids, TOKENS, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "what recurrent layers have is not for files"));
	destroy(toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(definition),
		cmocka_unit_test(company),
		cmocka_unit_test(back_and_again),
		cmocka_unit_test(failed),
		cmocka_unit_test(shared),
		cmocka_unit_test(as_much_as_is_said),
		cmocka_unit_test(not_for_files),
	};

	return cmocka_run_group_tests(tests, find_truth, NULL);
}
