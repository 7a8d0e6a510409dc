/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Bundles of another kind than neurons: three unequal parts of three types and 96 or 64 rows each, in tensors that begin
 * anywhere, some check blocks a part; and three sets of them that share one cache. Over the drive of io/sim.c they are read,
 * checked, cached, evicted and read again: what a turn has chosen has the bytes of the file in all its parts, whatever the
 * drive did on the way, and what it did for ever is said. A failure prints its seed. */

#include "sim.h"

#include "bits.h"
#include "draw.h"
#include "kernels.h"
#include "mem.h"
#include "model.h"
#include "pool.h"
#include "turn.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SETS 3
#define EXPERTS 8
#define CAPACITY 10 /* slots, for 24 bundles */
#define MOST 6      /* chosen of a set */
#define TURNS 150   /* of each set */
#define CHUNK 4096  /* of a read: a part takes some, and none is whole check blocks */
#define SEEDS 12
#define IMAGE_BYTES 700000

static const struct {
	enum wick_type type;
	uint32_t rows, cols, check_rows;
} parts[WICK_PARTS] = { { WICK_Q4_0, 96, 64, 16 }, { WICK_F16, 96, 64, 32 }, { WICK_Q8_0, 64, 96, 8 } };

static uint8_t image[IMAGE_BYTES];
static uint64_t image_bytes;
static struct wick_tensor tensors[SETS][WICK_PARTS];
static uint32_t crcs[SETS][WICK_PARTS][EXPERTS * 96];
static uint8_t learned[SETS][WICK_PARTS][EXPERTS * 96];

struct world {
	uint64_t seed;
	struct wick_sim *sim;
	struct wick_file file;
	struct wick_fetch fetch;
	struct wick_kernels kernels;
	struct wick_mem mem;
	struct wick_bundle_kind kind;
	struct wick_bundle_set sets[SETS];
	struct wick_group group;
	struct wick_member members[SETS];
	struct wick_drawing drawing;
	struct wick_draw demand, ahead;
	struct wick_diag diag;
	uint64_t chosen, absent, repaired, blocks;
};

static struct world world;

static void check(bool condition, const char *words)
{
	if (!condition)
		fail_msg("seed %llu: %s; %s", (unsigned long long)world.seed, words, world.diag.text);
}
#define CHECK(condition) check(condition, #condition)

/* CRC-32C bit by bit, by its definition. */
static uint32_t crc_of(const uint8_t *bytes, uint64_t count)
{
	uint32_t crc = ~0u;

	for (uint64_t i = 0; i < count; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* One behind the other, at multiples of 32 that no block of the drive begins at, to the end of the file. */
static void make_file(uint64_t seed)
{
	uint64_t at = 4096 + 96;

	for (uint64_t i = 0; i < IMAGE_BYTES; i++)
		image[i] = (uint8_t)wick_sim_draw(&seed, 256);
	memset(tensors, 0, sizeof(tensors));
	for (unsigned s = 0; s < SETS; s++)
		for (unsigned p = 0; p < WICK_PARTS; p++) {
			struct wick_tensor *tensor = &tensors[s][p];

			*tensor = (struct wick_tensor){ .type = parts[p].type, .rows = EXPERTS * parts[p].rows, .cols = parts[p].cols,
				.row_bytes = wick_type_bytes(parts[p].type, parts[p].cols), .check_rows = parts[p].check_rows,
				.offset = at, .crcs = crcs[s][p] };
			snprintf(tensor->name, sizeof(tensor->name), "blk.%u.part%u", s, p);
			for (uint64_t row = 0; row < tensor->rows; row += tensor->check_rows)
				crcs[s][p][row / tensor->check_rows] =
					crc_of(image + at + row * tensor->row_bytes, tensor->check_rows * tensor->row_bytes);
			at = wick_align_up(at + wick_tensor_bytes(tensor), 32) + (s + p == 2 * (SETS - 1) ? 0 : 32);
		}
	image_bytes = tensors[SETS - 1][WICK_PARTS - 1].offset + wick_tensor_bytes(&tensors[SETS - 1][WICK_PARTS - 1]);
	assert_true(image_bytes <= IMAGE_BYTES && image_bytes % 512);
}

static void make_members(void)
{
	const struct wick_group_shape shape = { .keys = SETS * EXPERTS, .capacity = CAPACITY, .blocks = world.kind.blocks,
		.slot_bytes = world.kind.slot_bytes, .policy = wick_policy_find("lru") };
	uint64_t bytes = wick_group_bytes(&shape) + wick_drawing_bytes(&world.kind) +
		2 * wick_draw_bytes(&world.kind, CHUNK, CAPACITY);

	assert_int_equal(wick_mem_reserve(&world.mem, bytes, NULL), 0);
	wick_group_init(&world.group, &shape, &world.mem);
	wick_drawing_init(&world.drawing, &world.kind, &world.fetch, CHUNK, &world.mem);
	wick_draw_init(&world.demand, &world.drawing, CAPACITY, &world.mem);
	wick_draw_init(&world.ahead, &world.drawing, CAPACITY, &world.mem);
	assert_int_equal(world.mem.used, bytes);
	world.drawing.price = (struct wick_extent_price){ .count = 1, .bytes = { 4096 }, .us = { 1 } };
	for (uint32_t s = 0; s < SETS; s++)
		world.members[s] = (struct wick_member){ .set = &world.sets[s], .group = &world.group, .first = s * EXPERTS,
			.last = s == SETS - 1 };
}

static void begin(uint64_t seed, struct wick_sim_options faults)
{
	const struct wick_io_options options = { .depth = 8, .retries = 4 };

	memset(&world, 0, sizeof(world));
	world.seed = seed;
	make_file(seed);
	faults.seed = seed;
	faults.image = image;
	faults.image_bytes = image_bytes;
	faults.latency_ns_min = 1000;
	faults.latency_ns_max = 100000;
	assert_int_equal(wick_sim_create(&world.fetch.io, &world.sim, &world.file, &faults, &options), 0);
	wick_kernels_init(&world.kernels, ~0u);
	assert_int_equal(wick_pool_create(&world.fetch.pool, 1, NULL), 0);
	world.fetch.file = &world.file;
	world.fetch.kernels = &world.kernels;
	world.fetch.chunk_bytes = CHUNK;
	for (uint32_t s = 0; s < SETS; s++) {
		const struct wick_tensor *const of[WICK_PARTS] = { &tensors[s][0], &tensors[s][1], &tensors[s][2] };

		wick_bundle_of_experts(&world.kind, of, EXPERTS);
		world.sets[s] = (struct wick_bundle_set){ .kind = &world.kind, .layer = s, .count = EXPERTS,
			.tensor = { of[0], of[1], of[2] } };
	}
	make_members();
}

static void end(void)
{
	wick_io_destroy(world.fetch.io);
	wick_pool_destroy(world.fetch.pool);
	wick_mem_release(&world.mem);
}

/* Checks, and mends, what of a draw is here. */
static int take_in(struct wick_draw *draw)
{
	struct wick_draw_block block;
	int err = 0;

	while (!err && wick_draw_next(draw, &block)) {
		const struct wick_wanted *wanted = &draw->wanted[block.k];
		const struct wick_bundle_set *set = draw->member->set;
		uint8_t *slot = wick_cache_at(&world.group.cache, wanted->row);

		world.blocks++;
		if (block.failed || !wick_draw_is_right(&world.drawing, set, wanted->bundle, block.block, slot)) {
			world.repaired++;
			err = wick_draw_repair(&world.drawing, set, wanted->bundle, block.block, slot, &world.diag);
		}
		if (!err)
			wick_group_landed(&world.group, wanted->row);
	}
	return err;
}

static int bring(struct wick_draw *draw)
{
	int err = 0;

	while (!err && !wick_draw_idle(draw)) {
		if (!draw->back)
			wick_fetch_wait(&world.fetch);
		err = take_in(draw);
	}
	return err;
}

/* Every part of a bundle is what the file has. */
static void check_bundle(const struct wick_member *member, uint32_t bundle)
{
	uint32_t slot = world.group.cache.slot_of_key[member->first + bundle];

	CHECK(slot != WICK_NO_SLOT && !world.group.cache.in_flight[slot]);
	for (unsigned p = 0; p < WICK_PARTS; p++) {
		const struct wick_tensor *tensor = member->set->tensor[p];
		uint64_t bytes = parts[p].rows * tensor->row_bytes;
		const uint8_t *data =
			wick_draw_part(&world.drawing, member->set, p, bundle, wick_cache_at(&world.group.cache, slot));

		CHECK(!memcmp(data, image + tensor->offset + bundle * bytes, bytes));
	}
}

static uint32_t choose(uint64_t *random, uint32_t *ids)
{
	uint32_t count = 0;

	for (uint32_t id = 0; id < EXPERTS && count < MOST; id++)
		if (wick_sim_draw(random, 10) < (id < 3 ? 7 : 3))
			ids[count++] = id;
	return count;
}

/* The bundles of the next set that may be wanted are read under this one, and take none of its slots. */
static void look_ahead(uint64_t *random, uint32_t set, const struct wick_turn *turn)
{
	struct wick_member *next = &world.members[(set + 1) % SETS];
	const float probability[MOST] = { 1, 1, 1, 1, 1, 1 };
	uint32_t ids[MOST], count = choose(random, ids);

	wick_policy_hold(world.group.policy, &world.group.cache, turn->member->first, turn->ids + turn->done, turn->n);
	count = wick_policy_admit_probable(
		world.group.policy, &world.group.cache, next->first, ids, probability, count, 2, ids, count, world.ahead.wanted);
	wick_extent_sort(world.ahead.wanted, count);
	wick_draw_start(&world.ahead, next, count, WICK_IO_PREFETCH);
}

/* Those below some number are sent for before it is known which of the others are chosen; of these nothing is given up. */
static void send_early(uint64_t *random, struct wick_turn *turn, uint32_t count)
{
	const uint32_t *slot_of_id = world.group.cache.slot_of_key + turn->member->first;
	uint32_t end = (uint32_t)wick_sim_draw(random, EXPERTS + 1), known = 0, here = 0, still_here = 0, absent;

	while (known < count && turn->ids[known] < end)
		known++;
	for (uint32_t id = end; id < EXPERTS; id++)
		here += slot_of_id[id] != WICK_NO_SLOT;
	absent = wick_turn_early(turn, known, end, CAPACITY, world.demand.wanted);
	for (uint32_t id = end; id < EXPERTS; id++)
		still_here += slot_of_id[id] != WICK_NO_SLOT;
	CHECK(here == still_here);
	wick_draw_start(&world.demand, turn->member, absent, WICK_IO_DEMAND);
	wick_turn_complete(turn, count);
	world.absent += absent;
}

static int take_turn(uint64_t *random, uint32_t set, bool ahead)
{
	uint32_t ids[MOST], count = choose(random, ids);
	bool early = wick_sim_draw(random, 2);
	struct wick_turn turn;
	int err = 0;

	wick_turn_begin(&turn, &world.members[set], ids, early ? 0 : count);
	if (early)
		send_early(random, &turn, count);
	for (; !err && wick_turn_next(&turn, CAPACITY, world.demand.wanted + (early ? world.demand.count : 0)); early = false) {
		world.chosen += turn.n;
		world.absent += turn.absent;
		err = bring(&world.ahead); /* some of it may be wanted now */
		if (early)
			wick_draw_more(&world.demand, turn.absent, WICK_IO_DEMAND);
		else
			wick_draw_start(&world.demand, turn.member, turn.absent, WICK_IO_DEMAND);
		if (!err && ahead)
			look_ahead(random, set, &turn);
		if (!err)
			err = bring(&world.demand);
		for (uint32_t k = 0; !err && k < turn.n; k++)
			check_bundle(turn.member, ids[turn.done + k]);
	}
	wick_turn_end(&turn);
	return err;
}

static int run(uint64_t seed, bool ahead)
{
	uint64_t random = seed;
	int err = 0;

	for (uint32_t t = 0; !err && t < TURNS; t++)
		for (uint32_t s = 0; !err && s < SETS; s++)
			err = take_turn(&random, s, ahead);
	return err;
}

static void lies_where_it_should(void **state)
{
	(void)state;
	begin(1, (struct wick_sim_options){ 0 });
	assert_int_equal(world.kind.blocks, 6 + 3 + 8);
	assert_int_equal(world.kind.neurons, 96);
	assert_int_equal(world.kind.bytes, 96 * 36 + 96 * 128 + 64 * 102);
	assert_false(world.kind.aligned);
	for (uint32_t s = 0; s < SETS; s++)
		for (uint32_t p = 0; p < WICK_PARTS; p++) {
			const struct wick_bundle_range *range = &world.kind.range[p];

			assert_int_equal(range->slot_at % 4096, 0);
			assert_true(range->bytes + 4095 <= range->slot_bytes);
		}
	end();
}

static void keeps_and_reads_again(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		begin(seed, (struct wick_sim_options){ 0 });
		CHECK(run(seed, seed % 2) == 0);
		CHECK(world.absent > SETS * EXPERTS && world.absent < world.chosen); /* evicted, and kept */
		CHECK(!world.repaired && world.blocks >= world.absent * world.kind.blocks);
		end();
	}
}

static void survives_what_passes(void **state)
{
	uint64_t repaired = 0, lies = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		begin(seed, (struct wick_sim_options){ .short_per_mille = 50, .transient_per_mille = 50, .eio_once_per_mille = 20,
			.flip_per_mille = 10, .torn_per_mille = 5 });
		CHECK(run(seed, seed % 2) == 0);
		repaired += world.repaired;
		lies += wick_sim_lies(world.sim);
		end();
	}
	assert_true(lies && repaired);
}

/* A file without checksums: the first arrival of a block makes its own, a later one that differs is read again. */
static void learns(void **state)
{
	uint32_t known = 0;

	(void)state;
	begin(5, (struct wick_sim_options){ 0 });
	memset(learned, 0, sizeof(learned));
	for (unsigned s = 0; s < SETS; s++)
		for (unsigned p = 0; p < WICK_PARTS; p++) {
			memset(crcs[s][p], 0, sizeof(crcs[s][p]));
			tensors[s][p].learned = learned[s][p];
			tensors[s][p].learned_crcs = crcs[s][p];
		}
	CHECK(run(5, false) == 0);
	for (unsigned s = 0; s < SETS; s++)
		for (unsigned p = 0; p < WICK_PARTS; p++)
			for (uint32_t b = 0; b < EXPERTS * parts[p].rows / parts[p].check_rows; b++)
				known += learned[s][p][b];
	assert_int_equal(known, SETS * EXPERTS * world.kind.blocks);
	image[tensors[1][1].offset + 5 * 96 * 128 + 1000]++; /* the file changes under the run */
	wick_group_empty(&world.group);
	CHECK(run(5, false) == -EBADMSG);
	CHECK(strstr(world.diag.text, "blk.1.part1: rows 480..511"));
	end();
}

/* One byte of the file is wrong, or cannot be read: what is said names it, and it is an error only where it is wanted. */
static void says_what_does_not_pass(void **state)
{
	const uint64_t row = 3 * 64 + 17; /* of down, set 2, expert 3: block 16..23 of its own */
	uint64_t at;

	(void)state;
	begin(7, (struct wick_sim_options){ 0 });
	at = tensors[2][2].offset + row * tensors[2][2].row_bytes + 50;
	image[at] ^= 4;
	CHECK(run(7, false) == -EBADMSG);
	CHECK(strstr(world.diag.text, "blk.2.part2: rows 208..215"));
	end();
	begin(7, (struct wick_sim_options){ .bad_offset = at, .bad_bytes = 1 });
	CHECK(run(7, false) == -EIO);
	CHECK(strstr(world.diag.text, "blk.2.part2"));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_where_it_should),
		cmocka_unit_test(keeps_and_reads_again),
		cmocka_unit_test(survives_what_passes),
		cmocka_unit_test(learns),
		cmocka_unit_test(says_what_does_not_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
