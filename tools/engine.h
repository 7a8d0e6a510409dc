/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The options that every command which opens a model has in common. */

#include "opt.h"

extern struct wick_options engine_options;
extern const struct opt engine_opts[];

void engine_options_init(void);
