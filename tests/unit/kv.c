/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What sequences keep: whatever they do, take positions, go back, share and leave, each layer finds what it may look at as it was
 * written, no pool runs out while pool 0 does not, what is given back is free, and memory is what the plan counts. */

#include "kv.h"

#include "bits.h"
#include "compute.h"
#include "mem.h"
#include "splitmix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CTX 1000
#define SEQUENCES 5
#define LAYERS 5
#define ALL_LAYERS 8 /* with a latent, and two that are recurrent */
#define STEPS 3000

enum { LATENT = 4, RECURRENT, KINDS };

static const uint32_t windows[KINDS] = { 0, 40, 100, 900 }; /* the last of them is as good as none */
static const uint8_t kind_of_layer[ALL_LAYERS] = { 1, 0, 2, 1, 3, RECURRENT, LATENT, RECURRENT };

struct world {
	struct wick_shape shape;
	struct wick_kv_shape size;
	struct wick_kv kv;
	struct wick_mem mem;
	uint64_t seed;
	uint32_t positions[SEQUENCES];
	uint32_t history[SEQUENCES][CTX]; /* what each position was written with */
	uint32_t written;
};

static void open_world(struct world *world, uint32_t layers, uint32_t blocks, bool whole)
{
	memset(world, 0, sizeof(*world));
	world->shape = (struct wick_shape){ .layers = layers, .d_model = 64, .kinds = KINDS, .kind_of_layer = kind_of_layer };
	for (unsigned i = 0; i < KINDS; i++)
		world->shape.kind[i].attn = (struct wick_attn_facts){ .heads = 2, .kv_heads = 1 + i % 2, .k_dim = 4, .v_dim = 2,
			.window = windows[i], .latent = i == LATENT };
	world->shape.kind[LATENT].attn.kv_heads = 1;
	world->shape.kind[RECURRENT].attn = (struct wick_attn_facts){ .state_floats = 1 };
	world->size = (struct wick_kv_shape){ .blocks = blocks, .sequences = SEQUENCES, .ctx = CTX, .type = WICK_F16,
		.whole_windows = whole };
	assert_int_equal(wick_mem_reserve(&world->mem, wick_kv_bytes(&world->shape, &world->size), NULL), 0);
	wick_kv_init(&world->kv, &world->shape, &world->size, &world->mem);
	assert_int_equal(world->mem.used, world->mem.bytes);
	world->seed = blocks;
}

static uint32_t draw(struct world *world, uint32_t below)
{
	return (uint32_t)((wick_splitmix_draw(&world->seed) >> 32) % below);
}

/* The first key of a position in a layer, which is written as a whole number. */
static uint8_t *place(const struct world *world, uint32_t s, uint32_t layer, uint32_t position)
{
	const struct wick_kv_layer *at = &world->kv.layer[layer];
	uint64_t block = world->kv.seq[s].in[at->pool].block[position / WICK_KV_BLOCK];

	return at->keys + (block * at->heads * WICK_KV_BLOCK + position % WICK_KV_BLOCK) * at->key_bytes;
}

static uint32_t stir(uint32_t state, uint32_t written, uint32_t layer)
{
	return (state ^ written) * 2654435761u + layer;
}

/* What a recurrent layer makes of what was written last. */
static void change(const struct world *world, uint32_t s, uint32_t layer, uint32_t position)
{
	struct wick_recurrent_row row = wick_kv_state(&world->kv, &world->kv.seq[s], layer, position);
	uint32_t state = 0;

	if (row.from)
		memcpy(&state, row.from, sizeof(state));
	state = stir(state, world->history[s][position], layer);
	memcpy(row.to, &state, sizeof(state));
	if (row.copy)
		memcpy(row.copy, &state, sizeof(state));
}

static bool is_recurrent(const struct world *world, uint32_t layer)
{
	return world->kv.layer[layer].state == WICK_STATE_RECURRENT;
}

/* Returns how many positions there are room for, which are written, and not the sequence's so far. */
static uint32_t write_some(struct world *world, uint32_t s, uint32_t count)
{
	struct wick_kv_seq *seq = &world->kv.seq[s];
	uint32_t from = world->positions[s];

	count = WICK_MIN(count, CTX - from);
	while (count && wick_kv_needed(&world->kv, seq, from, from + count, 0) > wick_kv_free(&world->kv))
		count--;
	wick_kv_extend(&world->kv, seq, from, from + count);
	for (uint32_t i = 0; i < count; i++) {
		wick_kv_advance(&world->kv, seq, from + i);
		world->history[s][from + i] = ++world->written;
		for (uint32_t layer = 0; layer < world->shape.layers; layer++)
			if (is_recurrent(world, layer))
				change(world, s, layer, from + i);
			else
				memcpy(place(world, s, layer, from + i), &world->written, sizeof(world->written));
	}
	return count;
}

static void append(struct world *world, uint32_t s, uint32_t count)
{
	count = write_some(world, s, count);
	world->positions[s] += count;
	if (count)
		wick_kv_end(&world->kv, &world->kv.seq[s], world->positions[s]);
}

static void go_back(struct world *world, uint32_t s, uint32_t position)
{
	position = wick_kv_reach(&world->kv, &world->kv.seq[s], position);
	wick_kv_cut(&world->kv, &world->kv.seq[s], position);
	world->positions[s] = position;
}

/* As a batch that fails: afterwards it has what it had. */
static void fail_batch(struct world *world, uint32_t s, uint32_t count)
{
	uint32_t before = world->positions[s];

	write_some(world, s, count);
	go_back(world, s, before);
	assert_int_equal(world->positions[s], before);
}

static void share(struct world *world, uint32_t s, uint32_t from)
{
	uint32_t positions = wick_kv_reach(&world->kv, &world->kv.seq[from], draw(world, world->positions[from] + 1));

	wick_kv_cut(&world->kv, &world->kv.seq[s], 0);
	wick_kv_share(&world->kv, &world->kv.seq[s], &world->kv.seq[from], positions);
	memcpy(world->history[s], world->history[from], positions * sizeof(*world->history[s]));
	world->positions[s] = positions;
}

/* What a recurrent layer has made of all that there is. */
static void check_state(const struct world *world, uint32_t s, uint32_t layer)
{
	const struct wick_recurrent *recurrent = &world->kv.recurrent;
	uint64_t at = world->kv.seq[s].recurrent.now * recurrent->state_bytes + world->kv.layer[layer].floats_before * sizeof(float);
	uint32_t state = 0;

	assert_int_equal(world->kv.seq[s].recurrent.position, world->positions[s]);
	for (uint32_t p = 0; p < world->positions[s]; p++)
		state = stir(state, world->history[s][p], layer);
	if (world->positions[s])
		assert_memory_equal(recurrent->slots + at, &state, sizeof(state));
}

/* All that the next position of each sequence may look at. */
static void check(const struct world *world)
{
	for (uint32_t s = 0; s < SEQUENCES; s++)
		for (uint32_t layer = 0; layer < world->shape.layers; layer++) {
			uint32_t window = windows[kind_of_layer[layer]], end = world->positions[s];

			if (is_recurrent(world, layer)) {
				check_state(world, s, layer);
				continue;
			}
			for (uint32_t p = window && end + 1 > window ? end + 1 - window : 0; p < end; p++)
				assert_memory_equal(place(world, s, layer, p), &world->history[s][p], sizeof(world->history[s][p]));
		}
}

static void step(struct world *world, uint32_t batch)
{
	uint32_t s = draw(world, SEQUENCES), other = (s + 1 + draw(world, SEQUENCES - 1)) % SEQUENCES, back = draw(world, 200);

	switch (draw(world, 6)) {
	case 0:
		append(world, s, 1 + draw(world, batch));
		return;
	case 1:
		append(world, s, 1 + draw(world, 3));
		return;
	case 2:
		fail_batch(world, s, 1 + draw(world, batch));
		return;
	case 3:
		go_back(world, s, world->positions[s] - WICK_MIN(world->positions[s], back));
		return;
	case 4:
		share(world, s, other);
		return;
	default:
		if (draw(world, 3) == 0)
			go_back(world, s, draw(world, world->positions[s] + 1));
	}
}

static void whatever_they_do(void **state)
{
	static const uint32_t blocks[] = { SEQUENCES, 9, 20, 40, SEQUENCES * 16 };
	struct world *world = malloc(sizeof(*world));

	(void)state;
	assert_non_null(world);
	for (unsigned i = 0; i < 2 * WICK_COUNT_OF(blocks); i++) {
		open_world(world, i % 4 < 2 ? ALL_LAYERS : LAYERS, blocks[i / 2], i % 2);
		assert_int_equal(world->kv.pools, i % 2 ? 1 : 3);
		for (unsigned n = 0; n < STEPS; n++) {
			step(world, wick_batch_rows(&world->shape, CTX, SEQUENCES));
			check(world);
		}
		for (uint32_t s = 0; s < SEQUENCES; s++)
			go_back(world, s, 0);
		for (uint32_t p = 0; p < world->kv.pools; p++)
			assert_int_equal(world->kv.pool[p].free_count, world->kv.pool[p].blocks);
		if (world->kv.recurrent.state_bytes)
			assert_int_equal(world->kv.recurrent.pool.free_count, world->kv.recurrent.pool.blocks);
		wick_mem_release(&world->mem);
	}
	free(world);
}

/* A window, a batch and a block, and no more; a longer way back is all the way. */
static void as_much_as_is_said(void **state)
{
	struct world *world = malloc(sizeof(*world));
	uint32_t layers, batch = 256;
	uint64_t bytes;

	(void)state;
	assert_non_null(world);
	open_world(world, LAYERS, SEQUENCES * 16, false);
	for (uint32_t p = 1; p < world->kv.pools; p++) {
		assert_in_range(world->kv.pool[p].most * WICK_KV_BLOCK, world->kv.pool[p].window + batch,
			world->kv.pool[p].window + batch + 2 * WICK_KV_BLOCK - 1);
		assert_int_equal(world->kv.pool[p].blocks, SEQUENCES * world->kv.pool[p].most);
	}
	bytes = wick_kv_window_bytes(&world->shape, &world->size, &layers);
	assert_int_equal(layers, 3);
	/* Two layers with a window of 40, of 2 heads of 4 and 2 halves, in 6 blocks; one with 100, of one head, in 7. */
	assert_int_equal(bytes, SEQUENCES * WICK_KV_BLOCK * (2ull * 6 * 2 * 12 + 7 * 12));
	append(world, 0, 600);
	assert_int_equal(wick_kv_reach(&world->kv, &world->kv.seq[0], 600), 600);
	assert_int_equal(wick_kv_reach(&world->kv, &world->kv.seq[0], 600 - batch), 600 - batch);
	assert_int_equal(wick_kv_reach(&world->kv, &world->kv.seq[0], 100), 0);
	go_back(world, 0, 0);
	append(world, 0, 5);
	check(world);
	wick_mem_release(&world->mem);
	free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_they_do),
		cmocka_unit_test(as_much_as_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
