/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How the experts of a stock GGUF file are chosen: what its keys say, else what its family fixes. */

#include "facts.h"
#include "stock_keys.h"

/* Fills ffn->experts, and ffn->n_ff where the file has another one for experts; one without experts leaves both. -EINVAL with a
 * sentence: a family with experts has none, more are to be chosen than there are, a way of choosing that is not known. */
int wick_stock_experts(struct wick_ffn_facts *ffn, const struct wick_stock_said *said, const struct wick_stock_family *family,
	const struct wick_gguf *gguf, struct wick_diag *diag);
