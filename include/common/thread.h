/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Threads of the library: signals are for those of the program, so that none of its handlers runs on ours. */

#include <pthread.h>
#include <signal.h>

/* Whatever a limit says (ulimit -s): more than ours need, with libraries' variables of a thread (60 KiB of OpenBLAS
 * alone); and less than a huge page, since where those are for everybody the first touch of a larger stack takes one. */
#define WICK_THREAD_STACK_BYTES (1u << 20)

/* As pthread_create: a positive errno, not errno. */
static inline int wick_thread_start(pthread_t *thread, void *(*fn)(void *arg), void *arg)
{
	sigset_t all, before;
	pthread_attr_t how;
	int rc = pthread_attr_init(&how);

	if (rc)
		return rc;
	pthread_attr_setstacksize(&how, WICK_THREAD_STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(thread, &how, fn, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&how);
	return rc;
}
