/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Memory that no cache of the processor has: to be timed as weights are, which are swept once a token and are more than caches
 * hold. Last-level caches of servers have hundreds of megabytes, and no measurement should take several times as much. */

#include <stdbool.h>
#include <stdint.h>

/* So many bytes stay in the last level, if nothing else does; false where its size is not known. */
bool wick_cold_fits_cache(uint64_t bytes);

/* Nothing of it is in a cache afterwards. Bytes stay as they are. A processor that has no instruction for that is left alone. */
void wick_cold_evict(const void *base, uint64_t bytes);
