/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A packed model has the chat templates of its folder, whichever way they lie there, and of whatever family it is. */

#include "packing.h"

#include "bits.h"
#include "chat.h"
#include "gguf.h"

static const char *const families[] = { "plain-f32", "stock/qwen2-f16/folder" };

struct named {
	const char *name, *text;
};

static struct folder outputs;

static void check_packed(const char *source, const struct named *expected, unsigned count)
{
	struct wick_chat_texts texts = { 0 };
	struct wick_diag diag = { 0 };
	struct wick_gguf *gguf;
	char *out = strdup(folder_path(&outputs, "packed.gguf"));

	if (wick_pack(source, out, &(struct wick_pack_options){ 0 }, &diag) || wick_gguf_open(&gguf, out, &diag) ||
		wick_chat_texts_gguf(&texts, gguf, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(texts.count, count);
	for (unsigned i = 0; i < count; i++) {
		unsigned at = 0;

		while (at < count && strcmp(texts.texts[at].name, expected[i].name))
			at++;
		assert_true(at < count);
		assert_string_equal(texts.texts[at].text, expected[i].text);
		assert_int_equal(texts.texts[at].bytes, strlen(expected[i].text));
	}
	wick_gguf_close(gguf);
	wick_chat_texts_free(&texts);
	unlink(out);
	free(out);
}

/* A family's folder, whose tokenizer_config.json says this of templates; NULL: nothing. */
static struct folder family_with(const char *family, const char *config)
{
	struct folder source = fixture_copy(family);
	char member[400];

	if (config) {
		snprintf(member, sizeof(member), "{\"chat_template\": %s,", config);
		folder_edit(&source, "tokenizer_config.json", "{", member);
	}
	return source;
}

static void check_family(const char *family, const char *config, const struct named *files,
	const struct named *expected)
{
	struct folder source = family_with(family, config);
	unsigned count = 0;

	mkdir(folder_path(&source, "additional_chat_templates"), 0777);
	for (unsigned i = 0; files[i].name; i++)
		folder_write(&source, files[i].name, files[i].text, strlen(files[i].text));
	while (expected[count].name)
		count++;
	check_packed(source.path, expected, count);
	for (unsigned i = 0; files[i].name; i++)
		unlink(folder_path(&source, files[i].name));
	rmdir(folder_path(&source, "additional_chat_templates"));
	folder_remove(&source);
}

static void templates_go_along(void **state)
{
	static const struct {
		const char *config;
		struct named files[3], expected[3];
	} cases[] = {
		{ NULL, { { 0 } }, { { 0 } } },
		{ "\"{{ 'a' }}\\n\"", { { 0 } }, { { "default", "{{ 'a' }}\n" } } },
		{ "[{\"name\": \"default\", \"template\": \"d\"}, {\"name\": \"tool_use\", \"template\": \"\xc3\xa9\"}]", { { 0 } },
			{ { "default", "d" }, { "tool_use", "\xc3\xa9" } } },
		{ "\"a\"", { { "chat_template.jinja", "{{ 'file' }}" }, { "additional_chat_templates/rag.jinja", "r" } },
			{ { "default", "{{ 'file' }}" }, { "rag", "r" } } },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(families); i++)
		for (size_t j = 0; j < WICK_COUNT_OF(cases); j++)
			check_family(families[i], cases[j].config, cases[j].files, cases[j].expected);
}

static void check_refused(const char *source, const char *says)
{
	struct wick_diag diag = { 0 };
	char *out = strdup(folder_path(&outputs, "refused.gguf"));

	assert_int_not_equal(wick_pack(source, out, &(struct wick_pack_options){ 0 }, &diag), 0);
	if (!strstr(diag.text, says))
		fail_msg("%s", diag.text);
	assert_int_not_equal(access(out, F_OK), 0);
	free(out);
}

static void what_is_no_template_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(families); i++) {
		struct folder source = family_with(families[i], "7");

		check_refused(source.path, "/tokenizer_config.json: \"chat_template\" is neither a text nor a list");
		folder_remove(&source);
		source = family_with(families[i], NULL);
		mkdir(folder_path(&source, "chat_template.jinja"), 0777);
		check_refused(source.path, "/chat_template.jinja");
		rmdir(folder_path(&source, "chat_template.jinja"));
		folder_remove(&source);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_go_along),
		cmocka_unit_test(what_is_no_template_is_refused),
	};
	int rc;

	outputs = folder_make();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	folder_remove(&outputs);
	return rc;
}
