/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* FNV-1a of 64 bits, where a sum is written to files or names them: it must stay what it is. */

#include "bits.h"

#define WICK_FNV_BEGIN 0xcbf29ce484222325u

/* Goes on from what came of the bytes before. */
WICK_WRAPS static inline uint64_t wick_fnv(uint64_t sum, const void *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		sum = (sum ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
	return sum;
}
