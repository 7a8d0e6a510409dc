/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A conversation as the prompt that a model was trained on: by the model's own chat template, by one that was given, or
 * by one of the forms built in, for models that come without. The rules are transformers' apply_chat_template's. */

#include "template.h"

struct wick_gguf;

/* Where a template is from, and its text. */
struct wick_chat_text {
	char *name;  /* "default", "tool_use", ... */
	char *where; /* as it is said: "tokenizer.chat_template of model.gguf" */
	char *text;  /* (bytes) */
	size_t bytes;
};

/* The templates of a model. Begins empty. */
struct wick_chat_texts {
	struct wick_chat_text *texts; /* (count) no name twice */
	unsigned count;
	json_t *words; /* an object or NULL: bos_token, eos_token, ..., and add_bos_token: is bos put before a text? */
};

/* Adds one; text is copied. One that has the name of an earlier one replaces it. */
int wick_chat_texts_add(struct wick_chat_texts *texts, const char *name, const char *where, const char *text,
	size_t bytes, struct wick_diag *diag);
void wick_chat_texts_free(struct wick_chat_texts *texts);

/* The templates and the words of a GGUF file: tokenizer.chat_template, those named in tokenizer.chat_templates, and the
 * tokens that tokenizer.ggml.*_token_id say. A file without any gives none. (Of a folder: import/hf_chat.h.) */
int wick_chat_texts_gguf(struct wick_chat_texts *texts, const struct wick_gguf *gguf, struct wick_diag *diag);

/* A form built in (chat_forms.c). */
struct wick_chat_form;

const struct wick_chat_form *wick_chat_form(const char *name); /* "chatml", "llama3", ...; NULL: there is none */
const char *wick_chat_form_name(unsigned i);                   /* NULL: there are no more */

struct wick_chat;

/* Reads the templates "default" and, where there is one, "tool_use", which conversations with tools take; or a form, in
 * place of them. whose names the model, in sentences. The caller calls wick_chat_destroy; texts may go before it.
 * -ENOENT, with a sentence that lists the forms, where there is neither; -EINVAL for a form with bos or eos where the
 * words have none; else as wick_template_parse. */
int wick_chat_create(struct wick_chat **chat, const struct wick_chat_texts *texts, const struct wick_chat_form *form,
	const char *whose, struct wick_diag *diag);
void wick_chat_destroy(struct wick_chat *chat);

/* Which template was taken: "tokenizer.chat_template of model.gguf", "the form chatml, built in". */
const char *wick_chat_where(const struct wick_chat *chat, bool with_tools);

struct wick_chat_turn {
	const json_t *messages; /* an array of objects, as OpenAI's API has them */
	const json_t *tools;    /* an array of objects, or NULL */
	const json_t *words;    /* an object or NULL: more that the template may look at, such as enable_thinking */
	bool answers;           /* the prompt ends where the model's answer begins: add_generation_prompt */
	const struct tm *now;   /* NULL: the local time */
};

/* The prompt. It is complete: no bos goes before it, since a template writes its own. As wick_template_render, which
 * owns what of the result.
 *
 * Messages are changed as transformers and others change them before a template sees them: members that are null are
 * left out, reasoning is there under both of its names (reasoning_content and thinking), and arguments of tool calls
 * that are JSON in a string, as in OpenAI's API, become what they say. */
int wick_chat_render(const struct wick_chat *chat, const struct wick_chat_turn *turn, struct wick_marked_text *out,
	struct wick_diag *diag);

/* The messages as a template sees them: a new reference, or NULL (chat_messages.c). */
json_t *wick_chat_messages(const json_t *messages, const char *whose, int *ret, struct wick_diag *diag);

/* For chat.c: the words of a model with a form as a template sees it, under the name "form", and the template that all
 * forms share. NULL with a sentence and *ret. */
json_t *wick_chat_form_words(const struct wick_chat_form *form, const json_t *words, const char *whose, int *ret,
	struct wick_diag *diag);
extern const char wick_chat_form_template[];
