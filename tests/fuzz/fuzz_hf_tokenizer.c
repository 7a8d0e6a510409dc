/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A folder from one input: the files in the order of `names`, an ASCII record separator between them; an empty one is
 * not there. What the reader accepts, a tokenizer can be built from. */

#include "../unit/tokenizer_fixture.h"
#include "bits.h"
#include "fuzz.h"

#define VOCAB 64

static const char *const names[] = { "tokenizer.json", "vocab.json", "merges.txt", "config.json",
	"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "generation_config.json" };

static void put_files(const uint8_t *data, size_t size)
{
	for (unsigned i = 0; i < WICK_COUNT_OF(names); i++) {
		const uint8_t *end = size ? memchr(data, 0x1e, size) : NULL;
		size_t bytes = end ? (size_t)(end - data) : size;

		fuzz_folder_put(i, bytes ? data : NULL, bytes);
		data += bytes + (end != NULL);
		size -= bytes + (end != NULL);
	}
}

static void check(const struct wick_hf_tokenizer *hf)
{
	struct wick_vocabulary vocabulary = hf_vocabulary(hf);
	struct wick_tokenizer *tokenizer;
	struct wick_diag diag = { 0 };

	wick_require(hf->count == VOCAB && hf->bos < VOCAB && hf->eos < VOCAB && hf->pad < VOCAB && hf->unk < VOCAB);
	wick_require(!hf->add_bos || hf->bos >= 0);
	fuzz_check(wick_tokenizer_build(&tokenizer, &vocabulary, &diag), &diag);
	wick_require(!diag.text[0]);
	wick_tokenizer_encode(tokenizer, "ab \xc3\xa9 </s> == 12\n", 17, WICK_ENCODE_BOS | WICK_ENCODE_SPECIAL, NULL, 0);
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
	put_files(data, size);
	result = wick_hf_tokenizer_load(&hf, folder.path, VOCAB, &diag);
	fuzz_check(result, &diag);
	if (!result)
		check(&hf);
	wick_hf_tokenizer_free(&hf);
	return 0;
}
