/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Byte pair encoding in O(n log n), so that a megabyte without a space is as harmless as any other.
 *
 * The piece is a linked list of symbols, each at the place of its first byte. Each knows the rank of the pair it forms
 * with its right neighbour, and a queue orders (rank, position) of such pairs. A merge keeps the left symbol, drops the
 * right one and changes the pairs on both sides; their old entries stay in the queue and are stale, which shows when
 * they come out: the symbol's rank is no longer theirs.
 *
 *     l o w e r      (e r) first:   l o w er      then (l o), (lo w):   low er      no pair left
 */

#include "bpe.h"

#include "bits.h"
#include "hash.h"
#include "utf8.h"

#include <errno.h>
#include <stdlib.h>

#define NONE WICK_TOKEN_NONE

struct wick_bpe_symbol {
	uint32_t token;         /* NONE: a character without one */
	uint32_t before, after; /* positions of the neighbours, NONE at the ends */
	uint32_t rank;          /* of the pair with the one after, NONE: no pair, or merged away */
};

/* One piece being encoded. */
struct work {
	const struct wick_bpe *bpe;
	const char *piece;
	uint32_t bytes;
	uint32_t first; /* symbol, NONE: there is none */
	struct wick_bpe_symbol *symbols;
	uint64_t *queue;
	size_t queued;
};

/* The slot where a pair is, or the empty one where it would be. */
static struct wick_bpe_pair *find_slot(const struct wick_bpe *bpe, uint32_t left, uint32_t right)
{
	uint64_t slot = (wick_hash_number(bpe->seed, (uint64_t)left << 32 | right) >> 32) * bpe->slots >> 32;

	while (bpe->pairs[slot].rank != NONE && (bpe->pairs[slot].left != left || bpe->pairs[slot].right != right))
		slot = slot + 1 < bpe->slots ? slot + 1 : 0;
	return &bpe->pairs[slot];
}

int wick_bpe_init_merges(struct wick_bpe *bpe, const struct wick_tokens *tokens, uint32_t pairs)
{
	*bpe = (struct wick_bpe){ .tokens = tokens, .slots = pairs + pairs / 2ull + 1, .seed = wick_hash_seed(),
		.unknown = -1 };
	bpe->pairs = malloc(bpe->slots * sizeof(*bpe->pairs));
	for (uint64_t i = 0; bpe->pairs && i < bpe->slots; i++)
		bpe->pairs[i].rank = NONE;
	return bpe->pairs ? 0 : -ENOMEM;
}

bool wick_bpe_add(struct wick_bpe *bpe, struct wick_bpe_pair pair)
{
	struct wick_bpe_pair *slot = find_slot(bpe, pair.left, pair.right);

	if (slot->rank != NONE)
		return false;
	*slot = pair;
	return true;
}

struct scored {
	double score;
	uint32_t id;
};

static int compare(const void *a, const void *b)
{
	const struct scored *one = a, *other = b;

	return (one->score < other->score) - (one->score > other->score);
}

int wick_bpe_init_scores(struct wick_bpe *bpe, const struct wick_tokens *tokens,
	double (*score)(const void *from, uint32_t i), const void *from)
{
	struct scored *sorted = malloc(((size_t)tokens->count + 1) * sizeof(*sorted));

	*bpe = (struct wick_bpe){ .tokens = tokens, .characters = true, .unknown = -1 };
	bpe->ranks = malloc(((size_t)tokens->count + 1) * sizeof(*bpe->ranks));
	for (uint32_t i = 0; sorted && i < tokens->count; i++)
		sorted[i] = (struct scored){ score(from, i), i };
	if (sorted && bpe->ranks)
		qsort(sorted, tokens->count, sizeof(*sorted), compare);
	for (uint32_t i = 0, rank = 0; sorted && bpe->ranks && i < tokens->count; i++) {
		rank += i && sorted[i].score < sorted[i - 1].score;
		bpe->ranks[sorted[i].id] = rank;
	}
	free(sorted);
	return sorted && bpe->ranks ? 0 : -ENOMEM;
}

void wick_bpe_free(struct wick_bpe *bpe)
{
	free(bpe->pairs);
	free(bpe->ranks);
	bpe->pairs = NULL;
	bpe->ranks = NULL;
}

uint64_t wick_bpe_bytes(const struct wick_bpe *bpe)
{
	return bpe->slots * sizeof(*bpe->pairs) + (bpe->ranks ? bpe->tokens->count * sizeof(*bpe->ranks) : 0);
}

/* The queue is a binary heap, smallest first. An entry is rank << 32 | position. */
static void push(struct work *work, uint64_t entry)
{
	size_t at = work->queued++;

	for (; at && work->queue[(at - 1) / 2] > entry; at = (at - 1) / 2)
		work->queue[at] = work->queue[(at - 1) / 2];
	work->queue[at] = entry;
}

static uint64_t pop(struct work *work)
{
	uint64_t *queue = work->queue, first = queue[0], entry = queue[--work->queued];
	size_t at = 0;

	for (size_t child; (child = 2 * at + 1) < work->queued; at = child) {
		if (child + 1 < work->queued && queue[child + 1] < queue[child])
			child++;
		if (queue[child] >= entry)
			break;
		queue[at] = queue[child];
	}
	queue[at] = entry;
	return first;
}

/* Where the symbol behind this one ends. */
static uint32_t end_of(const struct work *work, uint32_t at)
{
	return work->symbols[at].after == NONE ? work->bytes : work->symbols[at].after;
}

/* The token that a symbol and the one after it make, and its rank; NONE: they make none. */
static uint32_t make_pair(const struct work *work, uint32_t at, uint32_t *rank)
{
	const struct wick_bpe *bpe = work->bpe;
	const struct wick_bpe_symbol *left = &work->symbols[at];
	uint32_t made = NONE;

	*rank = NONE;
	if (bpe->pairs) {
		const struct wick_bpe_pair *pair = find_slot(bpe, left->token, work->symbols[left->after].token);

		*rank = pair->rank;
		return *rank == NONE ? NONE : pair->made;
	}
	made = wick_tokens_find(bpe->tokens, work->piece + at, end_of(work, left->after) - at);
	*rank = made == NONE ? NONE : bpe->ranks[made];
	return made;
}

/* Looks up the pair that a symbol forms now, and queues it. */
static void rank_pair(struct work *work, uint32_t at)
{
	struct wick_bpe_symbol *symbol = &work->symbols[at];

	symbol->rank = NONE;
	if (symbol->after == NONE)
		return;
	make_pair(work, at, &symbol->rank);
	if (symbol->rank != NONE)
		push(work, (uint64_t)symbol->rank << 32 | at);
}

static void merge(struct work *work, uint32_t at)
{
	struct wick_bpe_symbol *left = &work->symbols[at], *right = &work->symbols[left->after];

	left->token = make_pair(work, at, &left->rank);
	left->after = right->after;
	right->rank = NONE;
	if (left->after != NONE)
		work->symbols[left->after].before = at;
	rank_pair(work, at);
	if (left->before != NONE)
		rank_pair(work, left->before);
}

/* Each merge takes an entry from the queue and adds at most two, so that 2n entries are enough. */
static int grow(struct wick_bpe_scratch *scratch, size_t bytes)
{
	size_t capacity = WICK_MAX(bytes, WICK_MIN(2 * scratch->capacity, bytes + 4096));

	if (bytes <= scratch->capacity)
		return 0;
	wick_bpe_scratch_free(scratch);
	scratch->symbols = malloc(capacity * sizeof(*scratch->symbols));
	scratch->queue = malloc(capacity * 2 * sizeof(*scratch->queue));
	scratch->capacity = scratch->symbols && scratch->queue ? capacity : 0;
	return scratch->capacity ? 0 : -ENOMEM;
}

void wick_bpe_scratch_free(struct wick_bpe_scratch *scratch)
{
	free(scratch->symbols);
	free(scratch->queue);
	*scratch = (struct wick_bpe_scratch){ 0 };
}

/* Bytes of the symbol that begins here. A byte that is no UTF-8 is a character of its own. */
static uint32_t symbol_bytes(const struct work *work, uint32_t at)
{
	int length = work->bpe->characters ? wick_utf8_length(work->piece + at, work->bytes - at) : 1;

	return length > 0 ? (uint32_t)length : 1;
}

/* One symbol a byte or a character. A byte without a token is left out, as the Hugging Face library does it. */
static void split(struct work *work)
{
	const struct wick_tokens *tokens = work->bpe->tokens;
	uint32_t before = NONE;

	work->first = NONE;
	for (uint32_t at = 0, bytes; at < work->bytes; at += bytes) {
		uint32_t token;

		bytes = symbol_bytes(work, at);
		token = work->bpe->characters ? wick_tokens_find(tokens, work->piece + at, bytes) :
						tokens->of_byte[(uint8_t)work->piece[at]];
		if (token == NONE && !work->bpe->characters)
			continue;
		work->symbols[at] = (struct wick_bpe_symbol){ .before = before, .after = NONE, .token = token };
		*(before == NONE ? &work->first : &work->symbols[before].after) = at;
		before = at;
	}
}

static bool has_bytes(const struct work *work, uint32_t at)
{
	for (uint32_t i = at; i < end_of(work, at); i++)
		if (work->bpe->tokens->of_byte[(uint8_t)work->piece[i]] == NONE)
			return false;
	return true;
}

/* A character without a token is its bytes, else the unknown token, which stands for neighbours of the kind, too. */
static int append_bytes(const struct work *work, uint32_t at, bool *unknown, struct wick_ids *out)
{
	bool bytes = has_bytes(work, at);

	for (uint32_t i = at; bytes && i < end_of(work, at); i++)
		wick_ids_put(out, work->bpe->tokens->of_byte[(uint8_t)work->piece[i]]);
	if (!bytes && work->bpe->unknown < 0)
		return -EINVAL;
	if (!bytes && !*unknown)
		wick_ids_put(out, (uint32_t)work->bpe->unknown);
	*unknown = !bytes;
	return 0;
}

static int append(const struct work *work, struct wick_ids *out)
{
	bool unknown = false;
	int result = 0;

	for (uint32_t at = work->first; at != NONE && !result; at = work->symbols[at].after) {
		if (work->symbols[at].token == NONE) {
			result = append_bytes(work, at, &unknown, out);
		} else {
			wick_ids_put(out, work->symbols[at].token);
			unknown = false;
		}
	}
	return result;
}

int wick_bpe_encode(const struct wick_bpe *bpe, struct wick_bpe_scratch *scratch, const char *piece, size_t bytes,
	struct wick_ids *out)
{
	struct work work = { .bpe = bpe, .piece = piece, .bytes = (uint32_t)bytes };
	int result = bytes > INT32_MAX ? -EFBIG : grow(scratch, bytes);

	if (!bytes || result)
		return result;
	work.symbols = scratch->symbols;
	work.queue = scratch->queue;
	split(&work);
	for (uint32_t at = work.first; at != NONE; at = work.symbols[at].after)
		rank_pair(&work, at);
	while (work.queued) {
		uint64_t entry = pop(&work);

		if (work.symbols[(uint32_t)entry].rank == entry >> 32)
			merge(&work, (uint32_t)entry);
	}
	return append(&work, out);
}
