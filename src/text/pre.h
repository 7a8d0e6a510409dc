/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The pre-tokeniser that a byte-level vocabulary was learned with, by its name in tokenizer.ggml.pre. With another one
 * the ids are wrong and nothing else tells. */

#include <stdbool.h>
#include <stddef.h>

#define WICK_PRE_EXPRESSIONS_MAX 8 /* the NULL behind the last included */
#define WICK_PRE_OWN "wick"        /* the name of one that has none: the file keeps its expressions */

struct wick_pre {
	const char *name;
	const char *const *expressions; /* each cuts the pieces of the one before it; as the authors wrote them */
	bool nfc;         /* a text is first brought to Unicode's normal form C */
	bool whole_words; /* a piece that is a token needs no merges (ignore_merges) */
	bool add_bos;     /* where the file does not say */
};

const struct wick_pre *wick_pre_find(const char *name, size_t length); /* NULL: none of this name */

/* Whether every character of every text is in a match of this expression: of some of the table that is known. */
bool wick_pre_matches_all(const char *expression);

/* One that has these expressions, up to a NULL, and flags; NULL: none has. */
const struct wick_pre *wick_pre_like(const char *const *expressions, bool nfc, bool whole_words);
