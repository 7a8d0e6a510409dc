/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Thoughts and answer, told apart as the text comes. */

#include "thinking.h"

#include <string.h>

static const char begin_mark[] = "<think>", end_mark[] = "</think>";

void wick_thinking_begin(struct wick_thinking *thinking, bool inside)
{
	*thinking = (struct wick_thinking){ .state = inside ? WICK_THINKING_INSIDE : WICK_THINKING_BEFORE };
}

static void hand_over(bool thought, const char *text, size_t bytes, wick_thinking_fn take, void *user)
{
	if (bytes)
		take(user, thought, text, bytes);
}

/* Before anything else: white space (held back as newlines: it is kept only where an answer follows), then perhaps the
 * mark. Returns the bytes taken; where they are none, the answer has begun. */
static size_t skip_to_mark(struct wick_thinking *thinking, const char *text, wick_thinking_fn take, void *user)
{
	if (!thinking->matched && (*text == '\n' || *text == '\r')) {
		thinking->spaces += *text == '\n';
		return 1;
	}
	if (*text == begin_mark[thinking->matched]) {
		thinking->matched++;
		if (!begin_mark[thinking->matched])
			*thinking = (struct wick_thinking){ .state = WICK_THINKING_INSIDE };
		return 1;
	}
	wick_thinking_end(thinking, take, user);
	thinking->state = WICK_THINKING_ANSWER;
	return 0;
}

/* Thoughts up to the mark, of which a part may be at the end. As '<' is nowhere but at its beginning, what does not go on
 * with it was none of it. */
static size_t take_thoughts(struct wick_thinking *thinking, const char *text, size_t bytes, wick_thinking_fn take, void *user)
{
	const char *mark = thinking->matched ? text : memchr(text, '<', bytes);
	size_t at = mark ? (size_t)(mark - text) : bytes;

	hand_over(true, text, at, take, user);
	while (at < bytes && text[at] == end_mark[thinking->matched]) {
		at++;
		if (end_mark[++thinking->matched])
			continue;
		*thinking = (struct wick_thinking){ .state = WICK_THINKING_GAP };
		return at;
	}
	if (at < bytes) {
		hand_over(true, end_mark, thinking->matched, take, user);
		thinking->matched = 0;
	}
	return at;
}

static size_t skip_gap(struct wick_thinking *thinking, const char *text, size_t bytes)
{
	size_t spaces = 0;

	while (spaces < bytes && (text[spaces] == '\n' || text[spaces] == ' '))
		spaces++;
	if (spaces < bytes)
		thinking->state = WICK_THINKING_ANSWER;
	return spaces;
}

static size_t take_some(struct wick_thinking *thinking, const char *text, size_t bytes, wick_thinking_fn take, void *user)
{
	switch (thinking->state) {
	case WICK_THINKING_BEFORE:
		return skip_to_mark(thinking, text, take, user);
	case WICK_THINKING_INSIDE:
		return take_thoughts(thinking, text, bytes, take, user);
	case WICK_THINKING_GAP:
		return skip_gap(thinking, text, bytes);
	case WICK_THINKING_ANSWER:
		break;
	}
	hand_over(false, text, bytes, take, user);
	return bytes;
}

void wick_thinking_put(struct wick_thinking *thinking, const char *text, size_t bytes, wick_thinking_fn take, void *user)
{
	while (bytes) {
		size_t taken = take_some(thinking, text, bytes, take, user);

		text += taken;
		bytes -= taken;
	}
}

void wick_thinking_end(struct wick_thinking *thinking, wick_thinking_fn take, void *user)
{
	bool inside = thinking->state == WICK_THINKING_INSIDE;

	for (; thinking->spaces; thinking->spaces--)
		take(user, false, "\n", 1);
	hand_over(inside, inside ? end_mark : begin_mark, thinking->matched, take, user);
	thinking->matched = 0;
}
