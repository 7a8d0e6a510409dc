/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Statements. */

#include "bits.h"
#include "parse_tree.h"
#include "parser.h"

static void expect_kind(struct wick_tpl_parser *parser, enum wick_tpl_token_kind kind, const char *text)
{
	if (parser->token->kind != kind) {
		wick_tpl_parse_fail(parser, "\"%s\" is missing", text);
		return;
	}
	wick_tpl_next(parser);
}

static struct wick_tpl_node *parse_until(struct wick_tpl_parser *parser, const char *const *ends);

/* A body up to one of the ends, which is the name after "{%". around counts bodies of its kind. */
static struct wick_tpl_node *parse_body(struct wick_tpl_parser *parser, unsigned *around, const char *const *ends)
{
	struct wick_tpl_node *body;

	expect_kind(parser, WICK_TPL_TOKEN_BLOCK_END, "%}");
	if (!wick_tpl_parse_enter(parser))
		return NULL;
	++*around;
	body = parse_until(parser, ends);
	--*around;
	wick_tpl_parse_leave(parser);
	return body;
}

/* A body that only one end can close, which is passed over. */
static struct wick_tpl_node *parse_whole_body(struct wick_tpl_parser *parser, unsigned *around, const char *end)
{
	struct wick_tpl_node *body = parse_body(parser, around, (const char *const[]){ end, NULL });

	wick_tpl_expect_name(parser, end);
	return body;
}

static void check_target_name(struct wick_tpl_parser *parser, const struct wick_tpl_node *node)
{
	static const char *const constants[] = { "true", "false", "none", "True", "False", "None" };

	for (size_t i = 0; i < WICK_COUNT_OF(constants); i++)
		if (node && wick_tpl_is_text(node->value, constants[i]))
			wick_tpl_parse_fail(parser, "\"%s\" cannot be assigned to", constants[i]);
}

static struct wick_tpl_node *parse_target_name(struct wick_tpl_parser *parser, bool with_namespace)
{
	struct wick_tpl_node *node = wick_tpl_node(parser, WICK_NODE_NAME), *attribute;

	if (!node)
		return NULL;
	node->value = wick_tpl_expect_any_name(parser);
	if (!with_namespace || !wick_tpl_skip_op(parser, WICK_OP_DOT)) {
		check_target_name(parser, node);
		return node;
	}
	attribute = wick_tpl_node(parser, WICK_NODE_ATTRIBUTE);
	if (attribute) {
		attribute->first = node;
		attribute->value = wick_tpl_expect_any_name(parser);
	}
	return attribute;
}

static struct wick_tpl_node *parse_target(struct wick_tpl_parser *parser, bool with_namespace)
{
	bool in_parentheses = wick_tpl_skip_op(parser, WICK_OP_LPAREN);
	struct wick_tpl_node *first = parse_target_name(parser, with_namespace), *tuple;
	struct wick_tpl_list_end list = { 0 };

	if (wick_tpl_at_op(parser, WICK_OP_COMMA)) {
		tuple = wick_tpl_node(parser, WICK_NODE_TUPLE);
		wick_tpl_append(&list, first);
		while (wick_tpl_skip_op(parser, WICK_OP_COMMA) && parser->token->kind == WICK_TPL_TOKEN_NAME &&
			!wick_tpl_at_name(parser, "in"))
			wick_tpl_append(&list, parse_target_name(parser, with_namespace));
		if (tuple)
			tuple->items = list.first;
		first = tuple;
	}
	if (in_parentheses)
		wick_tpl_expect_op(parser, WICK_OP_RPAREN, ")");
	return first;
}

/* "if" and "elif", from the condition on; "else" is the otherwise of the last. */
static void parse_if(struct wick_tpl_parser *parser, struct wick_tpl_node *node)
{
	static const char *const ends[] = { "elif", "else", "endif", NULL };

	for (;;) {
		node->first = wick_tpl_parse_tuple(parser, false);
		node->items = parse_body(parser, &parser->conditions, ends);
		if (!wick_tpl_skip_name(parser, "elif"))
			break;
		node->otherwise = wick_tpl_node(parser, WICK_NODE_IF);
		if (!node->otherwise)
			return;
		node = node->otherwise;
	}
	if (wick_tpl_skip_name(parser, "else"))
		node->otherwise = parse_whole_body(parser, &parser->conditions, "endif");
	else
		wick_tpl_expect_name(parser, "endif");
}

static void parse_for(struct wick_tpl_parser *parser, struct wick_tpl_node *node)
{
	static const char *const ends[] = { "else", "endfor", NULL };

	node->first = parse_target(parser, false);
	wick_tpl_expect_name(parser, "in");
	node->second = wick_tpl_parse_tuple(parser, false);
	parser->inside++;
	if (wick_tpl_skip_name(parser, "if"))
		node->third = wick_tpl_parse_expression(parser);
	parser->inside--;
	if (wick_tpl_at_name(parser, "recursive"))
		wick_tpl_parse_refuse(parser, "a loop that calls itself", parser->token->value);
	parser->loops++;
	node->items = parse_body(parser, &parser->inside, ends);
	parser->loops--;
	if (wick_tpl_skip_name(parser, "else"))
		node->otherwise = parse_whole_body(parser, &parser->inside, "endfor");
	else
		wick_tpl_expect_name(parser, "endfor");
}

/* Filters applied to what a block makes: the innermost's input is HELD. */
static struct wick_tpl_node *parse_block_filters(struct wick_tpl_parser *parser, bool begun)
{
	return wick_tpl_parse_filters(parser, wick_tpl_node(parser, WICK_NODE_HELD), begun);
}

/* A target's names, once its value has been read. */
static void see_target(struct wick_tpl_parser *parser, const struct wick_tpl_node *target)
{
	if (target && target->kind == WICK_NODE_TUPLE)
		for (const struct wick_tpl_node *part = target->items; part; part = part->next)
			see_target(parser, part);
	else if (target && target->kind == WICK_NODE_ATTRIBUTE)
		wick_tpl_see(parser, target->first->value, false);
	else if (target)
		wick_tpl_see(parser, target->value, true);
}

static void parse_set(struct wick_tpl_parser *parser, struct wick_tpl_node *node)
{
	node->first = parse_target(parser, true);
	if (wick_tpl_skip_op(parser, WICK_OP_ASSIGN)) {
		node->second = wick_tpl_parse_tuple(parser, true);
		see_target(parser, node->first);
		return;
	}
	node->kind = WICK_NODE_SET_BLOCK;
	see_target(parser, node->first);
	node->second = parse_block_filters(parser, false);
	node->items = parse_whole_body(parser, &parser->inside, "endset");
}

static struct wick_tpl_node *parse_parameter(struct wick_tpl_parser *parser, bool *has_default)
{
	struct wick_tpl_node *parameter = wick_tpl_node(parser, WICK_NODE_KEYWORD);

	if (!parameter)
		return NULL;
	parameter->value = wick_tpl_expect_any_name(parser);
	if (wick_tpl_skip_op(parser, WICK_OP_ASSIGN))
		parameter->first = wick_tpl_parse_expression(parser);
	else if (*has_default)
		wick_tpl_parse_fail(parser, "a parameter without a default follows one with a default");
	*has_default = parameter->first;
	return parameter;
}

static struct wick_tpl_node *parse_parameters(struct wick_tpl_parser *parser)
{
	struct wick_tpl_list_end list = { 0 };
	bool has_default = false;

	wick_tpl_expect_op(parser, WICK_OP_LPAREN, "(");
	while (!wick_tpl_at_op(parser, WICK_OP_RPAREN) && !parser->ret) {
		wick_tpl_append(&list, parse_parameter(parser, &has_default));
		if (!wick_tpl_skip_op(parser, WICK_OP_COMMA))
			break;
	}
	wick_tpl_expect_op(parser, WICK_OP_RPAREN, ")");
	return list.first;
}

static void parse_macro(struct wick_tpl_parser *parser, struct wick_tpl_node *node)
{
	unsigned loops = parser->loops, uses = parser->uses;

	parser->loops = parser->uses = 0;
	node->value = wick_tpl_expect_any_name(parser);
	wick_tpl_see(parser, node->value, true);
	parser->inside++;
	node->first = parse_parameters(parser);
	parser->inside--;
	node->items = parse_whole_body(parser, &parser->inside, "endmacro");
	node->op = (uint8_t)parser->uses;
	parser->loops = loops;
	parser->uses = uses;
}

static void parse_filter_block(struct wick_tpl_parser *parser, struct wick_tpl_node *node)
{
	node->second = parse_block_filters(parser, true);
	node->items = parse_whole_body(parser, &parser->inside, "endfilter");
}

static void parse_with(struct wick_tpl_parser *parser, struct wick_tpl_node *node)
{
	struct wick_tpl_list_end list = { 0 };

	while (parser->token->kind == WICK_TPL_TOKEN_NAME) {
		struct wick_tpl_node *keyword = wick_tpl_node(parser, WICK_NODE_KEYWORD);

		if (!keyword)
			return;
		keyword->value = wick_tpl_expect_any_name(parser);
		wick_tpl_expect_op(parser, WICK_OP_ASSIGN, "=");
		keyword->first = wick_tpl_parse_expression(parser);
		wick_tpl_append(&list, keyword);
		if (!wick_tpl_skip_op(parser, WICK_OP_COMMA))
			break;
	}
	node->first = list.first;
	node->items = parse_whole_body(parser, &parser->inside, "endwith");
}

/* Its body is a macro's in Jinja: no loop around it can be left from within. */
static void parse_generation(struct wick_tpl_parser *parser, struct wick_tpl_node *node)
{
	unsigned loops = parser->loops;

	parser->loops = 0;
	node->items = parse_whole_body(parser, &parser->inside, "endgeneration");
	parser->loops = loops;
}

static void parse_leave(struct wick_tpl_parser *parser, struct wick_tpl_node *node)
{
	(void)node;
	if (!parser->loops)
		wick_tpl_parse_fail(parser, "break or continue outside of a loop");
}

static const struct statement {
	const char *name;
	enum wick_tpl_node_kind kind;
	void (*parse)(struct wick_tpl_parser *parser, struct wick_tpl_node *node); /* NULL: outside of the subset */
} statements[] = {
	{ "if", WICK_NODE_IF, parse_if }, { "for", WICK_NODE_FOR, parse_for }, { "set", WICK_NODE_SET, parse_set },
	{ "macro", WICK_NODE_MACRO, parse_macro }, { "filter", WICK_NODE_FILTER_BLOCK, parse_filter_block },
	{ "with", WICK_NODE_WITH, parse_with }, { "generation", WICK_NODE_GENERATION, parse_generation },
	{ "break", WICK_NODE_BREAK, parse_leave }, { "continue", WICK_NODE_CONTINUE, parse_leave },
	{ "autoescape", 0, NULL }, { "block", 0, NULL }, { "call", 0, NULL }, { "extends", 0, NULL },
	{ "from", 0, NULL }, { "import", 0, NULL }, { "include", 0, NULL }, { "print", 0, NULL },
};

/* From behind "{%" on. */
static struct wick_tpl_node *parse_statement(struct wick_tpl_parser *parser)
{
	struct wick_tpl_value name = parser->token->value;
	struct wick_tpl_node *node;

	for (size_t i = 0; i < WICK_COUNT_OF(statements); i++) {
		if (!wick_tpl_at_name(parser, statements[i].name))
			continue;
		if (!statements[i].parse) {
			wick_tpl_parse_refuse(parser, "a statement", name);
			return NULL;
		}
		node = wick_tpl_node(parser, statements[i].kind);
		wick_tpl_next(parser);
		if (node)
			statements[i].parse(parser, node);
		expect_kind(parser, WICK_TPL_TOKEN_BLOCK_END, "%}");
		return node;
	}
	if (parser->token->kind == WICK_TPL_TOKEN_NAME)
		wick_tpl_parse_fail(
			parser, "unknown or misplaced statement \"%.*s\"", (int)WICK_MIN(name.length, 64u), name.bytes);
	else
		wick_tpl_parse_fail(parser, "a statement is missing");
	return NULL;
}

static struct wick_tpl_node *parse_print(struct wick_tpl_parser *parser)
{
	struct wick_tpl_node *node = wick_tpl_node(parser, WICK_NODE_PRINT);

	wick_tpl_next(parser);
	if (node)
		node->first = wick_tpl_parse_tuple(parser, true);
	expect_kind(parser, WICK_TPL_TOKEN_PRINT_END, "}}");
	return node;
}

static struct wick_tpl_node *parse_data(struct wick_tpl_parser *parser)
{
	struct wick_tpl_node *node = wick_tpl_node(parser, WICK_NODE_DATA);

	if (node)
		node->value = parser->token->value;
	wick_tpl_next(parser);
	return node;
}

static bool at_one_of(const struct wick_tpl_parser *parser, const char *const *names)
{
	for (; names && *names; names++)
		if (wick_tpl_at_name(parser, *names))
			return true;
	return false;
}

/* Statements up to an end; the token is then its name. Without ends, up to the end of the template. */
static struct wick_tpl_node *parse_until(struct wick_tpl_parser *parser, const char *const *ends)
{
	struct wick_tpl_list_end list = { 0 };

	while (parser->token->kind != WICK_TPL_TOKEN_END) {
		bool is_block = parser->token->kind == WICK_TPL_TOKEN_BLOCK_BEGIN;

		if (is_block) {
			wick_tpl_next(parser);
			if (at_one_of(parser, ends))
				return list.first;
		}
		wick_tpl_append(&list, is_block                                 ? parse_statement(parser)
				       : parser->token->kind == WICK_TPL_TOKEN_DATA ? parse_data(parser)
										: parse_print(parser));
	}
	if (ends && !parser->ret)
		wick_tpl_parse_fail(parser, "the template ends before \"%s\"", ends[0]);
	return list.first;
}

int wick_tpl_parse(struct wick_tpl_tree *tree, struct wick_arena *arena, const struct wick_tpl_tokens *tokens,
	const char *name, struct wick_diag *diag)
{
	struct wick_tpl_parser parser = { .arena = arena,
		.token = tokens->tokens,
		.end = tokens->tokens + tokens->count - 1,
		.name = name,
		.diag = diag };

	tree->statements = parse_until(&parser, NULL);
	tree->late = parser.late;
	return parser.ret;
}
