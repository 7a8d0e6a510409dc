/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* Macros, and the functions that every template sees. */

#include "macro.h"

#include "bits.h"
#include "functions.h"
#include "is_text.h"
#include "loop.h"
#include "marked_text.h"
#include "operators.h"

#define FORMATTED_BYTES 4096 /* of strftime_now */

struct wick_tpl_value wick_tpl_macro(struct wick_tpl_render *render, const struct wick_tpl_node *node)
{
	struct wick_tpl_macro *macro = wick_tpl_take(render, sizeof(*macro));

	if (!macro)
		return (struct wick_tpl_value){ 0 };
	*macro = (struct wick_tpl_macro){ .node = node, .around = render->scope };
	return (struct wick_tpl_value){ .kind = WICK_TPL_MACRO, .macro = macro };
}

static bool has_parameter(const struct wick_tpl_node *node, struct wick_tpl_value name)
{
	for (const struct wick_tpl_node *parameter = node->first; parameter; parameter = parameter->next)
		if (name.length == parameter->value.length && !memcmp(name.bytes, parameter->value.bytes, name.length))
			return true;
	return false;
}

/* The arguments beyond the parameters: varargs and kwargs, where the macro speaks of them, else an error. */
static void bind_others(struct wick_tpl_render *render, const struct wick_tpl_node *node,
	const struct wick_tpl_args *args, uint32_t parameters)
{
	struct wick_tpl_list more = { 0 };
	struct wick_tpl_space named = { 0 };

	for (uint32_t i = parameters; i < args->given.count; i++)
		wick_tpl_push(render, &more, args->given.items[i]);
	for (uint32_t i = 0; i < args->named.count; i++)
		if (!has_parameter(node, args->named.pairs[i].key))
			wick_tpl_put_pair(render, &named, args->named.pairs[i]);
	if ((more.count && !(node->op & WICK_USES_VARARGS)) || (named.count && !(node->op & WICK_USES_KWARGS)))
		wick_tpl_fail(render, "the macro \"%.*s\" does not take these arguments",
			(int)WICK_MIN(node->value.length, 64u), node->value.bytes);
	if (node->op & WICK_USES_VARARGS)
		wick_tpl_bind(render, WICK_TPL_TEXT("varargs"), wick_tpl_list_value(&more, WICK_TPL_TUPLE));
	if (node->op & WICK_USES_KWARGS)
		wick_tpl_bind(render, WICK_TPL_TEXT("kwargs"), wick_tpl_dict_value(&named));
}

static struct wick_tpl_value argument(struct wick_tpl_render *render, const struct wick_tpl_node *parameter,
	const struct wick_tpl_args *args, uint32_t place)
{
	struct wick_tpl_value value = { .bytes = parameter->value.bytes, .length = parameter->value.length };
	bool named = wick_tpl_find(render, args->named.pairs, args->named.count, parameter->value, &value);

	if (named && place < args->given.count)
		return wick_tpl_fail(render, "the argument \"%.*s\" is given twice", (int)WICK_MIN(value.length, 64u),
			parameter->value.bytes);
	if (place < args->given.count)
		return args->given.items[place];
	return named || !parameter->first ? value : wick_tpl_eval(render, parameter->first);
}

static struct wick_tpl_value call_macro(
	struct wick_tpl_render *render, const struct wick_tpl_macro *macro, const struct wick_tpl_args *args)
{
	struct wick_tpl_scope *scope = render->scope, *inner = wick_tpl_scope(render, macro->around);
	struct wick_tpl_value value = { 0 };
	uint32_t place = 0;

	if (!inner)
		return value;
	render->scope = inner;
	for (const struct wick_tpl_node *parameter = macro->node->first; parameter; parameter = parameter->next)
		wick_tpl_bind(render, parameter->value, argument(render, parameter, args, place++));
	bind_others(render, macro->node, args, place);
	value = wick_tpl_capture(render, macro->node->items);
	render->scope = scope;
	return value;
}

struct wick_tpl_value wick_tpl_call(
	struct wick_tpl_render *render, struct wick_tpl_value callee, const struct wick_tpl_args *args)
{
	struct wick_tpl_value value = { 0 };

	if (wick_tpl_enter(render)) {
		if (callee.kind == WICK_TPL_MACRO)
			value = call_macro(render, callee.macro, args);
		else if (callee.kind == WICK_TPL_METHOD)
			value = wick_tpl_apply(render, callee.bound->function, "the method", callee.bound->self, args);
		else if (callee.kind == WICK_TPL_GLOBAL)
			value = wick_tpl_apply(render, callee.function, "the function", value, args);
		else
			wick_tpl_fail_kind(render, "cannot call", callee);
	}
	wick_tpl_leave(render);
	return value;
}

static struct wick_tpl_value make_range(struct wick_tpl_render *render, int64_t from, int64_t end, int64_t step)
{
	/* Unsigned, since the distance of two integers may be larger than either. */
	uint64_t distance = (step > 0 ? from < end : from > end)
				    ? step > 0 ? (uint64_t)end - (uint64_t)from : (uint64_t)from - (uint64_t)end
				    : 0;
	uint64_t count = wick_div_up(distance, step > 0 ? (uint64_t)step : 0 - (uint64_t)step);
	struct wick_tpl_list list = { 0 };

	if (!wick_tpl_within(render, WICK_TEMPLATE_RANGE, count))
		return (struct wick_tpl_value){ 0 };
	for (uint64_t i = 0; i < count && !render->ret; i++)
		wick_tpl_push(render, &list, wick_tpl_int(from + (int64_t)i * step));
	return wick_tpl_list_value(&list, WICK_TPL_RANGE);
}

static struct wick_tpl_value range(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_value *args)
{
	int64_t first = wick_tpl_int_arg(render, args[0], 0), step = wick_tpl_int_arg(render, args[2], 1);
	int64_t second = wick_tpl_int_arg(render, args[1], 0);

	(void)self;
	if (!step)
		return wick_tpl_fail(render, "the step of a range is 0");
	return wick_tpl_is_absent(args[1]) ? make_range(render, 0, first, step)
					   : make_range(render, first, second, step);
}

/* A dict's pairs, if there is one, and those named. */
static struct wick_tpl_space pairs_of(struct wick_tpl_render *render, const struct wick_tpl_args *args)
{
	struct wick_tpl_value dict =
		args->given.count ? args->given.items[0] : (struct wick_tpl_value){ .kind = WICK_TPL_DICT };
	struct wick_tpl_space space = { 0 };

	if (dict.kind != WICK_TPL_DICT || args->given.count > 1) {
		wick_tpl_fail(render, "a dict is made of another dict and names only");
		return space;
	}
	for (uint32_t i = 0; i < dict.length && !render->ret; i++)
		wick_tpl_add_pair(render, &space, dict.pairs[i]);
	for (uint32_t i = 0; i < args->named.count && !render->ret; i++)
		wick_tpl_put_pair(render, &space, args->named.pairs[i]);
	return space;
}

static struct wick_tpl_value make_dict(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_args *args)
{
	struct wick_tpl_space space = pairs_of(render, args);

	(void)self;
	return wick_tpl_dict_value(&space);
}

static struct wick_tpl_value make_namespace(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_args *args)
{
	struct wick_tpl_space *space = wick_tpl_take(render, sizeof(*space));

	(void)self;
	if (!space)
		return self;
	*space = pairs_of(render, args);
	for (uint32_t i = 0; i < space->count; i++)
		if (space->pairs[i].key.kind == WICK_TPL_STRING && space->pairs[i].key.length &&
			space->pairs[i].key.bytes[0] == '_')
			wick_tpl_fail(render, "a namespace cannot have an attribute that begins with _");
	return (struct wick_tpl_value){ .kind = WICK_TPL_NAMESPACE, .space = space };
}

static struct wick_tpl_value raise_exception(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_value *args)
{
	struct wick_tpl_value message = wick_tpl_string(render, args[0]);

	(void)self;
	return wick_tpl_fail(render, "the template refuses this conversation: %.*s",
		(int)WICK_MIN(message.length, 600u), message.bytes);
}

static struct wick_tpl_value strftime_now(
	struct wick_tpl_render *render, struct wick_tpl_value self, const struct wick_tpl_value *args)
{
	struct wick_tpl_value format = wick_tpl_string_arg(render, args[0], self);
	struct wick_tpl_text text = { render };
	char pattern[FORMATTED_BYTES / 4], formatted[FORMATTED_BYTES];
	size_t length;

	if (render->ret)
		return self;
	if (format.length >= sizeof(pattern) || (format.length && memchr(format.bytes, 0, format.length)))
		return wick_tpl_fail(render, "a format of a date longer than %zu bytes", sizeof(pattern));
	if (format.length)
		memcpy(pattern, format.bytes, format.length);
	pattern[format.length] = 0;
/* The format is the template's: strftime reads nothing but the time for it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	length = strftime(formatted, sizeof(formatted), pattern, &render->now);
#pragma GCC diagnostic pop
	wick_tpl_text_put(&text, formatted, length, format.callers || format.marks);
	return wick_tpl_text_value(&text);
}

static const struct wick_tpl_function globals[] = {
	{ "range", range, 1, { " ", " ", " " } }, { "dict", .apply_any = make_dict },
	{ "namespace", .apply_any = make_namespace }, { "raise_exception", raise_exception, 1, { "message" } },
	{ "strftime_now", strftime_now, 1, { "format" } },
	{ "cycler" }, { "joiner" }, { "lipsum" },
	{ 0 },
};

bool wick_tpl_find_global(struct wick_tpl_value name, struct wick_tpl_value *value)
{
	const struct wick_tpl_function *function = wick_tpl_find_function(globals, name);

	if (function)
		*value = (struct wick_tpl_value){ .kind = WICK_TPL_GLOBAL, .function = function };
	return function;
}
