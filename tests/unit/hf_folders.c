/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Folders with the kinds of tokenizer that models have (fixtures/make_folders.py): the ids are those of the Hugging Face
 * tokenizers library, and of sentencepiece. What is refused of either is refused by name. */

#include "folder.h"
#include "tokenizer_fixture.h"

#include "bits.h"
#include "gguf_write.h"
#include "pack_job.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const folders[] = { "falcon", "llama3", "metaspace-always", "metaspace-first", "metaspace-never",
	"metaspace-split", "own", "pieces", "pieces-bare", "pieces-mapped", "pieces-users", "prepend", "removed", "replace",
	"unigram", "unigram-mapped", "unigram-metaspace", "unigram-replace" };

static const char *path_of(const char *folder, const char *file)
{
	char name[200];

	snprintf(name, sizeof(name), "folders/%s%s%s", folder, *file ? "/" : "", file);
	return fixture_path(name);
}

static struct wick_tokenizer *open_folder(const char *folder)
{
	struct wick_tokenizer *tokenizer;
	struct wick_hf_tokenizer hf;
	struct wick_vocabulary vocabulary;
	struct wick_diag diag = { 0 };

	if (wick_hf_tokenizer_load(&hf, path_of(folder, ""), 0, &diag))
		fail_msg("%s", diag.text);
	vocabulary = wick_hf_vocabulary(&hf, "fixture");
	if (wick_tokenizer_build(&tokenizer, &vocabulary, &diag))
		fail_msg("%s", diag.text);
	wick_hf_tokenizer_free(&hf);
	return tokenizer;
}

static void check_case(const struct wick_tokenizer *tokenizer, const char *folder, const json_t *one)
{
	const json_t *text = json_array_get(one, 0), *expected = json_array_get(one, 1);
	uint32_t ids[2048];
	int64_t count = wick_tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text), 0, ids,
		WICK_COUNT_OF(ids));

	if (count != (int64_t)json_array_size(expected))
		fail_msg("%s: \"%s\": %lld ids, not %zu", folder, json_string_value(text), (long long)count,
			json_array_size(expected));
	for (size_t k = 0; k < (size_t)count; k++)
		if (ids[k] != json_integer_value(json_array_get(expected, k)))
			fail_msg("%s: \"%s\": id %zu is %u, not %lld", folder, json_string_value(text), k, ids[k],
				json_integer_value(json_array_get(expected, k)));
}

static void ids_of_the_libraries(void **state)
{
	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(folders); i++) {
		struct wick_tokenizer *tokenizer = open_folder(folders[i]);
		json_t *cases = json_load_file(path_of(folders[i], "cases.json"), JSON_ALLOW_NUL, NULL), *one;
		size_t k;

		assert_true(json_array_size(cases) > 60);
		json_array_foreach(cases, k, one)
			check_case(tokenizer, folders[i], one);
		json_decref(cases);
		wick_tokenizer_destroy(tokenizer);
	}
}

static int write_file(const struct wick_gguf_writer *writer, const char *path)
{
	uint8_t *header;
	uint64_t bytes;
	FILE *out = fopen(path, "wb");

	assert_non_null(out);
	assert_int_equal(wick_gguf_writer_header(writer, &header, &bytes, NULL), 0);
	assert_int_equal(fwrite(header, 1, bytes, out), bytes);
	free(header);
	return fclose(out);
}

/* The tokenizer of a packed model: a file with nothing but that. */
static struct wick_tokenizer *pack_and_open(const char *folder)
{
	struct folder out = folder_make();
	struct wick_diag diag = { 0 };
	struct wick_pack_job job = { .diag = &diag };
	struct wick_gguf_writer writer;
	struct wick_tokenizer *tokenizer;
	struct wick_gguf *gguf;

	wick_gguf_writer_init(&writer, 4096);
	if (wick_pack_put_tokenizer(&writer, &job, path_of(folder, "")) || write_file(&writer, folder_path(&out, "packed.gguf")) ||
		wick_gguf_open(&gguf, folder_path(&out, "packed.gguf"), &diag))
		fail_msg("%s: %s", folder, diag.text);
	if (wick_tokenizer_create(&tokenizer, gguf, UINT32_MAX, &diag))
		fail_msg("%s: %s", folder, diag.text);
	wick_gguf_close(gguf);
	wick_gguf_writer_deinit(&writer);
	folder_remove(&out);
	return tokenizer;
}

static void ids_after_packing(void **state)
{
	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(folders); i++) {
		struct wick_tokenizer *tokenizer = pack_and_open(folders[i]);
		json_t *cases = json_load_file(path_of(folders[i], "cases.json"), JSON_ALLOW_NUL, NULL), *one;
		size_t k;

		json_array_foreach(cases, k, one)
			check_case(tokenizer, folders[i], one);
		json_decref(cases);
		wick_tokenizer_destroy(tokenizer);
	}
}

/* A pipeline that a GGUF file has a name for is called so; another keeps its expressions. */
static void names_of_pipelines(void **state)
{
	static const struct {
		const char *folder, *model, *pre;
		bool nfc, whole_words;
		enum wick_space_prefix prefix;
	} expected[] = {
		{ "llama3", "gpt2", "llama-bpe", false, true, WICK_SPACE_NEVER },
		{ "removed", "gpt2", WICK_PRE_OWN, true, false, WICK_SPACE_NEVER },
		{ "own", "gpt2", WICK_PRE_OWN, true, false, WICK_SPACE_NEVER },
		{ "falcon", "gpt2", "falcon", false, false, WICK_SPACE_NEVER },
		{ "pieces", "llama", "default", false, false, WICK_SPACE_PARTS },
		{ "pieces-bare", "llama", "default", false, false, WICK_SPACE_NEVER },
		{ "metaspace-first", "llama", "default", false, false, WICK_SPACE_FIRST },
		{ "unigram", "t5", "default", false, false, WICK_SPACE_PARTS },
		{ "unigram-metaspace", "t5", "default", false, false, WICK_SPACE_PARTS },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(expected); i++) {
		struct wick_hf_tokenizer hf;

		assert_int_equal(wick_hf_tokenizer_load(&hf, path_of(expected[i].folder, ""), 0, NULL), 0);
		assert_string_equal(hf.model, expected[i].model);
		assert_string_equal(hf.pre, expected[i].pre);
		assert_int_equal(hf.nfc, expected[i].nfc);
		assert_int_equal(hf.whole_words, expected[i].whole_words);
		assert_int_equal(hf.space_prefix, expected[i].prefix);
		assert_int_equal(hf.scores != NULL, !strncmp(expected[i].folder, "pieces", 6) || !strcmp(hf.model, "t5"));
		wick_hf_tokenizer_free(&hf);
	}
}

/* A tokenizer.json with one thing changed: the value at a path of keys becomes another, as JSON. */
static void refused_json(void **state)
{
	static const struct {
		const char *folder, *key, *value, *says;
	} cases[] = {
		{ "llama3", "normalizer", "{\"type\":\"NFKC\"}", "normalizer \"NFKC\" is not supported" },
		{ "llama3", "normalizer", "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"}]}",
			"normalizer \"Lowercase\" is not supported" },
		{ "prepend", "normalizer", "{\"type\":\"Prepend\",\"prepend\":\"_\"}", "normalizer Prepend of \"_\"" },
		{ "prepend", "normalizer", "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"b\"}",
			"normalizer Replace of \"a\"" },
		{ "prepend", "normalizer", "null", "neither a byte-level tokenizer nor one with U+2581" },
		{ "llama3", "pre_tokenizer", "{\"type\":\"Whitespace\"}", "pre_tokenizer \"Whitespace\" is not supported" },
		{ "llama3", "pre_tokenizer", "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"behavior\":\"Removed\"}",
			"pre_tokenizer Split with behavior \"Removed\"" },
		{ "llama3", "pre_tokenizer", "{\"type\":\"Split\",\"pattern\":{\"String\":\"a\"},\"behavior\":\"Isolated\"}",
			"pre_tokenizer Split by \"a\"" },
		{ "llama3", "pre_tokenizer", "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":"
			"{\"Regex\":\"\\\\bx\"},\"behavior\":\"Isolated\"},{\"type\":\"ByteLevel\",\"use_regex\":false}]}",
			"expression has \"\\b\"" },
		{ "llama3", "pre_tokenizer", "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},"
			"{\"type\":\"Digits\",\"individual_digits\":true}]}", "pre_tokenizer behind ByteLevel" },
		{ "prepend", "pre_tokenizer", "{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":"
			"\"first\"}", "pre_tokenizer Metaspace with \"another replacement\"" },
		{ "llama3", "decoder", "{\"type\":\"WordPiece\"}", "decoder \"WordPiece\" is not supported" },
		{ "llama3", "decoder", "{\"type\":\"Fuse\"}", "decoder \"Fuse\" is not supported" },
		{ "llama3", "post_processor", "{\"type\":\"BertProcessing\"}", "post_processor \"BertProcessing\"" },
		{ "llama3", "model", "{\"type\":\"WordPiece\",\"vocab\":{},\"merges\":[]}", "model \"WordPiece\"" },
		{ "llama3", "model", "{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[],\"byte_fallback\":true}", "byte_fallback" },
		{ "prepend", "model", "{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}", "byte_fallback and fuse_unk" },
		{ "prepend", "model", "{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[],\"unk_token\":\"u\"}",
			"unk_token is \"u\", which the vocabulary lacks" },
		{ "unigram-replace", "normalizer", "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"\"}",
			"normalizer \"Precompiled\" is not supported" },
		{ "llama3", "model", "{\"type\":\"Unigram\",\"vocab\":[[\"a\",0]],\"unk_id\":0}", "model byte-level \"Unigram\"" },
		{ "unigram-replace", "model", "{\"type\":\"Unigram\",\"vocab\":{}}", "model has no vocab array" },
		{ "unigram-replace", "model", "{\"type\":\"Unigram\",\"vocab\":[[\"a\",0]],\"unk_id\":1}", "no unk_id among" },
		{ "unigram-replace", "model", "{\"type\":\"Unigram\",\"vocab\":[[\"a\",0]]}", "no unk_id among" },
		{ "unigram-replace", "model", "{\"type\":\"Unigram\",\"vocab\":[[\"a\",0],[\"a\",1]],\"unk_id\":0}",
			"has \"a\" twice" },
		{ "unigram-replace", "model", "{\"type\":\"Unigram\",\"vocab\":[[\"a\",\"b\"]],\"unk_id\":0}",
			"piece 0 is not a text and a score" },
		{ "prepend", "added_tokens", "[{\"id\":420,\"content\":\"=x=\",\"normalized\":true,\"special\":false}]",
			"added token \"=x=\" is normalized, which is not supported" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		json_t *root = json_load_file(path_of(cases[i].folder, "tokenizer.json"), JSON_ALLOW_NUL, NULL);
		struct folder folder = folder_make();
		struct wick_hf_tokenizer hf;
		struct wick_diag diag = { 0 };

		json_object_set_new(root, cases[i].key, json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
		assert_int_equal(json_dump_file(root, folder_path(&folder, "tokenizer.json"), 0), 0);
		json_decref(root);
		assert_int_equal(wick_hf_tokenizer_load(&hf, folder.path, 0, &diag), -EINVAL);
		if (!strstr(diag.text, cases[i].says))
			fail_msg("case %zu: \"%s\", not \"%s\"", i, diag.text, cases[i].says);
		folder_remove(&folder);
	}
}

/* Bytes of the fixture's tokenizer.model. The caller frees them. */
static char *read_model(size_t *count)
{
	FILE *in = fopen(path_of("pieces", "tokenizer.model"), "rb");
	char *bytes = malloc(1 << 20);

	assert_non_null(in);
	*count = fread(bytes, 1, 1 << 20, in);
	assert_in_range(*count, 1000, (1 << 20) - 1);
	fclose(in);
	return bytes;
}

static int load_bytes(const char *bytes, size_t count, struct wick_diag *diag)
{
	struct folder folder = folder_make();
	struct wick_hf_tokenizer hf;
	FILE *out = fopen(folder_path(&folder, "tokenizer.model"), "wb");
	int result;

	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, count, out), count);
	fclose(out);
	result = wick_hf_tokenizer_load(&hf, folder.path, 0, diag);
	wick_hf_tokenizer_free(&hf);
	folder_remove(&folder);
	return result;
}

/* Cut anywhere, tokenizer.model is refused: its last field is needed, and none is shorter than it says. */
static void refused_cuts(void **state)
{
	size_t count;
	char *bytes = read_model(&count);

	(void)state;
	for (size_t length = 0; length < count; length += length < 300 || count - length < 300 ? 1 : 37) {
		struct wick_diag diag = { 0 };

		assert_int_equal(load_bytes(bytes, length, &diag), -EINVAL);
		assert_non_null(strstr(diag.text, "tokenizer.model"));
	}
	free(bytes);
}

/* Fields behind those of the file, which overrule them: a trainer's model, a normaliser's flags, a piece. */
static void refused_models(void **state)
{
	static const struct {
		const char *more;
		size_t bytes;
		const char *says;
	} cases[] = {
		{ "\x12\x02\x18\x03", 4, "its model is word, which is not supported" },
		{ "\x12\x02\x18\x09", 4, "its model is unknown" },
		{ "\x12\x05\x18\x02\xc0\x01\x01", 7, "treat_whitespace_as_suffix is not supported" },
		{ "\x1a\x05\x12\x01x\x20\x00", 7, "its map of characters is cut, or none" },
		{ "\x1a\x0a\x12\x08\x04\x00\x00\x00\x00\x00\x00\x00", 12, "its map of characters is cut, or none" },
		{ "\x1a\x0b\x12\x09\x04\x00\x00\x00\x00\x00\x00\x00x", 13, "its map of characters is cut, or none" },
		{ "\x2a\x03\x12\x01x", 5, "its denormalizer has a map of characters" },
		{ "\x1a\x04\x20\x00\x28\x00", 6, "does not escape spaces" },
		{ "\x0a\x05\x0a\x03<s>", 7, "has \"<s>\" twice" },
		{ "\x0a\x00", 2, "has no text or no known type" },
		{ "\x0a\x05\x0a\x01!\x18\x07", 7, "has no text or no known type" },
		{ "\x0a\x09\x0a\x02!~\x15\x00\x00\xc0\x7f", 11, "is not finite" },
		{ "\x0a\x04\x0a\x02\xff\xfe", 6, "is not UTF-8" },
		{ "\x0a\x06\x0a\x02!~\x18\x06", 8, "is not spelled as a byte is" },
		{ "\x12\x06\x18\x02\xc8\x02\xa4\x03", 8, "a special token is number 420 of 420 pieces" },
		{ "\x1a\x02\x20\x01\x0a\x08\x0a\x04x\xe2\x96\x81\x18\x04", 14, "is a user's piece with a space, where spaces are left out" },
		{ "\x0a\x7f", 2, "is no SentencePiece model, or was cut" },
		{ "\x00", 1, "is no SentencePiece model, or was cut" },
		{ "\x0b", 1, "is no SentencePiece model, or was cut" },
	};
	size_t count;
	char *bytes = read_model(&count);

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		struct wick_diag diag = { 0 };

		memcpy(bytes + count, cases[i].more, cases[i].bytes);
		assert_int_equal(load_bytes(bytes, count + cases[i].bytes, &diag), -EINVAL);
		if (!strstr(diag.text, cases[i].says))
			fail_msg("case %zu: \"%s\", not \"%s\"", i, diag.text, cases[i].says);
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_of_the_libraries),
		cmocka_unit_test(ids_after_packing),
		cmocka_unit_test(names_of_pipelines),
		cmocka_unit_test(refused_json),
		cmocka_unit_test(refused_cuts),
		cmocka_unit_test(refused_models),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
