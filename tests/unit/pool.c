/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Every task runs once, whatever the number of threads, and jobs follow each other without a trace. */

#include "pool.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TASKS 1000

struct job {
	_Atomic uint32_t runs[TASKS];
	_Atomic uint32_t threads_seen; /* a bit each */
	uint32_t threads;
};

static void count_task(void *arg, uint32_t task, uint32_t thread)
{
	struct job *job = arg;

	assert_true(thread < job->threads);
	atomic_fetch_add(&job->runs[task], 1);
	atomic_fetch_or(&job->threads_seen, 1u << thread);
}

static void every_task_runs_once(void **state)
{
	static struct job job;

	(void)state;
	for (uint32_t threads = 1; threads <= 5; threads++) {
		struct wick_pool *pool;

		assert_int_equal(wick_pool_create(&pool, threads, NULL), 0);
		assert_int_equal(wick_pool_threads(pool), threads);
		for (uint32_t round = 0; round < 200; round++) {
			uint32_t tasks = round * 5;

			memset(&job, 0, sizeof(job));
			job.threads = threads;
			wick_pool_run(pool, count_task, &job, tasks);
			for (uint32_t i = 0; i < TASKS; i++)
				assert_int_equal(job.runs[i], i < tasks);
		}
		wick_pool_destroy(pool);
	}
}

struct small {
	uint32_t number;
	_Atomic uint32_t sum;
};

static void add_number(void *arg, uint32_t task, uint32_t thread)
{
	struct small *small = arg;

	(void)thread;
	atomic_fetch_add(&small->sum, small->number + task);
}

/* A helper that is late for a job must not do its tasks after it, nor with the next one's numbers. More threads than
 * CPUs make late ones. */
static void late_helpers_do_no_harm(void **state)
{
	struct wick_pool *pool;

	(void)state;
	assert_int_equal(wick_pool_create(&pool, 9, NULL), 0);
	for (uint32_t job = 0; job < 20000; job++) {
		struct small small = { .number = job };
		uint32_t tasks = 1 + job % 7;

		wick_pool_run(pool, add_number, &small, tasks);
		assert_int_equal(small.sum, tasks * job + tasks * (tasks - 1) / 2);
		small.number = UINT32_MAX / 2;
	}
	wick_pool_destroy(pool);
}

static void limits_are_said(void **state)
{
	struct wick_diag diag = { 0 };
	struct wick_pool *pool;

	(void)state;
	assert_int_equal(wick_pool_create(&pool, 0, &diag), -EINVAL);
	assert_null(pool);
	assert_string_equal(diag.text, "0 threads: 1 to 256 are possible");
	assert_int_equal(wick_pool_create(&pool, 257, NULL), -EINVAL);
	wick_pool_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task_runs_once),
		cmocka_unit_test(late_helpers_do_no_harm),
		cmocka_unit_test(limits_are_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
