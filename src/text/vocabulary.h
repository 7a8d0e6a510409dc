/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The vocabulary that a tokenizer is built from, wherever it is kept: a GGUF file, or arrays in a test. */

#include "diag.h"
#include "gguf.h"
#include "pre.h"
#include "tokenizer.h"

enum wick_tokenizer_model {
	WICK_MODEL_BYTES,  /* BPE of bytes, tokens spelled in GPT-2's byte alphabet (bytelevel.h) */
	WICK_MODEL_PIECES, /* BPE of characters, U+2581 for a space: SentencePiece's, by scores, or by merges */
};

enum wick_side { WICK_LEFT, WICK_RIGHT };

/* A space that is put in front of a text, so that its first word is like others. */
enum wick_space_prefix {
	WICK_SPACE_NEVER,
	WICK_SPACE_FIRST, /* of the text alone */
	WICK_SPACE_PARTS, /* of each part between special tokens */
};

struct wick_vocabulary {
	const char *whose; /* the file, for sentences */
	enum wick_tokenizer_model model;
	struct wick_gguf_string pre; /* of WICK_MODEL_BYTES: which pre-tokeniser; WICK_PRE_OWN: */
	const char *const *expressions; /* its own, a NULL behind the last, and */
	bool nfc, whole_words;          /* what goes with them (pre.h) */
	enum wick_space_prefix space_prefix;
	bool user_inside; /* a token of type USER does not end a part: SentencePiece's own are words of the text */
	bool space_once; /* no space is put in front of another; of WICK_MODEL_BYTES always */
	/* Of WICK_MODEL_PIECES: */
	bool unigram;     /* the scores are for unigram.h, and not for BPE */
	bool narrow;      /* its sums are rounded to float */
	bool space_fewer; /* spaces that follow others, and at the ends of a text, are left out */
	bool space_apart; /* every space begins a word, and no token goes beyond one */
	const uint8_t *map; /* (map_bytes) of characters (charsmap.h); map_bytes 0: none */
	size_t map_bytes;
	uint32_t count, merge_count;
	/* Token i as it is spelled, its WICK_TOKEN_*, merge i as "a b". Asked for in order, repeatedly. */
	struct wick_gguf_string (*token)(const void *from, uint32_t i);
	int64_t (*type)(const void *from, uint32_t i);
	struct wick_gguf_string (*merge)(const void *from, uint32_t i);
	double (*score)(const void *from, uint32_t i); /* of WICK_MODEL_PIECES without merges */
	/* Whether white space on that side of a special token in a text belongs to it; NULL: of none. */
	bool (*strips)(const void *from, uint32_t i, enum wick_side side);
	const void *from;
	int64_t bos, eos, unk; /* -1: none */
	bool stops_by_text; /* special tokens that are spelled as ends of a turn end a text, too (stops.h) */
	uint32_t stop_count;
	int64_t (*stop)(const void *from, uint32_t i); /* a token that ends a text, or -1 */
	bool add_bos, add_eos;
};

/* Copies what it needs. -EINVAL, token or merge named, for what is no tokenizer. */
int wick_tokenizer_build(struct wick_tokenizer **tokenizer, const struct wick_vocabulary *vocabulary,
	struct wick_diag *diag);
