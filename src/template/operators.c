/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* Truth, equality, order. */

#include "operators.h"

#include "bits.h"
#include "sequence.h"

#include <string.h>

const char *wick_tpl_kind_name(struct wick_tpl_value value)
{
	static const char *const names[WICK_TPL_KINDS] = { [WICK_TPL_UNDEFINED] = "an undefined value",
		[WICK_TPL_NONE] = "none",
		[WICK_TPL_BOOL] = "a truth value",
		[WICK_TPL_INT] = "an integer",
		[WICK_TPL_FLOAT] = "a real number",
		[WICK_TPL_STRING] = "a string",
		[WICK_TPL_LIST] = "a list",
		[WICK_TPL_TUPLE] = "a tuple",
		[WICK_TPL_RANGE] = "a range",
		[WICK_TPL_VIEW] = "a view of a dict",
		[WICK_TPL_STREAM] = "a generator",
		[WICK_TPL_DICT] = "a dict",
		[WICK_TPL_NAMESPACE] = "a namespace",
		[WICK_TPL_MACRO] = "a macro",
		[WICK_TPL_LOOP] = "a loop",
		[WICK_TPL_METHOD] = "a method",
		[WICK_TPL_GLOBAL] = "a function" };

	return names[value.kind];
}

bool wick_tpl_truth(struct wick_tpl_value value)
{
	switch (value.kind) {
	case WICK_TPL_UNDEFINED:
	case WICK_TPL_NONE:
		return false;
	case WICK_TPL_BOOL:
		return value.truth;
	case WICK_TPL_INT:
		return value.integer;
	case WICK_TPL_FLOAT:
		return value.real != 0;
	case WICK_TPL_STRING:
	case WICK_TPL_LIST:
	case WICK_TPL_TUPLE:
	case WICK_TPL_RANGE:
	case WICK_TPL_VIEW:
	case WICK_TPL_DICT:
		return value.length;
	default:
		return true;
	}
}

/* An integer and a real: exactly, though not every integer is a double. 2: one of them is no number. */
static int order_mixed(int64_t a, double b)
{
	if (b != b)
		return 2;
	if (b >= 0x1p63)
		return -1;
	if (b < -0x1p63)
		return 1;
	if (a != (int64_t)b)
		return a < (int64_t)b ? -1 : 1;
	return b > (double)(int64_t)b ? -1 : b < (double)(int64_t)b;
}

static int order_numbers(struct wick_tpl_value a, struct wick_tpl_value b)
{
	int mixed;

	if (a.kind == WICK_TPL_FLOAT && b.kind == WICK_TPL_FLOAT)
		return a.real != a.real || b.real != b.real ? 2 : (a.real > b.real) - (a.real < b.real);
	if (b.kind == WICK_TPL_FLOAT)
		return order_mixed(wick_tpl_integer(a), b.real);
	if (a.kind != WICK_TPL_FLOAT)
		return (wick_tpl_integer(a) > wick_tpl_integer(b)) - (wick_tpl_integer(a) < wick_tpl_integer(b));
	mixed = order_mixed(wick_tpl_integer(b), a.real);
	return mixed == 2 ? 2 : -mixed;
}

/* UTF-8 has the order of its characters. */
static int order_strings(struct wick_tpl_value a, struct wick_tpl_value b)
{
	uint32_t length = WICK_MIN(a.length, b.length);
	int order = length ? memcmp(a.bytes, b.bytes, length) : 0;

	return order ? order : (a.length > b.length) - (a.length < b.length);
}

static bool equal_items(struct wick_tpl_render *render, struct wick_tpl_value a, struct wick_tpl_value b)
{
	uint32_t i = 0;

	if (a.length != b.length)
		return false;
	while (i < a.length && wick_tpl_step(render, 1) && wick_tpl_equal(render, a.items[i], b.items[i]))
		i++;
	return i == a.length;
}

static bool has_pair(struct wick_tpl_render *render, struct wick_tpl_value dict, struct wick_tpl_pair pair)
{
	uint32_t i = 0;

	while (i < dict.length && wick_tpl_step(render, 1) && !wick_tpl_equal(render, dict.pairs[i].key, pair.key))
		i++;
	return i < dict.length && wick_tpl_equal(render, dict.pairs[i].value, pair.value);
}

static bool equal_dicts(struct wick_tpl_render *render, struct wick_tpl_value a, struct wick_tpl_value b)
{
	uint32_t i = 0;

	if (a.length != b.length)
		return false;
	while (i < a.length && has_pair(render, b, a.pairs[i]))
		i++;
	return i == a.length;
}

static bool equal(struct wick_tpl_render *render, struct wick_tpl_value a, struct wick_tpl_value b)
{
	if (wick_tpl_is_number(a) && wick_tpl_is_number(b))
		return order_numbers(a, b) == 0;
	if (a.kind != b.kind)
		return false;
	switch (a.kind) {
	case WICK_TPL_UNDEFINED:
	case WICK_TPL_NONE:
		return true;
	case WICK_TPL_STRING:
		return a.length == b.length && !memcmp(a.bytes, b.bytes, a.length);
	case WICK_TPL_LIST:
	case WICK_TPL_TUPLE:
	case WICK_TPL_RANGE:
		return equal_items(render, a, b);
	case WICK_TPL_DICT:
		return equal_dicts(render, a, b);
	default:
		wick_tpl_fail_kind(render, "wick does not compare", a);
		return false;
	}
}

bool wick_tpl_equal(struct wick_tpl_render *render, struct wick_tpl_value a, struct wick_tpl_value b)
{
	bool is = false;

	if (wick_tpl_enter(render))
		is = equal(render, a, b);
	wick_tpl_leave(render);
	return is;
}

static int order_items(struct wick_tpl_render *render, struct wick_tpl_value a, struct wick_tpl_value b)
{
	uint32_t length = WICK_MIN(a.length, b.length);

	for (uint32_t i = 0; i < length && wick_tpl_step(render, 1); i++)
		if (!wick_tpl_equal(render, a.items[i], b.items[i]))
			return wick_tpl_order(render, a.items[i], b.items[i]);
	return (a.length > b.length) - (a.length < b.length);
}

int wick_tpl_order(struct wick_tpl_render *render, struct wick_tpl_value a, struct wick_tpl_value b)
{
	int order = 0;

	if (wick_tpl_is_number(a) && wick_tpl_is_number(b))
		return order_numbers(a, b);
	if (a.kind == WICK_TPL_STRING && b.kind == WICK_TPL_STRING)
		return order_strings(a, b);
	if (a.kind != b.kind || (a.kind != WICK_TPL_LIST && a.kind != WICK_TPL_TUPLE)) {
		wick_tpl_fail_kind(render, "there is no order of", a.kind == WICK_TPL_UNDEFINED ? a : b);
		return 0;
	}
	if (wick_tpl_enter(render))
		order = order_items(render, a, b);
	wick_tpl_leave(render);
	return order;
}

/* Keys are looked up by a hash, of which lists and the like have none, and so are items by the first of two. */
static bool can_be_in_view(struct wick_tpl_render *render, struct wick_tpl_value item, struct wick_tpl_value view)
{
	if (view.view == WICK_TPL_ITEMS && (item.kind != WICK_TPL_TUPLE || item.length != 2))
		return false;
	return view.view == WICK_TPL_VALUES ||
		wick_tpl_can_be_key(render, view.view == WICK_TPL_ITEMS ? item.items[0] : item);
}

static bool contains(struct wick_tpl_render *render, struct wick_tpl_value item, struct wick_tpl_value in)
{
	struct wick_tpl_value items = { 0 }, ignored;
	uint32_t i = 0;

	if (in.kind == WICK_TPL_DICT)
		return wick_tpl_can_be_key(render, item) && wick_tpl_find(render, in.pairs, in.length, item, &ignored);
	if (in.kind == WICK_TPL_STRING && item.kind != WICK_TPL_STRING) {
		wick_tpl_fail_kind(render, "a string cannot contain", item);
		return false;
	}
	if (in.kind == WICK_TPL_STRING)
		return !item.length || memmem(in.bytes, in.length, item.bytes, item.length);
	items = wick_tpl_walk(render, in);
	if (in.kind == WICK_TPL_VIEW && !can_be_in_view(render, item, in))
		return false;
	while (i < items.length && wick_tpl_step(render, 1) && !wick_tpl_equal(render, items.items[i], item))
		i++;
	return i < items.length;
}

bool wick_tpl_compare(
	struct wick_tpl_render *render, enum wick_tpl_op op, struct wick_tpl_value a, struct wick_tpl_value b)
{
	int order;

	if (op == WICK_OP_IN || op == WICK_OP_NOT_IN)
		return contains(render, a, b) == (op == WICK_OP_IN);
	if (op == WICK_OP_EQ || op == WICK_OP_NE)
		return wick_tpl_equal(render, a, b) == (op == WICK_OP_EQ);
	order = wick_tpl_order(render, a, b);
	if (order == 2 && wick_tpl_is_number(a))
		return false;
	if (op == WICK_OP_LT || op == WICK_OP_GE)
		return (order < 0) == (op == WICK_OP_LT);
	return (order > 0) == (op == WICK_OP_GT);
}
