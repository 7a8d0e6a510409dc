/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Any bytes have ids, and the ids give the bytes back. */

#include "../unit/tokenizer_fixture.h"
#include "fuzz.h"

static struct wick_tokenizer *make_tokenizer(void)
{
	struct wick_tokenizer *tokenizer;
	struct wick_hf_tokenizer hf;
	struct wick_vocabulary vocabulary;

	wick_require(!wick_hf_tokenizer_load(&hf, fixture_path("tokenizer"), 424, NULL));
	vocabulary = hf_vocabulary(&hf);
	wick_require(!wick_tokenizer_build(&tokenizer, &vocabulary, NULL));
	wick_hf_tokenizer_free(&hf);
	return tokenizer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wick_tokenizer *tokenizer;
	uint32_t *ids;
	int64_t count;
	size_t bytes;
	char *text;

	tokenizer = tokenizer ? tokenizer : make_tokenizer();
	ids = encode(tokenizer, (const char *)data, size, &count);
	wick_require(count >= 0 && (size_t)count <= size && (count > 0) == (size > 0));
	text = decode(tokenizer, ids, (size_t)count, &bytes);
	wick_require(bytes == size && !memcmp(text, data, size));
	free(text);
	free(ids);
	return 0;
}
