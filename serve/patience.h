/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How much of the prompts comes into a pass with answers: as much as those who read an answer have patience for, a second,
 * or two of their tokens if these take longer. */

#include <stdint.h>

#define WICK_PIECE_MIN 8
#define WICK_PIECE_MAX 512

struct wick_patience {
	uint32_t rows;   /* of prompts in a pass with answers; 0: as at the beginning */
	double token_ns; /* a pass of answers alone takes, averaged */
};

/* The rows of prompts that a pass may have. */
uint32_t wick_patience_rows(const struct wick_patience *patience, uint32_t answers);

/* A pass of so many rows, of which so many were answers, took so long. */
void wick_patience_learn(struct wick_patience *patience, uint32_t rows, uint32_t answers, double ns);
