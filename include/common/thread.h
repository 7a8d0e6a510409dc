/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Threads of the library: signals are for those of the program, so that none of its handlers runs on ours. */

#include <pthread.h>
#include <signal.h>

#define WICK_THREAD_STACK_MIN (256u << 10) /* bytes; libraries' variables of a thread are in it: 60 KiB of OpenBLAS alone */

/* Stacks are as large as a limit says (ulimit -s), but large enough. */
static inline void wick_thread_size(pthread_attr_t *how)
{
	size_t bytes = 0;

	pthread_attr_getstacksize(how, &bytes);
	if (bytes < WICK_THREAD_STACK_MIN)
		pthread_attr_setstacksize(how, WICK_THREAD_STACK_MIN);
}

/* As pthread_create: a positive errno, not errno. */
static inline int wick_thread_start(pthread_t *thread, void *(*fn)(void *arg), void *arg)
{
	sigset_t all, before;
	pthread_attr_t how;
	int rc = pthread_attr_init(&how);

	if (rc)
		return rc;
	wick_thread_size(&how);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(thread, &how, fn, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&how);
	return rc;
}
