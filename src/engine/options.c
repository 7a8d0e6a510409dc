/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Options: defaults and limits. */

#include "options.h"

#include "bits.h"
#include "cpu_limits.h"
#include "gate_levels.h"
#include "policy.h"
#include "pool.h"
#include "sized.h"

#include <wick/instruments.h>

#include <errno.h>
#include <string.h>

#define DEPTH_DEFAULT 256 /* a deep queue goes out in few system calls, each a notice to the drive */
#define CHUNK_DEFAULT (1u << 20)
_Static_assert(WICK_CHUNK_BYTES_STEP == WICK_FILE_ALIGN, "chunks begin where reads may");
_Static_assert(WICK_KV_POSITIONS_STEP == WICK_KV_BLOCK, "callers count positions in blocks");

#define PERCENT_MAX 100000 /* a thousand times the model */

void wick_options_init_sized(struct wick_options *options, size_t size)
{
	const struct wick_options defaults = { .cpu_mask = ~0u, .lookahead = 1 };

	memcpy(options, &size, sizeof(size));
	wick_sized_give(options, &defaults, sizeof(defaults));
}

/* What is switched off. */
static int set_instruments(struct wick_settings *settings, const struct wick_options *options, struct wick_diag *diag)
{
	struct wick_instruments off = { 0 };
	int err = options->instruments ?
		wick_sized_take(&off, sizeof(off), options->instruments, "struct wick_instruments", diag) : 0;

	settings->bridge = !off.no_bridge;
	settings->overlap = !off.no_overlap;
	settings->bundled = !off.no_bundles;
	settings->gate_first = !off.no_gate_first;
	settings->whole_windows = off.whole_windows;
	settings->f16_session = off.f16_session;
	settings->trace_apart = off.trace_apart;
	settings->memory_mb_per_s = off.memory_mb_per_s;
	return err;
}

/* Sparse where that is the model's arithmetic and something says which neurons to compute. */
static enum wick_mode default_mode(const struct wick_options *options, const struct wick_model *model)
{
	bool can_choose = model->shape.predictor || wick_gate_is_apart(&model->shape) || options->trace;
	bool has_zeros = wick_is_relu(&model->shape) || (wick_gate_is_soft(&model->shape) && options->gate_percent > 0);

	return has_zeros && can_choose ? WICK_MODE_SPARSE : WICK_MODE_DENSE;
}

static int find_mode(enum wick_mode *mode, const struct wick_options *options, const struct wick_model *model,
	struct wick_diag *diag)
{
	const char *name = options->mode;

	*mode = default_mode(options, model);
	if (!name)
		return 0;
	for (int i = 0; i < WICK_MODE_COUNT; i++)
		if (!strcmp(name, wick_mode_names[i])) {
			*mode = (enum wick_mode)i;
			return 0;
		}
	return wick_diag_say(diag, -EINVAL, "mode \"%s\": sparse, dense, hybrid and naive are possible", name);
}

static int check_sparse(
	struct wick_settings *settings, const struct wick_options *options, const struct wick_model *model, struct wick_diag *diag)
{
	bool experts = wick_has_experts(&model->shape);
	const char *window = "window", *usual = experts ? "nextuse" : NULL;
	const char *name = options->policy ? options->policy : options->window ? window : usual;

	settings->policy = wick_policy_find(name);
	if (!settings->policy)
		return wick_diag_say(diag, -EINVAL, "policy \"%s\": %s are possible", options->policy, wick_policy_names());
	if (experts && !strcmp(name, window))
		return wick_diag_say(diag, -EINVAL, "policy window is for neurons; for experts nextuse, lru, decay and stale are possible");
	if (!experts && name && (!strcmp(name, "stale") || !strcmp(name, "nextuse")))
		return wick_diag_say(diag, -EINVAL, "policy %s is for experts; for neurons decay, lru and window are possible", name);
	if (options->window && strcmp(wick_policy_name(settings->policy), window))
		return wick_diag_say(diag, -EINVAL, "a window of %u tokens is for policy window, not for policy %s",
			options->window, options->policy);
	if (settings->mode != WICK_MODE_SPARSE && options->trace && !wick_has_experts(&model->shape))
		return wick_diag_say(diag, -EINVAL, "a trace is replayed in sparse mode only, not in mode %s",
			wick_mode_names[settings->mode]);
	if (settings->mode == WICK_MODE_SPARSE && !wick_is_relu(&model->shape) && !wick_gate_is_soft(&model->shape))
		return wick_diag_say(diag, -EINVAL,
			"sparse mode needs a ReLU model: with gelu no neuron is ever off; mode dense is exact");
	return 0;
}

/* A threshold is for gates that are known before anything else of their neurons, be it read or computed; outside experts for those
 * that have no zeros of their own. */
static int check_gates(const struct wick_options *options, const struct wick_model *model, struct wick_diag *diag)
{
	if (!(options->gate_percent >= 0 && options->gate_percent <= WICK_GATE_PERCENT_MAX)) /* a NaN is neither */
		return wick_diag_say(diag, -EINVAL, "gates of which %g%% become 0: 0 to %g%% are possible",
			(double)options->gate_percent, (double)WICK_GATE_PERCENT_MAX);
	if (!(options->gate_percent > 0) || wick_gate_is_soft(&model->shape) || wick_has_experts(&model->shape))
		return 0;
	return wick_diag_say(diag, -EINVAL, wick_gate_is_apart(&model->shape) ?
		"a gate threshold is for gates of SwiGLU; these are of ReLU, and have zeros of their own" :
		"a gate threshold needs experts, or gates that are apart from their neurons (wick pack --predictor gate, from a model's folder)");
}

/* The KV cache is as long as the context, whether or not it is used. */
static uint32_t default_ctx(const struct wick_options *options, uint32_t ctx_max)
{
	uint32_t ctx = WICK_MIN(options->ctx_usual ? options->ctx_usual : WICK_CTX_DEFAULT, ctx_max);

	return options->ctx_enough ? WICK_MIN(options->ctx_enough, ctx) : ctx;
}

static int check_range(const char *what, uint64_t value, uint64_t least, uint64_t most, struct wick_diag *diag)
{
	if (value >= least && value <= most)
		return 0;
	return wick_diag_say(diag, -EINVAL, "%s %llu: %llu to %llu are possible", what, (unsigned long long)value,
		(unsigned long long)least, (unsigned long long)most);
}

/* The type of keys and values. A head must be whole blocks of it. */
static int find_kv_type(enum wick_type *type, const struct wick_options *options, const struct wick_shape *shape,
	struct wick_diag *diag)
{
	static const char *const names[] = { WICK_KV_TYPES };
	static const enum wick_type types[] = { WICK_F16, WICK_Q8_0 };
	const char *name = options->kv_type ? options->kv_type : names[0];
	uint32_t found = 0;

	while (found < WICK_COUNT_OF(types) && strcmp(name, names[found]))
		found++;
	if (found == WICK_COUNT_OF(types))
		return wick_diag_say(diag, -EINVAL, "kv type \"%s\": f16 and q8_0 are possible", name);
	*type = types[found];
	for (uint32_t kind = 0; kind < shape->kinds; kind++) {
		const struct wick_attn_facts *attn = &shape->kind[kind].attn;

		if (attn->k_dim % wick_types[*type].block || attn->v_dim % wick_types[*type].block)
			return wick_diag_say(diag, -EINVAL, "kv type %s needs heads of a multiple of %u numbers, and the model has %u", name,
				wick_types[*type].block, attn->k_dim % wick_types[*type].block ? attn->k_dim : attn->v_dim);
	}
	return 0;
}

/* The positions that sessions have together, in blocks: as many as the options say, or as all may have; where they are planned and
 * memory is short, fewer, but a whole context and a block for each. */
static int set_kv(struct wick_settings *settings, const struct wick_options *options, const struct wick_shape *shape,
	struct wick_diag *diag)
{
	uint64_t all = (uint64_t)(settings->sessions - settings->f16_session) * wick_kv_blocks(settings->ctx);
	bool planned = options->kv_positions == WICK_KV_PLANNED;
	uint64_t asked = options->kv_positions && !planned ? wick_kv_blocks(options->kv_positions) : all;

	if (settings->f16_session && settings->sessions < 2)
		return wick_diag_say(diag, -EINVAL, "a session of f16 beside others: there is only one");
	if (asked < settings->sessions - settings->f16_session)
		return wick_diag_say(diag, -EINVAL, "%u positions for %u sessions: each needs a block of %u", options->kv_positions,
			settings->sessions, WICK_KV_BLOCK);
	settings->kv = (struct wick_kv_shape){ .blocks = (uint32_t)WICK_MIN(asked, all), .sequences = settings->sessions,
		.ctx = settings->ctx, .whole_windows = settings->whole_windows };
	settings->kv_f16 = settings->kv;
	settings->kv_f16.blocks = settings->f16_session ? wick_kv_blocks(settings->ctx) : 0;
	settings->kv_f16.type = WICK_F16;
	settings->kv_blocks_min =
		planned ? WICK_MAX(wick_kv_blocks(settings->ctx), settings->sessions) : settings->kv.blocks;
	return find_kv_type(&settings->kv.type, options, shape, diag);
}

static int check_chunk(uint64_t bytes, struct wick_diag *diag)
{
	int err = check_range("chunk size", bytes, WICK_CHUNK_BYTES_STEP, WICK_CHUNK_BYTES_MAX, diag);

	if (!err && bytes % WICK_CHUNK_BYTES_STEP)
		err = wick_diag_say(diag, -EINVAL, "chunk size %llu: not a multiple of %u bytes",
			(unsigned long long)bytes, WICK_CHUNK_BYTES_STEP);
	return err;
}

static int check_memory(const struct wick_memory *memory, struct wick_diag *diag)
{
	if (memory->percent >= 0 && memory->percent <= PERCENT_MAX) /* neither is true of a NaN */
		return 0;
	return wick_diag_say(diag, -EINVAL, "memory of %g%%: 0 to %d%% are possible", memory->percent, PERCENT_MAX);
}

int wick_settings_from(struct wick_settings *settings, const struct wick_options *options,
	const struct wick_model *model, struct wick_diag *diag)
{
	uint32_t ctx_max = model->shape.ctx_max;
	int err;

	*settings = (struct wick_settings){ .io = options->io, .buffered = options->buffered, .no_verify = options->no_verify,
		.all_logits = options->all_logits, .measure = options->measure, .cpu_mask = options->cpu_mask, .numa = options->numa,
		.sessions = options->sessions ? options->sessions : 1,
		.ctx = options->ctx ? options->ctx : default_ctx(options, ctx_max),
		.threads = options->threads ? options->threads : wick_cpu_threads(), .threads_given = options->threads,
		.queue_depth = options->queue_depth ? options->queue_depth : DEPTH_DEFAULT,
		.depth_given = options->queue_depth,
		.chunk_bytes = options->chunk_bytes ? options->chunk_bytes : CHUNK_DEFAULT,
		.gate_percent = options->gate_percent, .window = options->window,
		.lookahead = options->lookahead, .experts_ahead = options->lookahead > 1, .eval_progress = options->eval_progress,
		.eval_user = options->eval_user };
	err = find_mode(&settings->mode, options, model, diag);
	if (!err)
		err = check_gates(options, model, diag);
	if (!err && settings->mode == WICK_MODE_SPARSE && wick_has_experts(&model->shape))
		err = wick_diag_say(diag, -EINVAL, "mode sparse is not for models of experts; mode dense is");
	if (!err)
		err = check_sparse(settings, options, model, diag);
	if (!err)
		err = check_range("lookahead", options->lookahead, 0, 2, diag);
	if (!err)
		err = set_instruments(settings, options, diag);
	if (!err)
		err = check_memory(&options->memory, diag);
	if (!err)
		err = check_range("context", settings->ctx, 1, ctx_max, diag);
	if (!err)
		err = check_range("sessions", settings->sessions, 1, WICK_SESSIONS_MAX, diag);
	if (!err)
		err = set_kv(settings, options, &model->shape, diag);
	if (!err)
		err = check_range("threads", settings->threads, 1, WICK_THREADS_MAX, diag);
	if (!err)
		err = check_range("queue depth", settings->queue_depth, 1, WICK_QUEUE_DEPTH_MAX, diag);
	if (!err)
		err = check_chunk(settings->chunk_bytes, diag);
	return err;
}
