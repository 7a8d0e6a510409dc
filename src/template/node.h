/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A parsed template: a tree of nodes. What the members mean for each kind:
 *
 *   kind       value     first      second    third    items               otherwise
 *   CONST      itself
 *   HELD       the text of the block that a filter is applied to
 *   NAME       name
 *   LIST TUPLE                                         elements
 *   DICT                                               PAIRs: first key, second value
 *   ATTRIBUTE  name      of what
 *   ITEM                 of what    index or SLICE
 *   SLICE                from       to        step     each may be NULL
 *   CALL                 callee                        arguments
 *   FILTER     name      input                         arguments
 *   TEST       name      input                         arguments
 *   KEYWORD    name      value, NULL for a parameter without a default
 *   NEGATE PLUS NOT      operand
 *   AND OR BINARY        left       right     op says which BINARY
 *   CONCAT                                             operands
 *   COMPARE              leftmost                      OPERANDs: op, first
 *   CHOICE               condition  if true   if false, or NULL
 *
 *   DATA       text
 *   PRINT                expression
 *   IF         condition                               body                else
 *   FOR                  target     iterable  filter   body                else
 *   SET                  target     expression
 *   SET_BLOCK            target     filters or NULL    body
 *   MACRO      name      KEYWORDs, by next             body
 *   FILTER_BLOCK                    filters            body
 *   WITH                 KEYWORDs, by next             body
 *   GENERATION                                         body
 *   BREAK CONTINUE
 *
 * A target is a NAME, a TUPLE of targets, or an ATTRIBUTE of a namespace. */

#include "value.h"

enum wick_tpl_node_kind {
	WICK_NODE_CONST, WICK_NODE_HELD, WICK_NODE_NAME, WICK_NODE_LIST, WICK_NODE_TUPLE, WICK_NODE_DICT,
	WICK_NODE_PAIR, WICK_NODE_ATTRIBUTE, WICK_NODE_ITEM, WICK_NODE_SLICE, WICK_NODE_CALL, WICK_NODE_FILTER,
	WICK_NODE_TEST, WICK_NODE_KEYWORD, WICK_NODE_NEGATE, WICK_NODE_PLUS, WICK_NODE_NOT, WICK_NODE_AND, WICK_NODE_OR,
	WICK_NODE_BINARY, WICK_NODE_CONCAT, WICK_NODE_COMPARE, WICK_NODE_OPERAND, WICK_NODE_CHOICE,
	WICK_NODE_DATA, WICK_NODE_PRINT, WICK_NODE_IF, WICK_NODE_FOR, WICK_NODE_SET, WICK_NODE_SET_BLOCK,
	WICK_NODE_MACRO, WICK_NODE_FILTER_BLOCK, WICK_NODE_WITH, WICK_NODE_GENERATION, WICK_NODE_BREAK,
	WICK_NODE_CONTINUE, WICK_NODE_KINDS,
};

/* Operators, as the lexer finds them. */
enum wick_tpl_op {
	WICK_OP_NONE, WICK_OP_ADD, WICK_OP_SUB, WICK_OP_DIV, WICK_OP_FLOORDIV, WICK_OP_MUL, WICK_OP_MOD, WICK_OP_POW,
	WICK_OP_TILDE, WICK_OP_LBRACKET, WICK_OP_RBRACKET, WICK_OP_LPAREN, WICK_OP_RPAREN, WICK_OP_LBRACE,
	WICK_OP_RBRACE, WICK_OP_EQ, WICK_OP_NE, WICK_OP_GT, WICK_OP_GE, WICK_OP_LT, WICK_OP_LE, WICK_OP_ASSIGN,
	WICK_OP_DOT, WICK_OP_COLON, WICK_OP_PIPE, WICK_OP_COMMA, WICK_OP_SEMICOLON,
	WICK_OP_IN, WICK_OP_NOT_IN, /* of comparisons: the parser's */
};

/* A macro's body speaks of these. */
#define WICK_USES_VARARGS 1
#define WICK_USES_KWARGS  2

struct wick_tpl_node {
	uint8_t kind;
	uint8_t op; /* of BINARY and OPERAND: enum wick_tpl_op; of MACRO: WICK_USES_ */
	uint32_t line;
	struct wick_tpl_value value;
	struct wick_tpl_node *first, *second, *third;
	struct wick_tpl_node *items, *otherwise;
	struct wick_tpl_node *next; /* in the list that it is a part of */
};
