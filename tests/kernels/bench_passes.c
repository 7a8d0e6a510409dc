/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One pass of each kernel, in the order in which an engine would read memory. */

#include "bench.h"

#include "bits.h"

#include <string.h>

#define SLICES 16 /* passes over a matrix */
#define LOTS 10   /* a tenth of the neurons is active */

/* So many things by number. */
struct span {
	size_t from, to;
};

/* A thread's share of count. */
static struct span share(size_t count, const struct bench_turn *turn)
{
	return (struct span){ count * turn->thread / turn->threads, count * (turn->thread + 1) / turn->threads };
}

/* The same of the slice that this pass is about; what is in cache is all of it, every time. */
static struct span slice(const struct bench *bench, size_t count, const struct bench_turn *turn)
{
	size_t slices = bench->cached ? 1 : SLICES, at = turn->pass % slices;
	struct span mine = share(count, turn);
	size_t some = mine.to - mine.from;

	return (struct span){ mine.from + some * at / slices, mine.from + some * (at + 1) / slices };
}

/* Plain reading as fast as we know how: four streams at once, into eight sums, so that nothing but memory is waited for. */
size_t bench_read(const struct bench *bench, const struct bench_turn *turn)
{
	struct span lines = slice(bench, bench->bytes / 256, turn); /* of each stream */
	size_t count = lines.to - lines.from;
	const uint8_t *at = bench->matrix + lines.from * 256;
	uint64_t sums[8] = { 0 };

	for (size_t i = 0; i < count; i++)
		for (size_t stream = 0; stream < 4; stream++) {
			const uint64_t *line = (const void *)(at + (stream * count + i) * 64);

			for (int word = 0; word < 8; word++)
				sums[word] += line[word];
		}
	turn->y[0] = (float)(sums[0] ^ sums[1] ^ sums[2] ^ sums[3] ^ sums[4] ^ sums[5] ^ sums[6] ^ sums[7]);
	return count * 256;
}

static size_t matvec_of(const struct bench *bench, const struct bench_turn *turn, size_t cols)
{
	enum wick_type type = bench->kernel->type;
	size_t stride = (size_t)wick_type_bytes(type, cols);
	struct span rows = slice(bench, bench->bytes / stride, turn);

	bench->kernels->matvec[type](
		turn->y, bench->matrix + rows.from * stride, stride, bench->x, rows.to - rows.from, cols);
	return (rows.to - rows.from) * stride;
}

static size_t matvec_pass(const struct bench *bench, const struct bench_turn *turn)
{
	return matvec_of(bench, turn, BENCH_COLS);
}

/* The second half of a trained predictor. */
static size_t rank_pass(const struct bench *bench, const struct bench_turn *turn)
{
	return matvec_of(bench, turn, 96);
}

/* A row of up, then a row of down. */
static size_t bundle_bytes(const struct bench *bench)
{
	return 2 * (size_t)wick_type_bytes(bench->kernel->type, BENCH_COLS);
}

static size_t lot_count(const struct bench *bench)
{
	return bench->bytes / bundle_bytes(bench) / (bench->cached ? 1 : LOTS);
}

/* Every bundle is in one lot, which one is random: so each pass reads others, and none is still in cache when its turn
 * comes again. */
void bench_choose_active(struct bench *bench)
{
	size_t per_lot = lot_count(bench), lots = bench->cached ? 1 : LOTS, filled[LOTS] = { 0 };
	uint64_t random = 7;

	for (uint32_t bundle = 0; bundle < lots * per_lot; bundle++) {
		size_t lot;

		random = random * 6364136223846793005 + 1442695040888963407;
		for (lot = (random >> 33) % lots; filled[lot] == per_lot; lot = (lot + 1) % lots)
			;
		bench->active[lot * per_lot + filled[lot]++] = bundle;
	}
}

/* Both halves of a sparse feed-forward layer: rows of up split by row, then rows of down split by column. */
static size_t pair_pass(const struct bench *bench, const struct bench_turn *turn)
{
	enum wick_type type = bench->kernel->type;
	size_t stride = bundle_bytes(bench), count = lot_count(bench);
	const uint32_t *active = bench->active + (bench->cached ? 0 : turn->pass % LOTS * count);
	struct span rows = share(count, turn), tiles = share(BENCH_COLS / WICK_COLUMN_TILE, turn);
	size_t first = tiles.from * WICK_COLUMN_TILE, cols = tiles.to * WICK_COLUMN_TILE - first;

	bench->kernels->matvec_rows[type](
		turn->y, bench->matrix, stride, active + rows.from, rows.to - rows.from, bench->x, BENCH_COLS);
	memset(turn->y, 0, BENCH_COLS * sizeof(*turn->y));
	bench->kernels->accumulate_rows[type](turn->y, bench->matrix + stride / 2 + wick_type_bytes(type, first),
		stride, active, bench->h, count, cols);
	return (rows.to - rows.from) * stride / 2 + count * (size_t)wick_type_bytes(type, cols);
}

static size_t decode_pass(const struct bench *bench, const struct bench_turn *turn)
{
	size_t stride = (size_t)wick_type_bytes(bench->kernel->type, BENCH_COLS);
	struct span rows = slice(bench, bench->bytes / stride, turn);

	for (size_t r = rows.from; r < rows.to; r++)
		bench->kernels->to_f32[bench->kernel->type](turn->y, bench->matrix + r * stride, BENCH_COLS);
	return (rows.to - rows.from) * stride;
}

/* Bytes read are those of the floats. */
static size_t encode_pass(const struct bench *bench, const struct bench_turn *turn)
{
	size_t stride = BENCH_COLS * sizeof(float);
	struct span rows = slice(bench, bench->bytes / stride, turn);

	for (size_t r = rows.from; r < rows.to; r++)
		bench->kernels->from_f32[bench->kernel->type](
			turn->y, (const float *)(const void *)(bench->matrix + r * stride), BENCH_COLS);
	return (rows.to - rows.from) * stride;
}

static size_t crc32c_pass(const struct bench *bench, const struct bench_turn *turn)
{
	const size_t bundle = 16384;
	struct span bundles = slice(bench, bench->bytes / bundle, turn);

	for (size_t i = bundles.from; i < bundles.to; i++)
		turn->y[0] += (float)bench->kernels->crc32c(0, bench->matrix + i * bundle, bundle);
	return (bundles.to - bundles.from) * bundle;
}

/* The small ones work in cache whatever the matrix: bytes are those of their input. */
static size_t layer_norm_pass(const struct bench *bench, const struct bench_turn *turn)
{
	bench->kernels->layer_norm(turn->y, bench->x, bench->x, bench->x, BENCH_COLS, 1e-5f);
	return BENCH_COLS * sizeof(float);
}

static size_t softmax_pass(const struct bench *bench, const struct bench_turn *turn)
{
	memcpy(turn->y, bench->x, BENCH_COLS * sizeof(float));
	bench->kernels->softmax(turn->y, BENCH_COLS);
	return BENCH_COLS * sizeof(float);
}

static size_t rope_pass(const struct bench *bench, const struct bench_turn *turn)
{
	memcpy(turn->y, bench->x, BENCH_COLS * sizeof(float));
	for (size_t head = 0; head < BENCH_COLS; head += 128)
		bench->kernels->rope_halves(turn->y + head, bench->x, 128);
	return BENCH_COLS * sizeof(float);
}

const struct bench_kernel bench_kernels[] = {
	{ "matvec", WICK_F32, matvec_pass },
	{ "matvec", WICK_F16, matvec_pass },
	{ "matvec", WICK_BF16, matvec_pass },
	{ "matvec", WICK_Q8_0, matvec_pass },
	{ "matvec", WICK_Q4_0, matvec_pass },
	{ "matvec", WICK_Q4_1, matvec_pass },
	{ "matvec", WICK_Q5_0, matvec_pass },
	{ "matvec", WICK_Q5_1, matvec_pass },
	{ "matvec", WICK_Q2_K, matvec_pass },
	{ "matvec", WICK_Q3_K, matvec_pass },
{ "matvec", WICK_Q4_K, matvec_pass },
	{ "matvec", WICK_Q5_K, matvec_pass },
	{ "matvec", WICK_Q6_K, matvec_pass },
	{ "matvec", WICK_IQ4_NL, matvec_pass },
	{ "matvec", WICK_IQ4_XS, matvec_pass },
	{ "matvec", WICK_MXFP4, matvec_pass },
	{ "matvec", WICK_IQ2_XXS, matvec_pass },
	{ "matvec", WICK_IQ2_XS, matvec_pass },
	{ "matvec", WICK_IQ2_S, matvec_pass },
	{ "matvec", WICK_IQ3_XXS, matvec_pass },
	{ "matvec", WICK_IQ3_S, matvec_pass },
	{ "matvec", WICK_Q2, matvec_pass },
	{ "matvec 96", WICK_Q4_0, rank_pass },
	{ "sparse pair", WICK_F16, pair_pass },
	{ "sparse pair", WICK_BF16, pair_pass },
	{ "sparse pair", WICK_Q8_0, pair_pass },
	{ "sparse pair", WICK_Q4_0, pair_pass },
	{ "sparse pair", WICK_Q4_K, pair_pass },
	{ "to_f32", WICK_F16, decode_pass },
	{ "to_f32", WICK_Q8_0, decode_pass },
	{ "to_f32", WICK_Q4_0, decode_pass },
	{ "from_f32", WICK_F16, encode_pass },
	{ "from_f32", WICK_BF16, encode_pass },
	{ "from_f32", WICK_Q8_0, encode_pass },
	{ "from_f32", WICK_Q4_0, encode_pass },
	{ "crc32c", WICK_F32, crc32c_pass },
	{ "layer_norm", WICK_F32, layer_norm_pass },
	{ "softmax", WICK_F32, softmax_pass },
	{ "rope", WICK_F32, rope_pass },
};
const size_t bench_kernel_count = WICK_COUNT_OF(bench_kernels);
