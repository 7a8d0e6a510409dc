/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Folders with small tokenizers are written to a temporary place: what is right must come out as the files say, and
 * each thing that is wrong, one at a time, must be refused with a sentence that names it. */

#include "hf_tokenizer.h"

#include "bits.h"
#include "folder.h"

#include <errno.h>
#include <setjmp.h>

#include <cmocka.h>

struct file {
	const char *name, *text; /* text NULL: no such file */
};

#define VOCAB "{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"a\":3,\"b\":4,\"\\u0120\":6,\"ab\":5,\"\\u0120a\":7,\"b\\u0120a\":8}"
#define MERGES "#version: 0.2\na b\n\xc4\xa0 a\nb \xc4\xa0" "a\n"
#define CONFIG "{\"model_type\":\"opt\",\"bos_token_id\":2,\"eos_token_id\":2,\"pad_token_id\":1}"
#define PIPELINE "\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}," \
	"\"decoder\":{\"type\":\"ByteLevel\"}"
#define MODEL "\"model\":{\"type\":\"BPE\",\"vocab\":" VOCAB ",\"merges\":[\"a b\",[\"\\u0120\",\"a\"],\"b \\u0120a\"]}"
#define TEMPLATE "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
#define TEXT_A "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}"
#define BOS(name) "{\"SpecialToken\":{\"id\":\"" name "\",\"type_id\":0}}"

static const char *const names[] = { "config.json", "vocab.json", "merges.txt", "tokenizer.json",
	"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "generation_config.json" };
static const struct file opt[] = { { "config.json", CONFIG }, { "vocab.json", VOCAB }, { "merges.txt", MERGES } };

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *stream;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (!text) {
		unlink(path);
		return;
	}
	stream = fopen(path, "w");
	assert_non_null(stream);
	assert_int_equal(fputs(text, stream) >= 0, 1);
	assert_int_equal(fclose(stream), 0);
}

/* Loads opt's files with up to three of them replaced. */
static int load(struct wick_hf_tokenizer *out, const struct file *changes, size_t count, uint32_t vocab_size,
	struct wick_diag *diag)
{
	const char *tmp = getenv("TMPDIR");
	char folder[200];
	int result;

	snprintf(folder, sizeof(folder), "%s/wick-hf-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < WICK_COUNT_OF(opt); i++)
		write_file(folder, opt[i].name, opt[i].text);
	for (size_t i = 0; i < count; i++)
		if (changes[i].name)
			write_file(folder, changes[i].name, changes[i].text);
	result = wick_hf_tokenizer_load(out, folder, vocab_size, diag);
	for (size_t i = 0; i < WICK_COUNT_OF(names); i++)
		write_file(folder, names[i], NULL);
	rmdir(folder);
	return result;
}

static void check_vocabulary(const struct wick_hf_tokenizer *hf)
{
	static const char *const tokens[] = { "<s>", "<pad>", "</s>", "a", "b", "ab", "\xc4\xa0", "\xc4\xa0" "a",
		"b\xc4\xa0" "a", "[PAD9]", "[PAD10]" };
	static const int32_t types[] = { 1, 3, 3, 1, 1, 1, 1, 1, 1, 5, 5 };
	static const char *const merges[] = { "a b", "\xc4\xa0 a", "b \xc4\xa0" "a" };

	assert_string_equal(hf->model, "gpt2");
	assert_string_equal(hf->pre, "gpt-2");
	assert_int_equal(hf->count, WICK_COUNT_OF(tokens));
	for (size_t i = 0; i < WICK_COUNT_OF(tokens); i++) {
		assert_string_equal(hf->tokens[i], tokens[i]);
		assert_int_equal(hf->types[i], types[i]);
	}
	assert_int_equal(hf->merge_count, WICK_COUNT_OF(merges));
	for (size_t i = 0; i < WICK_COUNT_OF(merges); i++)
		assert_string_equal(hf->merges[i], merges[i]);
	assert_int_equal(hf->bos, 2);
	assert_int_equal(hf->eos, 2);
	assert_int_equal(hf->pad, 1);
	assert_true(hf->add_bos);
}

/* The same tokenizer in every form a folder may have it. */
static void forms(void **state)
{
	static const struct file changes[][3] = {
		{ { 0 } },
		{ { "merges.txt", "a b\r\n\xc4\xa0 a\r\nb \xc4\xa0" "a\r\n" } }, /* no version, CRLF */
		{ { "merges.txt", "a b\n\xc4\xa0 a\nb \xc4\xa0" "a" } }, /* no line feed at the end */
		{ { "tokenizer.json", "{" PIPELINE "," MODEL "}" }, { "vocab.json", NULL }, { "merges.txt", NULL } },
		{ { "config.json", "{\"model_type\":\"llama\",\"pad_token_id\":1}" },
			{ "tokenizer.json", "{" PIPELINE "," MODEL "," TEMPLATE BOS("</s>") "," TEXT_A "]}}" },
			{ "special_tokens_map.json", "{\"eos_token\":{\"content\":\"</s>\"},\"bos_token\":null}" } },
		{ { "config.json", "{\"bos_token_id\":null}" },
			{ "tokenizer_config.json", "{\"model_max_length\":1000000000000000019884624838656,"
				"\"tokenizer_class\":\"GPT2Tokenizer\",\"bos_token\":\"</s>\","
				"\"eos_token\":{\"content\":\"</s>\"},\"add_bos_token\":true,"
				"\"add_prefix_space\":false,"
				"\"added_tokens_decoder\":{\"1\":{\"content\":\"<pad>\",\"special\":true}}}" },
			{ "special_tokens_map.json", "{\"bos_token\":\"<pad>\",\"pad_token\":\"<pad>\"}" } },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(changes); i++) {
		struct wick_hf_tokenizer hf;
		struct wick_diag diag = { 0 };

		assert_int_equal(load(&hf, changes[i], 3, 11, &diag), 0);
		assert_string_equal(diag.text, "");
		check_vocabulary(&hf);
		wick_hf_tokenizer_free(&hf);
	}
}

/* Tokens that the vocabulary lacks are added by the files that list them. */
static void added_tokens(void **state)
{
	static const struct file changes[][2] = {
		{ { "added_tokens.json", "{\"<mask>\":9}" },
			{ "special_tokens_map.json", "{\"mask_token\":\"<mask>\"}" } },
		{ { "tokenizer_config.json",
			"{\"added_tokens_decoder\":{\"9\":{\"content\":\"<mask>\",\"special\":true}},"
			"\"add_bos_token\":false,\"tokenizer_class\":\"GPT2Tokenizer\"}" } },
		{ { "tokenizer.json", "{" PIPELINE "," MODEL ",\"added_tokens\":[{\"id\":9,\"content\":\"<mask>\","
				      "\"special\":true}]," TEMPLATE TEXT_A "]}}" } },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(changes); i++) {
		struct wick_hf_tokenizer hf;
		struct wick_diag diag = { 0 };

		assert_int_equal(load(&hf, changes[i], 2, 11, &diag), 0);
		assert_string_equal(hf.tokens[9], "<mask>");
		assert_int_equal(hf.types[9], WICK_TOKEN_CONTROL);
		assert_string_equal(hf.tokens[10], "[PAD10]");
		assert_int_equal(hf.add_bos, i == 0);
		wick_hf_tokenizer_free(&hf);
	}
}

/* Which tokens end a text: what transformers 5.24 has as generation_config.eos_token_id of these folders. */
static void stops(void **state)
{
	static const struct {
		struct file changes[2];
		uint32_t count;
		int32_t ids[2];
		int64_t eos;
	} cases[] = {
		{ { { 0 } }, 1, { 2 }, 2 },
		{ { { "config.json", "{\"model_type\":\"opt\",\"bos_token_id\":2,\"eos_token_id\":[5,2]}" } }, 2, { 5, 2 }, 5 },
		{ { { "config.json", "{\"model_type\":\"opt\",\"bos_token_id\":2,\"eos_token_id\":null}" } }, 0, { 0 }, -1 },
		{ { { "config.json", "{\"model_type\":\"opt\",\"bos_token_id\":2,\"eos_token_id\":-1}" } }, 0, { 0 }, -1 },
		{ { { "config.json", "{\"model_type\":\"opt\",\"bos_token_id\":2}" },
			{ "tokenizer_config.json", "{\"eos_token\":\"</s>\"}" } }, 0, { 0 }, 2 },
		{ { { "tokenizer_config.json", "{\"eos_token\":\"<of no id>\"}" } }, 1, { 2 }, 2 },
		{ { { "generation_config.json", "{\"eos_token_id\":[7,8]}" } }, 2, { 7, 8 }, 7 },
		{ { { "generation_config.json", "{\"eos_token_id\":9,\"_from_model_config\":true}" } }, 1, { 9 }, 9 },
		{ { { "generation_config.json", "{\"eos_token_id\":[]}" } }, 0, { 0 }, -1 },
		{ { { "generation_config.json", "{\"eos_token_id\":null}" } }, 0, { 0 }, -1 },
		{ { { "generation_config.json", "{\"temperature\":0.5}" } }, 0, { 0 }, -1 },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		struct wick_hf_tokenizer hf;
		struct wick_diag diag = { 0 };

		if (load(&hf, cases[i].changes, 2, 11, &diag))
			fail_msg("case %zu: %s", i, diag.text);
		assert_int_equal(hf.stop_count, cases[i].count);
		if (hf.stop_count)
			assert_memory_equal(hf.stops, cases[i].ids, hf.stop_count * sizeof(*hf.stops));
		assert_int_equal(hf.eos, cases[i].eos);
		wick_hf_tokenizer_free(&hf);
	}
}

/* Files that contradict each other: what goes before a text is what transformers 5.24 puts there. */
static void which_file_counts(void **state)
{
	static const struct {
		struct file changes[3];
		int64_t bos; /* before every text; -1: nothing */
	} cases[] = {
		{ { { "tokenizer_config.json", "{\"add_bos_token\":true,\"bos_token\":\"</s>\",\"tokenizer_class\":\"GPT2Tokenizer\"}" },
			{ "special_tokens_map.json", "{\"bos_token\":\"<pad>\"}" } }, 1 },
		{ { { "tokenizer_config.json", "{\"add_bos_token\":true,\"bos_token\":\"</s>\",\"tokenizer_class\":\"GPT2Tokenizer\","
			"\"added_tokens_decoder\":{\"2\":{\"content\":\"</s>\",\"special\":true}}}" },
			{ "special_tokens_map.json", "{\"bos_token\":\"<pad>\"}" },
			{ "added_tokens.json", "{\"not read\":\"9\"}" } }, 2 },
		{ { { "tokenizer.json", "{" PIPELINE "," MODEL "," TEMPLATE BOS("</s>") "," TEXT_A "]}}" },
			{ "tokenizer_config.json", "{\"add_bos_token\":false}" } }, 2 },
		{ { { "tokenizer.json", "{" PIPELINE "," MODEL "," TEMPLATE TEXT_A "]}}" },
			{ "tokenizer_config.json", "{\"add_bos_token\":true,\"add_eos_token\":true}" } }, -1 },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		struct wick_hf_tokenizer hf;
		struct wick_diag diag = { 0 };

		if (load(&hf, cases[i].changes, 3, 11, &diag))
			fail_msg("case %zu: %s", i, diag.text);
		assert_int_equal(hf.add_bos ? hf.bos : -1, cases[i].bos);
		wick_hf_tokenizer_free(&hf);
	}
}

static const struct refused {
	struct file changes[3];
	const char *says;
} refused[] = {
	{ { { "vocab.json", NULL } }, "has no tokenizer" },
	{ { { "merges.txt", NULL } }, "merges.txt: No such file" },
	{ { { "vocab.json", "{\"a\":0,\"b\":1" } }, "vocab.json: bad JSON: line 1" },
	{ { { "vocab.json", "[1]" } }, "not a JSON object" },
	{ { { "vocab.json", "{\"a\":0,\"a\":1}" } }, "duplicate" },
	{ { { "vocab.json", "{\"a\":0,\"b\":1,\"ab\":1}" }, { "merges.txt", "a b\n" } }, "both have id 1" },
	{ { { "vocab.json", "{\"a\":0,\"b\":1,\"ab\":3}" }, { "merges.txt", "a b\n" } }, "none with id 2" },
	{ { { "vocab.json", "{\"a\":0,\"b\":1,\"ab\":11}" }, { "merges.txt", "a b\n" } }, "\"ab\" has id 11" },
	{ { { "vocab.json", "{\"a\":0,\"b\":1,\"ab\":-1}" }, { "merges.txt", "a b\n" } }, "\"ab\" has id -1" },
	{ { { "vocab.json", "{\"a\":0,\"b\":\"1\"}" }, { "merges.txt", "" } }, "id of \"b\" is not an integer" },
	{ { { "vocab.json", "{\"<s>\":0,\"\xe2\x96\x81" "a\":1,\"</s>\":2}" }, { "merges.txt", "" } },
		"byte alphabet" },
	{ { { "vocab.json", "{\"a\":0,\"<pad>\":1,\"</s>\":2,\"[PAD4]\":3}" }, { "merges.txt", "" } },
		"\"[PAD4]\" is the name of an unused token" },
	{ { { "merges.txt", "#version: 0.2\na b\nab\n" } }, "/merges.txt: merge 1 is not two pieces" },
	{ { { "merges.txt", "a b\n\n\xc4\xa0 a\n" } }, "/merges.txt: merge 1 is not two pieces" },
	{ { { "merges.txt", "a b b\n" } }, "/merges.txt: merge 0 is not two pieces" },
	{ { { "merges.txt", "a  b\n" } }, "merge 0 is not two pieces" },
	{ { { "merges.txt", "#version: 0.2\na b\n\xc4\xa0 a" } }, "is made by none of its 2 merges: the file was cut" },
	{ { { "merges.txt", "#version: 0.2\na b\n\xc4\xa0 a\nb \xc4\xa0" } }, "/merges.txt: merge 2, \"b \xc4\xa0\", needs a token" },
	{ { { "merges.txt", "#version: 0.2" } }, "is made by none of its 0 merges: the file was cut" },
	{ { { "merges.txt", "a\r b\n" } }, "merge 0, \"a? b\", needs a token" },
	{ { { "merges.txt", "a b\r\r\n" } }, "merge 0, \"a b?\", needs a token" },
	{ { { "merges.txt", "a b\nb \xc4\xa0" "a\na b\n" } }, "/merges.txt: merge 2, \"a b\", is there twice" },
	{ { { "vocab.json", "{\"a\":0,\"\xe2\x96\x81\":1,\"a\xe2\x96\x81\":2}" },
		{ "merges.txt", "a \xe2\x96\x81\n" } },
		"needs a token" },
	{ { { "merges.txt", "b a\n" } }, "\"b a\", needs a token" },
	{ { { "merges.txt", "a c\n" } }, "\"a c\", needs a token" },
	{ { { "config.json", "{\"model_type\":\"qwen2\"}" } }, "model_type \"qwen2\"" },
	{ { { "config.json", "{\"model_type\":\"opt\"}" } }, "no file says which token" },
	{ { { "config.json", "{\"model_type\":\"opt\",\"bos_token_id\":11}" } }, "bos_token_id is 11" },
	{ { { "config.json", "{\"model_type\":\"opt\",\"bos_token_id\":2,\"eos_token_id\":[2,\"3\"]}" } },
		"eos_token_id is neither a token's id nor a list" },
	{ { { "generation_config.json", "{\"eos_token_id\":{}}" } },
		"generation_config.json: eos_token_id is neither a token's id nor a list" },
	{ { { "generation_config.json", "{\"eos_token_id\":[2,11]}" } }, "eos_token_id is 11, the vocabulary has 11" },
	{ { { "generation_config.json", "{" } }, "generation_config.json: bad JSON" },
	{ { { "tokenizer_config.json", "{\"tokenizer_class\":\"CLIPTokenizer\"}" } }, "\"CLIPTokenizer\" is not" },
	{ { { "tokenizer_config.json", "{\"add_prefix_space\":1}" } }, "\"add_prefix_space\" is neither true nor false" },
	{ { { "tokenizer_config.json", "{\"add_bos_token\":1}" } }, "neither true nor false" },
	{ { { "config.json", "{\"model_type\":\"opt\"}" }, { "tokenizer_config.json", "{\"bos_token\":\"<bos>\"}" } },
		"no file says which token" },
	{ { { "tokenizer_config.json", "{\"eos_token\":5}" } }, "eos_token does not name a token" },
	{ { { "tokenizer_config.json", "{\"eos_token\":\"</s>\\u0000\"}" } }, "eos_token does not name a token" },
	{ { { "tokenizer_config.json", "{\"added_tokens_decoder\":{\"3\":{\"content\":\"b\",\"special\":true}}}" } },
		"id 3 here and 4" },
	{ { { "added_tokens.json", "{\"  \":10}" } }, "has 10 tokens but none with id 9" },
	{ { { "added_tokens.json", "{\"\":9}" } }, "added token \"\" is empty" },
	{ { { "added_tokens.json", "{\"\u0120\":6}" } }, "is a token of the byte alphabet, too" },
	{ { { "tokenizer_config.json", "{\"added_tokens_decoder\":{\"9\":{\"content\":\"x\",\"normalized\":false},"
		"\"10\":{\"content\":\"y\"}}}" } }, "added token \"y\" is normalized, unlike others" },
	{ { { "tokenizer.json", "{\"normalizer\":{\"type\":\"NFKC\"}}" } }, "normalizer \"NFKC\"" },
	{ { { "tokenizer.json", "{\"pre_tokenizer\":{\"type\":\"Metaspace\"}}" } }, "pre_tokenizer Metaspace with \"another replacement\"" },
	{ { { "tokenizer.json", "{\"pre_tokenizer\":null}" } },
		"neither a byte-level tokenizer nor one with U+2581" },
	{ { { "tokenizer.json", "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":1}}" } },
		"add_prefix_space" },
	{ { { "tokenizer.json",
		"{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}}" } },
		"use_regex" },
	{ { { "tokenizer.json", "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
			      "\"decoder\":{\"type\":\"Fuse\"}}" } }, "decoder \"Fuse\"" },
	{ { { "tokenizer.json", "{" PIPELINE ",\"model\":{\"type\":\"Unigram\"}}" } }, "model has no vocab array" },
	{ { { "tokenizer.json", "{" PIPELINE ",\"model\":{\"type\":\"BPE\"}}" } }, "no vocab" },
	{ { { "tokenizer.json", "{" PIPELINE ",\"model\":{\"type\":\"BPE\",\"dropout\":0.1}}" } }, "dropout" },
	{ { { "tokenizer.json", "{" PIPELINE ",\"model\":{\"type\":\"BPE\",\"vocab\":" VOCAB ",\"merges\":[],\"byte_fallback\":true}}" } },
		"byte_fallback" },
	{ { { "tokenizer.json", "{" PIPELINE ",\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\"}}" } },
		"end_of_word_suffix" },
	{ { { "tokenizer.json", "{" PIPELINE "," MODEL ",\"added_tokens\":[{\"id\":9,\"content\":\"x\","
		"\"single_word\":true}]}" } }, "added token \"x\" with single_word is not supported" },
	{ { { "tokenizer.json",
		"{" PIPELINE ",\"model\":{\"type\":\"BPE\",\"vocab\":" VOCAB ",\"merges\":[\"a b\\u0000\"]}}" } },
		"/tokenizer.json: merge 0 is not two pieces" },
	{ { { "tokenizer.json", "{" PIPELINE "," MODEL ",\"post_processor\":{\"type\":\"RobertaProcessing\"}}" } },
		"post_processor \"RobertaProcessing\"" },
	{ { { "tokenizer.json", "{" PIPELINE "," MODEL "," TEMPLATE TEXT_A "," BOS("</s>") "]}}" } }, "more than one" },
	{ { { "tokenizer.json", "{" PIPELINE "," MODEL "," TEMPLATE BOS("<x>") "," TEXT_A "]}}" } }, "more than one" },
	{ { { "tokenizer.json", "{" PIPELINE "," MODEL "," TEMPLATE "]}}" } }, "more than one" },
};

static void refuses_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(refused); i++) {
		struct wick_hf_tokenizer hf;
		struct wick_diag diag = { 0 };
		int result = load(&hf, refused[i].changes, 3, 11, &diag);

		if (result >= 0 || !strstr(diag.text, refused[i].says))
			fail_msg("case %zu: %d \"%s\", not \"%s\"", i, result, diag.text, refused[i].says);
		assert_int_equal(result, strstr(diag.text, "has no tokenizer:") || strstr(diag.text,
			"No such") ? -ENOENT : -EINVAL);
		assert_null(hf.tokens);
	}
}

/* In place of merges.txt: a hole of 65 MiB, a FIFO that nobody writes to. */
static void merges_that_are_no_merges(void **state)
{
	struct folder folder = folder_make();
	struct wick_hf_tokenizer hf;
	struct wick_diag diag = { 0 };

	(void)state;
	write_file(folder.path, "config.json", CONFIG);
	write_file(folder.path, "vocab.json", VOCAB);
	write_file(folder.path, "merges.txt", MERGES);
	assert_int_equal(truncate(folder_path(&folder, "merges.txt"), (64 << 20) + 1), 0);
	assert_int_equal(wick_hf_tokenizer_load(&hf, folder.path, 11, &diag), -EFBIG);
	assert_non_null(strstr(diag.text, "merges.txt: 67108865 bytes, more than the 67108864 that such a file may"));
	unlink(folder_path(&folder, "merges.txt"));
	assert_int_equal(mkfifo(folder_path(&folder, "merges.txt"), 0600), 0);
	diag.text[0] = 0;
	assert_int_equal(wick_hf_tokenizer_load(&hf, folder.path, 11, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "merges.txt: not a regular file"));
	folder_remove(&folder);
}

/* A hole of 4 MiB and a byte, in each of the files that are small. */
static void small_files_stay_small(void **state)
{
	static const char *const small[] = { "config.json", "tokenizer_config.json", "special_tokens_map.json",
		"added_tokens.json", "generation_config.json" };

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(small); i++) {
		struct folder folder = folder_make();
		struct wick_hf_tokenizer hf;
		struct wick_diag diag = { 0 };

		write_file(folder.path, "config.json", CONFIG);
		write_file(folder.path, "vocab.json", VOCAB);
		write_file(folder.path, "merges.txt", MERGES);
		write_file(folder.path, small[i], "");
		assert_int_equal(truncate(folder_path(&folder, small[i]), (4 << 20) + 1), 0);
		assert_int_equal(wick_hf_tokenizer_load(&hf, folder.path, 11, &diag), -EFBIG);
		assert_non_null(strstr(diag.text, small[i]));
		folder_remove(&folder);
	}
}

/* Tokens cb, db, eb, ...: all but the first `unmade` of them are merges, as if the rest of the file had not come. */
static int load_unmade(unsigned unmade)
{
	char vocab[1024] = "{\"b\":0", merges[256] = "";
	struct wick_hf_tokenizer hf;
	struct wick_diag diag = { 0 };
	int result;

	for (unsigned i = 0; i < 20; i++) {
		sprintf(vocab + strlen(vocab), ",\"%c\":%u,\"%cb\":%u", 'c' + i, 2 * i + 1, 'c' + i, 2 * i + 2);
		if (i >= unmade)
			sprintf(merges + strlen(merges), "%c b\n", 'c' + i);
	}
	strcat(vocab, "}");
	result = load(&hf, (struct file[]){ { "vocab.json", vocab }, { "merges.txt", merges } }, 2, 41, &diag);
	wick_hf_tokenizer_free(&hf);
	if (result)
		assert_non_null(strstr(diag.text, "b\" of the vocabulary is made by none of its "));
	return result;
}

static void merges_that_are_too_few(void **state)
{
	(void)state;
	assert_int_equal(load_unmade(0), 0);
	for (unsigned unmade = 1; unmade <= 20; unmade++)
		assert_int_equal(load_unmade(unmade), -EINVAL);
}

static void vocabulary_may_not_be_larger_than_the_model(void **state)
{
	struct wick_hf_tokenizer hf;
	struct wick_diag diag = { 0 };

	(void)state;
	assert_int_equal(load(&hf, NULL, 0, 8, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "has 9 tokens, the model's vocab_size is 8"));
	assert_int_equal(load(&hf, NULL, 0, 9, NULL), 0);
	wick_hf_tokenizer_free(&hf);
	wick_hf_tokenizer_free(&hf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(added_tokens),
		cmocka_unit_test(stops),
		cmocka_unit_test(which_file_counts),
		cmocka_unit_test(refuses_by_name),
		cmocka_unit_test(merges_that_are_no_merges),
		cmocka_unit_test(small_files_stay_small),
		cmocka_unit_test(merges_that_are_too_few),
		cmocka_unit_test(vocabulary_may_not_be_larger_than_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
