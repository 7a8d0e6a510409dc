/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Text to ids and back: the tokenizer's calls. */

#include "engine.h"

#include "stream.h"
#include "tokenizer.h"

#include <assert.h>

static_assert((int)WICK_TOKENIZE_BOS == WICK_ENCODE_BOS && (int)WICK_TOKENIZE_SPECIAL == WICK_ENCODE_SPECIAL &&
		(int)WICK_TOKENIZE_GOES_ON == WICK_ENCODE_GOES_ON, "the public flags are the tokenizer's");

int64_t wick_tokenize(const struct wick *wick, const char *text, size_t text_bytes, unsigned flags, uint32_t *ids,
	size_t capacity)
{
	return wick_tokenizer_encode(wick->tokenizer, text, text_bytes, flags, ids, capacity);
}

int64_t wick_tokenize_marked(const struct wick *wick, const char *text, size_t text_bytes, const struct wick_mark *marks,
	size_t mark_count, unsigned flags, uint32_t *ids, size_t capacity)
{
	return wick_tokenizer_encode_marked(wick->tokenizer, text, text_bytes, marks, mark_count, flags, ids, capacity);
}

int wick_stream_create(struct wick_stream **stream, const struct wick *wick, const char *const *stops,
	uint32_t stop_count, bool special)
{
	return wick_stream_open(stream, wick->tokenizer, stops, stop_count, special);
}

const char *wick_token_piece(const struct wick *wick, uint32_t id, size_t *bytes)
{
	return wick_tokenizer_piece(wick->tokenizer, id, bytes);
}

const char *wick_token_text(const struct wick *wick, uint32_t id, size_t *bytes)
{
	return wick_tokenizer_text(wick->tokenizer, id, bytes);
}

int64_t wick_eos(const struct wick *wick)
{
	return wick_tokenizer_eos(wick->tokenizer);
}

bool wick_stops(const struct wick *wick, uint32_t id)
{
	return wick_tokenizer_stops(wick->tokenizer, id);
}
