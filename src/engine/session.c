/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Evaluating tokens, choosing the next one, and the figures. */

#include "engine.h"

#include "bits.h"
#include "clock.h"
#include "floor.h"
#include "gguf.h"
#include "io.h"
#include "memory_limits.h"
#include "range.h"
#include "stream.h"
#include "tokenizer.h"
#include "watch.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

static int check_tokens(const struct wick *wick, const uint32_t *ids, uint32_t count, bool each, struct wick_diag *diag)
{
	uint32_t vocab = wick->model->shape.vocab, ctx = wick->settings.ctx;

	if (wick->broken)
		return wick_diag_say(diag, -EIO, "an earlier evaluation failed: the engine must be reset first");
	if (each && !wick->settings.all_logits)
		return wick_diag_say(diag, -EINVAL, "logits of every position need the option all_logits");
	if (!count)
		return wick_diag_say(diag, -EINVAL, "there are no tokens to evaluate: the prompt is empty");
	for (uint32_t i = 0; i < count; i++)
		if (ids[i] >= vocab)
			return wick_diag_say(diag, -EINVAL, "token %u is outside the vocabulary of %u", ids[i], vocab);
	if (count > ctx - wick->position)
		return wick_diag_say(diag, -ENOSPC, "%u tokens do not fit: the context is %u tokens and %u are used", count,
			ctx, wick->position);
	return 0;
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

/* Passes the logits of a batch on, position by position. */
static int hand_over(const struct wick *wick, uint32_t m, wick_logits_fn each, void *user, struct wick_diag *diag)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < m; i++) {
		const float *logits = wick->forward.buffer[WICK_LOGITS] + (size_t)i * wick->model->shape.vocab;

		err = check_logits(wick, wick->position + i, logits, diag);
		if (!err)
			each(user, wick->position + i, logits);
	}
	return err;
}

/* The first of `left` tokens. */
static int eval_batch(struct wick *wick, const uint32_t *ids, uint32_t left, const struct wick_eval_progress *progress,
	uint32_t *m, wick_logits_fn each, void *user, struct wick_diag *diag)
{
	uint32_t most = wick->forward.batch_tokens;
	struct wick_batch batch = { .ids = ids, .m = WICK_MIN(left, most), .position = wick->position,
		.want_head = left <= most || each, .progress = progress->tell ? progress : NULL };
	int err;

	batch.m_next = left > most ? WICK_MIN(left - most, most) : 1;
	*m = batch.m;
	err = wick_forward_batch(&wick->forward, &batch, diag);
	if (!err && each)
		err = hand_over(wick, batch.m, each, user, diag);
	else if (!err && batch.want_head)
		err = check_logits(wick, wick->position + batch.m - 1, wick_forward_last(&wick->forward, batch.m), diag);
	if (err)
		return err;
	wick->position += batch.m;
	wick->stats.tokens += batch.m;
	wick->stats.passes++;
	if (batch.want_head)
		wick->logits = wick_forward_last(&wick->forward, batch.m);
	return 0;
}

/* Nothing stays in flight between two calls, so that the next may be another thread's: reads belong to the thread that
 * sent them. Units read ahead are there by then, and the drive loses nothing: it had no more room to read into. */
void wick_engine_settle(struct wick *wick)
{
	while (wick_io_outstanding(wick->io))
		wick_fetch_wait(&wick->fetch);
}

int wick_eval(struct wick *wick, const uint32_t *ids, uint32_t count, wick_logits_fn each, void *user,
	struct wick_diag *diag)
{
	struct wick_eval_progress progress = { .tell = wick->settings.eval_progress, .user = wick->settings.eval_user,
		.total = (uint64_t)count * wick->model->shape.layers };
	uint64_t begun = wick_now_ns(), waited_ns = wick->fetch.wait_ns;
	int err;

	if (diag)
		diag->text[0] = 0;
	err = check_tokens(wick, ids, count, each, diag);
	if (err)
		return err;
	wick->logits = NULL;
	for (uint32_t done = 0, m; !err && done < count; done += m) {
		progress.done = (uint64_t)done * wick->model->shape.layers;
		err = eval_batch(wick, ids + done, count - done, &progress, &m, each, user, diag);
	}
	wick_engine_settle(wick);
	wick_sums_save_now_and_then(&wick->sums, NULL);
	wick->broken = err;
	if (err) /* of which some may be there */
		wick->logits = NULL;
	wick->stats.eval_ns += wick_now_ns() - begun;
	wick->eval_wait_ns += wick->fetch.wait_ns - waited_ns;
	return err;
}

const float *wick_logits(const struct wick *wick)
{
	return wick->logits;
}

uint32_t wick_position(const struct wick *wick)
{
	return wick->position;
}

void wick_reset(struct wick *wick)
{
	if (wick->broken && wick->forward.sparse.on)
		wick_sparse_reset(&wick->forward.sparse);
	if (wick->broken && wick->forward.sweep.any) {
		wick_sweep_rewind(&wick->forward.sweep);
		wick_sweep_fill(&wick->forward.sweep);
		wick_engine_settle(wick);
	}
	wick->broken = false;
	wick->position = 0;
	wick->logits = NULL;
}

void wick_forget(struct wick *wick)
{
	if (wick->forward.sparse.on)
		wick_sparse_reset(&wick->forward.sparse);
}

void wick_watch(struct wick *wick, const struct wick_watch *watch)
{
	wick->forward.watch = wick->forward.sparse.watch = watch;
}

void wick_seed(struct wick *wick, uint64_t seed)
{
	wick->sampler.seed = seed;
}

uint32_t wick_sample(struct wick *wick, const struct wick_sampling *sampling)
{
	if (!wick->logits)
		return WICK_NO_TOKEN;
	return wick_sampler_pick(&wick->sampler, wick->logits, sampling, wick_tokenizer_stop_bits(wick->tokenizer),
		wick->position);
}

static_assert((int)WICK_TOKENIZE_BOS == WICK_ENCODE_BOS && (int)WICK_TOKENIZE_SPECIAL == WICK_ENCODE_SPECIAL &&
		(int)WICK_TOKENIZE_GOES_ON == WICK_ENCODE_GOES_ON, "the public flags are the tokenizer's");

int64_t wick_tokenize(const struct wick *wick, const char *text, size_t text_bytes, unsigned flags, uint32_t *ids,
	size_t capacity)
{
	return wick_tokenizer_encode(wick->tokenizer, text, text_bytes, flags, ids, capacity);
}

int64_t wick_tokenize_marked(const struct wick *wick, const char *text, size_t text_bytes, const struct wick_mark *marks,
	size_t mark_count, unsigned flags, uint32_t *ids, size_t capacity)
{
	return wick_tokenizer_encode_marked(wick->tokenizer, text, text_bytes, marks, mark_count, flags, ids, capacity);
}

int wick_stream_create(struct wick_stream **stream, const struct wick *wick, const char *const *stops,
	uint32_t stop_count, bool special)
{
	return wick_stream_open(stream, wick->tokenizer, stops, stop_count, special);
}

const char *wick_token_piece(const struct wick *wick, uint32_t id, size_t *bytes)
{
	return wick_tokenizer_piece(wick->tokenizer, id, bytes);
}

const char *wick_token_text(const struct wick *wick, uint32_t id, size_t *bytes)
{
	return wick_tokenizer_text(wick->tokenizer, id, bytes);
}

int64_t wick_eos(const struct wick *wick)
{
	return wick_tokenizer_eos(wick->tokenizer);
}

bool wick_stops(const struct wick *wick, uint32_t id)
{
	return wick_tokenizer_stops(wick->tokenizer, id);
}

/* Every counter as it stands. */
static struct wick_stats counters(const struct wick *wick)
{
	const struct wick_io_counters *io = wick_io_counters(wick->io);
	const struct wick_sparse_counters *sparse = &wick->forward.sparse.counters;
	const struct wick_trial *gaps = &wick->forward.sparse.drawing.gaps, *ahead = &wick->forward.sparse.rates.trial;
	struct wick_stats stats = wick->stats;

	stats.io_wait_ns = wick->fetch.wait_ns;
	stats.io_busy_ns = wick->fetch.busy_ns;
	stats.compute_ns = stats.eval_ns - wick->eval_wait_ns;
	stats.flash_bytes = io->bytes;
	stats.reads = io->reads;
	stats.retries = io->retries;
	stats.resumed = io->resumed;
	stats.repaired = wick->fetch.repaired;
	stats.bundles_active = sparse->bundles_active;
	stats.bundles_read = sparse->bundles_read;
	stats.bundles_prefetched = sparse->bundles_prefetched;
	stats.bundles_wasted = sparse->bundles_prefetched - sparse->bundles_useful;
	stats.prefetch_stops = sparse->prefetch_stops;
	stats.gap_switches = gaps->switches;
	stats.gaps = wick->settings.bridge && gaps->on;
	stats.gaps_ratio = wick_trial_ratio(gaps);
	stats.ahead_switches = ahead->switches;
	stats.ahead = wick->forward.sparse.lookahead && ahead->on;
	stats.ahead_ratio = wick_trial_ratio(ahead);
	stats.predict_ns = sparse->predict_ns;
	stats.manage_ns = sparse->manage_ns;
	stats.bundles_ns = wick->drive.known ? (uint64_t)(wick->forward.sparse.drawing.cost_us * 1e3) : 0;
	return stats;
}

/* The figures that a reset sets to 0: 64-bit sums all. */
static const size_t sums[] = {
#define SUM(name) offsetof(struct wick_stats, name)
	SUM(tokens), SUM(passes), SUM(eval_ns), SUM(io_wait_ns), SUM(io_busy_ns), SUM(compute_ns), SUM(flash_bytes),
	SUM(reads), SUM(retries), SUM(resumed), SUM(repaired), SUM(bundles_active), SUM(bundles_read),
	SUM(bundles_prefetched), SUM(bundles_wasted), SUM(prefetch_stops), SUM(gap_switches), SUM(ahead_switches),
	SUM(predict_ns), SUM(manage_ns), SUM(bundles_ns),
#undef SUM
};

/* The floors of the passes and tokens that are counted. */
static void add_floors(const struct wick *wick, struct wick_stats *stats)
{
	const struct wick_shape *shape = &wick->model->shape;
	bool sparse = wick->settings.mode == WICK_MODE_SPARSE;
	double sweep_us = wick_floor_sweep_us(
		&wick->drive, &wick->plan, wick->settings.chunk_bytes, wick->settings.queue_depth);

	stats->flash_floor_ns = stats->passes * (uint64_t)(sweep_us * 1e3);
	if (stats->bundles_read)
		stats->flash_floor_ns += (uint64_t)((double)stats->bundles_ns *
			(double)(stats->bundles_read - WICK_MIN(stats->bundles_wasted, stats->bundles_read)) /
			(double)stats->bundles_read);
	stats->memory_bytes = stats->passes * wick_floor_pass_bytes(shape, &wick->matrices, &wick->plan, sparse);
	if (sparse)
		stats->memory_bytes += stats->bundles_active * shape->bundle_bytes;
}

void wick_stats(const struct wick *wick, struct wick_stats *stats)
{
	*stats = counters(wick);
	for (size_t i = 0; i < WICK_COUNT_OF(sums); i++)
		*(uint64_t *)((char *)stats + sums[i]) -= *(const uint64_t *)((const char *)&wick->stats_from + sums[i]);
	add_floors(wick, stats);
	stats->peak_bytes = wick_peak_bytes();
}

void wick_stats_reset(struct wick *wick)
{
	wick->stats_from = counters(wick);
}
