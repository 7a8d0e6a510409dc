/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Memory that this process may use. */

#include <stdint.h>

/* Bytes free for a new process: MemAvailable, or what is left below the limit of a memory cgroup (v1 or v2) that this
 * process is in, if that is less. 0 when neither can be read. */
uint64_t wick_free_bytes(void);

/* The smallest cgroup limit that holds for this process, in bytes; UINT64_MAX without one. */
uint64_t wick_cgroup_limit_bytes(void);

/* High-water mark of this process's resident memory, bytes. */
uint64_t wick_peak_bytes(void);
