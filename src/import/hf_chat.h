/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The chat templates of a Hugging Face folder, and a template in a file of its own. */

#include "chat.h"

/* chat_template.jinja and those in additional_chat_templates/, else "chat_template" of tokenizer_config.json, which is
 * a text or a list of texts with names; and the special tokens that tokenizer_config.json or special_tokens_map.json
 * name. A folder without any gives none. -EINVAL, file and key named, for what is malformed. */
int wick_hf_chat_texts(struct wick_chat_texts *texts, const char *folder, struct wick_diag *diag);

/* The file as the one template, whatever there was. */
int wick_hf_chat_file(struct wick_chat_texts *texts, const char *path, struct wick_diag *diag);
