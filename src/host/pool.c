/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Threads that compute.
 *
 * One job at a time. The caller writes it down, raises the ticket and takes tasks as the helpers do:
 *
 *     ticket   [ number of the job | tasks left ]      a task is had by lowering it, in one compare-and-swap
 *
 * A job is over when its tasks are done, by whichever thread: a helper that comes late finds none left, or takes a task
 * of the next job, and is not waited for. The fields of a job that a thread reads after it has taken a task do not
 * change until that task is done. On a machine of several nodes each has a ticket of its own for its share of the
 * tasks.
 *
 * The caller may come late, too: it is the one that talks to the drive, and the others do tasks meanwhile.
 *
 * A token is hundreds of jobs some microseconds apart, and between them it waits for flash. Waking a thread costs tens
 * of microseconds on a virtual machine, so helpers look out for the next job for about that long and sleep after it:
 * that never costs more than twice what the better of the two would have. Where there are more threads than CPUs, or
 * than a cgroup's quota gives time for, helpers sleep at once: a spinning one would take time from those that work.
 */

#include "pool.h"

#include "bits.h"
#include "check.h"
#include "clock.h"
#include "cpu_limits.h"
#include "thread.h"

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
#include <wick/wick.h>

#define SPIN_NS 50000 /* what waking a thread costs, on a virtual machine */
#define LOOKS 32       /* at a word, between two at the clock */

struct helper {
	struct wick_pool *pool;
	pthread_t thread;
	uint32_t index, node;
	bool pinned;
	cpu_set_t cpus; /* if pinned */
};

/* Tasks of the node whose memory they read. */
struct share {
	_Alignas(64) _Atomic uint64_t ticket;
	uint32_t first, count;
};

struct wick_pool {
	struct share share[WICK_TOPO_NODES];
	_Alignas(64) _Atomic uint32_t generation; /* raised after each job's tickets; futex */
	_Atomic uint32_t sleepers;
	_Atomic bool stop;
	_Alignas(64) _Atomic uint32_t done; /* tasks; futex */
	_Atomic bool waiting;               /* the caller sleeps on done */
	wick_task_fn fn;
	void *arg;
	uint32_t tasks;
	void (*meanwhile)(void *arg); /* the caller's, between its tasks; or NULL */
	void *meanwhile_arg;
	uint32_t job;     /* its number */
	uint32_t shares;
	uint32_t node;    /* the caller's */
	uint32_t started; /* helpers that run */
	int refused;      /* why no more of them do; or 0 */
	uint64_t spin_ns;
	struct helper helper[]; /* (threads - 1) */
};

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, uint32_t count)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, (int)count, NULL, NULL, 0);
}

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Takes the next task of a share, if one is left. */
static bool take_task(struct share *share, uint32_t *task)
{
	uint64_t seen = atomic_load(&share->ticket);

	while ((uint32_t)seen)
		if (atomic_compare_exchange_weak(&share->ticket, &seen, seen - 1)) {
			*task = share->first + share->count - (uint32_t)seen;
			return true;
		}
	return false;
}

/* Does tasks until none is left: those of its own node first. */
static void take_tasks(struct wick_pool *pool, uint32_t thread, uint32_t node)
{
	uint32_t task, tasks, mine = 0;

	for (uint32_t i = 0; i < pool->shares; i++)
		for (; take_task(&pool->share[(node + i) % pool->shares], &task); mine++) {
			pool->fn(pool->arg, task, thread);
			if (!thread && pool->meanwhile)
				pool->meanwhile(pool->meanwhile_arg);
		}
	if (!mine)
		return;
	tasks = pool->tasks; /* of the same job still: it is not over before the next line */
	if (atomic_fetch_add(&pool->done, mine) + mine == tasks && atomic_load(&pool->waiting))
		futex_wake(&pool->done, 1);
}

/* Looks at a word until it is no longer `seen`, for as long as looking is cheaper than sleeping. Returns whether it
 * changed. */
static bool look_out(struct wick_pool *pool, _Atomic uint32_t *word, uint32_t seen)
{
	uint64_t begun = pool->spin_ns ? wick_now_ns() : 0;

	do {
		for (int i = 0; i < LOOKS; i++) {
			if (atomic_load(word) != seen)
				return true;
			relax();
		}
	} while (pool->spin_ns && wick_now_ns() - begun < pool->spin_ns);
	return false;
}

/* Waits until a job newer than `seen` is published, and returns its generation. */
static uint32_t next_generation(struct wick_pool *pool, uint32_t seen)
{
	uint32_t now;

	if (look_out(pool, &pool->generation, seen))
		return atomic_load(&pool->generation);
	atomic_fetch_add(&pool->sleepers, 1);
	while ((now = atomic_load(&pool->generation)) == seen)
		futex_wait(&pool->generation, seen);
	atomic_fetch_sub(&pool->sleepers, 1);
	return now;
}

static void *help(void *arg)
{
	struct helper *helper = arg;
	struct wick_pool *pool = helper->pool;
	uint32_t seen = 0;

	if (helper->pinned)
		pthread_setaffinity_np(pthread_self(), sizeof(helper->cpus), &helper->cpus);
	for (;;) {
		seen = next_generation(pool, seen);
		if (atomic_load(&pool->stop))
			return NULL;
		take_tasks(pool, helper->index, helper->node);
	}
}

/* Makes helpers look at the ticket: as many as there is work for. */
static void call_helpers(struct wick_pool *pool, uint32_t count)
{
	atomic_fetch_add(&pool->generation, 1);
	if (atomic_load(&pool->sleepers))
		futex_wake(&pool->generation, count);
}

static void wait_until_done(struct wick_pool *pool)
{
	uint32_t done;

	while ((done = atomic_load(&pool->done)) < pool->tasks) {
		if (look_out(pool, &pool->done, done))
			continue;
		atomic_store(&pool->waiting, true);
		if (atomic_load(&pool->done) == done)
			futex_wait(&pool->done, done);
		atomic_store(&pool->waiting, false);
	}
}

/* Writes down the tickets of a job. */
static void share_out(struct wick_pool *pool, uint32_t tasks)
{
	uint32_t first = 0;

	pool->job++;
	for (uint32_t i = 0; i < pool->shares; i++) {
		uint32_t end = (uint32_t)((uint64_t)tasks * (i + 1) / pool->shares);

		pool->share[i].first = first;
		pool->share[i].count = end - first;
		atomic_store(&pool->share[i].ticket, (uint64_t)pool->job << 32 | (end - first));
		first = end;
	}
}

void wick_pool_finish(struct wick_pool *pool)
{
	take_tasks(pool, 0, pool->node);
	wait_until_done(pool);
}

void wick_pool_begin(struct wick_pool *pool, wick_task_fn fn, void *arg, uint32_t tasks)
{
	wick_pool_finish(pool);
	pool->fn = fn;
	pool->arg = arg;
	pool->tasks = tasks;
	atomic_store(&pool->done, 0);
	share_out(pool, tasks);
	if (pool->started && tasks)
		call_helpers(pool, WICK_MIN(pool->started, tasks));
}

void wick_pool_run(struct wick_pool *pool, wick_task_fn fn, void *arg, uint32_t tasks)
{
	wick_pool_begin(pool, fn, arg, tasks > 1 ? tasks : 0);
	wick_pool_finish(pool);
	if (tasks == 1) /* not worth a call */
		fn(arg, 0, 0);
}

void wick_pool_meanwhile(struct wick_pool *pool, void (*fn)(void *arg), void *arg)
{
	pool->meanwhile = fn;
	pool->meanwhile_arg = arg;
}

uint32_t wick_pool_threads(const struct wick_pool *pool)
{
	return pool->started + 1;
}

int wick_pool_refused(const struct wick_pool *pool)
{
	return pool->refused;
}

static struct wick_pool *allocate(uint32_t threads)
{
	size_t bytes = wick_align_up(sizeof(struct wick_pool) + threads * sizeof(struct helper), _Alignof(struct wick_pool));
	struct wick_pool *pool = aligned_alloc(_Alignof(struct wick_pool), bytes);

	if (pool)
		memset(pool, 0, bytes);
	return pool;
}

static struct helper helper_on(struct wick_pool *pool, const struct wick_topo *topo, uint32_t index, uint32_t threads)
{
	uint32_t node = topo->policy == WICK_TOPO_INTERLEAVE ? 0 : wick_topo_node_of_thread(topo, index, threads);

	return (struct helper){ .pool = pool, .index = index, .node = node, .cpus = topo->node[node].cpus,
		.pinned = topo->machine_nodes > 1 && topo->policy != WICK_TOPO_INTERLEAVE };
}

/* A positive errno, as of pthread_create: of the first that did not start. */
static int start_helpers(struct wick_pool *pool, uint32_t threads, const struct wick_topo *topo)
{
	int err = 0;

	while (!err && pool->started < threads - 1) {
		struct helper *helper = &pool->helper[pool->started];

		*helper = helper_on(pool, topo, pool->started + 1, threads);
		err = wick_thread_start(&helper->thread, help, helper);
		pool->started += !err;
	}
	return err;
}

int wick_pool_create_on(
	struct wick_pool **pool, uint32_t threads, const struct wick_topo *topo, struct wick_diag *diag)
{
	bool any = !threads;
	struct wick_pool *new;
	int err;

	*pool = NULL;
	if (any)
		threads = wick_cpu_threads();
	if (threads > WICK_THREADS_MAX)
		return wick_diag_say(diag, -EINVAL, "%u threads: 1 to %u are possible", threads, WICK_THREADS_MAX);
	new = allocate(threads);
	if (!new)
		return wick_diag_say(diag, -ENOMEM, "no memory for %u threads", threads);
	new->spin_ns = threads <= WICK_MIN(topo->cpu_count, wick_cpu_quota("")) ? SPIN_NS : 0;
	new->shares = topo->policy == WICK_TOPO_LOCAL ? topo->node_count : 1;
	new->node = new->shares > 1 ? wick_topo_node_here(topo) : 0;
	err = start_helpers(new, threads, topo);
	if (err && !any) {
		wick_diag_say(diag, -err, "cannot start thread %u of %u: %s", new->started + 2, threads, strerror(err));
		wick_pool_destroy(new);
		return -err;
	}
	new->refused = -err;
	*pool = new;
	return 0;
}

int wick_pool_create(struct wick_pool **pool, uint32_t threads, struct wick_diag *diag)
{
	struct wick_topo topo;

	wick_topo_read(&topo);
	topo.policy = WICK_TOPO_INTERLEAVE;
	return wick_pool_create_on(pool, threads, &topo, diag);
}

void wick_pool_destroy(struct wick_pool *pool)
{
	if (!pool)
		return;
	atomic_store(&pool->stop, true);
	call_helpers(pool, pool->started);
	for (uint32_t i = 0; i < pool->started; i++)
		pthread_join(pool->helper[i].thread, NULL);
	free(pool);
}
