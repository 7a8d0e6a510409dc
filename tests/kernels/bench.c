/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* checkkern --bench: bytes a second of each kernel over a matrix far larger than the caches, beside plain reading of the
 * same matrix by the same threads; then over one that stays in a core's cache, which is what the arithmetic alone could
 * do. They take turns, so that a neighbour's noise meets all, and threads are timed by their own CPU time, so that what a
 * neighbour takes of the CPU is not counted. Medians are printed. */

#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define MATRIX_BYTES ((size_t)256 << 20)
#define CACHED_BYTES ((size_t)256 << 10)
#define COLS 4096
#define ACTIVE_PERCENT 10
#define TURNS 9
#define PASS_S 0.02
#define THREADS_MAX 2

struct bench {
	const struct wick_kernels *kernels;
	enum wick_type type;
	uint8_t *matrix;
	size_t matrix_bytes;          /* of it in use: all, or CACHED_BYTES for each thread */
	size_t bundle_bytes, bundles; /* of the sparse pair: row of up, then row of down */
	uint32_t *active;             /* (active_count), ascending, another tenth every turn */
	float *h;                     /* (active_count) */
	size_t active_count;
	float *x; /* (COLS), the input of a dot product */
};

/* A thread's share of a pass; y is its own output, long enough for any. Returns the bytes that it read. */
typedef size_t pass_fn(const struct bench *bench, unsigned thread, unsigned threads, float *y);

struct kernel {
	const char *name;
	enum wick_type type;
	pass_fn *pass;
};

static size_t share(size_t count, unsigned thread, unsigned threads)
{
	return count * thread / threads;
}

/* Plain reading as fast as we know how: four rows of 8 KiB at a time, into eight sums, so that nothing but memory is
 * waited for. */
static size_t read_pass(const struct bench *bench, unsigned thread, unsigned threads, float *y)
{
	const size_t row = 8192, groups = bench->matrix_bytes / (4 * row);
	const uint8_t *at = bench->matrix + share(groups, thread, threads) * 4 * row;
	const uint8_t *end = bench->matrix + share(groups, thread + 1, threads) * 4 * row;
	size_t bytes = (size_t)(end - at);
	uint64_t sums[8] = { 0 };

	for (; at < end; at += 4 * row)
		for (size_t i = 0; i < row; i += 64)
			for (size_t r = 0; r < 4; r++) {
				const uint64_t *line = (const void *)(at + r * row + i);

				for (int word = 0; word < 8; word++)
					sums[word] += line[word];
			}
	y[0] = (float)(sums[0] ^ sums[1] ^ sums[2] ^ sums[3] ^ sums[4] ^ sums[5] ^ sums[6] ^ sums[7]);
	return bytes;
}

static size_t matvec_pass(const struct bench *bench, unsigned thread, unsigned threads, float *y)
{
	size_t stride = (size_t)wick_type_bytes(bench->type, COLS), rows = bench->matrix_bytes / stride;
	size_t from = share(rows, thread, threads), to = share(rows, thread + 1, threads);

	bench->kernels->matvec[bench->type](y, bench->matrix + from * stride, stride, bench->x, to - from, COLS);
	return (to - from) * stride;
}

/* Both halves of a sparse feed-forward layer: rows of up split by row, then rows of down split by column. */
static size_t pair_pass(const struct bench *bench, unsigned thread, unsigned threads, float *y)
{
	size_t from = share(bench->active_count, thread, threads), to = share(bench->active_count, thread + 1, threads);
	size_t first = share(COLS / WICK_COLUMN_TILE, thread, threads) * WICK_COLUMN_TILE;
	size_t last = share(COLS / WICK_COLUMN_TILE, thread + 1, threads) * WICK_COLUMN_TILE;
	const uint8_t *down = bench->matrix + bench->bundle_bytes / 2 + wick_type_bytes(bench->type, first);

	bench->kernels->matvec_rows[bench->type](
		y, bench->matrix, bench->bundle_bytes, bench->active + from, to - from, bench->x, COLS);
	memset(y, 0, COLS * sizeof(*y));
	bench->kernels->accumulate_rows[bench->type](
		y, down, bench->bundle_bytes, bench->active, bench->h, bench->active_count, last - first);
	return (to - from) * bench->bundle_bytes / 2 +
		bench->active_count * (size_t)wick_type_bytes(bench->type, last - first);
}

/* One head of 128 after the other, each with its keys and then its values; scores share the output. */
static size_t attend_pass(const struct bench *bench, unsigned thread, unsigned threads, float *y)
{
	size_t positions = WICK_MIN((size_t)2048, bench->matrix_bytes / threads / 512), half = positions * 256;
	size_t from = share(bench->matrix_bytes / (2 * half), thread, threads);
	size_t to = share(bench->matrix_bytes / (2 * half), thread + 1, threads);

	for (size_t i = from; i < to; i++) {
		const uint8_t *k = bench->matrix + i * 2 * half;

		bench->kernels->attend(y, bench->x, k, k + half, 256, positions, 128, 0.1f, y + 128);
	}
	return (to - from) * 2 * half;
}

static size_t decode_pass(const struct bench *bench, unsigned thread, unsigned threads, float *y)
{
	size_t stride = (size_t)wick_type_bytes(bench->type, COLS), rows = bench->matrix_bytes / stride;
	size_t from = share(rows, thread, threads), to = share(rows, thread + 1, threads);

	for (size_t r = from; r < to; r++)
		bench->kernels->to_f32[bench->type](y, bench->matrix + r * stride, COLS);
	return (to - from) * stride;
}

/* Bytes read are those of the floats. */
static size_t encode_pass(const struct bench *bench, unsigned thread, unsigned threads, float *y)
{
	size_t rows = bench->matrix_bytes / (COLS * 4), from = share(rows, thread, threads), to = share(rows, thread + 1, threads);

	for (size_t r = from; r < to; r++)
		bench->kernels->from_f32[bench->type](y, (const float *)(const void *)(bench->matrix + r * COLS * 4), COLS);
	return (to - from) * COLS * 4;
}

static size_t crc32c_pass(const struct bench *bench, unsigned thread, unsigned threads, float *y)
{
	size_t from = share(bench->matrix_bytes / 16384, thread, threads), to = share(bench->matrix_bytes / 16384, thread + 1, threads);

	for (size_t i = from; i < to; i++)
		y[0] += (float)bench->kernels->crc32c(0, bench->matrix + i * 16384, 16384);
	return (to - from) * 16384;
}

/* The small ones work in cache whatever the matrix: bytes are those of their input. */
static size_t layer_norm_pass(const struct bench *bench, unsigned thread, unsigned threads, float *y)
{
	(void)thread, (void)threads;
	bench->kernels->layer_norm(y, bench->x, bench->x, bench->x, COLS, 1e-5f);
	return COLS * sizeof(*y);
}

static size_t softmax_pass(const struct bench *bench, unsigned thread, unsigned threads, float *y)
{
	(void)thread, (void)threads;
	memcpy(y, bench->x, COLS * sizeof(*y));
	bench->kernels->softmax(y, COLS);
	return COLS * sizeof(*y);
}

static size_t rope_pass(const struct bench *bench, unsigned thread, unsigned threads, float *y)
{
	(void)thread, (void)threads;
	memcpy(y, bench->x, COLS * sizeof(*y));
	for (size_t head = 0; head < COLS; head += 128)
		bench->kernels->rope(y + head, bench->x, 128);
	return COLS * sizeof(*y);
}

static const struct kernel bench_kernels[] = {
	{ "matvec", WICK_F32, matvec_pass },
	{ "matvec", WICK_F16, matvec_pass },
	{ "matvec", WICK_BF16, matvec_pass },
	{ "matvec", WICK_Q8_0, matvec_pass },
	{ "matvec", WICK_Q4_0, matvec_pass },
	{ "matvec", WICK_Q2, matvec_pass },
	{ "sparse pair", WICK_F16, pair_pass },
	{ "sparse pair", WICK_BF16, pair_pass },
	{ "sparse pair", WICK_Q8_0, pair_pass },
	{ "sparse pair", WICK_Q4_0, pair_pass },
	{ "attend", WICK_F16, attend_pass },
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

struct worker {
	const struct bench *bench;
	pass_fn *pass;
	unsigned thread, threads;
	pthread_barrier_t *start;
	float *y;
	size_t bytes;
	double cpu_s;
};

static double cpu_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The pass, again and again until PASS_S are over. */
static void *work(void *argument)
{
	struct worker *worker = argument;
	double began;

	pthread_barrier_wait(worker->start);
	began = cpu_now_s();
	do {
		for (size_t bytes = 0; bytes < MATRIX_BYTES / 64;) {
			size_t some = worker->pass(worker->bench, worker->thread, worker->threads, worker->y);

			bytes += some;
			worker->bytes += some;
		}
		worker->cpu_s = cpu_now_s() - began;
	} while (worker->cpu_s < PASS_S);
	return NULL;
}

/* GB/s of so many threads; this one is the first of them. */
static double run_pass(const struct bench *bench, pass_fn *pass, unsigned threads, float **outputs)
{
	struct worker workers[THREADS_MAX];
	pthread_barrier_t start;
	pthread_t ids[THREADS_MAX];
	double rate = 0;

	pthread_barrier_init(&start, NULL, threads);
	for (unsigned t = 0; t < threads; t++)
		workers[t] = (struct worker){ bench, pass, t, threads, &start, outputs[t], 0, 0 };
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

/* Another random tenth of the bundles; of the few that fit a cache, all. */
static void choose_active(struct bench *bench, struct check *random)
{
	bench->active_count = 0;
	for (size_t b = 0; b < bench->bundles; b++)
		if (bench->matrix_bytes < MATRIX_BYTES || check_random(random, 100) < ACTIVE_PERCENT)
			bench->active[bench->active_count++] = (uint32_t)b;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

/* The rate over so many bytes of the matrix. */
static double rate_over(struct bench *bench, size_t bytes, pass_fn *pass, unsigned threads, float **outputs)
{
	struct check random = { .random = 7 + bytes };

	bench->matrix_bytes = bytes;
	bench->bundles = bytes / bench->bundle_bytes;
	choose_active(bench, &random);
	return run_pass(bench, pass, threads, outputs);
}

static void bench_kernel(struct bench *bench, const struct kernel *kernel, unsigned threads, float **outputs)
{
	double read[TURNS], run[TURNS], cached[TURNS], read_rate, rate;

	bench->type = kernel->type;
	bench->bundle_bytes = 2 * (size_t)wick_type_bytes(kernel->type, COLS);
	for (unsigned turn = 0; turn < TURNS; turn++) {
		read[turn] = rate_over(bench, MATRIX_BYTES, read_pass, threads, outputs);
		run[turn] = rate_over(bench, MATRIX_BYTES, kernel->pass, threads, outputs);
		cached[turn] = rate_over(bench, threads * CACHED_BYTES, kernel->pass, threads, outputs);
	}
	read_rate = median(read, TURNS);
	rate = median(run, TURNS);
	printf("%-12s %-5s %u thread%s %8.2f GB/s %5.0f%% of %6.2f; in cache %8.2f\n", kernel->name,
		wick_types[kernel->type].name, threads, threads > 1 ? "s" : " ", rate, 100 * rate / read_rate, read_rate,
		median(cached, TURNS));
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

/* Small numbers in every type, so that no slow subnormal or infinity is timed. */
static void fill_matrix(struct bench *bench)
{
	memset(bench->matrix, 0x11, MATRIX_BYTES);
	for (size_t i = 0; i < COLS; i++)
		bench->x[i] = (float)(i % 7) - 3;
	for (size_t i = 0; i < MATRIX_BYTES / 1024; i++)
		bench->h[i] = 0.5f;
}

void check_bench(const struct wick_kernels *kernels, const char *filter)
{
	size_t y_bytes = MATRIX_BYTES / 512; /* a float a row of q4_0 of 2304 bytes, or the scores of attend */
	struct bench bench = { .kernels = kernels, .matrix = pages(MATRIX_BYTES), .x = pages(COLS * sizeof(float)) };
	float *outputs[THREADS_MAX];

	bench.active = pages(MATRIX_BYTES / 1024 * sizeof(*bench.active));
	bench.h = pages(MATRIX_BYTES / 1024 * sizeof(*bench.h));
	for (unsigned t = 0; t < THREADS_MAX; t++)
		outputs[t] = pages(y_bytes);
	fill_matrix(&bench);
	printf("== %s, %zu MiB, columns %d, %d%% active\n", kernels->name, MATRIX_BYTES >> 20, COLS, ACTIVE_PERCENT);
	for (size_t k = 0; k < WICK_COUNT_OF(bench_kernels); k++)
		for (unsigned threads = 1; threads <= THREADS_MAX; threads++)
			if (!filter || strstr(bench_kernels[k].name, filter))
				bench_kernel(&bench, &bench_kernels[k], threads, outputs);
	munmap(bench.matrix, MATRIX_BYTES);
	munmap(bench.x, COLS * sizeof(float));
	munmap(bench.active, MATRIX_BYTES / 1024 * sizeof(*bench.active));
	munmap(bench.h, MATRIX_BYTES / 1024 * sizeof(*bench.h));
	for (unsigned t = 0; t < THREADS_MAX; t++)
		munmap(outputs[t], y_bytes);
}
