/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A conversation: what is said, and what is taken back. */

#include "chat.h"

#include "answer.h"
#include "json_text.h"
#include "messages.h"
#include "prompt_ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A template that fails for any conversation says so before the first word. */
static int check_template(const struct chat *chat, struct wick_diag *diag)
{
	struct wick_chat_prompt prompt;
	int rc = wick_chat_prompt(
		chat->wick, chat->options->template, "[{\"role\": \"user\", \"content\": \"\"}]", &prompt, diag);

	wick_chat_prompt_free(&prompt);
	return rc;
}

int chat_open(struct chat *chat, struct wick *wick, const struct chat_options *options, struct wick_diag *diag)
{
	int rc;

	*chat = (struct chat){ .wick = wick, .options = options, .bytes_max = wick_prompt_bytes_max(wick) };
	chat->messages = json_array();
	chat->ids = malloc(wick_plan_of(wick)->ctx * sizeof(*chat->ids));
	if (!chat->messages || !chat->ids)
		return -ENOMEM;
	rc = check_template(chat, diag);
	return rc ? rc : wick_session_create(&chat->session, wick, diag);
}

void chat_close(struct chat *chat)
{
	wick_session_destroy(chat->session);
	json_decref(chat->figures.stopped_by);
	json_decref(chat->messages);
	free(chat->kept);
	free(chat->ids);
}

static void take_back(struct chat *chat, const char *role)
{
	messages_take_back(chat->messages, role);
	if (chat->dropped > json_array_size(chat->messages))
		chat->dropped = 0;
}

static int add_answer(struct chat *chat, struct answer_text *answer)
{
	json_t *message = json_pack("{s:s}", "role", "assistant");
	int rc = message ? 0 : -ENOMEM;

	if (!rc && answer->thought_bytes)
		rc = json_object_set_new(message, "reasoning_content", wick_json_text(answer->thought, answer->thought_bytes));
	if (!rc)
		rc = json_object_set_new(message, "content", wick_json_text(answer->text ? answer->text : "", answer->text_bytes));
	if (!rc)
		return json_array_append_new(chat->messages, message) ? -ENOMEM : 0;
	json_decref(message);
	return -ENOMEM;
}

static int answer_last(struct chat *chat, struct wick_diag *diag)
{
	struct answer_text answer = { 0 };
	int rc = answer_write(chat, &answer, diag);

	if (!rc)
		rc = add_answer(chat, &answer);
	answer_text_free(&answer);
	return rc;
}

int chat_say(struct chat *chat, const char *text, struct wick_diag *diag)
{
	size_t dropped = chat->dropped;
	int rc = messages_add(chat->messages, "user", text);

	if (!rc)
		rc = answer_last(chat, diag);
	if (!rc)
		return 0;
	if (messages_end_with(chat->messages, "user"))
		take_back(chat, "user");
	chat->dropped = dropped;
	return rc;
}

int chat_regenerate(struct chat *chat, struct wick_diag *diag)
{
	json_t *old;
	int rc;

	if (!messages_end_with(chat->messages, "assistant"))
		return wick_diag_say(diag, -ENODATA, "there is no answer yet");
	old = json_incref(json_array_get(chat->messages, json_array_size(chat->messages) - 1));
	take_back(chat, "assistant");
	rc = answer_last(chat, diag);
	if (rc && json_array_append(chat->messages, old))
		rc = -ENOMEM;
	json_decref(old);
	return rc;
}

int chat_undo(struct chat *chat, struct wick_diag *diag)
{
	if (!json_array_size(chat->messages) || messages_end_with(chat->messages, "system"))
		return wick_diag_say(diag, -ENODATA, "nothing has been said yet");
	take_back(chat, "user");
	return 0;
}
