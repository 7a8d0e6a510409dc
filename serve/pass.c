/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Who is in a pass, with how many rows. */

#include "pass.h"

#include "clock.h"

#include <errno.h>
#include <stdlib.h>

#define PATIENCE_NS 1000000000.0 /* whoever reads an answer waits no longer, or two of its tokens if they take longer */
#define KV_BLOCK 64u             /* positions of the KV cache are given out in so many */
#define AVERAGE 8                /* passes */

int wick_pass_open(struct wick_pass *pass, struct wick *wick, struct wick_metrics *metrics, struct wick_diag *diag)
{
	const struct wick_plan *plan = wick_plan_of(wick);
	int rc = 0;

	*pass = (struct wick_pass){ .wick = wick, .metrics = metrics, .piece_rows = 4 * WICK_PASS_PIECE_MIN };
	pass->slots = calloc(plan->sessions, sizeof(*pass->slots));
	pass->rows = calloc(plan->sessions + WICK_PASS_PIECE_MAX, sizeof(*pass->rows));
	if (!pass->slots || !pass->rows)
		return -ENOMEM;
	for (; !rc && pass->slot_count < plan->sessions; pass->slot_count++)
		rc = wick_slot_open(&pass->slots[pass->slot_count], wick, diag);
	wick_metrics_set(metrics, WICK_METRIC_BUDGET_BYTES, (double)plan->budget_bytes);
	return rc;
}

void wick_pass_close(struct wick_pass *pass)
{
	for (uint32_t i = 0; i < pass->slot_count; i++)
		wick_slot_close(&pass->slots[i]);
	free(pass->slots);
	free(pass->rows);
	*pass = (struct wick_pass){ 0 };
}

uint32_t wick_pass_active(const struct wick_pass *pass)
{
	uint32_t active = 0;

	for (uint32_t i = 0; i < pass->slot_count; i++)
		active += pass->slots[i].job != NULL;
	return active;
}

static uint32_t in_common(const struct wick_slot *slot, const struct wick_job *job)
{
	return wick_ids_in_common(slot->ids, slot->count, job->prompt.ids, job->prompt.count - 1);
}

/* The slot that has most of the prompt, busy or idle. */
static struct wick_slot *find_donor(struct wick_pass *pass, const struct wick_job *job)
{
	struct wick_slot *best = &pass->slots[0];

	for (uint32_t i = 1; i < pass->slot_count; i++)
		if (in_common(&pass->slots[i], job) > in_common(best, job))
			best = &pass->slots[i];
	return best;
}

/* An idle slot: one without tokens, or the one whose last job ended first. NULL: all are busy. */
static struct wick_slot *find_idle(struct wick_pass *pass, const struct wick_slot *spared)
{
	struct wick_slot *best = NULL;

	for (uint32_t i = 0; i < pass->slot_count; i++) {
		struct wick_slot *slot = &pass->slots[i];

		if (slot->job || slot == spared)
			continue;
		if (!best || !slot->count || (best->count && slot->used_ns < best->used_ns))
			best = slot;
	}
	return best;
}

static uint64_t blocks(uint64_t positions)
{
	return (positions + KV_BLOCK - 1) / KV_BLOCK;
}

static uint64_t blocks_of(const struct wick_slot *slot)
{
	return blocks(slot->job ? (uint64_t)slot->job->prompt.count + slot->job->max_tokens : slot->count);
}

/* Empties idle slots, the ones unused for longest first, until there is room for a job in the target. */
static bool make_room(
	struct wick_pass *pass, const struct wick_job *job, const struct wick_slot *target, const struct wick_slot *spared)
{
	uint64_t all = wick_plan_of(pass->wick)->kv_positions / KV_BLOCK;
	uint64_t wanted = blocks((uint64_t)job->prompt.count + job->max_tokens);

	for (;;) {
		struct wick_slot *oldest = NULL;
		uint64_t used = 0;

		for (uint32_t i = 0; i < pass->slot_count; i++) {
			struct wick_slot *slot = &pass->slots[i];

			used += slot == target ? 0 : blocks_of(slot);
			if (!slot->job && slot->count && slot != target && slot != spared &&
				(!oldest || slot->used_ns < oldest->used_ns))
				oldest = slot;
		}
		if (used + wanted <= all)
			return true;
		if (!oldest)
			return false;
		wick_session_reset(oldest->session);
		oldest->count = 0;
	}
}

static void share(struct wick_slot *slot, const struct wick_slot *donor, uint32_t common)
{
	wick_session_reset(slot->session);
	slot->count = 0;
	if (!common || wick_session_share(slot->session, donor->session, common, NULL))
		return;
	memcpy(slot->ids, donor->ids, common * sizeof(*slot->ids));
	slot->count = common;
}

/* A slot that goes on where it was is the best. One that would lose half of what it has gives another a copy of the
 * beginning, as long as there is another. */
bool wick_pass_admit(struct wick_pass *pass, struct wick_job *job)
{
	struct wick_slot *donor = find_donor(pass, job), *slot;
	uint32_t common = in_common(donor, job);
	bool goes_on = !donor->job && common && common >= donor->count / 2;

	slot = goes_on ? NULL : find_idle(pass, common ? donor : NULL);
	if (slot && slot != donor && make_room(pass, job, slot, donor)) {
		share(slot, donor, common);
	} else if (!donor->job && make_room(pass, job, donor, donor)) {
		slot = donor;
		slot->count = wick_session_rewind(slot->session, common);
	} else {
		return false;
	}
	wick_slot_begin(slot, job);
	return true;
}

/* Answers first; then prompts, each pass another one first. Returns the rows, and how many slots' they are. */
static uint32_t gather(struct wick_pass *pass, uint32_t *counts, bool *has_answers)
{
	uint32_t total = 0, left;

	*has_answers = false;
	for (uint32_t i = 0; i < pass->slot_count; i++) {
		struct wick_slot *slot = &pass->slots[i];

		counts[i] = slot->job && wick_slot_decodes(slot) ? wick_slot_rows(slot, pass->rows + total, 1) : 0;
		*has_answers |= counts[i] != 0;
		total += counts[i];
	}
	left = *has_answers ? pass->piece_rows : WICK_PASS_PIECE_MAX;
	for (uint32_t k = 0; k < pass->slot_count; k++) {
		uint32_t i = (pass->turn + k) % pass->slot_count;
		struct wick_slot *slot = &pass->slots[i];

		if (!slot->job || counts[i] || !left)
			continue;
		counts[i] = wick_slot_rows(slot, pass->rows + total, left);
		total += counts[i];
		left -= counts[i];
	}
	pass->turn++;
	return total;
}

/* The piece of the prompts becomes as long as patience allows. */
static void learn(struct wick_pass *pass, double ns, uint32_t rows, uint32_t answers)
{
	double patience;

	if (rows == answers) {
		pass->token_ns += pass->token_ns ? (ns - pass->token_ns) / AVERAGE : ns;
		return;
	}
	if (!answers)
		return;
	patience = 2 * pass->token_ns > PATIENCE_NS ? 2 * pass->token_ns : PATIENCE_NS;
	if (ns > patience && pass->piece_rows > WICK_PASS_PIECE_MIN)
		pass->piece_rows /= 2;
	else if (ns < patience / 2 && rows - answers == pass->piece_rows && pass->piece_rows < WICK_PASS_PIECE_MAX)
		pass->piece_rows *= 2;
}

static void count_pass(struct wick_pass *pass, const struct wick_stats *before, const struct wick_stats *after, uint32_t rows)
{
	struct wick_metrics *metrics = pass->metrics;

	wick_metrics_add(metrics, WICK_METRIC_PASSES, (double)(after->passes - before->passes));
	wick_metrics_add(metrics, WICK_METRIC_ROWS, rows);
	wick_metrics_add(metrics, WICK_METRIC_FLASH_BYTES, (double)(after->flash_bytes - before->flash_bytes));
	wick_metrics_add(metrics, WICK_METRIC_FLASH_WAIT_SECONDS, (double)(after->io_wait_ns - before->io_wait_ns) / 1e9);
	wick_metrics_add(metrics, WICK_METRIC_HITS,
		(double)(after->bundles_active - before->bundles_active) - (double)(after->bundles_read - before->bundles_read));
	wick_metrics_add(metrics, WICK_METRIC_MISSES, (double)(after->bundles_read - before->bundles_read));
	wick_metrics_set(metrics, WICK_METRIC_MEMORY_BYTES, (double)after->peak_bytes);
}

/* A job's share of what a pass read is that of its rows. */
static void charge(struct wick_slot *slot, const struct wick_stats *before, const struct wick_stats *after, double share)
{
	slot->figures.flash_bytes += share * (double)(after->flash_bytes - before->flash_bytes);
	slot->figures.flash_wait_ns += share * (double)(after->io_wait_ns - before->io_wait_ns);
}

static void count_answer(struct wick_metrics *metrics, const struct wick_job_figures *figures)
{
	wick_metrics_add(metrics, WICK_METRIC_REQUESTS, 1);
	wick_metrics_add(metrics, WICK_METRIC_PROMPT_TOKENS, figures->prompt_tokens - figures->cached_tokens);
	wick_metrics_add(metrics, WICK_METRIC_CACHED_TOKENS, figures->cached_tokens);
	wick_metrics_add(metrics, WICK_METRIC_PREDICTED_TOKENS, figures->completion_tokens);
	wick_metrics_add(metrics, WICK_METRIC_PROMPT_SECONDS, (double)figures->prompt_ns / 1e9);
	wick_metrics_add(metrics, WICK_METRIC_PREDICTED_SECONDS, (double)figures->decode_ns / 1e9);
}

/* Rows lie in the order in which they were gathered: answers, then prompts from the turn before. */
static const struct wick_row *rows_of(const struct wick_pass *pass, const struct wick_slot *slot, uint32_t total)
{
	for (uint32_t i = 0; i < total; i++)
		if (pass->rows[i].session == slot->session)
			return &pass->rows[i];
	return NULL;
}

/* Those whose sessions did not go on: an error may be of some alone. */
static void fail_some(struct wick_pass *pass, uint32_t *counts, const struct wick_diag *diag)
{
	struct wick_refusal refusal = { 0 };

	wick_refuse(&refusal, 500, NULL, "%s", diag->text);
	for (uint32_t i = 0; i < pass->slot_count; i++) {
		struct wick_slot *slot = &pass->slots[i];

		if (!counts[i] || wick_session_position(slot->session) == slot->count + counts[i])
			continue;
		wick_metrics_add(pass->metrics, WICK_METRIC_FAILED, 1);
		wick_slot_end(slot, &refusal);
		counts[i] = 0;
	}
}

static void advance_all(struct wick_pass *pass, const uint32_t *counts, uint32_t total)
{
	for (uint32_t i = 0; i < pass->slot_count; i++)
		if (counts[i] && wick_slot_advance(&pass->slots[i], rows_of(pass, &pass->slots[i], total), counts[i]))
			count_answer(pass->metrics, &pass->slots[i].figures);
}

void wick_pass_run(struct wick_pass *pass)
{
	uint32_t counts[WICK_SESSIONS_MAX];
	struct wick_stats before, after;
	struct wick_diag diag = { "" };
	bool has_answers;
	uint32_t total = gather(pass, counts, &has_answers), answers = 0;
	uint64_t begun_ns = wick_now_ns();
	int rc;

	for (uint32_t i = 0; i < pass->slot_count; i++)
		answers += counts[i] && wick_slot_decodes(&pass->slots[i]);
	wick_stats(pass->wick, &before);
	rc = wick_eval_rows(pass->wick, pass->rows, total, &diag);
	wick_stats(pass->wick, &after);
	learn(pass, (double)(wick_now_ns() - begun_ns), total, answers);
	count_pass(pass, &before, &after, total);
	for (uint32_t i = 0; i < pass->slot_count; i++)
		if (counts[i])
			charge(&pass->slots[i], &before, &after, (double)counts[i] / total);
	if (rc) {
		wick_diag_say(&diag, rc, "%s", strerror(-rc));
		fail_some(pass, counts, &diag);
	}
	advance_all(pass, counts, total);
}

void wick_pass_drop_gone(struct wick_pass *pass)
{
	for (uint32_t i = 0; i < pass->slot_count; i++)
		if (pass->slots[i].job && wick_job_is_gone(pass->slots[i].job)) {
			wick_metrics_add(pass->metrics, WICK_METRIC_GONE, 1);
			wick_slot_end(&pass->slots[i], NULL);
		}
}

void wick_pass_stop(struct wick_pass *pass, const struct wick_refusal *refusal)
{
	for (uint32_t i = 0; i < pass->slot_count; i++)
		if (pass->slots[i].job)
			wick_slot_end(&pass->slots[i], refusal);
}
