/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* Chat formats built in, for models that come without a template or with one that wick cannot run: a table of what
 * stands around a message, and a template that walks over the conversation with it. */

#include "bits.h"
#include "chat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* {bos} and {eos} are the model's; {begin} is bos where the model's tokenizer puts it before a text, else nothing. */
struct around {
	const char *before, *after;
};

enum {
	TRIMS = 1, /* white space around a message's text is taken away */
	JOINS = 2, /* the system message stands within the first turn of the user */
};

struct wick_chat_form {
	const char *name, *start;
	struct around system, user, assistant;
	const char *answer; /* before the model's answer */
	unsigned flags;
};

static const struct wick_chat_form forms[] = {
	{ "chatml", "{begin}", { "<|im_start|>system\n", "<|im_end|>\n" }, { "<|im_start|>user\n", "<|im_end|>\n" },
		{ "<|im_start|>assistant\n", "<|im_end|>\n" }, "<|im_start|>assistant\n", 0 },
	{ "llama2", "", { "<<SYS>>\n", "\n<</SYS>>\n\n" }, { "{bos}[INST] ", " [/INST]" }, { " ", " {eos}" }, "",
		TRIMS | JOINS },
	{ "llama3", "{begin}", { "<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>" },
		{ "<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>" },
		{ "<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>" },
		"<|start_header_id|>assistant<|end_header_id|>\n\n", TRIMS },
	{ "mistral-v1", "{begin}", { "", "\n\n" }, { " [INST] ", " [/INST]" }, { " ", "{eos}" }, "", JOINS },
	{ "mistral-v3", "{begin}", { "", "\n\n" }, { "[INST] ", "[/INST]" }, { " ", "{eos}" }, "", JOINS },
	{ "mistral-v3-tekken", "{begin}", { "", "\n\n" }, { "[INST]", "[/INST]" }, { "", "{eos}" }, "", JOINS },
	{ "mistral-v7", "{begin}", { "[SYSTEM_PROMPT] ", "[/SYSTEM_PROMPT]" }, { "[INST] ", "[/INST]" },
		{ " ", "{eos}" }, "", 0 },
	{ "mistral-v7-tekken", "{begin}", { "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]" }, { "[INST]", "[/INST]" },
		{ "", "{eos}" }, "", 0 },
	{ "gemma", "{begin}", { "", "\n\n" }, { "<start_of_turn>user\n", "<end_of_turn>\n" },
		{ "<start_of_turn>model\n", "<end_of_turn>\n" }, "<start_of_turn>model\n", TRIMS | JOINS },
	{ "phi3", "{begin}", { "<|system|>\n", "<|end|>\n" }, { "<|user|>\n", "<|end|>\n" },
		{ "<|assistant|>\n", "<|end|>\n" }, "<|assistant|>\n", 0 },
	{ "phi4", "{begin}", { "<|im_start|>system<|im_sep|>", "<|im_end|>" },
		{ "<|im_start|>user<|im_sep|>", "<|im_end|>" }, { "<|im_start|>assistant<|im_sep|>", "<|im_end|>" },
		"<|im_start|>assistant<|im_sep|>", 0 },
	{ "zephyr", "{begin}", { "<|system|>\n", "{eos}\n" }, { "<|user|>\n", "{eos}\n" },
		{ "<|assistant|>\n", "{eos}\n" }, "<|assistant|>\n", 0 },
	{ "deepseek2", "{begin}", { "", "\n\n" }, { "User: ", "\n\n" }, { "Assistant: ", "{eos}" }, "Assistant:", 0 },
	{ "deepseek3", "{begin}", { "", "" }, { "<｜User｜>", "" }, { "<｜Assistant｜>", "{eos}" },
		"<｜Assistant｜>", 0 },
	{ "glm4", "[gMASK]<sop>", { "<|system|>\n", "" }, { "<|user|>\n", "" }, { "<|assistant|>\n", "" },
		"<|assistant|>", 0 },
	{ "granite", "{begin}", { "<|start_of_role|>system<|end_of_role|>", "<|end_of_text|>\n" },
		{ "<|start_of_role|>user<|end_of_role|>", "<|end_of_text|>\n" },
		{ "<|start_of_role|>assistant<|end_of_role|>", "<|end_of_text|>\n" },
		"<|start_of_role|>assistant<|end_of_role|>", 0 },
};

/* A message's text may be a list of parts, of which all must be text. */
const char wick_chat_form_template[] =
	"{%- macro said(m) %}\n"
	"  {%- if m.content is string %}{{ m.content }}{% else %}\n"
	"    {%- for part in m.content if part.type != 'text' %}\n"
	"      {{- raise_exception('the form ' ~ form.name ~ ' has no messages of type ' ~ part.type) }}\n"
	"    {%- endfor %}\n"
	"    {{- m.content | map(attribute='text') | join('\\n') }}\n"
	"  {%- endif %}\n"
	"{%- endmacro %}\n"
	"{%- if tools %}{{ raise_exception('the form ' ~ form.name ~ ' has no tools') }}{% endif %}\n"
	"{%- set ns = namespace(system='') %}\n"
	"{{- form.start }}\n"
	"{%- for m in messages %}\n"
	"  {%- if m.role not in ('system', 'user', 'assistant') %}\n"
	"    {{- raise_exception('the form ' ~ form.name ~ ' does not know the role ' ~ m.role) }}\n"
	"  {%- elif m.role == 'system' and form.joins %}\n"
	"    {%- if not loop.first or loop.last or loop.nextitem.role != 'user' %}\n"
	"      {{- raise_exception('the form ' ~ form.name ~ ' has a system message before one of the user only') }}\n"
	"    {%- endif %}\n"
	"    {%- set ns.system = form.system.before ~ said(m) ~ form.system.after %}\n"
	"  {%- else %}\n"
	"    {{- form[m.role].before ~ ns.system }}\n"
	"    {{- said(m) | trim if form.trims else said(m) }}\n"
	"    {{- form[m.role].after }}\n"
	"    {%- set ns.system = '' %}\n"
	"  {%- endif %}\n"
	"{%- endfor %}\n"
	"{%- if add_generation_prompt %}{{ form.answer }}{% endif %}\n";

const struct wick_chat_form *wick_chat_form(const char *name)
{
	for (size_t i = 0; i < WICK_COUNT_OF(forms); i++)
		if (!strcmp(forms[i].name, name))
			return &forms[i];
	return NULL;
}

const char *wick_chat_form_name(unsigned i)
{
	return i < WICK_COUNT_OF(forms) ? forms[i].name : NULL;
}

/* What a word in braces stands for; NULL: the model does not name that token. */
static const char *word_of(const json_t *words, const char *braced)
{
	bool adds_bos = json_is_true(json_object_get(words, "add_bos_token"));

	if (!strncmp(braced, "{eos}", 5))
		return json_string_value(json_object_get(words, "eos_token"));
	if (!strncmp(braced, "{begin}", 7) && !adds_bos)
		return "";
	return json_string_value(json_object_get(words, "bos_token"));
}

/* A string of the table with the model's tokens in it. -ENOKEY: the model does not name one. */
static json_t *filled(const char *text, const json_t *words, int *ret)
{
	char into[512] = "";
	size_t at = 0;

	while (*text && !*ret) {
		const char *brace = strchr(text, '{'), *word = brace ? word_of(words, brace) : "";
		size_t plain = brace ? (size_t)(brace - text) : strlen(text);

		if (!word || at + plain + strlen(word) >= sizeof(into)) {
			*ret = -ENOKEY;
			break;
		}
		memcpy(into + at, text, plain);
		strcpy(into + at + plain, word);
		at += plain + strlen(word);
		text = brace ? strchr(brace, '}') + 1 : text + plain;
	}
	return *ret ? NULL : json_string(into);
}

static json_t *around_of(const struct around *around, const json_t *words, int *ret)
{
	json_t *before = filled(around->before, words, ret), *after = filled(around->after, words, ret);

	return json_pack("{s:o, s:o}", "before", before, "after", after);
}

static json_t *pack(const struct wick_chat_form *form, const json_t *words, int *ret)
{
	json_t *start = filled(form->start, words, ret), *system = around_of(&form->system, words, ret);
	json_t *user = around_of(&form->user, words, ret), *assistant = around_of(&form->assistant, words, ret);

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s, s:b, s:b}", "name", form->name, "start", start, "system",
		system, "user", user, "assistant", assistant, "answer", form->answer, "trims", !!(form->flags & TRIMS),
		"joins", !!(form->flags & JOINS));
}

json_t *wick_chat_form_words(const struct wick_chat_form *form, const json_t *words, const char *whose, int *ret,
	struct wick_diag *diag)
{
	json_t *all = words ? json_copy((json_t *)(uintptr_t)words) : json_object(), *packed;

	*ret = 0;
	packed = pack(form, words, ret);
	if (*ret == -ENOKEY)
		*ret = wick_diag_say(diag, -EINVAL,
			"%s: the form %s has a bos or eos token, which the model does not name", wick_diag_name(whose),
			form->name);
	else if (!all || json_object_set(all, "form", packed))
		*ret = wick_diag_say(diag, -ENOMEM, "%s: no memory", wick_diag_name(whose));
	json_decref(packed);
	if (!*ret)
		return all;
	json_decref(all);
	return NULL;
}
