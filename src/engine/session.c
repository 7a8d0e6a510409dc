/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Sessions: conversations of an engine, which have their positions in one pool. */

#include "engine.h"

#include "sized.h"
#include "tokenizer.h"
#include "watch.h"

#include <wick/instruments.h>

#include <errno.h>

int wick_session_create(struct wick_session **session, struct wick *wick, struct wick_diag *diag)
{
	*session = NULL;
	if (diag)
		diag->text[0] = 0;
	for (uint32_t i = 0; i < wick->settings.sessions; i++) {
		struct wick_session *one = &wick->session[i];

		if (one->taken)
			continue;
		one->taken = true;
		*session = one;
		return 0;
	}
	return wick_diag_say(diag, -EBUSY, "all sessions of the engine are in use: the option sessions is %u",
		wick->settings.sessions);
}

void wick_session_destroy(struct wick_session *session)
{
	if (!session || session->in_batch)
		return;
	wick_session_reset(session);
	session->taken = false;
	session->seed = 0;
}

void wick_engine_init_sessions(struct wick *wick)
{
	uint32_t vocab = wick->model->shape.vocab, count = wick->settings.sessions;
	float *logits = wick_mem_take(&wick->mem, (uint64_t)count * vocab * sizeof(float));

	for (uint32_t i = 0; i < count; i++) {
		struct wick_kv *kv = !i && wick->settings.kv_f16.blocks ? &wick->kv_f16 : &wick->forward.kv;

		wick->session[i] = (struct wick_session){ .wick = wick, .kv = kv, .seq = &kv->seq[i], .room = logits + (size_t)i * vocab };
	}
}

const float *wick_session_logits(const struct wick_session *session)
{
	return session->logits;
}

uint32_t wick_session_position(const struct wick_session *session)
{
	return session->position;
}

uint32_t wick_session_rewind(struct wick_session *session, uint32_t position)
{
	if (session->in_batch)
		return WICK_NO_POSITION;
	if (position >= session->position)
		return session->position;
	session->position = wick_session_reach(session, position);
	session->logits = NULL;
	wick_kv_cut(session->kv, session->seq, session->position);
	return session->position;
}

uint32_t wick_session_reach(const struct wick_session *session, uint32_t position)
{
	if (position >= session->position)
		return session->position;
	return wick_kv_reach(session->kv, session->seq, position);
}

void wick_session_reset(struct wick_session *session)
{
	wick_session_rewind(session, 0);
	if (!session->in_batch)
		session->logits = NULL;
}

int wick_session_share(struct wick_session *session, const struct wick_session *from, uint32_t positions,
	struct wick_diag *diag)
{
	if (diag)
		diag->text[0] = 0;
	if (session->in_batch || from->in_batch)
		return wick_diag_say(diag, -EBUSY, "a session that is being evaluated cannot share its positions");
	if (session->wick != from->wick || session->position)
		return wick_diag_say(diag, -EINVAL, session->position ? "a session with tokens of its own cannot take those of another" :
			"sessions of two engines cannot share positions");
	if (session->kv != from->kv)
		return wick_diag_say(diag, -EINVAL, "sessions of two types of keys and values cannot share positions");
	if (positions > from->position)
		return wick_diag_say(diag, -EINVAL, "%u positions cannot be shared: the session has %u", positions, from->position);
	session->position = wick_session_reach(from, positions);
	wick_kv_share(session->kv, session->seq, from->seq, session->position);
	return 0;
}

uint32_t wick_free_positions(const struct wick *wick)
{
	return wick_kv_free(&wick->forward.kv) * WICK_KV_BLOCK;
}

uint32_t wick_session_need(const struct wick_session *session, uint32_t tokens)
{
	uint32_t from = session->position;

	return wick_kv_needed(session->kv, session->seq, from, from + tokens, 0) * WICK_KV_BLOCK;
}

void wick_session_seed(struct wick_session *session, uint64_t seed)
{
	session->seed = seed;
}

uint32_t wick_session_sample(struct wick_session *session, const struct wick_sampling *given)
{
	struct wick *wick = session->wick;
	struct wick_sampling sampling;

	if (!session->logits || wick_sized_take(&sampling, sizeof(sampling), given, "struct wick_sampling", NULL))
		return WICK_NO_TOKEN;
	wick->sampler.seed = session->seed;
	return wick_sampler_pick(&wick->sampler, session->logits, &sampling, wick_tokenizer_stop_bits(wick->tokenizer),
		session->position);
}

void wick_forget(struct wick *wick)
{
	if (wick->forward.sparse.on)
		wick_sparse_reset(&wick->forward.sparse);
	wick_expert_cache_forget(&wick->forward.expert_cache);
}

void wick_cut_gates_to(struct wick *wick, float percent)
{
	wick->forward.gate_percent = percent;
}

void wick_watch(struct wick *wick, const struct wick_watch *watch)
{
	wick->forward.watch = wick->forward.sparse.watch = watch;
}
