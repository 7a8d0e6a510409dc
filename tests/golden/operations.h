/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the library does with files, for tests in which something fails in the midst of it: in one folder, with small models,
 * each operation with arguments that make it short. */

#include "diag.h"

#include <limits.h>
#include <wick/wick.h>

#define OPERATIONS_TRAIN_TOKENS 7520 /* all of .text */

struct operations_paths {
	char scratch[PATH_MAX];   /* the folder of all others */
	char source[PATH_MAX];    /* a checkpoint of the fixtures', which may be exchanged */
	char model[PATH_MAX];     /* packed, and its predictors' file, which is not there */
	char sidecar[PATH_MAX];
	char part[PATH_MAX];      /* what training keeps until it is done */
	char predicted[PATH_MAX]; /* the same model, with predictors */
	char trace[PATH_MAX];     /* which neurons fire */
	char text[PATH_MAX];
	char out[PATH_MAX];       /* what is written, and predictors beside it; neither is there */
	char out_sidecar[PATH_MAX];
};

extern struct operations_paths at;

/* Of cmocka: makes the folder and what is in it; removes it. */
int operations_make(void **state);
int operations_remove(void **state);

/* Each returns the library's own code. */
int operations_verify(struct wick_diag *diag);    /* model */
int operations_info(struct wick_diag *diag);      /* model */
int operations_order(struct wick_diag *diag);     /* predicted and trace -> out, out_sidecar */
int operations_import(struct wick_diag *diag);    /* predictors of another program -> sidecar */
int operations_pack_stock(struct wick_diag *diag); /* source, a folder with a stock model.gguf -> out */
int operations_synthesize(struct wick_diag *diag); /* -> out */
/* model and text -> sidecar; ahead_percent 0: without predictors to look ahead. */
int operations_train(double ahead_percent, wick_train_progress_fn progress, struct wick_diag *diag);
