/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Memory that this process may use. */

#include <stdint.h>
#include <wick/wick.h> /* wick_free_bytes, wick_cgroup_limit_bytes */

/* Resident memory of this process as it is now, counted page by page: code, libraries, heap, all. 0: /proc does not
 * tell. */
uint64_t wick_resident_bytes(void);
/* High-water mark of this process's resident memory, bytes. */
uint64_t wick_peak_bytes(void);
