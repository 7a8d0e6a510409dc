/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of a family leave out, since its own code fixes it: one line of the table a family. */

#include "diag.h"
#include "facts.h"

#include <stdbool.h>

struct wick_gguf;

/* Keys, of stock_keys.c, that not every family's files have. */
enum { WICK_KEYS_RMS = 1, WICK_KEYS_LAYER_NORM = 2, WICK_KEYS_EXPERTS = 4 };

struct wick_stock_family {
	const char *name; /* general.architecture */
	unsigned keys;    /* WICK_KEYS_* */
	enum wick_norm norm;
	enum wick_rope rope;
	enum wick_act act;
	bool gated;     /* the FFN */
	bool head_norm; /* queries and keys are normalised head by head */
	bool whole_norm; /* likewise, all heads as one vector */
	enum wick_router router; /* of WICK_KEYS_EXPERTS, and likewise: */
	bool norm_weights;
	bool always_experts; /* it is not without */
	bool shared_gate;
};

/* The family of an open file. -EINVAL with a sentence: it is not known, or its name says that it computes something that
 * no key can say. */
int wick_stock_family(const struct wick_stock_family **family, const struct wick_gguf *gguf, struct wick_diag *diag);
