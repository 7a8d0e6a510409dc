/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* Filters that make a string or a number of one value. */

#include "bits.h"
#include "functions.h"
#include "marked_text.h"
#include "methods.h"
#include "operators.h"
#include "tojson.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FILTER(name)                                                                                                   \
	static struct wick_tpl_value name(                                                                             \
		struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_value *args)
#define NUMBER_BYTES 64

FILTER(trim)
{
	return wick_tpl_strip(render, wick_tpl_string(render, self), args[0], WICK_TPL_BOTH);
}

FILTER(lower)
{
	(void)args;
	return wick_tpl_recase(render, wick_tpl_string(render, self), WICK_TPL_LOWER);
}

FILTER(upper)
{
	(void)args;
	return wick_tpl_recase(render, wick_tpl_string(render, self), WICK_TPL_UPPER);
}

FILTER(title)
{
	(void)args;
	return wick_tpl_recase(render, wick_tpl_string(render, self), WICK_TPL_WORDS);
}

FILTER(capitalize)
{
	(void)args;
	return wick_tpl_recase(render, wick_tpl_string(render, self), WICK_TPL_CAPITALIZE);
}

FILTER(replace)
{
	bool all = wick_tpl_is_absent(args[2]) || args[2].kind == WICK_TPL_NONE;

	return wick_tpl_replace(render, wick_tpl_string(render, self), wick_tpl_string(render, args[0]),
		wick_tpl_string(render, args[1]), all ? -1 : wick_tpl_int_arg(render, args[2], -1));
}

FILTER(string)
{
	(void)args;
	return wick_tpl_string(render, self);
}

FILTER(safe)
{
	struct wick_tpl_value string = wick_tpl_string(render, self);

	(void)args;
	string.safe = true;
	return string;
}

FILTER(escape)
{
	struct wick_tpl_value string = wick_tpl_string(render, self);
	struct wick_tpl_text text = { render };

	(void)args;
	if (string.safe)
		return string;
	wick_tpl_text_escape(&text, string);
	string = wick_tpl_text_value(&text);
	string.safe = true;
	return string;
}

/* What each line but the first begins with: a string, or a number of spaces. */
static struct wick_tpl_value indention(struct wick_tpl_render *render, struct wick_tpl_value width)
{
	if (width.kind == WICK_TPL_STRING)
		return width;
	return wick_tpl_binary(
		render, WICK_OP_MUL, WICK_TPL_TEXT(" "), wick_tpl_int(wick_tpl_int_arg(render, width, 4)));
}

FILTER(indent)
{
	struct wick_tpl_value margin = indention(render, args[0]);
	bool first = wick_tpl_truth_arg(args[1], false), blank = wick_tpl_truth_arg(args[2], false);
	struct wick_tpl_text text = { render };
	struct wick_tpl_list lines;

	if (self.kind != WICK_TPL_STRING)
		return wick_tpl_fail_kind(render, "cannot indent", self);
	if (self.safe)
		return wick_tpl_refuse(render, "of a string that is marked safe, the filter", WICK_TPL_TEXT("indent"));
	lines = wick_tpl_lines(render, wick_tpl_binary(render, WICK_OP_ADD, self, WICK_TPL_TEXT("\n")), false);
	if (first)
		wick_tpl_text_add(&text, margin);
	for (uint32_t i = 0; i < lines.count && wick_tpl_step(render, 1); i++) {
		if (i)
			wick_tpl_text_add(&text, WICK_TPL_TEXT("\n"));
		if (i && (blank || lines.items[i].length))
			wick_tpl_text_add(&text, margin);
		wick_tpl_text_add(&text, lines.items[i]);
	}
	return wick_tpl_text_value(&text);
}

FILTER(tojson)
{
	struct wick_tpl_json style = { .ascii = wick_tpl_truth_arg(args[0], false),
		.sorted = wick_tpl_truth_arg(args[3], false) };
	struct wick_tpl_text text = { render };

	if (!wick_tpl_is_absent(args[1]) && args[1].kind != WICK_TPL_NONE)
		style.indent = indention(render, args[1]);
	style.between = style.indent.kind == WICK_TPL_STRING ? WICK_TPL_TEXT(",") : WICK_TPL_TEXT(", ");
	style.colon = WICK_TPL_TEXT(": ");
	if (!wick_tpl_is_absent(args[2]) && args[2].kind != WICK_TPL_NONE) {
		struct wick_tpl_value both = wick_tpl_walk(render, args[2]);

		if (both.length != 2)
			return wick_tpl_fail(render, "the separators of tojson are two strings");
		style.between = wick_tpl_string_arg(render, both.items[0], style.between);
		style.colon = wick_tpl_string_arg(render, both.items[1], style.colon);
	}
	wick_tpl_to_json(&text, self, &style);
	return wick_tpl_text_value(&text);
}

/* A string's digits as Python's int() and float() take them: white space around, single underscores between digits.
 * False: it is no such string. */
static bool plain_digits(struct wick_tpl_render *render, struct wick_tpl_value string, char *into)
{
	struct wick_tpl_value digits =
		wick_tpl_strip(render, string, (struct wick_tpl_value){ .kind = WICK_TPL_NONE }, WICK_TPL_BOTH);
	uint32_t length = 0;

	if (digits.length >= NUMBER_BYTES || !digits.length)
		return false;
	for (uint32_t i = 0; i < digits.length; i++) {
		char c = digits.bytes[i];
		bool between = i && i + 1 < digits.length && isdigit((unsigned char)digits.bytes[i - 1]) &&
			       isdigit((unsigned char)digits.bytes[i + 1]);

		if (c == '_' && between)
			continue;
		if (!isalnum((unsigned char)c) && !strchr("+-.", c))
			return false;
		into[length++] = c;
	}
	into[length] = 0;
	return true;
}

/* A string as a real number; false: it is none. "0x1p3", which C takes, is none in Python. */
static bool read_real(struct wick_tpl_render *render, struct wick_tpl_value string, double *real)
{
	char digits[NUMBER_BYTES], *end;

	if (!plain_digits(render, string, digits) || strpbrk(digits, "xX("))
		return false;
	*real = strtod(digits, &end);
	return !*end;
}

static struct wick_tpl_value whole(struct wick_tpl_render *render, double real, struct wick_tpl_value otherwise)
{
	if (real != real || isinf(real))
		return otherwise;
	if (fabs(real) >= 0x1p63)
		return wick_tpl_fail(render, "an integer beyond 64 bits is outside of what wick runs");
	return wick_tpl_int((int64_t)real);
}

static struct wick_tpl_value read_int(
	struct wick_tpl_render *render, struct wick_tpl_value string, struct wick_tpl_value otherwise)
{
	char digits[NUMBER_BYTES], *end;
	long long integer;
	double real;

	if (!plain_digits(render, string, digits))
		return otherwise;
	errno = 0;
	integer = strtoll(digits, &end, 10);
	if (!*end && !errno)
		return wick_tpl_int(integer);
	return read_real(render, string, &real) ? whole(render, real, otherwise) : otherwise;
}

FILTER(to_int)
{
	struct wick_tpl_value otherwise = wick_tpl_is_absent(args[0]) ? wick_tpl_int(0) : args[0], value = otherwise;

	if (!wick_tpl_is_absent(args[1]) && wick_tpl_int_arg(render, args[1], 10) != 10)
		return wick_tpl_refuse(render, "the filter", WICK_TPL_TEXT("int with another base than 10"));
	if (self.kind == WICK_TPL_UNDEFINED)
		return wick_tpl_fail_kind(render, "", self);
	if (self.kind == WICK_TPL_STRING)
		value = read_int(render, self, otherwise);
	else if (self.kind == WICK_TPL_FLOAT)
		value = whole(render, self.real, otherwise);
	else if (wick_tpl_is_number(self))
		value = wick_tpl_int(wick_tpl_integer(self));
	if (wick_tpl_is_number(value))
		value.callers |= self.callers || self.marks;
	return value;
}

FILTER(to_float)
{
	struct wick_tpl_value value = { .kind = WICK_TPL_FLOAT, .callers = self.callers || self.marks };
	struct wick_tpl_value otherwise =
		wick_tpl_is_absent(args[0]) ? (struct wick_tpl_value){ .kind = WICK_TPL_FLOAT } : args[0];

	if (self.kind == WICK_TPL_UNDEFINED)
		return wick_tpl_fail_kind(render, "", self);
	if (self.kind == WICK_TPL_FLOAT)
		return self;
	if (self.kind == WICK_TPL_STRING)
		return read_real(render, self, &value.real) ? value : otherwise;
	if (!wick_tpl_is_number(self))
		return otherwise;
	value.real = (double)wick_tpl_integer(self);
	return value;
}

FILTER(absolute)
{
	(void)args;
	if (self.kind == WICK_TPL_FLOAT)
		self.real = fabs(self.real);
	else if (!wick_tpl_is_number(self))
		return wick_tpl_fail_kind(render, "there is no absolute value of", self);
	else if (wick_tpl_integer(self) < 0)
		return wick_tpl_negate(render, self);
	else if (self.kind == WICK_TPL_BOOL)
		self = (struct wick_tpl_value){ .kind = WICK_TPL_INT, .callers = self.callers, .integer = self.truth };
	return self;
}

FILTER(otherwise)
{
	struct wick_tpl_value value = wick_tpl_is_absent(args[0]) ? WICK_TPL_TEXT("") : args[0];
	bool falsy = wick_tpl_truth_arg(args[1], false) && !wick_tpl_truth(self);

	(void)render;
	return self.kind == WICK_TPL_UNDEFINED || falsy ? value : self;
}

const struct wick_tpl_function wick_tpl_text_filters[] = {
	{ "trim", trim, 0, { "chars" } }, { "lower", lower }, { "upper", upper }, { "title", title },
	{ "capitalize", capitalize }, { "replace", replace, 2, { "old", "new", "count" } }, { "string", string },
	{ "safe", safe }, { "escape", escape }, { "e", escape },
	{ "indent", indent, 0, { "width", "first", "blank" } },
	{ "tojson", tojson, 0, { "ensure_ascii", "indent", "separators", "sort_keys" } },
	{ "int", to_int, 0, { "default", "base" } }, { "float", to_float, 0, { "default" } }, { "abs", absolute },
	{ "default", otherwise, 0, { "default_value", "boolean" } },
	{ "d", otherwise, 0, { "default_value", "boolean" } },
	{ "attr" }, { "center" }, { "filesizeformat" }, { "forceescape" }, { "format" }, { "pprint" }, { "round" },
	{ "striptags" }, { "truncate" }, { "urlencode" }, { "urlize" }, { "wordcount" }, { "wordwrap" },
	{ "xmlattr" },
	{ 0 },
};
