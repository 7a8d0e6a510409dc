/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Cutting a text into pieces with PCRE2 (see pretokenizer.h). */

#define PCRE2_CODE_UNIT_WIDTH 8

#include "pretokenizer.h"

#include "bits.h"
#include "expression.h"
#include "utf8.h"

#include <errno.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* No expression of pre.c comes near: each step of theirs fails after a few characters, or runs to the end of a
 * piece. */
#define BACKTRACKS_MAX (1u << 30)

struct wick_pretokenizer {
	pcre2_code *codes[WICK_PRE_EXPRESSIONS_MAX];
	size_t count;
	pcre2_match_context *context;
	uint32_t options; /* of every match */
};

/* Machine code where PCRE2 can make it, else its interpreter: the same pieces, slower. */
static int compile(pcre2_code **code, const char *expression, const char *whose, struct wick_diag *diag)
{
	char *translated;
	PCRE2_SIZE place;
	int error, result = wick_expression_translate(&translated, expression, whose, diag);

	if (result)
		return result;
	*code = pcre2_compile((PCRE2_SPTR)translated, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &error, &place, NULL);
	free(translated);
	if (!*code)
		return wick_diag_say(diag, -EINVAL,
			"%s: PCRE2 does not take a pre-tokeniser's expression: error %d at %zu", whose, error,
			(size_t)place);
	pcre2_jit_compile(*code, PCRE2_JIT_COMPLETE);
	return 0;
}

static int compile_all(struct wick_pretokenizer *pretokenizer, const char *const *expressions, const char *whose,
	struct wick_diag *diag)
{
	int result = 0;

	for (; expressions[pretokenizer->count] && !result; pretokenizer->count += !result) {
		if (pretokenizer->count + 1 == WICK_PRE_EXPRESSIONS_MAX)
			return wick_diag_say(diag, -EINVAL, "%s: its pre-tokeniser has more than %d expressions", whose,
				WICK_PRE_EXPRESSIONS_MAX - 1);
		result = compile(&pretokenizer->codes[pretokenizer->count], expressions[pretokenizer->count], whose,
			diag);
	}
	if (result)
		return result;
	pretokenizer->context = pcre2_match_context_create(NULL);
	if (!pretokenizer->context)
		return -ENOMEM;
	pcre2_set_match_limit(pretokenizer->context, BACKTRACKS_MAX);
	pcre2_set_depth_limit(pretokenizer->context, UINT32_MAX);
	pcre2_set_heap_limit(pretokenizer->context, UINT32_MAX);
	pretokenizer->options = PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY;
	return 0;
}

int wick_pretokenizer_create(struct wick_pretokenizer **out, const char *const *expressions, const char *whose,
	struct wick_diag *diag)
{
	struct wick_pretokenizer *pretokenizer = calloc(1, sizeof(*pretokenizer));
	int result = pretokenizer ? compile_all(pretokenizer, expressions, whose, diag) : -ENOMEM;

	*out = result ? NULL : pretokenizer;
	if (result)
		wick_pretokenizer_destroy(pretokenizer);
	return result;
}

void wick_pretokenizer_destroy(struct wick_pretokenizer *pretokenizer)
{
	if (!pretokenizer)
		return;
	for (size_t i = 0; i < pretokenizer->count; i++)
		pcre2_code_free(pretokenizer->codes[i]);
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
	uint64_t bytes = sizeof(*pretokenizer), machine_bytes = 0;

	for (size_t i = 0; i < pretokenizer->count; i++) {
		size_t code = 0, jit = 0;

		pcre2_pattern_info(pretokenizer->codes[i], PCRE2_INFO_SIZE, &code);
		pcre2_pattern_info(pretokenizer->codes[i], PCRE2_INFO_JITSIZE, &jit);
		bytes += code;
		machine_bytes += jit;
	}
	return bytes + wick_align_up(machine_bytes, 65536);
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

/* PCRE2's machine code has a small stack; where that is too small, its interpreter takes over. */
static int match(const struct wick_pieces *pieces, size_t depth)
{
	const struct wick_pretokenizer *pretokenizer = pieces->pretokenizer;
	const struct wick_cut *cut = &pieces->cuts[depth];
	uint32_t options = pretokenizer->options;
	int count;

	do {
		count = pcre2_match(pretokenizer->codes[depth], (PCRE2_SPTR)pieces->text + cut->start,
			cut->end - cut->start, cut->at - cut->start, options, pieces->match, pretokenizer->context);
		options |= PCRE2_NO_JIT;
	} while (count == PCRE2_ERROR_JIT_STACKLIMIT);
	return count;
}

/* The next match of an expression in its piece, from where the last one ended. Text that it skips is a piece too, and
 * so is the rest without a match. */
static int find_match(struct wick_pieces *pieces, size_t depth, size_t *start, size_t *end)
{
	const size_t *found = pcre2_get_ovector_pointer(pieces->match);
	const struct wick_cut *cut = &pieces->cuts[depth];
	int count = match(pieces, depth);

	if (count < 0 && count != PCRE2_ERROR_NOMATCH)
		return count == PCRE2_ERROR_MATCHLIMIT ? -E2BIG : -ENOMEM;
	*start = count < 0 ? cut->end : cut->start + found[0];
	*end = count < 0 ? cut->end : cut->start + found[1];
	return 0;
}

/* Where the next piece at this depth ends. */
static int find_end(struct wick_pieces *pieces, size_t depth, size_t *end)
{
	struct wick_cut *cut = &pieces->cuts[depth];
	size_t start;
	int result;

	*end = cut->match_end;
	if (cut->match_end > cut->at)
		return 0;
	result = find_match(pieces, depth, &start, &cut->match_end);
	*end = start > cut->at ? start : cut->match_end;
	return result;
}

static struct wick_cut whole(size_t start, size_t end)
{
	return (struct wick_cut){ .start = start, .end = end, .at = start, .match_end = start };
}

/* Takes a piece at each depth from this one on, and the smallest is it. */
static int64_t descend(struct wick_pieces *pieces, size_t depth, const char **piece)
{
	size_t start = pieces->cuts[depth].at, end = start;

	for (; depth < pieces->pretokenizer->count; depth++) {
		int result = find_end(pieces, depth, &end);

		if (result)
			return result;
		pieces->cuts[depth].at = end;
		if (depth + 1 < pieces->pretokenizer->count)
			pieces->cuts[depth + 1] = whole(start, end);
	}
	*piece = pieces->text + start;
	return (int64_t)(end - start);
}

int64_t wick_pieces_next(struct wick_pieces *pieces, const char **piece)
{
	size_t depth = pieces->pretokenizer->count;

	while (depth && pieces->cuts[depth - 1].at == pieces->cuts[depth - 1].end)
		depth--;
	if (depth)
		return descend(pieces, depth - 1, piece);
	*piece = pieces->text + pieces->run_end;
	if (pieces->run_end == pieces->bytes)
		return 0;
	pieces->cuts[0] = whole(pieces->run_end,
		pieces->run_end + wick_utf8_span(*piece, pieces->bytes - pieces->run_end));
	pieces->run_end = WICK_MAX(pieces->cuts[0].end, pieces->run_end + 1);
	return pieces->cuts[0].end > pieces->cuts[0].start ? descend(pieces, 0, piece) : 1;
}
