/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* CPU flags, from the compiler's own run-time support on x86 and from the kernel's auxiliary vector on ARM. */

#include "cpu.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <stdbool.h>

/* The two that not every compiler knows by name. */
static bool has_f16c(void)
{
	unsigned eax, ebx, ecx, edx;

	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && ecx & bit_F16C;
}

static bool has_avx_vnni(void)
{
	unsigned eax, ebx, ecx, edx;

	return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && eax & 1 << 4;
}

uint32_t wick_cpu_flags(void)
{
	uint32_t flags = 0;

	__builtin_cpu_init();
	if (__builtin_cpu_supports("sse4.2"))
		flags |= WICK_CPU_SSE42;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c())
		flags |= WICK_CPU_AVX2;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
		flags |= WICK_CPU_AVX512;
	if (__builtin_cpu_supports("avx512vnni"))
		flags |= WICK_CPU_AVX512_VNNI;
	if (__builtin_cpu_supports("vpclmulqdq"))
		flags |= WICK_CPU_VPCLMUL;
	if (has_avx_vnni())
		flags |= WICK_CPU_AVX_VNNI;
	return flags;
}

#elif defined(__aarch64__)

#include <asm/hwcap.h>
#include <sys/auxv.h>

uint32_t wick_cpu_flags(void)
{
	unsigned long caps = getauxval(AT_HWCAP);
	uint32_t flags = 0;

	if (caps & HWCAP_ASIMD)
		flags |= WICK_CPU_NEON;
	if (caps & HWCAP_CRC32)
		flags |= WICK_CPU_CRC;
	if (caps & HWCAP_ASIMDDP)
		flags |= WICK_CPU_DOTPROD;
	return flags;
}

#else

uint32_t wick_cpu_flags(void)
{
	return 0;
}

#endif
