/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* model.safetensors of a folder that is otherwise sound: refused with a sentence, or packed, and every checksum of what was
 * packed is right. What is left out is told in sentences. */

#include "bits.h"
#include "fuzz.h"

#include <wick/wick.h>

static const char config[] = "{\"model_type\":\"opt\",\"hidden_size\":8,\"num_hidden_layers\":1,\"num_attention_heads\":2,"
	"\"ffn_dim\":4,\"vocab_size\":6,\"max_position_embeddings\":2,\"enable_bias\":false,"
	"\"layer_norm_elementwise_affine\":false,\"bos_token_id\":2,\"eos_token_id\":2}";
static const char vocab[] = "{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"a\":3,\"b\":4,\"ab\":5}";
static const char merges[] = "a b";

static const char *const names[] = { "config.json", "vocab.json", "merges.txt", "model.safetensors" };
static struct fuzz_folder folder;
static char out[300];

static void remove_out(void)
{
	unlink(out);
}

static void make_folder(void)
{
	fuzz_folder_make(&folder, names, WICK_COUNT_OF(names));
	fuzz_folder_put(0, config, strlen(config));
	fuzz_folder_put(1, vocab, strlen(vocab));
	fuzz_folder_put(2, merges, strlen(merges));
	snprintf(out, sizeof(out), "%s/out.gguf", folder.path);
	atexit(remove_out);
}

static void check_note(void *user, const char *sentence)
{
	(void)user;
	wick_require(sentence[0] && !strchr(sentence, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct wick_pack_options options = { .type = "f32", .note = check_note };
	struct wick_diag diag = { 0 };
	int rc;

	if (!folder.count)
		make_folder();
	fuzz_folder_put(3, data, size);
	rc = wick_pack(folder.path, out, &options, &diag);
	fuzz_check(rc, &diag);
	if (rc == 0)
		wick_require(wick_verify(out, NULL, NULL, NULL, &diag) == 0);
	return 0;
}
