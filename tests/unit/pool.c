/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Every task runs once, whatever the number of threads, and jobs follow each other without a trace. */

#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
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

/* number + (number + 1) + ..., so many */
static uint32_t sum_of(uint32_t number, uint32_t tasks)
{
	return tasks * number + tasks * (tasks - 1) / 2;
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
		assert_int_equal(small.sum, sum_of(job, tasks));
		small.number = UINT32_MAX / 2;
	}
	wick_pool_destroy(pool);
}

static void count_look(void *arg)
{
	++*(uint32_t *)arg;
}

/* The others work from begin on, so a job ends however late the caller comes, and one that is begun, or run, while
 * another is at work changes nothing for either. */
static void caller_may_come_late(void **state)
{
	(void)state;
	for (uint32_t threads = 1; threads <= 4; threads++) {
		struct wick_pool *pool;

		assert_int_equal(wick_pool_create(&pool, threads, NULL), 0);
		for (uint32_t job = 0; job < 2000; job++) {
			struct small first = { .number = job }, second = { .number = 2 * job }, third = { .number = 3 * job };

			wick_pool_begin(pool, add_number, &first, job % 9);
			wick_pool_begin(pool, add_number, &second, 5);
			assert_int_equal(first.sum, sum_of(job, job % 9));
			wick_pool_run(pool, add_number, &third, 1 + job % 2);
			assert_int_equal(second.sum, sum_of(2 * job, 5));
			assert_int_equal(third.sum, sum_of(3 * job, 1 + job % 2));
			wick_pool_finish(pool);
		}
		wick_pool_destroy(pool);
	}
}

/* With no one else at work the caller does everything when it comes, and looks up after each task. */
static void caller_looks_up_between_tasks(void **state)
{
	struct small small = { .number = 1 };
	struct wick_pool *pool;
	uint32_t looks = 0;

	(void)state;
	assert_int_equal(wick_pool_create(&pool, 1, NULL), 0);
	wick_pool_meanwhile(pool, count_look, &looks);
	wick_pool_begin(pool, add_number, &small, 10);
	assert_int_equal(small.sum, 0);
	wick_pool_finish(pool);
	assert_int_equal(small.sum, sum_of(1, 10));
	assert_int_equal(looks, 10);
	wick_pool_finish(pool);
	assert_int_equal(small.sum, sum_of(1, 10));
	wick_pool_destroy(pool);
}

static void look_for_signals(void *arg, uint32_t task, uint32_t thread)
{
	_Atomic uint32_t *open = arg;
	sigset_t mask;

	(void)task;
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	if (thread && !sigismember(&mask, SIGUSR1))
		atomic_fetch_add(open, 1);
}

/* A handler of the program's runs on none of ours. */
static void helpers_take_no_signals(void **state)
{
	_Atomic uint32_t open = 0;
	struct wick_pool *pool;
	sigset_t mask;

	(void)state;
	assert_int_equal(wick_pool_create(&pool, 3, NULL), 0);
	for (unsigned round = 0; round < 200; round++)
		wick_pool_run(pool, look_for_signals, &open, TASKS);
	wick_pool_destroy(pool);
	assert_int_equal(open, 0);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_false(sigismember(&mask, SIGUSR1));
}

static void limits_are_said(void **state)
{
	struct wick_diag diag = { 0 };
	struct wick_pool *pool;

	(void)state;
	assert_int_equal(wick_pool_create(&pool, 257, &diag), -EINVAL);
	assert_null(pool);
	assert_string_equal(diag.text, "257 threads: 1 to 256 are possible");
	wick_pool_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task_runs_once),
		cmocka_unit_test(late_helpers_do_no_harm),
		cmocka_unit_test(caller_may_come_late),
		cmocka_unit_test(caller_looks_up_between_tasks),
		cmocka_unit_test(helpers_take_no_signals),
		cmocka_unit_test(limits_are_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
