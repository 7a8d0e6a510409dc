/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The tokens of a vocabulary, in one block of memory (see tokens.h):
 *
 *     slots of the index | where each token's bytes start | types | all tokens' bytes */

#include "tokens.h"

#include "bits.h"
#include "bytelevel.h"
#include "hash.h"
#include "space_mark.h"
#include "utf8.h"
#include "vocabulary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The slot of the token with these bytes, or the empty one where it would be. */
static uint32_t *find_slot(const struct wick_tokens *tokens, const char *bytes, size_t count)
{
	uint64_t slot = wick_hash_bytes(tokens->seed, bytes, count) & tokens->mask;

	for (; tokens->slots[slot]; slot = (slot + 1) & tokens->mask) {
		const uint32_t *start = &tokens->starts[tokens->slots[slot] - 1];

		if (start[1] - start[0] == count && !memcmp(tokens->bytes + start[0], bytes, count))
			break;
	}
	return &tokens->slots[slot];
}

uint32_t wick_tokens_find(const struct wick_tokens *tokens, const char *bytes, size_t count)
{
	uint32_t found = count <= tokens->longest_bytes ? *find_slot(tokens, bytes, count) : 0;

	return found ? found - 1 : WICK_TOKEN_NONE;
}

/* "<0x0A>" -> 10; -1 for what is not spelled like that. */
static int byte_of(struct wick_gguf_string spelling)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *at = spelling.bytes, *high, *low;

	if (spelling.length != 6 || memcmp(at, "<0x", 3) || at[5] != '>')
		return -1;
	high = memchr(digits, at[3], 16);
	low = memchr(digits, at[4], 16);
	return high && low ? (int)((high - digits) << 4 | (low - digits)) : -1;
}

/* `into` may be NULL to count. */
static int64_t copy(char *into, struct wick_gguf_string spelling)
{
	if (into)
		memcpy(into, spelling.bytes, spelling.length);
	return (int64_t)spelling.length;
}

/* A special token is written as it is, "<|end|>", unless it is an ordinary one by origin: text only when it is read in
 * GPT-2's byte alphabet. */
static int64_t special_bytes(const struct wick_vocabulary *vocabulary, struct wick_gguf_string spelling, char *into)
{
	int64_t bytes = -1;
	char *decoded;

	if (vocabulary->model != WICK_MODEL_BYTES || wick_bytelevel_decode(spelling.bytes, spelling.length, NULL) < 1)
		return copy(into, spelling);
	decoded = malloc(spelling.length);
	if (!decoded)
		return -ENOMEM;
	bytes = wick_bytelevel_decode(spelling.bytes, spelling.length, decoded);
	if (wick_utf8_span(decoded, (size_t)bytes) == (size_t)bytes)
		copy(into, (struct wick_gguf_string){ decoded, (uint64_t)bytes });
	else
		bytes = copy(into, spelling);
	free(decoded);
	return bytes;
}

static bool is_spelled(struct wick_gguf_string spelling)
{
	return wick_bytelevel_decode(spelling.bytes, spelling.length, NULL) >= 0;
}

/* The bytes of a byte token, or of an ordinary one. Some vocabularies have tokens outside of the byte alphabet: shown as
 * they are, and never met. */
static int64_t plain_bytes(const struct wick_vocabulary *vocabulary, int64_t type, struct wick_gguf_string spelling,
	char *into)
{
	if (type == WICK_TOKEN_BYTE && into)
		*into = (char)byte_of(spelling);
	if (type == WICK_TOKEN_BYTE)
		return byte_of(spelling) < 0 ? -EINVAL : 1;
	return vocabulary->model == WICK_MODEL_PIECES ? wick_space_mark_decode(spelling.bytes, spelling.length, into) :
	       is_spelled(spelling) ? wick_bytelevel_decode(spelling.bytes, spelling.length, into) : copy(into, spelling);
}

/* Rows of the embedding that no text leads to. Older converters called their "[PAD7]" a token of the user's. */
static bool is_unused(int64_t type, uint32_t i, struct wick_gguf_string spelling)
{
	char pad[24];
	int bytes = snprintf(pad, sizeof(pad), "[PAD%u]", i);

	return type == WICK_TOKEN_UNUSED || (type == WICK_TOKEN_USER && spelling.length == (uint64_t)bytes &&
		!memcmp(spelling.bytes, pad, spelling.length));
}

static int refuse_type(const struct wick_vocabulary *vocabulary, uint32_t i, int64_t type, struct wick_diag *diag)
{
	return wick_diag_say(diag, -EINVAL, "%s: token %u is of type %lld, which %s does not have", vocabulary->whose, i,
		(long long)type, vocabulary->model == WICK_MODEL_BYTES ? "byte-level BPE" : "no tokenizer");
}

/* The bytes that a token stands for, and its type. Negative, with a sentence, for what cannot be. */
static int64_t token_bytes(const struct wick_vocabulary *vocabulary, uint32_t i, char *into, int64_t *type,
	struct wick_diag *diag)
{
	struct wick_gguf_string spelling = vocabulary->token(vocabulary->from, i);
	int64_t bytes;

	*type = vocabulary->type(vocabulary->from, i);
	if (*type < WICK_TOKEN_NORMAL || *type > WICK_TOKEN_BYTE ||
		(*type == WICK_TOKEN_BYTE && vocabulary->model == WICK_MODEL_BYTES))
		return refuse_type(vocabulary, i, *type, diag);
	if (is_unused(*type, i, spelling)) {
		*type = WICK_TOKEN_UNUSED;
		return copy(into, spelling);
	}
	bytes = wick_token_is_control(*type) || (*type == WICK_TOKEN_USER && !vocabulary->user_inside) ?
		special_bytes(vocabulary, spelling, into) : plain_bytes(vocabulary, *type, spelling, into);
	if (bytes == -ENOMEM)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory for the tokenizer", vocabulary->whose);
	if (bytes < 0)
		return wick_diag_say(diag, -EINVAL, "%s: token %u, \"%.*s\", is not spelled as a byte is, <0x00>",
			vocabulary->whose, i, (int)WICK_MIN(spelling.length, 100), spelling.bytes);
	return bytes;
}

static int measure(const struct wick_vocabulary *vocabulary, uint64_t *text_bytes, struct wick_diag *diag)
{
	*text_bytes = 0;
	for (uint32_t i = 0; i < vocabulary->count; i++) {
		int64_t type, bytes = token_bytes(vocabulary, i, NULL, &type, diag);

		if (bytes < 0)
			return (int)bytes;
		*text_bytes += (uint64_t)bytes;
	}
	if (*text_bytes > UINT32_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: the tokens are %llu bytes of text, more than 2^32",
			vocabulary->whose, (unsigned long long)*text_bytes);
	return 0;
}

static int allocate(struct wick_tokens *tokens, uint32_t count, uint64_t text_bytes)
{
	uint64_t slots = 2, starts_at, types_at, bytes_at;
	char *block;

	while (slots < 2ull * count)
		slots *= 2;
	starts_at = slots * sizeof(*tokens->slots);
	types_at = starts_at + (count + 1ull) * sizeof(*tokens->starts);
	bytes_at = types_at + count;
	block = calloc(1, bytes_at + text_bytes);
	if (!block)
		return -ENOMEM;
	*tokens = (struct wick_tokens){ .count = count, .slots = (uint32_t *)block,
		.starts = (uint32_t *)(block + starts_at), .types = (uint8_t *)(block + types_at),
		.bytes = block + bytes_at, .mask = slots - 1, .seed = wick_hash_seed(),
		.block_bytes = bytes_at + text_bytes };
	memset(tokens->of_byte, 0xff, sizeof(tokens->of_byte));
	return 0;
}

static int fill(struct wick_tokens *tokens, const struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	for (uint32_t i = 0; i < tokens->count; i++) {
		int64_t type, bytes = token_bytes(vocabulary, i, tokens->bytes + tokens->starts[i], &type, diag);

		if (bytes < 0)
			return (int)bytes;
		tokens->types[i] = (uint8_t)type;
		tokens->starts[i + 1] = tokens->starts[i] + (uint32_t)bytes;
	}
	return 0;
}

/* In SentencePiece's spelling a space is U+2581: no text has a token with a plain one. */
static bool can_be_met(const struct wick_vocabulary *vocabulary, uint32_t i)
{
	struct wick_gguf_string spelling = vocabulary->token(vocabulary->from, i);

	return vocabulary->model == WICK_MODEL_BYTES ? is_spelled(spelling) :
		!spelling.length || !memchr(spelling.bytes, ' ', spelling.length);
}

static int index_plain(struct wick_tokens *tokens, const struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	for (uint32_t i = 0; i < tokens->count; i++) {
		size_t bytes;
		const char *text = wick_tokens_text(tokens, i, &bytes);
		uint32_t *slot;

		if (tokens->types[i] != WICK_TOKEN_NORMAL || !bytes || !can_be_met(vocabulary, i))
			continue;
		slot = find_slot(tokens, text, bytes);
		if (*slot)
			return wick_diag_say(diag, -EINVAL, "%s: tokens %u and %u are the same", vocabulary->whose,
				*slot - 1, i);
		*slot = i + 1;
		tokens->longest_bytes = WICK_MAX(tokens->longest_bytes, bytes);
	}
	return 0;
}

/* Merges may need a token that is special, too: a model's padding can be an ordinary "!". */
static void index_special(struct wick_tokens *tokens)
{
	for (uint32_t i = 0; i < tokens->count; i++) {
		bool special = wick_token_is_control(tokens->types[i]) || tokens->types[i] == WICK_TOKEN_USER;
		size_t bytes;
		const char *text = wick_tokens_text(tokens, i, &bytes);
		uint32_t *slot = special && bytes ? find_slot(tokens, text, bytes) : NULL;

		if (!slot || *slot)
			continue;
		*slot = i + 1;
		tokens->longest_bytes = WICK_MAX(tokens->longest_bytes, bytes);
	}
}

static int index_bytes(struct wick_tokens *tokens, const struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	for (uint32_t i = 0; i < tokens->count; i++) {
		uint32_t *token;

		if (tokens->types[i] != WICK_TOKEN_BYTE)
			continue;
		token = &tokens->of_byte[(uint8_t)tokens->bytes[tokens->starts[i]]];
		if (*token != WICK_TOKEN_NONE)
			return wick_diag_say(diag, -EINVAL, "%s: tokens %u and %u are the same byte", vocabulary->whose,
				*token, i);
		*token = i;
	}
	for (unsigned byte = 0; byte < 256 && vocabulary->model == WICK_MODEL_BYTES; byte++)
		tokens->of_byte[byte] = wick_tokens_find(tokens, &(char){ (char)byte }, 1);
	return 0;
}

int wick_tokens_build(struct wick_tokens *tokens, const struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	uint64_t text_bytes;
	int result = measure(vocabulary, &text_bytes, diag);

	*tokens = (struct wick_tokens){ 0 };
	if (!result)
		result = allocate(tokens, vocabulary->count, text_bytes);
	if (!result)
		result = fill(tokens, vocabulary, diag);
	if (!result)
		result = index_plain(tokens, vocabulary, diag);
	if (!result && vocabulary->model == WICK_MODEL_BYTES)
		index_special(tokens);
	if (!result)
		result = index_bytes(tokens, vocabulary, diag);
	if (result)
		wick_tokens_free(tokens);
	return result;
}

void wick_tokens_free(struct wick_tokens *tokens)
{
	free(tokens->slots);
	*tokens = (struct wick_tokens){ 0 };
}
