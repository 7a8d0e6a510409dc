/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The engine's own structure, shared by the files of this room. */

#include "drive.h"
#include "file.h"
#include "forward.h"
#include "mem.h"
#include "options.h"
#include "plan.h"
#include "routing.h"
#include "sample.h"
#include "sums.h"
#include "topo.h"

#include <wick/wick.h>

struct wick_predictor_set;
struct wick_tokenizer;
struct wick_trace;

struct wick_session {
	struct wick *wick;
	struct wick_kv *kv; /* forward.kv, or kv_f16 */
	struct wick_kv_seq *seq;
	uint64_t seed;
	uint32_t position;
	const float *logits; /* of the last position, in room; NULL: there are none */
	float *room;         /* (vocab) */
	bool taken;          /* by wick_session_create() */
	bool in_batch;       /* which is being evaluated; then it has so many rows in it, and the last wants its logits: */
	bool wanted;
	uint32_t rows;
	int err;             /* of its rows */
};

struct wick {
	struct wick_model *model;
	struct wick_sums sums; /* of a stock file */
	struct wick_tokenizer *tokenizer;
	struct wick_trace *trace[WICK_SPARSE_TOGETHER]; /* replayed, for each row of a batch; the first NULL: none is */
	struct wick_routing routing; /* likewise, of a model of experts; tokens 0: none */
	struct wick_settings settings;
	struct wick_file *files; /* (model->parts.count) */
	struct wick_io *io;
	struct wick_drive drive;
	struct wick_drive_load load_from; /* what opening read */
	struct wick_pool *pool;
	struct wick_kernels kernels;
	struct wick_fetch fetch;
	struct wick_matrices matrices;
	struct wick_predictor_set *predictors; /* in sparse mode */
	struct wick_mem mem;
	uint64_t process_bytes; /* its fixed cost, but for threads */
	struct wick_plan plan;
	struct wick_report report;
	struct wick_forward forward;
	struct wick_kv kv_f16; /* of session 0, where it is an instrument's */
	struct wick_sampler sampler;
	uint64_t binding; /* what keys and values depend on beside the tokens, as a number */
	char name[128];
	char numa[96];
	char limit[96];
	char threads_why[96];
	struct wick_topo topo;
	struct wick_session *session; /* (settings.sessions) */
	double layers_floor_us; /* dependent, of layers with experts */
	uint64_t eval_wait_ns; /* of fetch.wait_ns, in evaluations */
	bool busy;           /* evaluating */
	bool broken;         /* an evaluation failed */
	struct wick_stats stats;      /* what is not counted elsewhere */
	struct wick_stats stats_from; /* the counters at the last reset */
};

/* The steps of opening that a plan takes, too. Whatever they open, wick_close() closes. First model and settings, the file
 * and a way to read it, and threads, for the system may refuse some of these; then every size. */
int wick_engine_begin(struct wick *wick, const char *path, const struct wick_options *options, struct wick_diag *diag);
/* -ENOSPC: the budget, or a cgroup, has less than is needed. A cgroup's limit below the budget is noted for the report. */
/* For the plan alone how often neurons fire (layers, n_ff), by what predictors were learned from; the caller frees it. NULL: not known. */
int wick_engine_firing(const struct wick *wick, float **firing, struct wick_diag *diag);
int wick_engine_plan(
	struct wick *wick, const struct wick_options *options, struct wick_layout *layout, struct wick_diag *diag);
/* The largest of its files: how fast it can be read stands for all. */
const struct wick_file *wick_engine_file(const struct wick *wick);
uint64_t wick_engine_process_bytes(void); /* the fixed cost of the process, but for threads; before a model is opened */
void wick_engine_look(struct wick *wick); /* at the drive: what is known of it */
void wick_engine_note_visit(void *user, uint32_t layer, uint32_t computed, uint32_t missing); /* of a layer with experts: its floor */
void wick_engine_settle(struct wick *wick); /* waits until nothing is in flight */
int wick_engine_bind(struct wick *wick, struct wick_diag *diag); /* finds wick->binding (kept.c) */
void wick_engine_init_sessions(struct wick *wick); /* carves their logits */
void wick_engine_report(struct wick *wick, const char *path); /* fills wick->report */
