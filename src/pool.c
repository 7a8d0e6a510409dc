/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Threads that compute.
 *
 * One job at a time: the caller publishes it by raising `generation`, everybody takes tasks from the one counter, and
 * the caller leaves when the helpers have. Helpers look for the next job for a short while, since a token is hundreds of
 * small jobs a few microseconds apart, and then sleep on a futex, since a laptop that waits for its drive should be idle.
 */

#include "pool.h"

#include "check.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SPINS 2000 /* looks at `generation` before sleeping; some tens of microseconds */

struct helper {
	struct wick_pool *pool;
	pthread_t thread;
	uint32_t index;
};

struct wick_pool {
	_Atomic uint32_t generation; /* of the job published last; futex */
	_Atomic uint32_t sleepers;
	_Atomic uint32_t next_task;
	_Atomic uint32_t busy; /* helpers that have not left the job; futex */
	bool stop;
	wick_task_fn fn;
	void *arg;
	uint32_t tasks;
	uint32_t started; /* helpers that run */
	struct helper helper[]; /* (threads - 1) */
};

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int count)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static void take_tasks(struct wick_pool *pool, uint32_t thread)
{
	uint32_t task;

	while ((task = atomic_fetch_add(&pool->next_task, 1)) < pool->tasks)
		pool->fn(pool->arg, task, thread);
}

/* Waits until a job newer than `seen` is published, and returns its generation. */
static uint32_t next_generation(struct wick_pool *pool, uint32_t seen)
{
	uint32_t now;

	for (int i = 0; i < SPINS; i++) {
		if ((now = atomic_load(&pool->generation)) != seen)
			return now;
		relax();
	}
	atomic_fetch_add(&pool->sleepers, 1);
	while ((now = atomic_load(&pool->generation)) == seen)
		futex_wait(&pool->generation, seen);
	atomic_fetch_sub(&pool->sleepers, 1);
	return now;
}

static void leave_job(struct wick_pool *pool)
{
	if (atomic_fetch_sub(&pool->busy, 1) == 1)
		futex_wake(&pool->busy, 1);
}

static void *help(void *arg)
{
	struct helper *helper = arg;
	struct wick_pool *pool = helper->pool;
	uint32_t seen = 0;

	for (;;) {
		seen = next_generation(pool, seen);
		if (pool->stop)
			return NULL;
		take_tasks(pool, helper->index);
		leave_job(pool);
	}
}

static void publish(struct wick_pool *pool)
{
	atomic_store(&pool->busy, pool->started);
	atomic_fetch_add(&pool->generation, 1);
	if (atomic_load(&pool->sleepers))
		futex_wake(&pool->generation, (int)pool->started);
}

static void wait_for_helpers(struct wick_pool *pool)
{
	uint32_t busy;

	for (int i = 0; i < SPINS; i++) {
		if (!atomic_load(&pool->busy))
			return;
		relax();
	}
	while ((busy = atomic_load(&pool->busy)))
		futex_wait(&pool->busy, busy);
}

void wick_pool_run(struct wick_pool *pool, wick_task_fn fn, void *arg, uint32_t tasks)
{
	if (!pool->started || tasks < 2) {
		for (uint32_t task = 0; task < tasks; task++)
			fn(arg, task, 0);
		return;
	}
	pool->fn = fn;
	pool->arg = arg;
	pool->tasks = tasks;
	atomic_store(&pool->next_task, 0);
	publish(pool);
	take_tasks(pool, 0);
	wait_for_helpers(pool);
}

uint32_t wick_pool_threads(const struct wick_pool *pool)
{
	return pool->started + 1;
}

int wick_pool_create(struct wick_pool **pool, uint32_t threads, struct wick_diag *diag)
{
	struct wick_pool *new;
	int err;

	*pool = NULL;
	if (threads < 1 || threads > WICK_POOL_THREADS)
		return wick_diag_say(diag, -EINVAL, "%u threads: 1 to %u are possible", threads, WICK_POOL_THREADS);
	new = calloc(1, sizeof(*new) + (threads - 1) * sizeof(new->helper[0]));
	if (!new)
		return wick_diag_say(diag, -ENOMEM, "no memory for %u threads", threads);
	for (uint32_t i = 0; i < threads - 1; i++) {
		new->helper[i] = (struct helper){ .pool = new, .index = i + 1 };
		err = pthread_create(&new->helper[i].thread, NULL, help, &new->helper[i]);
		if (err) {
			wick_pool_destroy(new);
			return wick_diag_say(diag, -err, "cannot start thread %u: %s", i + 1, strerror(err));
		}
		new->started++;
	}
	*pool = new;
	return 0;
}

void wick_pool_destroy(struct wick_pool *pool)
{
	if (!pool)
		return;
	pool->stop = true;
	publish(pool);
	for (uint32_t i = 0; i < pool->started; i++)
		pthread_join(pool->helper[i].thread, NULL);
	free(pool);
}
