/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The functions that fill the table: one for a family and instruction set, each overwriting the entries that it has. */

#include "kernels.h"

void wick_kernels_convert_c(struct wick_kernels *kernels);
void wick_kernels_quantise_c(struct wick_kernels *kernels);
void wick_kernels_matvec_c(struct wick_kernels *kernels);
void wick_kernels_ffn_c(struct wick_kernels *kernels);
void wick_kernels_norm_c(struct wick_kernels *kernels);
void wick_kernels_act_c(struct wick_kernels *kernels);
void wick_kernels_rope_c(struct wick_kernels *kernels);
void wick_kernels_crc32c_c(struct wick_kernels *kernels);

#if defined(__x86_64__)
void wick_kernels_sse42(struct wick_kernels *kernels);
void wick_kernels_avx2(struct wick_kernels *kernels);
void wick_kernels_avxvnni(struct wick_kernels *kernels);
void wick_kernels_avx512(struct wick_kernels *kernels);
void wick_kernels_avx512vnni(struct wick_kernels *kernels);
void wick_kernels_vpclmul(struct wick_kernels *kernels); /* keeps the name: it is CRC-32C alone */
#elif defined(__aarch64__)
void wick_kernels_neon(struct wick_kernels *kernels);
void wick_kernels_crc(struct wick_kernels *kernels); /* keeps the name: it is an option of any */
void wick_kernels_neondot(struct wick_kernels *kernels);
#endif
