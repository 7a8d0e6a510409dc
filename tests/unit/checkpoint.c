/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Checkpoint folders: which file is taken, shards and their index, files that change, the page cache. */

#include "checkpoint.h"

#include "bits.h"
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cmocka.h>

/* A file with one tensor of four bytes, 0 1 2 3. */
static void write_shard(const struct folder *folder, const char *file, const char *tensor)
{
	char header[256];

	snprintf(header, sizeof(header), "{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", tensor);
	folder_write_safetensors(folder, file, header, 4);
}

static void write_index(const struct folder *folder, const char *text)
{
	folder_write(folder, "model.safetensors.index.json", text, strlen(text));
}

static struct wick_checkpoint *open_or_fail(const struct folder *folder)
{
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };

	if (wick_checkpoint_open(&checkpoint, folder->path, &diag))
		fail_msg("%s", diag.text);
	return checkpoint;
}

/* Opening fails, with this sentence after the folder's path. */
static void assert_refused(const struct folder *folder, int code, const char *sentence)
{
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };

	assert_int_equal(wick_checkpoint_open(&checkpoint, folder->path, &diag), code);
	assert_null(checkpoint);
	assert_string_equal(diag.text + strlen(folder->path), sentence);
}

static const char *file_of(const struct wick_checkpoint *checkpoint, const char *tensor)
{
	return strrchr(wick_checkpoint_file(checkpoint, wick_checkpoint_find(checkpoint, tensor)), '/') + 1;
}

static void shards_are_one_checkpoint(void **state)
{
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };
	uint8_t bytes[4];

	(void)state;
	write_shard(&folder, "one.safetensors", "a");
	write_shard(&folder, "two.safetensors", "b");
	write_index(&folder, "{\"metadata\":{\"total_size\":8},"
		"\"weight_map\":{\"b\":\"two.safetensors\",\"a\":\"one.safetensors\"}}");
	checkpoint = open_or_fail(&folder);
	assert_int_equal(wick_checkpoint_count(checkpoint), 2);
	assert_string_equal(file_of(checkpoint, "a"), "one.safetensors");
	assert_string_equal(file_of(checkpoint, "b"), "two.safetensors");
	assert_int_equal(
		wick_checkpoint_read(checkpoint, wick_checkpoint_find(checkpoint, "a"), 1, bytes, 3, &diag), 0);
	assert_memory_equal(bytes, "\1\2\3", 3);
	wick_checkpoint_close(checkpoint);
	folder_remove(&folder);
}

/* What a checkpoint says of its choices, one sentence after the other. */
static void collect(void *user, const char *sentence)
{
	strcat(strcat(user, sentence), "\n");
}

static void assert_explained(const struct wick_checkpoint *checkpoint, const struct folder *folder, const char *expected)
{
	char said[4096] = "", *at;
	const struct wick_notes notes = { collect, said };

	wick_checkpoint_explain(checkpoint, &notes);
	while ((at = strstr(said, folder->path)))
		memmove(at, at + strlen(folder->path), strlen(at + strlen(folder->path)) + 1);
	assert_string_equal(said, expected);
}

/* As in transformers, every tensor of every file of the index counts, and the last file's of those of one name. */
static void all_that_the_shards_have(void **state)
{
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint;

	(void)state;
	folder_write_safetensors(&folder, "one.safetensors",
		"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
		"\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]},"
		"\"c\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}", 12);
	write_shard(&folder, "two.safetensors", "b");
	write_index(&folder, "{\"weight_map\":{\"a\":\"two.safetensors\",\"b\":\"one.safetensors\"}}");
	checkpoint = open_or_fail(&folder);
	assert_int_equal(wick_checkpoint_count(checkpoint), 3);
	assert_string_equal(file_of(checkpoint, "a"), "one.safetensors");
	assert_string_equal(file_of(checkpoint, "b"), "two.safetensors");
	assert_string_equal(file_of(checkpoint, "c"), "one.safetensors");
	assert_explained(checkpoint, &folder, "/two.safetensors: tensor b is there, too, and is taken, as transformers does, "
		"instead of that in /one.safetensors\n");
	wick_checkpoint_close(checkpoint);
	folder_remove(&folder);
}

/* model.safetensors, its index, pytorch_model.bin, its index: transformers' order. */
static void order_of_preference(void **state)
{
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint;
	char link[512];

	(void)state;
	snprintf(link, sizeof(link), "%s/tests/unit/fixtures/torch/protocol2/pytorch_model.bin", getenv("WICK_SOURCE"));
	assert_int_equal(symlink(link, folder_path(&folder, "shard.bin")), 0);
	folder_write(&folder, "pytorch_model.bin.index.json", "{\"weight_map\":{\"fc.weight\":\"shard.bin\"}}", 40);
	checkpoint = open_or_fail(&folder);
	assert_string_equal(file_of(checkpoint, "fc.weight"), "shard.bin");
	assert_explained(checkpoint, &folder, "");
	wick_checkpoint_close(checkpoint);

	assert_int_equal(symlink(link, folder_path(&folder, "pytorch_model.bin")), 0);
	checkpoint = open_or_fail(&folder);
	assert_string_equal(file_of(checkpoint, "fc.weight"), "pytorch_model.bin");
	wick_checkpoint_close(checkpoint);

	write_shard(&folder, "one.safetensors", "w");
	write_index(&folder, "{\"weight_map\":{\"w\":\"one.safetensors\"}}");
	checkpoint = open_or_fail(&folder);
	assert_string_equal(file_of(checkpoint, "w"), "one.safetensors");
	wick_checkpoint_close(checkpoint);

	write_shard(&folder, "model.safetensors", "w");
	checkpoint = open_or_fail(&folder);
	assert_string_equal(file_of(checkpoint, "w"), "model.safetensors");
	assert_explained(checkpoint, &folder,
		": weights are read from model.safetensors, as transformers does, and not from model.safetensors.index.json\n"
		": weights are read from model.safetensors, as transformers does, and not from pytorch_model.bin\n"
		": weights are read from model.safetensors, as transformers does, and not from pytorch_model.bin.index.json\n");
	wick_checkpoint_close(checkpoint);
	folder_remove(&folder);
}

/* Names without what training scripts wrap models in, in the index too. */
static void wrapped_names(void **state)
{
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint;

	(void)state;
	folder_write_safetensors(&folder, "one.safetensors",
		"{\"state_dict.module.a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
		"\"module.\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]},"
		"\"_orig_mod.b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]},"
		"\"c.module.d\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,16]}}", 16);
	write_index(&folder, "{\"weight_map\":{\"state_dict.module.a\":\"one.safetensors\"}}");
	checkpoint = open_or_fail(&folder);
	assert_int_equal(wick_checkpoint_count(checkpoint), 4);
	assert_non_null(wick_checkpoint_find(checkpoint, "a"));
	assert_non_null(wick_checkpoint_find(checkpoint, "b"));
	assert_non_null(wick_checkpoint_find(checkpoint, "c.module.d"));
	assert_non_null(wick_checkpoint_find(checkpoint, "module."));
	assert_explained(checkpoint, &folder,
		": tensors are taken out of \"state_dict.module\", in which a script has wrapped them\n");
	wick_checkpoint_close(checkpoint);

	write_shard(&folder, "one.safetensors", "module.x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"x");
	write_index(&folder, "{\"weight_map\":{\"x\":\"one.safetensors\"}}");
	assert_refused(&folder, -EINVAL, "/one.safetensors: has two tensors called x");
	folder_remove(&folder);
}

static void bad_indexes_get_a_sentence(void **state)
{
	static const struct {
		int code;
		const char *index, *sentence;
	} cases[] = {
		{ -EINVAL, "[]", "has no weight_map" },
		{ -EINVAL, "{\"weight_map\":[]}", "has no weight_map" },
		{ -EINVAL, "{\"weight_map\":{\"a\":5}}", "tensor a: its file is not a name" },
		{ -EINVAL, "{\"weight_map\":{\"a\":\"one.safetensors\\u0000x\"}}", "tensor a: its file is not a name" },
		{ -EINVAL, "{\"weight_map\":{\"a\":\"/etc/passwd\"}}",
			"tensor a: file /etc/passwd is outside of the folder" },
		{ -EINVAL, "{\"weight_map\":{\"a\":\"../one\"}}", "tensor a: file ../one is outside of the folder" },
		{ -EINVAL, "{\"weight_map\":{\"a\":\"x/../../one\"}}",
			"tensor a: file x/../../one is outside of the folder" },
		{ -EINVAL, "{\"weight_map\":{\"a\":\"..\"}}", "tensor a: file .. is outside of the folder" },
		{ -EINVAL, "{\"weight_map\":{\"a\":\"\"}}", "tensor a: file  is outside of the folder" },
		{ -EINVAL, "{\"weight_map\":{\"a\":\"./one\"}}",
			"tensor a: file ./one has a part that is empty or \".\"" },
		{ -EINVAL, "{\"weight_map\":{\"a\":\"x/./one\"}}",
			"tensor a: file x/./one has a part that is empty or \".\"" },
		{ -EINVAL, "{\"weight_map\":{\"a\":\".\"}}", "tensor a: file . has a part that is empty or \".\"" },
		{ -EINVAL, "{\"weight_map\":{\"a\":\"x//one\"}}",
			"tensor a: file x//one has a part that is empty or \".\"" },
		{ -EINVAL, "{\"weight_map\":{\"a\":\"one/\"}}",
			"tensor a: file one/ has a part that is empty or \".\"" },
		{ -ENOENT, "{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}",
			"names two.safetensors, which cannot be opened: No such file or directory" },
		{ -EINVAL, "{\"weight_map\":{\"a\":\"one.safetensors\",\"z\":\"one.safetensors\"}}",
			"puts tensor z into one.safetensors, which does not have it" },
	};
	struct folder folder = folder_make();

	(void)state;
	write_shard(&folder, "one.safetensors", "a");
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		char sentence[256];

		write_index(&folder, cases[i].index);
		snprintf(sentence, sizeof(sentence), "/model.safetensors.index.json: %s", cases[i].sentence);
		assert_refused(&folder, cases[i].code, sentence);
	}
	write_index(&folder, "{\"weight_map\":{\"..a\":\"..x\"}}");
	assert_refused(&folder, -ENOENT, "/model.safetensors.index.json: names ..x, which cannot be opened: "
		"No such file or directory");
	folder_remove(&folder);
}

static void one_file_has_one_name(void **state)
{
	struct folder folder = folder_make();

	(void)state;
	write_shard(&folder, "one.safetensors", "a");
	assert_int_equal(symlink("one.safetensors", folder_path(&folder, "two.safetensors")), 0);
	write_index(&folder, "{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}");
	assert_refused(&folder, -EINVAL, "/model.safetensors.index.json: names one.safetensors and two.safetensors, "
		"which are one file");
	folder_remove(&folder);
}

/* What is wrong is said however long the names are. */
static void long_names_get_a_sentence(void **state)
{
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };
	char index[8192], name[2048];

	(void)state;
	memset(name, 'p', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	snprintf(index, sizeof(index), "{\"weight_map\":{\"%s\":\"../%s\"}}", name, name);
	write_index(&folder, index);
	assert_int_equal(wick_checkpoint_open(&checkpoint, folder.path, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "ppp...ppp"));
	assert_non_null(strstr(diag.text, ": file ../ppp"));
	assert_string_equal(strrchr(diag.text, 'p') + 1, " is outside of the folder");
	folder_remove(&folder);
}

static void bad_folders_get_a_sentence(void **state)
{
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };

	(void)state;
	assert_refused(&folder, -ENOENT,
		": no weights here: neither model.safetensors nor pytorch_model.bin, nor an index.json of either");
	assert_int_equal(symlink("gone", folder_path(&folder, "model.safetensors")), 0);
	assert_refused(&folder, -EINVAL,
		"/model.safetensors: a link that leads nowhere: the download is not complete");
	unlink(folder_path(&folder, "model.safetensors"));
	folder_write(&folder, "model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n", 56);
	assert_refused(&folder, -EINVAL,
		"/model.safetensors: a Git LFS pointer, not the file itself: fetch it with git lfs pull");
	unlink(folder_path(&folder, "model.safetensors"));
	assert_int_equal(mkdir(folder_path(&folder, "model.safetensors"), 0700), 0);
	assert_refused(&folder, -EINVAL, "/model.safetensors: not a regular file");
	rmdir(folder_path(&folder, "model.safetensors"));
	assert_int_equal(wick_checkpoint_open(&checkpoint, folder_path(&folder, "none"), &diag), -ENOENT);
	assert_string_equal(diag.text + strlen(folder.path), "/none: No such file or directory");
	folder_remove(&folder);
}

#define SHARDS 40

/* Descriptors are few whatever the number of shards, and every shard can be read again and again. */
static void shards_beyond_the_descriptors(void **state)
{
	struct folder folder = folder_make();
	struct rlimit before, few;
	struct wick_checkpoint *checkpoint;
	char index[4096] = "{\"weight_map\":{", name[64];
	struct wick_diag diag = { 0 };
	uint8_t bytes[4];

	(void)state;
	for (int i = 0; i < SHARDS; i++) {
		sprintf(name, "%d.safetensors", i);
		write_shard(&folder, name, name);
		sprintf(index + strlen(index), "%s\"%s\":\"%s\"", i ? "," : "", name, name);
	}
	write_index(&folder, strcat(index, "}}"));
	getrlimit(RLIMIT_NOFILE, &before);
	few = (struct rlimit){ 16, before.rlim_max };
	setrlimit(RLIMIT_NOFILE, &few);
	checkpoint = open_or_fail(&folder);
	for (int i = 0; i < 3 * SHARDS; i++) {
		sprintf(name, "%d.safetensors", i % 2 ? i % SHARDS : 0);
		assert_int_equal(
			wick_checkpoint_read(checkpoint, wick_checkpoint_find(checkpoint, name), 0, bytes, 4, &diag),
			0);
		assert_memory_equal(bytes, "\0\1\2\3", 4);
	}
	wick_checkpoint_close(checkpoint);
	setrlimit(RLIMIT_NOFILE, &before);
	folder_remove(&folder);
}

/* The same with torch shards, whose zip is opened anew. */
static void torch_shards_are_opened_again(void **state)
{
	static const char *const shards[][2] = { { "protocol2", "fc.weight" }, { "protocol3", "fc.bias" },
		{ "types", "parameter" }, { "views", "base" }, { "nested", "7" }, { "deflated", "b" } };
	struct folder folder = folder_make();
	char target[512], index[1024] = "{\"weight_map\":{";
	struct wick_checkpoint *checkpoint;
	uint8_t first[WICK_COUNT_OF(shards)][8], again[8];

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(shards); i++) {
		snprintf(target, sizeof(target), "%s/tests/unit/fixtures/torch/%s/pytorch_model.bin",
			getenv("WICK_SOURCE"), shards[i][0]);
		assert_int_equal(symlink(target, folder_path(&folder, shards[i][0])), 0);
		sprintf(index + strlen(index), "%s\"%s\":\"%s\"", i ? "," : "", shards[i][1], shards[i][0]);
	}
	strcat(index, "}}");
	folder_write(&folder, "pytorch_model.bin.index.json", index, strlen(index));
	checkpoint = open_or_fail(&folder);
	for (size_t i = 0; i < 2 * WICK_COUNT_OF(shards); i++) {
		size_t shard = i % WICK_COUNT_OF(shards);
		struct wick_diag diag = { 0 };

		if (wick_checkpoint_read(checkpoint, wick_checkpoint_find(checkpoint, shards[shard][1]), 0,
			    i == shard ? first[shard] : again, 8, &diag))
			fail_msg("%s", diag.text);
		if (i != shard)
			assert_memory_equal(again, first[shard], 8);
	}
	wick_checkpoint_close(checkpoint);
	folder_remove(&folder);
}

/* A shard that was closed for want of descriptors and replaced meanwhile is not read as if it were the same. */
static void replaced_files_are_noticed(void **state)
{
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };
	char index[512] = "{\"weight_map\":{", name[64];
	uint8_t bytes[4];

	(void)state;
	for (int i = 0; i < 5; i++) {
		sprintf(name, "%d.safetensors", i);
		write_shard(&folder, name, name);
		sprintf(index + strlen(index), "%s\"%s\":\"%s\"", i ? "," : "", name, name);
	}
	write_index(&folder, strcat(index, "}}"));
	checkpoint = open_or_fail(&folder);
	write_shard(&folder, "0.safetensors", "other");
	assert_int_equal(
		wick_checkpoint_read(checkpoint, wick_checkpoint_find(checkpoint, "0.safetensors"), 0, bytes, 4, &diag),
		-EINVAL);
	assert_string_equal(diag.text + strlen(folder.path), "/0.safetensors: changed while it was being read");
	wick_checkpoint_close(checkpoint);
	folder_remove(&folder);
}

/* Cut short after it was opened: the read says where it ends. */
static void short_files_are_noticed(void **state)
{
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };
	uint8_t bytes[4];

	(void)state;
	write_shard(&folder, "model.safetensors", "a");
	checkpoint = open_or_fail(&folder);
	assert_int_equal(truncate(folder_path(&folder, "model.safetensors"), 64), 0);
	assert_int_equal(
		wick_checkpoint_read(checkpoint, wick_checkpoint_find(checkpoint, "a"), 0, bytes, 4, &diag), -EIO);
	assert_string_equal(diag.text + strlen(folder.path),
		"/model.safetensors: ends at byte 64, before the 66 that its header promises");
	wick_checkpoint_close(checkpoint);
	folder_remove(&folder);
}

#define BIG_BYTES (96u << 20)
#define READ_BYTES (1u << 20)

static uint64_t cached_bytes(const char *path)
{
	int fd = open(path, O_RDONLY);
	size_t pages = BIG_BYTES / 4096, cached = 0;
	unsigned char *resident = malloc(pages);
	void *map = mmap(NULL, BIG_BYTES, PROT_READ, MAP_SHARED, fd, 0);

	assert_true(map != MAP_FAILED);
	assert_int_equal(mincore(map, BIG_BYTES, resident), 0);
	for (size_t i = 0; i < pages; i++)
		cached += resident[i] & 1;
	munmap(map, BIG_BYTES);
	close(fd);
	free(resident);
	return cached * 4096;
}

/* A big file, on the drive and out of the page cache. False where the cache cannot be dropped. */
static bool write_big_file(const struct folder *folder)
{
	char header[256];
	int fd;

	snprintf(header, sizeof(header), "{\"a\":{\"dtype\":\"F32\",\"shape\":[%u],\"data_offsets\":[0,%u]}}",
		BIG_BYTES / 4, BIG_BYTES);
	folder_write_safetensors(folder, "model.safetensors", header, BIG_BYTES);
	fd = open(folder_path(folder, "model.safetensors"), O_RDONLY);
	fsync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	return cached_bytes(folder_path(folder, "model.safetensors")) == 0;
}

/* Reading 96 MiB leaves at no time two thirds of them in the page cache: 16 are read before it is dropped, and the kernel
 * reads ahead, by 8 MiB at a time on some machines. What it is reading at that moment cannot be dropped, nor what
 * somebody else looks at: that goes with the next drop, or stays at the end. */
static void page_cache_is_dropped(void **state)
{
	struct folder folder = folder_make_on_disk();
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };
	const struct wick_source_tensor *tensor;
	char *buffer = malloc(READ_BYTES);
	uint64_t most = 0, left;

	(void)state;
	if (!write_big_file(&folder)) {
		folder_remove(&folder);
		free(buffer);
		print_message("this filesystem does not drop its page cache\n");
		skip();
	}
	checkpoint = open_or_fail(&folder);
	tensor = wick_checkpoint_at(checkpoint, 0);
	for (uint64_t at = 0; at < BIG_BYTES + READ_BYTES; at += READ_BYTES) { /* the first again at last */
		uint64_t from = at % BIG_BYTES;

		assert_int_equal(wick_checkpoint_read(checkpoint, tensor, from, buffer, READ_BYTES, &diag), 0);
		assert_int_equal(buffer[5], 5);
		most = WICK_MAX(most, cached_bytes(wick_checkpoint_file(checkpoint, tensor)));
	}
	wick_checkpoint_close(checkpoint);
	left = cached_bytes(folder_path(&folder, "model.safetensors"));
	if (most > 64 << 20 || left > 16 << 20)
		fail_msg("%llu bytes cached while reading, %llu after", (unsigned long long)most,
			(unsigned long long)left);
	free(buffer);
	folder_remove(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shards_are_one_checkpoint),
		cmocka_unit_test(all_that_the_shards_have),
		cmocka_unit_test(order_of_preference),
		cmocka_unit_test(wrapped_names),
		cmocka_unit_test(bad_indexes_get_a_sentence),
		cmocka_unit_test(one_file_has_one_name),
		cmocka_unit_test(long_names_get_a_sentence),
		cmocka_unit_test(bad_folders_get_a_sentence),
		cmocka_unit_test(shards_beyond_the_descriptors),
		cmocka_unit_test(torch_shards_are_opened_again),
		cmocka_unit_test(replaced_files_are_noticed),
		cmocka_unit_test(short_files_are_noticed),
		cmocka_unit_test(page_cache_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
