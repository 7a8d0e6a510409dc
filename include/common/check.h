/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Checks for mistakes of the programmer, never for bad input, which is an error code and a sentence.
 *   wick_require  always: what would otherwise corrupt data
 *   wick_assert   off with NDEBUG: the rest */

#include <assert.h>
#include <stdlib.h>

#define wick_assert(condition) assert(condition)
#define wick_require(condition) ((condition) ? (void)0 : abort())
