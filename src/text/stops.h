/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which tokens end a text. */

#include "tokens.h"
#include "vocabulary.h"

/* *stops: (count) bits, which the caller frees. Those that the vocabulary names and, if it says so, special tokens by
 * their text: many GGUF files name one end, </s>, and have a chat template that makes the model write another. */
int wick_stops_build(uint8_t **stops, const struct wick_tokens *tokens, const struct wick_vocabulary *vocabulary,
	struct wick_diag *diag);
