/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* What the parser's parts are made of. */

#include "parser.h"

#include "bits.h"
#include "parse_tree.h"

#include <errno.h>
#include <string.h>

struct wick_tpl_node *wick_tpl_node(struct wick_tpl_parser *parser, enum wick_tpl_node_kind kind)
{
	struct wick_tpl_node *node = parser->ret ? NULL : wick_arena_take(parser->arena, sizeof(*node));

	if (node) {
		*node = (struct wick_tpl_node){ .kind = (uint8_t)kind, .line = parser->token->line };
		return node;
	}
	if (!parser->ret)
		parser->ret = wick_diag_say(parser->diag, -ENOMEM, "%s: no memory", wick_diag_name(parser->name));
	parser->token = parser->end;
	return NULL;
}

struct wick_tpl_node *wick_tpl_node_of(struct wick_tpl_parser *parser, enum wick_tpl_node_kind kind,
	struct wick_tpl_node *first, struct wick_tpl_node *second)
{
	struct wick_tpl_node *node = wick_tpl_node(parser, kind);

	if (node) {
		node->first = first;
		node->second = second;
	}
	return node;
}

void wick_tpl_append(struct wick_tpl_list_end *list, struct wick_tpl_node *node)
{
	if (!node)
		return;
	if (list->first)
		*list->end = node;
	else
		list->first = node;
	list->end = &node->next;
}

static void go_beyond(struct wick_tpl_parser *parser, enum wick_template_limit limit)
{
	if (!parser->ret)
		parser->ret = wick_tpl_beyond(limit, 0, parser->name, parser->token->line, parser->diag);
	parser->token = parser->end;
}

bool wick_tpl_is_listed(const struct wick_tpl_node *list, struct wick_tpl_value name)
{
	while (list && (list->value.length != name.length || memcmp(list->value.bytes, name.bytes, name.length)))
		list = list->next;
	return list;
}

void wick_tpl_see(struct wick_tpl_parser *parser, struct wick_tpl_value name, bool is_set)
{
	struct wick_tpl_node **list = is_set && !parser->conditions ? &parser->late : &parser->seen, *node;

	if (parser->inside || wick_tpl_is_listed(parser->seen, name) || wick_tpl_is_listed(parser->late, name))
		return;
	if (++parser->names > wick_tpl_limits[WICK_TEMPLATE_NAMES].usual)
		go_beyond(parser, WICK_TEMPLATE_NAMES);
	node = wick_tpl_node(parser, WICK_NODE_NAME);
	if (!node)
		return;
	node->value = name;
	node->next = *list;
	*list = node;
}

void wick_tpl_parse_fail(struct wick_tpl_parser *parser, const char *format, ...)
{
	char why[512];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (!parser->ret)
		parser->ret = wick_diag_say(
			parser->diag, -EINVAL, "%s:%u: %s", wick_diag_name(parser->name), parser->token->line, why);
	parser->token = parser->end;
}

void wick_tpl_parse_refuse(struct wick_tpl_parser *parser, const char *what, struct wick_tpl_value name)
{
	wick_tpl_parse_fail(parser, "%s, \"%.*s\", which is outside of what wick runs" WICK_TPL_ADVICE, what,
		(int)WICK_MIN(name.length, 64u), name.bytes);
}

bool wick_tpl_parse_enter(struct wick_tpl_parser *parser)
{
	if (parser->depth == wick_tpl_limits[WICK_TEMPLATE_NESTING].usual && !parser->ret) {
		parser->ret =
			wick_tpl_beyond(WICK_TEMPLATE_NESTING, 0, parser->name, parser->token->line, parser->diag);
		parser->token = parser->end;
	}
	if (parser->ret)
		return false;
	parser->depth++;
	return true;
}

void wick_tpl_parse_leave(struct wick_tpl_parser *parser)
{
	parser->depth--;
}

void wick_tpl_next(struct wick_tpl_parser *parser)
{
	if (parser->token < parser->end)
		parser->token++;
}

bool wick_tpl_at_op(const struct wick_tpl_parser *parser, enum wick_tpl_op op)
{
	return parser->token->kind == WICK_TPL_TOKEN_OPERATOR && parser->token->op == op;
}

bool wick_tpl_at_name(const struct wick_tpl_parser *parser, const char *name)
{
	return parser->token->kind == WICK_TPL_TOKEN_NAME && wick_tpl_is_text(parser->token->value, name);
}

bool wick_tpl_skip_op(struct wick_tpl_parser *parser, enum wick_tpl_op op)
{
	bool is = wick_tpl_at_op(parser, op);

	if (is)
		wick_tpl_next(parser);
	return is;
}

bool wick_tpl_skip_name(struct wick_tpl_parser *parser, const char *name)
{
	bool is = wick_tpl_at_name(parser, name);

	if (is)
		wick_tpl_next(parser);
	return is;
}

void wick_tpl_expect_op(struct wick_tpl_parser *parser, enum wick_tpl_op op, const char *text)
{
	if (!wick_tpl_skip_op(parser, op))
		wick_tpl_parse_fail(parser, "\"%s\" is missing", text);
}

void wick_tpl_expect_name(struct wick_tpl_parser *parser, const char *name)
{
	if (!wick_tpl_skip_name(parser, name))
		wick_tpl_parse_fail(parser, "\"%s\" is missing", name);
}

struct wick_tpl_value wick_tpl_expect_any_name(struct wick_tpl_parser *parser)
{
	struct wick_tpl_value name = parser->token->value;

	if (parser->token->kind != WICK_TPL_TOKEN_NAME) {
		wick_tpl_parse_fail(parser, "a name is missing");
		return WICK_TPL_TEXT("");
	}
	wick_tpl_next(parser);
	return name;
}
