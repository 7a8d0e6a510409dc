/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The engine's input to the plan, and whether the machine has the memory that it asks for. */

#include "engine.h"

#include "bits.h"
#include "gguf.h"
#include "io.h"
#include "memory_limits.h"
#include "predictor_set.h"
#include "synthetic.h"
#include "tokenizer.h"
#include "trace.h"
#include "trace_format.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Memory of the process beside all that the plan counts: the sum when the first engine is opened, with all that it may come
 * to take of code and libraries, which is measured because it differs with each system; and memory of its own that comes
 * later: heap, the rest of a stack, the ring. For each thread its stack. docs/measurements.md. */
#define PROCESS_UNKNOWN_BYTES (32u << 18) /* where nothing can be measured */
#define PROCESS_LATER_BYTES (1u << 18)
#define PROCESS_BYTES_A_THREAD (48u << 10)
#define THREAD_BYTES (28u << 10) /* that only reads: a stack with 1024 iovecs */
#define VARIES_BYTES (256u << 10) /* of what is measured, from one process to another */

/* The same for all engines of a process: memory that one has taken is not the next one's. */
uint64_t wick_engine_process_bytes(void)
{
	static _Atomic uint64_t measured;
	uint64_t none = 0, now;

	if (!measured) {
		now = wick_process_cost_bytes();
		atomic_compare_exchange_strong(&measured, &none, now ? now : PROCESS_UNKNOWN_BYTES);
	}
	return measured + PROCESS_LATER_BYTES;
}

/* Memory of a mapping of the file while a read is copied from it: the pages that hold the read. */
static uint64_t mapped_bytes(const struct wick *wick)
{
	bool mapped = !strcmp(wick_io_method(wick->io), "mmap");

	return mapped ? wick->settings.chunk_bytes + 2 * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* Rows of a pass over a replayed trace; 0: there is none. */
static uint32_t replayed_rows(const struct wick *wick)
{
	uint32_t count = 0;

	while (count < WICK_SPARSE_TOGETHER && wick->trace[count])
		count++;
	return count;
}

/* An open trace holds a token, of each row. */
static uint64_t trace_bytes(const struct wick *wick)
{
	const struct wick_trace_shape *shape;

	if (wick->routing.tokens)
		return wick_routing_bytes(&wick->routing);
	if (!wick->trace[0])
		return 0;
	shape = wick_trace_shape(wick->trace[0]);
	return replayed_rows(wick) *
		(wick_trace_bytes_max(shape->layers, shape->n_ff, shape->lookahead) + shape->layers * sizeof(uint64_t));
}

static bool can_look_ahead(const struct wick *wick)
{
	return wick->trace[0] ? wick_trace_shape(wick->trace[0])->lookahead : wick->predictors && wick->predictors->ahead;
}

/* A replayed trace knows one token after the other of each row. */
static uint32_t batch_tokens(const struct wick *wick)
{
	return wick->trace[0] ? replayed_rows(wick) : wick_batch_rows(&wick->model->shape, wick->settings.ctx, wick->settings.sessions);
}

/* Packed from a shape's name, which is then the model's. */
static bool is_synthetic(const struct wick_model *model)
{
	struct wick_gguf_string name;

	return !wick_gguf_string(model->gguf, "general.name", &name, NULL) && name.length > strlen(WICK_SYNTHETIC) &&
		!memcmp(name.bytes, WICK_SYNTHETIC, strlen(WICK_SYNTHETIC));
}

/* Says the budget that fits the limit of a cgroup, if there is one, by trying it. */
static int exceeds(struct wick *wick, const struct wick_plan_input *input, struct wick_diag *diag)
{
	struct wick_plan_input smaller = *input;
	struct wick_layout layout;
	struct wick_plan plan;

	smaller.memory = (struct wick_memory){ .bytes = input->limit_bytes };
	if (wick_plan_make(&smaller, &wick->matrices, &plan, &layout, NULL) ||
		plan.minimum_bytes + plan.varies_bytes > input->limit_bytes)
		return wick_diag_say(diag, -ENOSPC,
			"a cgroup allows this process %.1f MiB, and the smallest budget that works here is %.1f MiB",
			(double)input->limit_bytes / 0x1p20, (double)(plan.minimum_bytes + plan.varies_bytes) / 0x1p20);
	return wick_diag_say(diag, -ENOSPC,
		"a cgroup allows this process %.1f MiB, and with a budget of %.1f MiB it would take %.1f MiB (--memory %llu "
		"stays below the limit)", (double)input->limit_bytes / 0x1p20, (double)wick->plan.budget_bytes / 0x1p20,
		(double)wick->plan.total_bytes / 0x1p20, (unsigned long long)input->limit_bytes);
}

/* A cgroup that has less than the plan takes would have the process killed; one below the budget is said. The kernel
 * cuts a limit down to whole pages. */
static int check_limit(struct wick *wick, const struct wick_plan_input *input, struct wick_diag *diag)
{
	uint64_t limit = input->limit_bytes, page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (wick->plan.total_bytes / page > limit / page)
		return exceeds(wick, input, diag);
	if (wick->plan.budget_bytes > limit)
		snprintf(wick->limit, sizeof(wick->limit), "a cgroup allows this process %.1f MiB, less than the budget",
			(double)limit / 0x1p20);
	return 0;
}

/* Bundles read one by one are a measurement. */
static uint64_t piece_bytes(const struct wick *wick)
{
	const struct wick_steps *steps = &wick->model->steps;

	return steps->sets ? wick_draw_piece_bytes(steps->set[0].kind, wick->settings.chunk_bytes, !wick->settings.bundled,
		wick->files[0].offset_align) : 0;
}

int wick_engine_firing(const struct wick *wick, float **firing, struct wick_diag *diag)
{
	const struct wick_shape *shape = &wick->model->shape;
	int err;

	*firing = NULL;
	if (wick->settings.mode != WICK_MODE_SPARSE || !wick->predictors->firing)
		return 0;
	*firing = calloc(shape->layers, shape->n_ff * sizeof(**firing));
	if (!*firing)
		return wick_diag_say(diag, -ENOMEM, "no memory for how often neurons fire");
	err = wick_predictor_set_firing(wick->predictors, *firing, diag);
	if (err) {
		free(*firing);
		*firing = NULL;
	}
	return err;
}

int wick_engine_plan(
	struct wick *wick, const struct wick_options *options, struct wick_layout *layout, struct wick_diag *diag)
{
	const struct wick_settings *settings = &wick->settings;
	struct wick_plan_input input = { .model = wick->model, .memory = options->memory, .free_bytes = wick_free_bytes(),
		.limit_bytes = wick_cgroup_limit_bytes(), .varies_bytes = VARIES_BYTES,
		.process_bytes = wick->process_bytes + settings->threads * PROCESS_BYTES_A_THREAD +
			(uint64_t)wick_io_threads(wick->io) * THREAD_BYTES + mapped_bytes(wick),
		.metadata_bytes = wick->model->memory_bytes + wick_sums_bytes(&wick->sums) + wick_tokenizer_bytes(wick->tokenizer) + trace_bytes(wick) +
			(wick->predictors ? wick->predictors->memory_bytes : 0) + options->beside_bytes,
		.mode = settings->mode, .chunk_bytes = settings->chunk_bytes,
		.size = { .ctx = settings->ctx, .threads = settings->threads, .sequences = settings->sessions,
			.all_logits = settings->all_logits },
		.kv = settings->kv, .kv_f16 = settings->kv_f16, .kv_blocks_min = settings->kv_blocks_min,
		.predictor_bytes = wick->predictors ? wick_predictor_set_bytes(wick->predictors) : 0,
		.sparse = { .on = settings->mode == WICK_MODE_SPARSE, .window = settings->window,
			.policy = settings->policy, .lookahead = settings->lookahead && can_look_ahead(wick),
			.piece_bytes = piece_bytes(wick),
			.batch_tokens = batch_tokens(wick),
			.scratch_floats = wick->predictors ? wick->predictors->scratch_floats : 0 } };
	float *firing;
	int err = wick_engine_firing(wick, &firing, diag);

	if (err)
		return err;
	input.firing = firing;
	err = wick_plan_make(&input, &wick->matrices, &wick->plan, layout, diag);
	wick->settings.kv.blocks = wick_kv_blocks(wick->plan.kv_positions);
	wick->plan.random_weights = is_synthetic(wick->model);
	if (!err)
		err = check_limit(wick, &input, diag);
	free(firing);
	return err;
}
