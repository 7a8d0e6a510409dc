/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A memory cgroup of our own, version 1 or 2, where the machine lets a test make one. */

#include <linux/limits.h>
#include <stdbool.h>
#include <stdint.h>

struct cgroup {
	char folder[PATH_MAX]; /* "": none */
	bool v2;
};

/* Makes one without a limit, under the caller's own. false: not here, and *why says it. */
bool cgroup_create(struct cgroup *cgroup, const char **why);
void cgroup_remove(struct cgroup *cgroup); /* when no process is left in it */

bool cgroup_limit(const struct cgroup *cgroup, uint64_t bytes); /* nothing may be swapped out either */
bool cgroup_enter(const struct cgroup *cgroup);                 /* the calling process */
/* Most bytes that were ever charged, page cache included; 0 where the kernel does not keep this figure. */
uint64_t cgroup_peak_bytes(const struct cgroup *cgroup);
