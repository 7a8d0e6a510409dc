/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Cutting a text into the pieces that BPE works on: words with the space before them, runs of digits, ... Regular
 * expressions say where (pre.h): each cuts the pieces of the one before it, and text without a match is a piece, too.
 * They belong to the vocabulary: with others the ids are wrong and nothing else tells. */

#include "diag.h"
#include "pre.h"

#include <stddef.h>
#include <stdint.h>

struct wick_pretokenizer;

/* expressions: as their authors wrote them, a NULL behind the last; whose: the file, for the sentence. -EINVAL for one
 * that PCRE2 does not take, or not in the same sense. */
int wick_pretokenizer_create(struct wick_pretokenizer **pretokenizer, const char *const *expressions, const char *whose,
	struct wick_diag *diag);
void wick_pretokenizer_destroy(struct wick_pretokenizer *pretokenizer);
uint64_t wick_pretokenizer_bytes(const struct wick_pretokenizer *pretokenizer);

/* The same expressions without machine code made from them, for comparing the two. */
void wick_pretokenizer_interpret(struct wick_pretokenizer *pretokenizer);

/* Where one expression is in its piece of text. */
struct wick_cut {
	size_t start, end; /* the piece, to the expression a text of its own */
	size_t at;         /* where the next piece of it starts */
	size_t match_end;  /* where the last match ended; what it skipped is a piece, and the match itself the next */
};

/* A walk over a text. Pieces follow each other without gaps, so that together they are the text, whatever bytes it has:
 * stretches of well-formed UTF-8 are cut by the expressions, each as if it were the whole text, and every byte outside
 * of them is a piece of its own. */
struct wick_pieces {
	const struct wick_pretokenizer *pretokenizer;
	const char *text;
	size_t bytes;
	size_t run_end; /* of the stretch of UTF-8 that is being cut */
	struct wick_cut cuts[WICK_PRE_EXPRESSIONS_MAX];
	void *match; /* scratch of the expressions */
};

int wick_pieces_begin(struct wick_pieces *pieces, const struct wick_pretokenizer *pretokenizer, const char *text,
	size_t bytes);
/* Its length, 0 at the end; -ENOMEM, or -E2BIG where an expression of a file's own backtracks for too long. */
int64_t wick_pieces_next(struct wick_pieces *pieces, const char **piece);
void wick_pieces_end(struct wick_pieces *pieces);
