/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A conversation as the tokens of its prompt. */

#include <wick/wick.h>

struct wick_prompt_ids {
	uint32_t *ids; /* (count) */
	uint32_t count;
	bool thinks; /* the prompt ends where thoughts have begun: see thinking.h */
};

/* messages, template and errors are those of wick_chat_prompt(); -EINVAL also for a character that the vocabulary has no
 * token for, -EFBIG for a prompt of more than bytes_max bytes. The caller frees the ids with wick_prompt_ids_free(). */
int wick_prompt_ids(struct wick_prompt_ids *prompt, const struct wick *wick, const char *template, const char *messages,
	uint64_t bytes_max, struct wick_diag *diag);

/* Likewise of a plain text, which the model goes on with. */
int wick_prompt_ids_text(struct wick_prompt_ids *prompt, const struct wick *wick, const char *text, size_t bytes,
	unsigned flags, struct wick_diag *diag);

void wick_prompt_ids_free(struct wick_prompt_ids *prompt);

/* No text of more bytes fits the context, which is a reason not to tokenize it. */
uint64_t wick_prompt_bytes_max(const struct wick *wick);

/* How many tokens two texts have in common at their beginnings. */
uint32_t wick_ids_in_common(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count);
