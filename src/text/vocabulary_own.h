/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Keys of a GGUF file for what tokenizer.ggml.* has no words for: a packed model's own. */

#include "vocabulary.h"

#define WICK_OWN(name) "wick.tokenizer." name

/* Reads which expressions cut a text (copies, which the caller frees, also after an error), where a space goes, which
 * special tokens take white space, and which tokens end a text. Those that are absent change nothing. */
int wick_vocabulary_read_own(struct wick_vocabulary *vocabulary, const struct wick_gguf *gguf,
	char *expressions[WICK_PRE_EXPRESSIONS_MAX], struct wick_diag *diag);
