/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What the lexer's parts share (see lexer_state.h). */

#include "lexer_state.h"

#include "arena.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST_ROOM 64 /* of tokens */

void wick_tpl_lex_fail(struct wick_tpl_lexer *lexer, const char *format, ...)
{
	char why[256];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (!lexer->ret)
		lexer->ret =
			wick_diag_say(lexer->diag, -EINVAL, "%s:%u: %s", wick_diag_name(lexer->name), lexer->line, why);
	lexer->at = lexer->end;
}

void wick_tpl_lex_no_memory(struct wick_tpl_lexer *lexer)
{
	if (!lexer->ret)
		lexer->ret = wick_diag_say(lexer->diag, -ENOMEM, "%s: no memory", wick_diag_name(lexer->name));
	lexer->at = lexer->end;
}

void wick_tpl_lex_put(struct wick_tpl_lexer *lexer, struct wick_tpl_token token)
{
	struct wick_tpl_tokens *out = lexer->out;

	if (out->count == lexer->room) {
		uint32_t room = lexer->room ? 2 * lexer->room : FIRST_ROOM;
		struct wick_tpl_token *tokens = wick_arena_take(lexer->arena, room * sizeof(*tokens));

		if (!tokens) {
			wick_tpl_lex_no_memory(lexer);
			return;
		}
		if (out->count)
			memcpy(tokens, out->tokens, out->count * sizeof(*tokens));
		out->tokens = tokens;
		lexer->room = room;
	}
	token.line = lexer->line;
	out->tokens[out->count++] = token;
}

struct wick_tpl_value wick_tpl_lex_piece(const struct wick_tpl_lexer *lexer, uint32_t from, uint32_t end)
{
	return (struct wick_tpl_value){ .kind = WICK_TPL_STRING, .bytes = lexer->text + from, .length = end - from };
}

void wick_tpl_lex_go(struct wick_tpl_lexer *lexer, uint32_t to)
{
	for (; lexer->at < to; lexer->at++)
		lexer->line += lexer->text[lexer->at] == '\n';
}

bool wick_tpl_lex_has(const struct wick_tpl_lexer *lexer, uint32_t at, const char *text)
{
	size_t length = strlen(text);

	return lexer->end - at >= length && !memcmp(lexer->text + at, text, length);
}
