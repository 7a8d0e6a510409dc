/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rows accumulated for a batch: the result of accumulate_rows for each h alone, with the weights decoded once for all
 * of them.
 *
 * Weights are taken in strips of columns, PIECE rows of a strip at a time: these are decoded into the nearest cache,
 * and every vector of the batch takes from there the rows that it wants, which are bits of a mask. A row that no vector
 * wants is not even decoded. Vectors that want the same rows, as all do after a GELU, share the loading of a tile.
 *
 *     strip     columns 0..255   256..511 ...
 *     rows 0..47    [piece 0]
 *     rows 48..95   [piece 1]       y of a strip passes through the registers once a piece
 */

#include "convert.h"
#include "ffn.h"

#define PIECE WICK_ACCUMULATE_ROWS
#define STRIP WICK_COLUMN_TILE_MAX
#define PANEL 8 /* vectors of one y in registers */
#define ALIKE 4 /* vectors of each of BATCH y */
#define ALONE 6 /* h of a batch that accumulate_rows takes one by one: decoding apart costs more */

/* Bit k: h[k] is not zero, k < count. */
INLINE uint64_t rows_wanted(const float *h, size_t count)
{
	uint64_t wanted = 0;

	for (size_t k = 0; k < count; k++)
		wanted |= (uint64_t)(h[k] != 0) << k;
	return wanted;
}

/* `vecs` vectors of each of `batch` y take the same rows. */
INLINE void accumulate_panel(int batch, int vecs, float *y, size_t ldy, const float *h, size_t ldh, uint64_t wanted,
	const float *piece)
{
	vec sums[BATCH][PANEL];

#pragma GCC unroll 8
	for (int t = 0; t < batch; t++)
#pragma GCC unroll 8
		for (int i = 0; i < vecs; i++)
			sums[t][i] = vec_load(y + (size_t)t * ldy + i * LANES);
	for (; wanted; wanted &= wanted - 1) {
		size_t k = (size_t)__builtin_ctzll(wanted);
		vec of[BATCH];

#pragma GCC unroll 8
		for (int t = 0; t < batch; t++)
			of[t] = vec_set(h[(size_t)t * ldh + k]);
#pragma GCC unroll 8
		for (int i = 0; i < vecs; i++) {
			vec row = vec_load(piece + k * STRIP + i * LANES);

#pragma GCC unroll 8
			for (int t = 0; t < batch; t++)
				sums[t][i] = vec_fma(of[t], row, sums[t][i]);
		}
	}
#pragma GCC unroll 8
	for (int t = 0; t < batch; t++)
#pragma GCC unroll 8
		for (int i = 0; i < vecs; i++)
			vec_store(y + (size_t)t * ldy + i * LANES, sums[t][i]);
}

/* One y from column c of a strip on; the strip is zero beyond the columns. */
static void accumulate_one(float *y, const float *h, uint64_t wanted, const float *piece, size_t c, size_t cols)
{
	float padded[LANES] = { 0 };

	for (; c + PANEL * LANES <= cols; c += PANEL * LANES)
		accumulate_panel(1, PANEL, y + c, 0, h, 0, wanted, piece + c);
	for (; c + LANES <= cols; c += LANES)
		accumulate_panel(1, 1, y + c, 0, h, 0, wanted, piece + c);
	if (c == cols)
		return;
	memcpy(padded, y + c, (cols - c) * sizeof(*y));
	accumulate_panel(1, 1, padded, 0, h, 0, wanted, piece + c);
	memcpy(y + c, padded, (cols - c) * sizeof(*y));
}

/* BATCH y that want the same rows. Returns the columns that it did. */
static size_t accumulate_alike(float *y, size_t ldy, const float *h, size_t ldh, uint64_t wanted, const float *piece,
	size_t cols)
{
	size_t c = 0;

	for (; c + ALIKE * LANES <= cols; c += ALIKE * LANES)
		accumulate_panel(BATCH, ALIKE, y + c, ldy, h, ldh, wanted, piece + c);
	return c;
}

/* How many vectors follow that are taken together. */
INLINE size_t count_alike(const uint64_t *wanted, size_t left)
{
	for (size_t t = 0; t < BATCH; t++)
		if (left < BATCH || wanted[t] != wanted[0])
			return 1;
	return BATCH;
}

/* All y of the batch, columns c.. of which the piece is. */
INLINE void accumulate_strip(const struct wick_accumulate *job, size_t first, size_t c, size_t cols,
	const uint64_t *wanted, const float *piece)
{
	for (size_t i = 0, count; i < job->m; i += count) {
		float *y = job->y + i * job->ldy + c;
		const float *h = job->h + i * job->ldh + first;
		size_t done = 0;

		count = count_alike(wanted + i, job->m - i);
		if (count == BATCH)
			done = accumulate_alike(y, job->ldy, h, job->ldh, wanted[i], piece, cols);
		for (size_t t = 0; t < count && done < cols; t++)
			accumulate_one(y + t * job->ldy, h + t * job->ldh, wanted[i], piece, done, cols);
	}
}

/* One piece of all strips. The masks of the batch lie in scratch, behind the piece. */
INLINE void accumulate_piece(wick_decode_fn *decode, enum wick_type type, const struct wick_accumulate *job, size_t first,
	size_t rows)
{
	float *piece = job->scratch;
	uint64_t *wanted = (uint64_t *)(void *)(piece + PIECE * STRIP), any = 0;

	for (size_t i = 0; i < job->m; i++) {
		wanted[i] = rows_wanted(job->h + i * job->ldh + first, rows);
		any |= wanted[i];
	}
	for (size_t c = 0, cols; any && c < job->cols; c += cols) {
		cols = WICK_MIN(job->cols - c, (size_t)STRIP);
		for (uint64_t left = any; left; left &= left - 1) {
			size_t k = (size_t)__builtin_ctzll(left), row = job->index ? job->index[first + k] : first + k;

			decode(piece + k * STRIP, (const uint8_t *)job->w + row * job->stride + wick_type_bytes(type, c), cols);
			if (cols % LANES)
				memset(piece + k * STRIP + cols, 0, (LANES - cols % LANES) * sizeof(*piece));
		}
		accumulate_strip(job, first, c, cols, wanted, piece);
	}
}

INLINE void accumulate_batch(wick_decode_fn *decode, enum wick_type type, const struct wick_accumulate *job)
{
	for (size_t first = 0; first < job->count; first += PIECE)
		accumulate_piece(decode, type, job, first, WICK_MIN(job->count - first, (size_t)PIECE));
}

#define BATCH_OF(TYPE, type)                                                               \
	static void accumulate_batch_##type(const struct wick_accumulate *job)             \
	{                                                                                  \
		if (job->m <= ALONE)                                                       \
			wick_accumulate_alone(job, accumulate_rows_##type);                \
		else                                                                       \
			accumulate_batch(to_f32_##type, WICK_##TYPE, job);                 \
	}

WICK_EACH_TYPE(BATCH_OF)
#undef BATCH_OF

static void set_accumulate(struct wick_kernels *kernels)
{
#define ENTRY(TYPE, type) kernels->accumulate_batch[WICK_##TYPE] = accumulate_batch_##type;
	WICK_EACH_TYPE(ENTRY)
#undef ENTRY
}
