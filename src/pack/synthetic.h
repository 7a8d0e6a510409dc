/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The stand-in for a folder when the source is "synthetic:opt-6.7b": a model of that shape with random weights, for
 * measurements without a checkpoint. It writes nonsense, and its name says so. */

#include "family.h"
#include "checkpoint.h"
#include "hf_tokenizer.h"

#include <stdbool.h>

#define WICK_SYNTHETIC "synthetic:"

bool wick_synthetic_is(const char *source);

/* The config.json it would have; .path is the source. -EINVAL with the sizes there are. */
int wick_synthetic_config(struct wick_config *config, const char *source, struct wick_diag *diag);

/* Every tensor that a checkpoint of this shape must have, under the family's first prefix. */
int wick_synthetic_open(struct wick_checkpoint **checkpoint, const char *source, const struct wick_arch_def *arch,
	const struct wick_shape *shape, struct wick_diag *diag);

/* The 256 bytes behind four special tokens; the rest of the vocabulary is unused. No merges. -ENOMEM. */
int wick_synthetic_tokenizer(struct wick_hf_tokenizer *tokenizer, uint32_t vocab, struct wick_diag *diag);
