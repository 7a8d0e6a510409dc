/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* What "a.b" and "a[b]" are. Jinja asks Python for an attribute first and for an item then, or the other way round; so
 * {'items': 3}.items is a method, and so is {}['items']. */

#include "attributes.h"

#include "bits.h"
#include "characters.h"
#include "functions.h"
#include "is_text.h"
#include "marked_text.h"
#include "operators.h"

static struct wick_tpl_value undefined(struct wick_tpl_value name)
{
	if (name.kind != WICK_TPL_STRING)
		name = WICK_TPL_TEXT("an item");
	return (struct wick_tpl_value){ .bytes = name.bytes, .length = name.length };
}

static const struct wick_tpl_function *methods_of(struct wick_tpl_value value)
{
	static const struct wick_tpl_function none[] = { { 0 } };

	switch (value.kind) {
	case WICK_TPL_STRING:
		return wick_tpl_string_methods;
	case WICK_TPL_DICT:
		return wick_tpl_dict_methods;
	case WICK_TPL_LIST:
	case WICK_TPL_TUPLE:
	case WICK_TPL_RANGE:
		return wick_tpl_list_methods;
	case WICK_TPL_LOOP:
		return wick_tpl_loop_methods;
	default:
		return none;
	}
}

static bool find_method(struct wick_tpl_render *render, struct wick_tpl_value of, struct wick_tpl_value name,
	struct wick_tpl_value *method)
{
	const struct wick_tpl_function *function = wick_tpl_find_function(methods_of(of), name);
	struct wick_tpl_bound *bound;

	if (!function)
		return false;
	if (!function->apply && !function->apply_any)
		wick_tpl_refuse(render, "the method", name);
	bound = wick_tpl_take(render, sizeof(*bound));
	if (!bound)
		return false;
	*bound = (struct wick_tpl_bound){ .function = function, .self = of };
	*method = (struct wick_tpl_value){ .kind = WICK_TPL_METHOD, .bound = bound };
	return true;
}

/* Values with attributes that Python has and wick lacks, all of which are refused: numbers have "real", ... */
static bool has_others(struct wick_tpl_value value)
{
	return value.kind == WICK_TPL_BOOL || value.kind == WICK_TPL_INT || value.kind == WICK_TPL_FLOAT ||
	       value.kind == WICK_TPL_VIEW || value.kind == WICK_TPL_STREAM || value.kind == WICK_TPL_MACRO ||
	       value.kind == WICK_TPL_METHOD || value.kind == WICK_TPL_GLOBAL;
}

/* What Python's getattr() finds. */
static bool find_attribute(struct wick_tpl_render *render, struct wick_tpl_value of, struct wick_tpl_value name,
	struct wick_tpl_value *value)
{
	bool is_inner = name.length > 1 && name.bytes[0] == '_' && name.bytes[1] == '_';

	if (is_inner || has_others(of)) {
		wick_tpl_refuse(render, "the attribute", name);
		return false;
	}
	if (of.kind == WICK_TPL_NAMESPACE)
		return wick_tpl_find(render, of.space->pairs, of.space->count, name, value);
	if (of.kind == WICK_TPL_LOOP && wick_tpl_loop_attribute(render, of.loop, name, value))
		return true;
	return find_method(render, of, name, value);
}

struct wick_tpl_value wick_tpl_attribute(
	struct wick_tpl_render *render, struct wick_tpl_value of, struct wick_tpl_value name)
{
	struct wick_tpl_value value = undefined(name);

	if (of.kind == WICK_TPL_UNDEFINED)
		return wick_tpl_fail_kind(render, "", of);
	if (!find_attribute(render, of, name, &value) && of.kind == WICK_TPL_DICT)
		wick_tpl_find(render, of.pairs, of.length, name, &value);
	return value;
}

/* The byte where a character of a string begins; a string has `count` characters and a place behind them. */
static uint32_t byte_of(struct wick_tpl_value string, uint32_t character)
{
	uint32_t at = 0;

	for (; character; character--)
		for (at++; at < string.length && wick_tpl_is_inside(string.bytes, at);)
			at++;
	return at;
}

static uint32_t count_of(struct wick_tpl_render *render, struct wick_tpl_value value)
{
	if (value.kind != WICK_TPL_STRING)
		return value.length;
	wick_tpl_step(render, value.length / 64);
	return wick_tpl_count(value);
}

/* The part of a string or sequence between two of its places. */
static struct wick_tpl_value part_of(struct wick_tpl_value whole, uint32_t from, uint32_t end)
{
	uint32_t start = from;

	if (whole.kind == WICK_TPL_STRING) {
		start = byte_of(whole, from);
		end = start + byte_of(wick_tpl_cut(whole, start, whole.length), end - from);
	}
	return wick_tpl_cut(whole, start, end);
}

static bool is_indexed(struct wick_tpl_value value)
{
	return value.kind == WICK_TPL_STRING || value.kind == WICK_TPL_LIST || value.kind == WICK_TPL_TUPLE ||
	       value.kind == WICK_TPL_RANGE;
}

static bool find_indexed(
	struct wick_tpl_render *render, struct wick_tpl_value of, int64_t index, struct wick_tpl_value *value)
{
	uint32_t count = count_of(render, of);

	if (index < 0)
		index += count;
	if (index < 0 || index >= count)
		return false;
	*value = of.kind == WICK_TPL_STRING ? part_of(of, (uint32_t)index, (uint32_t)index + 1) : of.items[index];
	return true;
}

struct wick_tpl_value wick_tpl_item(
	struct wick_tpl_render *render, struct wick_tpl_value of, struct wick_tpl_value index)
{
	struct wick_tpl_value value = undefined(index);
	bool is_int = index.kind == WICK_TPL_INT || index.kind == WICK_TPL_BOOL;

	if (of.kind == WICK_TPL_UNDEFINED)
		return wick_tpl_fail_kind(render, "", of);
	if (of.kind == WICK_TPL_DICT && wick_tpl_find(render, of.pairs, of.length, index, &value))
		return value;
	if (is_int && is_indexed(of) && find_indexed(render, of, wick_tpl_integer(index), &value))
		return value;
	if (index.kind == WICK_TPL_STRING)
		find_attribute(render, of, index, &value);
	return value;
}

/* A bound of a slice within 0 to count, or -1 to count - 1 where the step is backwards. */
static int64_t place(int64_t bound, int64_t count, bool backwards)
{
	if (bound < 0)
		bound += count;
	if (bound < 0)
		return backwards ? -1 : 0;
	return WICK_MIN(bound, backwards ? count - 1 : count);
}

static struct wick_tpl_value stepped(
	struct wick_tpl_render *render, struct wick_tpl_value of, int64_t from, int64_t end, int64_t step)
{
	struct wick_tpl_value items = wick_tpl_walk(render, of);
	struct wick_tpl_list list = { 0 };
	struct wick_tpl_text text = { render };

	if (render->ret)
		return items;
	for (int64_t i = from; step > 0 ? i < end : i > end; i += step)
		wick_tpl_push(render, &list, items.items[i]);
	if (of.kind != WICK_TPL_STRING)
		return wick_tpl_list_value(&list, of.kind);
	for (uint32_t i = 0; i < list.count; i++)
		wick_tpl_text_add(&text, list.items[i]);
	items = wick_tpl_text_value(&text);
	items.safe = of.safe;
	return items;
}

/* The numbers of a slice that were given. */
static void read_bounds(
	struct wick_tpl_render *render, const struct wick_tpl_value bounds[3], int64_t numbers[3], bool given[3])
{
	for (unsigned i = 0; i < 3; i++) {
		given[i] = bounds[i].kind != WICK_TPL_NONE;
		if (bounds[i].kind == WICK_TPL_INT || bounds[i].kind == WICK_TPL_BOOL)
			numbers[i] = WICK_MAX(WICK_MIN(wick_tpl_integer(bounds[i]), INT32_MAX), -INT32_MAX);
		else if (given[i])
			wick_tpl_fail_kind(render, "a slice is bounded by integers, not by", bounds[i]);
	}
	if (!numbers[2])
		wick_tpl_fail(render, "the step of a slice is 0");
}

struct wick_tpl_value wick_tpl_slice(
	struct wick_tpl_render *render, struct wick_tpl_value of, const struct wick_tpl_value bounds[3])
{
	int64_t numbers[3] = { 0, 0, 1 }, count, from, end;
	bool given[3], backwards;

	read_bounds(render, bounds, numbers, given);
	if (!is_indexed(of))
		return wick_tpl_fail_kind(render, "there are no slices of", of);
	count = count_of(render, of);
	backwards = numbers[2] < 0;
	from = given[0] ? place(numbers[0], count, backwards) : backwards ? count - 1 : 0;
	end = given[1] ? place(numbers[1], count, backwards) : backwards ? -1 : count;
	if (render->ret)
		return of;
	if (numbers[2] != 1)
		return stepped(render, of, from, end, numbers[2]);
	return part_of(of, (uint32_t)from, (uint32_t)WICK_MAX(from, end));
}
