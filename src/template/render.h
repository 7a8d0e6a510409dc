/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One render: what all of it shares. After the first error nothing more is evaluated: wick_tpl_eval() returns undefined
 * values, loops end, and nobody has to ask after each call whether it went well. */

#include "arena.h"
#include "node.h"
#include "template.h"

struct wick_tpl_text;

struct wick_tpl_binding {
	struct wick_tpl_value name, value;
	struct wick_tpl_binding *before;
};

/* The names of a loop's turn, a macro's call or the template. */
struct wick_tpl_scope {
	struct wick_tpl_binding *newest;
	struct wick_tpl_scope *around;
};

enum wick_tpl_flow {
	WICK_FLOW_ON, WICK_FLOW_BREAK, WICK_FLOW_CONTINUE,
};

struct wick_tpl_render {
	struct wick_arena arena;
	struct wick_tpl_scope *scope;
	struct wick_tpl_text *out; /* where PRINT and DATA go */
	struct wick_tpl_value held; /* of the filters of a block */
	enum wick_tpl_flow flow;
	struct wick_tpl_space variables; /* the input */
	const struct wick_tpl_node *late;  /* names that are not looked for in the input: see parse_tree.h */
	struct tm now;
	uint64_t limits[WICK_TEMPLATE_LIMITS];
	uint64_t steps, depth;
	uint32_t line; /* of the node that is evaluated */
	const char *name; /* of the template, in sentences */
	struct wick_diag *diag;
	int ret;
};

/* The first error's sentence, after name and line. Returns an undefined value. */
__attribute__((format(printf, 2, 3))) struct wick_tpl_value wick_tpl_fail(
	struct wick_tpl_render *render, const char *format, ...);
/* One about something that Jinja or Python has and wick lacks. */
struct wick_tpl_value wick_tpl_refuse(struct wick_tpl_render *render, const char *what, struct wick_tpl_value name);
/* One about a value of the wrong kind, such as a sum with an undefined one: "VERB KIND". */
struct wick_tpl_value wick_tpl_fail_kind(
	struct wick_tpl_render *render, const char *cannot, struct wick_tpl_value value);

/* Counts work; false, with an error, when it is too much, and after any error. */
bool wick_tpl_step(struct wick_tpl_render *render, uint64_t steps);
/* False, with an error, when value is beyond a limit. */
bool wick_tpl_within(struct wick_tpl_render *render, enum wick_template_limit limit, uint64_t value);
/* Memory of the render; NULL, with an error, when there is none. */
void *wick_tpl_take(struct wick_tpl_render *render, uint64_t bytes);
/* Around what calls itself. False, with an error, when it is too deep; leave is called in either case. */
bool wick_tpl_enter(struct wick_tpl_render *render);
void wick_tpl_leave(struct wick_tpl_render *render);

struct wick_tpl_value wick_tpl_eval(struct wick_tpl_render *render, const struct wick_tpl_node *node);
/* A list of statements. */
void wick_tpl_run(struct wick_tpl_render *render, const struct wick_tpl_node *statements);
/* Statements whose output is a string. */
struct wick_tpl_value wick_tpl_capture(struct wick_tpl_render *render, const struct wick_tpl_node *statements);

/* Names. */
void wick_tpl_bind(struct wick_tpl_render *render, struct wick_tpl_value name, struct wick_tpl_value value);
struct wick_tpl_value wick_tpl_lookup(struct wick_tpl_render *render, struct wick_tpl_value name);
