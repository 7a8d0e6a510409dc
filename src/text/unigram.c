/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The unigram model (see unigram.h), by Viterbi's algorithm: for each place of the text the best way to get there is
 * known, and every piece that begins there is tried as a way to go on. All that begin at one place are found by one walk
 * down a tree:
 *
 *     pieces: a ab b      root -a-> (a) -b-> (ab)      "ab": root to (a), a way to 1; to (ab), a way to 2
 *                              -b-> (b)
 */

#include "unigram.h"

#include "bits.h"
#include "hash.h"
#include "space_mark.h"
#include "specials.h"
#include "utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NONE WICK_TOKEN_NONE
#define UNKNOWN_PENALTY 10  /* below the lowest score */
#define USER_BONUS 0.1      /* for each byte of a user's piece behind the first */

struct wick_unigram_edge {
	uint32_t from, to; /* nodes; to 0, the root: an empty slot */
	uint8_t byte;
};

/* The best way to a place of the text. */
struct wick_unigram_path {
	union {
		double score;
		uint32_t end; /* afterwards: where the piece ends that begins here */
	};
	uint32_t start; /* of its last piece, NONE: there is no way */
	uint32_t token; /* that piece, NONE: an unknown character */
};

static struct wick_unigram_edge *find_edge(const struct wick_unigram *unigram, uint32_t from, uint8_t byte)
{
	uint64_t slot = (wick_hash_number(unigram->seed, (uint64_t)from << 8 | byte) >> 32) * unigram->slots >> 32;

	while (unigram->edges[slot].to && (unigram->edges[slot].from != from || unigram->edges[slot].byte != byte))
		slot = slot + 1 < unigram->slots ? slot + 1 : 0;
	return &unigram->edges[slot];
}

static void add_piece(struct wick_unigram *unigram, uint32_t id)
{
	size_t bytes;
	const char *text = wick_tokens_text(unigram->tokens, id, &bytes);
	uint32_t node = 0;

	for (size_t i = 0; i < bytes; i++) {
		struct wick_unigram_edge *edge = find_edge(unigram, node, (uint8_t)text[i]);

		if (!edge->to) {
			unigram->piece_of[unigram->nodes] = NONE;
			*edge = (struct wick_unigram_edge){ node, unigram->nodes++, (uint8_t)text[i] };
		}
		node = edge->to;
	}
	unigram->piece_of[node] = id;
}

/* What the tree is made of: pieces in the order of their bytes. */
struct sorted {
	const char *text;
	uint32_t bytes, id;
};

static int compare(const void *a, const void *b)
{
	const struct sorted *one = a, *other = b;
	int order = memcmp(one->text, other->text, WICK_MIN(one->bytes, other->bytes));

	return order ? order : (one->bytes > other->bytes) - (one->bytes < other->bytes);
}

static bool is_piece(const struct wick_tokens *tokens, uint32_t id, bool user)
{
	size_t bytes;
	const char *text = wick_tokens_text(tokens, id, &bytes);

	return bytes && ((user && tokens->types[id] == WICK_TOKEN_USER) || wick_tokens_find(tokens, text, bytes) == id);
}

static uint32_t collect(struct sorted *sorted, const struct wick_tokens *tokens, bool user)
{
	uint32_t count = 0;

	for (uint32_t id = 0; id < tokens->count; id++) {
		size_t bytes;
		const char *text = wick_tokens_text(tokens, id, &bytes);

		if (is_piece(tokens, id, user))
			sorted[count++] = (struct sorted){ text, (uint32_t)bytes, id };
	}
	qsort(sorted, count, sizeof(*sorted), compare);
	return count;
}

/* One for the root and each beginning of a piece: bytes that a piece shares with the one before it are there already. */
static uint64_t count_nodes(const struct sorted *sorted, uint32_t count)
{
	uint64_t nodes = 1;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t shared = 0;

		while (i && shared < sorted[i].bytes && shared < sorted[i - 1].bytes &&
			sorted[i].text[shared] == sorted[i - 1].text[shared])
			shared++;
		nodes += sorted[i].bytes - shared;
	}
	return nodes;
}

static int build_tree(struct wick_unigram *unigram, bool user)
{
	struct sorted *sorted = malloc(((size_t)unigram->tokens->count + 1) * sizeof(*sorted));
	uint32_t count = sorted ? collect(sorted, unigram->tokens, user) : 0;
	uint64_t nodes = sorted ? count_nodes(sorted, count) : 0;

	unigram->slots = nodes + nodes / 2 + 1;
	unigram->edges = nodes && nodes <= INT32_MAX ? calloc(unigram->slots, sizeof(*unigram->edges)) : NULL;
	unigram->piece_of = nodes && nodes <= INT32_MAX ? malloc(nodes * sizeof(*unigram->piece_of)) : NULL;
	if (unigram->edges && unigram->piece_of) {
		unigram->piece_of[0] = NONE;
		unigram->nodes = 1;
		for (uint32_t i = 0; i < count; i++)
			add_piece(unigram, sorted[i].id);
	}
	free(sorted);
	return unigram->edges && unigram->piece_of ? 0 : -ENOMEM;
}

static double rounded(const struct wick_unigram *unigram, double value)
{
	return unigram->narrow ? (double)(float)value : value;
}

/* Bytes of a piece as SentencePiece spells it. */
static double spelled_bytes(const struct wick_tokens *tokens, uint32_t id)
{
	double bytes = 0;

	for (uint32_t at = tokens->starts[id]; at < tokens->starts[id + 1]; at++)
		bytes += tokens->bytes[at] == ' ' ? WICK_SPACE_MARK_BYTES : 1;
	return bytes;
}

/* A piece of the user's beats what it can be made of: each byte has the highest score above 0, and all but the first one a
 * bonus. It is not rounded by itself (SentencePiece 0.2.3; versions differ). */
static double user_score(const struct wick_tokens *tokens, uint32_t id, double highest)
{
	double bytes = spelled_bytes(tokens, id);

	return bytes * highest + (bytes - 1) * USER_BONUS;
}

/* The lowest score of ordinary tokens is what the unknown one is compared with, and the highest what the user's are. */
static void take_scores(struct wick_unigram *unigram, double (*score)(const void *from, uint32_t i), const void *from)
{
	const struct wick_tokens *tokens = unigram->tokens;
	double lowest = INFINITY, highest = 0;

	for (uint32_t id = 0; id < tokens->count; id++) {
		unigram->scores[id] = score(from, id);
		if (tokens->types[id] != WICK_TOKEN_NORMAL)
			continue;
		lowest = WICK_MIN(lowest, unigram->scores[id]);
		highest = WICK_MAX(highest, unigram->scores[id]);
	}
	for (uint32_t id = 0; id < tokens->count; id++)
		if (tokens->types[id] == WICK_TOKEN_USER)
			unigram->scores[id] = user_score(tokens, id, highest);
	unigram->unknown_score = rounded(unigram, lowest - UNKNOWN_PENALTY);
}

int wick_unigram_init(struct wick_unigram *unigram, const struct wick_tokens *tokens,
	double (*score)(const void *from, uint32_t i), const void *from, bool narrow, bool user)
{
	*unigram = (struct wick_unigram){ .tokens = tokens, .unknown = -1, .narrow = narrow, .seed = wick_hash_seed() };
	unigram->scores = malloc(((size_t)tokens->count + 1) * sizeof(*unigram->scores));
	if (!unigram->scores)
		return -ENOMEM;
	take_scores(unigram, score, from);
	return build_tree(unigram, user);
}

void wick_unigram_free(struct wick_unigram *unigram)
{
	free(unigram->scores);
	free(unigram->edges);
	free(unigram->piece_of);
	*unigram = (struct wick_unigram){ 0 };
}

uint64_t wick_unigram_bytes(const struct wick_unigram *unigram)
{
	return unigram->slots * sizeof(*unigram->edges) + unigram->nodes * sizeof(*unigram->piece_of) +
		(unigram->scores ? unigram->tokens->count * sizeof(*unigram->scores) : 0);
}

static int grow(struct wick_unigram_scratch *scratch, size_t bytes)
{
	size_t capacity = WICK_MAX(bytes, WICK_MIN(2 * scratch->capacity, bytes + 4096));

	if (bytes <= scratch->capacity)
		return 0;
	wick_unigram_scratch_free(scratch);
	scratch->paths = malloc(capacity * sizeof(*scratch->paths));
	scratch->capacity = scratch->paths ? capacity : 0;
	return scratch->paths ? 0 : -ENOMEM;
}

void wick_unigram_scratch_free(struct wick_unigram_scratch *scratch)
{
	free(scratch->paths);
	*scratch = (struct wick_unigram_scratch){ 0 };
}

/* A way to `end` whose last piece begins at `start`. Of two equals the first one that was found stays. */
static void offer(const struct wick_unigram *unigram, struct wick_unigram_path *paths, uint32_t start, uint32_t end,
	uint32_t token)
{
	double score = token == NONE ? unigram->unknown_score : unigram->scores[token];
	double sum = rounded(unigram, score + paths[start].score);

	if (paths[end].start != NONE && sum <= paths[end].score)
		return;
	paths[end] = (struct wick_unigram_path){ .score = sum, .start = start, .token = token };
}

static bool frames_turns(const struct wick_tokens *tokens, uint32_t id)
{
	size_t bytes;
	const char *text = wick_tokens_text(tokens, id, &bytes);

	return tokens->types[id] == WICK_TOKEN_USER && wick_special_frames_turns(text, bytes);
}

/* Every piece that begins at one place; the character there is unknown if it is none by itself. A byte that is no UTF-8
 * is a character of its own. Returns where the next one begins. */
static uint32_t offer_from(const struct wick_unigram *unigram, struct wick_unigram_path *paths, const char *text,
	uint32_t at, uint32_t bytes, bool turns)
{
	int length = wick_utf8_length(text + at, bytes - at);
	uint32_t next = at + (length > 0 ? (uint32_t)length : 1), node = 0;
	bool alone = false;

	for (uint32_t end = at; end < bytes;) {
		node = find_edge(unigram, node, (uint8_t)text[end++])->to;
		if (!node)
			break;
		if (unigram->piece_of[node] == NONE || (turns && frames_turns(unigram->tokens, unigram->piece_of[node])))
			continue;
		offer(unigram, paths, at, end, unigram->piece_of[node]);
		alone |= end == next;
	}
	if (!alone)
		offer(unigram, paths, at, next, NONE);
	return next;
}

/* Turns the best way round: from here on each piece knows where it ends. */
static void reverse(struct wick_unigram_path *paths, uint32_t end)
{
	while (end) {
		uint32_t start = paths[end].start;

		paths[start].end = end;
		end = start;
	}
}

static bool has_bytes(const struct wick_tokens *tokens, const char *text, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		if (tokens->of_byte[(uint8_t)text[i]] == NONE)
			return false;
	return true;
}

/* An unknown character is its bytes, else the unknown token, which stands for neighbours of the kind, too. */
static int append_unknown(const struct wick_unigram *unigram, const char *text, uint32_t from, uint32_t to,
	bool *unknown, struct wick_ids *out)
{
	bool bytes = has_bytes(unigram->tokens, text, from, to);

	for (uint32_t i = from; bytes && i < to; i++)
		wick_ids_put(out, unigram->tokens->of_byte[(uint8_t)text[i]]);
	if (!bytes && unigram->unknown < 0)
		return -EINVAL;
	if (!bytes && !*unknown)
		wick_ids_put(out, (uint32_t)unigram->unknown);
	*unknown = !bytes;
	return 0;
}

static int append(const struct wick_unigram *unigram, const struct wick_unigram_path *paths, const char *text,
	uint32_t bytes, struct wick_ids *out)
{
	bool unknown = false;
	int result = 0;

	for (uint32_t at = 0, end; at < bytes && !result; at = end) {
		end = paths[at].end;
		if (paths[end].token == NONE) {
			result = append_unknown(unigram, text, at, end, &unknown, out);
		} else {
			wick_ids_put(out, paths[end].token);
			unknown = false;
		}
	}
	return result;
}

int wick_unigram_encode(const struct wick_unigram *unigram, struct wick_unigram_scratch *scratch, const char *text,
	size_t bytes, bool turns, struct wick_ids *out)
{
	int result = bytes > INT32_MAX ? -EFBIG : grow(scratch, bytes + 1);

	if (!bytes || result)
		return result;
	for (size_t i = 0; i <= bytes; i++)
		scratch->paths[i].start = NONE;
	scratch->paths[0] = (struct wick_unigram_path){ .score = 0 };
	for (uint32_t at = 0; at < bytes;)
		at = offer_from(unigram, scratch->paths, text, at, (uint32_t)bytes, turns);
	reverse(scratch->paths, (uint32_t)bytes);
	return append(unigram, scratch->paths, text, (uint32_t)bytes, out);
}
