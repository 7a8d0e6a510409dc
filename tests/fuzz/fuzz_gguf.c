/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* GGUF files, packed models and tokenizers: refused with a sentence, or any key can be asked for as anything, so can every
 * element and tensor, and a text can be turned into ids. */

#include "fuzz.h"

#include "bits.h"
#include "gguf.h"
#include "model.h"
#include "mutate.h"
#include "tokenizer.h"

#include <errno.h>

#define ELEMENTS_READ 64u /* from both ends of an array */

/* Of every type that a value can have. */
static const char *const keys[] = { "general.architecture", "general.file_type", "general.name", "opt.block_count",
	"tokenizer.ggml.add_bos_token", "tokenizer.ggml.bos_token_id", "tokenizer.ggml.merges", "tokenizer.ggml.model",
	"tokenizer.ggml.token_type", "tokenizer.ggml.tokens", "wick.predictor", "wick.predictors.ranks",
	"wick.predictors.relu", "wick.source_bytes", "wick.stride", "wick.version" };

/* The name as C string, or NULL for one that cannot be. */
static const char *c_string(char into[128], struct wick_gguf_string string)
{
	if (string.length >= 128 || memchr(string.bytes, 0, string.length))
		return NULL;
	memcpy(into, string.bytes, string.length);
	into[string.length] = 0;
	return into;
}

static void touch(struct wick_gguf_string string, volatile uint8_t *sink)
{
	for (uint64_t i = 0; i < string.length; i++)
		*sink ^= string.bytes[i];
}

static void read_element(const struct wick_gguf *gguf, const char *key, uint64_t i)
{
	volatile uint8_t sink = 0;

	touch(wick_gguf_array_string(gguf, key, i), &sink);
	sink ^= wick_gguf_array_int(gguf, key, i);
}

static void read_array(const struct wick_gguf *gguf, const char *key)
{
	enum wick_gguf_type type;
	uint64_t count;

	if (wick_gguf_array(gguf, key, &type, &count, NULL))
		return;
	for (uint64_t i = 0; i < count && i < ELEMENTS_READ; i++) {
		read_element(gguf, key, i);
		read_element(gguf, key, count - 1 - i);
	}
	wick_require(!wick_gguf_array_string(gguf, key, count).bytes);
}

static void read_key(const struct wick_gguf *gguf, const char *key)
{
	struct wick_gguf_string string;
	struct wick_diag diag = { 0 };
	volatile uint8_t sink = 0;
	uint64_t number;
	double real;
	bool flag;

	if (wick_gguf_u64(gguf, key, &number, NULL) == -ENOENT)
		return;
	fuzz_check(wick_gguf_u64(gguf, key, &number, &diag), &diag);
	diag.text[0] = 0;
	fuzz_check(wick_gguf_f64(gguf, key, &real, &diag), &diag);
	diag.text[0] = 0;
	fuzz_check(wick_gguf_bool(gguf, key, &flag, &diag), &diag);
	if (!wick_gguf_string(gguf, key, &string, NULL))
		touch(string, &sink);
	read_array(gguf, key);
}

/* Every tensor lies in the file and is found by its name. */
static void read_tensor(const struct wick_gguf *gguf, uint64_t i)
{
	const struct wick_gguf_tensor *tensor = wick_gguf_tensor_at(gguf, i);
	char name[128];
	const char *key = c_string(name, tensor->name);

	wick_require(tensor->offset >= wick_gguf_header_bytes(gguf));
	wick_require(tensor->offset + tensor->bytes <= wick_gguf_file_bytes(gguf));
	if (key)
		wick_require(wick_gguf_tensor(gguf, key) == tensor);
}

static void read_tokenizer(const struct wick_gguf *gguf)
{
	static const char text[] = "ab a\xc3\xa9 </s> 12\n";
	struct wick_tokenizer *tokenizer;
	struct wick_diag diag = { 0 };
	uint32_t ids[WICK_TOKENS_MAX(sizeof(text))];
	int64_t count;

	fuzz_check(wick_tokenizer_create(&tokenizer, gguf, UINT32_MAX, &diag), &diag);
	wick_require(!tokenizer == !!diag.text[0]);
	if (!tokenizer)
		return;
	count = wick_tokenizer_encode(tokenizer, text, sizeof(text) - 1, WICK_ENCODE_BOS | WICK_ENCODE_SPECIAL, ids,
		WICK_COUNT_OF(ids));
	wick_require(count <= (int64_t)WICK_COUNT_OF(ids));
	for (int64_t i = 0; i < count; i++) {
		size_t bytes;

		wick_require(wick_tokenizer_text(tokenizer, ids[i], &bytes));
	}
	wick_tokenizer_destroy(tokenizer);
}

static void read_gguf(const char *path)
{
	struct wick_gguf *gguf;
	struct wick_diag diag = { 0 };

	fuzz_check(wick_gguf_open(&gguf, path, &diag), &diag);
	if (!gguf)
		return;
	for (size_t i = 0; i < WICK_COUNT_OF(keys); i++)
		read_key(gguf, keys[i]);
	for (uint64_t i = 0; i < wick_gguf_tensor_count(gguf); i++)
		read_tensor(gguf, i);
	read_tokenizer(gguf);
	wick_gguf_close(gguf);
}

static void read_model(const char *path)
{
	struct wick_model *model;
	struct wick_diag diag = { 0 };

	fuzz_check(wick_model_open(&model, path, &diag), &diag);
	wick_require(!model == !!diag.text[0]);
	wick_model_close(model);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	return fuzz_mutate_gguf(data, size, size_max, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int memory = memfd_create("fuzz", MFD_CLOEXEC);
	char path[64];

	wick_require(memory >= 0 && write(memory, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	read_gguf(path);
	read_model(path);
	close(memory);
	return 0;
}
