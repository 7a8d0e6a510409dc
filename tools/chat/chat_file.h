/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is in the file of a conversation. */

#include "diag.h"

#include <jansson.h>

/* The messages of the text of a file that chat_save() wrote: a new reference, or NULL with *rc. model: what the model has to be. */
json_t *chat_file_messages(
	const char *text, size_t bytes, const json_t *model, const char *path, int *rc, struct wick_diag *diag);
