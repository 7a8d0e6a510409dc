/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The parts of a tokenizer: tokenizer_build.c puts it together, tokenizer.c uses it. */

#include "bpe.h"
#include "pretokenizer.h"
#include "specials.h"
#include "tokens.h"
#include "vocabulary.h"

struct wick_tokenizer {
	struct wick_tokens tokens;
	struct wick_specials specials;
	struct wick_bpe bpe;
	struct wick_pretokenizer *pretokenizer; /* of WICK_MODEL_BYTES */
	enum wick_tokenizer_model model;
	enum wick_space_prefix space_prefix;
	bool user_inside; /* a token of type USER does not end a part */
	bool space_once;  /* no space is put in front of another */
	bool nfc;         /* a text is brought to normal form C */
	bool whole_words; /* a piece that is a token needs no merges */
	bool words_apart; /* no token has a space behind another character, so that words can be encoded one by one */
	int64_t bos, eos; /* -1: none */
	uint8_t *stops;   /* (count) bits: tokens that end a text */
	bool add_bos, add_eos;
};
