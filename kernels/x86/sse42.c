/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* SSE4.2: its CRC-32C instruction. */

#include "../sets.h"

#include <nmmintrin.h>
#include <stdint.h>

static inline uint32_t crc_word(uint32_t crc, uint64_t word)
{
	return (uint32_t)_mm_crc32_u64(crc, word);
}

static inline uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
	return _mm_crc32_u8(crc, byte);
}

#include "../vector/crc32c.h"

void wick_kernels_sse42(struct wick_kernels *kernels)
{
	kernels->name = "sse42";
	kernels->crc32c = crc32c;
}
