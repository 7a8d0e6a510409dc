/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The messages of a chat. */

#include "request.h"

#include <string.h>

static const struct {
	const char *role, *becomes;
} roles[] = {
	{ "system", "system" }, { "developer", "system" }, { "user", "user" }, { "assistant", "assistant" }, { "tool", "tool" },
};

static const char *role_of(const json_t *message)
{
	const char *role = json_string_value(json_object_get(message, "role"));

	for (size_t i = 0; role && i < sizeof(roles) / sizeof(roles[0]); i++)
		if (!strcmp(role, roles[i].role))
			return roles[i].becomes;
	return NULL;
}

/* One more part of a text, which begins a new line. */
static json_t *join(json_t *joined, const json_t *text)
{
	json_t *both = joined ? json_sprintf("%s\n%s", json_string_value(joined), json_string_value(text)) :
				json_string(json_string_value(text));

	json_decref(joined);
	return both;
}

/* Parts of type text as one text: a new reference. */
static json_t *join_parts(const json_t *parts, size_t message, struct wick_refusal *refusal)
{
	json_t *joined = NULL;
	const json_t *part;
	size_t i;

	json_array_foreach(parts, i, part) {
		const char *type = json_string_value(json_object_get(part, "type"));
		const json_t *text = json_object_get(part, "text");
		char where[64];

		snprintf(where, sizeof(where), "messages[%zu].content[%zu]", message, i);
		if (type && !strcmp(type, "text") && json_is_string(text)) {
			joined = join(joined, text);
			continue;
		}
		json_decref(joined);
		if (!type || !strcmp(type, "text"))
			wick_refuse(refusal, 400, where, "'%s' is no part with a type and a text", where);
		else
			wick_refuse(refusal, 400, where, "'%s' is of type '%.40s': no parts but text are there yet", where, type);
		return NULL;
	}
	return joined ? joined : json_string("");
}

/* A new reference; NULL with a refusal. An assistant's content may be missing where it called tools. */
static json_t *content_of(const json_t *message, size_t i, struct wick_refusal *refusal)
{
	const json_t *content = json_object_get(message, "content");

	if (json_is_array(content))
		return join_parts(content, i, refusal);
	if (json_is_string(content))
		return json_incref((json_t *)(uintptr_t)content);
	if ((!content || json_is_null(content)) && json_array_size(json_object_get(message, "tool_calls")))
		return json_string("");
	wick_refuse(refusal, 400, "messages", "'messages[%zu].content' must be a text or a list of parts", i);
	return NULL;
}

/* A copy with its role and its content as a template knows them. */
static json_t *read_message(const json_t *message, size_t i, struct wick_refusal *refusal)
{
	const char *role = role_of(message);
	json_t *content, *copy;

	if (!json_is_object(message)) {
		wick_refuse(refusal, 400, "messages", "'messages[%zu]' is no object", i);
		return NULL;
	}
	if (!role) {
		wick_refuse(refusal, 400, "messages",
			"'messages[%zu].role' must be system, developer, user, assistant or tool", i);
		return NULL;
	}
	content = content_of(message, i, refusal);
	copy = content ? json_copy((json_t *)(uintptr_t)message) : NULL;
	if (copy && (json_object_set_new(copy, "role", json_string(role)) || json_object_set(copy, "content", content))) {
		json_decref(copy);
		copy = NULL;
	}
	json_decref(content);
	return copy;
}

json_t *wick_request_messages(const json_t *messages, struct wick_refusal *refusal)
{
	json_t *read = json_array();
	const json_t *message;
	size_t i;

	if (!json_array_size(messages)) {
		wick_refuse(refusal, 400, "messages", "'messages' must be a list of at least one message");
		json_decref(read);
		return NULL;
	}
	json_array_foreach(messages, i, message)
		if (json_array_append_new(read, read_message(message, i, refusal))) {
			wick_refuse(refusal, 500, "messages", "there is no memory");
			json_decref(read);
			return NULL;
		}
	return read;
}
