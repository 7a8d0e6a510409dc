/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rotary embedding (arXiv 2104.09864): how fast each pair turns, and the ways to stretch that. kernels.h turns. */

#include "facts.h"

/* The angle of pair j at position 1, for j < rope_dim / 2, into frequencies; divisors (rope_dim / 2): of each of them, or
 * NULL. */
void wick_rope_frequencies(double *frequencies, const struct wick_attn_facts *facts, const float *divisors);

/* By how much cosines and sines are longer than 1. */
double wick_rope_size(const struct wick_attn_facts *facts);
