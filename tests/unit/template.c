/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Chat templates. Texts, and whose each of their bytes is, are compared with what Jinja2 makes of the same templates
 * (fixtures/template/make_template.py); then limits, sentences, and memory that runs out. */

#include "template.h"

#include "bits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct tm now = { .tm_year = 126, .tm_mon = 10, .tm_mday = 29, .tm_hour = 4, .tm_min = 5, .tm_sec = 6,
	.tm_yday = 332 };

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);

static unsigned calls_left; /* of malloc that succeed before one fails; 0: all succeed */

static bool fails(void)
{
	return calls_left && !--calls_left;
}

void *__wrap_malloc(size_t bytes)
{
	return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	return fails() ? NULL : __real_calloc(count, bytes);
}

static char *read_fixture(const char *name, size_t *bytes)
{
	char path[4096], *text;
	FILE *file;
	long size;

	snprintf(path, sizeof(path), "%s/tests/unit/fixtures/template/%s", getenv("WICK_SOURCE"), name);
	file = fopen(path, "rb");
	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	size = ftell(file);
	rewind(file);
	text = malloc((size_t)size + 1);
	assert_int_equal(fread(text, 1, (size_t)size, file), size);
	fclose(file);
	text[size] = 0;
	*bytes = (size_t)size;
	return text;
}

/* Reads a template from memory of exactly its size and renders it. */
static int render_with(const char *text, size_t bytes, const struct wick_template_input *input, struct wick_marked_text *out,
	struct wick_diag *diag)
{
	struct wick_template *template;
	char *copy = __real_malloc(bytes ? bytes : 1);
	int ret;

	memcpy(copy, text, bytes);
	*out = (struct wick_marked_text){ 0 };
	ret = wick_template_parse(&template, copy, bytes, "chat.jinja", diag);
	free(copy);
	if (ret)
		return ret;
	ret = wick_template_render(template, input, out, diag);
	wick_template_destroy(template);
	return ret;
}

/* The marks of a text that must be: "t2c1?1" for two bytes of the template's, one of the caller's, one of anybody's. */
static void check_marks(const struct wick_marked_text *text, const char *expected)
{
	size_t at = 0, mark = 0, left = text->mark_count ? text->marks[0].bytes : 0;

	while (*expected) {
		char who = *expected;
		unsigned long count = strtoul(expected + 1, (char **)&expected, 10);

		for (; count; count--, at++) {
			while (!left)
				left = text->marks[++mark].bytes;
			if (who != '?' && text->marks[mark].callers != (who == 'c'))
				fail_msg("byte %zu of \"%s\" is not marked %c", at, text->bytes, who);
			left--;
		}
	}
	assert_int_equal(at, text->length);
}

static void check_whole(const struct wick_marked_text *text)
{
	size_t bytes = 0;

	for (size_t i = 0; i < text->mark_count; i++) {
		assert_true(text->marks[i].bytes > 0);
		assert_true(!i || text->marks[i].callers != text->marks[i - 1].callers);
		bytes += text->marks[i].bytes;
	}
	assert_int_equal(bytes, text->length);
	assert_int_equal(text->bytes[text->length], 0);
}

static const json_t *input_named(const json_t *inputs, const char *name)
{
	const json_t *input;
	size_t i;

	json_array_foreach(inputs, i, input)
		if (!strcmp(json_string_value(json_array_get(input, 0)), name))
			return json_array_get(input, 1);
	fail_msg("no input \"%s\"", name);
	return NULL;
}

static void check_case(const json_t *test, const json_t *inputs, const json_t *own)
{
	const char *file = json_string_value(json_object_get(test, "file")), *expected, *marks;
	struct wick_template_input input = { .templates = own, .now = &now };
	const json_t *text = json_object_get(test, "text");
	struct wick_marked_text out;
	struct wick_diag diag = { 0 };
	char *template = NULL;
	size_t bytes;
	int ret;

	input.callers = input_named(inputs, json_string_value(json_object_get(test, "input")));
	if (file)
		template = read_fixture(file, &bytes);
	else
		bytes = json_string_length(json_object_get(test, "template"));
	ret = render_with(template ? template : json_string_value(json_object_get(test, "template")), bytes, &input, &out, &diag);
	free(template);
	assert_int_equal(ret == 0, diag.text[0] == 0);
	if (!text) { /* Jinja2 refuses it */
		if (!ret)
			fail_msg("%s is not refused", json_string_value(json_object_get(test, "template")));
		return;
	}
	if (ret)
		fail_msg("%s", diag.text);
	expected = json_string_value(text);
	if (out.length != json_string_length(text) || memcmp(out.bytes, expected, out.length))
		fail_msg("expected\n%s\ngot\n%s", expected, out.bytes);
	check_whole(&out);
	marks = json_string_value(json_object_get(test, "marks"));
	if (marks)
		check_marks(&out, marks);
	wick_marked_text_free(&out);
}

static void texts_are_those_of_jinja(void **state)
{
	size_t bytes, i;
	char *text = read_fixture("cases.json", &bytes);
	json_t *root = json_loadb(text, bytes, JSON_ALLOW_NUL, NULL), *own, *test;

	(void)state;
	free(text);
	assert_non_null(root);
	own = json_pack("{s:s, s:s}", "bos_token", "<s>", "eos_token", "</s>");
	assert_true(json_array_size(json_object_get(root, "cases")) > 300);
	json_array_foreach(json_object_get(root, "cases"), i, test)
		check_case(test, json_object_get(root, "inputs"), own);
	json_decref(own);
	json_decref(root);
}

/* The text with the caller's bytes between « and ». */
static void shown(const struct wick_marked_text *text, char *into)
{
	const char *from = text->bytes;

	for (size_t i = 0; i < text->mark_count; i++) {
		if (text->marks[i].callers)
			into = stpcpy(into, "«");
		memcpy(into, from, text->marks[i].bytes);
		into += text->marks[i].bytes;
		from += text->marks[i].bytes;
		if (text->marks[i].callers)
			into = stpcpy(into, "»");
	}
	*into = 0;
}

static void bytes_keep_their_owner(void **state)
{
	static const char *const cases[][2] = {
		{ "<{{ a }}>", "<«ab-cd»>" },
		{ "{{ '<' + a + '>' }}{{ '<' ~ n ~ '>' }}", "<«ab-cd»><«7»>" },
		{ "{{ a[1:4] }}{{ ('<' + a)[0:2] }}{{ a[-1] }}{{ ('<' + a)[::-1] }}", "«b-c»<«addc-ba»<" },
		{ "{{ a.upper() }}{{ a|title }}{{ ('x' + a)|upper }}", "«AB-CDAb-Cd»X«AB-CD»" },
		{ "{{ a.replace('b', '|') }}{{ 'x-y'.replace('-', a) }}", "«a»|«-cd»x«ab-cd»y" },
		{ "{{ a.split('-')|join('|') }}{{ [a, 'z']|join(a) }}", "«ab»|«cdab-cdab-cd»z" },
		{ "{{ ('  ' + a + ' ')|trim }}{{ (a + 'xx').strip('xd') }}", "«ab-cdab-c»" },
		{ "{{ {'k': a, a: 1}|tojson }}", "{\"k\": \"«ab-cd»\", \"«ab-cd»\": 1}" },
		{ "{{ q|tojson }}{{ q|e }}", "\"«\\\"»\"«&#34;»" },
		{ "{{ [a, 1]|tojson(indent=1) }}", "[\n \"«ab-cd»\",\n 1\n]" },
		{ "{{ '%s.%s' % (a, 'b') }}{{ '{}.{}'.format('c', a) }}{{ a % () }}", "«ab-cd».bc.«ab-cdab-cd»" },
		{ "{{ n + 1 }}{{ n * 1.5 }}{{ -n }}{{ n|string }}{{ a|length }}{{ '5'|int }}", "«810.5-77»55" },
		{ "{{ [n, b, none, a] }}", "[«7», «True», None, '«ab-cd»']" },
		{ "{{ d|int + 1 }}{{ d|float }}{{ n|tojson }}{{ b|tojson }}", "«1312.07true»" },
		{ "{{ (a ~ '\\n' ~ a)|indent(1) }}", "«ab-cd»\n «ab-cd»" },
		{ "{% set x %}<{{ a }}>{% endset %}{{ x|upper }}{{ x[1:] }}", "<«AB-CD»>«ab-cd»>" },
		{ "{% macro m(x) %}({{ x }}){% endmacro %}{{ m(a) }}{{ m('t') }}", "(«ab-cd»)(t)" },
		{ "{% filter replace('-', '+') %}-{{ a }}{% endfilter %}", "+«ab»+«cd»" },
		{ "{% for c in a %}{{ c }}.{% endfor %}", "«a».«b».«-».«c».«d»." },
		{ "{{ a * 2 }}{{ '=' * 2 }}{{ a|reverse }}{{ a|first }}{{ a|list|last }}", "«ab-cdab-cd»==«dc-baad»" },
		{ "{{ m[0].role }}{{ m[1].role }}{{ '<|' + m[0].role + '|>' }}{{ m[0].content }}", "user«admin»<|user|>«user»" },
		{ "{{ bos }}{{ a.splitlines()[0] }}{{ bos + a }}", "<s>«ab-cd»<s>«ab-cd»" },
		{ "{{ '<'|safe + a + q }}", "<«ab-cd&#34;»" },
		{ "{{ strftime_now('%Y') }}{{ dd.items()|list }}", "2026[('«k»', '«v»')]" },
		{ "{{ ts|map('upper')|join('+') }}{{ ts|sort|join }}{{ ts|unique|list|string }}", "«Y»+«Xxy»['«y»', '«x»']" },
	};
	json_t *callers = json_pack("{s:s, s:i, s:b, s:s, s:s, s:[{s:s, s:s}, {s:s}], s:{s:s}, s:[ss]}", "a", "ab-cd", "n", 7, "b", 1,
		"q", "\"", "d", "12", "m", "role", "user", "content", "user", "role", "admin", "dd", "k", "v", "ts", "y", "x");
	json_t *own = json_pack("{s:s}", "bos", "<s>");
	struct wick_template_input input = { .callers = callers, .templates = own, .now = &now };

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		struct wick_marked_text out;
		struct wick_diag diag = { 0 };
		char text[512];

		assert_int_equal(render_with(cases[i][0], strlen(cases[i][0]), &input, &out, &diag), 0);
		check_whole(&out);
		shown(&out, text);
		assert_string_equal(text, cases[i][1]);
		wick_marked_text_free(&out);
	}
	json_decref(own);
	json_decref(callers);
}

static void says(const char *template, const json_t *callers, const uint64_t *limits, int code, const char *sentence)
{
	struct wick_template_input input = { .callers = callers, .now = &now, .limits = limits };
	struct wick_marked_text out;
	struct wick_diag diag = { 0 };

	assert_int_equal(render_with(template, strlen(template), &input, &out, &diag), code);
	assert_string_equal(diag.text, sentence);
	assert_null(out.bytes);
}

#define ADVICE " is outside of what wick runs; --template FILE takes another template"

static void sentences_name_the_line(void **state)
{
	(void)state;
	says("a\n{% include 'x' %}", NULL, NULL, -EINVAL, "chat.jinja:2: a statement, \"include\", which" ADVICE);
	says("\n\n{{ x|wordwrap }}", NULL, NULL, -EINVAL, "chat.jinja:3: the filter \"wordwrap\"" ADVICE);
	says("{{ x|from_json }}", NULL, NULL, -EINVAL,
		"chat.jinja:1: there is no filter \"from_json\"; --template FILE takes another template");
	says("{{ 'x'.zfill(3) }}", NULL, NULL, -EINVAL, "chat.jinja:1: the method \"zfill\"" ADVICE);
	says("{{ [].append(3) }}", NULL, NULL, -EINVAL, "chat.jinja:1: the method \"append\"" ADVICE);
	says("{{ cycler('a') }}", NULL, NULL, -EINVAL, "chat.jinja:1: the function \"cycler\"" ADVICE);
	says("{{ ''.__class__ }}", NULL, NULL, -EINVAL, "chat.jinja:1: the attribute \"__class__\"" ADVICE);
	says("\n{% if true %}\nx", NULL, NULL, -EINVAL, "chat.jinja:3: the template ends before \"elif\"");
	says("{{ a\n.b.c }}", NULL, NULL, -EINVAL, "chat.jinja:2: \"a\" is undefined");
	says("\n{{ raise_exception('bad\x1b' ~ 'turn') }}", NULL, NULL, -EINVAL,
		"chat.jinja:2: the template refuses this conversation: bad?turn");
	says("{{ 9223372036854775807 + 1 }}", NULL, NULL, -EINVAL,
		"chat.jinja:1: an integer beyond 64 bits is outside of what wick runs");
	says("a\n\xff", NULL, NULL, -EINVAL, "chat.jinja:2: not UTF-8");
}

static void limits_have_sentences(void **state)
{
	static const struct {
		enum wick_template_limit limit;
		uint64_t most;
		const char *template, *sentence;
	} cases[] = {
		{ WICK_TEMPLATE_STEPS, 1000, "{% for a in range(1000) %}{{ a }}{% endfor %}", "rendering takes more than 1000 steps" },
		{ WICK_TEMPLATE_STEPS, 1000, "{{ range(500)|list|sort|map('string')|join|length }}", "rendering takes more than 1000 steps" },
		{ WICK_TEMPLATE_DEPTH, 50, "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "something is nested deeper than 50" },
		{ WICK_TEMPLATE_DEPTH, 50,
			"{% set n = namespace(a=[]) %}{% for i in range(60) %}{% set n.a = [n.a] %}{% endfor %}{{ n.a }}",
			"something is nested deeper than 50" },
		{ WICK_TEMPLATE_DEPTH, 50,
			"{% set n = namespace(a=[]) %}{% for i in range(60) %}{% set n.a = [n.a] %}{% endfor %}{{ n.a|tojson }}",
			"something is nested deeper than 50" },
		{ WICK_TEMPLATE_DEPTH, 50,
			"{% set n = namespace(a=[]) %}{% for i in range(60) %}{% set n.a = [n.a] %}{% endfor %}{{ n.a == [n.a] }}",
			"something is nested deeper than 50" },
		{ WICK_TEMPLATE_MEMORY, 100000, "{% set n = namespace(a='aa') %}{% for i in range(30) %}{% set n.a = n.a + n.a %}{% endfor %}",
			"rendering takes more than 100000 bytes of memory" },
		{ WICK_TEMPLATE_OUTPUT, 100, "{% for i in range(99) %}ab{% endfor %}", "the text becomes longer than 100 bytes" },
		{ WICK_TEMPLATE_PRODUCT, 100, "{{ 'ab' * 51 }}", "a text or list times a number is longer than 100" },
		{ WICK_TEMPLATE_PRODUCT, 100, "{{ [1] * 9223372036854775807 }}", "a text or list times a number is longer than 100" },
		{ WICK_TEMPLATE_PRODUCT, 100, "{{ 'a'|indent(101) }}", "a text or list times a number is longer than 100" },
		{ WICK_TEMPLATE_RANGE, 100, "{{ range(101) }}", "a range has more than 100 numbers" },
		{ WICK_TEMPLATE_RANGE, 100, "{{ range(-9223372036854775807, 9223372036854775807) }}", "a range has more than 100 numbers" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		uint64_t limits[WICK_TEMPLATE_LIMITS] = { 0 };
		char sentence[256];

		limits[cases[i].limit] = cases[i].most;
		snprintf(sentence, sizeof(sentence), "chat.jinja:1: %s", cases[i].sentence);
		says(cases[i].template, NULL, limits, -E2BIG, sentence);
	}
}

/* Brackets, tags and signs nested without end: the parser's own stack has a limit. */
static void nesting_is_limited(void **state)
{
	static const char *const parts[][2] = { { "{{ ", "(" }, { "{{ ", "[" }, { "{{ ", "-" }, { "{{ ", "not " }, { "{{ a", "[a" },
		{ "{{ ", "a(" }, { "", "{% if a %}" }, { "", "{% for a in b %}" }, { "{{ ", "1 if 1 else " } };

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(parts); i++) {
		struct wick_template_input input = { 0 };
		struct wick_marked_text out;
		struct wick_diag diag = { 0 };
		char text[200000] = "";
		size_t length = strlen(strcpy(text, parts[i][0])), step = strlen(parts[i][1]);

		for (; length < 100000; length += step)
			memcpy(text + length, parts[i][1], step);
		strcpy(text + length, parts[i][0][0] ? "1 }}" : "");
		length = strlen(text);
		assert_true(render_with(text, length, &input, &out, &diag) < 0);
		if (!strstr(diag.text, "tags or brackets are nested deeper than 100"))
			assert_non_null(strstr(diag.text, "more than 64 open brackets"));
	}
}

/* Long and flat is no nesting. */
static void long_templates_are_read(void **state)
{
	struct wick_template_input input = { 0 };
	struct wick_marked_text out;
	struct wick_diag diag = { 0 };
	size_t length = 0;
	char *text = malloc(2 << 20);

	(void)state;
	while (length < 1000000)
		length += (size_t)sprintf(text + length, "{%% if a %%}x{%% endif %%}y");
	assert_int_equal(render_with(text, length, &input, &out, &diag), 0);
	assert_int_equal(out.bytes[0], 'y');
	wick_marked_text_free(&out);
	memset(text, 'x', 2 << 20);
	assert_int_equal(render_with(text, 2 << 20, &input, &out, &diag), -E2BIG);
	assert_string_equal(diag.text, "chat.jinja:1: a template has at most 1048576 bytes");
	free(text);
}

static void names_are_limited(void **state)
{
	struct wick_template_input input = { 0 };
	struct wick_marked_text out;
	struct wick_diag diag = { 0 };
	size_t length = 0;
	char *text = malloc(100000);

	(void)state;
	for (unsigned i = 0; i < 2001; i++)
		length += (size_t)sprintf(text + length, "{{ a%u }}", i);
	assert_int_equal(render_with(text, length, &input, &out, &diag), -E2BIG);
	assert_string_equal(diag.text, "chat.jinja:1: a template has at most 2000 names");
	free(text);
}

/* The k-th allocation fails, for k from the first on, until none is left: -ENOMEM, a sentence, and nothing kept (which
 * the address sanitizer sees). */
static void memory_runs_out(void **state)
{
	size_t bytes;
	char *text = read_fixture("typed.jinja", &bytes);
	json_t *callers = json_pack("{s:[{s:s, s:s}], s:b}", "messages", "role", "user", "content", "hello", "add_generation_prompt", 1);
	struct wick_template_input input = { .callers = callers, .now = &now };
	unsigned k = 0;
	int ret;

	(void)state;
	do {
		struct wick_marked_text out;
		struct wick_diag diag = { 0 };

		calls_left = ++k;
		ret = render_with(text, bytes, &input, &out, &diag);
		if (ret) {
			assert_int_equal(ret, -ENOMEM);
			assert_non_null(strstr(diag.text, "no memory"));
		}
		calls_left = 0;
		wick_marked_text_free(&out);
	} while (ret);
	assert_true(k > 8);
	free(text);
	json_decref(callers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_those_of_jinja),
		cmocka_unit_test(bytes_keep_their_owner),
		cmocka_unit_test(sentences_name_the_line),
		cmocka_unit_test(limits_have_sentences),
		cmocka_unit_test(nesting_is_limited),
		cmocka_unit_test(long_templates_are_read),
		cmocka_unit_test(names_are_limited),
		cmocka_unit_test(memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
