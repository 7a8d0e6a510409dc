/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Messages: who said what. */

#include "messages.h"

#include "json_text.h"

#include <errno.h>
#include <string.h>

bool messages_have_role(const json_t *messages, size_t i, const char *role)
{
	const char *real = json_string_value(json_object_get(json_array_get(messages, i), "role"));

	return real && !strcmp(real, role);
}

bool messages_end_with(const json_t *messages, const char *role)
{
	size_t count = json_array_size(messages);

	return count && messages_have_role(messages, count - 1, role);
}

const char *messages_system(const json_t *messages)
{
	if (!messages_have_role(messages, 0, "system"))
		return NULL;
	return json_string_value(json_object_get(json_array_get(messages, 0), "content"));
}

static json_t *make(const char *role, const char *text)
{
	json_t *content = wick_json_text(text, strlen(text));

	return content ? json_pack("{s:s, s:o}", "role", role, "content", content) : NULL;
}

int messages_set_system(json_t *messages, const char *text)
{
	json_t *message = make("system", text);
	bool has_one = messages_have_role(messages, 0, "system");
	int rc = has_one ? json_array_set_new(messages, 0, message) : json_array_insert_new(messages, 0, message);

	return rc ? -ENOMEM : 0;
}

int messages_add(json_t *messages, const char *role, const char *text)
{
	return json_array_append_new(messages, make(role, text)) ? -ENOMEM : 0;
}

void messages_take_back(json_t *messages, const char *role)
{
	bool found = false;

	while (!found && json_array_size(messages)) {
		found = messages_end_with(messages, role);
		json_array_remove(messages, json_array_size(messages) - 1);
	}
}
