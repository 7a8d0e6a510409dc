/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A family of models as checkpoints have it: how to read its config.json, and which of its tensors goes into which
 * slot of a packed model. One file a family; adding one is a table and a line in arch.c. */

#include "config.h"
#include "tensors.h"

struct wick_arch_def {
	const char *model_type; /* in config.json */
	/* Fills what config.json decides; sizes in bytes are left to wick_shape_complete(). */
	int (*read_config)(struct wick_shape *shape, const struct wick_config *config, struct wick_diag *diag);

	const char *const *prefixes; /* that a tensor's name may have, the usual one first, NULL at the end */
	const char *const *whole_prefixes; /* likewise, of names that start with '/' in what follows */
	const char *sources[WICK_T_COUNT]; /* behind the prefix */
	const char *up, *down;      /* a bundle's parts: rows of (n_ff, d_model), columns of (d_model, n_ff) */
	uint32_t position_offset;   /* rows in front of position 0 */
	const char *const *keys;    /* of config.json that read_config looks at, NULL at the end */
};

extern const struct wick_arch_def wick_arch_opt;

/* The family of a config.json; -EINVAL with its name for one that is not known. */
int wick_arch_find(const struct wick_arch_def **arch, const struct wick_config *config, struct wick_diag *diag);
