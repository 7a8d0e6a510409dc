/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Special tokens in a text (see specials.h). They are sorted, so that those that begin alike are neighbours: a search
 * narrows the neighbours byte by byte, and most end at the first one. */

#include "specials.h"

#include "bits.h"
#include "cut.h"
#include "vocabulary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool strips(const struct wick_vocabulary *vocabulary, uint32_t id, enum wick_side side)
{
	return vocabulary->strips && vocabulary->strips(vocabulary->from, id, side);
}

/* <|user|>, <｜User｜>, or one of these. */
bool wick_special_frames_turns(const char *text, size_t bytes)
{
	static const char *const exact[] = { "<s>", "</s>", "<bos>", "<eos>", "<EOT>", "<start_of_turn>", "<end_of_turn>",
		"[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]" };
	static const char *const edges[][2] = { { "<|", "|>" }, { "<\xef\xbd\x9c", "\xef\xbd\x9c>" } };

	for (size_t i = 0; i < WICK_COUNT_OF(exact); i++)
		if (strlen(exact[i]) == bytes && !memcmp(exact[i], text, bytes))
			return true;
	for (size_t i = 0; i < WICK_COUNT_OF(edges); i++) {
		size_t edge = strlen(edges[i][0]);

		if (bytes >= 2 * edge && !memcmp(text, edges[i][0], edge) && !memcmp(text + bytes - edge, edges[i][1], edge))
			return true;
	}
	return false;
}

static int compare(const void *a, const void *b)
{
	const struct wick_special *one = a, *other = b;
	int order = memcmp(one->text, other->text, WICK_MIN(one->bytes, other->bytes));

	return order ? order : (one->bytes > other->bytes) - (one->bytes < other->bytes);
}

static bool is_special(const struct wick_tokens *tokens, uint32_t id)
{
	return (wick_token_is_control(tokens->types[id]) || tokens->types[id] == WICK_TOKEN_USER) &&
		tokens->starts[id + 1] > tokens->starts[id];
}

static void collect(struct wick_specials *specials, const struct wick_vocabulary *vocabulary)
{
	const struct wick_tokens *tokens = specials->tokens;

	for (uint32_t id = 0; id < tokens->count; id++) {
		size_t bytes;
		const char *text = wick_tokens_text(tokens, id, &bytes);

		if (is_special(tokens, id))
			specials->list[specials->count++] = (struct wick_special){ text, (uint32_t)bytes, id,
				strips(vocabulary, id, WICK_LEFT), strips(vocabulary, id, WICK_RIGHT),
				wick_special_frames_turns(text, bytes) };
	}
	qsort(specials->list, specials->count, sizeof(*specials->list), compare);
}

static void find_first(struct wick_specials *specials)
{
	uint32_t at = 0;

	for (unsigned byte = 0; byte < 256; byte++) {
		specials->first[byte] = at;
		while (at < specials->count && (uint8_t)specials->list[at].text[0] == byte)
			at++;
	}
	specials->first[256] = at;
}

int wick_specials_build(struct wick_specials *specials, const struct wick_tokens *tokens,
	const struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	uint32_t count = 0;

	for (uint32_t id = 0; id < tokens->count; id++)
		count += is_special(tokens, id);
	*specials = (struct wick_specials){ .tokens = tokens };
	specials->list = calloc(count ? count : 1, sizeof(*specials->list));
	if (!specials->list)
		return -ENOMEM;
	collect(specials, vocabulary);
	find_first(specials);
	for (uint32_t i = 1; i < specials->count; i++)
		if (!compare(&specials->list[i - 1], &specials->list[i]))
			return wick_diag_say(diag, -EINVAL, "%s: special tokens %u and %u are the same", vocabulary->whose,
				WICK_MIN(specials->list[i - 1].id, specials->list[i].id),
				WICK_MAX(specials->list[i - 1].id, specials->list[i].id));
	return 0;
}

void wick_specials_free(struct wick_specials *specials)
{
	free(specials->list);
	specials->list = NULL;
}

uint64_t wick_specials_bytes(const struct wick_specials *specials)
{
	return (uint64_t)specials->count * sizeof(*specials->list);
}

void wick_special_walk_begin(struct wick_special_walk *walk, const struct wick_specials *specials, const char *text,
	size_t bytes, const struct wick_mark *marks, size_t mark_count, bool special)
{
	*walk = (struct wick_special_walk){ .specials = specials, .text = text, .bytes = bytes, .marks = marks,
		.mark_count = mark_count, .run_end = mark_count ? 0 : bytes, .may_control = special, .turns = mark_count };
}

bool wick_special_walk_controls(const struct wick_special_walk *walk, const struct wick_special *special)
{
	return wick_token_is_control(walk->specials->tokens->types[special->id]) || (walk->turns && special->frames_turns);
}

/* Takes the marks up to the next one of the other kind. */
static void next_run(struct wick_special_walk *walk)
{
	walk->may_control = walk->mark_count && !walk->marks->callers;
	while (walk->mark_count && walk->marks->callers == !walk->may_control) {
		walk->run_end += WICK_MIN(walk->marks->bytes, walk->bytes - walk->run_end);
		walk->marks++;
		walk->mark_count--;
	}
	if (!walk->mark_count && !walk->may_control)
		walk->run_end = walk->bytes;
}

/* Where, of tokens from..to that agree in the bytes before, those begin that have this one or a higher. */
static uint32_t lower_bound(const struct wick_specials *specials, uint32_t from, uint32_t to, uint32_t depth,
	unsigned byte)
{
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if ((uint8_t)specials->list[middle].text[depth] < byte)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* The longest token that begins here. One of control must end where the run of its kind does, or before. */
static const struct wick_special *match(const struct wick_special_walk *walk)
{
	const struct wick_specials *specials = walk->specials;
	const uint8_t *at = (const uint8_t *)walk->text + walk->at;
	size_t left = walk->bytes - walk->at, own = walk->may_control ? walk->run_end - walk->at : 0;
	uint32_t from = specials->first[at[0]], to = specials->first[at[0] + 1u];
	const struct wick_special *longest = NULL;

	for (uint32_t depth = 1; from < to; depth++) {
		const struct wick_special *whole = &specials->list[from];

		if (whole->bytes == depth) {
			if (depth <= own || !wick_special_walk_controls(walk, whole))
				longest = whole;
			from++;
		}
		if (depth == left)
			break;
		from = lower_bound(specials, from, to, depth, at[depth]);
		to = lower_bound(specials, from, to, depth, at[depth] + 1u);
	}
	return longest;
}

/* Bytes of the text without the white space at its end. */
static size_t without_end(const char *text, size_t bytes)
{
	size_t last = 0;

	for (size_t at = 0, space; at < bytes; at += space ? space : 1) {
		space = wick_space_bytes(text + at, bytes - at);
		if (!space)
			last = at + 1;
	}
	return last;
}

static void pass_spaces(struct wick_special_walk *walk)
{
	size_t space;

	while (walk->at < walk->bytes && (space = wick_space_bytes(walk->text + walk->at, walk->bytes - walk->at)))
		walk->at += space;
}

const struct wick_special *wick_special_walk_next(struct wick_special_walk *walk, const char **plain,
	size_t *plain_bytes)
{
	size_t from = walk->at;

	*plain = walk->text + from;
	for (; walk->at < walk->bytes; walk->at++) {
		const struct wick_special *special;

		while (walk->at >= walk->run_end && walk->run_end < walk->bytes)
			next_run(walk);
		special = match(walk);
		if (!special)
			continue;
		*plain_bytes = special->strip_left ? without_end(*plain, walk->at - from) : walk->at - from;
		walk->at += special->bytes;
		if (special->strip_right)
			pass_spaces(walk);
		return special;
	}
	*plain_bytes = walk->at - from;
	return NULL;
}
