/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The messages of a conversation, as OpenAI's API has them: a JSON array, perhaps with a system message in front. */

#include <jansson.h>
#include <stdbool.h>

bool messages_have_role(const json_t *messages, size_t i, const char *role);
bool messages_end_with(const json_t *messages, const char *role);

/* NULL: there is no system message. */
const char *messages_system(const json_t *messages);
int messages_set_system(json_t *messages, const char *text);

/* What was said may be no UTF-8: what a template is given is. -ENOMEM. */
int messages_add(json_t *messages, const char *role, const char *text);

/* Takes off the messages from the end, up to the last one of this role. */
void messages_take_back(json_t *messages, const char *role);
