/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Byte pair encoding in O(n log n), so that a megabyte without a space is as harmless as any other.
 *
 * The piece is a linked list of symbols. Each knows the rank of the pair it forms with its right neighbour, and a queue
 * orders (rank, position) of such pairs. A merge keeps the left symbol, drops the right one and changes the pairs on
 * both sides; their old entries stay in the queue and are stale, which shows when they come out: the symbol's rank is
 * no longer theirs.
 *
 *     l o w e r      (e r) first:   l o w er      then (l o), (lo w):   low er      no pair left
 */

#include "bpe.h"

#include "bits.h"
#include "hash.h"

#include <errno.h>
#include <stdlib.h>

struct wick_bpe_symbol {
	uint32_t token;
	uint32_t before, after; /* positions of the neighbours, WICK_BPE_NONE at the ends */
	uint32_t rank;          /* of the pair with the one after, WICK_BPE_NONE: no pair, or merged away */
};

/* The slot where a pair is, or the empty one where it would be. */
static struct wick_bpe_pair *find_slot(const struct wick_bpe *bpe, uint32_t left, uint32_t right)
{
	uint64_t slot = (wick_hash_number(bpe->seed, (uint64_t)left << 32 | right) >> 32) * bpe->slots >> 32;

	while (bpe->pairs[slot].rank != WICK_BPE_NONE &&
		(bpe->pairs[slot].left != left || bpe->pairs[slot].right != right))
		slot = slot + 1 < bpe->slots ? slot + 1 : 0;
	return &bpe->pairs[slot];
}

void wick_bpe_init(struct wick_bpe *bpe)
{
	bpe->seed = wick_hash_seed();
	for (size_t i = 0; i < WICK_COUNT_OF(bpe->of_byte); i++)
		bpe->of_byte[i] = WICK_BPE_NONE;
	for (uint64_t i = 0; i < bpe->slots; i++)
		bpe->pairs[i].rank = WICK_BPE_NONE;
}

bool wick_bpe_add(struct wick_bpe *bpe, struct wick_bpe_pair pair)
{
	struct wick_bpe_pair *slot = find_slot(bpe, pair.left, pair.right);

	if (slot->rank != WICK_BPE_NONE)
		return false;
	*slot = pair;
	return true;
}

/* The queue is a binary heap, smallest first. An entry is rank << 32 | position. */
static void push(uint64_t *queue, size_t *count, uint64_t entry)
{
	size_t at = (*count)++;

	for (; at && queue[(at - 1) / 2] > entry; at = (at - 1) / 2)
		queue[at] = queue[(at - 1) / 2];
	queue[at] = entry;
}

static uint64_t pop(uint64_t *queue, size_t *count)
{
	uint64_t first = queue[0], entry = queue[--*count];
	size_t at = 0;

	for (size_t child; (child = 2 * at + 1) < *count; at = child) {
		if (child + 1 < *count && queue[child + 1] < queue[child])
			child++;
		if (queue[child] >= entry)
			break;
		queue[at] = queue[child];
	}
	queue[at] = entry;
	return first;
}

/* Looks up the pair that a symbol forms now, and queues it. */
static void rank_pair(const struct wick_bpe *bpe, const struct wick_bpe_scratch *scratch, uint32_t at, size_t *queued)
{
	struct wick_bpe_symbol *symbol = &scratch->symbols[at];

	symbol->rank = WICK_BPE_NONE;
	if (symbol->after == WICK_BPE_NONE)
		return;
	symbol->rank = find_slot(bpe, symbol->token, scratch->symbols[symbol->after].token)->rank;
	if (symbol->rank != WICK_BPE_NONE)
		push(scratch->queue, queued, (uint64_t)symbol->rank << 32 | at);
}

static void merge(const struct wick_bpe *bpe, const struct wick_bpe_scratch *scratch, uint32_t at, size_t *queued)
{
	struct wick_bpe_symbol *left = &scratch->symbols[at], *right = &scratch->symbols[left->after];

	left->token = find_slot(bpe, left->token, right->token)->made;
	left->after = right->after;
	right->rank = WICK_BPE_NONE;
	if (left->after != WICK_BPE_NONE)
		scratch->symbols[left->after].before = at;
	rank_pair(bpe, scratch, at, queued);
	if (left->before != WICK_BPE_NONE)
		rank_pair(bpe, scratch, left->before, queued);
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

/* One symbol a byte. */
static int split(const struct wick_bpe *bpe, struct wick_bpe_symbol *symbols, const char *piece, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++) {
		symbols[i] = (struct wick_bpe_symbol){ .token = bpe->of_byte[(uint8_t)piece[i]],
			.before = i ? i - 1 : WICK_BPE_NONE, .after = i + 1 < bytes ? i + 1 : WICK_BPE_NONE };
		if (symbols[i].token == WICK_BPE_NONE)
			return -EINVAL;
	}
	return 0;
}

static void append(const struct wick_bpe_symbol *symbols, struct wick_bpe_ids *out)
{
	for (uint32_t at = 0; at != WICK_BPE_NONE; at = symbols[at].after) {
		if (out->count < out->capacity)
			out->ids[out->count] = symbols[at].token;
		out->count++;
	}
}

int wick_bpe_encode(const struct wick_bpe *bpe, struct wick_bpe_scratch *scratch, const char *piece, size_t bytes,
	struct wick_bpe_ids *out)
{
	size_t queued = 0;
	int result = bytes > INT32_MAX ? -EFBIG : grow(scratch, bytes);

	if (!bytes)
		return 0;
	if (!result)
		result = split(bpe, scratch->symbols, piece, (uint32_t)bytes);
	if (result)
		return result;
	for (uint32_t i = 0; i < bytes; i++)
		rank_pair(bpe, scratch, i, &queued);
	while (queued) {
		uint64_t entry = pop(scratch->queue, &queued);

		if (scratch->symbols[(uint32_t)entry].rank == entry >> 32)
			merge(bpe, scratch, (uint32_t)entry, &queued);
	}
	append(scratch->symbols, out);
	return 0;
}
