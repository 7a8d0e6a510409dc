/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How a budget is spent: every size, decided before anything is loaded. A pure function. */

#include "diag.h"
#include "expert_cache.h"
#include "forward.h"
#include "kv.h"
#include "model.h"
#include "matrix.h"
#include "sparse.h"
#include "sweep.h"

#include <wick/wick.h>

enum wick_mode { WICK_MODE_SPARSE, WICK_MODE_DENSE, WICK_MODE_HYBRID, WICK_MODE_NAIVE, WICK_MODE_COUNT }; /* WICK_MODES */

extern const char *const wick_mode_names[WICK_MODE_COUNT];

struct wick_plan_input {
	const struct wick_model *model;
	struct wick_memory memory; /* bytes, or percent; both 0: free_bytes * 3 / 4, no more than the model needs */
	uint64_t free_bytes;
	uint64_t limit_bytes;    /* of a cgroup; UINT64_MAX: none */
	uint64_t process_bytes;  /* the fixed cost of the process */
	uint64_t varies_bytes;   /* by so much it may be more in another process, which is told the smallest budget */
	uint64_t metadata_bytes; /* of the open model, its tokenizer and the engine's own structures */
	enum wick_mode mode;
	struct wick_forward_shape size;
	struct wick_kv_shape kv;
	struct wick_kv_shape kv_f16; /* beside it; blocks 0: none */
	uint32_t kv_blocks_min;  /* its pool has no fewer blocks; where all do not fit, as many as a quarter of the memory holds */
	uint64_t chunk_bytes;
	uint64_t predictor_bytes; /* of sparse mode, or levels of gates that are cut; as wick_mem_cost() has them */
	struct wick_sparse_shape sparse; /* likewise */
	const float *firing; /* (layers, n_ff), as cache_slots.h has it; NULL: not known, and bundle caches are alike */
};

/* The engine's part of a plan, beside the public one. */
struct wick_layout {
	uint64_t reserve_bytes; /* of the one reservation */
	struct wick_sweep_shape sweep;
	struct wick_sparse_shape sparse;
	struct wick_expert_cache_shape experts; /* but for the policy */
};

/* Fills plan and layout and sets resident_rows of every matrix, and drawn and slots where bundles are. -ENOSPC: too small, said
 * with the smallest that works. plan is filled in either case. */
int wick_plan_make(const struct wick_plan_input *input, struct wick_matrices *matrices, struct wick_plan *plan,
	struct wick_layout *layout, struct wick_diag *diag);
