/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rows of a table in which any two values of two columns meet: most of what only some combination shows takes two. And files of
 * the dense families, which are a column of such tables. */

#include <stdbool.h>

#define PAIRS_COLUMNS 5
#define PAIRS_VALUES 16

struct pairs {
	unsigned counts[PAIRS_COLUMNS]; /* values of each column, from 0 on; 0: none further */
	bool met[PAIRS_COLUMNS][PAIRS_VALUES][PAIRS_COLUMNS][PAIRS_VALUES]; /* at first none */
};

/* The next row: the same ones each time. false: all have met. */
bool pairs_next(struct pairs *pairs, unsigned row[PAIRS_COLUMNS]);

/* Fixtures of make_stock.py: fixtures/stock/NAME/model.gguf. */
#define DENSE_FAMILIES 14
extern const char *const dense_families[DENSE_FAMILIES];
