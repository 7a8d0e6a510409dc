/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A tokenizer from a Hugging Face folder without a GGUF file between, and text put together again from ids. */

#include "hf_tokenizer.h"
#include "vocabulary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline struct wick_vocabulary hf_vocabulary(const struct wick_hf_tokenizer *hf)
{
	return wick_hf_vocabulary(hf, "fixture");
}

/* A path under the source tree, valid until the next call. */
static inline const char *fixture_path(const char *name)
{
	static char path[4096];
	const char *source = getenv("WICK_SOURCE");

	snprintf(path, sizeof(path), "%s/tests/unit/fixtures/%s", source ? source : ".", name);
	return path;
}

/* The bytes of ids, one after the other. The caller frees them. */
static inline char *decode(const struct wick_tokenizer *tokenizer, const uint32_t *ids, size_t count, size_t *bytes)
{
	size_t total = 0, length;
	char *text;

	for (size_t i = 0; i < count; i++) {
		wick_tokenizer_text(tokenizer, ids[i], &length);
		total += length;
	}
	text = malloc(total + 1);
	*bytes = 0;
	for (size_t i = 0; text && i < count; i++) {
		const char *piece = wick_tokenizer_text(tokenizer, ids[i], &length);

		memcpy(text + *bytes, piece, length);
		*bytes += length;
	}
	return text;
}

/* All ids of a text. The caller frees them; NULL when it has no tokens or cannot be encoded. */
static inline uint32_t *encode(const struct wick_tokenizer *tokenizer, const char *text, size_t bytes, int64_t *count)
{
	uint32_t *ids;

	*count = wick_tokenizer_encode(tokenizer, text, bytes, false, NULL, 0);
	if (*count <= 0)
		return NULL;
	ids = malloc((size_t)*count * sizeof(*ids));
	if (ids)
		*count = wick_tokenizer_encode(tokenizer, text, bytes, false, ids, (size_t)*count);
	return ids;
}
