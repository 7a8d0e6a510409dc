/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* CPUs and their quota (see cpu_limits.h).
 *
 * A quota lets all threads of a cgroup run until they have used so much time together, and then none until the period
 * (usually 100 ms) is over. More threads than that find the same time used up sooner.
 */

#include "cpu_limits.h"

#include "bits.h"
#include "cgroup.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <wick/wick.h>

/* Of one cgroup: "50000 100000" in version 2, two files in version 1. */
static double quota_of(const struct wick_cgroup *cgroup)
{
	unsigned long long quota, period;
	char line[64];

	if (!cgroup->v2) {
		quota = wick_cgroup_number(cgroup, "cpu.cfs_quota_us", "");
		period = wick_cgroup_number(cgroup, "cpu.cfs_period_us", "");
		return quota == UINT64_MAX || period == UINT64_MAX || !period ? INFINITY : (double)quota / (double)period;
	}
	wick_cgroup_line(cgroup, "", "cpu.max", line, sizeof(line));
	return sscanf(line, "%llu %llu", &quota, &period) == 2 && period ? (double)quota / (double)period : INFINITY;
}

double wick_cpu_quota(const char *root)
{
	struct wick_cgroup cgroup;
	double quota = INFINITY;

	if (wick_cgroup_find(&cgroup, root, "cpu"))
		do
			quota = WICK_MIN(quota, quota_of(&cgroup));
		while (wick_cgroup_up(&cgroup));
	return quota;
}

uint32_t wick_cpu_threads(void)
{
	double quota = ceil(wick_cpu_quota(""));
	cpu_set_t set;
	int cpus = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

	cpus = WICK_MIN(WICK_MAX(cpus, 1), WICK_THREADS_MAX);
	return (uint32_t)WICK_MAX(WICK_MIN(quota, cpus), 1);
}
