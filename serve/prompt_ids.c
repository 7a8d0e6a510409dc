/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Messages -> the model's template -> tokens. */

#include "prompt_ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_MORE 16

/* A text and whose its bytes are; no marks: all of it is the caller's. */
struct source {
	const char *text;
	size_t bytes;
	const struct wick_mark *marks;
	size_t mark_count;
	unsigned flags;
};

static int64_t tokenize(const struct wick *wick, const struct source *source, uint32_t *ids, size_t capacity)
{
	if (source->marks)
		return wick_tokenize_marked(
			wick, source->text, source->bytes, source->marks, source->mark_count, source->flags, ids, capacity);
	return wick_tokenize(wick, source->text, source->bytes, source->flags, ids, capacity);
}

/* Once, into room for as many tokens as the text has bytes and a few more: beginnings, ends, a space in front. A vocabulary that
 * needs more says how many, and is asked again. */
static int64_t tokenize_into(struct wick_prompt_ids *prompt, const struct wick *wick, const struct source *source)
{
	size_t room = source->bytes + TOKENS_MORE;

	for (;;) {
		uint32_t *ids = realloc(prompt->ids, room * sizeof(*ids));
		int64_t count;

		if (!ids)
			return -ENOMEM;
		prompt->ids = ids;
		count = tokenize(wick, source, ids, room);
		if (count < 0 || (uint64_t)count <= room)
			return count;
		room = (size_t)count;
	}
}

/* Of the room the part that is used: prompts may wait for long. */
static void shrink(struct wick_prompt_ids *prompt)
{
	uint32_t *ids = realloc(prompt->ids, (prompt->count ? prompt->count : 1) * sizeof(*ids));

	if (ids)
		prompt->ids = ids;
}

static int take_ids(struct wick_prompt_ids *prompt, const struct wick *wick, const struct source *source,
	struct wick_diag *diag)
{
	int64_t count = tokenize_into(prompt, wick, source);

	if (count == -EINVAL)
		return wick_diag_say(diag, -EINVAL, "the prompt has a character for which the vocabulary has no token");
	if (count < 0)
		return (int)count;
	if (count > UINT32_MAX)
		return wick_diag_say(diag, -EFBIG, "the prompt has more tokens than any context");
	prompt->count = (uint32_t)count;
	shrink(prompt);
	return 0;
}

static bool ends_with_thinking(const char *text, size_t bytes)
{
	static const char mark[] = "<think>";

	while (bytes && (text[bytes - 1] == '\n' || text[bytes - 1] == ' '))
		bytes--;
	return bytes >= sizeof(mark) - 1 && !memcmp(text + bytes - (sizeof(mark) - 1), mark, sizeof(mark) - 1);
}

static int ids_of(struct wick_prompt_ids *prompt, const struct wick *wick, const struct wick_chat_prompt *chat,
	uint64_t bytes_max, struct wick_diag *diag)
{
	const struct source source = { .text = chat->text, .bytes = chat->bytes, .marks = chat->marks,
		.mark_count = chat->mark_count };

	if (chat->bytes > bytes_max)
		return wick_diag_say(diag, -EFBIG, "the prompt of %zu bytes does not fit the context", chat->bytes);
	prompt->thinks = ends_with_thinking(chat->text, chat->bytes);
	return take_ids(prompt, wick, &source, diag);
}

int wick_prompt_ids(struct wick_prompt_ids *prompt, const struct wick *wick, const char *template, const char *messages,
	uint64_t bytes_max, struct wick_diag *diag)
{
	struct wick_chat_prompt chat;
	int rc = wick_chat_prompt(wick, template, messages, &chat, diag);

	*prompt = (struct wick_prompt_ids){ 0 };
	if (!rc)
		rc = ids_of(prompt, wick, &chat, bytes_max, diag);
	wick_chat_prompt_free(&chat);
	if (rc)
		wick_prompt_ids_free(prompt);
	return rc;
}

int wick_prompt_ids_text(struct wick_prompt_ids *prompt, const struct wick *wick, const char *text, size_t bytes,
	unsigned flags, struct wick_diag *diag)
{
	int rc;

	*prompt = (struct wick_prompt_ids){ 0 };
	rc = take_ids(prompt, wick, &(struct source){ .text = text, .bytes = bytes, .flags = flags }, diag);
	if (rc)
		wick_prompt_ids_free(prompt);
	return rc;
}

void wick_prompt_ids_free(struct wick_prompt_ids *prompt)
{
	free(prompt->ids);
	*prompt = (struct wick_prompt_ids){ 0 };
}

/* Bytes of a token that is shown as nothing are not known: none has more than these. */
#define HIDDEN_TOKEN_BYTES 256

uint64_t wick_prompt_bytes_max(const struct wick *wick)
{
	uint64_t longest = HIDDEN_TOKEN_BYTES;
	uint32_t vocab = wick_report_of(wick)->vocab;
	size_t bytes;

	for (uint32_t id = 0; id < vocab; id++) {
		wick_token_text(wick, id, &bytes);
		longest = bytes > longest ? bytes : longest;
	}
	return wick_plan_of(wick)->ctx * longest;
}

uint32_t wick_ids_in_common(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count)
{
	uint32_t count = 0;

	while (count < a_count && count < b_count && a[count] == b[count])
		count++;
	return count;
}
