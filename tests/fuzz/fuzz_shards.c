/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The index.json of a checkpoint in two sound files, a and b, with a tensor of its name in each: refused with a sentence, or
 * only tensors that are there, from files of the folder, and they can be read. */

#include "fuzz.h"

#include "bits.h"
#include "checkpoint.h"
#include "shard_index.h"

static const char *const names[] = { "model.safetensors.index.json", "a", "b" };

/* A safetensors file of one number. */
static void put_shard(unsigned i)
{
	char file[256];
	uint64_t bytes = (uint64_t)snprintf(file + 8, sizeof(file) - 8,
		"{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", names[i]);

	memcpy(file, &bytes, sizeof(bytes));
	memset(file + 8 + bytes, (int)i, 4);
	fuzz_folder_put(i, file, 8 + bytes + 4);
}

static void check_names(const char *path)
{
	struct wick_shard_index index;
	struct wick_diag diag = { 0 };
	int rc = wick_shard_index_load(&index, path, &diag);

	fuzz_check(rc, &diag);
	for (unsigned i = 0; rc == 0 && i < index.file_count; i++) {
		const char *name = index.files[i], *dots = strstr(name, "..");

		wick_require(name[0] && name[0] != '/' && strcmp(name, "..") && strncmp(name, "../", 3));
		for (; dots; dots = strstr(dots + 1, ".."))
			wick_require(dots == name || dots[-1] != '/' || (dots[2] && dots[2] != '/'));
		wick_require(!strstr(name, "//") && !strstr(name, "/./") && strncmp(name, "./", 2));
	}
	wick_shard_index_free(&index);
}

static void check_tensors(struct wick_checkpoint *checkpoint)
{
	for (unsigned i = 0; i < wick_checkpoint_count(checkpoint); i++) {
		const struct wick_source_tensor *tensor = wick_checkpoint_at(checkpoint, i);
		struct wick_diag diag = { 0 };
		char number[4];

		wick_require(tensor->bytes == sizeof(number) && strlen(tensor->name) == 1);
		wick_require(!wick_checkpoint_read(checkpoint, tensor, 0, number, sizeof(number), &diag));
		wick_require(number[0] == 1 + (tensor->name[0] == 'b') && number[3] == number[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_folder folder;
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };
	char path[512];

	if (!folder.count) {
		fuzz_folder_make(&folder, names, WICK_COUNT_OF(names));
		put_shard(1);
		put_shard(2);
	}
	fuzz_folder_put(0, data, size);
	snprintf(path, sizeof(path), "%s/%s", folder.path, names[0]);
	check_names(path);
	fuzz_check(wick_checkpoint_open(&checkpoint, folder.path, &diag), &diag);
	if (checkpoint)
		check_tensors(checkpoint);
	wick_checkpoint_close(checkpoint);
	return 0;
}
