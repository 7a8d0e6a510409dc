/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The chat templates of a packed model, under the usual keys of GGUF. */

#include "gguf_write.h"
#include "hf_chat.h"
#include "pack_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A chat template by its key; one that is not the default is named in tokenizer.chat_templates, too. */
static int put_template(struct wick_gguf_writer *writer, const struct wick_chat_text *text, bool is_default, struct wick_diag *diag)
{
	char *copy = strndup(text->text, text->bytes), key[128];

	if (!copy)
		return wick_diag_say(diag, -ENOMEM, "no memory for a chat template");
	snprintf(key, sizeof(key), is_default ? "tokenizer.chat_template" : "tokenizer.chat_template.%.80s", text->name);
	wick_gguf_put_string(writer, key, copy);
	free(copy);
	return 0;
}

int wick_pack_put_chat(struct wick_gguf_writer *writer, const char *source, struct wick_diag *diag)
{
	struct wick_chat_texts texts = { 0 };
	int rc = wick_hf_chat_texts(&texts, source, diag);
	char **names = calloc(texts.count + 1, sizeof(*names));
	unsigned named = 0;

	if (rc == 0 && !names)
		rc = wick_diag_say(diag, -ENOMEM, "no memory for chat templates");
	for (unsigned i = 0; rc == 0 && i < texts.count; i++) {
		bool is_default = !strcmp(texts.texts[i].name, "default");

		if (!is_default && strlen(texts.texts[i].name) > 80)
			rc = wick_diag_say(diag, -EINVAL, "%s: a chat template's name is longer than 80 bytes", source);
		if (!is_default && rc == 0)
			names[named++] = texts.texts[i].name;
		if (rc == 0)
			rc = put_template(writer, &texts.texts[i], is_default, diag);
	}
	if (rc == 0 && named)
		wick_gguf_put_strings(writer, "tokenizer.chat_templates", names, named);
	free(names);
	wick_chat_texts_free(&texts);
	return rc;
}
