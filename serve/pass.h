/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One pass over the weights for all slots. */

#include "patience.h"
#include "slots.h"
#include "width.h"

struct wick_pass {
	struct wick *wick;
	struct wick_metrics *metrics;
	struct wick_slots slots;
	struct wick_row *rows; /* (total), with room for the sessions and WICK_PIECE_MAX */
	uint32_t counts[WICK_SESSIONS_MAX]; /* rows of each slot */
	uint32_t total, answers;            /* rows of all, and of answers */
	uint32_t turn;           /* the slot whose prompt is first in a pass */
	uint32_t next_answer;    /* the slot whose answer is, where not all are in one */
	struct wick_width width; /* how many are */
	struct wick_patience patience; /* how much of prompts is in a pass with answers */
	struct wick_stats stats; /* after the last pass */
};

int wick_pass_open(struct wick_pass *pass, struct wick *wick, const struct wick_shelf_options *keep, struct wick_metrics *metrics,
	struct wick_diag *diag);
void wick_pass_close(struct wick_pass *pass); /* a zeroed one is fine */

/* A row of each answer and a piece of the prompts, of one job at least. An error refuses the jobs that had a row. */
void wick_pass_run(struct wick_pass *pass);

void wick_pass_drop_gone(struct wick_pass *pass);                                   /* jobs whose client left */
void wick_pass_stop(struct wick_pass *pass, const struct wick_refusal *refusal); /* all of them */
