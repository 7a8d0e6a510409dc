/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* bench-prefill MODEL [TOKENS [THREADS [ROUNDS [PERCENT]]]]: a prompt of so many tokens, all weights resident or with so
 * much of them as memory, beside OpenBLAS alone, with as many threads of its own, on f32 matrices of the same shapes. The
 * two take turns. */

#include "../golden/first_session.h"
#include "bits.h"
#include "clock.h"
#include "engine.h"
#include "pool.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS_MAX 16

struct bench {
	struct wick *wick;
	uint32_t tokens, threads, rounds;
	uint32_t *ids; /* (tokens) */
	float *x;      /* (tokens, widest) */
	float *y;      /* (tokens, widest) */
	float *w;      /* (d_model, n_ff) */
};

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

/* OpenBLAS's threads go on looking for work for a while when they have done theirs. */
static void let_threads_sleep(void)
{
	struct timespec time = { .tv_nsec = 150000000 };

	nanosleep(&time, NULL);
}

static double processor_seconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double prompt_seconds(struct bench *bench)
{
	const struct wick_fetch *fetch = &bench->wick->fetch;
	uint64_t begun, waited = fetch->wait_ns;
	double busy, seconds;

	openblas_set_num_threads(1);
	let_threads_sleep();
	wick_session_reset(session_of(bench->wick));
	busy = processor_seconds();
	begun = wick_now_ns();
	if (wick_session_eval(session_of(bench->wick), bench->ids, bench->tokens, NULL, NULL, NULL))
		exit(1);
	seconds = (double)(wick_now_ns() - begun) / 1e9;
	printf("wick: %.3f s, of that waiting for the drive %.3f s; processors busy %.3f s\n", seconds,
		(double)(fetch->wait_ns - waited) / 1e9, processor_seconds() - busy);
	return seconds;
}

/* y (tokens, n) = x (tokens, k) * w (n, k)^T; transposed: w is (k, n), as bundles lie. */
static void multiply(struct bench *bench, uint32_t n, uint32_t k, bool transposed)
{
	int m = (int)bench->tokens;

	cblas_sgemm(CblasRowMajor, CblasNoTrans, transposed ? CblasNoTrans : CblasTrans, m, (int)n, (int)k, 1, bench->x,
		(int)k, bench->w, (int)(transposed ? n : k), 0, bench->y, (int)n);
}

/* One layer's matrices, for each layer the same memory, which is in the peer's favour. */
static double blas_seconds(struct bench *bench)
{
	const struct wick_shape *shape = &bench->wick->model->shape;
	double busy, seconds;
	uint64_t begun;

	openblas_set_num_threads((int)bench->threads);
	busy = processor_seconds();
	begun = wick_now_ns();
	for (uint32_t i = 0; i < shape->layers; i++) {
		for (int j = 0; j < 4; j++)
			multiply(bench, shape->d_model, shape->d_model, false);
		multiply(bench, shape->n_ff, shape->d_model, false);
		multiply(bench, shape->d_model, shape->n_ff, true);
	}
	seconds = (double)(wick_now_ns() - begun) / 1e9;
	printf("OpenBLAS: %.3f s; processors busy %.3f s\n", seconds, processor_seconds() - busy);
	return seconds;
}

static void prepare(struct bench *bench)
{
	const struct wick_shape *shape = &bench->wick->model->shape;
	size_t widest = (size_t)bench->tokens * WICK_MAX(shape->n_ff, shape->d_model);
	size_t weights = (size_t)shape->n_ff * shape->d_model;

	bench->ids = malloc(bench->tokens * sizeof(*bench->ids));
	bench->x = malloc(widest * sizeof(float));
	bench->y = malloc(widest * sizeof(float));
	bench->w = malloc(weights * sizeof(float));
	for (uint32_t i = 0; i < bench->tokens; i++)
		bench->ids[i] = 4 + i * 7919 % (shape->vocab - 4);
	for (size_t i = 0; i < widest; i++)
		bench->x[i] = (float)(i % 17) - 8;
	for (size_t i = 0; i < weights; i++)
		bench->w[i] = (float)(i % 13) - 6;
}

int main(int argc, char **argv)
{
	struct bench bench = { .tokens = argc > 2 ? (uint32_t)atoi(argv[2]) : 512,
		.threads = argc > 3 ? (uint32_t)atoi(argv[3]) : 2, .rounds = argc > 4 ? (uint32_t)atoi(argv[4]) : 3 };
	double wick[ROUNDS_MAX], blas[ROUNDS_MAX];
	struct wick_options options;
	struct wick_diag diag;

	if (argc < 2 || bench.rounds < 1 || bench.rounds > ROUNDS_MAX)
		return 2;
	wick_options_init(&options);
	options.mode = "dense";
	options.threads = bench.threads;
	options.ctx = bench.tokens;
	if (argc > 5) {
		options.mode = "hybrid";
		options.memory.percent = atof(argv[5]);
	}
	if (wick_open(&bench.wick, argv[1], &options, &diag)) {
		fprintf(stderr, "%s\n", diag.text);
		return 1;
	}
	prepare(&bench);
	printf("%u tokens, %u threads, %.1f MB read again for each batch\n", bench.tokens, bench.threads,
		(double)wick_plan_of(bench.wick)->swept_bytes / 1e6);
	for (uint32_t i = 0; i < bench.rounds; i++) {
		blas[i] = blas_seconds(&bench);
		wick[i] = prompt_seconds(&bench);
		printf("OpenBLAS %7.3f s, wick %7.3f s\n", blas[i], wick[i]);
	}
	qsort(blas, bench.rounds, sizeof(*blas), compare);
	qsort(wick, bench.rounds, sizeof(*wick), compare);
	printf("wick's prompt at %.0f%% of OpenBLAS's rate\n", 100 * blas[bench.rounds / 2] / wick[bench.rounds / 2]);
	wick_close(bench.wick);
	free(bench.ids);
	free(bench.x);
	free(bench.y);
	free(bench.w);
	return 0;
}
