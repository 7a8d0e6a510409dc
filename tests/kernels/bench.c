/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* checkkern --bench: bytes a second of each kernel over a matrix far larger than the caches, beside plain reading of the
 * same matrix by the same threads; then over one that stays in a core's cache, which is what the arithmetic alone could
 * do. They take turns, so that a neighbour's noise meets all, and threads are timed by their own CPU time, so that what a
 * neighbour takes of the CPU is not counted. Medians are printed. */

#include "bench.h"

#include "bits.h"
#include "check.h"
#include "median.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define MATRIX_BYTES ((size_t)256 << 20)
#define CACHED_BYTES ((size_t)256 << 10)
#define SMALLEST_ROW 512 /* bytes: an output has room for so many; passes have sixteenths of a matrix */
#define TURNS 9
#define PASS_S 0.02
#define CHUNK_BYTES ((size_t)4 << 20) /* between two looks at the clock */
#define THREADS_MAX 2

struct worker {
	_Alignas(64) const struct bench *bench; /* a line of memory for each thread */
	bench_pass_fn *pass;
	struct bench_turn turn;
	pthread_barrier_t *start;
	atomic_bool *over;
	size_t bytes;
	double cpu_s;
};

static double cpu_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Pass after pass, until PASS_S are over for one of the threads: none is timed while it has the memory to itself. */
static void *work(void *argument)
{
	struct worker *worker = argument;
	struct bench_turn turn = worker->turn;
	size_t bytes = 0;
	double began, now;

	pthread_barrier_wait(worker->start);
	began = cpu_now_s();
	do {
		for (size_t chunk = 0, some; chunk < CHUNK_BYTES; chunk += some, bytes += some, turn.pass++)
			some = worker->pass(worker->bench, &turn);
		now = cpu_now_s();
		if (now - began >= PASS_S)
			atomic_store(worker->over, true);
	} while (!atomic_load(worker->over));
	worker->bytes = bytes;
	worker->cpu_s = now - began;
	return NULL;
}

/* GB/s of so many threads; this one is the first of them. */
static double run_pass(const struct bench *bench, bench_pass_fn *pass, unsigned threads, float **outputs)
{
	struct worker workers[THREADS_MAX];
	atomic_bool over = false;
	pthread_barrier_t start;
	pthread_t ids[THREADS_MAX];
	double rate = 0;

	threads = WICK_MIN(threads, (unsigned)THREADS_MAX); /* as callers do; GCC cannot see it under sanitizers */
	pthread_barrier_init(&start, NULL, threads);
	for (unsigned t = 0; t < threads; t++)
		workers[t] = (struct worker){ bench, pass, { t, threads, 0, outputs[t] }, &start, &over, 0, 0 };
	for (unsigned t = 1; t < threads; t++)
		if (pthread_create(&ids[t], NULL, work, &workers[t]))
			exit(1);
	work(&workers[0]);
	for (unsigned t = 1; t < threads; t++)
		pthread_join(ids[t], NULL);
	for (unsigned t = 0; t < threads; t++)
		rate += (double)workers[t].bytes / workers[t].cpu_s * 1e-9;
	pthread_barrier_destroy(&start);
	return rate;
}

/* From memory, or over so much as stays in the caches. */
static double rate_of(struct bench *bench, bool cached, bench_pass_fn *pass, unsigned threads, float **outputs)
{
	bench->cached = cached;
	bench->bytes = cached ? threads * CACHED_BYTES : MATRIX_BYTES;
	bench_choose_active(bench);
	return run_pass(bench, pass, threads, outputs);
}

static void bench_kernel(struct bench *bench, unsigned threads, float **outputs)
{
	const struct bench_kernel *kernel = bench->kernel;
	double read[TURNS], run[TURNS], cached[TURNS], read_rate, rate;

	for (unsigned turn = 0; turn < TURNS; turn++) {
		read[turn] = rate_of(bench, false, bench_read, threads, outputs);
		run[turn] = rate_of(bench, false, kernel->pass, threads, outputs);
		cached[turn] = rate_of(bench, true, kernel->pass, threads, outputs);
	}
	read_rate = wick_median(read, TURNS);
	rate = wick_median(run, TURNS);
	printf("%-12s %-5s %u thread%s %8.2f GB/s %5.0f%% of %6.2f; in cache %8.2f\n", kernel->name,
		wick_types[kernel->type].name, threads, threads > 1 ? "s" : " ", rate, 100 * rate / read_rate, read_rate,
		wick_median(cached, TURNS));
}

static void *pages(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED) {
		perror("checkkern: memory for the bench");
		exit(1);
	}
	madvise(at, bytes, MADV_HUGEPAGE);
	return at;
}

/* Numbers in every type that are neither subnormal nor infinite, nor are their products, which would be slow: scales of mxfp4
 * are powers of two, of which 0x66 is 2^-26. */
static void fill_matrix(struct bench *bench)
{
	memset(bench->matrix, 0x66, MATRIX_BYTES);
	for (size_t i = 0; i < BENCH_COLS; i++)
		bench->x[i] = (float)(i % 7) - 3;
	for (size_t i = 0; i < MATRIX_BYTES / SMALLEST_ROW; i++)
		bench->h[i] = 0.5f;
}

void check_bench(const struct wick_kernels *kernels, const char *filter)
{
	size_t row_bytes = MATRIX_BYTES / SMALLEST_ROW * sizeof(float);
	struct bench bench = { .kernels = kernels, .matrix = pages(MATRIX_BYTES), .x = pages(BENCH_COLS * sizeof(float)) };
	float *outputs[THREADS_MAX];

	bench.active = pages(row_bytes);
	bench.h = pages(row_bytes);
	for (unsigned t = 0; t < THREADS_MAX; t++)
		outputs[t] = pages(row_bytes);
	fill_matrix(&bench);
	printf("== %s, %zu MiB, columns %d, 10%% active\n", kernels->name, MATRIX_BYTES >> 20, BENCH_COLS);
	for (size_t k = 0; k < bench_kernel_count; k++)
		for (unsigned threads = 1; threads <= THREADS_MAX; threads++) {
			bench.kernel = &bench_kernels[k];
			if (!filter || strstr(bench.kernel->name, filter))
				bench_kernel(&bench, threads, outputs);
		}
	munmap(bench.matrix, MATRIX_BYTES);
	munmap(bench.x, BENCH_COLS * sizeof(float));
	munmap(bench.active, row_bytes);
	munmap(bench.h, row_bytes);
	for (unsigned t = 0; t < THREADS_MAX; t++)
		munmap(outputs[t], row_bytes);
}
