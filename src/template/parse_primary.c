/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* What stands between operators: names, literals, calls, attributes, filters, tests. */

#include "parser.h"

#include "bits.h"

#include <string.h>

static struct wick_tpl_node *constant(struct wick_tpl_parser *parser, struct wick_tpl_value value)
{
	struct wick_tpl_node *node = wick_tpl_node(parser, WICK_NODE_CONST);

	if (node)
		node->value = value;
	return node;
}

/* Strings that stand side by side are one. */
static struct wick_tpl_node *parse_strings(struct wick_tpl_parser *parser)
{
	const struct wick_tpl_token *first = parser->token;
	struct wick_tpl_value joined = first->value;
	uint64_t length = 0;
	char *bytes;

	while (parser->token->kind == WICK_TPL_TOKEN_CONST && parser->token->value.kind == WICK_TPL_STRING) {
		length += parser->token->value.length;
		wick_tpl_next(parser);
	}
	if (parser->token == first + 1)
		return constant(parser, joined);
	bytes = wick_arena_take(parser->arena, length);
	if (!bytes)
		return wick_tpl_node(parser, WICK_NODE_CONST); /* which says so */
	joined.bytes = bytes;
	joined.length = (uint32_t)length;
	for (; first < parser->token; bytes += first++->value.length)
		memcpy(bytes, first->value.bytes, first->value.length);
	return constant(parser, joined);
}

static struct wick_tpl_node *parse_name(struct wick_tpl_parser *parser)
{
	static const struct {
		const char *name;
		struct wick_tpl_value value;
	} constants[] = {
		{ "true", { .kind = WICK_TPL_BOOL, .truth = true } },
		{ "True", { .kind = WICK_TPL_BOOL, .truth = true } },
		{ "false", { .kind = WICK_TPL_BOOL } },
		{ "False", { .kind = WICK_TPL_BOOL } },
		{ "none", { .kind = WICK_TPL_NONE } },
		{ "None", { .kind = WICK_TPL_NONE } },
	};
	struct wick_tpl_node *node = wick_tpl_node(parser, WICK_NODE_NAME);

	if (!node)
		return NULL;
	node->value = parser->token->value;
	for (size_t i = 0; i < WICK_COUNT_OF(constants); i++)
		if (wick_tpl_is_text(node->value, constants[i].name)) {
			node->kind = WICK_NODE_CONST;
			node->value = constants[i].value;
		}
	if (node->kind == WICK_NODE_NAME)
		wick_tpl_see(parser, node->value, false);
	if (wick_tpl_is_text(node->value, "varargs"))
		parser->uses |= WICK_USES_VARARGS;
	if (wick_tpl_is_text(node->value, "kwargs"))
		parser->uses |= WICK_USES_KWARGS;
	wick_tpl_next(parser);
	return node;
}

/* The elements up to a closing bracket; a comma may stand behind the last. */
static struct wick_tpl_node *parse_elements(struct wick_tpl_parser *parser, enum wick_tpl_op closing, const char *text)
{
	struct wick_tpl_list_end list = { 0 };

	while (!wick_tpl_at_op(parser, closing) && !parser->ret) {
		wick_tpl_append(&list, wick_tpl_parse_expression(parser));
		if (!wick_tpl_skip_op(parser, WICK_OP_COMMA))
			break;
	}
	wick_tpl_expect_op(parser, closing, text);
	return list.first;
}

static struct wick_tpl_node *parse_list(struct wick_tpl_parser *parser)
{
	struct wick_tpl_node *node = wick_tpl_node(parser, WICK_NODE_LIST);

	wick_tpl_next(parser);
	if (node)
		node->items = parse_elements(parser, WICK_OP_RBRACKET, "]");
	return node;
}

static struct wick_tpl_node *parse_pair(struct wick_tpl_parser *parser)
{
	struct wick_tpl_node *pair = wick_tpl_node(parser, WICK_NODE_PAIR);

	if (!pair)
		return NULL;
	pair->first = wick_tpl_parse_expression(parser);
	wick_tpl_expect_op(parser, WICK_OP_COLON, ":");
	pair->second = wick_tpl_parse_expression(parser);
	return pair;
}

static struct wick_tpl_node *parse_dict(struct wick_tpl_parser *parser)
{
	struct wick_tpl_node *node = wick_tpl_node(parser, WICK_NODE_DICT);
	struct wick_tpl_list_end list = { 0 };

	wick_tpl_next(parser);
	while (!wick_tpl_at_op(parser, WICK_OP_RBRACE) && !parser->ret) {
		wick_tpl_append(&list, parse_pair(parser));
		if (!wick_tpl_skip_op(parser, WICK_OP_COMMA))
			break;
	}
	wick_tpl_expect_op(parser, WICK_OP_RBRACE, "}");
	if (node)
		node->items = list.first;
	return node;
}

/* A tuple, or an expression in parentheses. */
static struct wick_tpl_node *parse_parentheses(struct wick_tpl_parser *parser)
{
	struct wick_tpl_node *node;

	wick_tpl_next(parser);
	if (wick_tpl_skip_op(parser, WICK_OP_RPAREN))
		return wick_tpl_node(parser, WICK_NODE_TUPLE);
	node = wick_tpl_parse_tuple(parser, true);
	wick_tpl_expect_op(parser, WICK_OP_RPAREN, ")");
	return node;
}

static struct wick_tpl_node *parse_primary(struct wick_tpl_parser *parser)
{
	const struct wick_tpl_token *token = parser->token;

	if (token->kind == WICK_TPL_TOKEN_NAME)
		return parse_name(parser);
	if (token->kind == WICK_TPL_TOKEN_CONST && token->value.kind == WICK_TPL_STRING)
		return parse_strings(parser);
	if (token->kind == WICK_TPL_TOKEN_CONST) {
		wick_tpl_next(parser);
		return constant(parser, token->value);
	}
	if (wick_tpl_at_op(parser, WICK_OP_LPAREN))
		return parse_parentheses(parser);
	if (wick_tpl_at_op(parser, WICK_OP_LBRACKET))
		return parse_list(parser);
	if (wick_tpl_at_op(parser, WICK_OP_LBRACE))
		return parse_dict(parser);
	wick_tpl_parse_fail(parser, "an expression is missing");
	return NULL;
}

static struct wick_tpl_node *parse_keyword(struct wick_tpl_parser *parser)
{
	struct wick_tpl_node *keyword = wick_tpl_node(parser, WICK_NODE_KEYWORD);

	if (!keyword)
		return NULL;
	keyword->value = parser->token->value;
	wick_tpl_next(parser);
	wick_tpl_next(parser);
	keyword->first = wick_tpl_parse_expression(parser);
	return keyword;
}

static bool at_keyword(const struct wick_tpl_parser *parser)
{
	return parser->token->kind == WICK_TPL_TOKEN_NAME && parser->token < parser->end &&
	       parser->token[1].kind == WICK_TPL_TOKEN_OPERATOR && parser->token[1].op == WICK_OP_ASSIGN;
}

/* From the opening parenthesis on. */
static struct wick_tpl_node *parse_arguments(struct wick_tpl_parser *parser)
{
	struct wick_tpl_list_end list = { 0 };
	bool named = false;

	wick_tpl_expect_op(parser, WICK_OP_LPAREN, "(");
	while (!wick_tpl_at_op(parser, WICK_OP_RPAREN) && !parser->ret) {
		if (wick_tpl_at_op(parser, WICK_OP_MUL) || wick_tpl_at_op(parser, WICK_OP_POW))
			wick_tpl_parse_refuse(parser, "an argument that is unpacked", WICK_TPL_TEXT("*"));
		if (named && !at_keyword(parser))
			wick_tpl_parse_fail(parser, "an argument without a name follows one with a name");
		named = at_keyword(parser);
		wick_tpl_append(&list, named ? parse_keyword(parser) : wick_tpl_parse_expression(parser));
		if (!wick_tpl_skip_op(parser, WICK_OP_COMMA))
			break;
	}
	wick_tpl_expect_op(parser, WICK_OP_RPAREN, ")");
	return list.first;
}

static struct wick_tpl_node *parse_call(struct wick_tpl_parser *parser, struct wick_tpl_node *callee)
{
	struct wick_tpl_node *call = wick_tpl_node_of(parser, WICK_NODE_CALL, callee, NULL);

	if (call)
		call->items = parse_arguments(parser);
	return call;
}

/* Behind a dot: a name, or the number of an item. */
static struct wick_tpl_node *parse_attribute(struct wick_tpl_parser *parser, struct wick_tpl_node *of)
{
	struct wick_tpl_node *node;

	wick_tpl_next(parser);
	if (parser->token->kind == WICK_TPL_TOKEN_CONST && parser->token->value.kind == WICK_TPL_INT) {
		node = wick_tpl_node_of(parser, WICK_NODE_ITEM, of, constant(parser, parser->token->value));
		wick_tpl_next(parser);
		return node;
	}
	node = wick_tpl_node_of(parser, WICK_NODE_ATTRIBUTE, of, NULL);
	if (node)
		node->value = wick_tpl_expect_any_name(parser);
	return node;
}

static bool at_slice_end(const struct wick_tpl_parser *parser)
{
	return wick_tpl_at_op(parser, WICK_OP_COLON) || wick_tpl_at_op(parser, WICK_OP_RBRACKET) ||
	       wick_tpl_at_op(parser, WICK_OP_COMMA);
}

static struct wick_tpl_node *parse_slice(struct wick_tpl_parser *parser, struct wick_tpl_node *from)
{
	struct wick_tpl_node *slice = wick_tpl_node_of(parser, WICK_NODE_SLICE, from, NULL);

	wick_tpl_next(parser);
	if (!slice)
		return NULL;
	if (!at_slice_end(parser))
		slice->second = wick_tpl_parse_expression(parser);
	if (wick_tpl_skip_op(parser, WICK_OP_COLON) && !at_slice_end(parser))
		slice->third = wick_tpl_parse_expression(parser);
	return slice;
}

/* Between square brackets. */
static struct wick_tpl_node *parse_item(struct wick_tpl_parser *parser, struct wick_tpl_node *of)
{
	struct wick_tpl_node *index = NULL;

	wick_tpl_next(parser);
	if (!wick_tpl_at_op(parser, WICK_OP_COLON))
		index = wick_tpl_parse_expression(parser);
	if (wick_tpl_at_op(parser, WICK_OP_COLON))
		index = parse_slice(parser, index);
	if (wick_tpl_at_op(parser, WICK_OP_COMMA))
		wick_tpl_parse_refuse(parser, "an index with a comma", WICK_TPL_TEXT(","));
	wick_tpl_expect_op(parser, WICK_OP_RBRACKET, "]");
	return wick_tpl_node_of(parser, WICK_NODE_ITEM, of, index);
}

static struct wick_tpl_node *parse_postfix(struct wick_tpl_parser *parser, struct wick_tpl_node *node)
{
	for (;;)
		if (wick_tpl_at_op(parser, WICK_OP_DOT))
			node = parse_attribute(parser, node);
		else if (wick_tpl_at_op(parser, WICK_OP_LBRACKET))
			node = parse_item(parser, node);
		else if (wick_tpl_at_op(parser, WICK_OP_LPAREN))
			node = parse_call(parser, node);
		else
			return node;
}

struct wick_tpl_node *wick_tpl_parse_filters(struct wick_tpl_parser *parser, struct wick_tpl_node *input, bool begun)
{
	while (begun || wick_tpl_skip_op(parser, WICK_OP_PIPE)) {
		struct wick_tpl_node *filter = wick_tpl_node_of(parser, WICK_NODE_FILTER, input, NULL);

		if (!filter)
			return NULL;
		filter->value = wick_tpl_expect_any_name(parser);
		if (wick_tpl_at_op(parser, WICK_OP_DOT))
			wick_tpl_parse_refuse(parser, "a filter with a dot in its name", filter->value);
		if (wick_tpl_at_op(parser, WICK_OP_LPAREN))
			filter->items = parse_arguments(parser);
		input = filter;
		begun = false;
	}
	return input;
}

/* May the argument of a test without parentheses begin here? */
static bool at_test_argument(const struct wick_tpl_parser *parser)
{
	if (parser->token->kind == WICK_TPL_TOKEN_NAME)
		return !wick_tpl_at_name(parser, "else") && !wick_tpl_at_name(parser, "or") &&
		       !wick_tpl_at_name(parser, "and");
	return parser->token->kind == WICK_TPL_TOKEN_CONST || wick_tpl_at_op(parser, WICK_OP_LBRACKET) ||
	       wick_tpl_at_op(parser, WICK_OP_LBRACE);
}

static struct wick_tpl_node *parse_test(struct wick_tpl_parser *parser, struct wick_tpl_node *input)
{
	struct wick_tpl_node *test;
	bool negated;

	wick_tpl_next(parser);
	negated = wick_tpl_skip_name(parser, "not");
	test = wick_tpl_node_of(parser, WICK_NODE_TEST, input, NULL);
	if (!test)
		return NULL;
	test->value = wick_tpl_expect_any_name(parser);
	if (wick_tpl_at_op(parser, WICK_OP_LPAREN))
		test->items = parse_arguments(parser);
	else if (wick_tpl_at_name(parser, "is"))
		wick_tpl_parse_fail(parser, "a test follows a test");
	else if (at_test_argument(parser))
		test->items = parse_postfix(parser, parse_primary(parser));
	return negated ? wick_tpl_node_of(parser, WICK_NODE_NOT, test, NULL) : test;
}

/* Filters, tests and calls behind an expression. */
static struct wick_tpl_node *parse_applied(struct wick_tpl_parser *parser, struct wick_tpl_node *node)
{
	for (;;)
		if (wick_tpl_at_op(parser, WICK_OP_PIPE))
			node = wick_tpl_parse_filters(parser, node, false);
		else if (wick_tpl_at_name(parser, "is"))
			node = parse_test(parser, node);
		else if (wick_tpl_at_op(parser, WICK_OP_LPAREN))
			node = parse_call(parser, node);
		else
			return node;
}

static struct wick_tpl_node *parse_signed(struct wick_tpl_parser *parser, enum wick_tpl_node_kind kind)
{
	struct wick_tpl_node *node = wick_tpl_node_of(parser, kind, NULL, NULL);

	wick_tpl_next(parser);
	if (node && wick_tpl_parse_enter(parser)) {
		node->first = wick_tpl_parse_unary(parser, false);
		wick_tpl_parse_leave(parser);
	}
	return node;
}

struct wick_tpl_node *wick_tpl_parse_unary(struct wick_tpl_parser *parser, bool with_filters)
{
	struct wick_tpl_node *node;

	if (wick_tpl_at_op(parser, WICK_OP_SUB))
		node = parse_signed(parser, WICK_NODE_NEGATE);
	else if (wick_tpl_at_op(parser, WICK_OP_ADD))
		node = parse_signed(parser, WICK_NODE_PLUS);
	else
		node = parse_primary(parser);
	node = parse_postfix(parser, node);
	return with_filters ? parse_applied(parser, node) : node;
}
