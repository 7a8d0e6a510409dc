/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The options of how a token is chosen, which commands that write text have in common. */

#include "opt.h"

extern struct sampling_options {
	struct wick_sampling sampling;
	uint64_t seed; /* after sampling_options_seed() */
} sampling_options;

extern const struct opt sampling_opts[];

void sampling_options_init(void);

/* A random seed where none was given. */
void sampling_options_seed(void);
