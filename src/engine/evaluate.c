/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Evaluating tokens: of one session, or rows of several in one pass over the weights.
 *
 *     checked -> KV blocks taken -> passes of as many rows as the buffers hold -> positions move on
 *
 * An error moves no position and gives the blocks back, so that a session is what it was before (but see leave()). It is an
 * error of all rows, or of those alone that need what could not be read. */

#include "engine.h"

#include "bits.h"
#include "clock.h"
#include "gguf.h"
#include "io.h"
#include "range.h"

#include <errno.h>
#include <math.h>
#include <string.h>

struct evaluation {
	struct wick *wick;
	struct wick_eval_progress progress;
	uint32_t count, done; /* rows; of them, those of passes before */
	int failed;           /* the first error of a session, while others went on */
	bool struck;          /* all rows of a pass failed, and what was read ahead for the next may have, too */
	wick_logits_fn each;  /* called with each row's logits; or NULL */
	void *user;
	const struct wick_row *rows; /* (count), or NULL: all are of */
	struct wick_session *session;
	struct wick_diag *diag;
	uint64_t begun_ns, waited_ns;
};

/* Where a trace that is replayed has a session's position. */
static uint32_t token_of(const struct wick_session *session, uint32_t position)
{
	const struct wick *wick = session->wick;

	return (uint32_t)(position + (uint64_t)(session - wick->session) * wick->settings.trace_apart);
}

static struct wick_session *session_of(const struct evaluation *e, const struct wick_batch_row *row)
{
	return e->rows ? e->rows[row->number].session : e->session;
}

/* The weights of a file whose checksums are right may still be no numbers, or too large for the arithmetic; nothing can
 * be chosen by what they give. */
static int check_logits(const struct wick *wick, uint32_t position, const float *logits, struct wick_diag *diag)
{
	if (wick_all_below(logits, wick->model->shape.vocab, INFINITY))
		return 0;
	return wick_diag_say(diag, -ERANGE,
		"%s: the logits of position %u are not all finite: the model has weights that are no numbers, or too large",
		wick_gguf_path(wick->model->gguf), position);
}

/* Whether a row is the last that the evaluation has of its session, whose logits the session keeps. */
static bool is_last(const struct evaluation *e, const struct wick_batch_row *row)
{
	const struct wick_session *session = session_of(e, row);

	return row->position + 1 == session->position + (e->rows ? session->rows : e->count);
}

/* Gives up the rows of a session. */
static void give_up(const struct evaluation *e, uint32_t m, const struct wick_kv_seq *seq, int err)
{
	struct wick_batch_row *rows = e->wick->forward.rows;

	for (uint32_t i = 0; i < m; i++)
		if (rows[i].seq == seq)
			rows[i].err = err;
}

static void pass_on(const struct evaluation *e, const struct wick_batch_row *row, const float *logits)
{
	uint32_t vocab = e->wick->model->shape.vocab;

	if (e->each)
		e->each(e->user, row->position, logits);
	if (e->rows && e->rows[row->number].logits)
		memcpy(e->rows[row->number].logits, logits, vocab * sizeof(*logits));
	if (is_last(e, row))
		memcpy(session_of(e, row)->room, logits, vocab * sizeof(*logits));
}

static bool all_failed(const struct evaluation *e, uint32_t m)
{
	for (uint32_t i = 0; i < m; i++)
		if (!e->wick->forward.rows[i].err)
			return false;
	return true;
}

/* Passes on the logits of the rows that want theirs. Those that are no numbers are an error of their session alone; it is
 * returned where there is no other. */
static int hand_over(struct evaluation *e, uint32_t m)
{
	const struct wick_forward *forward = &e->wick->forward;
	const float *logits = forward->buffer[WICK_LOGITS];
	int err = 0;

	for (uint32_t i = 0; i < m; i++) {
		const struct wick_batch_row *row = &forward->rows[i];
		int rc;

		if (!row->want)
			continue;
		rc = row->err ? 0 : check_logits(e->wick, row->position, logits, e->diag);
		if (rc)
			give_up(e, m, row->seq, rc);
		if (!row->err)
			pass_on(e, row, logits);
		err = err ? err : rc;
		logits += e->wick->model->shape.vocab;
	}
	return all_failed(e, m) ? err : 0;
}

/* Sessions whose rows could not be computed. Returns how many rows these are. */
static uint32_t note_failures(struct evaluation *e, uint32_t m)
{
	uint32_t failed = 0;

	for (uint32_t i = 0; i < m; i++) {
		const struct wick_batch_row *row = &e->wick->forward.rows[i];

		if (row->err)
			session_of(e, row)->err = row->err;
		if (!e->failed)
			e->failed = row->err;
		failed += row->err != 0;
	}
	return failed;
}

/* What an evaluation that failed left behind is not used again. */
static void recover(struct wick *wick)
{
	if (!wick->broken)
		return;
	if (wick->forward.sparse.on)
		wick_sparse_reset(&wick->forward.sparse);
	if (wick->forward.sweep.any) {
		wick_sweep_rewind(&wick->forward.sweep);
		wick_sweep_fill(&wick->forward.sweep);
		wick_engine_settle(wick);
	}
	wick->broken = false;
}

/* Whether an error is of these rows alone, each of which has its own. */
static bool is_theirs(const struct evaluation *e, uint32_t m, int err)
{
	return e->rows && all_failed(e, m) && err != -ETIMEDOUT;
}

/* The m rows that stand in forward->rows, the last of which are e->done by now. */
static int eval_pass(struct evaluation *e, uint32_t m)
{
	struct wick *wick = e->wick;
	uint32_t left = e->count - e->done;
	struct wick_batch batch = { .m = m, .m_next = left ? WICK_MIN(left, wick->forward.batch_tokens) : 1,
		.progress = e->progress.tell ? &e->progress : NULL };
	uint32_t failed;
	int err;

	e->progress.done = (uint64_t)(e->done - m) * wick->model->shape.layers;
	for (uint32_t i = 0; i < m; i++) {
		struct wick_session *session = session_of(e, &wick->forward.rows[i]);

		wick_kv_advance(session->kv, session->seq, wick->forward.rows[i].position);
	}
	err = wick_forward_batch(&wick->forward, &batch, e->diag);
	if (!err)
		err = hand_over(e, m);
	failed = note_failures(e, m);
	if (err && is_theirs(e, m, err)) { /* others, of the next pass, go on */
		wick->broken = e->struck = true;
		recover(wick);
		return 0;
	}
	wick->stats.tokens += err ? 0 : m - failed;
	wick->stats.passes += !err;
	return err;
}

static void begin(struct evaluation *e)
{
	struct wick *wick = e->wick;

	e->progress = (struct wick_eval_progress){ .tell = wick->settings.eval_progress, .user = wick->settings.eval_user,
		.total = (uint64_t)e->count * wick->model->shape.layers };
	e->begun_ns = wick_now_ns();
	e->waited_ns = wick->fetch.wait_ns;
	wick->busy = true;
	recover(wick);
}

/* Nothing stays in flight between two calls, so that the next may be another thread's: reads belong to the thread that
 * sent them. Units read ahead are there by then, and the drive loses nothing: it had no more room to read into. */
void wick_engine_settle(struct wick *wick)
{
	while (wick_io_outstanding(wick->io))
		wick_fetch_wait(&wick->fetch);
}

static void end(struct evaluation *e, int err)
{
	struct wick *wick = e->wick;

	wick_engine_settle(wick);
	wick_sums_save_now_and_then(&wick->sums, NULL);
	wick->busy = false;
	wick->broken = err || e->struck;
	wick->stats.eval_ns += wick_now_ns() - e->begun_ns;
	wick->eval_wait_ns += wick->fetch.wait_ns - e->waited_ns;
}

/* From here on until it is left, with so many rows more, a session cannot be rewound. Its blocks are there. */
static void enter(struct wick_session *session, uint32_t rows)
{
	wick_kv_extend(session->kv, session->seq, session->position, session->position + rows);
	session->logits = NULL;
	session->err = 0;
	session->in_batch = true;
}

/* After an error it has what it had; or nothing, where more than a batch of rows have gone through layers with a window, and what that
 * held before is gone. */
static void leave(struct wick_session *session, uint32_t rows, bool wanted, int err)
{
	struct wick_kv *kv = session->kv;

	session->in_batch = false;
	if (err) {
		session->position = wick_kv_reach(kv, session->seq, session->position);
		wick_kv_cut(kv, session->seq, session->position);
		return;
	}
	session->position += rows;
	wick_kv_end(kv, session->seq, session->position);
	session->logits = wanted ? session->room : NULL;
}

static int check_id(const struct wick *wick, uint32_t id, struct wick_diag *diag)
{
	if (id < wick->model->shape.vocab)
		return 0;
	return wick_diag_say(diag, -EINVAL, "token %u is outside the vocabulary of %u", id, wick->model->shape.vocab);
}

/* Sessions of a batch that come before this one and take copies of the block that it would write to, too. */
static uint32_t count_leaving(const struct wick_session *session)
{
	const struct wick *wick = session->wick;
	uint32_t count = 0;

	for (const struct wick_session *other = wick->session; other < session; other++)
		count += other->rows && other->kv == session->kv &&
			wick_kv_meet(other->seq, other->position, session->seq, session->position);
	return count;
}

/* Whether a session has room for so many tokens more, beside blocks that others will take, which `leaving` of those that share its
 * last one do, too. */
static int check_room(const struct wick_session *session, uint32_t count, uint32_t leaving, uint32_t *blocks, struct wick_diag *diag)
{
	const struct wick *wick = session->wick;
	const struct wick_kv *kv = session->kv;
	uint32_t ctx = wick->settings.ctx, position = session->position;

	if (!count)
		return 0;
	if (count > ctx - position)
		return wick_diag_say(diag, -ENOSPC, "%u token%s not fit: the context is %u tokens and %u are used", count,
			count == 1 ? " does" : "s do", ctx, position);
	if (kv != &wick->forward.kv) /* which one session has, with room for a context */
		return 0;
	*blocks += wick_kv_needed(kv, session->seq, position, position + count, leaving);
	if (*blocks > wick_kv_free(kv))
		return wick_diag_say(diag, -ENOSPC,
			"%u token%s not fit: the sessions have %u positions together, and room for %u more is left", count,
			count == 1 ? " does" : "s do", wick->settings.kv.blocks * WICK_KV_BLOCK, wick_kv_free(kv) * WICK_KV_BLOCK);
	return 0;
}

static int check_tokens(const struct wick_session *session, const uint32_t *ids, uint32_t count, bool each,
	struct wick_diag *diag)
{
	const struct wick *wick = session->wick;
	uint32_t blocks = 0;
	int err = 0;

	if (wick->busy)
		return wick_diag_say(diag, -EBUSY, "the engine is evaluating");
	if (each && !wick->settings.all_logits)
		return wick_diag_say(diag, -EINVAL, "logits of every position need the option all_logits");
	if (!count)
		return wick_diag_say(diag, -EINVAL, "there are no tokens to evaluate: the prompt is empty");
	for (uint32_t i = 0; !err && i < count; i++)
		err = check_id(wick, ids[i], diag);
	return err ? err : check_room(session, count, 0, &blocks, diag);
}

int wick_session_eval(struct wick_session *session, const uint32_t *ids, uint32_t count, wick_logits_fn each, void *user,
	struct wick_diag *diag)
{
	struct evaluation e = { .wick = session->wick, .session = session, .count = count, .each = each, .user = user, .diag = diag };
	struct wick_forward *forward = &session->wick->forward;
	int err;

	if (diag)
		diag->text[0] = 0;
	err = check_tokens(session, ids, count, each, diag);
	if (err)
		return err;
	begin(&e);
	enter(session, count);
	while (!err && e.done < count) {
		uint32_t m = WICK_MIN(count - e.done, forward->batch_tokens);

		for (uint32_t i = 0; i < m; i++, e.done++)
			forward->rows[i] = (struct wick_batch_row){ .seq = session->seq, .id = ids[e.done],
				.position = session->position + e.done, .token = token_of(session, session->position + e.done), .want = each || e.done + 1 == count };
		err = eval_pass(&e, m);
	}
	end(&e, err);
	leave(session, count, true, err);
	return err;
}

/* Counts the rows of a session, which go on from where it is. */
static int check_row(const struct wick *wick, const struct wick_row *row, struct wick_diag *diag)
{
	struct wick_session *session = row->session;

	if (!session || session->wick != wick || !session->taken)
		return wick_diag_say(diag, -EINVAL, "a row is of a session that the engine does not have");
	if (row->position != session->position + session->rows)
		return wick_diag_say(diag, -EINVAL, "a row is of position %u, and the next one of its session is %u", row->position,
			session->position + session->rows);
	if (session->wanted && !wick->settings.all_logits)
		return wick_diag_say(diag, -EINVAL,
			"logits of other rows than the last one of a session need the option all_logits");
	session->rows++;
	session->wanted = row->want;
	return check_id(wick, row->id, diag);
}

static int check_rows(const struct wick *wick, const struct wick_row *rows, uint32_t count, struct wick_diag *diag)
{
	uint32_t blocks = 0;
	int err = 0;

	if (wick->busy)
		return wick_diag_say(diag, -EBUSY, "the engine is evaluating");
	if (!count)
		return wick_diag_say(diag, -EINVAL, "there are no rows to evaluate");
	for (uint32_t i = 0; i < wick->settings.sessions; i++)
		wick->session[i].rows = wick->session[i].wanted = 0;
	for (uint32_t i = 0; !err && i < count; i++)
		err = check_row(wick, &rows[i], diag);
	for (uint32_t i = 0; !err && i < wick->settings.sessions; i++)
		err = check_room(&wick->session[i], wick->session[i].rows, count_leaving(&wick->session[i]), &blocks, diag);
	return err;
}

/* As many rows as one pass takes, without those of sessions that have failed. */
static uint32_t fill(struct evaluation *e)
{
	struct wick_forward *forward = &e->wick->forward;
	uint32_t m = 0;

	for (; m < forward->batch_tokens && e->done < e->count; e->done++) {
		const struct wick_row *row = &e->rows[e->done];

		if (!row->session->err)
			forward->rows[m++] = (struct wick_batch_row){ .seq = row->session->seq, .id = row->id,
				.position = row->position, .number = e->done, .token = token_of(row->session, row->position), .want = row->want };
	}
	return m;
}

int wick_eval_rows(struct wick *wick, const struct wick_row *rows, uint32_t count, struct wick_diag *diag)
{
	struct evaluation e = { .wick = wick, .count = count, .rows = rows, .diag = diag };
	int err;

	if (diag)
		diag->text[0] = 0;
	err = check_rows(wick, rows, count, diag);
	if (err)
		return err;
	begin(&e);
	for (uint32_t i = 0; i < wick->settings.sessions; i++)
		if (wick->session[i].rows)
			enter(&wick->session[i], wick->session[i].rows);
	for (uint32_t m = fill(&e); !err && m; m = fill(&e))
		err = eval_pass(&e, m);
	end(&e, err);
	for (uint32_t i = 0; i < wick->settings.sessions; i++) {
		struct wick_session *session = &wick->session[i];

		if (session->rows)
			leave(session, session->rows, session->wanted, err ? err : session->err);
	}
	return err ? err : e.failed;
}
