/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A conversation: its messages, and the answers to them. */

#include "figures.h"

#include <jansson.h>

struct chat_options {
	const char *template; /* NULL: the model's own */
	uint32_t tokens;      /* of an answer, at most; 0: as many as there is room for */
	struct wick_sampling sampling;
	uint64_t seed;
	bool hide_thoughts;
	bool terminal;        /* thoughts are dim, and no text of the model's commands the terminal */
};

struct chat {
	struct wick *wick;
	struct wick_session *session;
	const struct chat_options *options;
	json_t *messages;     /* an array: perhaps a system message, then users' and answers in turn */
	size_t dropped;       /* of the oldest users' and answers, for which the context had no room */
	uint32_t *ids;        /* (ctx) the tokens that the session has */
	uint32_t count;
	char *kept;           /* a file that may have more of them, once it is known which are wanted; NULL: none */
	uint32_t answers;     /* so far: each has a seed of its own */
	uint64_t bytes_max;   /* of a prompt */
	uint32_t reused;      /* tokens of the last prompt that were not evaluated again */
	struct run_figures figures; /* of the last answer */
};

/* chat_close() is for either outcome. -ENOENT, ...: the model has no template that works, as wick_chat_prompt(). */
int chat_open(struct chat *chat, struct wick *wick, const struct chat_options *options, struct wick_diag *diag);
void chat_close(struct chat *chat);

/* Says something, and writes the answer to standard output as it comes. An answer that Ctrl-C ended stays as far as it came. After
 * an error the conversation is what it was before. */
int chat_say(struct chat *chat, const char *text, struct wick_diag *diag);

/* Puts another answer in place of the last one. -ENODATA, with a sentence: there is none. */
int chat_regenerate(struct chat *chat, struct wick_diag *diag);

/* Takes back the last message of the user's and its answer. */
int chat_undo(struct chat *chat, struct wick_diag *diag);

/* The conversation as a file of JSON, and beside it FILE.kv with what the session has computed; both are readable by their owner
 * alone, complete or not there at all (chat_file.c). */
int chat_save(const struct chat *chat, const char *path, struct wick_diag *diag);

/* -ENOENT: no such file. -EBADMSG: it is none of ours, of another model, or damaged. The conversation stays as it was then.
 * FILE.kv may be missing or useless: which is said when it is needed, and costs time. */
int chat_load(struct chat *chat, const char *path, struct wick_diag *diag);
