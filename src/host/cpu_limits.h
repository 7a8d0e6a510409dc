/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How much of the processor this process may use. */

#include <stdint.h>

/* The time that its cgroups give it, in CPUs: 1.5 is three quarters of two. INFINITY without a limit. root is where /proc
 * and /sys are: "", but for tests. */
double wick_cpu_quota(const char *root);

/* Threads that can be at work at once: the CPUs that it may run on, or its quota, rounded up, where that is less. At least
 * 1, at most WICK_THREADS_MAX. */
uint32_t wick_cpu_threads(void);
