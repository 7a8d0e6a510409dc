/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Text <-> ids:
 *
 *     text -> special tokens cut out -> the parts between them: normalised -> cut into pieces -> merged -> ids
 *
 * (see tokenizer.h). */

#include "tokenizer.h"

#include "bits.h"
#include "nfc.h"
#include "tokenizer_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int encode_piece(struct wick_encoding *encoding, const char *piece, size_t bytes)
{
	const struct wick_tokenizer *tokenizer = encoding->tokenizer;
	uint32_t whole = tokenizer->whole_words ? wick_tokens_find(&tokenizer->tokens, piece, bytes) : WICK_TOKEN_NONE;

	if (whole == WICK_TOKEN_NONE || tokenizer->tokens.types[whole] != WICK_TOKEN_NORMAL)
		return wick_bpe_encode(&tokenizer->bpe, &encoding->scratch, piece, bytes, &encoding->out);
	wick_ids_put(&encoding->out, whole);
	return 0;
}

static int encode_pieces(struct wick_encoding *encoding, const char *text, size_t bytes)
{
	struct wick_pieces pieces;
	const char *piece;
	int64_t length;
	int result = wick_pieces_begin(&pieces, encoding->tokenizer->pretokenizer, text, bytes);

	while (!result && (length = wick_pieces_next(&pieces, &piece)))
		result = length < 0 ? (int)length : encode_piece(encoding, piece, (size_t)length);
	wick_pieces_end(&pieces);
	return result;
}

static int encode_composed(struct wick_encoding *encoding, const char *text, size_t bytes)
{
	char *composed = NULL;
	int result = encoding->tokenizer->nfc ? wick_nfc(&composed, text, &bytes) : 0;

	if (!result)
		result = encode_pieces(encoding, composed ? composed : text, bytes);
	free(composed);
	return result;
}

static int encode_bytes(struct wick_encoding *encoding, const char *text, size_t bytes)
{
	char *spaced;
	int result;

	if (!wick_encoding_has_prefix(encoding, text, bytes))
		return encode_composed(encoding, text, bytes);
	spaced = malloc(bytes + 1);
	if (!spaced)
		return -ENOMEM;
	spaced[0] = ' ';
	memcpy(spaced + 1, text, bytes);
	result = encode_composed(encoding, spaced, bytes + 1);
	free(spaced);
	return result;
}

static int encode_part(struct wick_encoding *encoding, const char *text, size_t bytes)
{
	int result;

	if (!bytes)
		return 0;
	result = encoding->tokenizer->model == WICK_MODEL_BYTES ? encode_bytes(encoding, text, bytes) :
								  wick_encoding_put_part(encoding, text, bytes);
	encoding->prefix = false;
	return result;
}

/* One that is part of the text comes behind the space that goes in front of it. Behind others a part follows, which may
 * begin with a space. */
static int put_special(struct wick_encoding *encoding, const struct wick_special_walk *walk, const struct wick_special *special)
{
	const struct wick_tokenizer *tokenizer = encoding->tokenizer;
	int result;

	if (tokenizer->user_inside && !wick_special_walk_controls(walk, special))
		return wick_encoding_put_user(encoding, special);
	result = wick_encoding_flush(encoding);
	wick_ids_put(&encoding->out, special->id);
	encoding->prefix = tokenizer->space_prefix == WICK_SPACE_PARTS;
	return result;
}

static int encode_parts(struct wick_encoding *encoding, struct wick_special_walk *walk)
{
	const struct wick_special *special;
	const char *plain;
	size_t plain_bytes;
	int result;

	do {
		special = wick_special_walk_next(walk, &plain, &plain_bytes);
		result = encode_part(encoding, plain, plain_bytes);
		if (special && !result)
			result = put_special(encoding, walk, special);
	} while (special && !result);
	return result ? result : wick_encoding_flush(encoding);
}

int64_t wick_tokenizer_encode_marked(const struct wick_tokenizer *tokenizer, const char *text, size_t bytes,
	const struct wick_mark *marks, size_t mark_count, unsigned flags, uint32_t *ids, size_t capacity)
{
	struct wick_encoding encoding = { .tokenizer = tokenizer, .out = { .ids = ids, .capacity = capacity },
		.prefix = !(flags & WICK_ENCODE_GOES_ON) };
	struct wick_special_walk walk;
	int result;

	encoding.turns = mark_count;
	encoding.spaced.fewer = tokenizer->space_fewer;
	wick_spaced_begin(&encoding.spaced);
	wick_special_walk_begin(&walk, &tokenizer->specials, text ? text : "", bytes, marks, mark_count,
		flags & WICK_ENCODE_SPECIAL);
	if (flags & WICK_ENCODE_BOS && tokenizer->add_bos)
		wick_ids_put(&encoding.out, (uint32_t)tokenizer->bos);
	result = encode_parts(&encoding, &walk);
	if (flags & WICK_ENCODE_BOS && tokenizer->add_eos)
		wick_ids_put(&encoding.out, (uint32_t)tokenizer->eos);
	wick_bpe_scratch_free(&encoding.scratch);
	wick_unigram_scratch_free(&encoding.paths);
	wick_spaced_free(&encoding.spaced);
	return result ? result : (int64_t)encoding.out.count;
}

int64_t wick_tokenizer_encode(const struct wick_tokenizer *tokenizer, const char *text, size_t bytes, unsigned flags,
	uint32_t *ids, size_t capacity)
{
	return wick_tokenizer_encode_marked(tokenizer, text, bytes, NULL, 0, flags, ids, capacity);
}

const char *wick_tokenizer_piece(const struct wick_tokenizer *tokenizer, uint32_t id, size_t *bytes)
{
	*bytes = 0;
	return id < tokenizer->tokens.count ? wick_tokens_text(&tokenizer->tokens, id, bytes) : NULL;
}

const char *wick_tokenizer_text(const struct wick_tokenizer *tokenizer, uint32_t id, size_t *bytes)
{
	const char *text = wick_tokenizer_piece(tokenizer, id, bytes);

	if (text && (wick_token_is_control(tokenizer->tokens.types[id]) || tokenizer->tokens.types[id] == WICK_TOKEN_UNUSED))
		*bytes = 0;
	return text;
}

uint32_t wick_tokenizer_vocab(const struct wick_tokenizer *tokenizer)
{
	return tokenizer->tokens.count;
}

int64_t wick_tokenizer_bos(const struct wick_tokenizer *tokenizer)
{
	return tokenizer->add_bos ? tokenizer->bos : -1;
}

int64_t wick_tokenizer_eos(const struct wick_tokenizer *tokenizer)
{
	return tokenizer->eos;
}

bool wick_tokenizer_stops(const struct wick_tokenizer *tokenizer, uint32_t id)
{
	return id < tokenizer->tokens.count && tokenizer->stops[id / 8] >> id % 8 & 1;
}

const uint8_t *wick_tokenizer_stop_bits(const struct wick_tokenizer *tokenizer)
{
	return tokenizer->stops;
}
