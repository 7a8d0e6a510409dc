/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Threads that compute: the caller and its helpers take numbered tasks until none is left. */

#include "diag.h"
#include "topo.h"

#include <stdint.h>

struct wick_pool;

typedef void (*wick_task_fn)(void *arg, uint32_t task, uint32_t thread);

/* threads counts the caller, 1..WICK_THREADS_MAX; 1 starts none. 0: as many as can be at work at once, or as the system
 * lets start. topo says on which nodes they run; without it the kernel does. */
int wick_pool_create(struct wick_pool **pool, uint32_t threads, struct wick_diag *diag);
int wick_pool_create_on(
	struct wick_pool **pool, uint32_t threads, const struct wick_topo *topo, struct wick_diag *diag);
void wick_pool_destroy(struct wick_pool *pool); /* NULL is fine */
uint32_t wick_pool_threads(const struct wick_pool *pool);
int wick_pool_refused(const struct wick_pool *pool); /* the negative errno why they are fewer than wanted, or 0 */

/* Runs fn(arg, task, thread) for every task < tasks and returns when all are done. Which thread takes which task is
 * chance: tasks must not depend on it. thread < wick_pool_threads() is for scratch. */
void wick_pool_run(struct wick_pool *pool, wick_task_fn fn, void *arg, uint32_t tasks);

/* The same in two steps, for a caller that has something else to do: the others are at work from begin on, the caller
 * from finish on. A job that is begun meanwhile, or run, finishes the one before it first. */
void wick_pool_begin(struct wick_pool *pool, wick_task_fn fn, void *arg, uint32_t tasks);
void wick_pool_finish(struct wick_pool *pool);

/* Called by the caller of every job after each of its own tasks; it must leave the pool alone. */
void wick_pool_meanwhile(struct wick_pool *pool, void (*fn)(void *arg), void *arg);
