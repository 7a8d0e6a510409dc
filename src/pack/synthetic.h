/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The stand-in for a folder when the source is "synthetic:opt-6.7b": a model of that shape with random weights, for
 * measurements without a checkpoint. It writes nonsense, and its name says so. */

#include "family.h"
#include "checkpoint.h"
#include "hf_tokenizer.h"

#include <stdbool.h>

struct wick_pack_job;

#define WICK_SYNTHETIC "synthetic:"

bool wick_synthetic_is(const char *source);
/* Whether there is one that is packed from such a folder. */
bool wick_synthetic_has(const char *source);

/* The config.json it would have; .path is the source. -EINVAL with the sizes there are. */
int wick_synthetic_config(struct wick_config *config, const char *source, struct wick_diag *diag);

/* job->checkpoint: every tensor that one of job's shape must have, under the family's first prefix. */
int wick_synthetic_open(struct wick_pack_job *job, const char *source);

/* The 256 bytes behind four special tokens; the rest of the vocabulary is unused. No merges. -ENOMEM. */
int wick_synthetic_tokenizer(struct wick_hf_tokenizer *tokenizer, uint32_t vocab, struct wick_diag *diag);
