/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Text to ids where tokens are pieces with U+2581 for a space: SentencePiece's two models, and BPE of characters:
 *
 *     parts and tokens of the user's -> normalised into one text -> words, or all of it -> ids
 *
 * Words are encoded one by one where no token goes beyond one, which takes less memory and time; the unigram model's
 * sums are those of the whole text. */

#include "space_mark.h"
#include "tokenizer_parts.h"

#include <string.h>

bool wick_encoding_has_prefix(const struct wick_encoding *encoding, const char *text, size_t bytes)
{
	const struct wick_tokenizer *tokenizer = encoding->tokenizer;
	bool space = text[0] == ' ' || (tokenizer->model == WICK_MODEL_PIECES && wick_space_mark_begins(text, bytes));

	return encoding->prefix && tokenizer->space_prefix != WICK_SPACE_NEVER && !(tokenizer->space_once && space);
}

/* Where the word ends that begins here: in front of the spaces of the next one, or of its own last one. */
static size_t word_end(const struct wick_tokenizer *tokenizer, const char *text, size_t at, size_t bytes)
{
	if (tokenizer->space_apart)
		at += text[at] == ' ';
	while (!tokenizer->space_apart && at < bytes && text[at] == ' ')
		at++;
	while (at < bytes && text[at] != ' ')
		at++;
	return at;
}

static int encode_word(struct wick_encoding *encoding, const char *text, size_t bytes)
{
	const struct wick_tokenizer *tokenizer = encoding->tokenizer;

	return tokenizer->unigram.scores ?
		       wick_unigram_encode(&tokenizer->unigram, &encoding->paths, text, bytes, encoding->turns, &encoding->out) :
		       wick_bpe_encode(&tokenizer->bpe, &encoding->scratch, text, bytes, &encoding->out);
}

static int encode_words(struct wick_encoding *encoding, const char *text, size_t bytes)
{
	const struct wick_tokenizer *tokenizer = encoding->tokenizer;
	bool apart = tokenizer->space_apart || (tokenizer->words_apart && !tokenizer->unigram.scores);
	int result = 0;

	for (size_t at = 0, end; at < bytes && !result; at = end) {
		end = apart ? word_end(tokenizer, text, at, bytes) : bytes;
		result = encode_word(encoding, text + at, end - at);
	}
	return result;
}

/* In a text that is normalised the user's tokens are looked for once more: its characters may have become one. To the
 * unigram model they are pieces among others. */
static int encode_normal(struct wick_encoding *encoding, const char *text, size_t bytes)
{
	const struct wick_tokenizer *tokenizer = encoding->tokenizer;
	const struct wick_special *user;
	struct wick_special_walk walk;
	const char *plain;
	size_t plain_bytes;
	int result;

	if (!tokenizer->user_inside || tokenizer->unigram.scores || !bytes)
		return encode_words(encoding, text, bytes);
	wick_special_walk_begin(&walk, &tokenizer->specials, text, bytes, NULL, 0, false);
	walk.turns = encoding->turns;
	do {
		user = wick_special_walk_next(&walk, &plain, &plain_bytes);
		result = encode_words(encoding, plain, plain_bytes);
		if (user && !result)
			wick_ids_put(&encoding->out, user->id);
	} while (user && !result);
	return result;
}

int wick_encoding_put_part(struct wick_encoding *encoding, const char *text, size_t bytes)
{
	const struct wick_tokenizer *tokenizer = encoding->tokenizer;

	return wick_spaced_put(&encoding->spaced, tokenizer->map.units ? &tokenizer->map : NULL, text, bytes,
		wick_encoding_has_prefix(encoding, text, bytes));
}

/* Its characters stay as they are; but spaces in a text are not yet those that stand in it when it is normalised. */
int wick_encoding_put_user(struct wick_encoding *encoding, const struct wick_special *special)
{
	int result = 0;

	if (memchr(special->text, ' ', special->bytes)) {
		result = wick_encoding_put_part(encoding, special->text, special->bytes);
	} else {
		if (wick_encoding_has_prefix(encoding, special->text, special->bytes))
			result = wick_spaced_put_plain(&encoding->spaced, " ", 1);
		if (!result)
			result = wick_spaced_put_plain(&encoding->spaced, special->text, special->bytes);
	}
	encoding->prefix = false;
	return result;
}

int wick_encoding_flush(struct wick_encoding *encoding)
{
	struct wick_spaced *spaced = &encoding->spaced;
	int result;

	wick_spaced_end(spaced);
	result = encode_normal(encoding, spaced->bytes, spaced->count);
	wick_spaced_begin(spaced);
	return result;
}
