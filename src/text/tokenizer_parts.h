/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The parts of a tokenizer: tokenizer_build.c puts it together, tokenizer.c and tokenizer_pieces.c use it. */

#include "bpe.h"
#include "charsmap.h"
#include "pretokenizer.h"
#include "spaced.h"
#include "specials.h"
#include "tokens.h"
#include "unigram.h"
#include "vocabulary.h"

struct wick_tokenizer {
	struct wick_tokens tokens;
	struct wick_specials specials;
	struct wick_bpe bpe;
	struct wick_unigram unigram; /* in its place where there are scores of it */
	struct wick_charsmap map;    /* of WICK_MODEL_PIECES */
	struct wick_pretokenizer *pretokenizer; /* of WICK_MODEL_BYTES */
	enum wick_tokenizer_model model;
	enum wick_space_prefix space_prefix;
	bool user_inside; /* a token of type USER does not end a part */
	bool space_once;  /* no space is put in front of another */
	bool space_fewer; /* see spaced.h */
	bool space_apart; /* no piece has a space but as its first character, in no text */
	bool nfc;         /* a text is brought to normal form C */
	bool whole_words; /* a piece that is a token needs no merges */
	bool words_apart; /* no token has a space behind another character, so that words can be encoded one by one */
	int64_t bos, eos; /* -1: none */
	uint8_t *stops;   /* (count) bits: tokens that end a text */
	bool add_bos, add_eos;
};

/* A text on its way to ids. */
struct wick_encoding {
	const struct wick_tokenizer *tokenizer;
	struct wick_bpe_scratch scratch;
	struct wick_unigram_scratch paths;
	struct wick_spaced spaced; /* of WICK_MODEL_PIECES: what is not encoded yet */
	struct wick_ids out;
	bool turns;  /* it is a conversation (specials.h) */
	bool prefix; /* a space goes before the next part, as far as it is about the parts before it */
};

/* Whether a space goes in front of this part of the text. */
bool wick_encoding_has_prefix(const struct wick_encoding *encoding, const char *text, size_t bytes);

/* Of WICK_MODEL_PIECES: a part between special tokens, which is not empty; a token of the user's that is part of the
 * text; encodes what has come so far, where the text is over or a special token ends it. */
int wick_encoding_put_part(struct wick_encoding *encoding, const char *text, size_t bytes);
int wick_encoding_put_user(struct wick_encoding *encoding, const struct wick_special *special);
int wick_encoding_flush(struct wick_encoding *encoding);
