/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Memory that this process may use. */

#include <stdint.h>
#include <wick/wick.h> /* wick_free_bytes, wick_cgroup_limit_bytes */

/* High-water mark of this process's resident memory, bytes. */
uint64_t wick_peak_bytes(void);
