/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The cgroups that this process is in, of either version. Any of them, from its own to the topmost that can be seen, may
 * be the one that limits:
 *
 *     if (wick_cgroup_find(&cgroup, "", "memory"))
 *             do
 *                     limit = WICK_MIN(limit, wick_cgroup_number(&cgroup, "memory.limit_in_bytes", "memory.max"));
 *             while (wick_cgroup_up(&cgroup));
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wick_cgroup {
	char folder[600];
	size_t top_bytes; /* of that, where the hierarchy is mounted */
	bool v2;
};

/* The process's own cgroup of a controller. root is where /proc and /sys are: "", but for tests. False: in none that can
 * be seen. */
bool wick_cgroup_find(struct wick_cgroup *cgroup, const char *root, const char *controller);
/* The one above; false when there is none. */
bool wick_cgroup_up(struct wick_cgroup *cgroup);

/* The first line of a file of the cgroup, by its name in either version; "" when there is none. */
void wick_cgroup_line(const struct wick_cgroup *cgroup, const char *v1, const char *v2, char *line, int bytes);
/* A number; UINT64_MAX when the file is not there or has none ("max", -1). */
uint64_t wick_cgroup_number(const struct wick_cgroup *cgroup, const char *v1, const char *v2);
