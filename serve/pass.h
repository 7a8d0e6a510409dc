/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The slots, and one pass over the weights for all of them. */

#include "metrics.h"
#include "slot.h"

struct wick_pass {
	struct wick *wick;
	struct wick_metrics *metrics;
	struct wick_slot *slots; /* (slot_count) */
	uint32_t slot_count;
	struct wick_row *rows;   /* (slot_count + WICK_PASS_PIECE_MAX) */
	uint32_t piece_rows;     /* of prompts in a pass with answers */
	uint32_t turn;           /* the slot whose prompt is first in a pass */
	double token_ns;         /* a pass of answers alone takes, averaged */
};

#define WICK_PASS_PIECE_MIN 8
#define WICK_PASS_PIECE_MAX 512

int wick_pass_open(struct wick_pass *pass, struct wick *wick, struct wick_metrics *metrics, struct wick_diag *diag);
void wick_pass_close(struct wick_pass *pass); /* a zeroed one is fine */

/* Gives the job a slot, with as much of its prompt as any session has. false: none is free, or too few positions of the KV
 * cache are. */
bool wick_pass_admit(struct wick_pass *pass, struct wick_job *job);

uint32_t wick_pass_active(const struct wick_pass *pass); /* slots that have a job */

/* A row of each answer and a piece of the prompts. An error refuses the jobs that had a row. */
void wick_pass_run(struct wick_pass *pass);

void wick_pass_drop_gone(struct wick_pass *pass);                                   /* jobs whose client left */
void wick_pass_stop(struct wick_pass *pass, const struct wick_refusal *refusal); /* all of them */
