/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Logit biases as words of the command line: a token's id, a sign and a number, such as 198-2.5, or 198-inf for
 * never. */

#include "opt.h"

#include <wick/wick.h>

/* One for each word into biases (words->count). -EINVAL with a sentence that names the word. */
int bias_read(struct wick_logit_bias *biases, const struct opt_texts *words, struct wick_diag *diag);

/* -EINVAL where one is of no token of the model. */
int bias_check(const struct wick_logit_bias *biases, const struct opt_texts *words, uint32_t vocab,
	struct wick_diag *diag);
