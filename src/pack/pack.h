/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Checkpoint folder -> packed model, in bounded memory; and the check of a whole packed model. Both are public:
 * wick_pack() and wick_verify() of wick.h, implemented in pack.c and verify.c; wick_info() is info.c. */

#include <wick/wick.h>
