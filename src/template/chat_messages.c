/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* Messages as a template sees them. */

#include "bits.h"
#include "chat.h"

#include <errno.h>
#include <string.h>

/* The names of a message's reasoning; the first is the one that templates read. */
static const char *const reasonings[] = { "reasoning_content", "thinking", "reasoning" };

/* A copy of an object without the members that are null; its members are those of the original. */
static json_t *without_nulls(const json_t *object)
{
	json_t *copy = json_object(), *value;
	const char *key;

	json_object_foreach(
		(json_t *)(uintptr_t)object, key, value) if (!json_is_null(value) && json_object_set(copy, key, value))
	{
		json_decref(copy);
		return NULL;
	}
	return copy;
}

/* Reasoning under the names that templates read. */
static int name_reasoning(json_t *message)
{
	json_t *reasoning = NULL;

	for (size_t i = 0; i < WICK_COUNT_OF(reasonings) && !reasoning; i++)
		reasoning = json_object_get(message, reasonings[i]);
	if (!reasoning)
		return 0;
	if (json_object_set(message, "reasoning_content", reasoning))
		return -ENOMEM;
	return json_object_get(message, "thinking") ? 0 : json_object_set(message, "thinking", reasoning) ? -ENOMEM : 0;
}

/* What arguments in a string say, where they are a JSON object: a new reference. NULL: they are none. */
static json_t *arguments_of(const json_t *function)
{
	const json_t *arguments = json_object_get(function, "arguments");
	json_t *value = NULL;

	if (json_is_string(arguments))
		value = json_loadb(json_string_value(arguments), json_string_length(arguments), 0, NULL);
	if (json_is_object(value))
		return value;
	json_decref(value);
	return NULL;
}

/* A call whose arguments are an object: a new reference, perhaps to the call itself. */
static json_t *call_of(json_t *call)
{
	json_t *arguments = arguments_of(json_object_get(call, "function"));
	json_t *function = arguments ? json_copy(json_object_get(call, "function")) : NULL;
	json_t *copy = function ? json_copy(call) : NULL;

	if (!arguments)
		return json_incref(call);
	if (!copy || json_object_set(function, "arguments", arguments) || json_object_set(copy, "function", function)) {
		json_decref(copy);
		copy = NULL;
	}
	json_decref(function);
	json_decref(arguments);
	return copy;
}

static int read_calls(json_t *message)
{
	json_t *calls = json_object_get(message, "tool_calls"), *call, *read;
	size_t i;
	int ret;

	if (!json_is_array(calls))
		return 0;
	read = json_array();
	json_array_foreach(calls, i, call) if (json_array_append_new(read, call_of(call)))
	{
		json_decref(read);
		return -ENOMEM;
	}
	ret = json_object_set_new(message, "tool_calls", read);
	return ret ? -ENOMEM : 0;
}

static int add_message(json_t *messages, const json_t *message)
{
	json_t *copy = without_nulls(message);
	int ret = copy ? name_reasoning(copy) : -ENOMEM;

	if (!ret)
		ret = read_calls(copy);
	if (ret)
		json_decref(copy);
	else if (json_array_append_new(messages, copy))
		ret = -ENOMEM;
	return ret;
}

json_t *wick_chat_messages(const json_t *messages, const char *whose, int *ret, struct wick_diag *diag)
{
	json_t *seen = json_array(), *message;
	size_t i;

	*ret = seen ? 0 : -ENOMEM;
	if (!json_is_array(messages))
		*ret = wick_diag_say(diag, -EINVAL, "%s: messages are no array", wick_diag_name(whose));
	json_array_foreach((json_t *)(uintptr_t)messages, i, message)
	{
		if (!json_is_object(message))
			*ret = wick_diag_say(diag, -EINVAL, "%s: messages[%zu] is no object", wick_diag_name(whose), i);
		if (!*ret)
			*ret = add_message(seen, message);
		if (*ret)
			break;
	}
	if (*ret == -ENOMEM)
		wick_diag_say(diag, *ret, "%s: no memory", wick_diag_name(whose));
	if (!*ret)
		return seen;
	json_decref(seen);
	return NULL;
}
