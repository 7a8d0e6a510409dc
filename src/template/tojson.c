/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* A value as Python's json.dumps writes it. */

#include "tojson.h"

#include "bits.h"
#include "characters.h"
#include "functions.h"
#include "operators.h"

#include <stdlib.h>
#include <string.h>

struct writer {
	struct wick_tpl_text *text;
	const struct wick_tpl_json *style;
	unsigned level;
};

static void put(const struct writer *writer, const char *bytes, bool callers)
{
	wick_tpl_text_put(writer->text, bytes, strlen(bytes), callers);
}

static void put_line(const struct writer *writer)
{
	if (writer->style->indent.kind != WICK_TPL_STRING)
		return;
	put(writer, "\n", false);
	for (unsigned i = 0; i < writer->level; i++)
		wick_tpl_text_add(writer->text, writer->style->indent);
}

/* The escape of a character; "": it stands for itself. */
static void escape_of(char *into, size_t bytes, uint32_t code, bool ascii)
{
	static const char letters[] = "\"\\\b\f\n\r\t", escapes[] = "\"\\bfnrt";
	const char *plain = code && code < 0x80 ? strchr(letters, (int)code) : NULL;

	into[0] = 0;
	if (plain)
		snprintf(into, bytes, "\\%c", escapes[plain - letters]);
	else if (code >= 0x10000 && ascii)
		snprintf(into, bytes, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10), 0xdc00 + (code & 0x3ff));
	else if (code < 0x20 || (code >= 0x7f && ascii))
		snprintf(into, bytes, "\\u%04x", code);
}

static void put_string(const struct writer *writer, struct wick_tpl_value string)
{
	uint32_t from = 0;
	char escape[16];

	put(writer, "\"", false);
	for (uint32_t at = 0, bytes; at < string.length; at += bytes) {
		uint32_t code = wick_tpl_character(string.bytes, at, &bytes);

		escape_of(escape, sizeof(escape), code, writer->style->ascii);
		if (!escape[0])
			continue;
		wick_tpl_text_add(writer->text, wick_tpl_cut(string, from, at));
		put(writer, escape, wick_tpl_mark(string, at));
		from = at + bytes;
	}
	wick_tpl_text_add(writer->text, wick_tpl_cut(string, from, string.length));
	put(writer, "\"", false);
}

static void put_plain(const struct writer *writer, struct wick_tpl_value value)
{
	if (value.kind == WICK_TPL_NONE)
		put(writer, "null", value.callers);
	else if (value.kind == WICK_TPL_BOOL)
		put(writer, value.truth ? "true" : "false", value.callers);
	else if (value.kind == WICK_TPL_FLOAT && value.real != value.real)
		put(writer, "NaN", value.callers);
	else if (value.kind == WICK_TPL_FLOAT && (value.real - value.real) != 0)
		put(writer, value.real < 0 ? "-Infinity" : "Infinity", value.callers);
	else if (wick_tpl_is_number(value))
		wick_tpl_text_repr(writer->text, value);
	else
		wick_tpl_fail_kind(writer->text->render, "there is no JSON of", value);
}

static void put_value(struct writer *writer, struct wick_tpl_value value);

static void put_items(struct writer *writer, struct wick_tpl_value value)
{
	put(writer, "[", false);
	writer->level++;
	for (uint32_t i = 0; i < value.length && wick_tpl_step(writer->text->render, 1); i++) {
		if (i)
			wick_tpl_text_add(writer->text, writer->style->between);
		put_line(writer);
		put_value(writer, value.items[i]);
	}
	writer->level--;
	if (value.length)
		put_line(writer);
	put(writer, "]", false);
}

/* A key that is a number or a truth value is written as JSON in quotes. */
static void put_key(struct writer *writer, struct wick_tpl_value key)
{
	if (key.kind == WICK_TPL_STRING) {
		put_string(writer, key);
		return;
	}
	put(writer, "\"", false);
	put_plain(writer, key);
	put(writer, "\"", false);
}

static struct wick_tpl_value in_order(struct wick_tpl_render *render, struct wick_tpl_value dict)
{
	struct wick_tpl_value values[WICK_TPL_PARAMETERS] = { wick_tpl_bool(true), { .kind = WICK_TPL_KINDS },
		{ .kind = WICK_TPL_KINDS }, { .kind = WICK_TPL_KINDS } };
	const struct wick_tpl_function *dictsort =
		wick_tpl_find_function(wick_tpl_list_filters, WICK_TPL_TEXT("dictsort"));
	struct wick_tpl_value pairs = dictsort->apply(render, dict, values);
	struct wick_tpl_space space = { 0 };

	for (uint32_t i = 0; i < pairs.length && !render->ret; i++)
		wick_tpl_add_pair(
			render, &space, (struct wick_tpl_pair){ pairs.items[i].items[0], pairs.items[i].items[1] });
	return wick_tpl_dict_value(&space);
}

static void put_pairs(struct writer *writer, struct wick_tpl_value dict)
{
	if (writer->style->sorted)
		dict = in_order(writer->text->render, dict);
	put(writer, "{", false);
	writer->level++;
	for (uint32_t i = 0; i < dict.length && wick_tpl_step(writer->text->render, 1); i++) {
		if (i)
			wick_tpl_text_add(writer->text, writer->style->between);
		put_line(writer);
		put_key(writer, dict.pairs[i].key);
		wick_tpl_text_add(writer->text, writer->style->colon);
		put_value(writer, dict.pairs[i].value);
	}
	writer->level--;
	if (dict.length)
		put_line(writer);
	put(writer, "}", false);
}

static void put_value(struct writer *writer, struct wick_tpl_value value)
{
	if (wick_tpl_enter(writer->text->render)) {
		if (value.kind == WICK_TPL_LIST || value.kind == WICK_TPL_TUPLE)
			put_items(writer, value);
		else if (value.kind == WICK_TPL_DICT)
			put_pairs(writer, value);
		else if (value.kind == WICK_TPL_STRING)
			put_string(writer, value);
		else
			put_plain(writer, value);
	}
	wick_tpl_leave(writer->text->render);
}

void wick_tpl_to_json(struct wick_tpl_text *text, struct wick_tpl_value value, const struct wick_tpl_json *style)
{
	struct writer writer = { .text = text, .style = style };

	put_value(&writer, value);
}
