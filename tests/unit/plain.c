/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading without a queue, over a preadv that fails as it is told and a sleep that takes no time. */

#include "plain_read.h"

#include "diag.h"
#include "file.h"
#include "fileio.h"
#include "io.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define FILE_BYTES 5000

static char path[256];
static struct wick_file file;
static uint8_t written[FILE_BYTES], read_back[FILE_BYTES];

/* What the next reads do, in order, and then they are well: a negative errno, or how many bytes come at most. */
static const int *script;
static unsigned steps, attempts;
static uint64_t slept_ns;

ssize_t __real_preadv64(int fd, const struct iovec *iov, int count, off_t offset);
ssize_t __wrap_preadv64(int fd, const struct iovec *iov, int count, off_t offset);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);

ssize_t __wrap_preadv64(int fd, const struct iovec *iov, int count, off_t offset)
{
	int step = attempts < steps ? script[attempts] : FILE_BYTES;
	struct iovec some = iov[0];

	attempts++;
	assert_int_equal(count, 1);
	if (step < 0) {
		memset(some.iov_base, 0xa5, some.iov_len);
		errno = -step;
		return -1;
	}
	if (some.iov_len > (size_t)step)
		some.iov_len = (size_t)step;
	return __real_preadv64(fd, &some, 1, offset);
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	slept_ns += (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_nsec;
	return 0;
}

static int read_by(const int *results, unsigned count, uint64_t bytes, uint64_t offset, uint64_t *done)
{
	script = results;
	steps = count;
	attempts = 0;
	slept_ns = 0;
	return wick_plain_read(&file, read_back, bytes, offset, done);
}

static void what_passes_leaves_no_trace(void **state)
{
	static const int passing[] = { -EINTR, 1, -EAGAIN, -EIO, 100, -EIO, -ENOMEM, -ETIMEDOUT, -EBUSY, -EIO, 1000 };
	uint64_t done;

	(void)state;
	assert_int_equal(read_by(passing, 11, FILE_BYTES, 0, &done), 0);
	assert_int_equal(attempts, 12);
	assert_int_equal(done, FILE_BYTES);
	assert_memory_equal(read_back, written, FILE_BYTES);
	assert_int_equal(read_by(NULL, 0, 0, 0, &done), 0);
	assert_int_equal(attempts, 0);
	assert_int_equal(done, 0);
}

/* As often as io.h says, waiting a second or so in all. */
static void what_does_not_is_an_error_in_the_end(void **state)
{
	static int again[100] = { 700 }, medium[100] = { 700 }, gone[] = { 700, -ENODEV };
	uint64_t done;

	(void)state;
	for (unsigned i = 1; i < 100; i++) {
		again[i] = -EAGAIN;
		medium[i] = -EILSEQ;
	}
	assert_int_equal(read_by(again, 100, FILE_BYTES, 0, &done), -EAGAIN);
	assert_int_equal(attempts, 1 + 1 + 20);
	assert_int_equal(done, 700);
	assert_in_range(slept_ns, 500000000, 2000000000);
	assert_int_equal(read_by(medium, 100, FILE_BYTES, 0, &done), -EIO);
	assert_int_equal(attempts, 1 + 1 + WICK_IO_RETRIES);
	assert_int_equal(read_by(gone, 2, FILE_BYTES, 0, &done), -ENODEV);
	assert_int_equal(attempts, 2);
}

static void the_end_of_the_file_is_told(void **state)
{
	static const int medium[] = { -EIO, 100, -EIO, -EIO, -EIO, -EIO };
	struct wick_diag diag = { 0 };
	uint64_t done;

	(void)state;
	assert_int_equal(read_by(NULL, 0, 100, FILE_BYTES - 60, &done), -ENODATA);
	assert_int_equal(done, 60);
	assert_memory_equal(read_back, written + FILE_BYTES - 60, 60);
	steps = 0;
	assert_int_equal(wick_read_at(file.fd, path, read_back, 100, FILE_BYTES - 60, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, path));
	assert_non_null(strstr(diag.text, "shrank to 5000 bytes"));
	diag = (struct wick_diag){ 0 };
	script = medium;
	steps = 6;
	attempts = 0;
	assert_int_equal(wick_read_at(file.fd, path, read_back, 1000, 200, &diag), -EIO);
	assert_non_null(strstr(diag.text, path));
	assert_non_null(strstr(diag.text, "at byte 300: Input/output error"));
}

static int write_file(void **state)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/wick-plain-XXXXXX", folder ? folder : "/tmp");
	for (unsigned i = 0; i < FILE_BYTES; i++)
		written[i] = (uint8_t)(i * 131 >> 3);
	fd = mkstemp(path);
	if (fd < 0 || write(fd, written, FILE_BYTES) != FILE_BYTES || close(fd))
		return -1;
	return wick_file_open(&file, path, false, NULL);
}

static int remove_file(void **state)
{
	(void)state;
	wick_file_close(&file);
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_passes_leaves_no_trace),
		cmocka_unit_test(what_does_not_is_an_error_in_the_end),
		cmocka_unit_test(the_end_of_the_file_is_told),
	};

	return cmocka_run_group_tests(tests, write_file, remove_file);
}
