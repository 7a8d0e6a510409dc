/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* Values as Python prints them. */

#include "bits.h"
#include "characters.h"
#include "marked_text.h"
#include "operators.h"
#include "sequence.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put(struct wick_tpl_text *text, const char *bytes, bool callers)
{
	wick_tpl_text_put(text, bytes, strlen(bytes), callers);
}

/* The fewest digits that give the number back: %e writes them as d.ddde+XX. */
static void shortest(char *digits, size_t bytes, double real)
{
	for (int precision = 0; precision < 17; precision++) {
		snprintf(digits, bytes, "%.*e", precision, real);
		if (strtod(digits, NULL) == real)
			return;
	}
}

void wick_tpl_float(char *into, double real)
{
	char digits[WICK_TPL_FLOAT_BYTES];
	int exponent, precision;

	if (!isfinite(real)) {
		strcpy(into, isnan(real) ? "nan" : real < 0 ? "-inf" : "inf");
		return;
	}
	shortest(digits, sizeof(digits), real);
	exponent = atoi(strchr(digits, 'e') + 1);
	precision = (int)(strchr(digits, 'e') - digits) - (digits[0] == '-') - 1;
	precision -= precision > 0;
	if (exponent < -4 || exponent >= 16)
		strcpy(into, digits);
	else
		snprintf(into, WICK_TPL_FLOAT_BYTES, "%.*f", WICK_MAX(1, precision - exponent), real);
}

static void put_number(struct wick_tpl_text *text, struct wick_tpl_value value)
{
	char digits[WICK_TPL_FLOAT_BYTES];

	if (value.kind == WICK_TPL_INT)
		snprintf(digits, sizeof(digits), "%" PRId64, value.integer);
	else
		wick_tpl_float(digits, value.real);
	put(text, digits, value.callers);
}

/* A character of a string as repr() shows it; it is `bytes` long. */
static void put_character(
	struct wick_tpl_text *text, struct wick_tpl_value string, uint32_t at, uint32_t bytes, char quote)
{
	static const char letters[] = "\n\r\t\\", escapes[] = "nrt\\";
	uint32_t ignored, code = wick_tpl_character(string.bytes, at, &ignored);
	const char *plain = code && code < 0x80 ? strchr(letters, (char)code) : NULL;
	bool callers = wick_tpl_mark(string, at);
	char escape[16];

	if (plain)
		snprintf(escape, sizeof(escape), "\\%c", escapes[plain - letters]);
	else if (code == (uint8_t)quote)
		snprintf(escape, sizeof(escape), "\\%c", quote);
	else if (wick_tpl_is_printable(code)) {
		wick_tpl_text_add(text, wick_tpl_cut(string, at, at + bytes));
		return;
	} else
		snprintf(escape, sizeof(escape),
			code < 0x100     ? "\\x%02x"
			: code < 0x10000 ? "\\u%04x"
					 : "\\U%08x",
			code);
	put(text, escape, callers);
}

static void put_quoted(struct wick_tpl_text *text, struct wick_tpl_value string)
{
	bool has_single = string.length && memchr(string.bytes, '\'', string.length);
	bool has_double = string.length && memchr(string.bytes, '"', string.length);
	char quote[2] = { has_single && !has_double ? '"' : '\'' };

	put(text, quote, false);
	for (uint32_t at = 0, bytes; at < string.length; at += bytes) {
		wick_tpl_character(string.bytes, at, &bytes);
		put_character(text, string, at, bytes, quote[0]);
	}
	put(text, quote, false);
}

static void put_items(struct wick_tpl_text *text, struct wick_tpl_value value, const char *open, const char *close)
{
	put(text, open, false);
	for (uint32_t i = 0; i < value.length && wick_tpl_step(text->render, 1); i++) {
		if (i)
			put(text, ", ", false);
		wick_tpl_text_repr(text, value.items[i]);
	}
	put(text, close, false);
}

static void put_pairs(struct wick_tpl_text *text, const struct wick_tpl_pair *pairs, uint32_t count)
{
	put(text, "{", false);
	for (uint32_t i = 0; i < count && wick_tpl_step(text->render, 1); i++) {
		if (i)
			put(text, ", ", false);
		wick_tpl_text_repr(text, pairs[i].key);
		put(text, ": ", false);
		wick_tpl_text_repr(text, pairs[i].value);
	}
	put(text, "}", false);
}

/* Nothing that contains others. */
static void put_plain(struct wick_tpl_text *text, struct wick_tpl_value value)
{
	if (value.kind == WICK_TPL_NONE)
		put(text, "None", value.callers);
	else if (value.kind == WICK_TPL_BOOL)
		put(text, value.truth ? "True" : "False", value.callers);
	else if (value.kind == WICK_TPL_INT || value.kind == WICK_TPL_FLOAT)
		put_number(text, value);
	else if (value.kind == WICK_TPL_UNDEFINED)
		put(text, "Undefined", false);
	else if (value.kind == WICK_TPL_STRING && value.safe)
		wick_tpl_refuse(text->render, "printing within a list", WICK_TPL_TEXT("a string that is marked safe"));
	else if (value.kind == WICK_TPL_STRING)
		put_quoted(text, value);
	else
		wick_tpl_refuse(text->render, "printing",
			(struct wick_tpl_value){ .bytes = wick_tpl_kind_name(value),
				.length = (uint32_t)strlen(wick_tpl_kind_name(value)) });
}

void wick_tpl_text_repr(struct wick_tpl_text *text, struct wick_tpl_value value)
{
	if (wick_tpl_enter(text->render)) {
		if (value.kind == WICK_TPL_LIST)
			put_items(text, value, "[", "]");
		else if (value.kind == WICK_TPL_TUPLE)
			put_items(text, value, "(", value.length == 1 ? ",)" : ")");
		else if (value.kind == WICK_TPL_DICT)
			put_pairs(text, value.pairs, value.length);
		else
			put_plain(text, value);
	}
	wick_tpl_leave(text->render);
}

void wick_tpl_text_show(struct wick_tpl_text *text, struct wick_tpl_value value)
{
	if (value.kind == WICK_TPL_STRING)
		wick_tpl_text_add(text, value);
	else if (value.kind != WICK_TPL_UNDEFINED)
		wick_tpl_text_repr(text, value);
}
