/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a model thinks before it answers: the text between <think> and </think> at the beginning of an answer, or up to
 * </think> where the prompt ends with <think> already. */

#include <stdbool.h>
#include <stddef.h>

enum wick_thinking_state {
	WICK_THINKING_BEFORE, /* nothing but white space so far */
	WICK_THINKING_INSIDE,
	WICK_THINKING_GAP,    /* white space behind the thoughts */
	WICK_THINKING_ANSWER,
};

struct wick_thinking {
	enum wick_thinking_state state;
	size_t matched; /* bytes of the mark that may have begun */
	size_t spaces;  /* newlines that were held back in front of it */
};

/* Called with a piece of the answer, or of the thoughts. */
typedef void (*wick_thinking_fn)(void *user, bool thought, const char *text, size_t bytes);

void wick_thinking_begin(struct wick_thinking *thinking, bool inside);

/* Hands over what is certain of the text so far. White space between the thoughts and the answer is left out. */
void wick_thinking_put(struct wick_thinking *thinking, const char *text, size_t bytes, wick_thinking_fn take, void *user);

/* Likewise what was held back, when the text is over. */
void wick_thinking_end(struct wick_thinking *thinking, wick_thinking_fn take, void *user);
