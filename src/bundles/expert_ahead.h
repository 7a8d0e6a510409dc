/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Lookahead of experts: those that a guess has for the next layer are read behind this layer's, while the drive would be idle.
 *
 *     drive      | demand l ........| ahead l+1 ..| demand l+1 ...
 *     processor  | experts l ........| attention l+1, router l+1 | experts l+1 ...
 *
 * Few of them, and of those guessed likeliest: as many as the drive's idle time between two layers' demand has room for, by the
 * averages of both. They wait behind demand in the queue, take no slot of an expert that is likelier than the guess or in use, and
 * are not counted as used: where the guess is wrong they are the first to go. What was read for nothing is checked when it is wanted
 * after all. Whether all that pays is tried: now and then a stretch of tokens goes without. */

#include "expert_store.h"
#include "fetch.h"
#include "trial.h"

#define WICK_EXPERTS_AHEAD 4 /* at once, at most */
#define WICK_GUESSES (2 * WICK_EXPERTS_AHEAD) /* that are asked for, since some of them are here */
#define WICK_GUESSING_ROWS 8 /* of a batch, at most: a longer one wants most of a layer, and leaves the drive no idle time */

struct wick_mem;

/* Of one layer: while its own are computed, those of the next are on their way. */
struct wick_expert_guesses {
	uint32_t layer, count;
	struct wick_expert_store *store;
	uint32_t keys[WICK_EXPERTS_AHEAD], slots[WICK_EXPERTS_AHEAD];
	bool claimed[WICK_EXPERTS_AHEAD]; /* chosen: by now it is another's to wait for it, and to let go of its slot */
};

struct wick_expert_ahead {
	bool on;         /* it is wanted at all */
	struct wick_expert_guesses set[2]; /* of even and of odd layers */
	struct wick_landing *landing; /* (2, WICK_EXPERTS_AHEAD, WICK_PARTS) */
	struct wick_trial trial;
	double slack_ns, expert_ns;   /* averages: what of a layer's time the drive would be idle, and its time for one expert */
	uint64_t sent_ns, busy_ns;    /* when the layer before sent its demand, 0: there was none; and how long the drive was busy till then */
	uint32_t sent, sent_ahead;    /* experts that were read since: on demand, and ahead */
	uint64_t token_ns;            /* when the batch began; 0: nothing is guessed for it */
	uint32_t token_rows;          /* of that batch */
	double token_reads;           /* experts that it had to read, ahead or not */
	uint64_t prefetched, useful;
};

/* Memory beside the landings' requests. */
uint64_t wick_expert_ahead_bytes(void);
void wick_expert_ahead_init(struct wick_expert_ahead *ahead, struct wick_mem *mem);

#define WICK_NOT_AHEAD UINT32_MAX

/* The place of a key among the landings; WICK_NOT_AHEAD: none. Claimed, it is the caller's to check. */
uint32_t wick_expert_ahead_claim(struct wick_expert_ahead *ahead, uint32_t key);

/* A layer begins, which chose ids, of keys from `first` on: those that were read ahead for it are told from those for nothing.
 * Returns the former. */
uint32_t wick_expert_ahead_score(struct wick_expert_ahead *ahead, uint32_t layer, uint32_t first, const uint32_t *ids, uint32_t count);

/* Slots of what was read ahead and has not been claimed: nobody else gets them before they are settled. */
uint32_t wick_expert_ahead_unclaimed(const struct wick_expert_ahead *ahead);

/* Lets go of what was read for a layer before, whose place is wanted for this one: what nobody claimed is marked. False: some of it is
 * still on its way. */
bool wick_expert_ahead_settle(struct wick_expert_ahead *ahead, uint32_t layer);

/* How many may be read now. */
uint32_t wick_expert_ahead_room(const struct wick_expert_ahead *ahead);

/* Gives slots to at most `most` of keys, likeliest first, that are absent, and lists them in the layer's set, which has been settled. */
struct wick_expert_guesses *wick_expert_ahead_admit(struct wick_expert_ahead *ahead, struct wick_expert_store *store,
	uint32_t layer, const uint32_t *keys, uint32_t count, uint32_t most);

/* A layer's demand has gone out, of so many experts, of which so many more were read ahead. busy_ns: of the drive, so far. */
void wick_expert_ahead_note_sent(struct wick_expert_ahead *ahead, uint32_t experts, uint32_t useful, uint64_t busy_ns);
/* A batch of so many rows begins; 0: of more than are guessed for. */
void wick_expert_ahead_note_token(struct wick_expert_ahead *ahead, uint32_t rows);

/* Forgets all; nothing is on its way any more. */
void wick_expert_ahead_reset(struct wick_expert_ahead *ahead);
