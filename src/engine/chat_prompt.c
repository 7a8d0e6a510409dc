/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Conversations to prompts: wick_chat_prompt() of wick.h. */

#include "engine.h"

#include "chat.h"
#include "gguf.h"
#include "hf_chat.h"

#include <errno.h>

static int create(struct wick_chat **chat, const struct wick *wick, const char *template, struct wick_diag *diag)
{
	const struct wick_chat_form *form = template ? wick_chat_form(template) : NULL;
	struct wick_chat_texts texts = { 0 };
	int err = wick_chat_texts_gguf(&texts, wick->model->gguf, diag);

	if (!err && template && !form)
		err = wick_hf_chat_file(&texts, template, diag);
	if (!err)
		err = wick_chat_create(chat, &texts, form, wick_gguf_path(wick->model->gguf), diag);
	wick_chat_texts_free(&texts);
	return err;
}

static int render(struct wick_chat *chat, const char *messages, struct wick_chat_prompt *prompt, struct wick_diag *diag)
{
	json_error_t error;
	json_t *parsed = json_loads(messages, JSON_REJECT_DUPLICATES, &error);
	const struct wick_chat_turn turn = { .messages = parsed, .answers = true };
	struct wick_marked_text text = { 0 };
	int err = parsed ? wick_chat_render(chat, &turn, &text, diag) :
			   wick_diag_say(diag, -EINVAL, "the messages are no JSON: %s", error.text);

	json_decref(parsed);
	if (err) {
		wick_marked_text_free(&text);
		return err;
	}
	*prompt = (struct wick_chat_prompt){ .text = text.bytes, .bytes = text.length, .marks = text.marks,
		.mark_count = text.mark_count };
	snprintf(prompt->template, sizeof(prompt->template), "%s", wick_chat_where(chat, false));
	return 0;
}

int wick_chat_prompt(const struct wick *wick, const char *template, const char *messages, struct wick_chat_prompt *prompt,
	struct wick_diag *diag)
{
	struct wick_chat *chat = NULL;
	int err;

	*prompt = (struct wick_chat_prompt){ 0 };
	if (diag)
		diag->text[0] = 0;
	err = create(&chat, wick, template, diag);
	if (!err)
		err = render(chat, messages, prompt, diag);
	wick_chat_destroy(chat);
	return err;
}

void wick_chat_prompt_free(struct wick_chat_prompt *prompt)
{
	struct wick_marked_text text = { .bytes = prompt->text, .length = prompt->bytes, .marks = prompt->marks,
		.mark_count = prompt->mark_count };

	wick_marked_text_free(&text);
	*prompt = (struct wick_chat_prompt){ 0 };
}
