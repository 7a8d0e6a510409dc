/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Methods of dicts and lists, which no template can change. */

#include "functions.h"
#include "operators.h"

#define METHOD(name)                                                                                                   \
	static struct wick_tpl_value name(                                                                             \
		struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_value *args)

METHOD(get)
{
	struct wick_tpl_value value =
		wick_tpl_is_absent(args[1]) ? (struct wick_tpl_value){ .kind = WICK_TPL_NONE } : args[1];

	if (wick_tpl_can_be_key(render, args[0]))
		wick_tpl_find(render, self.pairs, self.length, args[0], &value);
	return value;
}

static struct wick_tpl_value view(struct wick_tpl_render *render, struct wick_tpl_value dict, enum wick_tpl_view which)
{
	struct wick_tpl_list list = wick_tpl_view(render, dict, which);
	struct wick_tpl_value value = wick_tpl_list_value(&list, WICK_TPL_VIEW);

	value.view = which;
	return value;
}

METHOD(keys)
{
	(void)args;
	return view(render, self, WICK_TPL_KEYS);
}

METHOD(values)
{
	(void)args;
	return view(render, self, WICK_TPL_VALUES);
}

METHOD(items)
{
	(void)args;
	return view(render, self, WICK_TPL_ITEMS);
}

METHOD(copy)
{
	(void)args;
	(void)render;
	return self;
}

const struct wick_tpl_function wick_tpl_dict_methods[] = {
	{ "get", get, 1, { " ", " " } }, { "keys", keys }, { "values", values }, { "items", items }, { "copy", copy },
	{ "clear" }, { "fromkeys" }, { "pop" }, { "popitem" }, { "setdefault" }, { "update" },
	{ 0 },
};

METHOD(index_of)
{
	for (uint32_t i = 0; i < self.length && wick_tpl_step(render, 1); i++)
		if (wick_tpl_equal(render, self.items[i], args[0]))
			return wick_tpl_int(i);
	return wick_tpl_fail(render, "a list does not have the item whose index is asked for");
}

METHOD(count_items)
{
	int64_t found = 0;

	for (uint32_t i = 0; i < self.length && wick_tpl_step(render, 1); i++)
		found += wick_tpl_equal(render, self.items[i], args[0]);
	return wick_tpl_int(found);
}

const struct wick_tpl_function wick_tpl_list_methods[] = {
	{ "index", index_of, 1, { " " } }, { "count", count_items, 1, { " " } },
	{ "append" }, { "clear" }, { "copy" }, { "extend" }, { "insert" }, { "pop" }, { "remove" }, { "reverse" },
	{ "sort" }, { "start" }, { "stop" }, { "step" },
	{ 0 },
};
