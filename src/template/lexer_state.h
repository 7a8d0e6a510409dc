/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the lexer's parts share: data and tags (lexer.c), and tokens within a tag (lexer_inside.c). */

#include "lexer.h"

#define WICK_TPL_BRACKETS_MAX 64 /* open ones within a tag */

struct wick_tpl_lexer {
	struct wick_tpl_tokens *out;
	struct wick_arena *arena;
	uint32_t room; /* of out->tokens */
	const char *text;
	uint32_t at, end;
	uint32_t line;
	char brackets[WICK_TPL_BRACKETS_MAX]; /* the closing ones of those that are open */
	unsigned open;
	const char *name;
	struct wick_diag *diag;
	int ret;
};

/* The first error's sentence, after name and line; nothing is left to read afterwards. */
__attribute__((format(printf, 2, 3))) void wick_tpl_lex_fail(struct wick_tpl_lexer *lexer, const char *format, ...);
void wick_tpl_lex_no_memory(struct wick_tpl_lexer *lexer);

void wick_tpl_lex_put(struct wick_tpl_lexer *lexer, struct wick_tpl_token token);
/* Goes on to a later place, counting lines. */
void wick_tpl_lex_go(struct wick_tpl_lexer *lexer, uint32_t to);
/* Does the text go on with this? */
bool wick_tpl_lex_has(const struct wick_tpl_lexer *lexer, uint32_t at, const char *text);
/* A part of the text as a string. */
struct wick_tpl_value wick_tpl_lex_piece(const struct wick_tpl_lexer *lexer, uint32_t from, uint32_t end);
/* One token within a tag. */
void wick_tpl_lex_token(struct wick_tpl_lexer *lexer);
