/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Ways to run a model, one after the other, each timed token by token. */

#include <jansson.h>
#include <stdio.h>
#include <wick/wick.h>

struct bench_ordered;

struct bench_way {
	const char *name; /* NULL: its mode */
	const char *mode;
	const char *policy; /* sparse: NULL, the default */
	bool bundled, bridge, overlap; /* sparse: else switched off */
	uint32_t lookahead;
	bool ordered;       /* sparse: the model in order of co-activation, where there is one */
	bool forgets;       /* no neuron or expert stays from one token to the next */
	bool experts, gate_first; /* of experts that do not all fit; gate and up before down has come */
	const char *adds;   /* to the row before; for people */
};

/* Medians over the tokens that count. */
struct bench_row {
	const struct bench_way *way;
	double ms, io_wait_ms, io_busy_ms, compute_ms, flash_bytes, reads;
	double flash_floor_ms, memory_floor_ms; /* the first 0: nothing is known of the drive */
	double dependent_floor_ms, hit_share; /* of experts; the first 0: likewise, or all fit */
	uint32_t tokens, warm_up; /* counted; before those */
	struct wick_plan plan;
	char model[80], type[8], mode[16]; /* as reported */
};

const char *bench_name(const struct bench_row *row);

struct bench_job {
	const char *model_path;
	const struct bench_ordered *ordered; /* or NULL */
	struct wick_options options; /* of every row, but for what its way decides */
	uint32_t tokens;             /* that count, at most */
	double memory_mb_per_s;      /* wick_memory_rate() */
	struct wick_diag *diag;
};

/* -ECANCELED when interrupted. */
int bench_run(struct bench_row *row, const struct bench_way *way, const struct bench_job *job);

/* A table for people, whose rows are printed as they come. */
void bench_print_head(bool experts, FILE *out);
void bench_print_row(const struct bench_row *row, FILE *out);
int bench_write_svg(const struct bench_row *rows, unsigned count, const char *path, struct wick_diag *diag);
json_t *bench_json(const struct bench_row *rows, unsigned count);
