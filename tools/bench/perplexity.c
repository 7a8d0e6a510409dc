/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Chunks of a text, and the logits of what comes next.
 *
 *     chunk     bos  t0  t1  t2  ...  tn      n + 2 of them, as many as the context has
 *     evaluated bos  t0  t1  ...  tn-1        the last predicts nothing
 *     logits    t0?  t1? t2? ...  tn?
 */

#include "perplexity.h"

#include "clock.h"
#include "json_text.h"
#include "log_sum.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct measure {
	struct perplexity *result;
	struct wick *wick;
	struct wick_session *session;
	struct reader *reader;
	struct divergence *divergence;
	struct progress *progress;
	struct wick_diag *diag;
	uint32_t vocab;
	uint64_t tokens_left; /* that may count */
	uint64_t begun_ns;
	uint32_t *ids;        /* (capacity) of the text, not evaluated so far */
	size_t capacity, count;
	uint32_t *chunk;      /* (ctx) */
	uint32_t bos_count;   /* tokens in front of a chunk: 0 or 1 */
};

static int no_memory(struct measure *m)
{
	return wick_diag_say(m->diag, -ENOMEM, "%s: no memory for its tokens", m->reader->name);
}

/* Adds the tokens of the next piece; *ended when there is none. */
static int take_piece(struct measure *m, bool *ended)
{
	const char *text;
	size_t bytes = 0;
	int64_t count;
	int rc = reader_next(m->reader, &text, &bytes, m->diag);
	unsigned goes_on = m->reader->done_bytes > bytes ? WICK_TOKENIZE_GOES_ON : 0;

	*ended = !bytes;
	if (rc || !bytes)
		return rc;
	count = wick_tokenize(m->wick, text, bytes, goes_on, NULL, 0);
	if (count == -EINVAL)
		return wick_diag_say(m->diag, -EINVAL, "%s: has a character for which the vocabulary has no token", m->reader->name);
	if (count < 0)
		return no_memory(m);
	if (m->capacity - m->count < (size_t)count) {
		size_t capacity = m->count + (size_t)count;
		uint32_t *larger = realloc(m->ids, capacity * sizeof(*larger));

		if (!larger)
			return no_memory(m);
		m->ids = larger;
		m->capacity = capacity;
	}
	if (wick_tokenize(m->wick, text, bytes, goes_on, m->ids + m->count, (size_t)count) != count)
		return no_memory(m);
	m->count += (size_t)count;
	return 0;
}

static void count_token(void *user, uint32_t position, const float *logits)
{
	struct measure *m = user;

	m->result->nats += wick_log_sum(logits, m->vocab) - logits[m->chunk[position + 1]];
	m->result->tokens++;
}

/* The next `count` tokens of the text, behind bos if there is one. */
static int eval_chunk(struct measure *m, const uint32_t *ids, uint32_t count)
{
	int rc;

	memcpy(m->chunk + m->bos_count, ids, count * sizeof(*ids));
	count += m->bos_count;
	if (count < 2)
		return 0;
	wick_session_reset(m->session);
	rc = m->divergence ?
		divergence_eval(m->divergence, m->session, m->chunk, count - 1, count_token, m, m->diag) :
		wick_session_eval(m->session, m->chunk, count - 1, count_token, m, m->diag);
	m->result->chunks++;
	m->tokens_left -= count - 1;
	return rc;
}

/* Shows the tokens evaluated so far; more are read, since pieces are larger than chunks. */
static void show(struct measure *m)
{
	const struct perplexity *result = m->result;
	double seconds = (double)(wick_now_ns() - m->begun_ns) / 1e9;

	if (result->tokens)
		progress_say(m->progress, "evaluated %llu tokens, %.0f a second; perplexity %.2f so far",
			(unsigned long long)result->tokens, (double)result->tokens / seconds,
			exp(result->nats / (double)result->tokens));
}

/* Ctrl-C ends a chunk in its midst; what its tokens gave until then counts. */
static int note_interrupt(struct measure *m, int rc)
{
	if (!interrupted() || (rc && rc != -ECANCELED))
		return rc;
	m->result->stop = "interrupted";
	m->tokens_left = 0;
	return 0;
}

/* Every whole chunk there is, and the rest when the text has ended. */
static int eval_chunks(struct measure *m, bool ended)
{
	uint32_t whole = wick_plan_of(m->wick)->ctx - m->bos_count, bos_off = 1 - m->bos_count;
	size_t used = 0;
	int rc = 0;

	while (!rc && m->tokens_left && used < m->count && (ended || m->count - used >= whole)) {
		uint64_t some = m->count - used < whole ? m->count - used : whole;

		some = some - bos_off > m->tokens_left ? m->tokens_left + bos_off : some;
		rc = eval_chunk(m, m->ids + used, (uint32_t)some);
		used += some;
		rc = note_interrupt(m, rc);
		show(m);
	}
	m->count -= used;
	if (m->count && used)
		memmove(m->ids, m->ids + used, m->count * sizeof(*m->ids));
	return rc;
}

static int measure_all(struct measure *m)
{
	bool ended = false;
	double nats;
	int rc = 0;

	m->begun_ns = wick_now_ns();
	wick_stats_reset(m->wick);
	while (!rc && !ended && m->tokens_left) {
		rc = take_piece(m, &ended);
		if (!rc && (m->count || ended))
			rc = eval_chunks(m, ended);
	}
	m->result->ns = wick_now_ns() - m->begun_ns;
	if (!m->result->stop)
		m->result->stop = m->tokens_left ? "end" : "length";
	wick_stats(m->wick, &m->result->stats);
	if (rc)
		return rc;
	if (!m->result->tokens && interrupted())
		return wick_diag_say(m->diag, -ECANCELED, "stopped before any token was evaluated");
	if (!m->result->tokens)
		return wick_diag_say(m->diag, -EINVAL, "%s: no token of it was predicted: it takes at least %u",
			m->reader->name, 2 - m->bos_count);
	nats = m->result->nats / (double)m->result->tokens;
	if (!isfinite(exp(nats)))
		return wick_diag_say(m->diag, -ERANGE, "%s: perplexity is not a number: %g nats a token", m->reader->name, nats);
	return 0;
}

/* A token has a byte at least; ids wait until a chunk is whole. */
uint64_t perplexity_bytes(uint32_t ctx)
{
	return READER_BYTES + READER_TOKENIZE_BYTES + (2ull * ctx + 2 * READER_PIECE_MAX) * sizeof(uint32_t);
}

int perplexity_measure(struct perplexity *result, struct wick *wick, struct reader *reader, uint64_t tokens_max,
	struct divergence *divergence, struct progress *progress, struct wick_diag *diag)
{
	struct measure m = { .result = result, .wick = wick, .reader = reader, .divergence = divergence, .progress = progress, .diag = diag,
		.vocab = wick_report_of(wick)->vocab, .tokens_left = tokens_max ? tokens_max : UINT64_MAX };
	uint32_t ctx = wick_plan_of(wick)->ctx;
	int64_t bos_count;
	int rc;

	*result = (struct perplexity){ 0 };
	if (ctx < 2)
		return wick_diag_say(diag, -EINVAL, "a context of 1 token has nothing to predict from");
	m.chunk = malloc(ctx * sizeof(*m.chunk));
	if (!m.chunk)
		return no_memory(&m);
	bos_count = wick_tokenize(wick, "", 0, WICK_TOKENIZE_BOS, m.chunk, ctx);
	m.bos_count = (uint32_t)bos_count;
	rc = bos_count < 0 ? no_memory(&m) : wick_session_create(&m.session, wick, diag);
	if (!rc)
		rc = measure_all(&m);
	wick_session_destroy(m.session);
	free(m.chunk);
	free(m.ids);
	return rc;
}

json_t *perplexity_json(
	const struct perplexity *result, const struct wick_report *report, const struct wick_plan *plan)
{
	const struct wick_stats *stats = &result->stats;
	double tokens = (double)result->tokens, ms = (double)result->ns / 1e6, nats = result->nats / tokens;

	return json_pack("{s:o, s:s, s:s, s:I, s:I, s:I, s:s, s:f, s:f, s:f, s:f, s:f, s:I, s:I}", "model",
		wick_json_name(report->model),
		"type", report->type, "mode", report->mode, "ctx", (json_int_t)plan->ctx, "tokens",
		(json_int_t)result->tokens, "chunks", (json_int_t)result->chunks, "stop", result->stop, "perplexity", exp(nats),
		"nats_per_token", nats, "ms_per_token", ms / tokens, "io_wait_ms_per_token",
		(double)stats->io_wait_ns / 1e6 / tokens, "flash_bytes_per_token", (double)stats->flash_bytes / tokens,
		"peak_bytes", (json_int_t)stats->peak_bytes, "budget_bytes", (json_int_t)plan->budget_bytes);
}
