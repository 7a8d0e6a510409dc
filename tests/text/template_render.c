/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Renders templates for compare_templates. A line of the input is JSON, {"template", "callers", "templates"}; the answer to
 * it is a line, too: {"text", "marks"} where a mark is a number of bytes, below 0 for the caller's, or {"error"}. The time is
 * 2026-11-29 04:05:06. */

#include "template.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *marks_of(const struct wick_marked_text *text)
{
	json_t *marks = json_array();

	for (size_t i = 0; i < text->mark_count; i++)
		json_array_append_new(marks, json_integer((text->marks[i].callers ? -1 : 1) * (json_int_t)text->marks[i].bytes));
	return marks;
}

static json_t *answer_to(const json_t *question)
{
	static const struct tm now = { .tm_year = 126, .tm_mon = 10, .tm_mday = 29, .tm_hour = 4, .tm_min = 5, .tm_sec = 6,
		.tm_yday = 332 };
	const json_t *template = json_object_get(question, "template");
	const struct wick_template_input input = { .callers = json_object_get(question, "callers"),
		.templates = json_object_get(question, "templates"), .now = &now };
	struct wick_template *parsed;
	struct wick_marked_text text = { 0 };
	struct wick_diag diag = { 0 };
	json_t *answer;
	int ret = wick_template_parse(
		&parsed, json_string_value(template), json_string_length(template), "template", &diag);

	if (!ret)
		ret = wick_template_render(parsed, &input, &text, &diag);
	wick_template_destroy(parsed);
	answer = ret ? json_pack("{s:s}", "error", diag.text) :
		       json_pack("{s:s%, s:o}", "text", text.bytes, text.length, "marks", marks_of(&text));
	wick_marked_text_free(&text);
	return answer;
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t bytes;

	while ((bytes = getline(&line, &room, stdin)) > 0) {
		json_t *question = json_loadb(line, (size_t)bytes, JSON_ALLOW_NUL, NULL), *answer = answer_to(question);

		if (json_dumpf(answer, stdout, JSON_COMPACT) || puts("") < 0 || fflush(stdout))
			return 1;
		json_decref(answer);
		json_decref(question);
	}
	free(line);
	return 0;
}
