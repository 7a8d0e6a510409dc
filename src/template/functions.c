/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* How a filter, a test, a method or a function is found and called. */

#include "functions.h"

#include "bits.h"
#include "is_text.h"
#include "operators.h"

#include <string.h>

const struct wick_tpl_function *wick_tpl_find_function(
	const struct wick_tpl_function *table, struct wick_tpl_value name)
{
	for (; table->name; table++)
		if (wick_tpl_is_text(name, table->name))
			return table;
	return NULL;
}

static struct wick_tpl_value name_of(const struct wick_tpl_function *function)
{
	return (struct wick_tpl_value){
		.kind = WICK_TPL_STRING, .bytes = function->name, .length = (uint32_t)strlen(function->name)
	};
}

static unsigned parameter_count(const struct wick_tpl_function *function)
{
	unsigned count = 0;

	while (count < WICK_TPL_PARAMETERS && function->parameters[count])
		count++;
	return count;
}

/* The parameter with this name that was not given by its place; the count of parameters: there is none. */
static unsigned parameter_named(
	const struct wick_tpl_function *function, struct wick_tpl_value name, const struct wick_tpl_value *values)
{
	unsigned i = 0, count = parameter_count(function);

	while (i < count && (!wick_tpl_is_text(name, function->parameters[i]) || !wick_tpl_is_absent(values[i])))
		i++;
	return i;
}

static bool place_args(struct wick_tpl_render *render, const struct wick_tpl_function *function, const char *what,
	const struct wick_tpl_args *args, struct wick_tpl_value *values)
{
	unsigned count = parameter_count(function);
	bool fits = args->given.count <= count;

	for (unsigned i = 0; i < WICK_TPL_PARAMETERS; i++)
		values[i] = (struct wick_tpl_value){ .kind = WICK_TPL_KINDS };
	for (unsigned i = 0; fits && i < args->given.count; i++)
		values[i] = args->given.items[i];
	for (unsigned i = 0; fits && i < args->named.count; i++) {
		unsigned place = parameter_named(function, args->named.pairs[i].key, values);

		fits = place < count;
		if (fits)
			values[place] = args->named.pairs[i].value;
	}
	for (unsigned i = 0; i < function->required; i++)
		fits &= !wick_tpl_is_absent(values[i]);
	if (!fits)
		wick_tpl_fail(render, "%s \"%s\" does not take these arguments", what, function->name);
	return fits;
}

struct wick_tpl_value wick_tpl_apply(struct wick_tpl_render *render, const struct wick_tpl_function *function,
	const char *what, struct wick_tpl_value self, const struct wick_tpl_args *args)
{
	struct wick_tpl_value values[WICK_TPL_PARAMETERS];

	if (function->apply_any)
		return function->apply_any(render, self, args);
	if (!function->apply)
		return wick_tpl_refuse(render, what, name_of(function));
	if (render->ret || !place_args(render, function, what, args, values))
		return (struct wick_tpl_value){ 0 };
	return function->apply(render, self, values);
}

struct wick_tpl_args wick_tpl_arguments(struct wick_tpl_render *render, const struct wick_tpl_node *nodes)
{
	struct wick_tpl_args args = { 0 };

	for (; nodes; nodes = nodes->next)
		if (nodes->kind == WICK_NODE_KEYWORD)
			wick_tpl_put_pair(render, &args.named,
				(struct wick_tpl_pair){ nodes->value, wick_tpl_eval(render, nodes->first) });
		else
			wick_tpl_push(render, &args.given, wick_tpl_eval(render, nodes));
	return args;
}

struct wick_tpl_value wick_tpl_filter(struct wick_tpl_render *render, struct wick_tpl_value name,
	struct wick_tpl_value self, const struct wick_tpl_args *args)
{
	const struct wick_tpl_function *const tables[] = { wick_tpl_text_filters, wick_tpl_list_filters,
		wick_tpl_select_filters };

	for (size_t i = 0; i < WICK_COUNT_OF(tables); i++) {
		const struct wick_tpl_function *function = wick_tpl_find_function(tables[i], name);

		if (function)
			return wick_tpl_apply(render, function, "the filter", self, args);
	}
	return wick_tpl_fail(
		render, "there is no filter \"%.*s\"" WICK_TPL_ADVICE, (int)WICK_MIN(name.length, 64u), name.bytes);
}

bool wick_tpl_test(struct wick_tpl_render *render, struct wick_tpl_value name, struct wick_tpl_value self,
	const struct wick_tpl_args *args)
{
	const struct wick_tpl_function *function = wick_tpl_find_function(wick_tpl_tests, name);

	if (function)
		return wick_tpl_truth(wick_tpl_apply(render, function, "the test", self, args));
	wick_tpl_fail(render, "there is no test \"%.*s\"" WICK_TPL_ADVICE, (int)WICK_MIN(name.length, 64u), name.bytes);
	return false;
}

int64_t wick_tpl_int_arg(struct wick_tpl_render *render, struct wick_tpl_value arg, int64_t otherwise)
{
	if (wick_tpl_is_absent(arg))
		return otherwise;
	if (arg.kind == WICK_TPL_INT || arg.kind == WICK_TPL_BOOL)
		return wick_tpl_integer(arg);
	wick_tpl_fail_kind(render, "an argument must be an integer and is", arg);
	return otherwise;
}

struct wick_tpl_value wick_tpl_string_arg(
	struct wick_tpl_render *render, struct wick_tpl_value arg, struct wick_tpl_value otherwise)
{
	if (wick_tpl_is_absent(arg))
		return otherwise;
	if (arg.kind == WICK_TPL_STRING)
		return arg;
	wick_tpl_fail_kind(render, "an argument must be a string and is", arg);
	return otherwise;
}

bool wick_tpl_truth_arg(struct wick_tpl_value arg, bool otherwise)
{
	return wick_tpl_is_absent(arg) ? otherwise : wick_tpl_truth(arg);
}
