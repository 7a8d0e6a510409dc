/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Kernels that are older, and file systems that are odder, than the one at hand: system calls answer as those would. */

#include "bits.h"
#include "file.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define FILE_BYTES (64u * 4096)
#define STATX_DIO 0x2000
#define PART_BYTES 512

static char path[256];
static uint8_t *arena; /* a block */

/* How things are; all zero: as they are here. */
static struct world {
	unsigned lacks;          /* features of io_uring */
	bool no_entry;           /* a filter refuses io_uring_enter */
	bool few_threads;        /* no more than: */
	unsigned threads;
	int enter_error;         /* io_uring takes nothing, */
	unsigned enter_failures; /* so often */
	int fstat_error, direct_error, read_error, copy_error;
	bool no_proc;
	unsigned part_ms; /* a read, or what is copied, takes so long and brings a block of the drive */
	bool cuts; /* the file ends before what is copied, from the moment of the copying */
	bool says_alignment; /* to be: */
	bool knows_no_alignment;
	uint32_t alignment;
} world;

int __real_io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *params);
int __real_io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe, unsigned count,
	struct __kernel_timespec *time, sigset_t *mask);
int __wrap_io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe, unsigned count,
	struct __kernel_timespec *time, sigset_t *mask);
int __real_io_uring_enter(unsigned fd, unsigned submit, unsigned least, unsigned flags, sigset_t *mask);
int __wrap_io_uring_enter(unsigned fd, unsigned submit, unsigned least, unsigned flags, sigset_t *mask);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*fn)(void *arg), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*fn)(void *arg), void *arg);
int __real_open64(const char *name, int flags, ...);
int __wrap_open64(const char *name, int flags, ...);
int __real_fstat64(int fd, struct stat *info);
int __wrap_fstat64(int fd, struct stat *info);
int __real_statx(int fd, const char *name, int flags, unsigned mask, struct statx *answer);
int __wrap_statx(int fd, const char *name, int flags, unsigned mask, struct statx *answer);
ssize_t __real_preadv64(int fd, const struct iovec *iov, int count, off_t offset);
ssize_t __wrap_preadv64(int fd, const struct iovec *iov, int count, off_t offset);
ssize_t __real_process_vm_readv(pid_t process, const struct iovec *to, unsigned long to_count, const struct iovec *from,
	unsigned long from_count, unsigned long flags);
ssize_t __wrap_process_vm_readv(pid_t process, const struct iovec *to, unsigned long to_count, const struct iovec *from,
	unsigned long from_count, unsigned long flags);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left);

static int refuse(int error)
{
	errno = error;
	return -1;
}

/* Other than sleeping, which does not here. */
static void take_time(void)
{
	if (world.part_ms)
		poll(NULL, 0, (int)world.part_ms);
}

int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *params)
{
	int rc = __real_io_uring_queue_init_params(entries, ring, params);

	params->features &= ~world.lacks;
	ring->features &= ~world.lacks;
	return rc;
}

/* The one call that asks whether others would be let through. */
int __wrap_io_uring_enter(unsigned fd, unsigned submit, unsigned least, unsigned flags, sigset_t *mask)
{
	return world.no_entry ? -EPERM : __real_io_uring_enter(fd, submit, least, flags, mask);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*fn)(void *arg), void *arg)
{
	if (world.few_threads && !world.threads)
		return EAGAIN;
	world.threads -= world.few_threads;
	return __real_pthread_create(thread, how, fn, arg);
}

int __wrap_io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe, unsigned count,
	struct __kernel_timespec *time, sigset_t *mask)
{
	if (world.enter_failures) {
		world.enter_failures--;
		return world.enter_error;
	}
	return __real_io_uring_submit_and_wait_timeout(ring, cqe, count, time, mask);
}

int __wrap_open64(const char *name, int flags, ...)
{
	if (world.no_proc && !strncmp(name, "/proc/", 6))
		return refuse(ENOENT);
	if (world.direct_error && flags & O_DIRECT)
		return refuse(world.direct_error);
	return __real_open64(name, flags);
}

int __wrap_fstat64(int fd, struct stat *info)
{
	return world.fstat_error ? refuse(world.fstat_error) : __real_fstat64(fd, info);
}

/* The two alignments are where the kernel fixed them. */
int __wrap_statx(int fd, const char *name, int flags, unsigned mask, struct statx *answer)
{
	int rc = __real_statx(fd, name, flags, mask, answer);

	if (world.knows_no_alignment)
		answer->stx_mask &= ~STATX_DIO;
	if (!world.says_alignment)
		return rc;
	answer->stx_mask |= STATX_DIO;
	memcpy((char *)answer + 0x98, &world.alignment, sizeof(uint32_t));
	memcpy((char *)answer + 0x9c, &world.alignment, sizeof(uint32_t));
	return 0;
}

ssize_t __wrap_preadv64(int fd, const struct iovec *iov, int count, off_t offset)
{
	struct iovec part = { iov->iov_base, PART_BYTES };

	if (world.read_error)
		return refuse(world.read_error);
	take_time();
	return world.part_ms ? __real_preadv64(fd, &part, 1, offset) : __real_preadv64(fd, iov, count, offset);
}

ssize_t __wrap_process_vm_readv(pid_t process, const struct iovec *to, unsigned long to_count, const struct iovec *from,
	unsigned long from_count, unsigned long flags)
{
	struct iovec part = *from;

	if (world.copy_error)
		return refuse(world.copy_error);
	if (world.cuts)
		assert_int_equal(truncate(path, 4096), 0);
	take_time();
	part.iov_len = world.part_ms ? PART_BYTES : from->iov_len;
	return __real_process_vm_readv(process, to, to_count, &part, from_count, flags);
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)time, (void)left;
	return 0;
}

int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
	(void)clock, (void)flags, (void)time, (void)left;
	return 0;
}

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 131 >> 9);
}

/* The result of reading the second block. */
static int read_block(struct wick_io *io)
{
	struct wick_io_request request = { .offset = 4096, .one = { arena, 4096 } };
	struct wick_file file;

	assert_int_equal(wick_file_open(&file, path, false, NULL), 0);
	request.file = &file;
	wick_io_submit(io, &request);
	assert_ptr_equal(wick_io_wait(io), &request);
	for (unsigned i = 0; request.result == 0 && i < 4096; i++)
		assert_int_equal(arena[i], byte_at(4096 + i));
	wick_file_close(&file);
	return request.result;
}

static struct wick_io *open_uring(void)
{
	const struct wick_io_options options = { .method = "uring", .depth = 4 };
	struct wick_io *io;

	if (wick_io_create(&io, &options, NULL) < 0)
		skip();
	return io;
}

/* Linux 5.1 had a ring, and no IORING_OP_READ. */
static void a_kernel_without_reads(void **state)
{
	const struct wick_io_options best = { .depth = 4 }, named = { .method = "uring", .depth = 4 };
	struct wick_diag diag = { 0 };
	struct wick_io *io;

	(void)state;
	wick_io_destroy(open_uring());
	world = (struct world){ .lacks = IORING_FEAT_RW_CUR_POS };
	assert_int_equal(wick_io_create(&io, &named, &diag), -EOPNOTSUPP);
	assert_non_null(strstr(diag.text, "too old"));
	assert_int_equal(wick_io_create(&io, &best, NULL), 0);
	assert_string_equal(wick_io_method(io), "pread");
	assert_string_equal(wick_io_why(io), diag.text);
	assert_int_equal(read_block(io), 0);
	wick_io_destroy(io);
}

/* A filter may know one of io_uring's calls and not the other: a ring that can be made and not used is none. */
static void a_ring_that_may_not_be_entered(void **state)
{
	const struct wick_io_options best = { .depth = 4 };
	struct wick_io *io;

	(void)state;
	wick_io_destroy(open_uring());
	world = (struct world){ .no_entry = true };
	assert_int_equal(wick_io_create(&io, &best, NULL), 0);
	assert_string_equal(wick_io_method(io), "pread");
	assert_non_null(strstr(wick_io_why(io), "io_uring is forbidden here"));
	assert_int_equal(read_block(io), 0);
	wick_io_destroy(io);
}

/* Those that could be started read, or the caller does; only a number that was asked for must be had. */
static void threads_that_may_not_start(void **state)
{
	static const char *const said[] = { "one read at a time", "1 threads of 4 read" };
	const struct wick_io_options any = { .method = "pread", .depth = 4 };
	const struct wick_io_options named = { .method = "pread", .depth = 4, .threads = 4 };
	struct wick_diag diag = { 0 };
	struct wick_io *io;

	(void)state;
	for (unsigned threads = 0; threads < WICK_COUNT_OF(said); threads++) {
		world = (struct world){ .few_threads = true, .threads = threads };
		assert_int_equal(wick_io_create(&io, &any, NULL), 0);
		assert_int_equal(wick_io_threads(io), threads);
		assert_non_null(strstr(wick_io_why(io), said[threads]));
		assert_int_equal(read_block(io), 0);
		assert_int_equal(wick_io_destroy(io), 0);
	}
	world = (struct world){ .few_threads = true, .threads = 3 };
	assert_int_equal(wick_io_create(&io, &named, &diag), -EAGAIN);
	assert_non_null(strstr(diag.text, "cannot start 4 read threads"));
}

/* Both reasons are said. */
static void neither_a_ring_nor_threads(void **state)
{
	const struct wick_io_options best = { .depth = 4 };
	struct wick_io *io;

	(void)state;
	wick_io_destroy(open_uring());
	world = (struct world){ .no_entry = true, .few_threads = true };
	assert_int_equal(wick_io_create(&io, &best, NULL), 0);
	assert_non_null(strstr(wick_io_why(io), "io_uring is forbidden"));
	assert_non_null(strstr(wick_io_why(io), "; one read at a time"));
	assert_int_equal(read_block(io), 0);
	wick_io_destroy(io);
}

/* Linux 5.10 waits without a bound. */
static void a_kernel_without_patience(void **state)
{
	struct wick_io *io;

	(void)state;
	world = (struct world){ .lacks = IORING_FEAT_EXT_ARG };
	io = open_uring();
	assert_int_equal(read_block(io), 0);
	wick_io_destroy(io);
}

static void a_ring_that_takes_nothing_for_a_while(void **state)
{
	struct wick_io *io;

	(void)state;
	world = (struct world){ .enter_error = -EBUSY, .enter_failures = 20 };
	io = open_uring();
	assert_int_equal(read_block(io), 0);
	assert_int_equal(world.enter_failures, 0);
	assert_int_equal(wick_io_counters(io)->retries, 0);
	world = (struct world){ .enter_error = -ENOMEM, .enter_failures = UINT32_MAX };
	assert_int_equal(read_block(io), -ENOMEM);
	world = (struct world){ .enter_error = -EBADR, .enter_failures = UINT32_MAX };
	assert_int_equal(read_block(io), -EBADR);
	world = (struct world){ 0 };
	assert_int_equal(read_block(io), 0);
	wick_io_destroy(io);
}

/* An answer in parts is one: a queue whose patience is longer than a part and shorter than all of them is content. */
static void parts_are_answers(void **state)
{
	static const char *const methods[] = { "pread", "mmap" };

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(methods); i++) {
		const struct wick_io_options options = { .method = methods[i], .depth = 1, .patience_ms = i ? 1 : 200 };
		struct wick_io *io;

		world = (struct world){ .part_ms = i ? 5 : 50 };
		assert_int_equal(wick_io_create(&io, &options, NULL), 0);
		assert_int_equal(read_block(io), 0);
		assert_int_equal(wick_io_counters(io)->resumed, 4096 / PART_BYTES - 1);
		assert_int_equal(wick_io_destroy(io), 0);
	}
}

/* However late a file is cut, to touch what it has lost kills nobody. */
static void a_mapping_loses_its_file(void **state)
{
	const struct wick_io_options options = { .method = "mmap", .depth = 4 };
	struct wick_io *io;

	(void)state;
	assert_int_equal(wick_io_create(&io, &options, NULL), 0);
	assert_int_equal(read_block(io), 0);
	world = (struct world){ .copy_error = EFAULT }; /* the medium's, for the file is whole */
	assert_int_equal(read_block(io), -EIO);
	world = (struct world){ .cuts = true };
	assert_int_equal(read_block(io), -ENODATA);
	wick_io_destroy(io);
}

static void mapping_takes_a_kernel_that_copies(void **state)
{
	const struct wick_io_options options = { .method = "mmap", .depth = 4 };
	struct wick_diag diag = { 0 };
	struct wick_io *io;

	(void)state;
	world = (struct world){ .copy_error = EPERM };
	assert_int_equal(wick_io_create(&io, &options, &diag), -EPERM);
	assert_non_null(strstr(diag.text, "process_vm_readv (Operation not permitted)"));
}

static bool is_direct(const struct world *as, char why[160])
{
	struct wick_file file;
	bool direct;

	world = (struct world){ 0 };
	assert_int_equal(wick_file_open(&file, path, true, NULL), 0);
	direct = file.direct;
	wick_file_close(&file);
	if (!direct)
		skip(); /* not here */
	world = *as;
	assert_int_equal(wick_file_open(&file, path, true, NULL), 0);
	direct = file.direct;
	memcpy(why, file.why, sizeof(file.why));
	if (direct)
		assert_int_equal(pread(file.fd, arena, 4096, 4096), 4096);
	assert_true(wick_is_pow2(file.offset_align) && (file.offset_align > 1) == direct);
	wick_file_close(&file);
	return direct;
}

static void direct_reads_are_found_out(void **state)
{
	char why[160];

	(void)state;
	assert_true(is_direct(&(struct world){ .knows_no_alignment = true }, why));
	assert_true(is_direct(&(struct world){ .no_proc = true }, why));
	assert_string_equal(why, "");
}

static void what_is_not_direct_says_why(void **state)
{
	static const struct {
		struct world world;
		const char *why;
	} cases[] = {
		{ { .says_alignment = true, .alignment = 0 }, "its file system cannot read this file directly" },
		{ { .says_alignment = true, .alignment = 3 }, "makes no sense" },
		{ { .says_alignment = true, .alignment = 1u << 30 }, "makes no sense" },
		{ { .direct_error = EINVAL }, "O_DIRECT refused: Invalid argument" },
		{ { .read_error = EIO }, "failed: Input/output error" },
		{ { .knows_no_alignment = true, .read_error = EINVAL }, "read of 4096 bytes failed: Invalid argument" },
	};
	char why[160];

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(cases); i++) {
		assert_false(is_direct(&cases[i].world, why));
		if (!strstr(why, cases[i].why))
			fail_msg("\"%s\" instead of \"%s\"", why, cases[i].why);
	}
}

static void a_file_that_cannot_be_looked_at(void **state)
{
	struct wick_diag diag = { 0 };
	struct wick_file file;

	(void)state;
	world = (struct world){ .fstat_error = EIO };
	assert_int_equal(wick_file_open(&file, path, true, &diag), -EIO);
	assert_non_null(strstr(diag.text, path));
	assert_non_null(strstr(diag.text, "Input/output error"));
}

static int write_file(void **state)
{
	const char *folder = getenv("TMPDIR");
	static uint8_t bytes[FILE_BYTES];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/wick-refused-XXXXXX", folder ? folder : "/tmp");
	for (unsigned i = 0; i < FILE_BYTES; i++)
		bytes[i] = byte_at(i);
	arena = aligned_alloc(4096, 4096);
	fd = mkstemp(path);
	return !arena || fd < 0 || write(fd, bytes, FILE_BYTES) != FILE_BYTES || close(fd);
}

static int as_it_is(void **state)
{
	(void)state;
	world = (struct world){ 0 };
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	free(arena);
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_kernel_without_reads, as_it_is),
		cmocka_unit_test_teardown(a_ring_that_may_not_be_entered, as_it_is),
		cmocka_unit_test_teardown(threads_that_may_not_start, as_it_is),
		cmocka_unit_test_teardown(neither_a_ring_nor_threads, as_it_is),
		cmocka_unit_test_teardown(a_kernel_without_patience, as_it_is),
		cmocka_unit_test_teardown(a_ring_that_takes_nothing_for_a_while, as_it_is),
		cmocka_unit_test_teardown(direct_reads_are_found_out, as_it_is),
		cmocka_unit_test_teardown(what_is_not_direct_says_why, as_it_is),
		cmocka_unit_test_teardown(a_file_that_cannot_be_looked_at, as_it_is),
		cmocka_unit_test_teardown(parts_are_answers, as_it_is),
		cmocka_unit_test_teardown(mapping_takes_a_kernel_that_copies, as_it_is),
		cmocka_unit_test_teardown(a_mapping_loses_its_file, as_it_is), /* last: nothing is left of it */
	};

	return cmocka_run_group_tests(tests, write_file, remove_file);
}
