/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* The turns of a loop. */

#include "loop.h"

#include "attributes.h"
#include "bits.h"
#include "functions.h"
#include "is_text.h"
#include "operators.h"

/* Does an item pass the loop's filter? */
static bool passes(struct wick_tpl_render *render, const struct wick_tpl_loop *loop, struct wick_tpl_value item)
{
	struct wick_tpl_scope *scope = render->scope, *inner;
	bool pass;

	if (!loop->node->third)
		return true;
	inner = wick_tpl_scope(render, loop->around);
	if (!inner)
		return false;
	render->scope = inner;
	wick_tpl_assign(render, loop->node->first, item);
	pass = wick_tpl_truth(wick_tpl_eval(render, loop->node->third));
	render->scope = scope;
	return pass;
}

bool wick_tpl_loop_has(struct wick_tpl_render *render, struct wick_tpl_loop *loop, uint32_t turn)
{
	while (loop->turns.count <= turn && loop->looked_at < loop->items.length && wick_tpl_step(render, 1)) {
		struct wick_tpl_value item = loop->items.items[loop->looked_at++];

		if (loop->node->third && loop->node->first->kind == WICK_NODE_TUPLE) { /* its targets, packed again */
			item = wick_tpl_walk(render, item);
			item.kind = WICK_TPL_TUPLE;
		}
		if (passes(render, loop, item))
			wick_tpl_push(render, &loop->turns, item);
	}
	return turn < loop->turns.count && !render->ret;
}

static struct wick_tpl_value neighbour(struct wick_tpl_render *render, struct wick_tpl_loop *loop, uint32_t turn)
{
	if (!wick_tpl_loop_has(render, loop, turn)) /* before the first it is 2^32 - 1, which no loop has */
		return (struct wick_tpl_value){ .bytes = "a neighbour in a loop", .length = 21 };
	return loop->turns.items[turn];
}

static uint32_t length_of(struct wick_tpl_render *render, struct wick_tpl_loop *loop)
{
	wick_tpl_loop_has(render, loop, UINT32_MAX);
	return loop->turns.count;
}

enum attribute {
	INDEX,
	INDEX0,
	REVINDEX,
	REVINDEX0,
	FIRST,
	LAST,
	LENGTH,
	DEPTH,
	DEPTH0,
	PREVITEM,
	NEXTITEM,
};

static struct wick_tpl_value attribute(struct wick_tpl_render *render, struct wick_tpl_loop *loop, enum attribute which)
{
	switch (which) {
	case INDEX:
		return wick_tpl_int(loop->turn + 1ll);
	case INDEX0:
		return wick_tpl_int(loop->turn);
	case REVINDEX:
		return wick_tpl_int((int64_t)length_of(render, loop) - loop->turn);
	case REVINDEX0:
		return wick_tpl_int((int64_t)length_of(render, loop) - loop->turn - 1);
	case FIRST:
		return wick_tpl_bool(!loop->turn);
	case LAST:
		return wick_tpl_bool(!wick_tpl_loop_has(render, loop, loop->turn + 1));
	case LENGTH:
		return wick_tpl_int(length_of(render, loop));
	case DEPTH: /* of a loop that calls itself, which the subset lacks */
		return wick_tpl_int(1);
	case DEPTH0:
		return wick_tpl_int(0);
	case PREVITEM:
		return loop->turn ? loop->turns.items[loop->turn - 1] : neighbour(render, loop, UINT32_MAX);
	default:
		return neighbour(render, loop, loop->turn + 1);
	}
}

bool wick_tpl_loop_attribute(struct wick_tpl_render *render, struct wick_tpl_loop *loop, struct wick_tpl_value name,
	struct wick_tpl_value *value)
{
	static const char *const names[] = { [INDEX] = "index",
		[INDEX0] = "index0",
		[REVINDEX] = "revindex",
		[REVINDEX0] = "revindex0",
		[FIRST] = "first",
		[LAST] = "last",
		[LENGTH] = "length",
		[DEPTH] = "depth",
		[DEPTH0] = "depth0",
		[PREVITEM] = "previtem",
		[NEXTITEM] = "nextitem" };

	for (size_t i = 0; i < WICK_COUNT_OF(names); i++)
		if (wick_tpl_is_text(name, names[i])) {
			*value = attribute(render, loop, (enum attribute)i);
			return true;
		}
	return false;
}

/* loop.cycle('odd', 'even') */
static struct wick_tpl_value cycle(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_args *args)
{
	if (!args->given.count || args->named.count)
		return wick_tpl_fail(render, "loop.cycle has nothing to choose from");
	return args->given.items[self.loop->turn % args->given.count];
}

/* loop.changed(x): is x another than at the last call? */
static struct wick_tpl_value changed(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_args *args)
{
	struct wick_tpl_value shown = wick_tpl_list_value(&args->given, WICK_TPL_TUPLE);
	bool is = !wick_tpl_equal(render, self.loop->shown, shown);

	self.loop->shown = shown;
	return wick_tpl_bool(is);
}

const struct wick_tpl_function wick_tpl_loop_methods[] = {
	{ "cycle", .apply_any = cycle },
	{ "changed", .apply_any = changed },
	{ 0 },
};
