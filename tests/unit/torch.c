/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Torch checkpoints: files that torch.save wrote against what torch had in memory (fixtures/make_torch.py), pickles and
 * zips made here to be bad, cut and flipped files. With the argument "shared", real checkpoints. */

#include "torch.h"

#include "bits.h"
#include "folder.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <zip.h>

#include <cmocka.h>

static const char *fixture(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/tests/unit/fixtures/torch/%s", getenv("WICK_SOURCE"), name);
	return path;
}

static struct wick_checkpoint *open_or_fail(const char *folder)
{
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };

	if (wick_checkpoint_open(&checkpoint, folder, &diag))
		fail_msg("%s", diag.text);
	return checkpoint;
}

/* The sentence without the path of the file before it. */
static const char *after_path(const struct wick_diag *diag)
{
	static const char name[] = "pytorch_model.bin: ";
	const char *found = strstr(diag->text, name);

	return found ? found + strlen(name) : diag->text;
}

/* One line of expected.txt, cut at its bars. */
struct expected {
	char *folder, *name, *kind, *shape, *hex;
};

static struct expected cut_line(char *line)
{
	char *parts[5] = { 0 };

	line[strcspn(line, "\n")] = 0;
	for (int i = 0; i < 5; i++)
		parts[i] = strsep(&line, "|");
	return (struct expected){ parts[0], parts[1], parts[2], parts[3], parts[4] };
}

static void compare_tensor(struct wick_checkpoint *checkpoint, const struct wick_source_tensor *tensor,
	const struct expected *expected)
{
	struct wick_diag diag = { 0 };
	uint8_t *bytes = malloc(tensor->bytes + 1);
	char shape[96] = "", *hex = calloc(2, tensor->bytes + 1);
	size_t used = 0;

	for (unsigned i = 0; i < tensor->dims; i++)
		used += snprintf(shape + used, sizeof(shape) - used, "%s%d", i ? "," : "", (int)tensor->shape[i]);
	if (wick_checkpoint_read(checkpoint, tensor, 0, bytes, tensor->bytes, &diag))
		fail_msg("%s", diag.text);
	for (uint64_t i = 0; i < tensor->bytes; i++)
		sprintf(hex + 2 * i, "%02x", bytes[i]);
	assert_string_equal(wick_types[tensor->type].name, expected->kind);
	assert_string_equal(shape, expected->shape);
	assert_string_equal(hex, expected->hex);
	free(bytes);
	free(hex);
}

static void compare_line(const struct expected *expected)
{
	struct wick_checkpoint *checkpoint = open_or_fail(fixture(expected->folder));
	const struct wick_source_tensor *tensor = wick_checkpoint_find(checkpoint, expected->name);
	struct wick_diag diag = { 0 };
	char byte;

	if (!tensor)
		fail_msg("%s: no tensor %s", expected->folder, expected->name);
	if (strcmp(expected->kind, "unfit")) {
		compare_tensor(checkpoint, tensor, expected);
	} else {
		assert_int_equal(tensor->type, WICK_TYPE_COUNT);
		assert_string_equal(tensor->unfit, expected->shape);
		assert_int_equal(wick_checkpoint_read(checkpoint, tensor, 0, &byte, 1, &diag), -EINVAL);
		assert_non_null(strstr(diag.text, expected->name));
		assert_non_null(strstr(diag.text, expected->shape));
	}
	wick_checkpoint_close(checkpoint);
}

static void compare_refusal(const struct expected *expected)
{
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };

	assert_int_equal(wick_checkpoint_open(&checkpoint, fixture(expected->folder), &diag), -EINVAL);
	assert_null(checkpoint);
	assert_string_equal(after_path(&diag), expected->shape);
}

static void torch_files_give_what_torch_had(void **state)
{
	FILE *file = fopen(fixture("expected.txt"), "r");
	char *line = NULL, folder[64] = "";
	unsigned count = 0, total = 0;
	size_t size = 0;

	(void)state;
	assert_non_null(file);
	while (getline(&line, &size, file) > 0) {
		struct expected expected = cut_line(line);

		if (folder[0] && strcmp(folder, expected.folder)) {
			struct wick_checkpoint *checkpoint = open_or_fail(fixture(folder));

			assert_int_equal(wick_checkpoint_count(checkpoint), count);
			wick_checkpoint_close(checkpoint);
		}
		if (strcmp(folder, expected.folder))
			count = 0;
		count++;
		total++;
		if (!strcmp(expected.kind, "refused")) {
			folder[0] = 0;
			compare_refusal(&expected);
			continue;
		}
		snprintf(folder, sizeof(folder), "%s", expected.folder);
		compare_line(&expected);
	}
	free(line);
	fclose(file);
	assert_true(total > 50);
}

/* Forwards, backwards, across the end and from one tensor to another, in stored and in compressed entries. Tensor a is
 * the numbers 0 to 199, end_of_a its last twenty. */
static void reads_in_any_order(void **state)
{
	static const unsigned firsts[] = { 0, 7, 100, 3, 199, 0, 198, 50, 51, 49 };
	struct wick_checkpoint *checkpoint = open_or_fail(fixture("deflated"));
	const struct wick_source_tensor *a = wick_checkpoint_find(checkpoint, "a");
	const struct wick_source_tensor *end = wick_checkpoint_find(checkpoint, "end_of_a");
	struct wick_diag diag = { 0 };
	float number;

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(firsts); i++) {
		assert_int_equal(wick_checkpoint_read(checkpoint, a, firsts[i] * 4, &number, 4, &diag), 0);
		assert_true(number == firsts[i]);
		assert_int_equal(wick_checkpoint_read(checkpoint, end, (19 - i) * 4, &number, 4, &diag), 0);
		assert_true(number == 199 - i);
	}
	wick_checkpoint_close(checkpoint);
}

static void stored_reads_in_any_order(void **state)
{
	static const unsigned firsts[] = { 0, 7, 20, 3, 23, 0, 22, 12, 13, 11 };
	struct wick_checkpoint *checkpoint = open_or_fail(fixture("views"));
	const struct wick_source_tensor *base = wick_checkpoint_find(checkpoint, "base");
	struct wick_diag diag = { 0 };
	float all[24], number;

	(void)state;
	assert_int_equal(wick_checkpoint_read(checkpoint, base, 0, all, sizeof(all), &diag), 0);
	for (size_t i = 0; i < WICK_COUNT_OF(firsts); i++) {
		assert_int_equal(wick_checkpoint_read(checkpoint, base, firsts[i] * 4, &number, 4, &diag), 0);
		assert_true(number == all[firsts[i]]);
	}
	wick_checkpoint_close(checkpoint);
}

/* Bad pickles. Macros spell out what torch.save writes; the storage has four floats. */
#define WORD(length, text) "X" length "\0\0\0" text
#define CLASS(module, name) "c" module "\n" name "\n"
#define STORAGE_OF(class, key, numbers) "(" WORD("\7", "storage") class WORD("\1", key) WORD("\3", "cpu") numbers "tQ"
#define FLOATS CLASS("torch", "FloatStorage")
#define STORAGE STORAGE_OF(FLOATS, "0", "K\4")
#define TENSOR(storage, offset, size, stride) \
	CLASS("torch._utils", "_rebuild_tensor_v2") "(" storage offset size stride "\x89" "}tR"
#define NAMED(value) "\x80\2" "}" WORD("\1", "w") value "s."
#define FOUR "K\1" "K\1" "K\1" "K\1"
#define GOOD TENSOR(STORAGE, "K\0", "K\4" "\x85", "K\1" "\x85")

struct zip_entry {
	const char *name;
	const void *bytes;
	size_t count;
	int method; /* 0: stored */
};

static void write_zip(const struct folder *folder, const struct zip_entry *entries, size_t count)
{
	zip_t *zip = zip_open(folder_path(folder, "pytorch_model.bin"), ZIP_CREATE | ZIP_TRUNCATE, NULL);

	assert_non_null(zip);
	for (size_t i = 0; i < count; i++) {
		zip_source_t *source = zip_source_buffer(zip, entries[i].bytes, entries[i].count, 0);
		zip_int64_t index = zip_file_add(zip, entries[i].name, source, 0);

		assert_true(index >= 0);
		assert_int_equal(
			zip_set_file_compression(zip, index, entries[i].method ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0), 0);
	}
	assert_int_equal(zip_close(zip), 0);
}

/* Opens a checkpoint with this pickle and 16 bytes in data/0. */
static int open_pickle(const struct folder *folder, const char *pickle, size_t length,
	struct wick_checkpoint **checkpoint, struct wick_diag *diag)
{
	const struct zip_entry entries[] = { { "x/data.pkl", pickle, length, 0 },
		{ "x/data/0", "\0\0\x80?\0\0\0@\0\0@@\0\0\x80@", 16, 0 } };

	write_zip(folder, entries, 2);
	return wick_checkpoint_open(checkpoint, folder->path, diag);
}

static void made_pickle_is_good(void **state)
{
	static const char pickle[] = NAMED(GOOD);
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };
	float numbers[4];

	(void)state;
	assert_int_equal(open_pickle(&folder, pickle, sizeof(pickle) - 1, &checkpoint, &diag), 0);
	assert_int_equal(
		wick_checkpoint_read(checkpoint, wick_checkpoint_find(checkpoint, "w"), 0, numbers, 16, &diag), 0);
	assert_true(numbers[0] == 1 && numbers[1] == 2 && numbers[2] == 3 && numbers[3] == 4);
	wick_checkpoint_close(checkpoint);
	folder_remove(&folder);
}

static void bad_pickles_get_a_sentence(void **state)
{
#define BAD(pickle, sentence) { pickle, sizeof(pickle) - 1, sentence }
	static const struct {
		const char *pickle;
		size_t length;
		const char *sentence;
	} cases[] = {
		BAD("", "its pickle ends at byte 0 without a STOP"),
		BAD("\x80\2" "}", "its pickle ends at byte 3 without a STOP"),
		BAD("\x80\1" "}.", "pickle opcode PROTO at byte 0: not protocol 2, 3, 4 or 5"),
		BAD("\x80\2" ".", "pickle opcode STOP at byte 2: the stack is empty"),
		BAD("\x80\2" "(.", "pickle opcode STOP at byte 3: the stack is empty"),
		BAD("\x80\2" "i", "pickle opcode 0x69 at byte 2 is not one of torch.save's"),
		BAD("\x80\2" "X\xff\xff\xff\xff" "abc", "pickle opcode BINUNICODE at byte 2: it ends in the middle"),
		BAD("\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
			"pickle opcode BINUNICODE8 at byte 0: it ends in the middle"),
		BAD("\x80\2" "J\1", "pickle opcode BININT at byte 2: it ends in the middle"),
		BAD("ctorch\nFloatStorage", "pickle opcode GLOBAL at byte 0: it ends in the middle"),
		BAD("cos\nsystem\n",
			"its pickle names os.system, which has no place among weights; nothing was executed"),
		BAD("\x8c\2" "os" "\x8c\6" "system" "\x93",
			"its pickle names os.system, which has no place among weights; nothing was executed"),
		BAD("ctorch\nFloatStorag\n",
			"its pickle names torch.FloatStorag, which has no place among weights; nothing was executed"),
		BAD("cos\nFloatStorage\n",
			"its pickle names os.FloatStorage, which has no place among weights; nothing was executed"),
		BAD("K\1" "K\2" "\x93", "pickle opcode STACK_GLOBAL at byte 4: the name of a class is not a string"),
		BAD("K\1" "\x86", "pickle opcode TUPLE2 at byte 2: the stack is empty"),
		BAD("t", "pickle opcode TUPLE at byte 0: there is no mark on the stack"),
		BAD("}K\1" "a", "pickle opcode APPEND at byte 3: what is on the stack cannot hold this"),
		BAD("](K\1" "u", "pickle opcode SETITEMS at byte 4: what is on the stack cannot hold this"),
		BAD("}(K\1" "u", "pickle opcode SETITEMS at byte 4: a key without a value"),
		BAD("]}b.", "pickle opcode BUILD at byte 2: what is on the stack cannot hold this"),
		BAD("h\0", "pickle opcode BINGET at byte 0: the memo has nothing there"),
		BAD("}r\1\0\0\0" "h\0", "pickle opcode BINGET at byte 6: the memo has nothing there"),
		BAD("}r\xff\xff\xff\xff", "pickle opcode LONG_BINPUT at byte 1: too many values"),
		BAD("q\0", "pickle opcode BINPUT at byte 0: the stack is empty"),
		BAD("})R", "pickle opcode REDUCE at byte 2: not a class and a tuple of arguments"),
		BAD(CLASS("collections", "OrderedDict") "]\x85" "R",
			"pickle opcode REDUCE at byte 27: a mapping made with arguments"),
		BAD(NAMED(CLASS("torch._utils", "_rebuild_tensor_v2") ")R"),
			"tensor w: not described as torch.save does it"),
		BAD(NAMED(CLASS("torch._utils", "_rebuild_parameter") ")R"),
			"tensor w: a parameter without its tensor"),
		BAD(NAMED(TENSOR("N", "K\0", "K\4" "\x85", "K\1" "\x85")),
			"tensor w: its storage is not described as torch.save does it"),
		BAD(NAMED(TENSOR(")Q", "K\0", "K\4" "\x85", "K\1" "\x85")),
			"tensor w: its storage is not described as torch.save does it"),
		BAD(NAMED(TENSOR(STORAGE_OF(CLASS("torch", "device"), "0", "K\4"), "K\0", "K\4" "\x85", "K\1" "\x85")),
			"tensor w: its storage is not described as torch.save does it"),
		BAD(NAMED(TENSOR(STORAGE_OF(FLOATS, "7", "K\4"), "K\0", "K\4" "\x85", "K\1" "\x85")),
			"tensor w: its storage data/7 is not in the file"),
		BAD(NAMED(TENSOR(STORAGE_OF(FLOATS, "0", "K\5"), "K\0", "K\4" "\x85", "K\1" "\x85")),
			"tensor w: its storage data/0 has 16 bytes, not the 20 of 5 numbers in a FloatStorage"),
		BAD(NAMED(TENSOR(STORAGE_OF(FLOATS, "0", "J\xff\xff\xff\xff"), "K\0", "K\4" "\x85", "K\1" "\x85")),
			"tensor w: its storage is not described as torch.save does it"),
		BAD(NAMED(TENSOR(STORAGE, "K\1", "K\4" "\x85", "K\1" "\x85")),
			"tensor w: its numbers 1 to 5 go beyond its storage of 16 bytes"),
		BAD(NAMED(TENSOR(STORAGE, "K\0", "K\2" "K\3" "\x86", "K\3" "K\1" "\x86")),
			"tensor w: its numbers 0 to 6 go beyond its storage of 16 bytes"),
		BAD(NAMED(TENSOR(STORAGE, "\x8a\x8\xff\xff\xff\xff\xff\xff\xff\x7f", "K\4" "\x85", "K\1" "\x85")),
			"tensor w: its numbers 9223372036854775807 to 9223372036854775811 go beyond its storage of 16 bytes"),
		BAD(NAMED(TENSOR(STORAGE, "\x8a\1\xff", "K\4" "\x85", "K\1" "\x85")),
			"tensor w: not described as torch.save does it"),
		BAD(NAMED(TENSOR(STORAGE, "J\xff\xff\xff\xff", "K\4" "\x85", "K\1" "\x85")),
			"tensor w: not described as torch.save does it"),
		BAD(NAMED(TENSOR(STORAGE, "K\0", "J\xff\xff\xff\xff" "\x85", "K\1" "\x85")),
			"tensor w: its size is not a tuple of lengths"),
		BAD(NAMED(TENSOR(STORAGE, "K\0", "K\4", "K\1" "\x85")), "tensor w: its size is not a tuple"),
		BAD(NAMED(TENSOR(STORAGE, "K\0", "\x8a\6\0\0\0\0\0\1" "\x8a\6\0\0\0\0\0\1" "\x86", "K\1" "K\1" "\x86")),
			"tensor w: its size has too many numbers to count"),
		BAD(NAMED(TENSOR(STORAGE, "K\0", "K\4" "\x85", ")")), "tensor w: its stride does not go with its size"),
		BAD(NAMED(TENSOR(STORAGE, "K\0", "K\4" "\x85", "N\x85")),
			"tensor w: its stride is not a tuple of lengths"),
		BAD(CLASS("torch", "device") "(" FOUR FOUR FOUR FOUR "K\1" "tR",
			"pickle opcode REDUCE at byte 50: a call with more than 16 arguments"),
		BAD(NAMED(TENSOR(STORAGE, "K\0", "(" FOUR FOUR FOUR FOUR FOUR FOUR FOUR FOUR FOUR FOUR FOUR FOUR FOUR
			FOUR FOUR FOUR "K\1" "t", ")")), "tensor w: its size has more than 64 dimensions"),
		BAD("\x80\2" "}(" WORD("\1", "w") GOOD WORD("\1", "w") GOOD "u.", "has two tensors called w"),
		BAD("\x80\2" GOOD ".", "a tensor without a name"),
		BAD("]q\0" "h\0" "a.",
			"nested deeper than 32 at 0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"),
	};
	struct folder folder = folder_make();

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		struct wick_checkpoint *checkpoint;
		struct wick_diag diag = { 0 };

		assert_int_equal(open_pickle(&folder, cases[i].pickle, cases[i].length, &checkpoint, &diag), -EINVAL);
		assert_string_equal(after_path(&diag), cases[i].sentence);
	}
	folder_remove(&folder);
#undef BAD
}

/* 24 tuples, each holding the one before it twice: 2^24 ways lead to the innermost. */
static void shared_parts_are_bounded(void **state)
{
	char pickle[256] = "]";
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };
	size_t length = 1;

	(void)state;
	for (char i = 0; i < 24; i++) {
		const char pair[] = { 'q', i, 'h', i, (char)0x86 };

		memcpy(pickle + length, pair, sizeof(pair));
		length += sizeof(pair);
	}
	pickle[length++] = '.';
	assert_int_equal(open_pickle(&folder, pickle, length, &checkpoint, &diag), -EINVAL);
	assert_string_equal(after_path(&diag), "more than 524288 containers and tensors in its pickle");
	folder_remove(&folder);
}

/* A list of 100,000 numbers in a list, as often as the items of both are one more than may be looked at. */
static void shared_items_are_bounded(void **state)
{
	const size_t items = 100000, times = WICK_PICKLE_BYTES_MAX / (items + 1) + 1;
	char *pickle = malloc(64 + 2 * (items + times)), *at = mempcpy(pickle, "K\1q\1](", 6);
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };
	struct folder folder = folder_make();

	(void)state;
	for (size_t i = 0; i < items; i++)
		at = mempcpy(at, "h\1", 2);
	at = mempcpy(at, "eq\2](", 5);
	for (size_t i = 0; i < times; i++)
		at = mempcpy(at, "h\2", 2);
	at = mempcpy(at, "e.", 2);
	assert_int_equal(open_pickle(&folder, pickle, at - pickle, &checkpoint, &diag), -EINVAL);
	assert_string_equal(after_path(&diag), "more than 16777216 items in the containers of its pickle");
	folder_remove(&folder);
	free(pickle);
}

/* Parameters of parameters: as many as there is room for in a pickle, if not on the stack. */
static void nested_parameters_are_bounded(void **state)
{
	static const char begin[] = "ctorch._utils\n_rebuild_parameter\nq\0", open[] = "h\0(", close[] = "tR";
	const size_t count = 400000, bytes = sizeof(begin) - 1 + count * (sizeof(open) - 1 + sizeof(close) - 1) + 1;
	char *pickle = malloc(bytes), *at = mempcpy(pickle, begin, sizeof(begin) - 1);
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };
	struct folder folder = folder_make();

	(void)state;
	for (size_t i = 0; i < count; i++)
		at = mempcpy(at, open, sizeof(open) - 1);
	for (size_t i = 0; i < count; i++)
		at = mempcpy(at, close, sizeof(close) - 1);
	*at++ = '.';
	assert_int_equal(at - pickle, bytes);
	assert_int_equal(open_pickle(&folder, pickle, bytes, &checkpoint, &diag), -EINVAL);
	assert_string_equal(after_path(&diag), "nested deeper than 32 at ");
	folder_remove(&folder);
	free(pickle);
}

static void bad_zips_get_a_sentence(void **state)
{
	static const char zeros[WICK_PICKLE_BYTES_MAX + 1];
	static const struct {
		struct zip_entry entry;
		const char *sentence;
	} cases[] = {
		{ { "data.pkl", "}.", 2, 0 }, "a zip, but its first entry is not in a folder as torch.save puts it" },
		{ { "x/code.py", "}.", 2, 0 }, "a zip without x/data.pkl, so not a torch checkpoint" },
		{ { "x/data.pkl", zeros, sizeof(zeros), 1 },
			"data.pkl has 16777217 bytes, more than the 16777216 that it may have" },
	};
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint;

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		struct wick_diag diag = { 0 };

		write_zip(&folder, &cases[i].entry, 1);
		assert_int_equal(wick_checkpoint_open(&checkpoint, folder.path, &diag), -EINVAL);
		assert_string_equal(after_path(&diag), cases[i].sentence);
	}
	folder_write(&folder, "pytorch_model.bin", "this is not a zip file", 22);
	assert_int_equal(wick_checkpoint_open(&checkpoint, folder.path, NULL), -EINVAL);
	folder_remove(&folder);
}

struct blob {
	uint8_t *bytes;
	size_t count;
};

static struct blob read_fixture(const char *name)
{
	FILE *file = fopen(fixture(name), "rb");
	struct blob blob = { malloc(65536), 0 };

	assert_non_null(file);
	blob.count = fread(blob.bytes, 1, 65536, file);
	fclose(file);
	return blob;
}

static void every_truncation_is_refused(void **state)
{
	struct blob blob = read_fixture("protocol2/pytorch_model.bin");
	struct folder folder = folder_make();

	(void)state;
	for (size_t count = 0; count < blob.count; count++) {
		struct wick_checkpoint *checkpoint;
		struct wick_diag diag = { 0 };

		folder_write(&folder, "pytorch_model.bin", blob.bytes, count);
		assert_int_equal(wick_checkpoint_open(&checkpoint, folder.path, &diag), -EINVAL);
		assert_non_null(strstr(diag.text, "/pytorch_model.bin: "));
	}
	free(blob.bytes);
	folder_remove(&folder);
}

/* All tensors, one after another: names, shapes and bytes. -EINVAL or -EIO when one cannot be read. */
static int digest(const char *folder, uint8_t *out, size_t *count, struct wick_diag *diag)
{
	struct wick_checkpoint *checkpoint;
	int ret = wick_checkpoint_open(&checkpoint, folder, diag);

	*count = 0;
	for (unsigned i = 0; !ret && i < wick_checkpoint_count(checkpoint); i++) {
		const struct wick_source_tensor *tensor = wick_checkpoint_at(checkpoint, i);

		*count += sprintf((char *)out + *count, "%s %d %u %d %d", tensor->name, tensor->type, tensor->dims,
			(int)tensor->shape[0], (int)tensor->shape[1]);
		ret = wick_checkpoint_read(checkpoint, tensor, 0, out + *count, tensor->bytes, diag);
		*count += tensor->bytes;
	}
	wick_checkpoint_close(checkpoint);
	return ret;
}

/* One wrong byte anywhere either does not matter, or is found and said. */
static void every_flipped_byte_is_found(void **state)
{
	struct blob blob = read_fixture("protocol2/pytorch_model.bin");
	struct folder folder = folder_make();
	uint8_t good[4096], now[4096];
	size_t good_count, now_count;
	unsigned refused = 0;

	(void)state;
	assert_int_equal(digest(fixture("protocol2"), good, &good_count, NULL), 0);
	for (size_t i = 0; i < blob.count; i++) {
		struct wick_diag diag = { 0 };
		int ret;

		blob.bytes[i] ^= 0x10;
		folder_write(&folder, "pytorch_model.bin", blob.bytes, blob.count);
		blob.bytes[i] ^= 0x10;
		ret = digest(folder.path, now, &now_count, &diag);
		refused += ret != 0;
		if (ret && !strstr(diag.text, "/pytorch_model.bin: "))
			fail_msg("byte %zu: no sentence", i);
		if (!ret && (now_count != good_count || memcmp(now, good, good_count)))
			fail_msg("byte %zu: not found", i);
	}
	assert_true(refused > 900);
	free(blob.bytes);
	folder_remove(&folder);
}

#define STORED_BYTES (4u << 20)
#define STORED_PICKLE NAMED(TENSOR(STORAGE_OF(FLOATS, "0", "J\0\0\x10\0"), "K\0", "J\0\0\x10\0" "\x85", "K\1" "\x85"))

/* A checkpoint whose tensor w is a storage of 4 MiB: as it is, or with one wrong bit of the byte at `flipped`. */
static struct wick_checkpoint *open_stored(const struct folder *folder, int method, int64_t flipped)
{
	uint8_t *numbers = malloc(STORED_BYTES), *bytes = malloc(STORED_BYTES + 65536), *found;
	const struct zip_entry entries[] = { { "x/data.pkl", STORED_PICKLE, sizeof(STORED_PICKLE) - 1, 0 },
		{ "x/data/0", memset(numbers, 0x3f, STORED_BYTES), STORED_BYTES, method } };
	size_t count;
	FILE *file;

	write_zip(folder, entries, WICK_COUNT_OF(entries));
	if (flipped >= 0) {
		file = fopen(folder_path(folder, "pytorch_model.bin"), "rb");
		assert_non_null(file);
		count = fread(bytes, 1, STORED_BYTES + 65536, file);
		fclose(file);
		found = memmem(bytes, count, numbers, STORED_BYTES);
		assert_non_null(found);
		found[flipped] ^= 0x10;
		folder_write(folder, "pytorch_model.bin", bytes, count);
	}
	free(numbers);
	free(bytes);
	return open_or_fail(folder->path);
}

/* A bit that nobody asked for, or that was passed over in going back and forth, is found before all is done. */
static void flipped_bits_are_found_in_any_order(void **state)
{
	static const struct {
		unsigned flipped, offsets[4];
	} cases[] = {
		{ 2 << 20, { 0, 1 << 20, 3 << 20, 3 << 20 } },             /* passed over */
		{ (4 << 20) - 1, { 0, 4, 8, 12 } },                        /* beyond what was asked for */
		{ 0, { 2 << 20, 3 << 20, (3 << 20) + 4, (3 << 20) + 8 } }, /* before it */
		{ 3 << 20, { 3 << 20, 0, 1 << 20, 0 } },                   /* read before going back */
		{ (4 << 20) - 1, { 2 << 20, 1 << 20, 0, 4 } },             /* backwards */
	};
	struct folder folder = folder_make();

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		struct wick_checkpoint *checkpoint = open_stored(&folder, 0, cases[i].flipped);
		struct wick_diag diag = { 0 };
		uint8_t number[4];
		int ret = 0;

		for (size_t k = 0; !ret && k < 4; k++)
			ret = wick_checkpoint_read(checkpoint, wick_checkpoint_find(checkpoint, "w"),
				cases[i].offsets[k], number, 4, &diag);
		if (!ret)
			ret = wick_checkpoint_finish(checkpoint, &diag);
		assert_int_equal(ret, -EINVAL);
		assert_string_equal(strrchr(diag.text, ':'), ": CRC error");
		wick_checkpoint_close(checkpoint);
	}
	folder_remove(&folder);
}

/* Stops at the third question. */
static int stop_soon(void *user)
{
	unsigned *asked = user;

	return ++*asked == 3 ? -ECANCELED : 0;
}

static void long_reads_can_be_stopped(void **state)
{
	struct folder folder = folder_make();
	struct wick_diag diag = { 0 };
	uint8_t number[4];

	(void)state;
	for (int method = 0; method < 2; method++) {
		struct wick_checkpoint *checkpoint = open_stored(&folder, method, -1);
		const struct wick_source_tensor *tensor = wick_checkpoint_find(checkpoint, "w");
		unsigned asked = 0;

		wick_checkpoint_watch(checkpoint, stop_soon, &asked);
		assert_int_equal(wick_checkpoint_read(checkpoint, tensor, 0, number, 4, &diag), 0);
		assert_int_equal(asked, 0);
		assert_int_equal(wick_checkpoint_read(checkpoint, tensor, 4000000, number, 4, &diag), -ECANCELED);
		assert_int_equal(wick_checkpoint_read(checkpoint, tensor, 4000000, number, 4, &diag), 0);
		wick_checkpoint_close(checkpoint);
	}
	folder_remove(&folder);
}

/* A compressed storage may be unpacked again a few times, not for every read. */
static void compressed_storages_are_not_unpacked_for_ever(void **state)
{
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint = open_stored(&folder, 1, -1);
	struct wick_diag diag = { 0 };
	unsigned reads = 0;
	uint8_t number[4];
	int ret = 0;

	(void)state;
	for (uint64_t at = STORED_BYTES; !ret && at; at -= 4, reads++)
		ret = wick_checkpoint_read(
			checkpoint, wick_checkpoint_find(checkpoint, "w"), at - 4, number, 4, &diag);
	assert_int_equal(ret, -EINVAL);
	assert_in_range(reads, 5, 20);
	assert_string_equal(after_path(&diag), "tensor w: its storage is compressed and would be unpacked again and "
		"again; save it as PyTorch does, stored");
	wick_checkpoint_close(checkpoint);
	folder_remove(&folder);
}

/* Real checkpoints, their numbers as torch prints them: first, last, and the sum. */
static const struct known {
	const char *path;
	unsigned count;
	const char *name;
	uint64_t rows, cols; /* cols 0: one dimension */
	double first, last, sum;
} known[] = {
	{ "TinyPeLLM/pytorch_model.bin", 24, "lm_head.weight", 3000, 128, 0, 0.0005228100344538689,
		-5.390640920134761 },
	{ "TinyPeLLM/tinypellm_model.pt", 36, "layers.0.attn.v_proj.bias", 32, 0, 0.09584582597017288,
		-0.00038623451837338507, 0.2277444399369415 },
	{ "gpt-gelu-char-ckpt/gpt_model.pt", 164, "transformer.wpe.weight", 10, 48,
		-1.0637052059173584,
		0.189239040017128, 10.881006393930875 },
	{ "gpt-gelu-char-ckpt/gpt_model.pt", 164, "optimizer_state_dict.state.40.exp_avg_sq", 65, 48,
		6.220981595106423e-05, 5.95456867813482e-07, 0.14869965477002978 },
	{ "minigpt-relu-ctx256/shakespeare_gpt.pth", 84, "blocks.0.sa.heads.0.tril", 256, 256, 1, 1, 32896 },
	{ "minigpt-relu-ctx256/shakespeare_gpt.pth", 84, "lm_head.bias", 65, 0, 0.008449041284620762,
		-0.27923300862312317, -6.838699957123026 },
};

static void compare_known(const char *folder, const struct known *expected)
{
	struct wick_checkpoint *checkpoint = open_or_fail(folder);
	const struct wick_source_tensor *tensor = wick_checkpoint_find(checkpoint, expected->name);
	uint64_t count = expected->rows * (expected->cols ? expected->cols : 1);
	float *numbers = malloc(count * sizeof(*numbers));
	struct wick_diag diag = { 0 };
	double sum = 0;

	assert_int_equal(wick_checkpoint_count(checkpoint), expected->count);
	assert_non_null(tensor);
	assert_true(tensor->type == WICK_F32 && tensor->bytes == count * 4 && tensor->dims == (expected->cols ? 2 : 1));
	assert_true(tensor->shape[0] == expected->rows && tensor->shape[1] == expected->cols);
	if (wick_checkpoint_read(checkpoint, tensor, 0, numbers, tensor->bytes, &diag))
		fail_msg("%s", diag.text);
	for (uint64_t i = 0; i < count; i++)
		sum += numbers[i];
	assert_true(numbers[0] == expected->first && numbers[count - 1] == expected->last);
	assert_true(fabs(sum - expected->sum) < 1e-9);
	free(numbers);
	wick_checkpoint_close(checkpoint);
}

static void real_files(void **state)
{
	const char *shared = *state;

	for (size_t i = 0; i < WICK_COUNT_OF(known); i++) {
		struct folder folder = folder_make();
		char path[512];

		snprintf(path, sizeof(path), "%s/data/models/%s", shared, known[i].path);
		assert_int_equal(symlink(path, folder_path(&folder, "pytorch_model.bin")), 0);
		compare_known(folder.path, &known[i]);
		folder_remove(&folder);
	}
}

static int run_shared(void)
{
	char *shared = getenv("WICK_SHARED");
	const struct CMUnitTest tests[] = { cmocka_unit_test_prestate(real_files, shared) };

	if (!shared) {
		puts("skipped: WICK_SHARED is not set, so there are no real files");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(torch_files_give_what_torch_had),
		cmocka_unit_test(reads_in_any_order),
		cmocka_unit_test(stored_reads_in_any_order),
		cmocka_unit_test(made_pickle_is_good),
		cmocka_unit_test(bad_pickles_get_a_sentence),
		cmocka_unit_test(shared_parts_are_bounded),
		cmocka_unit_test(shared_items_are_bounded),
		cmocka_unit_test(nested_parameters_are_bounded),
		cmocka_unit_test(bad_zips_get_a_sentence),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_flipped_byte_is_found),
		cmocka_unit_test(flipped_bits_are_found_in_any_order),
		cmocka_unit_test(long_reads_can_be_stopped),
		cmocka_unit_test(compressed_storages_are_not_unpacked_for_ever),
	};

	if (argc > 1 && !strcmp(argv[1], "shared"))
		return run_shared();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
