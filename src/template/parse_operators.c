/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Operators, by recursive descent: a function for each level of precedence, the tightest first. */

#include "parser.h"

/* Levels of binary operators, the tighter first; "~" stands between the last two. */
enum level {
	POWER,
	PRODUCT,
	SUM,
	LEVELS,
};
static const uint8_t levels[LEVELS][5] = {
	[POWER] = { WICK_OP_POW },
	[PRODUCT] = { WICK_OP_MUL, WICK_OP_DIV, WICK_OP_FLOORDIV, WICK_OP_MOD },
	[SUM] = { WICK_OP_ADD, WICK_OP_SUB },
};

static bool at_level(const struct wick_tpl_parser *parser, enum level level)
{
	return parser->token->kind == WICK_TPL_TOKEN_OPERATOR && strchr((const char *)levels[level], parser->token->op);
}

static struct wick_tpl_node *parse_concat(struct wick_tpl_parser *parser);
static struct wick_tpl_node *parse_binary(struct wick_tpl_parser *parser, enum level level);

static struct wick_tpl_node *parse_tighter(struct wick_tpl_parser *parser, enum level level)
{
	if (level == POWER)
		return wick_tpl_parse_unary(parser, true);
	return level == PRODUCT ? parse_binary(parser, POWER) : parse_concat(parser);
}

/* -1 ** x: Jinja writes that as Python, where the sign is of the result, but for numbers that it computes itself. */
static bool has_wrong_sign(const struct wick_tpl_node *power)
{
	return power->first && power->first->kind == WICK_NODE_NEGATE && power->second &&
		power->second->kind != WICK_NODE_CONST;
}

static struct wick_tpl_node *parse_binary(struct wick_tpl_parser *parser, enum level level)
{
	struct wick_tpl_node *left = parse_tighter(parser, level);

	while (at_level(parser, level)) {
		struct wick_tpl_node *node = wick_tpl_node_of(parser, WICK_NODE_BINARY, left, NULL);

		if (!node)
			return NULL;
		node->op = parser->token->op;
		wick_tpl_next(parser);
		node->second = parse_tighter(parser, level);
		if (level == POWER && has_wrong_sign(node))
			wick_tpl_parse_refuse(parser, "a power of a negative number", WICK_TPL_TEXT("**"));
		left = node;
	}
	return left;
}

static struct wick_tpl_node *parse_concat(struct wick_tpl_parser *parser)
{
	struct wick_tpl_node *first = parse_binary(parser, PRODUCT), *node;
	struct wick_tpl_list_end list = { 0 };

	if (!wick_tpl_at_op(parser, WICK_OP_TILDE))
		return first;
	node = wick_tpl_node(parser, WICK_NODE_CONCAT);
	wick_tpl_append(&list, first);
	while (wick_tpl_skip_op(parser, WICK_OP_TILDE))
		wick_tpl_append(&list, parse_binary(parser, PRODUCT));
	if (node)
		node->items = list.first;
	return node;
}

/* The operator of a comparison, which is passed over; WICK_OP_NONE: there is none. */
static enum wick_tpl_op skip_comparison(struct wick_tpl_parser *parser)
{
	const struct wick_tpl_token *token = parser->token;

	if (token->kind == WICK_TPL_TOKEN_OPERATOR && token->op >= WICK_OP_EQ && token->op <= WICK_OP_LE) {
		wick_tpl_next(parser);
		return token->op;
	}
	if (wick_tpl_skip_name(parser, "in"))
		return WICK_OP_IN;
	if (!wick_tpl_at_name(parser, "not") || !wick_tpl_is_text(token[1].value, "in") ||
		token[1].kind != WICK_TPL_TOKEN_NAME)
		return WICK_OP_NONE;
	wick_tpl_next(parser);
	wick_tpl_next(parser);
	return WICK_OP_NOT_IN;
}

static struct wick_tpl_node *parse_compare(struct wick_tpl_parser *parser)
{
	struct wick_tpl_node *first = parse_binary(parser, SUM), *node;
	struct wick_tpl_list_end list = { 0 };
	enum wick_tpl_op op;

	while ((op = skip_comparison(parser))) {
		struct wick_tpl_node *operand = wick_tpl_node(parser, WICK_NODE_OPERAND);

		if (!operand)
			return NULL;
		operand->op = (uint8_t)op;
		operand->first = parse_binary(parser, SUM);
		wick_tpl_append(&list, operand);
	}
	if (!list.first)
		return first;
	node = wick_tpl_node_of(parser, WICK_NODE_COMPARE, first, NULL);
	if (node)
		node->items = list.first;
	return node;
}

static struct wick_tpl_node *parse_not(struct wick_tpl_parser *parser)
{
	struct wick_tpl_node *node;

	if (!wick_tpl_at_name(parser, "not"))
		return parse_compare(parser);
	node = wick_tpl_node_of(parser, WICK_NODE_NOT, NULL, NULL);
	wick_tpl_next(parser);
	if (node && wick_tpl_parse_enter(parser)) {
		node->first = parse_not(parser);
		wick_tpl_parse_leave(parser);
	}
	return node;
}

static struct wick_tpl_node *parse_and(struct wick_tpl_parser *parser)
{
	struct wick_tpl_node *node = parse_not(parser);

	while (wick_tpl_skip_name(parser, "and"))
		node = wick_tpl_node_of(parser, WICK_NODE_AND, node, parse_not(parser));
	return node;
}

struct wick_tpl_node *wick_tpl_parse_or(struct wick_tpl_parser *parser)
{
	struct wick_tpl_node *node;

	if (!wick_tpl_parse_enter(parser))
		return NULL;
	node = parse_and(parser);
	while (wick_tpl_skip_name(parser, "or"))
		node = wick_tpl_node_of(parser, WICK_NODE_OR, node, parse_and(parser));
	wick_tpl_parse_leave(parser);
	return node;
}

struct wick_tpl_node *wick_tpl_parse_expression(struct wick_tpl_parser *parser)
{
	struct wick_tpl_node *node = wick_tpl_parse_or(parser);

	while (wick_tpl_skip_name(parser, "if")) {
		struct wick_tpl_node *choice =
			wick_tpl_node_of(parser, WICK_NODE_CHOICE, wick_tpl_parse_or(parser), node);

		if (!choice || !wick_tpl_parse_enter(parser))
			return NULL;
		if (wick_tpl_skip_name(parser, "else"))
			choice->third = wick_tpl_parse_expression(parser);
		wick_tpl_parse_leave(parser);
		node = choice;
	}
	return node;
}

/* Does a tuple end here, behind a comma? */
static bool at_tuple_end(const struct wick_tpl_parser *parser)
{
	return parser->token->kind == WICK_TPL_TOKEN_PRINT_END || parser->token->kind == WICK_TPL_TOKEN_BLOCK_END ||
	       wick_tpl_at_op(parser, WICK_OP_RPAREN);
}

struct wick_tpl_node *wick_tpl_parse_tuple(struct wick_tpl_parser *parser, bool with_choice)
{
	struct wick_tpl_node *first, *tuple;
	struct wick_tpl_list_end list = { 0 };

	first = with_choice ? wick_tpl_parse_expression(parser) : wick_tpl_parse_or(parser);
	if (!wick_tpl_at_op(parser, WICK_OP_COMMA))
		return first;
	tuple = wick_tpl_node(parser, WICK_NODE_TUPLE);
	wick_tpl_append(&list, first);
	while (wick_tpl_skip_op(parser, WICK_OP_COMMA) && !at_tuple_end(parser))
		wick_tpl_append(&list, with_choice ? wick_tpl_parse_expression(parser) : wick_tpl_parse_or(parser));
	if (tuple)
		tuple->items = list.first;
	return tuple;
}
