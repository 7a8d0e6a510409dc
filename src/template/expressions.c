/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* Expressions. */

#include "attributes.h"
#include "functions.h"
#include "marked_text.h"
#include "operators.h"

typedef struct wick_tpl_value eval_function(struct wick_tpl_render *render, const struct wick_tpl_node *node);

static struct wick_tpl_value eval_const(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	(void)render;
	return node->value;
}

static struct wick_tpl_value eval_held(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	(void)node;
	return render->held;
}

static struct wick_tpl_value eval_name(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	return wick_tpl_lookup(render, node->value);
}

static struct wick_tpl_value eval_list(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_list list = { 0 };

	for (const struct wick_tpl_node *item = node->items; item && !render->ret; item = item->next)
		wick_tpl_push(render, &list, wick_tpl_eval(render, item));
	return wick_tpl_list_value(&list, node->kind == WICK_NODE_LIST ? WICK_TPL_LIST : WICK_TPL_TUPLE);
}

static struct wick_tpl_value eval_dict(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_space space = { 0 };

	for (const struct wick_tpl_node *pair = node->items; pair && !render->ret; pair = pair->next) {
		struct wick_tpl_value key = wick_tpl_eval(render, pair->first);

		if (key.kind > WICK_TPL_STRING || key.kind == WICK_TPL_UNDEFINED)
			wick_tpl_fail_kind(render, "wick takes no key of a dict that is", key);
		wick_tpl_put_pair(render, &space, (struct wick_tpl_pair){ key, wick_tpl_eval(render, pair->second) });
	}
	return wick_tpl_dict_value(&space);
}

static struct wick_tpl_value eval_attribute(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_value of = wick_tpl_eval(render, node->first);

	return wick_tpl_attribute(render, of, node->value);
}

static struct wick_tpl_value eval_bound(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	return node ? wick_tpl_eval(render, node) : (struct wick_tpl_value){ .kind = WICK_TPL_NONE };
}

static struct wick_tpl_value eval_item(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_value of = wick_tpl_eval(render, node->first);
	const struct wick_tpl_node *index = node->second;
	struct wick_tpl_value bounds[3];

	if (index->kind != WICK_NODE_SLICE)
		return wick_tpl_item(render, of, wick_tpl_eval(render, index));
	bounds[0] = eval_bound(render, index->first);
	bounds[1] = eval_bound(render, index->second);
	bounds[2] = eval_bound(render, index->third);
	return wick_tpl_slice(render, of, bounds);
}

static struct wick_tpl_value eval_call(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_value callee = wick_tpl_eval(render, node->first);
	struct wick_tpl_args args = wick_tpl_arguments(render, node->items);

	return wick_tpl_call(render, callee, &args);
}

static struct wick_tpl_value eval_filter(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_value input = wick_tpl_eval(render, node->first);
	struct wick_tpl_args args = wick_tpl_arguments(render, node->items);

	return wick_tpl_filter(render, node->value, input, &args);
}

static struct wick_tpl_value eval_test(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_value input = wick_tpl_eval(render, node->first);
	struct wick_tpl_args args = wick_tpl_arguments(render, node->items);

	return wick_tpl_bool(wick_tpl_test(render, node->value, input, &args));
}

static struct wick_tpl_value eval_signed(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_value value = wick_tpl_eval(render, node->first);

	if (node->kind == WICK_NODE_NEGATE)
		return wick_tpl_negate(render, value);
	return wick_tpl_binary(render, WICK_OP_ADD, wick_tpl_int(0), value);
}

static struct wick_tpl_value eval_not(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	return wick_tpl_bool(!wick_tpl_truth(wick_tpl_eval(render, node->first)));
}

/* "and" and "or" are one of their operands. */
static struct wick_tpl_value eval_logic(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_value left = wick_tpl_eval(render, node->first);

	return wick_tpl_truth(left) == (node->kind == WICK_NODE_AND) ? wick_tpl_eval(render, node->second) : left;
}

static struct wick_tpl_value eval_binary(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_value left = wick_tpl_eval(render, node->first), right = wick_tpl_eval(render, node->second);

	return render->ret ? left : wick_tpl_binary(render, node->op, left, right);
}

static struct wick_tpl_value eval_concat(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_text text = { render };

	for (const struct wick_tpl_node *item = node->items; item && !render->ret; item = item->next) {
		struct wick_tpl_value value = wick_tpl_eval(render, item);

		if (!render->ret)
			wick_tpl_text_show(&text, value);
	}
	return wick_tpl_text_value(&text);
}

/* a < b < c: each pair, up to the first that does not hold. */
static struct wick_tpl_value eval_compare(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_value left = wick_tpl_eval(render, node->first);

	for (const struct wick_tpl_node *operand = node->items; operand && !render->ret; operand = operand->next) {
		struct wick_tpl_value right = wick_tpl_eval(render, operand->first);

		if (render->ret || !wick_tpl_compare(render, operand->op, left, right))
			return wick_tpl_bool(false);
		left = right;
	}
	return wick_tpl_bool(true);
}

static struct wick_tpl_value eval_choice(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	if (wick_tpl_truth(wick_tpl_eval(render, node->first)))
		return wick_tpl_eval(render, node->second);
	if (node->third)
		return wick_tpl_eval(render, node->third);
	return (struct wick_tpl_value){ .bytes = "an if without else", .length = 18 };
}

static eval_function *const evals[WICK_NODE_KINDS] = {
	[WICK_NODE_CONST] = eval_const,
	[WICK_NODE_HELD] = eval_held,
	[WICK_NODE_NAME] = eval_name,
	[WICK_NODE_LIST] = eval_list,
	[WICK_NODE_TUPLE] = eval_list,
	[WICK_NODE_DICT] = eval_dict,
	[WICK_NODE_ATTRIBUTE] = eval_attribute,
	[WICK_NODE_ITEM] = eval_item,
	[WICK_NODE_CALL] = eval_call,
	[WICK_NODE_FILTER] = eval_filter,
	[WICK_NODE_TEST] = eval_test,
	[WICK_NODE_NEGATE] = eval_signed,
	[WICK_NODE_PLUS] = eval_signed,
	[WICK_NODE_NOT] = eval_not,
	[WICK_NODE_AND] = eval_logic,
	[WICK_NODE_OR] = eval_logic,
	[WICK_NODE_BINARY] = eval_binary,
	[WICK_NODE_CONCAT] = eval_concat,
	[WICK_NODE_COMPARE] = eval_compare,
	[WICK_NODE_CHOICE] = eval_choice,
};

struct wick_tpl_value wick_tpl_eval(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_value value = { 0 };
	uint32_t line = render->line;

	render->line = node->line;
	if (wick_tpl_enter(render) && wick_tpl_step(render, 1))
		value = evals[node->kind](render, node);
	wick_tpl_leave(render);
	render->line = line;
	return value;
}
