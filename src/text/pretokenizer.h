/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Cutting a text into the pieces that BPE works on: words with the space before them, runs of digits, ... A regular
 * expression says where. It belongs to the vocabulary: with another one the ids are wrong and nothing else tells. */

#include "diag.h"

#include <stddef.h>
#include <stdint.h>

struct wick_pretokenizer;

/* pre: the expression by the name that tokenizer.ggml.pre gives it; whose: the file, for the sentence. */
int wick_pretokenizer_create(struct wick_pretokenizer **pretokenizer, const char *pre, size_t length, const char *whose,
	struct wick_diag *diag);
void wick_pretokenizer_destroy(struct wick_pretokenizer *pretokenizer);
uint64_t wick_pretokenizer_bytes(const struct wick_pretokenizer *pretokenizer);

/* The same expression without machine code made from it, for comparing the two. */
void wick_pretokenizer_interpret(struct wick_pretokenizer *pretokenizer);

/* A walk over a text. Pieces follow each other without gaps, so that together they are the text, whatever bytes it has:
 * stretches of well-formed UTF-8 are cut by the expression, each as if it were the whole text, and every byte outside
 * of them is a piece of its own. */
struct wick_pieces {
	const struct wick_pretokenizer *pretokenizer;
	const char *text;
	size_t bytes;
	size_t at;        /* where the next piece starts */
	size_t run, run_end; /* the stretch of UTF-8 it is in */
	size_t match_end; /* where the last match ended; what it skipped is a piece, and the match itself the next */
	void *match;      /* scratch of the expression */
};

int wick_pieces_begin(struct wick_pieces *pieces, const struct wick_pretokenizer *pretokenizer, const char *text,
	size_t bytes);
int64_t wick_pieces_next(struct wick_pieces *pieces, const char **piece); /* its length, 0 at the end, or -ENOMEM */
void wick_pieces_end(struct wick_pieces *pieces);
