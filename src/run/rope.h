/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rotary embedding (arXiv 2104.09864) and the ways to stretch it. Angles are in double; the turns of a batch's positions
 * are made once for all layers of a kind. */

#include "facts.h"

#include <stddef.h>

/* The angle of pair j at position 1, for j < rope_dim / 2, into frequencies; divisors (rope_dim / 2): of each of them, or
 * NULL. */
void wick_rope_frequencies(double *frequencies, const struct wick_attn_facts *facts, const float *divisors);

/* Cosines, then sines, of all pairs at a position: turns (rope_dim). */
void wick_rope_turns(float *turns, const double *frequencies, const struct wick_attn_facts *facts, uint32_t position);

/* One head, in place; numbers behind the first rope_dim stay. */
void wick_rope_turn(float *head, const float *turns, const struct wick_attn_facts *facts);
