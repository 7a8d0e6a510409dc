/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Tokens within a tag, which are nearly Python's. */

#include "bits.h"
#include "lexer_state.h"
#include "lexer_string.h"
#include "template_limits.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 64

/* The place behind digits with single underscores between them. */
static uint32_t digits_end(const struct wick_tpl_lexer *lexer, uint32_t at)
{
	while (at < lexer->end &&
		(isdigit((unsigned char)lexer->text[at]) ||
			(lexer->text[at] == '_' && at + 1 < lexer->end && isdigit((unsigned char)lexer->text[at + 1]) &&
				lexer->text[at - 1] != '_')))
		at++;
	return at;
}

static bool is_digit(const struct wick_tpl_lexer *lexer, uint32_t at)
{
	return at < lexer->end && isdigit((unsigned char)lexer->text[at]);
}

/* The place behind the fraction and the exponent of a number, or `at` where it has none. */
static uint32_t fraction_end(const struct wick_tpl_lexer *lexer, uint32_t at)
{
	uint32_t sign;

	if (wick_tpl_lex_has(lexer, at, ".") && is_digit(lexer, at + 1))
		at = digits_end(lexer, at + 1);
	if (!wick_tpl_lex_has(lexer, at, "e") && !wick_tpl_lex_has(lexer, at, "E"))
		return at;
	sign = wick_tpl_lex_has(lexer, at + 1, "+") || wick_tpl_lex_has(lexer, at + 1, "-");
	return is_digit(lexer, at + 1 + sign) ? digits_end(lexer, at + 1 + sign) : at;
}

/* A number's text without underscores. False: it is too long. */
static bool plain_number(const struct wick_tpl_lexer *lexer, uint32_t from, uint32_t end, char *into)
{
	uint32_t length = 0;

	for (uint32_t i = from; i < end && length < NUMBER_BYTES - 1; i++)
		if (lexer->text[i] != '_')
			into[length++] = lexer->text[i];
	into[length] = 0;
	return end - from < NUMBER_BYTES;
}

/* 0x1f, 0o17, 0b11: 0 when no such number begins here. */
static int base_of(const struct wick_tpl_lexer *lexer)
{
	static const struct {
		char letter;
		int base;
	} bases[] = { { 'x', 16 }, { 'o', 8 }, { 'b', 2 } };

	for (size_t i = 0;
		i < WICK_COUNT_OF(bases) && wick_tpl_lex_has(lexer, lexer->at, "0") && lexer->at + 2 < lexer->end; i++)
		if ((lexer->text[lexer->at + 1] | 0x20) == bases[i].letter && isalnum(lexer->text[lexer->at + 2]))
			return bases[i].base;
	return 0;
}

static void put_integer(struct wick_tpl_lexer *lexer, const char *digits, int base)
{
	char *end;
	long long integer;

	errno = 0;
	integer = strtoll(digits, &end, base);
	if (errno || *end || end == digits) {
		wick_tpl_lex_fail(lexer, "\"%s\" is no integer of 64 bits", digits);
		return;
	}
	wick_tpl_lex_put(
		lexer, (struct wick_tpl_token){ .kind = WICK_TPL_TOKEN_CONST, .value = wick_tpl_int(integer) });
}

static void lex_number(struct wick_tpl_lexer *lexer)
{
	uint32_t from = lexer->at, end = digits_end(lexer, from), fraction;
	int base = base_of(lexer);
	char digits[NUMBER_BYTES];

	if (base) {
		for (end = from += 2; end < lexer->end && (isalnum(lexer->text[end]) || lexer->text[end] == '_');)
			end++;
	}
	fraction = base || (from && lexer->text[from - 1] == '.') ? end : fraction_end(lexer, end);
	if (!plain_number(lexer, from, fraction, digits)) {
		wick_tpl_lex_fail(lexer, "a number of %u digits", fraction - from);
		return;
	}
	if (fraction > end)
		wick_tpl_lex_put(lexer, (struct wick_tpl_token){ .kind = WICK_TPL_TOKEN_CONST,
						.value = { .kind = WICK_TPL_FLOAT, .real = strtod(digits, NULL) } });
	else if (!base && digits[0] == '0' && strspn(digits, "0") != strlen(digits)) {
		wick_tpl_lex_fail(lexer, "the number \"%s\" begins with 0", digits);
		return;
	} else
		put_integer(lexer, digits, base ? base : 10);
	wick_tpl_lex_go(lexer, WICK_MAX(lexer->at, fraction));
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static void lex_name(struct wick_tpl_lexer *lexer)
{
	uint32_t end = lexer->at;

	while (end < lexer->end && is_name(lexer->text[end]))
		end++;
	wick_tpl_lex_put(lexer, (struct wick_tpl_token){ .kind = WICK_TPL_TOKEN_NAME,
					.value = wick_tpl_lex_piece(lexer, lexer->at, end) });
	wick_tpl_lex_go(lexer, end);
}

static void lex_string(struct wick_tpl_lexer *lexer)
{
	struct wick_tpl_token token = { .kind = WICK_TPL_TOKEN_CONST };
	uint32_t end = lexer->at + 1;
	const char *wrong;
	int ret;

	while (end < lexer->end && lexer->text[end] != lexer->text[lexer->at])
		end += lexer->text[end] == '\\' ? 2 : 1;
	if (end >= lexer->end) {
		wick_tpl_lex_fail(lexer, "a string that does not end");
		return;
	}
	ret = wick_tpl_unescape(&token.value, lexer->arena, lexer->text + lexer->at + 1, end - lexer->at - 1, &wrong);
	if (ret == -ENOMEM) {
		wick_tpl_lex_no_memory(lexer);
		return;
	}
	if (ret) {
		wick_tpl_lex_fail(lexer, "in a string, %s", wrong);
		return;
	}
	wick_tpl_lex_put(lexer, token);
	wick_tpl_lex_go(lexer, end + 1);
}

static const struct operator
{
	char text[3];
	uint8_t op;
}
operators[] = {
	/* the longer first */
	{ "//", WICK_OP_FLOORDIV }, { "**", WICK_OP_POW }, { "==", WICK_OP_EQ }, { "!=", WICK_OP_NE },
	{ ">=", WICK_OP_GE }, { "<=", WICK_OP_LE }, { "+", WICK_OP_ADD }, { "-", WICK_OP_SUB }, { "/", WICK_OP_DIV },
	{ "*", WICK_OP_MUL }, { "%", WICK_OP_MOD }, { "~", WICK_OP_TILDE }, { "[", WICK_OP_LBRACKET },
	{ "]", WICK_OP_RBRACKET }, { "(", WICK_OP_LPAREN }, { ")", WICK_OP_RPAREN }, { "{", WICK_OP_LBRACE },
	{ "}", WICK_OP_RBRACE }, { ">", WICK_OP_GT }, { "<", WICK_OP_LT }, { "=", WICK_OP_ASSIGN },
	{ ".", WICK_OP_DOT }, { ":", WICK_OP_COLON }, { "|", WICK_OP_PIPE }, { ",", WICK_OP_COMMA },
	{ ";", WICK_OP_SEMICOLON },
};

/* Brackets within a tag are balanced, so that "}}" may end a dict. */
static void balance(struct wick_tpl_lexer *lexer, char c)
{
	static const char opening[] = "([{", closing[] = ")]}";
	const char *opens = strchr(opening, c);

	if (opens && lexer->open == WICK_TPL_BRACKETS_MAX) {
		wick_tpl_lex_fail(lexer, "more than %d open brackets", WICK_TPL_BRACKETS_MAX);
		return;
	}
	if (opens)
		lexer->brackets[lexer->open++] = closing[opens - opening];
	else if (strchr(closing, c) && (!lexer->open || lexer->brackets[--lexer->open] != c))
		wick_tpl_lex_fail(lexer, "unexpected \"%c\"", c);
}

static void lex_operator(struct wick_tpl_lexer *lexer)
{
	for (size_t i = 0; i < WICK_COUNT_OF(operators); i++) {
		if (!wick_tpl_lex_has(lexer, lexer->at, operators[i].text))
			continue;
		wick_tpl_lex_put(
			lexer, (struct wick_tpl_token){ .kind = WICK_TPL_TOKEN_OPERATOR, .op = operators[i].op });
		balance(lexer, operators[i].text[0]);
		wick_tpl_lex_go(lexer, WICK_MIN(lexer->end, lexer->at + (uint32_t)strlen(operators[i].text)));
		return;
	}
	if (lexer->text[lexer->at] & 0x80) {
		wick_tpl_lex_fail(lexer,
			"a character beyond ASCII within a tag, which is outside of what wick runs" WICK_TPL_ADVICE);
		return;
	}
	wick_tpl_lex_fail(lexer, "unexpected \"%c\"", lexer->text[lexer->at]);
}

void wick_tpl_lex_token(struct wick_tpl_lexer *lexer)
{
	char c = lexer->text[lexer->at];

	if (isdigit((unsigned char)c))
		lex_number(lexer);
	else if (is_name(c))
		lex_name(lexer);
	else if (c == '\'' || c == '"')
		lex_string(lexer);
	else
		lex_operator(lexer);
}
