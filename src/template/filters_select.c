/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* map, select, reject and their like: filters that apply a filter or a test to each item. */

#include "attributes.h"
#include "bits.h"
#include "follow.h"
#include "functions.h"
#include "is_text.h"
#include "operators.h"

#include <string.h>

/* What cannot be walked is not walked where it is false, such as tools that are none. */
static struct wick_tpl_value items_of(struct wick_tpl_render *render, struct wick_tpl_value value)
{
	if (!wick_tpl_truth(value))
		return (struct wick_tpl_value){ .kind = WICK_TPL_LIST };
	return wick_tpl_walk(render, value);
}

/* A part of a path that is all digits is the number of an item. */
static struct wick_tpl_value part_of(struct wick_tpl_value part)
{
	int64_t number = 0;

	for (uint32_t i = 0; i < part.length; i++) {
		if (part.bytes[i] < '0' || part.bytes[i] > '9' || number > INT32_MAX)
			return part;
		number = number * 10 + (part.bytes[i] - '0');
	}
	return part.length ? wick_tpl_int(number) : part;
}

struct wick_tpl_value wick_tpl_follow(
	struct wick_tpl_render *render, struct wick_tpl_value value, struct wick_tpl_value path)
{
	if (path.kind == WICK_TPL_INT)
		return wick_tpl_item(render, value, path);
	if (path.kind != WICK_TPL_STRING)
		return wick_tpl_fail_kind(render, "an attribute is named by a string, not by", path);
	for (uint32_t from = 0; from <= path.length && wick_tpl_step(render, 1);) {
		const char *dot = path.length > from ? memchr(path.bytes + from, '.', path.length - from) : NULL;
		uint32_t end = dot ? (uint32_t)(dot - path.bytes) : path.length;

		value = wick_tpl_item(render, value, part_of(wick_tpl_cut(path, from, end)));
		from = end + 1;
	}
	return value;
}

/* Arguments from the `from`th on. */
static struct wick_tpl_args rest_of(const struct wick_tpl_args *args, uint32_t from)
{
	struct wick_tpl_args rest = *args;

	rest.given.items += from;
	rest.given.count -= from;
	rest.given.room = rest.given.count;
	return rest;
}

static bool has_only(const struct wick_tpl_args *args, const char *first, const char *second)
{
	for (uint32_t i = 0; i < args->named.count; i++)
		if (!wick_tpl_is_text(args->named.pairs[i].key, first) &&
			!wick_tpl_is_text(args->named.pairs[i].key, second))
			return false;
	return !args->given.count;
}

/* map(attribute='a', default=0) */
static struct wick_tpl_value map_attribute(
	struct wick_tpl_render *render, struct wick_tpl_value items, const struct wick_tpl_args *args)
{
	struct wick_tpl_value path = { 0 }, otherwise = { .kind = WICK_TPL_NONE };
	struct wick_tpl_list list = { 0 };

	wick_tpl_find(render, args->named.pairs, args->named.count, WICK_TPL_TEXT("attribute"), &path);
	wick_tpl_find(render, args->named.pairs, args->named.count, WICK_TPL_TEXT("default"), &otherwise);
	if (!has_only(args, "attribute", "default"))
		return wick_tpl_fail(render, "the filter \"map\" does not take these arguments");
	for (uint32_t i = 0; i < items.length && !render->ret; i++) {
		struct wick_tpl_value value = wick_tpl_follow(render, items.items[i], path);

		if (value.kind == WICK_TPL_UNDEFINED && otherwise.kind != WICK_TPL_NONE)
			value = otherwise;
		wick_tpl_push(render, &list, value);
	}
	return wick_tpl_stream(render, &list);
}

static struct wick_tpl_value map(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_args *args)
{
	struct wick_tpl_value items = items_of(render, self);
	struct wick_tpl_list list = { 0 };
	struct wick_tpl_args rest;

	if (!args->given.count)
		return map_attribute(render, items, args);
	if (args->given.items[0].kind != WICK_TPL_STRING)
		return wick_tpl_fail_kind(render, "a filter is named by a string, not by", args->given.items[0]);
	rest = rest_of(args, 1);
	for (uint32_t i = 0; i < items.length && !render->ret; i++)
		wick_tpl_push(render, &list, wick_tpl_filter(render, args->given.items[0], items.items[i], &rest));
	return wick_tpl_stream(render, &list);
}

/* The truth of an item, or what a test named by the arguments says of it. */
static bool is_chosen(struct wick_tpl_render *render, struct wick_tpl_value value, const struct wick_tpl_args *args)
{
	struct wick_tpl_args rest;

	if (!args->given.count)
		return wick_tpl_truth(value);
	if (args->given.items[0].kind != WICK_TPL_STRING) {
		wick_tpl_fail_kind(render, "a test is named by a string, not by", args->given.items[0]);
		return false;
	}
	rest = rest_of(args, 1);
	return wick_tpl_test(render, args->given.items[0], value, &rest);
}

static struct wick_tpl_value choose(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_args *args, bool wanted)
{
	struct wick_tpl_value items = items_of(render, self);
	struct wick_tpl_list list = { 0 };

	for (uint32_t i = 0; i < items.length && !render->ret; i++)
		if (is_chosen(render, items.items[i], args) == wanted)
			wick_tpl_push(render, &list, items.items[i]);
	return wick_tpl_stream(render, &list);
}

static struct wick_tpl_value choose_by_attribute(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_args *args, bool wanted)
{
	struct wick_tpl_value items = items_of(render, self);
	struct wick_tpl_list list = { 0 };
	struct wick_tpl_args rest;

	if (!args->given.count)
		return wick_tpl_fail(render, "the attribute to choose by is missing");
	rest = rest_of(args, 1);
	for (uint32_t i = 0; i < items.length && !render->ret; i++) {
		struct wick_tpl_value value = wick_tpl_follow(render, items.items[i], args->given.items[0]);

		if (is_chosen(render, value, &rest) == wanted)
			wick_tpl_push(render, &list, items.items[i]);
	}
	return wick_tpl_stream(render, &list);
}

static struct wick_tpl_value select_items(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_args *args)
{
	return choose(render, self, args, true);
}

static struct wick_tpl_value reject_items(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_args *args)
{
	return choose(render, self, args, false);
}

static struct wick_tpl_value selectattr(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_args *args)
{
	return choose_by_attribute(render, self, args, true);
}

static struct wick_tpl_value rejectattr(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_args *args)
{
	return choose_by_attribute(render, self, args, false);
}

const struct wick_tpl_function wick_tpl_select_filters[] = {
	{ "map", .apply_any = map }, { "select", .apply_any = select_items }, { "reject", .apply_any = reject_items },
	{ "selectattr", .apply_any = selectattr }, { "rejectattr", .apply_any = rejectattr },
	{ 0 },
};
