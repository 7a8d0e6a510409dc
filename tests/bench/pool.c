/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* bench-pool [THREADS]: what a job costs, how soon helpers join one, and what they burn while the caller waits.
 *
 * Jobs come after a pause, as they do in a token: none at all, some microseconds of arithmetic on one thread, or a read
 * from flash. Each job is a microsecond or more of work for each thread; its price is the time beyond the ideal share.
 */

#include "pool.h"

#include "bits.h"
#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 300

/* Arithmetic of about so many nanoseconds. */
static void burn(uint64_t ns)
{
	uint64_t begun = wick_now_ns();

	while (wick_now_ns() - begun < ns)
		;
}

static void task(void *arg, uint32_t number, uint32_t thread)
{
	(void)number;
	(void)thread;
	burn(*(const uint64_t *)arg);
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void pause_for(uint64_t ns, bool asleep)
{
	struct timespec time = { .tv_nsec = (long)ns };

	if (asleep)
		nanosleep(&time, NULL);
	else if (ns)
		burn(ns);
}

/* One line: jobs of `tasks` tasks of task_ns each, after pauses of pause_ns. */
static void measure(struct wick_pool *pool, uint64_t pause_ns, bool asleep, uint64_t task_ns, uint32_t tasks)
{
	uint64_t took_ns[ROUNDS], begun = wick_now_ns(), begun_cpu = cpu_ns(), all_ns, all_cpu_ns;
	uint32_t threads = wick_pool_threads(pool);
	uint64_t ideal_ns = wick_div_up(tasks, threads) * task_ns;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start;

		pause_for(pause_ns, asleep);
		start = wick_now_ns();
		wick_pool_run(pool, task, &task_ns, tasks);
		took_ns[i] = wick_now_ns() - start;
	}
	all_ns = wick_now_ns() - begun;
	all_cpu_ns = cpu_ns() - begun_cpu;
	qsort(took_ns, ROUNDS, sizeof(*took_ns), compare);
	printf("%6.0f us %-9s %2u tasks of %5.1f us: %7.2f us beyond %6.1f (p90 %7.2f); %3.0f%% CPU\n",
		(double)pause_ns / 1e3, asleep ? "asleep" : "computing", tasks, (double)task_ns / 1e3,
		((double)took_ns[ROUNDS / 2] - (double)ideal_ns) / 1e3, (double)ideal_ns / 1e3,
		((double)took_ns[ROUNDS * 9 / 10] - (double)ideal_ns) / 1e3, 100 * (double)all_cpu_ns / (double)all_ns);
}

int main(int argc, char **argv)
{
	static const uint64_t computing_ns[] = { 0, 2000, 10000, 40000, 150000 }, asleep_ns[] = { 100000, 1000000, 5000000 };
	uint32_t threads = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 2;
	struct wick_pool *pool;

	if (wick_pool_create(&pool, threads, NULL))
		return 1;
	printf("%u threads, medians of %d jobs\n", threads, ROUNDS);
	for (size_t i = 0; i < WICK_COUNT_OF(computing_ns); i++)
		for (uint64_t task_ns = 1000; task_ns <= 16000; task_ns *= 16)
			measure(pool, computing_ns[i], false, task_ns, 4 * threads);
	for (size_t i = 0; i < WICK_COUNT_OF(asleep_ns); i++)
		measure(pool, asleep_ns[i], true, 16000, 4 * threads);
	wick_pool_destroy(pool);
	return 0;
}
