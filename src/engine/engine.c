/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Opening and closing: model, plan, memory, drive, resident load. */

#include "engine.h"

#include "bits.h"
#include "clock.h"
#include "cpu_limits.h"
#include "gguf.h"
#include "io.h"
#include "load.h"
#include "pool.h"
#include "predictor_set.h"
#include "sized.h"
#include "tokenizer.h"
#include "trace.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_BUFFERED 32 /* each such read takes a thread of the kernel, and room in the page cache */

/* All of it at once: a prompt asks for many tokens of one layer. */
static int open_routing(struct wick *wick, const char *path, struct wick_diag *diag)
{
	const struct wick_shape *shape = &wick->model->shape;
	const struct wick_expert_facts *experts = wick_experts_of(shape);
	struct wick_trace *trace;
	int err = wick_trace_open(&trace, path, diag);

	if (err)
		return err;
	err = wick_trace_fits(trace, shape->layers, experts->count, experts->chosen, wick_model_identity(wick->model), diag);
	if (!err)
		err = wick_routing_load(&wick->routing, trace, diag);
	wick_trace_close(trace);
	return err;
}

/* Sessions may be far apart in it: as many of them as a batch takes have an eye on it each. */
static int open_traces(struct wick *wick, const char *path, struct wick_diag *diag)
{
	uint32_t count = WICK_MIN(wick->settings.sessions, WICK_SPARSE_TOGETHER);
	int err = 0;

	for (uint32_t i = 0; !err && i < count; i++)
		err = wick_trace_open(&wick->trace[i], path, diag);
	return err;
}

/* The trace to replay, if one is asked for, must be of a model of this shape; one that was recorded, of this model. */
static int open_trace(struct wick *wick, const struct wick_options *options, struct wick_diag *diag)
{
	const struct wick_shape *shape = &wick->model->shape;
	int err;

	if (options->trace && wick_has_experts(shape))
		return open_routing(wick, options->trace, diag);
	if (wick->settings.mode != WICK_MODE_SPARSE)
		return 0;
	if (!options->trace && wick->predictors->origin == WICK_PREDICTORS_NONE && !wick_gate_is_apart(shape))
		return wick_diag_say(diag, -EINVAL, "sparse mode needs predictors, and the model has none; mode dense is exact");
	if (!options->trace)
		return 0;
	err = open_traces(wick, options->trace, diag);
	return err ? err :
		wick_trace_fits(wick->trace[0], shape->layers, shape->n_ff, 0, wick_model_identity(wick->model), diag);
}

/* Model, tokenizer and settings. */
static int open_model(struct wick *wick, const char *path, const struct wick_options *options, struct wick_diag *diag)
{
	int err = wick_model_open(&wick->model, path, diag);

	if (!err)
		err = wick_sums_open(&wick->sums, wick->model, diag);
	if (!err)
		err = wick_tokenizer_create(&wick->tokenizer, wick->model->gguf, wick->model->shape.vocab, diag);
	if (!err)
		err = wick_settings_from(&wick->settings, options, wick->model, diag);
	if (!err && (wick->settings.mode == WICK_MODE_SPARSE || wick->settings.gate_percent > 0))
		err = wick_predictor_set_open(&wick->predictors, wick->model, path, diag);
	if (!err && wick->settings.gate_percent > 0 && !wick->predictors->levels)
		err = wick_diag_say(diag, -EINVAL, "%s: nothing says how small its gates are: wick train learns it from a text", path);
	if (!err)
		err = open_trace(wick, options, diag);
	if (err)
		return err;
	return wick_matrices_make(&wick->matrices, wick->model, wick->settings.ctx, diag);
}

/* Where direct reads begin and end: swept rows are read by the blocks that cover them, bundles each for itself. */
static uint32_t grain(const struct wick *wick)
{
	uint64_t stride = wick->model->shape.stride;

	if (wick->settings.mode != WICK_MODE_SPARSE)
		return WICK_FILE_ALIGN;
	return (uint32_t)WICK_MIN(stride & (~stride + 1), WICK_FILE_ALIGN);
}

const struct wick_file *wick_engine_file(const struct wick *wick)
{
	const struct wick_file *largest = &wick->files[0];

	for (uint32_t i = 1; i < wick->model->parts.count; i++)
		largest = wick->files[i].size > largest->size ? &wick->files[i] : largest;
	return largest;
}

static int open_part(struct wick *wick, uint32_t part, struct wick_diag *diag)
{
	struct wick_settings *settings = &wick->settings;
	const struct wick_gguf *gguf = wick->model->parts.at[part];
	struct wick_file *file = &wick->files[part];
	bool mapped = settings->io && !strcmp(settings->io, "mmap"); /* mapping is the page cache */
	int err = wick_file_open_grained(file, wick_gguf_path(gguf), !settings->buffered && !mapped, grain(wick), diag);

	if (!err)
		err = wick_gguf_check_same(gguf, file->fd, diag);
	if (mapped)
		snprintf(file->why, sizeof(file->why), "mmap reads through the page cache");
	if (!file->direct && !settings->depth_given)
		settings->queue_depth = DEPTH_BUFFERED;
	return err;
}

static int open_drive(struct wick *wick, struct wick_diag *diag)
{
	struct wick_settings *settings = &wick->settings;
	struct wick_io_options io = { .method = settings->io, .retries = WICK_IO_RETRIES };
	uint32_t parts = wick->model->parts.count;
	int err = 0;

	wick->files = calloc(parts, sizeof(*wick->files));
	if (!wick->files)
		return wick_diag_say(diag, -ENOMEM, "no memory to open %u files", parts);
	for (uint32_t i = 0; i < parts; i++)
		wick->files[i].fd = -1;
	for (uint32_t i = 0; !err && i < parts; i++)
		err = open_part(wick, i, diag);
	io.depth = settings->queue_depth;
	return err ? err : wick_io_create(&wick->io, &io, diag);
}

/* A number that was asked for must be had; of the default, as many as the system lets start. */
static int start_threads(struct wick *wick, struct wick_diag *diag)
{
	struct wick_settings *settings = &wick->settings;
	uint32_t given = settings->threads_given ? settings->threads : 0;
	int err;

	wick_topo_read(&wick->topo);
	err = wick_topo_choose(&wick->topo, settings->numa, diag);
	if (!err)
		err = wick_pool_create_on(&wick->pool, given, &wick->topo, diag);
	if (err)
		return err;
	settings->threads = wick_pool_threads(wick->pool);
	if (wick_pool_refused(wick->pool))
		snprintf(wick->threads_why, sizeof(wick->threads_why), "no more could be started: %s",
			strerror(-wick_pool_refused(wick->pool)));
	else if (!given && settings->threads < wick->topo.cpu_count)
		snprintf(wick->threads_why, sizeof(wick->threads_why), "a cgroup gives this process %.2g CPUs", wick_cpu_quota(""));
	return 0;
}

int wick_engine_begin(struct wick *wick, const char *path, const struct wick_options *options, struct wick_diag *diag)
{
	int err;

	wick->process_bytes = wick_engine_process_bytes();
	err = open_model(wick, path, options, diag);
	if (!err)
		err = open_drive(wick, diag);
	return err ? err : start_threads(wick, diag);
}

/* Looks up what the drive can do, and measures it where it matters and there is room for that. */
void wick_engine_look(struct wick *wick)
{
	bool room = wick->plan.budget_bytes - wick->plan.process_bytes >= WICK_DRIVE_MEMORY_BYTES;

	wick_drive_find(&wick->drive, wick_engine_file(wick), wick_io_method(wick->io),
		wick->settings.measure && wick->plan.swept_bytes + wick->plan.drawn_bytes && room);
}

static void carve_sparse(struct wick *wick, const struct wick_sparse_shape *shape)
{
	struct wick_forward *forward = &wick->forward;
	struct wick_sparse *sparse = &forward->sparse;

	sparse->model = wick->model;
	sparse->compute = &forward->compute;
	sparse->fetch = &wick->fetch;
	sparse->matrices = &wick->matrices;
	sparse->vectors = &forward->vectors;
	sparse->overlap = wick->settings.overlap;
	sparse->drawing.bridge = wick->settings.bridge;
	sparse->chooser.compute = &forward->compute;
	sparse->chooser.layers = wick->model->shape.layers;
	sparse->chooser.n_ff = wick->model->shape.n_ff;
	memcpy(sparse->chooser.trace, wick->trace, sizeof(wick->trace));
	if (wick_gate_is_apart(&wick->model->shape))
		sparse->chooser.gated = &wick->model->shape.kind[0].ffn;
	else if (wick->predictors->origin != WICK_PREDICTORS_NONE)
		sparse->chooser.active = wick->predictors->layer;
	sparse->chooser.residual = wick->predictors->residual;
	sparse->chooser.likely = wick->predictors->ahead;
	wick_sparse_init(sparse, shape, &wick->mem);
	sparse->drawing.price = wick_drive_price(&wick->drive, wick->settings.queue_depth);
	forward->batch_tokens = shape->batch_tokens;
}

static void carve_experts(struct wick *wick, const struct wick_expert_cache_shape *shape)
{
	struct wick_forward *forward = &wick->forward;
	struct wick_expert_cache_shape chosen = *shape;

	chosen.policy = wick->settings.policy;
	wick_expert_cache_init(&forward->expert_cache, &chosen, wick->model, &wick->fetch, &wick->mem);
	forward->experts.experts_most = forward->expert_cache.most;
	forward->expert_cache.overlap = wick->settings.overlap;
	forward->expert_cache.ahead.on = wick->settings.experts_ahead;
	forward->expert_cache.gate_first = wick->settings.gate_first;
	forward->expert_cache.visit = wick->settings.memory_mb_per_s > 0 && wick->drive.known ? wick_engine_note_visit : NULL;
	forward->expert_cache.visit_user = wick;
}

/* Carves the reservation and lists what has to be loaded into it. */
static uint32_t carve(struct wick *wick, const struct wick_layout *layout, struct wick_load *loads)
{
	struct wick_forward *forward = &wick->forward;
	struct wick_forward_shape size = { .ctx = wick->settings.ctx, .threads = wick->settings.threads,
		.sequences = wick->settings.sessions, .all_logits = wick->settings.all_logits };
	uint32_t count;

	forward->model = wick->model;
	forward->matrices = &wick->matrices;
	forward->fetch = &wick->fetch;
	forward->gate_percent = wick->settings.gate_percent;
	forward->gate_levels = wick->predictors ? wick->predictors->levels : NULL;
	forward->routing = wick->routing.tokens ? &wick->routing : NULL;
	forward->compute.kernels = &wick->kernels;
	forward->compute.pool = wick->pool;
	count = wick_vectors_init(&forward->vectors, wick->model, wick->files, &wick->mem, loads);
	wick_kv_init(&forward->kv, &wick->model->shape, &wick->settings.kv, &wick->mem);
	if (wick->settings.kv_f16.blocks)
		wick_kv_init(&wick->kv_f16, &wick->model->shape, &wick->settings.kv_f16, &wick->mem);
	wick_forward_init(forward, &size, &wick->mem);
	wick_engine_init_sessions(wick);
	wick_sampler_init(&wick->sampler, wick->model->shape.vocab, &wick->mem);
	wick->sampler.vocab = wick_tokenizer_vocab(wick->tokenizer); /* rows beyond it mean nothing */
	if (layout->sweep.unit_count) {
		wick_forward_lookup_init(forward, &wick->mem);
		wick_sweep_init(&forward->sweep, &layout->sweep, &wick->matrices, &wick->fetch, &wick->mem);
	}
	if (layout->sparse.on)
		carve_sparse(wick, &layout->sparse);
	if (layout->experts.capacity)
		carve_experts(wick, &layout->experts);
	for (uint32_t i = 0; i < wick->matrices.count; i++) {
		struct wick_matrix *matrix = &wick->matrices.at[i];
		uint64_t bytes = wick_matrix_bytes(matrix, matrix->resident_rows);
		uint32_t end = count;

		if (matrix->resident_rows)
			end += wick_load_matrix(&loads[count], matrix, wick_mem_take(&wick->mem, bytes), bytes, wick->files);
		for (; count < end; count++)
			wick_topo_place_rows(&wick->topo, loads[count].base, loads[count].rows, matrix->tensor->row_bytes);
	}
	return count;
}

/* Frequencies are divided by these numbers of the file. */
static int check_divisors(const struct wick *wick, enum wick_tensor_id id, struct wick_diag *diag)
{
	const struct wick_tensor *tensor = wick_tensor_at(wick->model, 0, id);
	const float *divisors = wick_vector(&wick->forward.vectors, 0, id);

	for (uint64_t i = 0; divisors && i < tensor->cols; i++)
		if (!(divisors[i] > 0 && divisors[i] < INFINITY))
			return wick_diag_say(diag, -EINVAL, "%s: tensor \"%s\": number %llu is %g, by which no angle can be divided",
				wick_gguf_path(wick->model->gguf), tensor->name, (unsigned long long)i, (double)divisors[i]);
	return 0;
}

static int check_rope_divisors(const struct wick *wick, struct wick_diag *diag)
{
	static const enum wick_tensor_id ids[] = { WICK_T_ROPE_FREQS, WICK_T_ROPE_LONG, WICK_T_ROPE_SHORT };
	int err = 0;

	for (size_t i = 0; !err && i < WICK_COUNT_OF(ids); i++)
		err = check_divisors(wick, ids[i], diag);
	return err;
}

static void make_bundle_caches(struct wick *wick)
{
	const struct wick_expert_cache *experts = &wick->forward.expert_cache;

	for (uint32_t i = 0; experts->capacity && i < experts->classes.count; i++)
		wick_load_make(wick->pool, experts->store[i].cache.slots, experts->classes.at[i].slots * experts->classes.at[i].slot_bytes);
	for (uint32_t i = 0; wick->forward.sparse.on && i < wick->model->shape.layers; i++) {
		const struct wick_cache *cache = &wick->forward.sparse.group[i].cache;

		wick_load_make(wick->pool, cache->slots, cache->capacity * cache->slot_bytes);
	}
}

static int load(struct wick *wick, const struct wick_layout *layout, const struct wick_options *options,
	struct wick_diag *diag)
{
	uint32_t most = wick_vectors_count(wick->model), count;
	uint64_t begun = wick_now_ns();
	struct wick_load *loads;
	int err;

	for (uint32_t i = 0; i < wick->matrices.count; i++)
		most += wick_load_count(&wick->matrices.at[i]);
	loads = calloc(most, sizeof(*loads));
	if (!loads)
		return wick_diag_say(diag, -ENOMEM, "no memory to load %u tensors", most);
	count = carve(wick, layout, loads);
	err = wick_load_all(&wick->fetch, loads, count, wick->settings.queue_depth, options->progress, options->user, diag);
	if (!err && wick->predictors)
		err = wick_predictor_set_load(wick->predictors, &wick->fetch, wick->settings.queue_depth, &wick->mem,
			options->progress, options->user, diag);
	free(loads);
	if (!err)
		err = check_rope_divisors(wick, diag);
	if (!err)
		wick_forward_ready(&wick->forward);
	if (!err)
		make_bundle_caches(wick);
	wick->stats.load_ns = wick_now_ns() - begun;
	wick->stats.load_bytes = wick_io_counters(wick->io)->bytes;
	if (!err)
		wick_sweep_fill(&wick->forward.sweep);
	wick_engine_settle(wick);
	return err;
}

/* Bytes read so far. */
static struct wick_drive_load load_of(const struct wick *wick)
{
	const struct wick_io_counters *io = wick_io_counters(wick->io);

	return (struct wick_drive_load){ io->reads, io->bytes, io->latency_ns, wick->fetch.busy_ns };
}

/* Leaves with the drive's profile how fast the drive was, where it is kept at all. */
static void note_speed(const struct wick *wick)
{
	const struct wick_drive_load *from = &wick->load_from;
	struct wick_drive_load load;

	if (!wick->io || !wick->settings.measure || !from->reads)
		return;
	load = load_of(wick);
	load.reads -= from->reads;
	load.bytes -= from->bytes;
	load.latency_ns -= from->latency_ns;
	load.busy_ns -= from->busy_ns;
	wick_drive_note(&wick->drive, &load);
}

static int open_all(struct wick *wick, const char *path, const struct wick_options *options, struct wick_diag *diag)
{
	struct wick_layout layout;
	int err = wick_engine_begin(wick, path, options, diag);

	if (!err)
		err = wick_engine_plan(wick, options, &layout, diag);
	if (!err)
		wick_engine_look(wick);
	if (!err)
		err = wick_mem_reserve(&wick->mem, layout.reserve_bytes, diag);
	if (!err && !(wick->session = calloc(wick->settings.sessions, sizeof(*wick->session))))
		err = wick_diag_say(diag, -ENOMEM, "no memory for %u sessions", wick->settings.sessions);
	if (err)
		return err;
	wick_topo_place(&wick->topo, wick->mem.base, wick->mem.bytes);
	wick_kernels_init(&wick->kernels, wick->settings.cpu_mask);
	wick->fetch = (struct wick_fetch){ .file = wick->files, .io = wick->io, .kernels = &wick->kernels,
		.pool = wick->pool, .chunk_bytes = wick->settings.chunk_bytes, .no_verify = wick->settings.no_verify };
	wick_pool_meanwhile(wick->pool, wick_fetch_look, &wick->fetch);
	err = load(wick, &layout, options, diag);
	wick_mem_look(&wick->mem);
	wick_engine_report(wick, path);
	if (!err)
		err = wick_engine_bind(wick, diag);
	wick_stats_reset(wick);
	wick->load_from = load_of(wick);
	return err;
}

int wick_open(struct wick **wick, const char *path, const struct wick_options *given, struct wick_diag *diag)
{
	struct wick_options options;
	struct wick *new;
	int err;

	*wick = NULL;
	if (diag)
		diag->text[0] = 0;
	err = wick_sized_take(&options, sizeof(options), given, "struct wick_options", diag);
	if (err)
		return err;
	new = calloc(1, sizeof(*new));
	if (!new)
		return wick_diag_say(diag, -ENOMEM, "no memory for the engine");
	err = open_all(new, path, &options, diag);
	if (err) {
		wick_close(new);
		return err;
	}
	*wick = new;
	return 0;
}

void wick_close(struct wick *wick)
{
	int kept;

	if (!wick)
		return;
	note_speed(wick);
	kept = wick_io_destroy(wick->io); /* before the memory that reads in flight land in */
	wick_pool_destroy(wick->pool);
	for (uint32_t i = 0; wick->files && i < wick->model->parts.count; i++)
		(kept ? wick_file_abandon : wick_file_close)(&wick->files[i]);
	free(wick->files);
	if (!kept) /* reads that were given up may still need the memory */
		wick_mem_release(&wick->mem);
	for (uint32_t i = 0; i < WICK_SPARSE_TOGETHER; i++)
		wick_trace_close(wick->trace[i]);
	wick_routing_free(&wick->routing);
	wick_tokenizer_destroy(wick->tokenizer);
	wick_predictor_set_close(wick->predictors);
	wick_sums_save(&wick->sums, NULL); /* what could not be kept is learned again */
	wick_sums_close(&wick->sums);
	wick_model_close(wick->model);
	wick_matrices_free(&wick->matrices);
	free(wick->session);
	free(wick);
}
