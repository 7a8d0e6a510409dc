/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A folder with this input as tokenizer.model. What the reader accepts is a tokenizer, which has ids for a text. */

#include "../unit/tokenizer_fixture.h"
#include "bits.h"
#include "fuzz.h"

#include <errno.h>

static const char *const names[] = { "tokenizer.model" };

static void check(const struct wick_hf_tokenizer *hf)
{
	static const char text[] = "ab a\xc3\xa9 \xe2\x96\x81 </s> == 12\n\xff";
	struct wick_vocabulary vocabulary = hf_vocabulary(hf);
	struct wick_tokenizer *tokenizer;
	struct wick_diag diag = { 0 };
	uint32_t ids[WICK_TOKENS_MAX(sizeof(text))];

	fuzz_check(wick_tokenizer_build(&tokenizer, &vocabulary, &diag), &diag);
	wick_require(!diag.text[0]);
	for (unsigned flags = 0; flags < 8; flags++) {
		int64_t count = wick_tokenizer_encode(tokenizer, text, sizeof(text) - 1, flags, ids, WICK_COUNT_OF(ids));

		wick_require(count == -EINVAL || (count > 0 && count <= (int64_t)WICK_COUNT_OF(ids)));
		for (int64_t i = 0; i < count; i++)
			wick_require(ids[i] < hf->count);
	}
	wick_tokenizer_destroy(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_folder folder;
	struct wick_hf_tokenizer hf;
	struct wick_diag diag = { 0 };
	int result;

	if (!folder.count)
		fuzz_folder_make(&folder, names, WICK_COUNT_OF(names));
	fuzz_folder_put(0, data, size);
	result = wick_hf_tokenizer_load(&hf, folder.path, 0, &diag);
	fuzz_check(result, &diag);
	if (!result)
		check(&hf);
	wick_hf_tokenizer_free(&hf);
	return 0;
}
