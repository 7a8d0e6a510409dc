/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick_verify names what is damaged: a byte is flipped in every part of a packed model, and in every gap. */

#include "packing.h"

#include "bits.h"
#include "gguf.h"
#include "model.h"

#include <fcntl.h>

static struct folder folder;
static char path[512];
static unsigned flips;

static void flip(uint64_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1u << at % 8;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* With this byte changed, verify says so in these words; with it changed back, all is well. */
static void named(uint64_t at, const char *words)
{
	struct wick_diag diag;
	int rc;

	flip(at);
	rc = wick_verify(path, NULL, NULL, NULL, &diag);
	if (rc != -EBADMSG || !strstr(diag.text, words) || !strstr(diag.text, path))
		fail_msg("byte %llu: wanted \"%s\", got %d: %s", (unsigned long long)at, words, rc, diag.text);
	flip(at);
	flips++;
}

/* A sentence that gives the byte range of the block which the byte is in. */
static void named_block(const struct wick_tensor *tensor, uint64_t row, const char *what, uint64_t byte)
{
	uint64_t first = row / tensor->check_rows * tensor->check_rows;
	uint64_t last = WICK_MIN(first + tensor->check_rows, tensor->rows) - 1;
	uint64_t from = tensor->offset + first * tensor->row_bytes;
	char words[200], rows[64] = "";

	if (strcmp(what, "rows") == 0)
		snprintf(rows, sizeof(rows), " rows %llu to %llu", (unsigned long long)first, (unsigned long long)last);
	if (strcmp(what, "bundle") == 0)
		snprintf(rows, sizeof(rows), " bundle %llu", (unsigned long long)row);
	snprintf(words, sizeof(words), "tensor \"%s\"%s (bytes %llu to %llu) is damaged", tensor->name, rows,
		(unsigned long long)from, (unsigned long long)(from + (last - first + 1) * tensor->row_bytes - 1));
	named(tensor->offset + row * tensor->row_bytes + byte, words);
}

/* First, last and some middle byte. */
static void damage_tensor(const struct wick_tensor *tensor, void *user)
{
	bool bundles = strstr(tensor->name, "ffn_bundles");
	const char *what = bundles ? "bundle" : tensor->check_rows > 1 ? "rows" : "";

	(void)user;
	named_block(tensor, 0, what, 0);
	named_block(tensor, tensor->rows / 2, what, tensor->row_bytes / 2);
	named_block(tensor, tensor->rows - 1, what, tensor->row_bytes - 1);
}

static void every_tensor(void **state)
{
	struct wick_model *model;

	(void)state;
	assert_int_equal(wick_model_open(&model, path, NULL), 0);
	wick_model_each(model, damage_tensor, NULL);
	assert_true(flips > 3 * 30);
	wick_model_close(model);
}

static void header_tables_and_gaps(void **state)
{
	struct wick_gguf *gguf;
	uint64_t end;

	(void)state;
	assert_int_equal(wick_gguf_open(&gguf, path, NULL), 0);
	end = wick_gguf_header_bytes(gguf);
	named(end - 1, "the header");
	for (uint64_t i = 0; i < wick_gguf_tensor_count(gguf); i++) {
		const struct wick_gguf_tensor *tensor = wick_gguf_tensor_at(gguf, i);
		char words[120];

		snprintf(words, sizeof(words), "padding in front of %.*s", (int)tensor->name.length,
			tensor->name.bytes);
		if (end < tensor->offset) {
			named(end, words);
			named(tensor->offset - 1, words);
		}
		end = tensor->offset + tensor->bytes;
		snprintf(words, sizeof(words), "tensor \"%.*s\"", (int)tensor->name.length, tensor->name.bytes);
		if (tensor->type == WICK_GGML_I32) {
			named(tensor->offset, words);
			named(end - 1, words);
		}
	}
	assert_true(end < wick_gguf_file_bytes(gguf));
	named(end, "padding in front of the end of the file");
	named(wick_gguf_file_bytes(gguf) - 1, "padding in front of the end of the file");
	wick_gguf_close(gguf);
}

/* A header that still makes sense is told by its checksum, one that does not by what is wrong in it. */
static void every_byte_of_the_header(void **state)
{
	struct wick_gguf *gguf;
	uint64_t count;

	(void)state;
	assert_int_equal(wick_gguf_open(&gguf, path, NULL), 0);
	count = wick_gguf_header_bytes(gguf);
	wick_gguf_close(gguf);
	for (uint64_t at = 0; at < count; at += at < 2200 ? 1 : 37) {
		struct wick_diag diag;
		int rc;

		flip(at);
		rc = wick_verify(path, NULL, NULL, NULL, &diag);
		if (rc != -EBADMSG && rc != -EINVAL)
			fail_msg("byte %llu of the header: %d, %s", (unsigned long long)at, rc, diag.text);
		assert_non_null(strstr(diag.text, path));
		flip(at);
	}
}

static void cut_anywhere(void **state)
{
	struct blob blob = blob_load(path);

	(void)state;
	for (size_t count = blob.count - 1; count > 0; count = count > 5000 ? count - 4999 : count / 2) {
		struct wick_diag diag;

		assert_int_equal(truncate(path, count), 0);
		assert_int_equal(wick_verify(path, NULL, NULL, NULL, &diag), -EINVAL);
		assert_non_null(strstr(diag.text, "cut off"));
	}
	folder_write(&folder, "model.gguf", blob.bytes, blob.count);
	assert_int_equal(wick_verify(path, NULL, NULL, NULL, NULL), 0);
	free(blob.bytes);
}

static int stop_at_once(void *user, uint64_t done, uint64_t total)
{
	(void)user, (void)done, (void)total;
	return 1;
}

static void stopped(void **state)
{
	struct wick_diag diag;

	(void)state;
	assert_int_equal(wick_verify(path, stop_at_once, NULL, NULL, &diag), -ECANCELED);
	assert_non_null(strstr(diag.text, "stopped before the end of"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_tensor), cmocka_unit_test(header_tables_and_gaps),
		cmocka_unit_test(every_byte_of_the_header), cmocka_unit_test(cut_anywhere), cmocka_unit_test(stopped),
	};
	int rc;

	folder = folder_make();
	snprintf(path, sizeof(path), "%s/model.gguf", folder.path);
	pack_well(fixture_path("post-norm-f16"), path, NULL);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	folder_remove(&folder);
	return rc;
}
