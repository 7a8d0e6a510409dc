/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* JSON to values. */

#include "json_input.h"

#include "bits.h"
#include "is_text.h"
#include "operators.h"
#include "sequence.h"

#include <string.h>

static struct wick_tpl_value value_of(struct wick_tpl_render *render, const json_t *json, bool callers);

static struct wick_tpl_value text_of(const char *bytes, size_t length, bool callers)
{
	return (struct wick_tpl_value){
		.kind = WICK_TPL_STRING, .callers = callers, .length = (uint32_t)length, .bytes = bytes
	};
}

static struct wick_tpl_value string_of(struct wick_tpl_render *render, const json_t *json, bool callers)
{
	size_t length = json_string_length(json);

	if (!wick_tpl_within(render, WICK_TEMPLATE_OUTPUT, length))
		return (struct wick_tpl_value){ 0 };
	return text_of(json_string_value(json), length, callers);
}

/* Words that a template may make special tokens of, '<|' + role + '|>': none of them is one, or holds one. */
static bool is_role(const char *key, const json_t *json)
{
	static const char *const roles[] = { "system", "developer", "user", "assistant", "tool", "function", "ipython",
		"model", "environment" };

	if (strcmp(key, "role") || !json_is_string(json))
		return false;
	for (size_t i = 0; i < WICK_COUNT_OF(roles); i++)
		if (json_string_length(json) == strlen(roles[i]) && !strcmp(json_string_value(json), roles[i]))
			return true;
	return false;
}

static struct wick_tpl_space pairs_of(struct wick_tpl_render *render, const json_t *json, bool callers)
{
	struct wick_tpl_space space = { 0 };

	for (void *at = json_object_iter((json_t *)(uintptr_t)json); at && !render->ret;
		at = json_object_iter_next((json_t *)(uintptr_t)json, at)) {
		const char *key = json_object_iter_key(at);
		const json_t *value = json_object_iter_value(at);
		struct wick_tpl_pair pair = { .key = text_of(key, strlen(key), callers) };

		pair.value = value_of(render, value, callers && !is_role(key, value));
		wick_tpl_add_pair(render, &space, pair);
	}
	return space;
}

static struct wick_tpl_value list_of(struct wick_tpl_render *render, const json_t *json, bool callers)
{
	struct wick_tpl_list list = { 0 };

	for (size_t i = 0; i < json_array_size(json) && !render->ret; i++)
		wick_tpl_push(render, &list, value_of(render, json_array_get(json, i), callers));
	return wick_tpl_list_value(&list, WICK_TPL_LIST);
}

static struct wick_tpl_value plain_of(const json_t *json, bool callers)
{
	struct wick_tpl_value value = { .kind = WICK_TPL_NONE, .callers = callers };

	if (json_is_boolean(json)) {
		value.kind = WICK_TPL_BOOL;
		value.truth = json_is_true(json);
	} else if (json_is_integer(json)) {
		value.kind = WICK_TPL_INT;
		value.integer = json_integer_value(json);
	} else if (json_is_real(json)) {
		value.kind = WICK_TPL_FLOAT;
		value.real = json_real_value(json);
	}
	return value;
}

static struct wick_tpl_value value_of(struct wick_tpl_render *render, const json_t *json, bool callers)
{
	struct wick_tpl_value value = { 0 };
	struct wick_tpl_space space;

	if (wick_tpl_enter(render)) {
		if (json_is_object(json)) {
			space = pairs_of(render, json, callers);
			value = wick_tpl_dict_value(&space);
		} else if (json_is_array(json)) {
			value = list_of(render, json, callers);
		} else if (json_is_string(json)) {
			value = string_of(render, json, callers);
		} else {
			value = plain_of(json, callers);
		}
	}
	wick_tpl_leave(render);
	return value;
}

void wick_tpl_input(struct wick_tpl_render *render, const json_t *object, bool callers)
{
	struct wick_tpl_space more = pairs_of(render, object, callers);

	for (uint32_t i = 0; i < more.count && !render->ret; i++)
		wick_tpl_put_pair(render, &render->variables, more.pairs[i]);
}
