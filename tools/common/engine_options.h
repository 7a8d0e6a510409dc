/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The options that every command which opens a model has in common, and opening it. */

#include "opt.h"

struct wick;

extern struct wick_options engine_options;
extern const struct opt engine_opts[];
extern const char *const engine_modes[]; /* by NULL */

void engine_options_init(void);

/* Checks that the table cannot express: -EINVAL for options that no model would make possible. */
int engine_options_check(struct wick_diag *diag);

/* wick_open(), showing how far loading is; Ctrl-C ends it with -ECANCELED and a sentence, and each evaluation
 * afterwards, unless the options have a callback of their own. */
int engine_open(struct wick **wick, const char *model_path, const struct wick_options *options, struct wick_diag *diag);
