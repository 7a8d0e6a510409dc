/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* A conversation as a prompt. */

#include "chat.h"

#include "bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One template of a chat, and where it is from. */
struct part {
	struct wick_template *template;
	char *where;
};

struct wick_chat {
	struct part usual, with_tools; /* with_tools may be empty: usual is for both */
	json_t *words;
	char whose[WICK_DIAG_NAME_BYTES];
};

static void free_text(struct wick_chat_text *text)
{
	free(text->name);
	free(text->where);
	free(text->text);
}

void wick_chat_texts_free(struct wick_chat_texts *texts)
{
	for (unsigned i = 0; i < texts->count; i++)
		free_text(&texts->texts[i]);
	free(texts->texts);
	json_decref(texts->words);
	*texts = (struct wick_chat_texts){ 0 };
}

static struct wick_chat_text *find(const struct wick_chat_texts *texts, const char *name)
{
	for (unsigned i = 0; i < texts->count; i++)
		if (!strcmp(texts->texts[i].name, name))
			return &texts->texts[i];
	return NULL;
}

/* The place of a new text, or of the one that has its name, which goes. */
static struct wick_chat_text *place_for(struct wick_chat_texts *texts, const char *name)
{
	struct wick_chat_text *place = find(texts, name), *grown;

	if (place) {
		free_text(place);
		return place;
	}
	grown = reallocarray(texts->texts, texts->count + 1ull, sizeof(*grown));
	if (!grown)
		return NULL;
	texts->texts = grown;
	return &grown[texts->count++];
}

int wick_chat_texts_add(struct wick_chat_texts *texts, const char *name, const char *where, const char *text,
	size_t bytes, struct wick_diag *diag)
{
	struct wick_chat_text new = {
		.name = strdup(name), .where = strdup(where), .text = malloc(bytes + 1), .bytes = bytes
	};
	struct wick_chat_text *place = new.name &&new.where &&new.text ? place_for(texts, name) : NULL;

	if (!place) {
		free_text(&new);
		return wick_diag_say(diag, -ENOMEM, "%s: no memory", wick_diag_name(where));
	}
	memcpy(new.text, text, bytes);
	new.text[bytes] = 0;
	*place = new;
	return 0;
}

static int read_part(struct part *part, const char *where, const char *text, size_t bytes, struct wick_diag *diag)
{
	int ret = wick_template_parse(&part->template, text, bytes, where, diag);

	if (ret)
		return ret;
	part->where = strdup(where);
	return part->where ? 0 : wick_diag_say(diag, -ENOMEM, "%s: no memory", wick_diag_name(where));
}

static int read_form(struct wick_chat *chat, const struct wick_chat_form *form, struct wick_diag *diag)
{
	json_t *words;
	char where[128];
	int ret;

	words = wick_chat_form_words(form, chat->words, chat->whose, &ret, diag);
	if (!words)
		return ret;
	json_decref(chat->words);
	chat->words = words;
	snprintf(where, sizeof(where), "the form %s, built in",
		json_string_value(json_object_get(json_object_get(words, "form"), "name")));
	return read_part(&chat->usual, where, wick_chat_form_template, strlen(wick_chat_form_template), diag);
}

/* The sentence about a model without a template. */
static int say_none(const char *whose, struct wick_diag *diag)
{
	char names[512] = "";

	for (unsigned i = 0, at = 0; wick_chat_form_name(i) && at < sizeof(names); i++)
		at += (unsigned)snprintf(names + at, sizeof(names) - at, "%s%s", i ? ", " : "", wick_chat_form_name(i));
	return wick_diag_say(diag, -ENOENT, "%s: has no chat template; --template takes a file, or one of the forms %s",
		wick_diag_name(whose), names);
}

static int read_texts(struct wick_chat *chat, const struct wick_chat_texts *texts, struct wick_diag *diag)
{
	const struct wick_chat_text *usual = find(texts, "default"), *with_tools = find(texts, "tool_use");
	int ret;

	if (!usual)
		return say_none(chat->whose, diag);
	ret = read_part(&chat->usual, usual->where, usual->text, usual->bytes, diag);
	if (!ret && with_tools)
		ret = read_part(&chat->with_tools, with_tools->where, with_tools->text, with_tools->bytes, diag);
	return ret;
}

int wick_chat_create(struct wick_chat **out, const struct wick_chat_texts *texts, const struct wick_chat_form *form,
	const char *whose, struct wick_diag *diag)
{
	struct wick_chat *chat = calloc(1, sizeof(*chat));
	int ret;

	*out = NULL;
	if (!chat)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory", wick_diag_name(whose));
	snprintf(chat->whose, sizeof(chat->whose), "%s", wick_diag_name(whose));
	chat->words = json_incref(texts->words);
	ret = form ? read_form(chat, form, diag) : read_texts(chat, texts, diag);
	if (ret)
		wick_chat_destroy(chat);
	else
		*out = chat;
	return ret;
}

static void free_part(struct part *part)
{
	wick_template_destroy(part->template);
	free(part->where);
}

void wick_chat_destroy(struct wick_chat *chat)
{
	if (!chat)
		return;
	free_part(&chat->usual);
	free_part(&chat->with_tools);
	json_decref(chat->words);
	free(chat);
}

static const struct part *part_for(const struct wick_chat *chat, bool with_tools)
{
	return with_tools && chat->with_tools.template ? &chat->with_tools : &chat->usual;
}

const char *wick_chat_where(const struct wick_chat *chat, bool with_tools)
{
	return part_for(chat, with_tools)->where;
}

/* All that the template may look at, by name: a new reference. NULL: no memory. */
static json_t *words_of(const struct wick_chat_turn *turn, json_t *messages)
{
	json_t *words = turn->words ? json_copy((json_t *)(uintptr_t)turn->words) : json_object();
	json_t *tools = turn->tools ? (json_t *)(uintptr_t)turn->tools : json_null();

	if (words && !json_object_set(words, "messages", messages) && !json_object_set(words, "tools", tools) &&
		!json_object_set_new(words, "add_generation_prompt", json_boolean(turn->answers)) &&
		(json_object_get(words, "documents") || !json_object_set_new(words, "documents", json_null())))
		return words;
	json_decref(words);
	return NULL;
}

int wick_chat_render(const struct wick_chat *chat, const struct wick_chat_turn *turn, struct wick_marked_text *out,
	struct wick_diag *diag)
{
	struct wick_template_input input = { .templates = chat->words, .now = turn->now };
	json_t *messages, *words;
	int ret;

	*out = (struct wick_marked_text){ 0 };
	messages = wick_chat_messages(turn->messages, chat->whose, &ret, diag);
	if (!messages)
		return ret;
	words = words_of(turn, messages);
	json_decref(messages);
	if (!words)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory", chat->whose);
	input.callers = words;
	ret = wick_template_render(part_for(chat, turn->tools)->template, &input, out, diag);
	json_decref(words);
	return ret;
}
