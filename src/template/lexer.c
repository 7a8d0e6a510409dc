/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A template's text as tokens. Outside of tags all is data, of which trim_blocks takes the newline behind a block and
 * lstrip_blocks the white space before one, from the start of its line; a "-" in the tag takes all white space, a "+"
 * keeps it. Inside of tags the rules are Python's, or nearly. */

#include "bits.h"
#include "characters.h"
#include "lexer_state.h"

#include <errno.h>
#include <string.h>

static void put_kind(struct wick_tpl_lexer *lexer, enum wick_tpl_token_kind kind)
{
	wick_tpl_lex_put(lexer, (struct wick_tpl_token){ .kind = (uint8_t)kind });
}

static void put_data(struct wick_tpl_lexer *lexer, uint32_t from, uint32_t end)
{
	if (end > from)
		wick_tpl_lex_put(lexer, (struct wick_tpl_token){ .kind = WICK_TPL_TOKEN_DATA,
						.value = wick_tpl_lex_piece(lexer, from, end) });
}

static uint32_t skip_space(const struct wick_tpl_lexer *lexer, uint32_t at)
{
	return wick_tpl_skip_space(lexer->text, at, lexer->end);
}

/* Where the data before a tag ends: before the white space that the tag, or lstrip_blocks, takes away. */
static uint32_t data_end(const struct wick_tpl_lexer *lexer, uint32_t from, uint32_t tag, bool is_print)
{
	char sign = tag + 2 < lexer->end ? lexer->text[tag + 2] : 0;
	uint32_t line = tag;

	if (sign == '-')
		return wick_tpl_trim_space(lexer->text, from, tag);
	if (sign == '+' || is_print)
		return tag;
	while (line > from && lexer->text[line - 1] != '\n')
		line--;
	if (line == from && from && lexer->text[from - 1] != '\n')
		return tag;
	return skip_space(lexer, line) >= tag ? line : tag;
}

/* The place behind the end of a block, or of a comment, at `at`; 0: it does not end here. */
static uint32_t block_end(const struct wick_tpl_lexer *lexer, uint32_t at, const char *mark)
{
	if (wick_tpl_lex_has(lexer, at, "-") && wick_tpl_lex_has(lexer, at + 1, mark))
		return skip_space(lexer, at + 3);
	if (wick_tpl_lex_has(lexer, at, "+") && wick_tpl_lex_has(lexer, at + 1, mark))
		return at + 3;
	if (!wick_tpl_lex_has(lexer, at, mark))
		return 0;
	return at + 2 + wick_tpl_lex_has(lexer, at + 2, "\n");
}

static uint32_t print_end(const struct wick_tpl_lexer *lexer, uint32_t at)
{
	if (wick_tpl_lex_has(lexer, at, "-}}"))
		return skip_space(lexer, at + 3);
	return wick_tpl_lex_has(lexer, at, "}}") ? at + 2 : 0;
}

/* The place behind "{% raw %}" at `tag`; 0: this is another tag. */
static uint32_t raw_end(const struct wick_tpl_lexer *lexer, uint32_t tag)
{
	uint32_t at = tag + 2;

	at += wick_tpl_lex_has(lexer, at, "-") || wick_tpl_lex_has(lexer, at, "+");
	at = skip_space(lexer, at);
	if (!wick_tpl_lex_has(lexer, at, "raw"))
		return 0;
	at = skip_space(lexer, at + 3);
	if (wick_tpl_lex_has(lexer, at, "-%}"))
		return skip_space(lexer, at + 3);
	return wick_tpl_lex_has(lexer, at, "%}") ? at + 2 : 0;
}

/* The place behind "{% endraw %}" at `tag`; 0: this is another tag. */
static uint32_t endraw_end(const struct wick_tpl_lexer *lexer, uint32_t tag)
{
	uint32_t at = tag + 2;

	if (!wick_tpl_lex_has(lexer, tag, "{%"))
		return 0;
	at += wick_tpl_lex_has(lexer, at, "-") || wick_tpl_lex_has(lexer, at, "+");
	at = skip_space(lexer, at);
	return wick_tpl_lex_has(lexer, at, "endraw") ? block_end(lexer, skip_space(lexer, at + 6), "%}") : 0;
}

static void lex_raw(struct wick_tpl_lexer *lexer, uint32_t from)
{
	wick_tpl_lex_go(lexer, from);
	for (uint32_t tag = from; tag < lexer->end; tag++) {
		uint32_t after = endraw_end(lexer, tag);

		if (!after)
			continue;
		put_data(lexer, from, data_end(lexer, from, tag, false));
		wick_tpl_lex_go(lexer, after);
		return;
	}
	wick_tpl_lex_fail(lexer, "{%% raw %%} without {%% endraw %%}");
}

static void lex_comment(struct wick_tpl_lexer *lexer)
{
	for (uint32_t at = lexer->at; at < lexer->end; at++) {
		uint32_t after = block_end(lexer, at, "#}");

		if (after) {
			wick_tpl_lex_go(lexer, after);
			return;
		}
	}
	wick_tpl_lex_fail(lexer, "a comment that does not end");
}

/* From behind the opening of a tag to behind its end. */
static void lex_inside(struct wick_tpl_lexer *lexer, bool is_print)
{
	put_kind(lexer, is_print ? WICK_TPL_TOKEN_PRINT_BEGIN : WICK_TPL_TOKEN_BLOCK_BEGIN);
	lexer->open = 0;
	for (;;) {
		uint32_t after;

		wick_tpl_lex_go(lexer, skip_space(lexer, lexer->at));
		if (lexer->at >= lexer->end) {
			wick_tpl_lex_fail(lexer, "a tag that does not end");
			return;
		}
		after = is_print ? print_end(lexer, lexer->at) : block_end(lexer, lexer->at, "%}");
		if (after && !lexer->open) {
			put_kind(lexer, is_print ? WICK_TPL_TOKEN_PRINT_END : WICK_TPL_TOKEN_BLOCK_END);
			wick_tpl_lex_go(lexer, after);
			return;
		}
		wick_tpl_lex_token(lexer);
		if (lexer->ret)
			return;
	}
}

static uint32_t find_tag(const struct wick_tpl_lexer *lexer)
{
	uint32_t at = lexer->at;

	while (at + 1 < lexer->end &&
		!(lexer->text[at] == '{' && strchr("{%#", lexer->text[at + 1]) && lexer->text[at + 1]))
		at++;
	return at + 1 < lexer->end ? at : lexer->end;
}

/* The data up to a tag, and the tag. */
static void lex_part(struct wick_tpl_lexer *lexer)
{
	uint32_t from = lexer->at, tag = find_tag(lexer), raw;
	char kind = tag < lexer->end ? lexer->text[tag + 1] : 0;

	put_data(lexer, from, kind ? data_end(lexer, from, tag, kind == '{') : tag);
	wick_tpl_lex_go(lexer, tag);
	if (!kind || lexer->ret)
		return;
	raw = kind == '%' ? raw_end(lexer, tag) : 0;
	if (raw) {
		lex_raw(lexer, raw);
		return;
	}
	wick_tpl_lex_go(
		lexer, tag + 2 + (wick_tpl_lex_has(lexer, tag + 2, "-") || wick_tpl_lex_has(lexer, tag + 2, "+")));
	if (kind == '#')
		lex_comment(lexer);
	else
		lex_inside(lexer, kind == '{');
}

/* Copies the text with "\n" for every end of a line, and without the one at the end of all. */
static uint32_t copy_lines(char *into, const char *text, size_t bytes)
{
	uint32_t length = 0;

	for (size_t i = 0; i < bytes; i++) {
		if (text[i] == '\r' && i + 1 < bytes && text[i + 1] == '\n')
			continue;
		into[length++] = text[i] == '\r' ? '\n' : text[i];
	}
	return length - (length && into[length - 1] == '\n');
}

int wick_tpl_lex(struct wick_tpl_tokens *out, struct wick_arena *arena, const char *text, size_t bytes,
	const char *name, struct wick_diag *diag)
{
	struct wick_tpl_lexer lexer = { .out = out, .arena = arena, .line = 1, .name = name, .diag = diag };
	char *copy = wick_arena_take(arena, bytes + 1);

	*out = (struct wick_tpl_tokens){ 0 };
	if (!copy) {
		wick_tpl_lex_no_memory(&lexer);
		return lexer.ret;
	}
	lexer.text = copy;
	lexer.end = copy_lines(copy, text, bytes);
	copy[lexer.end] = 0;
	while (lexer.at < lexer.end)
		lex_part(&lexer);
	if (!lexer.ret)
		put_kind(&lexer, WICK_TPL_TOKEN_END);
	return lexer.ret;
}
