/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Floating point numbers of 8 bits as checkpoints have them: E4M3 without infinities (arXiv 2209.05433). */

#include <stdint.h>

/* Codes to the numbers that they are, exactly; 0x7f and 0xff are NaN. */
void wick_fp8_e4m3_to_f32(float *numbers, const uint8_t *codes, uint64_t count);
