/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Pieces of prompts, as long as patience allows. */

#include "patience.h"

#define PATIENCE_NS 1000000000.0
#define BEGIN_ROWS (4 * WICK_PIECE_MIN)
#define AVERAGE 8 /* passes */
#define AIM 0.9 /* of the patience, since each piece of a prompt looks at more positions than the one before */

static uint32_t piece(const struct wick_patience *patience)
{
	return patience->rows ? patience->rows : BEGIN_ROWS;
}

uint32_t wick_patience_rows(const struct wick_patience *patience, uint32_t answers)
{
	return answers ? piece(patience) : WICK_PIECE_MAX;
}

/* What a piece of twice the length would take: twice what it takes beside the answers, for which the weights are read anyway. */
static double twice_ns(const struct wick_patience *patience, double ns)
{
	return ns > patience->token_ns ? 2 * ns - patience->token_ns : ns;
}

void wick_patience_learn(struct wick_patience *patience, uint32_t rows, uint32_t answers, double ns)
{
	double most = AIM * (2 * patience->token_ns > PATIENCE_NS ? 2 * patience->token_ns : PATIENCE_NS);
	uint32_t now = piece(patience);

	if (rows == answers)
		patience->token_ns += patience->token_ns > 0 ? (ns - patience->token_ns) / AVERAGE : ns;
	else if (answers && ns > most && now > WICK_PIECE_MIN)
		patience->rows = now / 2;
	else if (answers && twice_ns(patience, ns) < most && rows - answers == now && now < WICK_PIECE_MAX)
		patience->rows = now * 2;
}
