/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Text <-> ids. A tokenizer is one block of memory, sized by a first look at the vocabulary:
 *
 *     struct wick_tokenizer | pairs of the merges | where each token's bytes start | added tokens | silent tokens |
 *     stop tokens | all tokens' bytes
 *
 * and a compiled expression beside it. */

#include "tokenizer.h"

#include "added.h"
#include "bits.h"
#include "bpe.h"
#include "bytelevel.h"
#include "hash.h"
#include "pretokenizer.h"
#include "vocabulary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct wick_tokenizer {
	struct wick_bpe bpe;
	struct wick_pretokenizer *pretokenizer;
	uint32_t count;
	int64_t bos, eos;
	bool add_bos, prefix_space;
	struct wick_added added;
	uint32_t *starts; /* (count + 1) into bytes */
	uint8_t *silent;  /* (count) bits: tokens that are shown as nothing */
	uint8_t *stops;   /* (count) bits: tokens that end a text */
	char *bytes;
	uint64_t block_bytes;
};

/* Tokens by their bytes, while building: open addressing, id + 1 in a slot, 0 for an empty one. Special tokens are in
 * it too, since a model may use an ordinary token, "!", as its padding: merges make it, only its text is not shown. So
 * are added tokens, where no other token has the same bytes. */
struct index {
	const struct wick_tokenizer *tokenizer;
	uint32_t *slots;
	uint64_t mask;
};

/* The slot of the token with these bytes, or the empty one where it would be. */
static uint32_t *find_slot(const struct index *index, const char *bytes, size_t count)
{
	const struct wick_tokenizer *tokenizer = index->tokenizer;
	uint64_t slot = wick_hash_bytes(tokenizer->bpe.seed, bytes, count) & index->mask;

	for (; index->slots[slot]; slot = (slot + 1) & index->mask) {
		const uint32_t *start = &tokenizer->starts[index->slots[slot] - 1];

		if (start[1] - start[0] == count && !memcmp(tokenizer->bytes + start[0], bytes, count))
			break;
	}
	return &index->slots[slot];
}

static uint32_t find_token(const struct index *index, const char *bytes, size_t count)
{
	uint32_t found = *find_slot(index, bytes, count);

	return found ? found - 1 : WICK_BPE_NONE;
}

static bool is_special(int64_t type)
{
	return type == WICK_TOKEN_CONTROL || type == WICK_TOKEN_UNKNOWN;
}

/* The bytes that BPE knows a token by: none for an unused one, or a special one spelled otherwise ("<|end of text|>").
 * Negative, with a sentence, for what cannot be. */
static int64_t token_bytes(const struct wick_vocabulary *vocabulary, uint32_t i, struct wick_gguf_string spelling,
	char *into, struct wick_diag *diag)
{
	int64_t type = vocabulary->type(vocabulary->from, i), bytes;

	if (type == WICK_TOKEN_UNUSED)
		return 0;
	if (type == WICK_TOKEN_USER) {
		if (into)
			memcpy(into, spelling.bytes, spelling.length);
		return (int64_t)spelling.length;
	}
	if (type != WICK_TOKEN_NORMAL && !is_special(type))
		return wick_diag_say(diag, -EINVAL, "%s: token %u is of type %lld, which byte-level BPE does not have",
			vocabulary->whose, i, (long long)type);
	bytes = wick_bytelevel_decode(spelling.bytes, spelling.length, NULL);
	if (bytes < 0 && is_special(type))
		return 0;
	if (bytes < 0)
		return wick_diag_say(diag, -EINVAL, "%s: token %u, \"%.*s\", is not spelled in GPT-2's byte alphabet",
			vocabulary->whose, i, (int)WICK_MIN(spelling.length, 100), spelling.bytes);
	if (into) /* which has room for those that are spelled to their end, and for no others */
		wick_bytelevel_decode(spelling.bytes, spelling.length, into);
	return bytes;
}

static bool is_added(const struct wick_vocabulary *vocabulary, uint32_t i)
{
	return vocabulary->type(vocabulary->from, i) == WICK_TOKEN_USER;
}

/* What the vocabulary will take. */
struct sizes {
	uint64_t text_bytes, merge_bytes; /* of all tokens; of the longest merge */
	uint32_t added;                   /* tokens */
};

static int measure(const struct wick_vocabulary *vocabulary, struct sizes *sizes, struct wick_diag *diag)
{
	*sizes = (struct sizes){ 0 };
	for (uint32_t i = 0; i < vocabulary->count; i++) {
		int64_t bytes = token_bytes(vocabulary, i, vocabulary->token(vocabulary->from, i), NULL, diag);

		if (bytes < 0)
			return (int)bytes;
		sizes->text_bytes += (uint64_t)bytes;
		sizes->added += bytes && is_added(vocabulary, i);
	}
	for (uint32_t i = 0; i < vocabulary->merge_count; i++)
		sizes->merge_bytes = WICK_MAX(sizes->merge_bytes, vocabulary->merge(vocabulary->from, i).length);
	if (sizes->text_bytes > UINT32_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: the tokens are %llu bytes of text, more than 2^32",
			vocabulary->whose, (unsigned long long)sizes->text_bytes);
	return 0;
}

/* Makes token i, which is not empty, the one of its bytes. False: there is another. */
static bool add_token(
	struct index *index, struct wick_tokenizer *tokenizer, const struct wick_vocabulary *vocabulary, uint32_t i)
{
	const uint32_t *start = &tokenizer->starts[i];
	uint32_t *slot = find_slot(index, tokenizer->bytes + start[0], start[1] - start[0]);
	bool added = is_added(vocabulary, i), taken = *slot, by_added = taken && is_added(vocabulary, *slot - 1);

	if (added)
		tokenizer->added.ids[tokenizer->added.count++] = i;
	if (taken && added == by_added)
		return false;
	if (!taken || by_added)
		*slot = i + 1;
	return true;
}

static int add_tokens(struct index *index, struct wick_tokenizer *tokenizer, const struct wick_vocabulary *vocabulary,
	struct wick_diag *diag)
{
	for (uint32_t i = 0; i < tokenizer->count; i++) {
		char *into = tokenizer->bytes + tokenizer->starts[i];
		int64_t bytes = token_bytes(vocabulary, i, vocabulary->token(vocabulary->from, i), into, diag);

		if (bytes < 0)
			return (int)bytes;
		tokenizer->starts[i + 1] = tokenizer->starts[i] + (uint32_t)bytes;
		if (is_special(vocabulary->type(vocabulary->from, i)))
			tokenizer->silent[i / 8] |= (uint8_t)(1 << i % 8);
		if (bytes && !add_token(index, tokenizer, vocabulary, i))
			return wick_diag_say(diag, -EINVAL, "%s: tokens %u and %u are the same", vocabulary->whose,
				find_token(index, into, (size_t)bytes), i);
	}
	wick_added_sort(&tokenizer->added, tokenizer->bytes, tokenizer->starts);
	for (unsigned byte = 0; byte < 256; byte++)
		tokenizer->bpe.of_byte[byte] = find_token(index, &(char){ (char)byte }, 1);
	return 0;
}

/* One merge, "a b" in the byte alphabet. Its halves, decoded one after the other, are the bytes of what it makes. */
static int add_merge(const struct index *index, struct wick_bpe *bpe, uint32_t rank, struct wick_gguf_string merge,
	char *buffer)
{
	const char *space = merge.length ? memchr(merge.bytes, ' ', merge.length) : NULL;
	size_t half = space ? (size_t)(space - merge.bytes) : 0;
	struct wick_bpe_pair pair = { .rank = rank };
	int64_t left, right;

	if (!half)
		return -EINVAL;
	left = wick_bytelevel_decode(merge.bytes, half, buffer);
	if (left < 0)
		return -EINVAL;
	right = wick_bytelevel_decode(space + 1, merge.length - half - 1, buffer + left);
	if (right < 1)
		return -EINVAL;
	pair.left = find_token(index, buffer, (size_t)left);
	pair.right = find_token(index, buffer + left, (size_t)right);
	pair.made = find_token(index, buffer, (size_t)(left + right));
	if (pair.left == WICK_BPE_NONE || pair.right == WICK_BPE_NONE || pair.made == WICK_BPE_NONE)
		return -ENOKEY;
	return wick_bpe_add(bpe, pair) ? 0 : -EEXIST;
}

static int add_merges(const struct index *index, struct wick_tokenizer *tokenizer,
	const struct wick_vocabulary *vocabulary, char *buffer, struct wick_diag *diag)
{
	for (uint32_t i = 0; i < vocabulary->merge_count; i++) {
		struct wick_gguf_string merge = vocabulary->merge(vocabulary->from, i);
		int result = add_merge(index, &tokenizer->bpe, i, merge, buffer);

		if (result)
			return wick_diag_say(diag, -EINVAL, "%s: merge %u, \"%.*s\", %s", vocabulary->whose, i,
				(int)WICK_MIN(merge.length, 100), merge.bytes,
				result == -EEXIST ? "is there twice" :
				result == -ENOKEY ? "needs a token that the vocabulary lacks" :
						    "is not two pieces in GPT-2's byte alphabet");
	}
	return 0;
}

/* Fills the tables, with an index and a buffer that are gone afterwards. */
static int fill(struct wick_tokenizer *tokenizer, const struct wick_vocabulary *vocabulary, uint64_t merge_bytes,
	struct wick_diag *diag)
{
	struct index index = { .tokenizer = tokenizer, .mask = 1 };
	char *buffer = malloc(merge_bytes + 1);
	int result = -ENOMEM;

	while (index.mask < 2ull * tokenizer->count)
		index.mask = 2 * index.mask + 1;
	index.slots = calloc(index.mask + 1, sizeof(*index.slots));
	wick_bpe_init(&tokenizer->bpe);
	if (buffer && index.slots)
		result = add_tokens(&index, tokenizer, vocabulary, diag);
	if (!result)
		result = add_merges(&index, tokenizer, vocabulary, buffer, diag);
	free(index.slots);
	free(buffer);
	return result;
}

static struct wick_tokenizer *allocate(const struct wick_vocabulary *vocabulary, const struct sizes *sizes)
{
	uint64_t slots = wick_bpe_slots(vocabulary->merge_count);
	uint64_t pairs_at = wick_align_up(sizeof(struct wick_tokenizer), 16);
	uint64_t starts_at = pairs_at + slots * sizeof(struct wick_bpe_pair);
	uint64_t added_at = starts_at + (vocabulary->count + 1ull) * sizeof(uint32_t);
	uint64_t silent_at = added_at + (uint64_t)sizes->added * sizeof(uint32_t);
	uint64_t bit_bytes = wick_div_up(vocabulary->count, 8);
	uint64_t bytes_at = silent_at + 2 * bit_bytes;
	uint64_t total = bytes_at + sizes->text_bytes;
	char *block = malloc(total);
	struct wick_tokenizer *tokenizer = (struct wick_tokenizer *)block;

	if (!block)
		return NULL;
	*tokenizer = (struct wick_tokenizer){ .count = vocabulary->count, .bos = vocabulary->bos,
		.eos = vocabulary->eos, .add_bos = vocabulary->add_bos, .prefix_space = vocabulary->prefix_space,
		.block_bytes = total };
	tokenizer->bpe.pairs = (struct wick_bpe_pair *)(block + pairs_at);
	tokenizer->bpe.slots = slots;
	tokenizer->starts = (uint32_t *)(block + starts_at);
	tokenizer->added.ids = (uint32_t *)(block + added_at);
	tokenizer->silent = memset(block + silent_at, 0, 2 * bit_bytes);
	tokenizer->stops = tokenizer->silent + bit_bytes;
	tokenizer->bytes = block + bytes_at;
	tokenizer->starts[0] = 0;
	return tokenizer;
}

static int add_stops(struct wick_tokenizer *tokenizer, const struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	for (uint32_t i = 0; i < vocabulary->stop_count; i++) {
		int64_t id = vocabulary->stop(vocabulary->from, i);

		if (id >= tokenizer->count)
			return wick_diag_say(diag, -EINVAL, "%s: token %lld ends a text, and there are %u", vocabulary->whose,
				(long long)id, tokenizer->count);
		if (id >= 0)
			tokenizer->stops[id / 8] |= (uint8_t)(1 << id % 8);
	}
	return 0;
}

static int check_counts(const struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	if (!vocabulary->count || vocabulary->count > INT32_MAX || vocabulary->merge_count > INT32_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: a vocabulary of %u tokens and %u merges", vocabulary->whose,
			vocabulary->count, vocabulary->merge_count);
	if (vocabulary->bos >= vocabulary->count || vocabulary->eos >= vocabulary->count)
		return wick_diag_say(diag, -EINVAL, "%s: bos is token %lld and eos token %lld of %u", vocabulary->whose,
			(long long)vocabulary->bos, (long long)vocabulary->eos, vocabulary->count);
	if (vocabulary->add_bos && vocabulary->bos < 0)
		return wick_diag_say(diag, -EINVAL, "%s: bos goes before every text, but which token it is is not said",
			vocabulary->whose);
	return 0;
}

int wick_tokenizer_build(struct wick_tokenizer **out, const struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	struct wick_tokenizer *tokenizer = NULL;
	struct sizes sizes;
	int result = check_counts(vocabulary, diag);

	*out = NULL;
	if (!result)
		result = measure(vocabulary, &sizes, diag);
	if (result)
		return result;
	tokenizer = allocate(vocabulary, &sizes);
	result = tokenizer ? fill(tokenizer, vocabulary, sizes.merge_bytes, diag) : -ENOMEM;
	if (!result)
		result = add_stops(tokenizer, vocabulary, diag);
	if (!result)
		result = wick_pretokenizer_create(&tokenizer->pretokenizer, vocabulary->pre.bytes,
			vocabulary->pre.length, vocabulary->whose, diag);
	if (result) {
		wick_tokenizer_destroy(tokenizer);
		if (result == -ENOMEM)
			wick_diag_say(diag, result, "%s: no memory for the tokenizer", vocabulary->whose);
		return result;
	}
	*out = tokenizer;
	return 0;
}

void wick_tokenizer_destroy(struct wick_tokenizer *tokenizer)
{
	if (!tokenizer)
		return;
	wick_pretokenizer_destroy(tokenizer->pretokenizer);
	free(tokenizer);
}

uint64_t wick_tokenizer_bytes(const struct wick_tokenizer *tokenizer)
{
	return tokenizer->block_bytes + wick_pretokenizer_bytes(tokenizer->pretokenizer);
}

/* A stretch of text without added tokens, and where its ids go. */
struct encoding {
	const struct wick_tokenizer *tokenizer;
	struct wick_bpe_scratch scratch;
	struct wick_bpe_ids out;
};

static void put_id(struct wick_bpe_ids *out, uint32_t id)
{
	if (out->count < out->capacity)
		out->ids[out->count] = id;
	out->count++;
}

static int encode_pieces(struct encoding *encoding, const char *text, size_t bytes)
{
	const struct wick_tokenizer *tokenizer = encoding->tokenizer;
	struct wick_pieces pieces;
	const char *piece;
	int64_t length;
	int result = wick_pieces_begin(&pieces, tokenizer->pretokenizer, text, bytes);

	if (result)
		return result;
	while (!result && (length = wick_pieces_next(&pieces, &piece)))
		result = length < 0 ? (int)length : wick_bpe_encode(&tokenizer->bpe, &encoding->scratch, piece,
			(size_t)length, &encoding->out);
	wick_pieces_end(&pieces);
	return result;
}

static int encode_after_space(struct encoding *encoding, const char *text, size_t bytes)
{
	char *copy = malloc(bytes + 1);
	int result;

	if (!copy)
		return -ENOMEM;
	copy[0] = ' ';
	memcpy(copy + 1, text, bytes);
	result = encode_pieces(encoding, copy, bytes + 1);
	free(copy);
	return result;
}

static int encode_stretch(struct encoding *encoding, const char *text, size_t bytes)
{
	if (encoding->tokenizer->prefix_space && bytes && text[0] != ' ')
		return encode_after_space(encoding, text, bytes);
	return encode_pieces(encoding, text, bytes);
}

int64_t wick_tokenizer_encode(const struct wick_tokenizer *tokenizer, const char *text, size_t text_bytes,
	bool with_bos, uint32_t *ids, size_t capacity)
{
	struct encoding encoding = { .tokenizer = tokenizer, .out = { .ids = ids, .capacity = capacity } };
	struct wick_added_match match = { 0 };
	int result = 0;

	if (with_bos && tokenizer->add_bos)
		put_id(&encoding.out, (uint32_t)tokenizer->bos);
	for (size_t at = 0; !result && at < text_bytes; at += match.at + match.bytes) {
		match = wick_added_find(
			&tokenizer->added, tokenizer->bytes, tokenizer->starts, text + at, text_bytes - at);
		result = encode_stretch(&encoding, text + at, match.at);
		if (!result && match.bytes)
			put_id(&encoding.out, match.id);
	}
	wick_bpe_scratch_free(&encoding.scratch);
	return result ? result : (int64_t)encoding.out.count;
}

const char *wick_tokenizer_text(const struct wick_tokenizer *tokenizer, uint32_t id, size_t *bytes)
{
	*bytes = 0;
	if (id >= tokenizer->count)
		return NULL;
	if (!(tokenizer->silent[id / 8] >> id % 8 & 1))
		*bytes = tokenizer->starts[id + 1] - tokenizer->starts[id];
	return tokenizer->bytes + tokenizer->starts[id];
}

uint32_t wick_tokenizer_vocab(const struct wick_tokenizer *tokenizer)
{
	return tokenizer->count;
}

int64_t wick_tokenizer_bos(const struct wick_tokenizer *tokenizer)
{
	return tokenizer->bos;
}

int64_t wick_tokenizer_eos(const struct wick_tokenizer *tokenizer)
{
	return tokenizer->eos;
}

bool wick_tokenizer_stops(const struct wick_tokenizer *tokenizer, uint32_t id)
{
	return id < tokenizer->count && tokenizer->stops[id / 8] >> id % 8 & 1;
}
