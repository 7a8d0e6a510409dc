/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Cutting a text into pieces with PCRE2 (see pretokenizer.h). */

#define PCRE2_CODE_UNIT_WIDTH 8

#include "pretokenizer.h"

#include "bits.h"

#include <errno.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Unicode's White_Space, which is what \s means in the tokenizers that these expressions are from. PCRE2's own \s has
 * U+180E besides, or in its plain form nothing beyond ASCII. */
#define SPACES "\\t-\\r\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define S "[" SPACES "]"
#define NOT_S "[^" SPACES "]"

#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" SPACES "\\p{L}\\p{N}]+|" S "+(?!" NOT_S ")|" S "+"

static const struct expression {
	const char *pre, *regex;
} expressions[] = {
	{ "gpt-2", GPT2 },      { "phi-2", GPT2 },      { "jina-es", GPT2 },  { "jina-de", GPT2 },
	{ "jina-v2-es", GPT2 }, { "jina-v2-de", GPT2 }, { "gigachat", GPT2 }, { "mellum", GPT2 },
	{ "a.x-4.0", GPT2 },
};

struct wick_pretokenizer {
	pcre2_code *code;
	pcre2_match_context *context;
	uint32_t options; /* of every match */
};

static const char *find_regex(const char *pre, size_t length)
{
	for (size_t i = 0; i < WICK_COUNT_OF(expressions); i++)
		if (strlen(expressions[i].pre) == length && !memcmp(expressions[i].pre, pre, length))
			return expressions[i].regex;
	return NULL;
}

/* Machine code where PCRE2 can make it, else its interpreter: the same pieces, slower. PCRE2's limits on backtracking
 * are lifted, since the expressions are ours and none backtracks over more than a piece. */
static int compile(struct wick_pretokenizer *pretokenizer, const char *regex, struct wick_diag *diag)
{
	PCRE2_SIZE place;
	int error;

	pretokenizer->code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &error, &place, NULL);
	if (!pretokenizer->code)
		return wick_diag_say(diag, -EINVAL, "PCRE2 does not take a pre-tokeniser's expression: error %d at %zu",
			error, (size_t)place);
	pcre2_jit_compile(pretokenizer->code, PCRE2_JIT_COMPLETE);
	pretokenizer->context = pcre2_match_context_create(NULL);
	if (!pretokenizer->context)
		return -ENOMEM;
	pcre2_set_match_limit(pretokenizer->context, UINT32_MAX);
	pcre2_set_depth_limit(pretokenizer->context, UINT32_MAX);
	pcre2_set_heap_limit(pretokenizer->context, UINT32_MAX);
	pretokenizer->options = PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY;
	return 0;
}

int wick_pretokenizer_create(struct wick_pretokenizer **out, const char *pre, size_t length, const char *whose,
	struct wick_diag *diag)
{
	const char *regex = find_regex(pre, length);
	struct wick_pretokenizer *pretokenizer;
	int result;

	*out = NULL;
	if (!regex)
		return wick_diag_say(diag, -EINVAL,
			"%s: tokenizer.ggml.pre is \"%.*s\", a pre-tokeniser that is not known", whose,
			(int)WICK_MIN(length, 100), pre);
	pretokenizer = calloc(1, sizeof(*pretokenizer));
	if (!pretokenizer)
		return -ENOMEM;
	result = compile(pretokenizer, regex, diag);
	if (result) {
		wick_pretokenizer_destroy(pretokenizer);
		return result;
	}
	*out = pretokenizer;
	return 0;
}

void wick_pretokenizer_destroy(struct wick_pretokenizer *pretokenizer)
{
	if (!pretokenizer)
		return;
	pcre2_code_free(pretokenizer->code);
	pcre2_match_context_free(pretokenizer->context);
	free(pretokenizer);
}

void wick_pretokenizer_interpret(struct wick_pretokenizer *pretokenizer)
{
	pretokenizer->options |= PCRE2_NO_JIT;
}

/* PCRE2 takes memory for machine code from pieces of 64 KiB. */
uint64_t wick_pretokenizer_bytes(const struct wick_pretokenizer *pretokenizer)
{
	size_t code = 0, jit = 0;

	pcre2_pattern_info(pretokenizer->code, PCRE2_INFO_SIZE, &code);
	pcre2_pattern_info(pretokenizer->code, PCRE2_INFO_JITSIZE, &jit);
	return sizeof(*pretokenizer) + code + wick_align_up(jit, 65536);
}

/* Bytes of the UTF-8 character at `at`, 0 when there is none: a stray or missing continuation, an overlong form, a
 * surrogate, beyond U+10FFFF. */
static size_t character_bytes(const uint8_t *at, size_t left)
{
	static const struct {
		uint8_t first, last, low, high; /* range of the first byte and of the second */
	} shapes[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf }, { 0xe0, 0xe0, 0xa0, 0xbf }, { 0xe1, 0xec, 0x80, 0xbf },
		{ 0xed, 0xed, 0x80, 0x9f }, { 0xee, 0xef, 0x80, 0xbf }, { 0xf0, 0xf0, 0x90, 0xbf },
		{ 0xf1, 0xf3, 0x80, 0xbf }, { 0xf4, 0xf4, 0x80, 0x8f },
	};
	size_t bytes = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4, shape = 0;

	if (at[0] < 0x80)
		return 1;
	while (shape < WICK_COUNT_OF(shapes) && (at[0] < shapes[shape].first || at[0] > shapes[shape].last))
		shape++;
	if (shape == WICK_COUNT_OF(shapes) || left < bytes || at[1] < shapes[shape].low || at[1] > shapes[shape].high)
		return 0;
	for (size_t i = 2; i < bytes; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return bytes;
}

/* How many of the bytes are well-formed UTF-8 before the first that is not. */
static size_t utf8_bytes(const char *text, size_t bytes)
{
	size_t at = 0, taken;

	while (at < bytes && (taken = character_bytes((const uint8_t *)text + at, bytes - at)))
		at += taken;
	return at;
}

int wick_pieces_begin(struct wick_pieces *pieces, const struct wick_pretokenizer *pretokenizer, const char *text,
	size_t bytes)
{
	*pieces = (struct wick_pieces){ .pretokenizer = pretokenizer, .text = text ? text : "", .bytes = bytes };
	pieces->match = pcre2_match_data_create(1, NULL);
	return pieces->match ? 0 : -ENOMEM;
}

void wick_pieces_end(struct wick_pieces *pieces)
{
	pcre2_match_data_free(pieces->match);
}

/* The next match of the expression in the current stretch, from where the last piece ended. What it skips is a piece
 * too, and so is the rest of a stretch in which it finds nothing more. */
static int find_match(struct wick_pieces *pieces, size_t *start, size_t *end)
{
	const struct wick_pretokenizer *pretokenizer = pieces->pretokenizer;
	const size_t *found = pcre2_get_ovector_pointer(pieces->match);
	int count = pcre2_match(pretokenizer->code, (PCRE2_SPTR)pieces->text + pieces->run,
		pieces->run_end - pieces->run, pieces->at - pieces->run, pretokenizer->options, pieces->match,
		pretokenizer->context);

	if (count < 0 && count != PCRE2_ERROR_NOMATCH)
		return -ENOMEM;
	*start = count < 0 ? pieces->run_end : pieces->run + found[0];
	*end = count < 0 ? pieces->run_end : pieces->run + found[1];
	return 0;
}

static int find_end(struct wick_pieces *pieces, size_t *end)
{
	size_t start;
	int result;

	if (pieces->match_end > pieces->at) {
		*end = pieces->match_end;
		return 0;
	}
	result = find_match(pieces, &start, &pieces->match_end);
	*end = start > pieces->at ? start : pieces->match_end;
	return result;
}

int64_t wick_pieces_next(struct wick_pieces *pieces, const char **piece)
{
	size_t end;
	int result;

	*piece = pieces->text + pieces->at;
	if (pieces->at == pieces->bytes)
		return 0;
	if (pieces->at == pieces->run_end) {
		pieces->run = pieces->at;
		pieces->run_end += utf8_bytes(*piece, pieces->bytes - pieces->at);
	}
	if (pieces->at == pieces->run_end) {
		pieces->run_end = ++pieces->at;
		return 1;
	}
	result = find_end(pieces, &end);
	if (result)
		return result;
	pieces->at = end;
	return pieces->text + end - *piece;
}
