/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Who is in a pass, with how many rows. */

#include "pass.h"

#include "clock.h"

#include <errno.h>
#include <stdlib.h>

int wick_pass_open(struct wick_pass *pass, struct wick *wick, const struct wick_shelf_options *keep, struct wick_metrics *metrics,
	struct wick_diag *diag)
{
	const struct wick_plan *plan = wick_plan_of(wick);

	*pass = (struct wick_pass){ .wick = wick, .metrics = metrics };
	pass->rows = calloc(plan->sessions + WICK_PIECE_MAX, sizeof(*pass->rows));
	if (!pass->rows)
		return -ENOMEM;
	wick_metrics_set(metrics, WICK_METRIC_BUDGET_BYTES, (double)plan->budget_bytes);
	wick_counters(wick, &pass->stats);
	return wick_slots_open(&pass->slots, wick, keep, metrics, diag);
}

void wick_pass_close(struct wick_pass *pass)
{
	wick_slots_close(&pass->slots);
	free(pass->rows);
	*pass = (struct wick_pass){ 0 };
}

static bool is_ready(const struct wick_slot *slot)
{
	return slot->job && !slot->parked;
}

static uint32_t count_answers(const struct wick_pass *pass)
{
	uint32_t answers = 0;

	for (uint32_t i = 0; i < pass->slots.count; i++)
		answers += is_ready(&pass->slots.at[i]) && wick_slot_decodes(&pass->slots.at[i]);
	return answers;
}

/* As many rows of a slot as there are positions for, which are taken off the room. */
static void take_rows(struct wick_pass *pass, uint32_t i, uint32_t most, uint64_t *room)
{
	struct wick_slot *slot = &pass->slots.at[i];
	uint32_t left = slot->known - slot->count, rows = most < left ? most : left;

	while (rows && wick_session_need(slot->session, rows) > *room)
		rows = rows > WICK_KV_POSITIONS_STEP ? rows - WICK_KV_POSITIONS_STEP : 0;
	pass->counts[i] = wick_slot_rows(slot, pass->rows + pass->total, rows);
	*room -= rows ? wick_session_need(slot->session, rows) : 0;
	pass->total += pass->counts[i];
}

/* A row of each answer, or of as many as are better together: then those come next that were not in this pass. */
static void gather_answers(struct wick_pass *pass, uint64_t *room)
{
	uint32_t width = wick_width_choose(&pass->width, count_answers(pass)), from = pass->next_answer;

	for (uint32_t k = 0; k < pass->slots.count && pass->answers < width; k++) {
		uint32_t i = (from + k) % pass->slots.count;

		if (!is_ready(&pass->slots.at[i]) || !wick_slot_decodes(&pass->slots.at[i]))
			continue;
		take_rows(pass, i, 1, room);
		pass->answers += pass->counts[i];
		pass->next_answer = i + 1;
	}
}

/* Answers first; then prompts, each pass another one first. */
static void gather(struct wick_pass *pass)
{
	uint64_t room = wick_free_positions(pass->wick);
	uint32_t left;

	memset(pass->counts, 0, sizeof(pass->counts));
	pass->total = pass->answers = 0;
	gather_answers(pass, &room);
	left = wick_patience_rows(&pass->patience, pass->answers);
	for (uint32_t k = 0; k < pass->slots.count; k++) {
		uint32_t i = (pass->turn + k) % pass->slots.count;

		if (!is_ready(&pass->slots.at[i]) || wick_slot_decodes(&pass->slots.at[i]))
			continue;
		take_rows(pass, i, left, &room);
		left -= pass->counts[i];
	}
	pass->turn++;
}

static void learn(struct wick_pass *pass, double ns)
{
	wick_patience_learn(&pass->patience, pass->total, pass->answers, ns);
	if (pass->total == pass->answers)
		wick_width_learn(&pass->width, pass->answers, ns);
}

static void count_pass(struct wick_pass *pass, const struct wick_stats *before, const struct wick_stats *after)
{
	struct wick_metrics *metrics = pass->metrics;
	double missed = (double)(wick_stats_missed(after) - wick_stats_missed(before));

	wick_metrics_add(metrics, WICK_METRIC_PASSES, (double)(after->passes - before->passes));
	wick_metrics_add(metrics, WICK_METRIC_ROWS, pass->total);
	wick_metrics_add(metrics, WICK_METRIC_FLASH_BYTES, (double)(after->flash_bytes - before->flash_bytes));
	wick_metrics_add(metrics, WICK_METRIC_FLASH_WAIT_SECONDS, (double)(after->io_wait_ns - before->io_wait_ns) / 1e9);
	wick_metrics_add(metrics, WICK_METRIC_HITS, (double)(wick_stats_wanted(after) - wick_stats_wanted(before)) - missed);
	wick_metrics_add(metrics, WICK_METRIC_MISSES, missed);
}

/* A job's share of what a pass read is that of its rows. */
static void charge(struct wick_pass *pass, const struct wick_stats *before, const struct wick_stats *after)
{
	for (uint32_t i = 0; i < pass->slots.count; i++) {
		struct wick_job_figures *figures = &pass->slots.at[i].figures;
		double share = (double)pass->counts[i] / pass->total;

		figures->flash_bytes += share * (double)(after->flash_bytes - before->flash_bytes);
		figures->flash_wait_ns += share * (double)(after->io_wait_ns - before->io_wait_ns);
	}
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

/* Those whose sessions did not go on: an error may be of some alone. */
static void fail_some(struct wick_pass *pass, const struct wick_diag *diag)
{
	struct wick_refusal refusal = { 0 };

	wick_refuse(&refusal, 500, NULL, "%s", diag->text);
	for (uint32_t i = 0; i < pass->slots.count; i++) {
		struct wick_slot *slot = &pass->slots.at[i];

		if (!pass->counts[i] || wick_session_position(slot->session) == slot->count + pass->counts[i])
			continue;
		wick_metrics_add(pass->metrics, WICK_METRIC_FAILED, 1);
		wick_slot_end(slot, &refusal);
		pass->counts[i] = 0;
	}
}

static void advance_all(struct wick_pass *pass)
{
	for (uint32_t i = 0; i < pass->slots.count; i++)
		if (pass->counts[i] && wick_slot_advance(&pass->slots.at[i], pass->counts[i]))
			count_answer(pass->metrics, &pass->slots.at[i].figures);
}

void wick_pass_run(struct wick_pass *pass)
{
	struct wick_stats before = pass->stats;
	struct wick_diag diag = { "" };
	uint64_t begun_ns;
	int rc;

	wick_slots_make_way(&pass->slots);
	gather(pass);
	if (!pass->total) {
		wick_slots_wait(&pass->slots);
		return;
	}
	begun_ns = wick_now_ns();
	rc = wick_eval_rows(pass->wick, pass->rows, pass->total, &diag);
	wick_counters(pass->wick, &pass->stats);
	learn(pass, (double)(wick_now_ns() - begun_ns));
	count_pass(pass, &before, &pass->stats);
	charge(pass, &before, &pass->stats);
	if (rc) {
		wick_diag_say(&diag, rc, "%s", strerror(-rc));
		fail_some(pass, &diag);
	}
	advance_all(pass);
}

void wick_pass_drop_gone(struct wick_pass *pass)
{
	for (uint32_t i = 0; i < pass->slots.count; i++)
		if (pass->slots.at[i].job && wick_job_is_gone(pass->slots.at[i].job)) {
			wick_metrics_add(pass->metrics, WICK_METRIC_GONE, 1);
			wick_slot_end(&pass->slots.at[i], NULL);
		}
}

void wick_pass_stop(struct wick_pass *pass, const struct wick_refusal *refusal)
{
	for (uint32_t i = 0; i < pass->slots.count; i++)
		if (pass->slots.at[i].job)
			wick_slot_end(&pass->slots.at[i], refusal);
}
