/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* Statements. */

#include "attributes.h"
#include "bits.h"
#include "loop.h"
#include "macro.h"
#include "marked_text.h"
#include "operators.h"

struct wick_tpl_scope *wick_tpl_scope(struct wick_tpl_render *render, struct wick_tpl_scope *around)
{
	struct wick_tpl_scope *scope = wick_tpl_take(render, sizeof(*scope));

	if (scope)
		*scope = (struct wick_tpl_scope){ .around = around };
	return scope;
}

/* Statements with names of their own. */
static void run_inside(struct wick_tpl_render *render, const struct wick_tpl_node *statements)
{
	struct wick_tpl_scope *scope = render->scope, *inner = wick_tpl_scope(render, scope);

	if (!inner)
		return;
	render->scope = inner;
	wick_tpl_run(render, statements);
	render->scope = scope;
}

static struct wick_tpl_value capture_inside(struct wick_tpl_render *render, const struct wick_tpl_node *statements)
{
	struct wick_tpl_text text = { render }, *out = render->out;

	render->out = &text;
	run_inside(render, statements);
	render->out = out;
	return wick_tpl_text_value(&text);
}

struct wick_tpl_value wick_tpl_capture(struct wick_tpl_render *render, const struct wick_tpl_node *statements)
{
	struct wick_tpl_text text = { render }, *out = render->out;

	render->out = &text;
	wick_tpl_run(render, statements);
	render->out = out;
	return wick_tpl_text_value(&text);
}

/* A tuple of targets takes as many items. */
static void unpack(struct wick_tpl_render *render, const struct wick_tpl_node *target, struct wick_tpl_value value)
{
	struct wick_tpl_value items = wick_tpl_walk(render, value);
	uint32_t i = 0;

	for (const struct wick_tpl_node *part = target->items; part; part = part->next, i++)
		if (i < items.length)
			wick_tpl_assign(render, part, items.items[i]);
	if (i != items.length)
		wick_tpl_fail(render, "%u values for %u names", items.length, i);
}

static void assign_attribute(
	struct wick_tpl_render *render, const struct wick_tpl_node *target, struct wick_tpl_value value)
{
	struct wick_tpl_value space = wick_tpl_eval(render, target->first), name = target->value;

	if (space.kind != WICK_TPL_NAMESPACE)
		wick_tpl_fail_kind(render, "only a namespace has attributes that can be set, not", space);
	else if (name.bytes[0] == '_')
		wick_tpl_fail(render, "a namespace cannot have the attribute \"%.*s\"", (int)WICK_MIN(name.length, 64u),
			name.bytes);
	else
		wick_tpl_put_pair(render, space.space, (struct wick_tpl_pair){ name, value });
}

void wick_tpl_assign(struct wick_tpl_render *render, const struct wick_tpl_node *target, struct wick_tpl_value value)
{
	if (render->ret)
		return;
	if (target->kind == WICK_NODE_TUPLE)
		unpack(render, target, value);
	else if (target->kind == WICK_NODE_ATTRIBUTE)
		assign_attribute(render, target, value);
	else
		wick_tpl_bind(render, target->value, value);
}

static void run_data(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	wick_tpl_text_add(render->out, node->value);
}

static void run_print(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_value value = wick_tpl_eval(render, node->first);

	if (!render->ret)
		wick_tpl_text_show(render->out, value);
}

static void run_if(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	bool truth = wick_tpl_truth(wick_tpl_eval(render, node->first));

	wick_tpl_run(render, truth ? node->items : node->otherwise);
}

/* One turn. False: the loop ends. */
static bool run_turn(struct wick_tpl_render *render, struct wick_tpl_loop *loop)
{
	struct wick_tpl_value value = { .kind = WICK_TPL_LOOP, .loop = loop };
	enum wick_tpl_flow flow;

	render->scope = wick_tpl_scope(render, loop->around);
	if (!render->scope)
		return false;
	wick_tpl_assign(render, loop->node->first, loop->turns.items[loop->turn]);
	wick_tpl_bind(render, WICK_TPL_TEXT("loop"), value);
	wick_tpl_run(render, loop->node->items);
	flow = render->flow;
	render->flow = WICK_FLOW_ON;
	loop->completed |= flow == WICK_FLOW_ON;
	return flow != WICK_FLOW_BREAK;
}

static void run_for(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_value items = wick_tpl_walk(render, wick_tpl_eval(render, node->second));
	struct wick_tpl_scope *scope = render->scope;
	struct wick_tpl_loop *loop = wick_tpl_take(render, sizeof(*loop));

	if (!loop)
		return;
	*loop = (struct wick_tpl_loop){ .node = node, .around = scope, .items = items };
	while (wick_tpl_loop_has(render, loop, loop->turn) && run_turn(render, loop))
		loop->turn++;
	render->scope = scope;
	if (!loop->completed)
		run_inside(render, node->otherwise);
}

static void run_set(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	wick_tpl_assign(render, node->first, wick_tpl_eval(render, node->second));
}

/* What the statements of a block make, after its filters. */
static struct wick_tpl_value filtered(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_value held = render->held, value;

	value = capture_inside(render, node->items);
	render->held = value;
	value = wick_tpl_eval(render, node->second);
	render->held = held;
	return value;
}

static void run_set_block(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_value value = filtered(render, node);

	if (render->flow == WICK_FLOW_ON)
		wick_tpl_assign(render, node->first, value);
}

static void run_filter_block(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_value value = filtered(render, node);

	if (render->flow == WICK_FLOW_ON && !render->ret)
		wick_tpl_text_show(render->out, value);
}

static void run_macro(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	wick_tpl_bind(render, node->value, wick_tpl_macro(render, node));
}

/* The values do not see each other. */
static void run_with(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_scope *scope = render->scope, *inner = wick_tpl_scope(render, scope);

	for (const struct wick_tpl_node *name = node->first; name && inner; name = name->next) {
		struct wick_tpl_value value = wick_tpl_eval(render, name->first);

		render->scope = inner;
		wick_tpl_bind(render, name->value, value);
		render->scope = scope;
	}
	if (!inner)
		return;
	render->scope = inner;
	wick_tpl_run(render, node->items);
	render->scope = scope;
}

static void run_generation(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	run_inside(render, node->items);
}

static void run_break(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	render->flow = node->kind == WICK_NODE_BREAK ? WICK_FLOW_BREAK : WICK_FLOW_CONTINUE;
}

static void (*const runs[WICK_NODE_KINDS])(struct wick_tpl_render *render, const struct wick_tpl_node *node) = {
	[WICK_NODE_DATA] = run_data,
	[WICK_NODE_PRINT] = run_print,
	[WICK_NODE_IF] = run_if,
	[WICK_NODE_FOR] = run_for,
	[WICK_NODE_SET] = run_set,
	[WICK_NODE_SET_BLOCK] = run_set_block,
	[WICK_NODE_MACRO] = run_macro,
	[WICK_NODE_FILTER_BLOCK] = run_filter_block,
	[WICK_NODE_WITH] = run_with,
	[WICK_NODE_GENERATION] = run_generation,
	[WICK_NODE_BREAK] = run_break,
	[WICK_NODE_CONTINUE] = run_break,
};

void wick_tpl_run(struct wick_tpl_render *render, const struct wick_tpl_node *statements)
{
	if (wick_tpl_enter(render))
		for (; statements && render->flow == WICK_FLOW_ON && wick_tpl_step(render, 1);
			statements = statements->next) {
			render->line = statements->line;
			runs[statements->kind](render, statements);
		}
	wick_tpl_leave(render);
}
