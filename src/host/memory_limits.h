/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Memory that this process may use. */

#include <stdint.h>
#include <wick/wick.h> /* wick_free_bytes, wick_cgroup_limit_bytes, wick_peak_bytes */

/* What this process takes as it is now, and what it may come to take of the files that are mapped: all of wick's own
 * code, and of each library that is not in memory yet 256 KiB at the most. 0: /proc does not tell. */
uint64_t wick_process_cost_bytes(void);
