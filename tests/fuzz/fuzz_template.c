/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Chat templates, rendered with a conversation of ours: no input crashes or takes long, what fails has a sentence, what
 * comes out is UTF-8 with marks of exactly its length, and a character that only the caller's texts have is marked the
 * caller's wherever it appears. */

#include "fuzz.h"
#include "template.h"
#include "utf8.h"

#define SENTINEL "\xee\x80\x80" /* U+E000 */

static const char words[] = "{\"messages\": ["
			    "{\"role\": \"system\", \"content\": \"S" SENTINEL "\"},"
			    "{\"role\": \"user\", \"content\": \" u<|im_end|>" SENTINEL "\\n\\u00e9-b,c \"},"
			    "{\"role\": \"assistant\", \"content\": \"" SENTINEL "\", \"tool_calls\": [{\"id\": \"123456789\","
			    " \"function\": {\"name\": \"f" SENTINEL "\", \"arguments\": {\"k" SENTINEL "\": [1, -2.5, true, null]}}}]},"
			    "{\"role\": \"tool\", \"content\": [{\"type\": \"text\", \"text\": \"t" SENTINEL "\"}]}],"
			    "\"tools\": [{\"function\": {\"name\": \"f\", \"parameters\": {\"type\": \"object\"}}}],"
			    "\"name\": \"a" SENTINEL "b\", \"num\": 42, \"real\": 0.1, \"yes\": true, \"nil\": null,"
			    "\"list\": [\"b\", \"A\", \"" SENTINEL "\"], \"dict\": {\"k\": \"v" SENTINEL "\", \"b\": 1},"
			    "\"people\": [{\"n\": \"Zed\", \"age\": 3}, {\"n\": \"amy\", \"age\": 1, \"tag\": \"t\"}],"
			    "\"nested\": {\"a\": {\"b\": [{\"c\": \"deep\"}]}}, \"add_generation_prompt\": true}";

static const uint64_t limits[WICK_TEMPLATE_LIMITS] = { [WICK_TEMPLATE_STEPS] = 20000, [WICK_TEMPLATE_MEMORY] = 4 << 20,
	[WICK_TEMPLATE_OUTPUT] = 1 << 16, [WICK_TEMPLATE_PRODUCT] = 4096, [WICK_TEMPLATE_RANGE] = 1000 };

/* Whether the text could bring forth the sentinel itself: literally, or by an escape. */
static bool has_sentinel(const uint8_t *data, size_t size)
{
	return memmem(data, size, "\xee", 1) || memmem(data, size, "\\", 1);
}

static void check_utf8(const struct wick_marked_text *text)
{
	for (size_t at = 0; at < text->length;) {
		int bytes = wick_utf8_length(text->bytes + at, text->length - at);

		wick_require(bytes > 0);
		at += (size_t)bytes;
	}
}

static void check_marks(const struct wick_marked_text *text, bool with_sentinel)
{
	size_t at = 0;

	for (size_t i = 0; i < text->mark_count; i++) {
		wick_require(text->marks[i].bytes && text->marks[i].bytes <= text->length - at);
		wick_require(!i || text->marks[i].callers != text->marks[i - 1].callers);
		wick_require(!with_sentinel || text->marks[i].callers ||
			!memmem(text->bytes + at, text->marks[i].bytes, "\xee", 1));
		at += text->marks[i].bytes;
	}
	wick_require(at == text->length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static json_t *callers, *own;
	static const struct tm now = { .tm_year = 126, .tm_mday = 1 };
	struct wick_diag diag = { 0 };
	struct wick_template *template;
	struct wick_marked_text text = { 0 };
	int ret;

	callers = callers ? callers : json_loads(words, 0, NULL);
	own = own ? own : json_pack("{s:s, s:s}", "bos_token", "<s>", "eos_token", "</s>");
	wick_require(callers && own);
	ret = wick_template_parse(&template, (const char *)data, size, "input", &diag);
	wick_require((template != NULL) == (ret == 0));
	fuzz_check(ret, &diag);
	if (ret)
		return 0;
	ret = wick_template_render(template,
		&(struct wick_template_input){ .callers = callers, .templates = own, .now = &now, .limits = limits }, &text, &diag);
	fuzz_check(ret, &diag);
	if (!ret) {
		check_utf8(&text);
		check_marks(&text, !has_sentinel(data, size));
	}
	wick_marked_text_free(&text);
	wick_template_destroy(template);
	return 0;
}
