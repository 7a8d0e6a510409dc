/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The CRC-32C instructions, an option of ARMv8.0. */

#include "../sets.h"

#include <arm_acle.h>
#include <stdint.h>

static inline uint32_t crc_word(uint32_t crc, uint64_t word)
{
	return __crc32cd(crc, word);
}

static inline uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
	return __crc32cb(crc, byte);
}

#include "../vector/crc32c.h"

void wick_kernels_crc(struct wick_kernels *kernels)
{
	kernels->crc32c = crc32c;
}
