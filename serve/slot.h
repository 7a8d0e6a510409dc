/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A session of the engine, and the job that has it for the time being. What the session was left with stays, for the next
 * prompt that begins with it. */

#include "job.h"

struct wick_slot {
	struct wick *wick;
	struct wick_session *session;
	uint32_t *ids;    /* (ctx) */
	uint32_t known;   /* tokens of the prompt and of the answer so far, */
	uint32_t count;   /* of which the session has the first */
	uint64_t used_ns; /* when its last job ended, or its tokens went */

	struct wick_job *job; /* NULL: idle, and all that is known the session has */
	bool parked; /* its positions are others' for now: it begins again with all that is known when there is room */
	struct wick_stream *stream;
	struct wick_thinking thinking;
	struct wick_sampling sampling;
	uint32_t characters; /* of the answer's tokens so far, where their log-probabilities are wanted */
	json_t *logprobs; /* of tokens whose text is still held back */
	uint64_t begun_ns, first_ns; /* its turn, its first token */
	struct wick_job_figures figures;
};

int wick_slot_open(struct wick_slot *slot, struct wick *wick, struct wick_diag *diag);
void wick_slot_close(struct wick_slot *slot);

/* Gives an idle slot a job, whose prompt the session may have `count` tokens of. A refused job has left it again. */
void wick_slot_begin(struct wick_slot *slot, struct wick_job *job);

/* Whether the session has all that is known but the last token, so that one row is one token of the answer. */
bool wick_slot_decodes(const struct wick_slot *slot);

/* The next rows, at most `most` of them, of the prompt or of the answer. */
uint32_t wick_slot_rows(const struct wick_slot *slot, struct wick_row *rows, uint32_t most);

/* So many rows were evaluated: with the logits after the last token that is known the next one is chosen and handed over.
 * true: the job is over, and has left. */
bool wick_slot_advance(struct wick_slot *slot, uint32_t count);

/* Gives up the positions of the session. A job stays, and comes to the same answer later. */
void wick_slot_empty(struct wick_slot *slot);

/* Takes the job away, with a refusal, or without one where its client is gone. */
void wick_slot_end(struct wick_slot *slot, const struct wick_refusal *refusal);
