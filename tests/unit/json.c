/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* JSON: what is accepted, what is refused and what becomes of the odd cases. With the argument "shared": JSONTestSuite,
 * whole. */

#include "json.h"

#include "bits.h"
#include "folder.h"

#include <errno.h>
#include <setjmp.h>

#include <cmocka.h>

/* Parses a copy of the text, so that an address sanitizer sees its end. */
static json_t *parse(const char *text, size_t bytes, enum wick_json_keys keys, struct wick_diag *diag)
{
	char *copy = malloc(bytes ? bytes : 1);
	json_t *root;
	int ret;

	memcpy(copy, text, bytes);
	ret = wick_json_parse(&root, copy, bytes, &wick_json_config, keys, "x.json", diag);
	free(copy);
	assert_true(ret == 0 ? root != NULL : root == NULL && ret == -EINVAL);
	return root;
}

static json_t *parse_text(const char *text)
{
	return parse(text, strlen(text), WICK_JSON_LAST_KEY_WINS, NULL);
}

static void valid_text_is_accepted(void **state)
{
	static const char *const texts[] = { "{}", "[]", " [1, -2.5e3, true, false, null, \"\\u00e9\\uD834\\uDD1E\"]\n",
		"7", "\"x\"", "[0]", "[-0]", "{\"a\":{\"a\":[{}]}}", "[\"\\\\u0000\"]", "\"\xc3\xa9\"" };

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(texts); i++) {
		json_t *root = parse_text(texts[i]);

		assert_non_null(root);
		json_decref(root);
	}
}

static void broken_text_is_refused(void **state)
{
	static const char *const texts[] = { "", " ", "{", "[1,]", "[1 2]", "{\"a\" 1}", "{a:1}", "[01]", "[1.]",
		"[.5]", "[+1]", "[\"\t\"]", "[\"\\x\"]", "[\"\\u12\"]", "[\"\\ud800\"]", "[\"\xff\"]", "[\"\xc0\x80\"]",
		"[1]x", "[1]]", "nul", "['a']", "[NaN]", "[1e999]", "\"", "\"\\", "\"\\u0000", "{\"\\u0000", "// x\n1",
		"[00000000000000000000]", "[12345678901234567890x]", "\xef\xbb\xbf{}" };

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(texts); i++) {
		struct wick_diag diag = { 0 };

		assert_null(parse(texts[i], strlen(texts[i]), WICK_JSON_LAST_KEY_WINS, &diag));
		assert_ptr_equal(strstr(diag.text, "x.json: bad JSON: "), diag.text);
	}
}

static void byte_order_mark_is_named(void **state)
{
	struct wick_diag diag = { 0 };

	(void)state;
	assert_null(parse("\xef\xbb\xbf{}", 5, WICK_JSON_LAST_KEY_WINS, &diag));
	assert_string_equal(diag.text, "x.json: bad JSON: it begins with a byte order mark");
}

static void raw_nul_is_refused(void **state)
{
	(void)state;
	assert_null(parse("123\0", 4, WICK_JSON_LAST_KEY_WINS, NULL));
	assert_null(parse("[\"a\0b\"]", 7, WICK_JSON_LAST_KEY_WINS, NULL));
	assert_null(parse("\0", 1, WICK_JSON_LAST_KEY_WINS, NULL));
}

static void escaped_nul(void **state)
{
	json_t *root = parse_text("{\"a\\u0000b\" : \"c\\u0000d\", \"\\\\u0000\": 1}");

	(void)state;
	assert_non_null(root);
	assert_int_equal(json_string_length(json_object_get(root, "a\xe2\x90\x80" "b")), 3);
	assert_memory_equal(json_string_value(json_object_get(root, "a\xe2\x90\x80" "b")), "c\0d", 3);
	assert_true(json_is_integer(json_object_get(root, "\\u0000")));
	json_decref(root);
}

static void numbers(void **state)
{
	json_t *root = parse_text("[9223372036854775807, -9223372036854775807, 9223372036854775808, "
				  "1000000000000000019884624838656, -18446744073709551616, 0.30000000000000000000004, "
				  "12345678901234567890e-1]");

	(void)state;
	assert_non_null(root);
	assert_true(json_integer_value(json_array_get(root, 0)) == INT64_MAX);
	assert_true(json_integer_value(json_array_get(root, 1)) == -INT64_MAX);
	assert_true(json_real_value(json_array_get(root, 2)) == 0x1p63);
	assert_true(json_real_value(json_array_get(root, 3)) == 1e30);
	assert_true(json_real_value(json_array_get(root, 4)) == -0x1p64);
	assert_true(json_real_value(json_array_get(root, 5)) == 0.3);
	assert_true(json_real_value(json_array_get(root, 6)) == 1234567890123456789.0);
	json_decref(root);
}

static void keys_given_twice(void **state)
{
	static const char text[] = "{\"a\": 1, \"a\": 2}";
	struct wick_diag diag = { 0 };
	json_t *root = parse_text(text);

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(root, "a")), 2);
	json_decref(root);
	assert_null(parse(text, strlen(text), WICK_JSON_UNIQUE_KEYS, &diag));
	assert_non_null(strstr(diag.text, "duplicate"));
}

/* 2048 levels are read, any more are refused before the stack is in danger. */
static void nesting(void **state)
{
	static char text[400000];
	json_t *root;

	(void)state;
	memset(text, '[', 2047);
	memset(text + 2047, ']', 2047);
	root = parse(text, 4094, WICK_JSON_LAST_KEY_WINS, NULL);
	assert_non_null(root);
	json_decref(root);
	memset(text, '[', 200000);
	memset(text + 200000, ']', 200000);
	assert_null(parse(text, 400000, WICK_JSON_LAST_KEY_WINS, NULL));
}

/* Text of `count` times `item`, between two others. The caller frees it. */
static char *repeat(const char *begin, const char *item, size_t count, const char *end, size_t *bytes)
{
	char *text = malloc(strlen(begin) + count * strlen(item) + strlen(end) + 1), *at = stpcpy(text, begin);

	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, item);
	*bytes = stpcpy(at, end) - text;
	return text;
}

/* Is the text refused for the memory that it would take? Otherwise it must be good JSON. */
static bool takes_too_much(const char *begin, const char *item, size_t count, const char *end,
	const struct wick_json_bounds *bounds)
{
	struct wick_diag diag = { 0 };
	size_t bytes;
	char *text = repeat(begin, item, count, end, &bytes);
	json_t *root;
	int ret = wick_json_parse(&root, text, bytes, bounds, WICK_JSON_LAST_KEY_WINS, "x.json", &diag);

	free(text);
	json_decref(root);
	assert_true(ret == 0 || (ret == -EFBIG && !root && strstr(diag.text, "x.json: ") == diag.text &&
		strstr(diag.text, "bytes of memory for its values, more than the ")));
	return ret != 0;
}

/* A few megabytes of nothing are refused. What real files are made of passes, a tenth of it with a tenth of the memory:
 * an index and a header of 300,000 tensors, a vocabulary and as many merges of a million. */
static void memory_is_bounded(void **state)
{
	static const struct {
		const char *begin, *item, *end;
		size_t count;
		const struct wick_json_bounds *bounds;
	} real[] = {
		{ "{", "\"hidden_size\": 4096,", "\"x\": 1}", 100000, &wick_json_config },
		{ "{", "\"layers.0.self_attn.q_proj.weight\": \"model-00001-of-00002.safetensors\",", "\"x\": 1}",
			300000, &wick_json_index },
		{ "{", "\"layers.0.self_attn.q_proj.weight\": {\"dtype\":\"F16\",\"shape\":[4096,4096],"
			"\"data_offsets\":[0,33554432]},", "\"x\": 1}", 300000, &wick_json_header },
		{ "{", "\"\\u0120token\": 123456,", "\"x\": 1}", 1000000, &wick_json_tokenizer },
		{ "[", "[\"\\u0120t\", \"oken\"],", "[]]", 1000000, &wick_json_tokenizer },
	};

	(void)state;
	assert_true(takes_too_much("[", "{},", 300000, "{}]", &wick_json_config));
	assert_true(takes_too_much("[", "[],", 400000, "[]]", &wick_json_config));
	assert_true(takes_too_much("[", "1,", 1000000, "1]", &wick_json_config));
	assert_true(takes_too_much("[", "{},", 1000000, "{}]", &wick_json_index));
	assert_true(takes_too_much("[", "{},", 2000000, "{}]", &wick_json_header));
	assert_true(takes_too_much("[", "{},", 4000000, "{}]", &wick_json_tokenizer));
	assert_false(takes_too_much("[\"", "{},[]:", 700000, "\"]", &wick_json_config));
	for (size_t i = 0; i < WICK_COUNT_OF(real); i++) {
		const struct wick_json_bounds tenth = { 0, real[i].bounds->memory_bytes / 10 };

		assert_false(takes_too_much(real[i].begin, real[i].item, real[i].count / 10, real[i].end, &tenth));
	}
}

static void files(void **state)
{
	struct folder folder = folder_make();
	struct wick_diag diag = { 0 };
	const struct wick_json_bounds eight = { 8, 1000 }, seven = { 7, 1000 };
	json_t *root;

	(void)state;
	folder_write(&folder, "x.json", "{\"a\": 5}", 8);
	assert_int_equal(wick_json_load(&root, folder_path(&folder, "x.json"), &eight, WICK_JSON_UNIQUE_KEYS, NULL), 0);
	assert_int_equal(json_integer_value(json_object_get(root, "a")), 5);
	json_decref(root);
	assert_int_equal(
		wick_json_load(&root, folder_path(&folder, "x.json"), &seven, WICK_JSON_UNIQUE_KEYS, &diag), -EFBIG);
	assert_string_equal(
		diag.text + strlen(folder.path), "/x.json: 8 bytes, more than the 7 that such a file may have");
	diag.text[0] = 0;
	assert_int_equal(
		wick_json_load(&root, folder_path(&folder, "y.json"), &eight, WICK_JSON_UNIQUE_KEYS, &diag), -ENOENT);
	assert_string_equal(diag.text + strlen(folder.path), "/y.json: No such file or directory");
	diag.text[0] = 0;
	assert_int_equal(wick_json_load(&root, folder.path, &eight, WICK_JSON_UNIQUE_KEYS, &diag), -EINVAL);
	assert_string_equal(diag.text + strlen(folder.path), ": not a regular file");
	assert_null(root);
	folder_remove(&folder);
}

/* JSONTestSuite: y_ must be read, n_ refused, i_ either. */
static void suite_files(void **state)
{
	const char *folder = *state;
	unsigned read_count = 0, refused_count = 0;
	struct dirent *entry;
	DIR *dir = opendir(folder);

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		const char *name = entry->d_name;
		struct wick_diag diag = { 0 };
		char path[1024];
		json_t *root;
		int ret;

		if (!strstr(name, ".json"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		ret = wick_json_load(&root, path, &wick_json_config, WICK_JSON_LAST_KEY_WINS, &diag);
		if ((name[0] == 'y' && ret) || (name[0] == 'n' && ret != -EINVAL))
			fail_msg("%s: %d %s", name, ret, diag.text);
		read_count += name[0] == 'y';
		refused_count += name[0] == 'n';
		json_decref(root);
	}
	closedir(dir);
	print_message("JSONTestSuite: %u read, %u refused\n", read_count, refused_count);
	assert_true(read_count > 90 && refused_count > 180);
}

static int run_suite(void)
{
	static char folder[512];
	const struct CMUnitTest tests[] = { cmocka_unit_test_prestate(suite_files, folder) };
	const char *shared = getenv("WICK_SHARED");

	if (!shared) {
		puts("skipped: WICK_SHARED is not set, so there is no JSONTestSuite");
		return 77;
	}
	snprintf(folder, sizeof(folder), "%s/data/suites/JSONTestSuite/test_parsing", shared);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_text_is_accepted),
		cmocka_unit_test(broken_text_is_refused),
		cmocka_unit_test(byte_order_mark_is_named),
		cmocka_unit_test(raw_nul_is_refused),
		cmocka_unit_test(escaped_nul),
		cmocka_unit_test(numbers),
		cmocka_unit_test(keys_given_twice),
		cmocka_unit_test(nesting),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(files),
	};

	if (argc > 1 && !strcmp(argv[1], "shared"))
		return run_suite();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
