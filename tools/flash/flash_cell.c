/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One cell: threads that each keep a queue of their own full, for a while.
 *
 *     stage        SET_UP           MEASURE        TEAR_DOWN
 *     a thread     queue, memory    steady load    bursts, the rest back
 *     main         waits for all    ticks          joins
 *                                \clock          \clock
 *
 * A thread that is through with a stage says so and waits for the next one; should one fail to set up, the others skip
 * the measuring.
 */

#include "bits.h"
#include "clock.h"
#include "flash.h"
#include "probe.h"
#include "progress.h"
#include "thread.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <wick/wick.h>

#define TICK_NS 200000000
#define SETTLE_NS 20000000
#define SETTLE_TRIES 50
#define BURSTS 15
#define BURSTS_NS 300000000ull
#define MEMORY_SHARE 0.75 /* of what is free may be read into */

enum stage { SET_UP, MEASURE, TEAR_DOWN };

struct shared {
	struct flash_bench *bench;
	const struct flash_cell *cell;
	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t news;   /* of any change */
	enum stage stage;
	unsigned through; /* threads that are through with it */
	bool failed;
};

struct reader {
	struct shared *shared;
	unsigned index;
	pthread_t thread;
	struct wick_io *io;
	struct wick_probe *probe;
	struct wick_steady steady;
	struct wick_histogram latency;
	double burst_us;
	struct wick_diag diag;
	int rc;
};

static uint64_t cpu_ns(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000000u +
		((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * 1000u;
}

void flash_settle(void)
{
	const struct timespec pause = { .tv_nsec = SETTLE_NS };

	for (unsigned i = 0; i < SETTLE_TRIES; i++) {
		uint64_t before_ns = cpu_ns();

		nanosleep(&pause, NULL);
		if (cpu_ns() - before_ns < SETTLE_NS / 20)
			return;
	}
}

/* The part of the file that a thread reads: all of it at random, its own share in order. */
static void choose_part(const struct flash_bench *bench, const struct flash_cell *cell, unsigned index, uint64_t *from,
	uint64_t *bytes)
{
	uint64_t share = bench->file.size / cell->threads / cell->chunk_bytes * cell->chunk_bytes;

	*from = cell->sequential ? index * share : 0;
	*bytes = cell->sequential ? share : bench->file.size / cell->chunk_bytes * cell->chunk_bytes;
}

static int set_up(struct reader *reader)
{
	struct flash_bench *bench = reader->shared->bench;
	const struct flash_cell *cell = reader->shared->cell;
	struct wick_io_options io = bench->io;
	struct wick_probe_options probe = { .file = &bench->file, .depth = cell->depth, .reads_max = cell->depth,
		.chunk_bytes_max = cell->chunk_bytes, .land_bytes = bench->land_bytes, .seed = wick_now_ns() + reader->index,
		.stop = interrupted };
	int rc;

	io.depth = cell->depth;
	choose_part(bench, cell, reader->index, &probe.from, &probe.bytes);
	rc = wick_io_create(&reader->io, &io, &reader->diag);
	probe.io = reader->io;
	return rc ? rc : wick_probe_create(&reader->probe, &probe, &reader->diag);
}

/* A thread is through with a stage: waits for the next one and returns it. */
static enum stage next_stage(struct shared *shared, int rc)
{
	enum stage stage;

	pthread_mutex_lock(&shared->mutex);
	stage = shared->stage;
	shared->failed |= rc < 0;
	shared->through++;
	pthread_cond_broadcast(&shared->news);
	while (shared->stage == stage)
		pthread_cond_wait(&shared->news, &shared->mutex);
	stage = shared->stage;
	pthread_mutex_unlock(&shared->mutex);
	return stage;
}

static void measure(struct reader *reader)
{
	const struct flash_cell *cell = reader->shared->cell;

	const double ns = reader->shared->bench->seconds * 1e9;
	const struct wick_probe_load load = { .chunk_bytes = cell->chunk_bytes, .sequential = cell->sequential,
		.duration_ns = (uint64_t)ns, .limit_ns = (uint64_t)(ns * FLASH_RUN_ON),
		.reads_min = wick_div_up(WICK_PROBE_READS_MIN, cell->threads) };

	reader->rc = wick_probe_steady(reader->probe, &load, &reader->steady, &reader->latency, &reader->diag);
}

static void measure_bursts(struct reader *reader)
{
	const struct flash_cell *cell = reader->shared->cell;

	reader->rc = wick_probe_bursts(reader->probe, cell->chunk_bytes, cell->depth, BURSTS, BURSTS_NS,
		&reader->burst_us, &reader->diag);
}

static void *run_stages(void *argument)
{
	struct reader *reader = argument;
	struct flash_bench *bench = reader->shared->bench;
	const struct flash_cell *cell = reader->shared->cell;

	reader->rc = set_up(reader);
	if (next_stage(reader->shared, reader->rc) == MEASURE) {
		measure(reader);
		next_stage(reader->shared, reader->rc);
	}
	if (!reader->rc && bench->bursts && cell->threads == 1 && !cell->sequential)
		measure_bursts(reader);
	if (!reader->index && reader->io) {
		snprintf(bench->method, sizeof(bench->method), "%s", wick_io_method(reader->io));
		snprintf(bench->why, sizeof(bench->why), "%s", wick_io_why(reader->io));
	}
	if (wick_io_destroy(reader->io) == 0) /* else the kernel may still write to its memory */
		wick_probe_destroy(reader->probe);
	return NULL;
}

/* Main's side: until all threads are through with the stage. */
static void wait_for_all(struct shared *shared, unsigned threads, void (*tick)(void *user), void *user)
{
	struct timespec then;

	pthread_mutex_lock(&shared->mutex);
	while (shared->through < threads) {
		clock_gettime(CLOCK_REALTIME, &then);
		then.tv_nsec += TICK_NS;
		then.tv_sec += then.tv_nsec / 1000000000;
		then.tv_nsec %= 1000000000;
		if (pthread_cond_timedwait(&shared->news, &shared->mutex, &then) == ETIMEDOUT && tick) {
			pthread_mutex_unlock(&shared->mutex);
			tick(user);
			pthread_mutex_lock(&shared->mutex);
		}
	}
	pthread_mutex_unlock(&shared->mutex);
}

static void enter(struct shared *shared, enum stage stage)
{
	pthread_mutex_lock(&shared->mutex);
	shared->stage = stage;
	shared->through = 0;
	pthread_cond_broadcast(&shared->news);
	pthread_mutex_unlock(&shared->mutex);
}

static void set_latencies(const struct reader *readers, unsigned threads, double *figure)
{
	static const struct {
		enum flash_figure figure;
		double share;
	} percentiles[] = { { FLASH_LATENCY_US_P50, 0.5 }, { FLASH_LATENCY_US_P99, 0.99 }, { FLASH_LATENCY_US_P99_9, 0.999 } };
	struct wick_histogram *latency = calloc(1, sizeof(*latency));

	for (unsigned i = 0; latency && i < threads; i++)
		wick_histogram_merge(latency, &readers[i].latency);
	for (unsigned i = 0; latency && i < WICK_COUNT_OF(percentiles); i++)
		figure[percentiles[i].figure] = (double)wick_histogram_ns(latency, percentiles[i].share) / 1e3;
	if (latency)
		figure[FLASH_LATENCY_US_MAX] = (double)latency->max_ns / 1e3;
	free(latency);
}

/* The sum over all threads. */
static void sum_up(const struct reader *readers, unsigned threads, uint64_t spent_cpu_ns, struct flash_cell *cell)
{
	double *figure = cell->figure;
	uint64_t all_reads = 0;

	cell->reads = 0;
	figure[FLASH_READS_PER_S] = 0;
	for (unsigned i = 0; i < threads; i++) {
		cell->reads += readers[i].steady.reads;
		figure[FLASH_READS_PER_S] += (double)readers[i].steady.reads * 1e9 / (double)WICK_MAX(readers[i].steady.ns, 1u);
		all_reads += readers[i].steady.all_reads;
	}
	figure[FLASH_MB_PER_S] = figure[FLASH_READS_PER_S] * (double)cell->chunk_bytes / 1e6;
	figure[FLASH_CPU_US_PER_READ] = (double)spent_cpu_ns / 1e3 / (double)WICK_MAX(all_reads, 1u);
	figure[FLASH_BURST_US] = readers[0].burst_us;
	set_latencies(readers, threads, figure);
}

static int first_failure(const struct reader *readers, unsigned threads, struct wick_diag *diag)
{
	for (unsigned i = 0; i < threads; i++)
		if (readers[i].rc < 0)
			return readers[i].diag.text[0] ? wick_diag_say(diag, readers[i].rc, "%s", readers[i].diag.text)
						       : readers[i].rc;
	return 0;
}

/* While threads that run already may say the same. */
static void give_up(struct shared *shared)
{
	pthread_mutex_lock(&shared->mutex);
	shared->failed = true;
	pthread_mutex_unlock(&shared->mutex);
}

/* Returns how many could be started. */
static unsigned start_all(struct shared *shared, struct reader *readers, struct wick_diag *diag)
{
	const unsigned threads = shared->cell->threads;

	for (unsigned i = 0; i < threads; i++) {
		int rc;

		readers[i].shared = shared;
		readers[i].index = i;
		rc = wick_thread_start(&readers[i].thread, run_stages, &readers[i]);
		if (rc) {
			give_up(shared);
			wick_diag_say(diag, -rc, "cannot start thread %u of %u: %s", i + 1, threads, strerror(rc));
			return i;
		}
	}
	return threads;
}

static int run_readers(struct shared *shared, struct reader *readers, struct flash_cell *cell, void (*tick)(void *user),
	void *user, struct wick_diag *diag)
{
	unsigned started = start_all(shared, readers, diag);
	uint64_t spent_cpu_ns = 0;

	wait_for_all(shared, started, NULL, NULL);
	if (!shared->failed) {
		spent_cpu_ns = cpu_ns();
		enter(shared, MEASURE);
		wait_for_all(shared, started, tick, user);
		spent_cpu_ns = cpu_ns() - spent_cpu_ns;
	}
	enter(shared, TEAR_DOWN);
	for (unsigned i = 0; i < started; i++)
		pthread_join(readers[i].thread, NULL);
	if (started < cell->threads)
		return -EAGAIN;
	sum_up(readers, started, spent_cpu_ns, cell);
	return first_failure(readers, started, diag);
}

int flash_cell_run(struct flash_bench *bench, struct flash_cell *cell, void (*tick)(void *user), void *user,
	struct wick_diag *diag)
{
	struct shared shared = { .bench = bench, .cell = cell };
	struct reader *readers = calloc(cell->threads, sizeof(*readers));
	int rc;

	if (!readers)
		return wick_diag_say(diag, -ENOMEM, "no memory for %" PRIu32 " threads", cell->threads);
	pthread_mutex_init(&shared.mutex, NULL);
	pthread_cond_init(&shared.news, NULL);
	rc = run_readers(&shared, readers, cell, tick, user, diag);
	if (rc < 0)
		cell->reads = 0;
	pthread_cond_destroy(&shared.news);
	pthread_mutex_destroy(&shared.mutex);
	free(readers);
	return rc;
}

int flash_cell_check(const struct flash_bench *bench, const struct flash_cell *cell, struct wick_diag *diag)
{
	const struct wick_file *file = &bench->file;
	uint64_t reader_bytes = WICK_MAX(wick_mul(cell->chunk_bytes, cell->depth), bench->land_bytes);
	uint64_t memory_bytes = wick_mul(reader_bytes, cell->threads);
	uint64_t readers = cell->sequential ? cell->threads : 1, free_bytes = wick_free_bytes();

	if (cell->chunk_bytes % file->offset_align || cell->chunk_bytes % file->memory_align)
		return wick_diag_say(diag, -EINVAL, "%s: chunks of %s are no multiple of its direct-I/O alignment, %u bytes",
			file->path, SIZE(cell->chunk_bytes), WICK_MAX(file->offset_align, file->memory_align));
	if (file->size / readers < cell->chunk_bytes)
		return wick_diag_say(diag, -EINVAL, "%s: %s are too little for %" PRIu64 " chunk%s of %s", file->path,
			BYTES(file->size), readers, readers == 1 ? "" : "s", SIZE(cell->chunk_bytes));
	if (free_bytes && (double)memory_bytes > (double)free_bytes * MEMORY_SHARE)
		return wick_diag_say(diag, -ENOMEM, "chunks of %s at depth %" PRIu32 " in %" PRIu32 " thread%s are read into %s "
			"of memory, and only %s are free", SIZE(cell->chunk_bytes), cell->depth, cell->threads,
			cell->threads == 1 ? "" : "s", BYTES(memory_bytes), BYTES(free_bytes));
	return 0;
}

bool flash_cell_few(const struct flash_cell *cell)
{
	return cell->reads < WICK_PROBE_READS_MIN;
}
