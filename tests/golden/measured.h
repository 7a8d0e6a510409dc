/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a run really takes. It is a process of its own, this program executed again, which evaluates a prompt that
 * leaves room for a few tokens, and those. It is measured in four ways, since each is blind somewhere:
 *
 *     its memory, page by page        before it ends, when all of it is in use; counts shared libraries, but no page
 *                                     cache
 *     its high-water mark (VmHWM)     likewise, at its worst; the kernel's sums for it lag behind on every CPU
 *     pages of the model in the       what it left behind; the file is evicted first, since a page that is there
 *     page cache when it has ended    already costs nothing
 *     peak of a cgroup without limit  counts page cache at its worst, but not libraries that others have loaded; with a
 *                                     limit it could never be above it, whatever the process did
 */

#include "cgroup.h"

#include <stdbool.h>
#include <stdint.h>

#define MEASURED_TOKENS 8 /* behind the prompt */

struct measured_setting {
	const char *mode, *io; /* io NULL: the best */
	double percent;        /* the budget, if there are no bytes */
	uint64_t bytes;        /* both 0: the smallest that works */
	bool buffered;
	uint32_t ctx, prompt; /* tokens, of each session */
	uint32_t sessions;    /* 0: one */
};

struct measured {
	uint64_t budget_bytes, planned_bytes, process_bytes; /* as the plan has them */
	uint64_t used_bytes, peak_bytes; /* of the process */
	uint64_t untouched_bytes;        /* code and libraries that it may still come to take, which the plan counts */
	uint64_t left_bytes;             /* in the page cache */
	uint64_t cgroup_bytes;           /* its peak; 0: not known */
	bool direct;
};

/* By how much the high-water mark may be wrong: two sums, file pages and others, each a batch behind on every CPU. */
uint64_t measured_lag_bytes(void);

/* Runs it, inside the cgroup if that has been made, after evicting the model. Returns what waitpid said. */
int measured_run(struct measured *measured, const char *model, const struct measured_setting *setting,
	const struct cgroup *cgroup);

/* Whether the file has left the page cache; that of tmpfs, say, lives nowhere else. */
bool measured_evict(const char *path);

/* What the process of a run does: main() calls it first and returns what it returns, unless that is negative. */
int measured_main(int argc, char **argv);
