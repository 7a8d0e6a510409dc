/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* SentencePiece's unigram model: of all ways to cut a text into pieces the one whose scores sum to most. A character
 * that is no piece counts as the unknown one, ten below the lowest score. */

#include "tokens.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wick_unigram {
	const struct wick_tokens *tokens;
	double *scores;  /* (tokens) */
	double unknown_score;
	int64_t unknown; /* token; -1: none */
	bool narrow;     /* sums are rounded to float, as SentencePiece does it */
	struct wick_unigram_edge *edges; /* (slots) of a tree of all pieces, by node and byte: a hash table */
	uint64_t slots, seed;
	uint32_t nodes;
	uint32_t *piece_of; /* (nodes) the piece that ends there, WICK_TOKEN_NONE: none */
};

/* scores: as those of vocabulary.h, all of them finite. Pieces are the tokens of the index, and with `user` those of the
 * user's, which beat others. tokens must stay where they are. -ENOMEM. */
int wick_unigram_init(struct wick_unigram *unigram, const struct wick_tokens *tokens,
	double (*score)(const void *from, uint32_t i), const void *from, bool narrow, bool user);
void wick_unigram_free(struct wick_unigram *unigram); /* an empty one is fine */
uint64_t wick_unigram_bytes(const struct wick_unigram *unigram);

/* Working memory: 16 bytes for each byte of the longest text seen. */
struct wick_unigram_scratch {
	struct wick_unigram_path *paths;
	size_t capacity;
};

/* Appends the tokens of a text, and of a conversation (turns) none of the user's that frames one (specials.h). -EINVAL: a
 * character has no token, nor one for each of its bytes, and there is no unknown one; -EFBIG: over 2^31 bytes. */
int wick_unigram_encode(const struct wick_unigram *unigram, struct wick_unigram_scratch *scratch, const char *text,
	size_t bytes, bool turns, struct wick_ids *out);
void wick_unigram_scratch_free(struct wick_unigram_scratch *scratch);
