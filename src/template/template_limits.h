/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a limit is, and how it is told. */

#include "template.h"

struct wick_tpl_limit {
	uint64_t usual;
	const char *sentence; /* with %llu for the limit, after "NAME:LINE: " */
};

extern const struct wick_tpl_limit wick_tpl_limits[WICK_TEMPLATE_LIMITS];

/* Says that a limit is exceeded and returns -E2BIG. most 0: the usual one. */
int wick_tpl_beyond(enum wick_template_limit limit, uint64_t most, const char *name, uint32_t line,
	struct wick_diag *diag);

/* The end of a sentence about what wick cannot run. */
#define WICK_TPL_ADVICE "; --template FILE takes another template"
