/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the parser's parts share: statements, operators, and what stands between operators. After the first
 * error the current token is the end of the template, so that every loop ends, and nodes may be NULL. */

#include "is_text.h"
#include "lexer.h"

struct wick_tpl_parser {
	struct wick_arena *arena;
	const struct wick_tpl_token *token; /* the current one */
	const struct wick_tpl_token *end;   /* WICK_TPL_TOKEN_END */
	unsigned depth;
	unsigned loops;  /* around the current place, within the macro */
	unsigned uses;   /* WICK_USES_ of the macro that is being parsed */
	unsigned inside, conditions; /* bodies around the current place: with names of their own, and of if */
	struct wick_tpl_node *seen; /* names that the template's own level read so far, by next */
	unsigned names;             /* in both lists */
	struct wick_tpl_node *late; /* names that it sets, and did not read before */
	const char *name;
	struct wick_diag *diag;
	int ret;
};

/* A list of nodes that grows at its end. */
struct wick_tpl_list_end {
	struct wick_tpl_node *first, **end;
};

struct wick_tpl_node *wick_tpl_node(struct wick_tpl_parser *parser, enum wick_tpl_node_kind kind);
struct wick_tpl_node *wick_tpl_node_of(struct wick_tpl_parser *parser, enum wick_tpl_node_kind kind,
	struct wick_tpl_node *first, struct wick_tpl_node *second);
void wick_tpl_append(struct wick_tpl_list_end *list, struct wick_tpl_node *node);

/* A name is read or set. Jinja knows from the start which names the template's own level sets, and takes them from the
 * input only where that level reads one first, or sets it under a condition. */
void wick_tpl_see(struct wick_tpl_parser *parser, struct wick_tpl_value name, bool is_set);

/* An error at the current token. */
__attribute__((format(printf, 2, 3))) void wick_tpl_parse_fail(struct wick_tpl_parser *parser, const char *format, ...);
/* One about something that Jinja has and wick lacks. */
void wick_tpl_parse_refuse(struct wick_tpl_parser *parser, const char *what, struct wick_tpl_value name);

/* False, with an error: nested too deep. */
bool wick_tpl_parse_enter(struct wick_tpl_parser *parser);
void wick_tpl_parse_leave(struct wick_tpl_parser *parser);

void wick_tpl_next(struct wick_tpl_parser *parser);
bool wick_tpl_at_op(const struct wick_tpl_parser *parser, enum wick_tpl_op op);
bool wick_tpl_at_name(const struct wick_tpl_parser *parser, const char *name);
/* Passes over the token if it is this one. */
bool wick_tpl_skip_op(struct wick_tpl_parser *parser, enum wick_tpl_op op);
bool wick_tpl_skip_name(struct wick_tpl_parser *parser, const char *name);
/* An error if the token is another; text says which was expected. */
void wick_tpl_expect_op(struct wick_tpl_parser *parser, enum wick_tpl_op op, const char *text);
void wick_tpl_expect_name(struct wick_tpl_parser *parser, const char *name);
/* Any name. */
struct wick_tpl_value wick_tpl_expect_any_name(struct wick_tpl_parser *parser);

struct wick_tpl_node *wick_tpl_parse_expression(struct wick_tpl_parser *parser);
/* Without "if" and "else": where an "if" may follow. */
struct wick_tpl_node *wick_tpl_parse_or(struct wick_tpl_parser *parser);
/* Tighter than any operator with two sides. */
struct wick_tpl_node *wick_tpl_parse_unary(struct wick_tpl_parser *parser, bool with_filters);
/* One expression, or a tuple of those with commas between them. */
struct wick_tpl_node *wick_tpl_parse_tuple(struct wick_tpl_parser *parser, bool with_choice);
/* Filters behind "|", applied to a node; those of a block, whose first is there already. */
struct wick_tpl_node *wick_tpl_parse_filters(struct wick_tpl_parser *parser, struct wick_tpl_node *input, bool begun);
