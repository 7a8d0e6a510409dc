/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* Filters that look at all items of a list. */

#include "bits.h"
#include "characters.h"
#include "follow.h"
#include "functions.h"
#include "marked_text.h"
#include "methods.h"
#include "operators.h"

#include <string.h>

#define FILTER(name)                                                                                                   \
	static struct wick_tpl_value name(                                                                             \
		struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_value *args)

static const struct wick_tpl_value none_left = { .bytes = "an item of an empty list", .length = 24 };

FILTER(length)
{
	(void)args;
	if (self.kind == WICK_TPL_STRING)
		return wick_tpl_int(wick_tpl_step(render, self.length / 64) ? wick_tpl_count(self) : 0);
	if (wick_tpl_is_items(self) || self.kind == WICK_TPL_DICT)
		return wick_tpl_int(self.length);
	if (self.kind == WICK_TPL_UNDEFINED)
		return wick_tpl_int(0);
	return wick_tpl_fail_kind(render, "there is no length of", self);
}

FILTER(first)
{
	struct wick_tpl_value items;

	(void)args;
	if (self.kind == WICK_TPL_STREAM && self.stream->count) {
		self.stream->count--;
		return *self.stream->items++;
	}
	items = wick_tpl_walk(render, self);
	return items.length ? items.items[0] : none_left;
}

FILTER(last)
{
	struct wick_tpl_value items;

	(void)args;
	if (self.kind == WICK_TPL_STREAM)
		return wick_tpl_fail_kind(render, "there is no last item of", self);
	items = wick_tpl_walk(render, self);
	return items.length ? items.items[items.length - 1] : none_left;
}

/* The values of an attribute of all items, or the items. */
static struct wick_tpl_value attributes(
	struct wick_tpl_render *render, struct wick_tpl_value self, struct wick_tpl_value path)
{
	struct wick_tpl_value items = wick_tpl_walk(render, self);
	struct wick_tpl_list list = { 0 };

	if (wick_tpl_is_absent(path) || path.kind == WICK_TPL_NONE)
		return items;
	for (uint32_t i = 0; i < items.length && !render->ret; i++)
		wick_tpl_push(render, &list, wick_tpl_follow(render, items.items[i], path));
	return wick_tpl_list_value(&list, WICK_TPL_LIST);
}

FILTER(join)
{
	struct wick_tpl_value between =
		wick_tpl_is_absent(args[0]) ? WICK_TPL_TEXT("") : wick_tpl_string(render, args[0]);

	return wick_tpl_join(render, between, attributes(render, self, args[1]));
}

FILTER(list)
{
	struct wick_tpl_value items = wick_tpl_walk(render, self);

	(void)args;
	return items;
}

FILTER(items)
{
	struct wick_tpl_list list = { 0 };

	(void)args;
	if (self.kind == WICK_TPL_DICT)
		list = wick_tpl_view(render, self, WICK_TPL_ITEMS);
	else if (self.kind != WICK_TPL_UNDEFINED)
		return wick_tpl_fail_kind(render, "there are no items of", self);
	return wick_tpl_stream(render, &list);
}

FILTER(reverse)
{
	struct wick_tpl_value items = wick_tpl_walk(render, self), string;
	struct wick_tpl_list list = { 0 };
	struct wick_tpl_text text = { render };

	(void)args;
	for (uint32_t i = items.length; i-- > 0 && !render->ret;)
		wick_tpl_push(render, &list, items.items[i]);
	if (self.kind != WICK_TPL_STRING)
		return self.kind == WICK_TPL_STREAM ? wick_tpl_list_value(&list, WICK_TPL_LIST)
						    : wick_tpl_stream(render, &list);
	for (uint32_t i = 0; i < list.count; i++)
		wick_tpl_text_add(&text, list.items[i]);
	string = wick_tpl_text_value(&text);
	string.safe = self.safe;
	return string;
}

/* What an item is compared by: strings without their case, unless it matters. */
static struct wick_tpl_value key_of(struct wick_tpl_render *render, struct wick_tpl_value item, bool case_sensitive)
{
	return item.kind == WICK_TPL_STRING && !case_sensitive ? wick_tpl_recase(render, item, WICK_TPL_LOWER) : item;
}

struct sorted {
	struct wick_tpl_value key, item;
};

struct order {
	bool case_sensitive, reverse;
	bool as_lists; /* keys are compared as lists of one, where equal ones need no order */
};

static bool is_after(
	struct wick_tpl_render *render, struct wick_tpl_value a, struct wick_tpl_value b, const struct order *order)
{
	if (!wick_tpl_step(render, 1) || (order->as_lists && wick_tpl_equal(render, a, b)))
		return false;
	return wick_tpl_compare(render, order->reverse ? WICK_OP_LT : WICK_OP_GT, a, b);
}

/* Merges neighbouring runs of `run` pairs: equal ones keep their order. */
static void merge(struct wick_tpl_render *render, struct sorted *into, const struct sorted *from, uint32_t count,
	uint32_t run, const struct order *order)
{
	for (uint32_t begin = 0; begin < count; begin += WICK_MIN(2 * run, count - begin)) {
		uint32_t middle = begin + WICK_MIN(run, count - begin), end = middle + WICK_MIN(run, count - middle);
		uint32_t left = begin, right = middle;

		for (uint32_t i = begin; i < end; i++)
			if (right == end ||
				(left < middle && !is_after(render, from[left].key, from[right].key, order)))
				into[i] = from[left++];
			else
				into[i] = from[right++];
	}
}

/* path: of the attribute to compare by, or absent. */
static struct wick_tpl_value sorted_list(struct wick_tpl_render *render, struct wick_tpl_value items,
	struct wick_tpl_value path, const struct order *order)
{
	struct sorted *from = wick_tpl_take(render, wick_mul(items.length, sizeof(*from)));
	struct sorted *into = wick_tpl_take(render, wick_mul(items.length, sizeof(*into))), *swap;
	struct wick_tpl_value keys = attributes(render, items, path);
	struct wick_tpl_list list = { 0 };

	if (!from || !into || keys.length != items.length)
		return (struct wick_tpl_value){ 0 };
	for (uint32_t i = 0; i < items.length; i++)
		from[i] = (struct sorted){ key_of(render, keys.items[i], order->case_sensitive), items.items[i] };
	for (uint32_t run = 1; run < items.length && !render->ret; run *= 2) {
		merge(render, into, from, items.length, run, order);
		swap = from;
		from = into;
		into = swap;
	}
	for (uint32_t i = 0; i < items.length && !render->ret; i++)
		wick_tpl_push(render, &list, from[i].item);
	return wick_tpl_list_value(&list, WICK_TPL_LIST);
}

FILTER(sort)
{
	struct order order = { .case_sensitive = wick_tpl_truth_arg(args[1], false),
		.reverse = wick_tpl_truth_arg(args[0], false),
		.as_lists = true };

	if (args[2].kind == WICK_TPL_STRING && memchr(args[2].bytes, ',', args[2].length))
		return wick_tpl_refuse(render, "the filter", WICK_TPL_TEXT("sort by several attributes"));
	return sorted_list(render, wick_tpl_walk(render, self), args[2], &order);
}

FILTER(dictsort)
{
	struct wick_tpl_value by = wick_tpl_string_arg(render, args[1], WICK_TPL_TEXT("key")), items;
	struct order order = { .case_sensitive = wick_tpl_truth_arg(args[0], false),
		.reverse = wick_tpl_truth_arg(args[2], false) };
	struct wick_tpl_list pairs;
	int64_t place = wick_tpl_equal(render, by, WICK_TPL_TEXT("value"));

	if (self.kind != WICK_TPL_DICT)
		return wick_tpl_fail_kind(render, "dictsort sorts a dict, not", self);
	if (!place && !wick_tpl_equal(render, by, WICK_TPL_TEXT("key")))
		return wick_tpl_fail(render, "dictsort sorts by \"key\" or \"value\"");
	pairs = wick_tpl_view(render, self, WICK_TPL_ITEMS);
	items = wick_tpl_list_value(&pairs, WICK_TPL_LIST);
	return sorted_list(render, items, wick_tpl_int(place), &order);
}

FILTER(unique)
{
	struct wick_tpl_value items = wick_tpl_walk(render, self), keys = attributes(render, items, args[1]);
	bool case_sensitive = wick_tpl_truth_arg(args[0], false);
	struct wick_tpl_list list = { 0 };
	struct wick_tpl_space seen = { 0 };

	for (uint32_t i = 0; i < items.length && i < keys.length && !render->ret; i++) {
		struct wick_tpl_value key = key_of(render, keys.items[i], case_sensitive);
		uint32_t count = seen.count;

		if (wick_tpl_can_be_key(render, key))
			wick_tpl_put_pair(render, &seen, (struct wick_tpl_pair){ .key = key });
		if (seen.count > count)
			wick_tpl_push(render, &list, items.items[i]);
	}
	return wick_tpl_stream(render, &list);
}

static struct wick_tpl_value extreme(struct wick_tpl_render *render, struct wick_tpl_value self,
	const struct wick_tpl_value *args, enum wick_tpl_op op)
{
	struct wick_tpl_value items = wick_tpl_walk(render, self), keys = attributes(render, items, args[1]);
	bool case_sensitive = wick_tpl_truth_arg(args[0], false);
	uint32_t best = 0;

	for (uint32_t i = 1; i < keys.length && !render->ret; i++)
		if (wick_tpl_compare(render, op, key_of(render, keys.items[i], case_sensitive),
			    key_of(render, keys.items[best], case_sensitive)))
			best = i;
	return best < items.length ? items.items[best] : none_left;
}

FILTER(smallest)
{
	return extreme(render, self, args, WICK_OP_LT);
}

FILTER(largest)
{
	return extreme(render, self, args, WICK_OP_GT);
}

FILTER(sum)
{
	struct wick_tpl_value total = wick_tpl_is_absent(args[1]) ? wick_tpl_int(0) : args[1];
	struct wick_tpl_value items = attributes(render, self, args[0]);

	for (uint32_t i = 0; i < items.length && wick_tpl_step(render, 1); i++)
		total = wick_tpl_binary(render, WICK_OP_ADD, total, items.items[i]);
	return total;
}

const struct wick_tpl_function wick_tpl_list_filters[] = {
	{ "length", length }, { "count", length }, { "first", first }, { "last", last },
	{ "join", join, 0, { "d", "attribute" } }, { "list", list }, { "items", items }, { "reverse", reverse },
	{ "sort", sort, 0, { "reverse", "case_sensitive", "attribute" } },
	{ "dictsort", dictsort, 0, { "case_sensitive", "by", "reverse" } },
	{ "unique", unique, 0, { "case_sensitive", "attribute" } },
	{ "min", smallest, 0, { "case_sensitive", "attribute" } },
	{ "max", largest, 0, { "case_sensitive", "attribute" } }, { "sum", sum, 0, { "attribute", "start" } },
	{ "batch" }, { "groupby" }, { "random" }, { "slice" },
	{ 0 },
};
