/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* A template: read once, rendered many times. */

#include "template.h"

#include "bits.h"
#include "json_input.h"
#include "marked_text.h"
#include "parse_tree.h"
#include "template_limits.h"
#include "utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct wick_template {
	struct wick_arena arena; /* of the tree, which lies in it with the text */
	struct wick_tpl_tree tree;
	char name[WICK_DIAG_NAME_BYTES];
};

static int check_text(const char *text, size_t bytes, const char *name, struct wick_diag *diag)
{
	uint32_t line = 1;

	if (bytes > wick_tpl_limits[WICK_TEMPLATE_BYTES].usual)
		return wick_tpl_beyond(WICK_TEMPLATE_BYTES, 0, name, line, diag);
	for (size_t at = 0; at < bytes;) {
		int length = wick_utf8_length(text + at, bytes - at);

		if (length <= 0)
			return wick_diag_say(diag, -EINVAL, "%s:%u: not UTF-8", wick_diag_name(name), line);
		line += text[at] == '\n';
		at += (size_t)length;
	}
	return 0;
}

static int parse(struct wick_template *template, const char *text, size_t bytes, struct wick_diag *diag)
{
	struct wick_tpl_tokens tokens;
	int ret = wick_tpl_lex(&tokens, &template->arena, text, bytes, template->name, diag);

	return ret ? ret : wick_tpl_parse(&template->tree, &template->arena, &tokens, template->name, diag);
}

int wick_template_parse(
	struct wick_template **out, const char *text, size_t bytes, const char *name, struct wick_diag *diag)
{
	int ret = check_text(text, bytes, name, diag);
	struct wick_template *template = NULL;

	*out = NULL;
	if (ret)
		return ret;
	template = calloc(1, sizeof(*template));
	if (!template)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory", wick_diag_name(name));
	template->arena.most_bytes = wick_tpl_limits[WICK_TEMPLATE_MEMORY].usual;
	snprintf(template->name, sizeof(template->name), "%s", wick_diag_name(name));
	ret = parse(template, text, bytes, diag);
	if (ret)
		wick_template_destroy(template);
	else
		*out = template;
	return ret;
}

void wick_template_destroy(struct wick_template *template)
{
	if (!template)
		return;
	wick_arena_free(&template->arena);
	free(template);
}

/* How many runs of bytes of one owner a text has. */
static size_t count_marks(struct wick_tpl_value string)
{
	size_t count = string.length > 0;

	for (uint32_t i = 1; string.marks && i < string.length; i++)
		count += string.marks[i] != string.marks[i - 1];
	return count;
}

static void fill_marks(struct wick_marked_text *out, struct wick_tpl_value string)
{
	for (uint32_t from = 0, end; from < string.length; from = end) {
		bool callers = wick_tpl_mark(string, from);

		for (end = from + 1; end < string.length && wick_tpl_mark(string, end) == callers;)
			end = string.marks ? end + 1 : string.length;
		out->marks[out->mark_count++] = (struct wick_mark){ .bytes = end - from, .callers = callers };
	}
}

static int give(struct wick_tpl_render *render, struct wick_marked_text *out, struct wick_tpl_value string)
{
	out->bytes = malloc(string.length + 1ull);
	out->marks = malloc(WICK_MAX(count_marks(string), 1u) * sizeof(*out->marks));
	if (!out->bytes || !out->marks)
		return wick_diag_say(render->diag, -ENOMEM, "%s: no memory", wick_diag_name(render->name));
	memcpy(out->bytes, string.bytes, string.length);
	out->bytes[string.length] = 0;
	out->length = string.length;
	fill_marks(out, string);
	return 0;
}

static void set_limits(struct wick_tpl_render *render, const uint64_t *limits)
{
	for (unsigned i = 0; i < WICK_TEMPLATE_LIMITS; i++)
		render->limits[i] = limits && limits[i] ? limits[i] : wick_tpl_limits[i].usual;
	render->arena.most_bytes = render->limits[WICK_TEMPLATE_MEMORY];
}

static void set_time(struct wick_tpl_render *render, const struct tm *now)
{
	time_t seconds = time(NULL);

	if (now)
		render->now = *now;
	else
		localtime_r(&seconds, &render->now);
}

int wick_template_render(const struct wick_template *template, const struct wick_template_input *input,
	struct wick_marked_text *out, struct wick_diag *diag)
{
	struct wick_tpl_render render = { .late = template->tree.late, .name = template->name, .diag = diag };
	struct wick_tpl_scope scope = { 0 };
	struct wick_tpl_value text;

	*out = (struct wick_marked_text){ 0 };
	render.scope = &scope;
	set_limits(&render, input->limits);
	set_time(&render, input->now);
	wick_tpl_input(&render, input->callers, true);
	wick_tpl_input(&render, input->templates, false);
	text = wick_tpl_capture(&render, template->tree.statements);
	if (!render.ret)
		render.ret = give(&render, out, text);
	wick_arena_free(&render.arena);
	if (render.ret)
		wick_marked_text_free(out);
	return render.ret;
}

void wick_marked_text_free(struct wick_marked_text *text)
{
	free(text->bytes);
	free(text->marks);
	*text = (struct wick_marked_text){ 0 };
}
