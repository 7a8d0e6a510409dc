/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The instruction sets of the CPU, one bit each. */

#include <stdint.h>

enum wick_cpu {
	WICK_CPU_SSE42 = 1 << 0,
	WICK_CPU_AVX2 = 1 << 1, /* with FMA and F16C */
	WICK_CPU_AVX512 = 1 << 2, /* F, BW, DQ, VL */
	WICK_CPU_AVX512_VNNI = 1 << 3,
	WICK_CPU_VPCLMUL = 1 << 4, /* VPCLMULQDQ on AVX-512 registers */
	WICK_CPU_AVX_VNNI = 1 << 5, /* VNNI on registers of AVX2 */
	WICK_CPU_NEON = 1 << 8,
	WICK_CPU_CRC = 1 << 9, /* ARM's own CRC-32C */
	WICK_CPU_DOTPROD = 1 << 10, /* ARM's dot products of bytes */
};

/* The sets that this CPU, and the system it runs under, allow. */
uint32_t wick_cpu_flags(void);
