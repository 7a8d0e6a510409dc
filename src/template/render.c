/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* One render: errors, limits, names. */

#include "render.h"

#include "bits.h"
#include "operators.h"
#include "parse_tree.h"
#include "sequence.h"
#include "template_limits.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define NAMES_OF_STEP 8u

struct wick_tpl_value wick_tpl_fail(struct wick_tpl_render *render, const char *format, ...)
{
	char why[768];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (!render->ret)
		render->ret = wick_diag_say(
			render->diag, -EINVAL, "%s:%u: %s", wick_diag_name(render->name), render->line, why);
	return (struct wick_tpl_value){ 0 };
}

struct wick_tpl_value wick_tpl_refuse(struct wick_tpl_render *render, const char *what, struct wick_tpl_value name)
{
	return wick_tpl_fail(render, "%s \"%.*s\" is outside of what wick runs" WICK_TPL_ADVICE, what,
		(int)WICK_MIN(name.length, 64u), name.bytes);
}

struct wick_tpl_value wick_tpl_fail_kind(
	struct wick_tpl_render *render, const char *cannot, struct wick_tpl_value value)
{
	if (value.kind == WICK_TPL_UNDEFINED)
		return wick_tpl_fail(render, "\"%.*s\" is undefined", (int)WICK_MIN(value.length, 64u),
			value.bytes ? value.bytes : "");
	return wick_tpl_fail(render, "%s %s", cannot, wick_tpl_kind_name(value));
}

bool wick_tpl_within(struct wick_tpl_render *render, enum wick_template_limit limit, uint64_t value)
{
	if (value > render->limits[limit] && !render->ret)
		render->ret = wick_tpl_beyond(limit, render->limits[limit], render->name, render->line, render->diag);
	return !render->ret;
}

bool wick_tpl_step(struct wick_tpl_render *render, uint64_t steps)
{
	render->steps = wick_add(render->steps, steps);
	return wick_tpl_within(render, WICK_TEMPLATE_STEPS, render->steps);
}

void *wick_tpl_take(struct wick_tpl_render *render, uint64_t bytes)
{
	struct wick_arena *arena = &render->arena;
	void *taken = render->ret ? NULL : wick_arena_take(arena, bytes);

	if (taken || render->ret)
		return taken;
	if (bytes > arena->most_bytes - arena->used_bytes)
		wick_tpl_within(render, WICK_TEMPLATE_MEMORY, UINT64_MAX);
	else
		render->ret = wick_diag_say(
			render->diag, -ENOMEM, "%s:%u: no memory", wick_diag_name(render->name), render->line);
	return NULL;
}

bool wick_tpl_enter(struct wick_tpl_render *render)
{
	return wick_tpl_within(render, WICK_TEMPLATE_DEPTH, ++render->depth);
}

void wick_tpl_leave(struct wick_tpl_render *render)
{
	render->depth--;
}

static bool is_same_name(struct wick_tpl_value a, struct wick_tpl_value b)
{
	return a.length == b.length && !memcmp(a.bytes, b.bytes, a.length);
}

static struct wick_tpl_binding *find(
	struct wick_tpl_render *render, struct wick_tpl_scope *scope, struct wick_tpl_value name)
{
	struct wick_tpl_binding *binding = scope->newest;
	uint64_t passed = 0;

	for (; binding && !is_same_name(binding->name, name); passed++)
		binding = binding->before;
	wick_tpl_step(render, passed / NAMES_OF_STEP);
	return binding;
}

void wick_tpl_bind(struct wick_tpl_render *render, struct wick_tpl_value name, struct wick_tpl_value value)
{
	struct wick_tpl_binding *binding = find(render, render->scope, name);

	if (binding) {
		binding->value = value;
		return;
	}
	binding = wick_tpl_take(render, sizeof(*binding));
	if (!binding)
		return;
	*binding = (struct wick_tpl_binding){ .name = name, .value = value, .before = render->scope->newest };
	render->scope->newest = binding;
}

/* A name of the input, or of a function. */
static bool find_outside(struct wick_tpl_render *render, struct wick_tpl_value name, struct wick_tpl_value *value)
{
	return wick_tpl_find(render, render->variables.pairs, render->variables.count, name, value) ||
		wick_tpl_find_global(name, value);
}

struct wick_tpl_value wick_tpl_lookup(struct wick_tpl_render *render, struct wick_tpl_value name)
{
	struct wick_tpl_value value = { .bytes = name.bytes, .length = name.length };

	for (struct wick_tpl_scope *scope = render->scope; scope; scope = scope->around) {
		struct wick_tpl_binding *binding = find(render, scope, name);

		if (binding)
			return binding->value;
	}
	if (find_outside(render, name, &value) && wick_tpl_is_listed(render->late, name))
		return (struct wick_tpl_value){ .bytes = name.bytes, .length = name.length };
	return value;
}
