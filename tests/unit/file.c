/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What wick_file_open finds out, and what buffered reading leaves in the page cache. */

#include "file.h"

#include "bits.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FILE_BYTES (256 * 1024 + 100)

static char path[256];

/* Pages of the file that are in the page cache. */
static unsigned cached_pages(const char *name)
{
	unsigned char in_core[WICK_COUNT_OF(path) * 4] = { 0 };
	unsigned count = 0;
	int fd = open(name, O_RDONLY);
	void *map = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);

	assert_true(fd >= 0 && map != MAP_FAILED);
	assert_int_equal(mincore(map, FILE_BYTES, in_core), 0);
	for (unsigned i = 0; i < WICK_COUNT_OF(in_core); i++)
		count += in_core[i] & 1;
	munmap(map, FILE_BYTES);
	close(fd);
	return count;
}

static int write_file(void **state)
{
	const char *folder = getenv("TMPDIR");
	char bytes[FILE_BYTES];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/wick-file-XXXXXX", folder ? folder : "/tmp");
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 131 >> 3);
	fd = mkstemp(path);
	if (fd < 0 || write(fd, bytes, sizeof(bytes)) != sizeof(bytes) || fsync(fd))
		return -1;
	return close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void buffered_has_no_alignment(void **state)
{
	struct wick_diag diag = { 0 };
	struct wick_file file;

	(void)state;
	assert_int_equal(wick_file_open(&file, path, false, &diag), 0);
	assert_false(file.direct);
	assert_int_equal(file.size, FILE_BYTES);
	assert_int_equal(file.offset_align, 1);
	assert_int_equal(file.memory_align, 1);
	assert_string_equal(file.why, "");
	assert_string_equal(file.path, path);
	wick_file_close(&file);
	wick_file_close(&file);
	assert_int_equal(file.fd, -1);
}

/* Either a direct read at the alignments said works, or there is a reason. */
static void direct_or_says_why(void **state)
{
	struct wick_file file;
	char *buffer;

	(void)state;
	assert_int_equal(wick_file_open(&file, path, true, NULL), 0);
	if (!file.direct) {
		print_message("not direct here: %s\n", file.why);
		assert_true(strlen(file.why) > 0);
		assert_int_equal(file.offset_align, 1);
		assert_int_equal(file.memory_align, 1);
	} else {
		assert_string_equal(file.why, "");
		assert_true(wick_is_pow2(file.offset_align) && wick_is_pow2(file.memory_align));
		assert_true(fcntl(file.fd, F_GETFL) & O_DIRECT);
		buffer = aligned_alloc(4096, wick_align_up(file.offset_align, 4096));
		assert_non_null(buffer);
		assert_int_equal(pread(file.fd, buffer, file.offset_align, file.offset_align), file.offset_align);
		for (unsigned i = 0; i < file.offset_align; i++)
			assert_int_equal(buffer[i], (char)((file.offset_align + i) * 131 >> 3));
		free(buffer);
	}
	wick_file_close(&file);
}

static void memory_is_not_direct(void **state)
{
	char name[] = "/dev/shm/wick-file-XXXXXX";
	struct wick_file file;
	int fd = mkstemp(name);

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(write(fd, name, sizeof(name)), sizeof(name));
	assert_int_equal(wick_file_open(&file, name, true, NULL), 0);
	unlink(name);
	close(fd);
	assert_false(file.direct);
	assert_true(strlen(file.why) > 0);
	wick_file_close(&file);
}

/* Where blocks are larger than what the reads are made for there is nothing direct, and that is said. */
static void coarse_blocks_are_not_direct(void **state)
{
	struct wick_file file;
	uint32_t align;

	(void)state;
	assert_int_equal(wick_file_open(&file, path, true, NULL), 0);
	align = WICK_MAX(file.offset_align, file.memory_align);
	wick_file_close(&file);
	if (align < 2)
		skip(); /* not direct here */
	assert_int_equal(wick_file_open_grained(&file, path, true, align, NULL), 0);
	assert_true(file.direct);
	wick_file_close(&file);
	assert_int_equal(wick_file_open_grained(&file, path, true, align / 2, NULL), 0);
	assert_false(file.direct);
	assert_int_equal(file.offset_align, 1);
	assert_non_null(strstr(file.why, "blocks of"));
	wick_file_close(&file);
	assert_int_equal(wick_file_open_grained(&file, "/nonexistent", true, 512, NULL), -ENOENT);
}

static void refuse(const char *name, int code, const char *words)
{
	struct wick_diag diag = { 0 };
	struct wick_file file;

	assert_int_equal(wick_file_open(&file, name, true, &diag), code);
	assert_non_null(strstr(diag.text, name));
	assert_non_null(strstr(diag.text, words));
	assert_int_equal(file.fd, -1);
	wick_file_close(&file);
}

static void what_cannot_be_read_is_named(void **state)
{
	char fifo[sizeof(path) + 8];

	(void)state;
	refuse("/nonexistent/model.gguf", -ENOENT, "No such file");
	refuse("/", -EISDIR, "directory");
	refuse("/dev/null", -EINVAL, "not a file");
	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	refuse(fifo, -EINVAL, "not a file");
	unlink(fifo);
}

static void serials_never_repeat(void **state)
{
	struct wick_file first, second;

	(void)state;
	assert_int_equal(wick_file_open(&first, path, false, NULL), 0);
	wick_file_close(&first);
	assert_int_equal(wick_file_open(&first, path, false, NULL), 0);
	assert_int_equal(wick_file_open(&second, path, true, NULL), 0);
	assert_true(first.serial && second.serial && first.serial != second.serial);
	wick_file_close(&first);
	wick_file_close(&second);
}

static void empty_file_opens(void **state)
{
	char name[sizeof(path) + 8];
	struct wick_file file;
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "%s.empty", path);
	fd = open(name, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(wick_file_open(&file, name, true, NULL), 0);
	unlink(name);
	assert_int_equal(file.size, 0);
	wick_file_close(&file);
}

#define TRIES 10

/* Reads some, forgets it, and tells how many pages are left. */
static unsigned left_after_reading(struct wick_file *file)
{
	char bytes[20000];

	assert_int_equal(pread(file->fd, bytes, sizeof(bytes), 70000), sizeof(bytes));
	assert_in_range(cached_pages(path), 5, 6);
	wick_file_forget(file, 70000, sizeof(bytes));
	return cached_pages(path);
}

/* No readahead, and whole pages go even when the read began and ended inside them. A page that the kernel holds just then
 * stays, so a few tries are allowed. */
static void buffered_reads_leave_no_cache(void **state)
{
	struct wick_file file;
	unsigned tries = 0;

	(void)state;
	assert_int_equal(wick_file_open(&file, path, false, NULL), 0);
	posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED);
	if (cached_pages(path)) {
		wick_file_close(&file);
		skip(); /* a file system that is memory */
	}
	while (left_after_reading(&file) && ++tries < TRIES)
		posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED);
	assert_true(tries < TRIES);
	wick_file_close(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffered_has_no_alignment),
		cmocka_unit_test(direct_or_says_why),
		cmocka_unit_test(memory_is_not_direct),
		cmocka_unit_test(coarse_blocks_are_not_direct),
		cmocka_unit_test(what_cannot_be_read_is_named),
		cmocka_unit_test(serials_never_repeat),
		cmocka_unit_test(empty_file_opens),
		cmocka_unit_test(buffered_reads_leave_no_cache),
	};

	return cmocka_run_group_tests(tests, write_file, remove_file);
}
