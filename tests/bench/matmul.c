/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A matrix times a batch: GF/s of each type's matmul beside OpenBLAS's SGEMM of the same shape, one thread; then of
 * accumulate_batch, with all h and with one of eight that is not zero, as if it had multiplied them all.
 *
 *     bench-matmul [--cpumask MASK] [--rounds N] [--type NAME] [M ROWS COLS]
 *
 * Both take turns and are timed by their own processor time, so that other work disturbs the figures little. Packing x is
 * part of matmul's time. OPENBLAS_CORETYPE in the environment chooses OpenBLAS's own kernels, to compare like with like. */

#include "bits.h"
#include "kernels.h"
#include "median.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS_MAX 64
#define BLOCK_MAX 256   /* numbers: a whole number of blocks of every type */
#define ROWS_AT_ONCE 64 /* of a task, as the engine has it */

struct bench {
	struct wick_kernels kernels;
	size_t m, rows, cols;
	unsigned rounds;
	float *x, *y, *w, *packed, *scratch;
	uint8_t *typed; /* w in a type */
};

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double blas_seconds(struct bench *bench)
{
	double began = now_s();

	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)bench->m, (int)bench->rows, (int)bench->cols, 1, bench->x,
		(int)bench->cols, bench->w, (int)bench->cols, 0, bench->y, (int)bench->rows);
	return now_s() - began;
}

static double matmul_seconds(struct bench *bench, enum wick_type type)
{
	struct wick_matmul job = { .ldy = bench->rows, .stride = (size_t)wick_type_bytes(type, bench->cols),
		.cols = bench->cols, .packed = bench->packed, .m = bench->m, .scratch = bench->scratch };
	double began = now_s();

	bench->kernels.pack_x[type](bench->packed, bench->x, bench->cols, bench->m, bench->cols, 0, bench->m);
	for (size_t row = 0; row < bench->rows; row += ROWS_AT_ONCE) {
		job.y = bench->y + row;
		job.w = bench->typed + row * job.stride;
		job.rows = WICK_MIN(bench->rows - row, (size_t)ROWS_AT_ONCE);
		bench->kernels.matmul[type](&job);
	}
	return now_s() - began;
}

/* y (m, cols) = h (m, rows) * w (rows, cols); h lies in y's place of the other product. */
static double blas_down_seconds(struct bench *bench)
{
	double began = now_s();

	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)bench->m, (int)bench->cols, (int)bench->rows, 1, bench->y,
		(int)bench->rows, bench->w, (int)bench->cols, 0, bench->x, (int)bench->cols);
	return now_s() - began;
}

static double accumulate_seconds(struct bench *bench, enum wick_type type)
{
	struct wick_accumulate job = { .y = bench->x, .ldy = bench->cols, .w = bench->typed,
		.stride = (size_t)wick_type_bytes(type, bench->cols), .h = bench->y, .ldh = bench->rows, .m = bench->m,
		.count = bench->rows, .cols = bench->cols, .scratch = bench->scratch };
	double began = now_s();

	memset(bench->x, 0, bench->m * bench->cols * sizeof(float));
	bench->kernels.accumulate_batch[type](&job);
	return now_s() - began;
}

static void compare_down(struct bench *bench, enum wick_type type, unsigned of)
{
	double blas[ROUNDS_MAX], ours[ROUNDS_MAX], ratio[ROUNDS_MAX];
	double work = 2e-9 * (double)bench->m * (double)bench->rows * (double)bench->cols;
	uint32_t random = 1;

	for (size_t i = 0; i < bench->m * bench->rows; i++) {
		random = random * 1664525 + 1013904223;
		bench->y[i] = (random >> 16) % of ? 0 : 0.5f;
	}
	for (unsigned i = 0; i < bench->rounds; i++) {
		blas[i] = blas_down_seconds(bench);
		ours[i] = accumulate_seconds(bench, type);
		ratio[i] = blas[i] / ours[i];
	}
	printf("%-5s down, 1 of %u: %7.1f GF/s, OpenBLAS %7.1f: %.2f of its rate\n", wick_types[type].name, of,
		work / wick_median(ours, bench->rounds), work / wick_median(blas, bench->rounds),
		wick_median(ratio, bench->rounds));
}

static void compare(struct bench *bench, enum wick_type type)
{
	double blas[ROUNDS_MAX], ours[ROUNDS_MAX], ratio[ROUNDS_MAX];
	double work = 2e-9 * (double)bench->m * (double)bench->rows * (double)bench->cols;

	for (size_t r = 0; r < bench->rows; r++)
		bench->kernels.from_f32[type](bench->typed + r * wick_type_bytes(type, bench->cols),
			bench->w + r * bench->cols, bench->cols);
	for (unsigned i = 0; i < bench->rounds; i++) {
		blas[i] = blas_seconds(bench);
		ours[i] = matmul_seconds(bench, type);
		ratio[i] = blas[i] / ours[i];
	}
	printf("%-5s %zu x %zu of %zu: %7.1f GF/s, OpenBLAS %7.1f: %.2f of its rate\n", wick_types[type].name, bench->m,
		bench->rows, bench->cols, work / wick_median(ours, bench->rounds), work / wick_median(blas, bench->rounds),
		wick_median(ratio, bench->rounds));
}

static float *numbers(size_t count)
{
	float *all = aligned_alloc(64, wick_align_up(count * sizeof(*all), 64));

	if (!all)
		exit(1);
	for (size_t i = 0; i < count; i++)
		all[i] = (float)(i * 7919 % 1021) / 512 - 1;
	return all;
}

static void prepare(struct bench *bench)
{
	bench->x = numbers(bench->m * bench->cols);
	bench->y = numbers(bench->m * bench->rows);
	bench->w = numbers(bench->rows * bench->cols);
	bench->packed = numbers(wick_packed_floats(bench->m, bench->cols));
	bench->scratch = numbers(wick_matmul_scratch_floats(bench->cols) + wick_accumulate_scratch_floats(bench->m));
	bench->typed = (uint8_t *)numbers(bench->rows * bench->cols);
}

int main(int argc, char **argv)
{
	struct bench bench = { .m = 512, .rows = 2048, .cols = 2048, .rounds = 9 };
	const char *only = NULL;
	uint32_t mask = ~0u;
	int i = 1;

	for (; i + 1 < argc && argv[i][0] == '-'; i += 2)
		if (!strcmp(argv[i], "--cpumask"))
			mask = (uint32_t)strtoul(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--type"))
			only = argv[i + 1];
		else
			bench.rounds = WICK_MIN((unsigned)atoi(argv[i + 1]), (unsigned)ROUNDS_MAX);
	if (argc - i >= 3) {
		bench.m = strtoul(argv[i], NULL, 0);
		bench.rows = strtoul(argv[i + 1], NULL, 0);
		bench.cols = strtoul(argv[i + 2], NULL, 0) / BLOCK_MAX * BLOCK_MAX;
	}
	if (!bench.m || !bench.rows || !bench.cols || !bench.rounds)
		return 2;
	openblas_set_num_threads(1);
	wick_kernels_init(&bench.kernels, mask);
	prepare(&bench);
	printf("%s, OpenBLAS %s\n", bench.kernels.name, openblas_get_corename());
	for (unsigned type = 0; type < WICK_WEIGHT_TYPES; type++)
		if (!only || !strcmp(only, wick_types[type].name)) {
			compare(&bench, type);
			compare_down(&bench, type, 1);
			compare_down(&bench, type, 8);
		}
	free(bench.x);
	free(bench.y);
	free(bench.w);
	free(bench.packed);
	free(bench.scratch);
	free(bench.typed);
	return 0;
}
