/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Tokens that a fine-tuned model adds to its vocabulary, and a space in front of every text: the ids are those of the
 * Hugging Face tokenizers library (fixtures/make_tokenizer.py), from every file that may list the tokens. */

#include "bits.h"
#include "folder.h"
#include "tokenizer_fixture.h"

#include <jansson.h>
#include <setjmp.h>

#include <cmocka.h>

#define VOCAB 430

static json_t *fixture; /* added: token -> id; cases: [text, [id, ...], [id with a space in front, ...]] */

static int setup(void **state)
{
	(void)state;
	fixture = json_load_file(fixture_path("tokenizer/added.json"), JSON_ALLOW_NUL, NULL);
	assert_true(json_array_size(json_object_get(fixture, "cases")) > 70);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(fixture);
	return 0;
}

static void write_json(const struct folder *folder, const char *name, json_t *value)
{
	assert_int_equal(json_dump_file(value, folder_path(folder, name), 0), 0);
	json_decref(value);
}

static void link_fixture(const struct folder *folder, const char *name)
{
	char from[64];

	snprintf(from, sizeof(from), "tokenizer/%s", name);
	assert_int_equal(symlink(fixture_path(from), folder_path(folder, name)), 0);
}

/* {"420": {"content": "wick", "special": false}, ...} */
static json_t *as_decoder(void)
{
	json_t *decoder = json_object(), *id;
	const char *text;

	json_object_foreach(json_object_get(fixture, "added"), text, id) {
		char key[24];

		snprintf(key, sizeof(key), "%lld", (long long)json_integer_value(id));
		json_object_set_new(decoder, key, json_pack("{s:s,s:b}", "content", text, "special", 0));
	}
	return decoder;
}

/* The fixture's folder with its added tokens in added_tokens.json, or in tokenizer_config.json. */
static struct folder make_folder(bool in_config, bool prefix_space)
{
	struct folder folder = folder_make();
	json_t *config = json_pack("{s:b}", "add_prefix_space", prefix_space);

	link_fixture(&folder, "config.json");
	link_fixture(&folder, "vocab.json");
	link_fixture(&folder, "merges.txt");
	if (in_config)
		json_object_set_new(config, "added_tokens_decoder", as_decoder());
	else
		write_json(&folder, "added_tokens.json", json_incref(json_object_get(fixture, "added")));
	write_json(&folder, "tokenizer_config.json", config);
	return folder;
}

/* The fixture's tokenizer.json with the tokens in it. */
static struct folder make_json_folder(bool prefix_space)
{
	json_t *root = json_load_file(fixture_path("tokenizer-json/tokenizer.json"), 0, NULL), *id;
	struct folder folder = folder_make();
	const char *text;

	assert_non_null(root);
	json_object_foreach(json_object_get(fixture, "added"), text, id)
		json_array_append_new(json_object_get(root, "added_tokens"),
			json_pack("{s:O,s:s,s:b}", "id", id, "content", text, "special", 0));
	json_object_set_new(json_object_get(root, "pre_tokenizer"), "add_prefix_space", json_boolean(prefix_space));
	link_fixture(&folder, "config.json");
	write_json(&folder, "tokenizer.json", root);
	write_json(&folder, "tokenizer_config.json", json_pack("{s:s}", "tokenizer_class", "PreTrainedTokenizerFast"));
	return folder;
}

static void check_case(const struct wick_tokenizer *tokenizer, const json_t *one, bool prefix_space)
{
	const json_t *text = json_array_get(one, 0), *expected = json_array_get(one, prefix_space ? 2 : 1);
	uint32_t ids[1024];
	int64_t count = wick_tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text), false, ids,
		WICK_COUNT_OF(ids));

	if (count != (int64_t)json_array_size(expected))
		fail_msg("\"%s\": %lld ids, not %zu", json_string_value(text), (long long)count, json_array_size(expected));
	for (size_t k = 0; k < (size_t)count; k++)
		if (ids[k] != json_integer_value(json_array_get(expected, k)))
			fail_msg("\"%s\": id %zu is %u, not %lld", json_string_value(text), k, ids[k],
				json_integer_value(json_array_get(expected, k)));
}

/* What the ids say is the text again, the added tokens as they are spelled. */
static void check_text(const struct wick_tokenizer *tokenizer, const json_t *one)
{
	const json_t *text = json_array_get(one, 0);
	size_t bytes;
	int64_t count;
	uint32_t *ids = encode(tokenizer, json_string_value(text), json_string_length(text), &count);
	char *decoded = decode(tokenizer, ids, (size_t)count, &bytes);

	assert_int_equal(bytes, json_string_length(text));
	assert_memory_equal(decoded, json_string_value(text), bytes);
	free(decoded);
	free(ids);
}

static void check_folder(struct folder folder, bool prefix_space)
{
	struct wick_tokenizer *tokenizer;
	struct wick_vocabulary vocabulary;
	struct wick_hf_tokenizer hf;
	struct wick_diag diag = { 0 };
	json_t *one;
	size_t i;

	if (wick_hf_tokenizer_load(&hf, folder.path, VOCAB, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(hf.space_prefix, prefix_space ? WICK_SPACE_PARTS : WICK_SPACE_NEVER);
	vocabulary = hf_vocabulary(&hf);
	if (wick_tokenizer_build(&tokenizer, &vocabulary, &diag))
		fail_msg("%s", diag.text);
	json_array_foreach(json_object_get(fixture, "cases"), i, one) {
		check_case(tokenizer, one, prefix_space);
		if (!prefix_space)
			check_text(tokenizer, one);
	}
	wick_tokenizer_destroy(tokenizer);
	wick_hf_tokenizer_free(&hf);
	folder_remove(&folder);
}

static void ids_of_the_library(void **state)
{
	(void)state;
	for (unsigned prefix_space = 0; prefix_space < 2; prefix_space++) {
		check_folder(make_folder(false, prefix_space), prefix_space);
		check_folder(make_folder(true, prefix_space), prefix_space);
		check_folder(make_json_folder(prefix_space), prefix_space);
	}
}

/* GPT-2's own class does not ask tokenizer.json whether a space goes in front (transformers 5.24). */
static void class_decides_about_the_space(void **state)
{
	struct folder folder = make_json_folder(true);

	(void)state;
	write_json(&folder, "tokenizer_config.json", json_pack("{s:s}", "tokenizer_class", "GPT2Tokenizer"));
	check_folder(folder, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_of_the_library),
		cmocka_unit_test(class_decides_about_the_space),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
