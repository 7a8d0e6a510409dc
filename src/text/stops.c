/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Which tokens end a text (see stops.h). */

#include "stops.h"

#include "bits.h"
#include "space_mark.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Ends of a turn or a text in the chat formats of the families that wick runs. */
static const char *const ends[] = { "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<end_of_turn>",
	"<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "<|end_of_text|>", "<eos>",
	"<\xef\xbd\x9c" "end" WICK_SPACE_MARK "of" WICK_SPACE_MARK "sentence\xef\xbd\x9c>" };

static bool is_special(const struct wick_tokens *tokens, uint32_t id)
{
	return wick_token_is_control(tokens->types[id]) || tokens->types[id] == WICK_TOKEN_USER;
}

static bool is_spelled(const struct wick_tokens *tokens, uint32_t id, const char *text)
{
	size_t bytes;
	const char *own = wick_tokens_text(tokens, id, &bytes);

	return bytes == strlen(text) && !memcmp(own, text, bytes);
}

static bool has_special(const struct wick_tokens *tokens, const char *text)
{
	for (uint32_t id = 0; id < tokens->count; id++)
		if (is_special(tokens, id) && is_spelled(tokens, id, text))
			return true;
	return false;
}

/* In gpt-oss's format, which has these two, <|end|> ends a message, and another one of the same turn may follow. */
static bool is_harmony(const struct wick_tokens *tokens)
{
	return has_special(tokens, "<|return|>") && has_special(tokens, "<|call|>");
}

static void add_by_text(uint8_t *stops, const struct wick_tokens *tokens)
{
	bool harmony = is_harmony(tokens);

	for (uint32_t id = 0; id < tokens->count; id++) {
		bool ends_text = false;

		for (size_t i = 0; is_special(tokens, id) && i < WICK_COUNT_OF(ends); i++)
			ends_text |= is_spelled(tokens, id, ends[i]) && !(harmony && !strcmp(ends[i], "<|end|>"));
		if (ends_text)
			stops[id / 8] |= (uint8_t)(1 << id % 8);
	}
}

int wick_stops_build(uint8_t **stops, const struct wick_tokens *tokens, const struct wick_vocabulary *vocabulary,
	struct wick_diag *diag)
{
	*stops = calloc(1, wick_div_up(tokens->count, 8));
	if (!*stops)
		return -ENOMEM;
	for (uint32_t i = 0; i < vocabulary->stop_count; i++) {
		int64_t id = vocabulary->stop(vocabulary->from, i);

		if (id >= tokens->count)
			return wick_diag_say(diag, -EINVAL, "%s: token %lld ends a text, and there are %u", vocabulary->whose,
				(long long)id, tokens->count);
		if (id >= 0)
			(*stops)[id / 8] |= (uint8_t)(1 << id % 8);
	}
	if (vocabulary->stops_by_text)
		add_by_text(*stops, tokens);
	return 0;
}
