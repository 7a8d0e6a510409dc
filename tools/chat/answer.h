/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The answer to the last message of a conversation. */

#include <stddef.h>

struct chat;
struct wick_diag;

struct answer_text {
	char *thought, *text; /* (thought_bytes), (text_bytes), no terminators; NULL: none */
	size_t thought_bytes, text_bytes;
};

/* Evaluates of the prompt what the session has not got yet, and writes the answer as it comes. Where the context has no
 * room for prompt and answer, the oldest turns are left out, which is said, and the rest is evaluated anew. */
int answer_write(struct chat *chat, struct answer_text *answer, struct wick_diag *diag);

void answer_text_free(struct answer_text *answer);
