/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What packing must refuse, with one sentence that names the place, and without leaving a file. */

#include "packing.h"

#include "bits.h"
#include "file.h"

#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct folder folder; /* for outputs; empty between tests */
static char out[512];

/* Refused with these words, and nothing is left in the output's folder. */
static void refused_with(
	const struct folder *source, const struct wick_pack_options *options, int code, const char *words)
{
	struct wick_diag diag;
	int rc = wick_pack(source->path, out, options, &diag);

	if (rc != code || !strstr(diag.text, words))
		fail_msg("wanted %d and \"%s\", got %d: %s", code, words, rc, diag.text);
	assert_int_equal(folder_count(&folder), 0);
}

/* The golden checkpoint, one file of it edited. */
static void refused_edit(const char *file, const char *from, const char *to, const char *words)
{
	struct folder source = fixture_copy("plain-f32");
	bool tensor_missing = strstr(words, "weight is missing");

	folder_edit(&source, file, from, to);
	refused_with(&source, NULL, tensor_missing ? -ENOENT : -EINVAL, words);
	folder_remove(&source);
}

static void bad_configs(void **state)
{
	static const char file[] = "config.json";

	(void)state;
	refused_edit(file, "\"model_type\": \"opt\"", "\"model_type\": \"mamba\"", "\"mamba\"");
	refused_edit(file, "\"model_type\": \"opt\"", "\"model_type\": 7", "\"model_type\"");
	refused_edit(file, "\"model_type\"", "\"modeltype\"", "\"model_type\" is missing");
	refused_edit(file, "\"hidden_size\"", "\"hiddensize\"", "\"hidden_size\" is missing");
	refused_edit(file, "\"hidden_size\": 72", "\"hidden_size\": 72.5", "\"hidden_size\"");
	refused_edit(file, "\"hidden_size\": 72", "\"hidden_size\": -72", "\"hidden_size\"");
	refused_edit(file, "\"hidden_size\": 72", "\"hidden_size\": 4294967368", "\"hidden_size\"");
	refused_edit(file, "\"hidden_size\": 72", "\"hidden_size\": 1000000000", "embedding_length");
	refused_edit(file, "\"num_attention_heads\": 3", "\"num_attention_heads\": 5", "5 attention heads");
	refused_edit(file, "\"activation_function\": \"relu\"", "\"activation_function\": \"silu\"", "\"silu\"");
	refused_edit(file, "\"enable_bias\": true", "\"enable_bias\": 1", "\"enable_bias\"");
	refused_edit(file, "\"enable_bias\": true", "\"enable_bias\": null", "\"enable_bias\" is not true or false");
	refused_edit(file, "\"do_layer_norm_before\": true", "\"do_layer_norm_before\": null",
		"\"do_layer_norm_before\" is not true or false");
	refused_edit(file, "{", "{\"quantization_config\": {\"quant_method\": \"fp8\"},",
		"\"quantization_config\": the weights are quantised");
	refused_edit(file, "{", "{\"transformers_weights\": \"other.safetensors\",", "names another file of weights");
	refused_edit(file, "{", "[", "config.json");
}

/* The config asks for what the checkpoint does not have, or has otherwise; or leaves something over. */
static void disagreements(void **state)
{
	static const char file[] = "config.json";

	(void)state;
	refused_edit(file, "\"vocab_size\": 274", "\"vocab_size\": 275", "model.decoder.embed_tokens.weight");
	refused_edit(file, "\"max_position_embeddings\": 120", "\"max_position_embeddings\": 122",
		"model.decoder.embed_positions.weight has shape [122, 72]; config.json asks for [124, 72]");
	refused_edit(file, "\"ffn_dim\": 68", "\"ffn_dim\": 72", "model.decoder.layers.0.fc1.bias");
	refused_edit(file, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3",
		"model.decoder.layers.2.self_attn_layer_norm.weight is missing");
	refused_edit(file, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1", "model.decoder.layers.1.");
	refused_edit(file, "\"word_embed_proj_dim\": 72", "\"word_embed_proj_dim\": 40", "embed_tokens.weight");
	refused_edit(file, "\"enable_bias\": true", "\"enable_bias\": false", ".bias has no place");
	refused_edit(file, "\"do_layer_norm_before\": true", "\"do_layer_norm_before\": false", "final_layer_norm");
	refused_edit(file, "{", "{\"tie_word_embeddings\": false,", "lm_head.weight is missing");
}

static void bad_tensors(void **state)
{
	static const char file[] = "model.safetensors";

	(void)state;
	refused_edit(file, "layers.1.fc2.weight", "layers.1.fc2.weighs",
		"model.decoder.layers.1.fc2.weight is missing");
	refused_edit(file, "model.decoder.embed_tokens", "model.encoder.embed_tokens",
		"model.decoder.embed_tokens.weight is missing");
	refused_edit(file, "\"model.decoder.layers.0.fc1.weight\":{\"dtype\":\"F32\"",
		"\"model.decoder.layers.0.fc1.weight\":{\"dtype\":\"I32\"", "model.decoder.layers.0.fc1.weight");
	refused_edit(file, "\"model.decoder.layers.0.fc1.weight\":{\"dtype\":\"F32\",\"shape\":[68,72]",
		"\"model.decoder.layers.0.fc1.weight\":{\"dtype\":\"F32\",\"shape\":[72,68]",
		"model.decoder.layers.0.fc1.weight has shape [72, 68]");
}

/* Overwrites number i of a tensor of plain-f32. */
static void poke(const struct folder *source, const char *tensor, unsigned i, float number)
{
	const char *path = folder_path(source, "model.safetensors");
	struct blob blob = blob_load(path);
	char name[128];
	const char *at;
	uint64_t header_bytes;
	unsigned long long offset;
	int fd = open(path, O_WRONLY);

	memcpy(&header_bytes, blob.bytes, 8);
	snprintf(name, sizeof(name), "\"model.decoder.%s\"", tensor);
	at = strstr((const char *)blob.bytes + 8, name);
	assert_non_null(at);
	assert_int_equal(sscanf(strstr(at, "data_offsets"), "data_offsets\":[%llu", &offset), 1);
	assert_int_equal(pwrite(fd, &number, 4, 8 + header_bytes + offset + 4 * i), 4);
	close(fd);
	free(blob.bytes);
}

static void bad_numbers(void **state)
{
	static const struct {
		const char *tensor;
		unsigned i;
		float number;
		const char *type, *words; /* NULL: fine */
	} cases[] = {
		{ "layers.1.fc2.weight", 4895, NAN, "f32", "fc2.weight: number 4895 is NaN" },
		{ "layers.1.fc1.weight", 0, INFINITY, "bf16", "fc1.weight: number 0 is infinite" },
		{ "layers.0.fc1.bias", 67, -INFINITY, "f16", "fc1.bias: number 67 is infinite" },
		{ "embed_positions.weight", 2 * 72, NAN, "f16", "embed_positions.weight: number 144 is NaN" },
		{ "embed_positions.weight", 2 * 72 - 1, NAN, "f16", NULL }, /* of a row that is not packed */
		{ "final_layer_norm.bias", 3, 1e30f, "f16", NULL },	    /* vectors stay f32 */
		{ "embed_tokens.weight", 19727, 65519.0f, "f16", NULL },    /* rounds to 65504 */
		{ "embed_tokens.weight", 19727, -65520.0f, "f16", "number 19727 is -65520, more than f16 can hold" },
		{ "embed_tokens.weight", 5, 65520.0f, "bf16", NULL },
		{ "embed_tokens.weight", 5, 0x1.fefffep127f, "bf16", NULL },
		{ "embed_tokens.weight", 5, 0x1.ffp127f, "bf16", "more than bf16 can hold" },
		{ "embed_tokens.weight", 5, 0x1.fffffep127f, "f32", NULL },
	};

	(void)state;
	for (size_t k = 0; k < WICK_COUNT_OF(cases); k++) {
		struct folder source = fixture_copy("plain-f32");
		struct wick_pack_options options = { .type = cases[k].type };

		poke(&source, cases[k].tensor, cases[k].i, cases[k].number);
		if (cases[k].words) {
			refused_with(&source, &options, -EINVAL, cases[k].words);
		} else {
			pack_well(source.path, out, &options);
			unlink(out);
		}
		folder_remove(&source);
	}
}

/* As the hub's cache has it after a download that did not finish. A file that may be missing is no exception. */
static void links_that_lead_nowhere(void **state)
{
	static const char *const names[] = { "config.json", "generation_config.json", "model.safetensors", "vocab.json",
		"merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json" };

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(names); i++) {
		struct folder source = fixture_copy("plain-f32");
		char words[100];

		unlink(folder_path(&source, names[i]));
		assert_int_equal(symlink("../../blobs/0123", folder_path(&source, names[i])), 0);
		snprintf(words, sizeof(words), "%s: a link that leads nowhere", names[i]);
		refused_with(&source, NULL, -EINVAL, words);
		folder_remove(&source);
	}
}

static void bad_folders(void **state)
{
	struct folder source = fixture_copy("plain-f32"), nowhere = { "/nonexistent/opt" };

	(void)state;
	refused_with(&nowhere, NULL, -ENOENT, "/nonexistent/opt/config.json");
	unlink(folder_path(&source, "vocab.json"));
	refused_with(&source, NULL, -ENOENT, source.path);
	folder_remove(&source);
	source = fixture_copy("sharded-f16");
	unlink(folder_path(&source, "model-00002-of-00003.safetensors"));
	refused_with(&source, NULL, -ENOENT, "model-00002-of-00003.safetensors");
	folder_remove(&source);
	source = fixture_copy("plain-f32");
	folder_write(&source, "adapter_config.json", "{}", 2);
	refused_with(&source, NULL, -EINVAL, "adapter_config.json: an adapter (LoRA) is added to the model's weights");
	unlink(folder_path(&source, "adapter_config.json"));
	refused_with(&source, &(struct wick_pack_options){ .type = "iq1_s" }, -EINVAL, "\"iq1_s\"");
	assert_int_equal(truncate(folder_path(&source, "model.safetensors"), 100000), 0);
	refused_with(&source, NULL, -EINVAL, "model.safetensors");
	folder_remove(&source);
}

static void bad_outputs(void **state)
{
	const char *source = fixture_path("plain-f32");
	char target[512], link[512];
	struct wick_diag diag;
	struct blob blob;

	(void)state;
	assert_int_equal(wick_pack(source, "/nonexistent/out.gguf", NULL, &diag), -ENOENT);
	assert_non_null(strstr(diag.text, "/nonexistent/out.gguf"));
	snprintf(target, sizeof(target), "%s/fifo", folder.path);
	assert_int_equal(mkfifo(target, 0600), 0);
	assert_int_equal(wick_pack(source, target, NULL, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "not a regular file"));
	unlink(target);
	assert_int_equal(wick_pack(source, folder.path, NULL, &diag), -EINVAL);
	assert_int_equal(folder_count(&folder), 0);

	/* A link stays a link. */
	snprintf(target, sizeof(target), "%s/target", folder.path);
	snprintf(link, sizeof(link), "%s/link", folder.path);
	folder_write(&folder, "target", "old", 3);
	assert_int_equal(symlink("target", link), 0);
	pack_well(source, link, NULL);
	assert_int_equal(folder_count(&folder), 2);
	blob = blob_load(target);
	assert_memory_equal(blob.bytes, "GGUF", 4);
	free(blob.bytes);
	unlink(link);
	unlink(target);
}

/* A model that somebody reads is not replaced; when nobody does, it is. */
static void in_use(void **state)
{
	struct wick_file reader;
	struct wick_diag diag;

	(void)state;
	pack_well(fixture_path("plain-f32"), out, NULL);
	for (int direct = 0; direct < 2; direct++) {
		assert_int_equal(wick_file_open(&reader, out, direct, NULL), 0);
		assert_int_equal(wick_pack(fixture_path("plain-f32"), out, NULL, &diag), -EBUSY);
		assert_non_null(strstr(diag.text, "in use"));
		assert_int_equal(folder_count(&folder), 1);
		wick_file_close(&reader);
	}
	pack_well(fixture_path("plain-f32"), out, NULL);
	unlink(out);
}

struct stop {
	uint64_t after;
};

static int stop_after(void *user, uint64_t done, uint64_t total)
{
	(void)total;
	return done > ((struct stop *)user)->after;
}

/* Stopped half-way, what was there before is still there. */
static void stopped(void **state)
{
	struct stop stop = { 100000 };
	struct wick_diag diag;
	struct wick_pack_options options = { .progress = stop_after, .user = &stop };
	struct blob blob;

	(void)state;
	folder_write(&folder, "out.gguf", "old", 3);
	assert_int_equal(wick_pack(fixture_path("plain-f32"), out, &options, &diag), -ECANCELED);
	assert_non_null(strstr(diag.text, "out.gguf was not written"));
	assert_int_equal(folder_count(&folder), 1);
	blob = blob_load(out);
	assert_int_equal(blob.count, 3);
	free(blob.bytes);
	unlink(out);
}

/* Files may not grow beyond this: what a disk that fills up while writing looks like, where room cannot be reserved. */
static void no_room_for_the_file(void **state)
{
	struct rlimit old, small;
	struct folder source = fixture_copy("plain-f32");

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){ 100000, old.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	refused_with(&source, NULL, -EFBIG, out);
	setrlimit(RLIMIT_FSIZE, &old);
	folder_remove(&source);
}

static bool write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	bool written = file && fputs(text, file) >= 0;

	return file && !fclose(file) && written;
}

/* A mount namespace; for an ordinary user in a user namespace, where he is root, so that files there are somebody's. */
static bool leave_namespace(void)
{
	char uid[32], gid[32];

	if (!geteuid())
		return !unshare(CLONE_NEWNS);
	snprintf(uid, sizeof(uid), "0 %u 1", geteuid());
	snprintf(gid, sizeof(gid), "0 %u 1", getegid());
	return !unshare(CLONE_NEWUSER | CLONE_NEWNS) && write_text("/proc/self/setgroups", "deny") &&
		write_text("/proc/self/uid_map", uid) && write_text("/proc/self/gid_map", gid);
}

/* In a namespace of its own: a disk of 128 KiB. Exits 0: refused as it should be; 1: not; 77: no such disk here. */
static int pack_onto_small_disk(void)
{
	struct wick_diag diag;

	if (!leave_namespace())
		return 77;
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("wick", folder.path, "tmpfs", 0, "size=128k") < 0)
		return 77;
	if (wick_pack(fixture_path("plain-f32"), out, NULL, &diag) != -ENOSPC || !strstr(diag.text, out))
		return 1;
	return folder_count(&folder) != 0;
}

static void disk_full(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0)
		_exit(pack_onto_small_disk());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("no small disk can be mounted here: packing onto a full one not tried\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_configs), cmocka_unit_test(disagreements), cmocka_unit_test(bad_tensors),
		cmocka_unit_test(bad_numbers), cmocka_unit_test(links_that_lead_nowhere), cmocka_unit_test(bad_folders),	cmocka_unit_test(bad_outputs),
		cmocka_unit_test(in_use),
		cmocka_unit_test(stopped),     cmocka_unit_test(no_room_for_the_file), cmocka_unit_test(disk_full),
	};
	int rc;

	folder = folder_make();
	snprintf(out, sizeof(out), "%s/out.gguf", folder.path);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	folder_remove(&folder);
	return rc;
}
