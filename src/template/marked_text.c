/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* Strings that are put together. */

#include "marked_text.h"

#include "bits.h"
#include "operators.h"
#include "sequence.h"

#include <string.h>

#define FIRST_ROOM 64u
#define BYTES_OF_STEP 64u

/* Room for more bytes, and for their marks once these are kept. */
static bool reserve(struct wick_tpl_text *text, uint64_t more)
{
	uint64_t needed = text->length + more, room = WICK_MAX(FIRST_ROOM, text->room);
	uint8_t *marks = text->marks;
	char *bytes;

	if (!wick_tpl_within(text->render, WICK_TEMPLATE_OUTPUT, needed) ||
		!wick_tpl_step(text->render, more / BYTES_OF_STEP))
		return false;
	if (needed <= text->room)
		return true;
	while (room < needed)
		room *= 2;
	bytes = wick_tpl_take(text->render, room);
	if (marks)
		marks = wick_tpl_take(text->render, room);
	if (!bytes || (text->marks && !marks))
		return false;
	if (text->length)
		memcpy(bytes, text->bytes, text->length);
	if (text->length && marks)
		memcpy(marks, text->marks, text->length);
	text->bytes = bytes;
	text->marks = marks;
	text->room = room;
	return true;
}

static bool keep_marks(struct wick_tpl_text *text)
{
	if (text->marks)
		return true;
	text->marks = wick_tpl_take(text->render, text->room);
	if (text->marks)
		memset(text->marks, text->callers, text->length);
	return text->marks;
}

void wick_tpl_text_put(struct wick_tpl_text *text, const char *bytes, uint64_t length, bool callers)
{
	if (!length || !reserve(text, length))
		return;
	if (!text->length)
		text->callers = callers;
	if ((text->marks || text->callers != callers) && !keep_marks(text))
		return;
	memcpy(text->bytes + text->length, bytes, length);
	if (text->marks)
		memset(text->marks + text->length, callers, length);
	text->length += length;
}

/* Bytes of both owners. */
static void put_marked(struct wick_tpl_text *text, struct wick_tpl_value string)
{
	if (!string.length || !reserve(text, string.length) || !keep_marks(text))
		return;
	memcpy(text->bytes + text->length, string.bytes, string.length);
	memcpy(text->marks + text->length, string.marks, string.length);
	text->length += string.length;
}

void wick_tpl_text_add(struct wick_tpl_text *text, struct wick_tpl_value string)
{
	if (string.marks)
		put_marked(text, string);
	else
		wick_tpl_text_put(text, string.bytes, string.length, string.callers);
}

void wick_tpl_text_escape(struct wick_tpl_text *text, struct wick_tpl_value string)
{
	static const char characters[] = "&<>\"'";
	static const char *const escapes[] = { "&amp;", "&lt;", "&gt;", "&#34;", "&#39;" };
	uint32_t from = 0;

	for (uint32_t i = 0; i < string.length; i++) {
		const char *found = string.bytes[i] ? strchr(characters, string.bytes[i]) : NULL;
		const char *escape = found ? escapes[found - characters] : NULL;

		if (!escape)
			continue;
		wick_tpl_text_add(text, wick_tpl_cut(string, from, i));
		wick_tpl_text_put(text, escape, strlen(escape), wick_tpl_mark(string, i));
		from = i + 1;
	}
	wick_tpl_text_add(text, wick_tpl_cut(string, from, string.length));
}

struct wick_tpl_value wick_tpl_text_value(const struct wick_tpl_text *text)
{
	return (struct wick_tpl_value){ .kind = WICK_TPL_STRING,
		.callers = text->callers,
		.length = (uint32_t)text->length,
		.marks = text->marks,
		.bytes = text->bytes ? text->bytes : "" };
}

struct wick_tpl_value wick_tpl_string(struct wick_tpl_render *render, struct wick_tpl_value value)
{
	struct wick_tpl_text text = { render };

	if (value.kind == WICK_TPL_STRING)
		return value;
	wick_tpl_text_show(&text, value);
	return wick_tpl_text_value(&text);
}
