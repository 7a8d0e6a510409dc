/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A string literal's escapes. None of them is shorter than the UTF-8 of its character. */

#include "lexer_string.h"

#include "bits.h"
#include "characters.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

struct literal {
	const char *text;
	uint32_t at, end;
	char *into;
	uint32_t length;
	const char *wrong;
};

static uint32_t digit_of(char c)
{
	return isdigit((unsigned char)c) ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a' + 10);
}

static void put_code(struct literal *literal, uint32_t code)
{
	if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		literal->wrong = "an escape is not a character";
	else
		literal->length += wick_tpl_encode(literal->into + literal->length, code);
}

/* The digits of \x, \u and \U. */
static void put_hex(struct literal *literal, uint32_t digits)
{
	uint32_t code = 0;

	for (uint32_t i = 0; i < digits; i++) {
		if (literal->at >= literal->end || !isxdigit((unsigned char)literal->text[literal->at])) {
			literal->wrong = "an escape has too few digits";
			return;
		}
		code = code << 4 | digit_of(literal->text[literal->at++]);
	}
	put_code(literal, code);
}

static void put_octal(struct literal *literal)
{
	uint32_t code = 0;

	for (uint32_t i = 0; i < 3 && literal->at < literal->end && literal->text[literal->at] >= '0' &&
			     literal->text[literal->at] <= '7';
		i++)
		code = code << 3 | digit_of(literal->text[literal->at++]);
	put_code(literal, code);
}

/* Behind a backslash. */
static void put_escape(struct literal *literal)
{
	static const char letters[] = "ntr\\'\"abfv", bytes[] = "\n\t\r\\'\"\a\b\f\v";
	char letter = literal->text[literal->at];
	const char *plain = letter ? strchr(letters, letter) : NULL;

	if (letter >= '0' && letter <= '7') {
		put_octal(literal);
		return;
	}
	literal->at++;
	if (plain)
		literal->into[literal->length++] = bytes[plain - letters];
	else if (letter == 'x')
		put_hex(literal, 2);
	else if (letter == 'u')
		put_hex(literal, 4);
	else if (letter == 'U')
		put_hex(literal, 8);
	else if (letter == 'N' || letter & 0x80)
		literal->wrong = "this escape is outside of what wick runs";
	else if (letter != '\n') {
		literal->into[literal->length++] = '\\';
		literal->into[literal->length++] = letter;
	}
}

int wick_tpl_unescape(
	struct wick_tpl_value *out, struct wick_arena *arena, const char *text, uint32_t bytes, const char **wrong)
{
	struct literal literal = { .text = text, .end = bytes, .into = wick_arena_take(arena, bytes) };

	if (!literal.into)
		return -ENOMEM;
	while (literal.at < literal.end && !literal.wrong) {
		if (text[literal.at] != '\\') {
			literal.into[literal.length++] = text[literal.at++];
			continue;
		}
		literal.at++;
		put_escape(&literal);
	}
	*wrong = literal.wrong;
	*out = (struct wick_tpl_value){ .kind = WICK_TPL_STRING, .bytes = literal.into, .length = literal.length };
	return literal.wrong ? -EINVAL : 0;
}
