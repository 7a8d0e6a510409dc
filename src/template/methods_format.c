/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* "{} and {0}".format() and "%s and %d" %. */

#include "bits.h"
#include "functions.h"
#include "is_text.h"
#include "marked_text.h"
#include "methods.h"
#include "operators.h"

#include <string.h>

/* The value of a field, by the name or number between its braces. */
static struct wick_tpl_value field(struct wick_tpl_render *render, struct wick_tpl_value name,
	const struct wick_tpl_args *args, uint32_t *automatic)
{
	struct wick_tpl_value value = { 0 };
	uint32_t number = 0;

	if (name.length && *automatic)
		return wick_tpl_refuse(render, "after {}, the field of a format", name);
	for (uint32_t i = 0; i < name.length; i++)
		if (name.bytes[i] >= '0' && name.bytes[i] <= '9' && number < 1000)
			number = number * 10 + (uint32_t)(name.bytes[i] - '0');
		else if (wick_tpl_find(render, args->named.pairs, args->named.count, name, &value))
			return value;
		else
			return wick_tpl_refuse(render, "the field of a format", name);
	if (!name.length)
		number = (*automatic)++;
	if (number < args->given.count)
		return args->given.items[number];
	return wick_tpl_fail(render, "a format has more fields than values");
}

/* "{}, {0} and {name}": no more of Python's fields than these. */
struct wick_tpl_value wick_tpl_format(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_args *args)
{
	struct wick_tpl_text text = { render };
	uint32_t automatic = 0;

	for (uint32_t at = 0; at < self.length && wick_tpl_step(render, 1); at++) {
		char c = self.bytes[at];
		const char *close;
		uint32_t end;

		if (c != '{' && c != '}') {
			wick_tpl_text_add(&text, wick_tpl_cut(self, at, at + 1));
			continue;
		}
		if (at + 1 < self.length && self.bytes[at + 1] == c) {
			wick_tpl_text_add(&text, wick_tpl_cut(self, at, at + 1));
			at++;
			continue;
		}
		close = c == '{' ? memchr(self.bytes + at, '}', self.length - at) : NULL;
		if (!close)
			return wick_tpl_fail(render, "a brace in a format has no other");
		end = (uint32_t)(close - self.bytes);
		wick_tpl_text_show(&text, field(render, wick_tpl_cut(self, at + 1, end), args, &automatic));
		at = end;
	}
	return wick_tpl_text_value(&text);
}

/* One "%s" or "%d". */
static void put_value(struct wick_tpl_text *text, char letter, struct wick_tpl_value value)
{
	if (letter == 's')
		wick_tpl_text_show(text, value);
	else if (value.kind == WICK_TPL_INT)
		wick_tpl_text_repr(text, value);
	else
		wick_tpl_refuse(text->render, "%d in a format of",
			(struct wick_tpl_value){ .bytes = wick_tpl_kind_name(value),
				.length = (uint32_t)strlen(wick_tpl_kind_name(value)) });
}

struct wick_tpl_value wick_tpl_percent(
	struct wick_tpl_render *render, struct wick_tpl_value format_text, struct wick_tpl_value values)
{
	struct wick_tpl_value one[] = { values }, given = values;
	struct wick_tpl_text text = { render };
	uint32_t used = 0;

	if (values.kind == WICK_TPL_DICT)
		return wick_tpl_refuse(render, "a format with the values of", WICK_TPL_TEXT("a dict"));
	if (values.kind != WICK_TPL_TUPLE)
		given = (struct wick_tpl_value){ .kind = WICK_TPL_TUPLE, .length = 1, .items = one };
	for (uint32_t at = 0; at < format_text.length && wick_tpl_step(render, 1); at++) {
		char letter = at + 1 < format_text.length ? format_text.bytes[at + 1] : 0;

		if (format_text.bytes[at] != '%') {
			wick_tpl_text_add(&text, wick_tpl_cut(format_text, at, at + 1));
			continue;
		}
		at++;
		if (letter == '%')
			wick_tpl_text_add(&text, wick_tpl_cut(format_text, at, at + 1));
		else if (letter != 's' && letter != 'd')
			return wick_tpl_refuse(
				render, "a format with", wick_tpl_cut(format_text, at - 1, format_text.length));
		else if (used == given.length)
			return wick_tpl_fail(render, "a format has more fields than values");
		else
			put_value(&text, letter, given.items[used++]);
	}
	if (used != given.length)
		return wick_tpl_fail(render, "a format has fewer fields than values");
	return wick_tpl_text_value(&text);
}
