/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The stages of tokenizer.json that are not its vocabulary. */

#include "hf_source.h"

/* Reads normalizer, pre_tokenizer and decoder: which of the two kinds of tokenizer it is, what is done to a text, where
 * it is cut. -EINVAL, the stage named, for what wick does not do. */
int wick_hf_read_pipeline(struct wick_hf_source *source, const json_t *root);

/* Calls what they come to by its name, once the model's own flags are known. */
void wick_hf_name_pipeline(struct wick_hf_source *source);
