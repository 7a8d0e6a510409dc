/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* What methods and filters do with strings. */

#include "bits.h"
#include "characters.h"
#include "functions.h"
#include "is_text.h"
#include "marked_text.h"
#include "methods.h"
#include "operators.h"

#include <ctype.h>
#include <string.h>

static bool is_in(struct wick_tpl_value set, uint32_t code)
{
	if (set.kind != WICK_TPL_STRING)
		return wick_tpl_is_space(code);
	for (uint32_t at = 0, bytes; at < set.length; at += bytes)
		if (wick_tpl_character(set.bytes, at, &bytes) == code)
			return true;
	return false;
}

struct wick_tpl_value wick_tpl_strip(struct wick_tpl_render *render, struct wick_tpl_value string,
	struct wick_tpl_value set, enum wick_tpl_side sides)
{
	uint32_t from = 0, end = string.length, bytes;

	if (!wick_tpl_is_absent(set) && set.kind != WICK_TPL_NONE && set.kind != WICK_TPL_STRING)
		return wick_tpl_fail_kind(render, "cannot strip", set);
	while (sides & WICK_TPL_LEFT && from < end && wick_tpl_step(render, 1) &&
		is_in(set, wick_tpl_character(string.bytes, from, &bytes)))
		from += bytes;
	while (sides & WICK_TPL_RIGHT && end > from && wick_tpl_step(render, 1)) {
		uint32_t at = end - 1;

		while (at > from && wick_tpl_is_inside(string.bytes, at))
			at--;
		if (!is_in(set, wick_tpl_character(string.bytes, at, &bytes)))
			break;
		end = at;
	}
	return wick_tpl_cut(string, from, end);
}

/* An empty old string stands between all characters, and at both ends. */
static struct wick_tpl_value put_between(
	struct wick_tpl_render *render, struct wick_tpl_value string, struct wick_tpl_value new, int64_t most)
{
	struct wick_tpl_text text = { render };
	uint32_t at = 0, bytes = 0;

	for (; at < string.length && most && wick_tpl_step(render, 1); at += bytes, most--) {
		wick_tpl_character(string.bytes, at, &bytes);
		wick_tpl_text_add(&text, new);
		wick_tpl_text_add(&text, wick_tpl_cut(string, at, at + bytes));
	}
	wick_tpl_text_add(&text, most ? new : wick_tpl_cut(string, at, string.length));
	return wick_tpl_text_value(&text);
}

struct wick_tpl_value wick_tpl_replace(struct wick_tpl_render *render, struct wick_tpl_value string,
	struct wick_tpl_value old, struct wick_tpl_value new, int64_t most)
{
	struct wick_tpl_text text = { render };
	uint32_t from = 0;

	string.safe = false;
	if (!old.length)
		return put_between(render, string, new, most);
	while (most && string.length - from >= old.length && wick_tpl_step(render, 1)) {
		const char *found = memmem(string.bytes + from, string.length - from, old.bytes, old.length);
		uint32_t at = found ? (uint32_t)(found - string.bytes) : 0;

		if (!found)
			break;
		wick_tpl_text_add(&text, wick_tpl_cut(string, from, at));
		wick_tpl_text_add(&text, new);
		from = at + old.length;
		most--;
	}
	if (!from)
		return string;
	wick_tpl_text_add(&text, wick_tpl_cut(string, from, string.length));
	return wick_tpl_text_value(&text);
}

static bool ends_line(uint32_t code)
{
	return (code >= 10 && code <= 13) || (code >= 28 && code <= 30) || code == 0x85 || code == 0x2028 ||
	       code == 0x2029;
}

struct wick_tpl_list wick_tpl_lines(struct wick_tpl_render *render, struct wick_tpl_value string, bool keep)
{
	struct wick_tpl_list list = { 0 };
	uint32_t from = 0;

	for (uint32_t at = 0, bytes; at < string.length && !render->ret; at += bytes) {
		if (!ends_line(wick_tpl_character(string.bytes, at, &bytes)))
			continue;
		if (string.bytes[at] == '\r' && at + 1 < string.length && string.bytes[at + 1] == '\n')
			bytes = 2;
		wick_tpl_push(render, &list, wick_tpl_cut(string, from, keep ? at + bytes : at));
		from = at + bytes;
	}
	if (from < string.length)
		wick_tpl_push(render, &list, wick_tpl_cut(string, from, string.length));
	return list;
}

struct wick_tpl_value wick_tpl_join(
	struct wick_tpl_render *render, struct wick_tpl_value between, struct wick_tpl_value items)
{
	struct wick_tpl_text text = { render };

	for (uint32_t i = 0; i < items.length && wick_tpl_step(render, 1); i++) {
		if (i)
			wick_tpl_text_add(&text, between);
		wick_tpl_text_show(&text, items.items[i]);
	}
	return wick_tpl_text_value(&text);
}

static void put_recased(struct wick_tpl_text *text, struct wick_tpl_value string, uint32_t at, bool upper)
{
	uint32_t bytes, code = wick_tpl_character(string.bytes, at, &bytes);
	char into[4];

	if (!wick_tpl_can_recase(code, upper))
		wick_tpl_fail(text->render, "the case of U+%04X is outside of what wick runs" WICK_TPL_ADVICE, code);
	bytes = wick_tpl_encode(into, wick_tpl_recased(code, upper));
	wick_tpl_text_put(text, into, bytes, wick_tpl_mark(string, at));
}

/* Does a new word begin behind this character? */
static bool divides(struct wick_tpl_render *render, uint32_t code, enum wick_tpl_case as)
{
	if (as == WICK_TPL_WORDS)
		return wick_tpl_is_space(code) || (code < 0x80 && code && strchr("-({[<", (int)code));
	if (as == WICK_TPL_TITLE && code >= 0x80)
		wick_tpl_refuse(render, "beyond ASCII, the method", WICK_TPL_TEXT("title"));
	return as == WICK_TPL_TITLE && !isalpha((int)code);
}

struct wick_tpl_value wick_tpl_recase(
	struct wick_tpl_render *render, struct wick_tpl_value string, enum wick_tpl_case as)
{
	struct wick_tpl_text text = { render };
	struct wick_tpl_value recased;
	bool begins = true;

	for (uint32_t at = 0, bytes; at < string.length && wick_tpl_step(render, 1); at += bytes) {
		uint32_t code = wick_tpl_character(string.bytes, at, &bytes);

		put_recased(&text, string, at, as == WICK_TPL_UPPER || (as != WICK_TPL_LOWER && begins));
		begins = divides(render, code, as);
	}
	recased = wick_tpl_text_value(&text);
	recased.safe = string.safe;
	return recased;
}
