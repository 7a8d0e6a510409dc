/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The table filled from the bottom: plain C first, then every instruction set allowed, each over the last. */

#include "kernels.h"

#include "cpu.h"
#include "sets.h"

static void fill_with_c(struct wick_kernels *kernels)
{
	kernels->name = "c";
	wick_kernels_convert_c(kernels);
	wick_kernels_quantise_c(kernels);
	wick_kernels_matvec_c(kernels);
	wick_kernels_ffn_c(kernels);
	wick_kernels_norm_c(kernels);
	wick_kernels_act_c(kernels);
	wick_kernels_rope_c(kernels);
	wick_kernels_crc32c_c(kernels);
}

#if defined(__x86_64__)

static void climb(struct wick_kernels *kernels, uint32_t flags)
{
	if (!(flags & WICK_CPU_SSE42))
		return;
	wick_kernels_sse42(kernels);
	if (!(flags & WICK_CPU_AVX2))
		return;
	wick_kernels_avx2(kernels);
	if (flags & WICK_CPU_AVX_VNNI) /* which some processors with AVX-512 lack */
		wick_kernels_avxvnni(kernels);
	if (!(flags & WICK_CPU_AVX512))
		return;
	wick_kernels_avx512(kernels);
	if (!(flags & WICK_CPU_AVX512_VNNI))
		return;
	wick_kernels_avx512vnni(kernels);
	if (!(flags & WICK_CPU_VPCLMUL))
		return;
	wick_kernels_vpclmul(kernels);
}

#elif defined(__aarch64__)

static void climb(struct wick_kernels *kernels, uint32_t flags)
{
	if (!(flags & WICK_CPU_NEON))
		return;
	wick_kernels_neon(kernels);
	if (!(flags & WICK_CPU_CRC))
		return;
	wick_kernels_crc(kernels);
	if (!(flags & WICK_CPU_DOTPROD))
		return;
	wick_kernels_neondot(kernels);
}

#else

static void climb(struct wick_kernels *kernels, uint32_t flags)
{
	(void)kernels;
	(void)flags;
}

#endif

void wick_kernels_init(struct wick_kernels *kernels, uint32_t mask)
{
	uint32_t flags = wick_cpu_flags() & mask;

	fill_with_c(kernels);
	climb(kernels, flags);
}
