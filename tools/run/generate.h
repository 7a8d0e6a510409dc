/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Prompt in, text out. */

#include "figures.h"
#include "opt.h"
#include "prompt.h"

#include <jansson.h>
#include <stdbool.h>
#include <wick/wick.h>

struct generate_options {
	uint32_t tokens; /* to write, at most */
	struct wick_sampling sampling;
	struct opt_texts stops; /* that end it */
	bool chat;            /* the prompt is what a user says, see wick_chat_prompt() */
	const char *template; /* of that; NULL: the model's own */
	bool special;           /* special tokens in the prompt are special, and those in the text are shown */
	FILE *logits;   /* a row for each position evaluated; NULL: none */
	const char *logits_path;
	bool keep_text; /* for the caller, instead of writing it to standard output */
};

/* Lets Ctrl-C end the evaluations of an engine that is opened with these options, and shows how far a long prompt is. */
void generate_progress(struct wick_options *options);

/* Writes the text as it comes, until enough tokens, the model's end of text, a stop text, the end of the context or
 * Ctrl-C. */
int generate_text(struct wick *wick, struct wick_session *session, const struct prompt *prompt,
	const struct generate_options *options, struct run_figures *figures, json_t **text, struct wick_diag *diag);
