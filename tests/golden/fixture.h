/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The golden fixtures as make_golden.py wrote them, scratch folders, and models to test with. Everything here fails the
 * running test where something is not as it should be, so nothing returns an error. */

#include "wick/wick.h"

#include <linux/limits.h>
#include <stdbool.h>
#include <stdint.h>

#define GOLDEN_TOLERANCE 2e-4f /* of max |logit| */

/* Each fixture in each type that holds it exactly, or that it has its own answers for. */
struct golden_case {
	const char *fixture; /* name of the folder */
	const char *type;
	const char *answers; /* the folder of golden.*; NULL: the same */
};

#define GOLDEN_CASES 15
extern const struct golden_case golden_cases[GOLDEN_CASES];

/* Position p of a run is that of (prompt + greedy)[p]. */
struct golden_run {
	uint32_t prompt_count, greedy_count, row_count;
	uint32_t *prompt, *greedy;
	uint32_t *rows;      /* positions, ascending */
	const float *logits; /* (row_count, vocab) */
	float logit_max;     /* max |logit| */
};

struct golden_text {
	char *text;
	uint32_t *ids;
	uint32_t count;
};

struct golden {
	uint32_t vocab;
	float tolerance; /* where x is quantised, beyond the one above; 0: not, and greedy are the ids to pick */
	unsigned run_count, text_count;
	struct golden_run *runs;
	struct golden_text *texts;
	float *logits; /* of all runs */
};

void golden_load(struct golden *golden, const char *name);
void golden_free(struct golden *golden);
/* The run whose prompt has this many tokens. */
const struct golden_run *golden_run(const struct golden *golden, uint32_t prompt_count);
/* The largest difference of logits (positions, vocab) from a run's, of its largest logit; infinite where one is no number. */
float golden_worst(const struct golden *golden, const struct golden_run *run, const float *logits);

/* A new folder where direct I/O is likely to work: in the build folder, else in $TMPDIR, else in /tmp. */
void scratch_make(char folder[PATH_MAX]);
void scratch_remove(const char *folder); /* with all that is in it */

void path_join(char path[PATH_MAX], const char *folder, const char *name);
void fixture_folder(char path[PATH_MAX], const char *name);
void folder_copy(const char *from, const char *to); /* the files of one folder into another that exists */
uint64_t file_bytes(const char *path);
void *file_read(const char *path, uint64_t *bytes); /* the caller frees it; a zero follows the last byte */
void file_write(const char *path, const void *data, uint64_t bytes);
unsigned folder_entries(const char *folder); /* "." and ".." not counted */

/* Packs a checkpoint folder in the given type. */
void model_pack(const char *folder, const char *out, const char *type);
/* Whether the kernel lets this process use io_uring; where it does not, that is printed. */
bool uring_allowed(void);

/* A budget that holds all of a small model, and what a sanitizer keeps of freed memory, which counts as the process's own. */
#define MODEL_WHOLE_BYTES (512u << 20)

/* Opens it, or fails with the sentence. */
struct wick *model_open(const char *model, const struct wick_options *options);
struct wick_session *session_new(struct wick *wick);
/* Evaluates tokens one by one: the logits behind each, (count, vocab). */
void session_eval_each(struct wick_session *session, const uint32_t *ids, uint32_t count, uint32_t vocab, float *logits);
/* The smallest budget that works with these options, and the one at which nothing is swept. */
uint64_t model_least_bytes(const char *model, const struct wick_options *options);
uint64_t model_whole_bytes(const char *model, const struct wick_options *options);
