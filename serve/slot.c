/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One answer, token by token. */

#include "slot.h"

#include "clock.h"
#include "logprobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

int wick_slot_open(struct wick_slot *slot, struct wick *wick, struct wick_diag *diag)
{
	*slot = (struct wick_slot){ .wick = wick };
	slot->ids = malloc(wick_plan_of(wick)->ctx * sizeof(*slot->ids));
	if (!slot->ids)
		return -ENOMEM;
	return wick_session_create(&slot->session, wick, diag);
}

void wick_slot_close(struct wick_slot *slot)
{
	wick_session_destroy(slot->session);
	free(slot->ids);
	*slot = (struct wick_slot){ 0 };
}

static void leave(struct wick_slot *slot)
{
	wick_stream_destroy(slot->stream);
	json_decref(slot->logprobs);
	wick_job_release(slot->job);
	slot->stream = NULL;
	slot->logprobs = NULL;
	slot->job = NULL;
	slot->parked = false;
	slot->count = wick_session_position(slot->session); /* a pass that failed may have cost a session what it had */
	slot->known = slot->count; /* the last token of an answer was not evaluated */
	slot->used_ns = wick_now_ns();
}

void wick_slot_end(struct wick_slot *slot, const struct wick_refusal *refusal)
{
	if (refusal)
		wick_job_refuse(slot->job, refusal);
	leave(slot);
}

static uint64_t random_seed(void)
{
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed = wick_now_ns();
	return seed;
}

void wick_slot_begin(struct wick_slot *slot, struct wick_job *job)
{
	const struct wick_request *request = &job->request;
	struct wick_refusal refusal = { 0 };

	slot->job = job;
	memcpy(slot->ids, job->prompt.ids, job->prompt.count * sizeof(*slot->ids));
	slot->known = job->prompt.count;
	slot->sampling = request->sampling;
	slot->sampling.recent = slot->ids;
	slot->begun_ns = wick_now_ns();
	slot->first_ns = 0;
	slot->characters = 0;
	slot->figures = (struct wick_job_figures){ .prompt_tokens = job->prompt.count, .cached_tokens = slot->count,
		.queued_ns = slot->begun_ns - job->submitted_ns };
	wick_thinking_begin(&slot->thinking, job->prompt.thinks);
	wick_session_seed(slot->session, request->has_seed ? request->seed : random_seed());
	if (!wick_stream_create(&slot->stream, slot->wick, (const char *const *)request->stops, request->stop_count, false))
		return;
	wick_refuse(&refusal, 500, NULL, "there is no memory for the answer");
	wick_slot_end(slot, &refusal);
}

bool wick_slot_decodes(const struct wick_slot *slot)
{
	return slot->count + 1 == slot->known;
}

uint32_t wick_slot_rows(const struct wick_slot *slot, struct wick_row *rows, uint32_t most)
{
	uint32_t left = slot->known - slot->count, count = left < most ? left : most;

	for (uint32_t i = 0; i < count; i++)
		rows[i] = (struct wick_row){ .session = slot->session, .id = slot->ids[slot->count + i],
			.position = slot->count + i, .want = i + 1 == left };
	return count;
}

/* A wick_thinking_fn. Log-probabilities go with the first text that comes after their token. A text completion has no
 * thoughts of its own. */
static void put(void *user, bool thought, const char *text, size_t bytes)
{
	struct wick_slot *slot = user;

	wick_job_put(slot->job, thought, text, bytes, slot->logprobs);
	slot->logprobs = NULL;
}

static void put_text(struct wick_slot *slot, const char *text, size_t bytes)
{
	if (slot->job->request.kind == WICK_REQUEST_CHAT)
		wick_thinking_put(&slot->thinking, text, bytes, put, slot);
	else if (bytes)
		put(slot, false, text, bytes);
}

/* Where in the text a token begins, in characters, as text completions are told. */
static void note_offset(struct wick_slot *slot, json_t *token, uint32_t id)
{
	size_t bytes;
	const char *piece = wick_token_piece(slot->wick, id, &bytes);

	json_object_set_new(token, "text_offset", json_integer(slot->characters));
	for (size_t i = 0; i < bytes; i++)
		slot->characters += (piece[i] & 0xc0) != 0x80;
}

static void note_logprobs(struct wick_slot *slot, uint32_t id)
{
	const struct wick_request *request = &slot->job->request;
	json_t *token;

	if (!request->logprobs)
		return;
	token = wick_logprobs(slot->wick, wick_session_logits(slot->session), id, request->top_logprobs);
	if (request->kind == WICK_REQUEST_TEXT)
		note_offset(slot, token, id);
	if (!slot->logprobs)
		slot->logprobs = json_array();
	json_array_append_new(slot->logprobs, token);
}

static void finish(struct wick_slot *slot, const char *reason)
{
	const char *text;
	size_t bytes;

	wick_stream_end(slot->stream, &text, &bytes);
	put_text(slot, text, bytes);
	wick_thinking_end(&slot->thinking, put, slot);
	if (slot->logprobs)
		put(slot, false, "", 0);
	slot->figures.decode_ns = wick_now_ns() - slot->first_ns;
	wick_job_finish(slot->job, reason, wick_stream_stopped_by(slot->stream), &slot->figures);
	leave(slot);
}

/* Chooses the next token. true: it was the last one. */
static bool choose(struct wick_slot *slot)
{
	const char *text;
	size_t bytes;
	uint32_t id;
	int ended;

	if (!slot->first_ns) {
		slot->first_ns = wick_now_ns();
		slot->figures.prompt_ns = slot->first_ns - slot->begun_ns;
	}
	slot->sampling.recent_count = slot->count;
	id = wick_session_sample(slot->session, &slot->sampling);
	slot->figures.completion_tokens++;
	if (!wick_stops(slot->wick, id))
		note_logprobs(slot, id);
	ended = wick_stream_put(slot->stream, id, &text, &bytes);
	if (ended < 0) {
		struct wick_refusal refusal = { 0 };

		wick_refuse(&refusal, 500, NULL, "there is no memory for the answer");
		wick_slot_end(slot, &refusal);
		return true;
	}
	put_text(slot, text, bytes);
	if (!ended && slot->figures.completion_tokens < slot->job->max_tokens) {
		slot->ids[slot->known++] = id;
		return false;
	}
	finish(slot, ended ? "stop" : "length");
	return true;
}

bool wick_slot_advance(struct wick_slot *slot, uint32_t count)
{
	slot->count += count;
	return slot->count == slot->known && choose(slot);
}

void wick_slot_empty(struct wick_slot *slot)
{
	wick_session_reset(slot->session);
	slot->count = 0;
	slot->parked = slot->job;
	slot->used_ns = wick_now_ns();
	if (!slot->job)
		slot->known = 0;
}
