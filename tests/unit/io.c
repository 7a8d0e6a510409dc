/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Every method reads the right bytes to the right places, and keeps the promises of io.h. The file holds a pattern that
 * tells every byte's offset, so that the expected bytes are known without reading. Faults are tests/sim's business. */

#include "io.h"

#include "bits.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FILE_BYTES (2u << 20)
#define BLOCK 4096u
#define READS 256u
#define POLLED_READS 20000u

/* What a test runs with. */
struct setting {
	const char *name;
	const char *method;
	bool direct;
};

static char path[256];
static uint8_t *arena; /* READS * 4 blocks */

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)((offset * 0x9e3779b97f4a7c15ull) >> 32 ^ offset >> 12);
}

static void check_bytes(const uint8_t *bytes, uint64_t offset, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		if (bytes[i] != byte_at(offset + i))
			fail_msg("byte %llu is wrong", (unsigned long long)(offset + i));
}

/* A repeatable sequence of numbers below `limit`. */
static unsigned draw(uint64_t *seed, unsigned limit)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(*seed >> 33) % limit;
}

static int make_file(const char *name, uint64_t shift)
{
	uint8_t *bytes = malloc(FILE_BYTES);
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0644);
	bool good;

	if (!bytes || fd < 0)
		return -1;
	for (uint64_t i = 0; i < FILE_BYTES; i++)
		bytes[i] = byte_at(i + shift);
	good = write(fd, bytes, FILE_BYTES) == FILE_BYTES && fsync(fd) == 0;
	free(bytes);
	return close(fd) || !good;
}

static int begin(void **state)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/wick-io-XXXXXX", folder ? folder : "/tmp");
	fd = mkstemp(path);
	arena = aligned_alloc(BLOCK, READS * 4 * BLOCK);
	return fd < 0 || close(fd) || !arena || make_file(path, 0);
}

static int finish(void **state)
{
	(void)state;
	free(arena);
	return unlink(path);
}

/* A queue and a file as the setting says; the test is skipped where this machine refuses. */
static struct wick_io *open_both(const struct setting *setting, unsigned depth, struct wick_file *file)
{
	struct wick_io_options options = { .method = setting->method, .depth = depth, .retries = 2 };
	struct wick_diag diag = { 0 };
	struct wick_io *io;

	if (wick_io_create(&io, &options, &diag) < 0) {
		assert_true(diag.text[0]);
		print_message("skipped: %s\n", diag.text);
		skip();
	}
	assert_string_equal(wick_io_method(io), setting->method);
	assert_string_equal(wick_io_why(io), "");
	assert_int_equal(wick_file_open(file, path, setting->direct, NULL), 0);
	if (file->direct != setting->direct) {
		print_message("skipped: not direct, %s\n", file->why);
		wick_io_destroy(io);
		wick_file_close(file);
		skip();
	}
	return io;
}

static void close_both(struct wick_io *io, struct wick_file *file)
{
	assert_int_equal(wick_io_outstanding(io), 0);
	assert_null(wick_io_wait(io));
	assert_null(wick_io_poll(io));
	wick_io_destroy(io);
	wick_file_close(file);
}

/* Sends a lone request and expects it back. */
static void read_one(struct wick_io *io, struct wick_io_request *request)
{
	wick_io_submit(io, request);
	assert_int_equal(wick_io_outstanding(io), 1);
	assert_ptr_equal(wick_io_wait(io), request);
	assert_int_equal(wick_io_outstanding(io), 0);
}

/* Four blocks of memory for request i, in reverse order, and how many of them it uses. */
static unsigned scatter(struct iovec *iov, unsigned i, uint64_t *seed)
{
	unsigned count = 1 + draw(seed, 4);

	for (unsigned part = 0; part < count; part++)
		iov[part] = (struct iovec){ arena + (i * 4 + 3 - part) * (size_t)BLOCK, BLOCK };
	return count;
}

static void many_scattered_reads(void **state)
{
	static const unsigned depths[] = { 1, 3, 64 };
	static struct wick_io_request requests[READS];
	static struct iovec iov[READS][4];
	struct wick_io_request *back;
	struct wick_file file;

	for (unsigned d = 0; d < WICK_COUNT_OF(depths); d++) {
		struct wick_io *io = open_both(*state, depths[d], &file);
		uint64_t seed = d, bytes = 0;
		unsigned came = 0;

		memset(requests, 0, sizeof(requests));
		memset(arena, 0, READS * 4 * BLOCK);
		for (unsigned i = 0; i < READS; i++) {
			requests[i] = (struct wick_io_request){ .file = &file, .user = iov[i], .iov = iov[i] };
			requests[i].iov_count = scatter(iov[i], i, &seed);
			requests[i].offset = draw(&seed, FILE_BYTES / BLOCK - 3) * (uint64_t)BLOCK;
			if (requests[i].iov_count == 1) {
				requests[i].one = iov[i][0];
				requests[i].iov = NULL;
			}
			bytes += requests[i].iov_count * (uint64_t)BLOCK;
			wick_io_submit(io, &requests[i]);
			if (i % 50 == 0)
				wick_io_kick(io);
		}
		assert_int_equal(wick_io_outstanding(io), READS);
		while (wick_io_outstanding(io)) {
			back = came % 3 ? wick_io_wait(io) : wick_io_poll(io);
			if (!back)
				continue;
			came++;
			assert_int_equal(back->state, WICK_IO_DONE);
			assert_int_equal(back->result, 0);
			assert_ptr_equal(back->user, iov[back - requests]);
			assert_true(back->submitted_ns && back->submitted_ns <= back->completed_ns);
			for (unsigned part = 0; part < back->iov_count; part++)
				check_bytes(iov[back - requests][part].iov_base, back->offset + part * BLOCK, BLOCK);
			back->state = WICK_IO_IDLE; /* to see that each came once */
		}
		assert_int_equal(came, READS);
		for (unsigned i = 0; i < READS; i++)
			assert_int_equal(requests[i].state, WICK_IO_IDLE);
		assert_int_equal(wick_io_counters(io)->reads, READS);
		assert_int_equal(wick_io_counters(io)->bytes, bytes);
		assert_int_equal(wick_io_counters(io)->failed, 0);
		close_both(io, &file);
	}
}

static void the_urgent_go_first(void **state)
{
	struct wick_io_request requests[8] = { 0 };
	struct wick_file file;
	struct wick_io *io = open_both(*state, 1, &file);

	for (unsigned i = 0; i < 8; i++) {
		requests[i] = (struct wick_io_request){ .file = &file, .offset = i * BLOCK };
		requests[i].one = (struct iovec){ arena + i * (size_t)BLOCK, BLOCK };
		requests[i].priority = i < 4 ? WICK_IO_PREFETCH : WICK_IO_DEMAND;
		wick_io_submit(io, &requests[i]);
	}
	for (unsigned i = 0; i < 8; i++)
		assert_ptr_equal(wick_io_wait(io), &requests[(i + 4) % 8]);
	close_both(io, &file);
}

static void the_end_of_the_file(void **state)
{
	struct wick_io_request request = { 0 };
	struct iovec iov[2] = { { arena, BLOCK }, { arena + 8 * BLOCK, BLOCK } };
	struct wick_file file;
	struct wick_io *io = open_both(*state, 4, &file);

	request = (struct wick_io_request){ .file = &file, .offset = FILE_BYTES - BLOCK, .iov = iov, .iov_count = 2 };
	read_one(io, &request);
	assert_int_equal(request.state, WICK_IO_FAILED);
	assert_int_equal(request.result, -ENODATA);
	assert_int_equal(request.bytes_done, BLOCK);
	check_bytes(arena, FILE_BYTES - BLOCK, BLOCK);

	request.offset = FILE_BYTES + BLOCK;
	read_one(io, &request);
	assert_int_equal(request.result, -ENODATA);
	assert_int_equal(request.bytes_done, 0);

	request.offset = FILE_BYTES - 2 * BLOCK; /* a failed request is as good as new */
	read_one(io, &request);
	assert_int_equal(request.state, WICK_IO_DONE);
	check_bytes(iov[1].iov_base, FILE_BYTES - BLOCK, BLOCK);
	assert_int_equal(wick_io_counters(io)->failed, 2);
	close_both(io, &file);
}

/* The file has lost its tail since it was opened. */
static void a_truncated_file(void **state)
{
	struct wick_io_request request = { 0 };
	struct wick_file file;
	struct wick_io *io = open_both(*state, 4, &file);

	assert_int_equal(truncate(path, FILE_BYTES - 8 * BLOCK), 0);
	request = (struct wick_io_request){ .file = &file, .offset = FILE_BYTES - 4 * BLOCK, .one = { arena, BLOCK } };
	read_one(io, &request);
	assert_int_equal(make_file(path, 0), 0);
	assert_int_equal(request.state, WICK_IO_FAILED);
	assert_int_equal(request.result, -ENODATA);
	if (strcmp(wick_io_method(io), "mmap")) { /* which reads zeros to the end of the page */
		assert_int_equal(truncate(path, FILE_BYTES - 4 * BLOCK + 100), 0);
		read_one(io, &request);
		assert_int_equal(make_file(path, 0), 0);
		assert_int_equal(request.result, -ENODATA);
		assert_int_equal(request.bytes_done, 100);
	}
	close_both(io, &file);
}

static void what_no_file_can_answer(void **state)
{
	static struct iovec long_list[WICK_IO_IOV_MAX + 1];
	struct wick_io_request request = { 0 };
	struct wick_file file, closed = { .fd = 1 << 20, .size = FILE_BYTES, .offset_align = 1, .memory_align = 1 };
	struct wick_io *io = open_both(*state, 2, &file);

	request = (struct wick_io_request){ .file = &file, .iov = long_list, .iov_count = WICK_IO_IOV_MAX + 1 };
	read_one(io, &request);
	assert_int_equal(request.result, -EINVAL);
	request = (struct wick_io_request){ .file = &file, .offset = INT64_MAX - 10, .one = { arena, BLOCK } };
	read_one(io, &request);
	assert_int_equal(request.result, -EINVAL);
	request = (struct wick_io_request){ .file = &closed, .one = { arena, BLOCK } };
	read_one(io, &request);
	assert_int_equal(request.result, -EBADF);
	if (file.direct) {
		request = (struct wick_io_request){ .file = &file, .offset = 1, .one = { arena, BLOCK } };
		read_one(io, &request);
		assert_int_equal(request.result, -EINVAL);
	}
	request = (struct wick_io_request){ .file = &file, .iov = long_list, .iov_count = WICK_IO_IOV_MAX };
	read_one(io, &request); /* of nothing */
	assert_int_equal(request.state, WICK_IO_DONE);
	close_both(io, &file);
}

/* Descriptors are reused: what a method remembers of a file must not outlive it. */
static void another_file_with_the_same_number(void **state)
{
	char other[sizeof(path) + 8];
	struct wick_io_request request = { 0 };
	struct wick_file file, second;
	struct wick_io *io = open_both(*state, 4, &file);
	int number = file.fd;

	snprintf(other, sizeof(other), "%s.other", path);
	assert_int_equal(make_file(other, 77), 0);
	request = (struct wick_io_request){ .file = &file, .one = { arena, BLOCK } };
	read_one(io, &request);
	check_bytes(arena, 0, BLOCK);
	wick_file_close(&file);
	for (unsigned i = 0; i < 40; i++) { /* more than any table has places for */
		assert_int_equal(wick_file_open(&second, i % 2 ? path : other, file.direct, NULL), 0);
		if (second.fd > number) /* sanitizers may hold descriptors */
			print_message("descriptor %d is not reused\n", number);
		request = (struct wick_io_request){ .file = &second, .offset = BLOCK, .one = { arena, BLOCK } };
		read_one(io, &request);
		assert_int_equal(request.state, WICK_IO_DONE);
		check_bytes(arena, BLOCK + (i % 2 ? 0 : 77), BLOCK);
		wick_file_close(&second);
	}
	unlink(other);
	close_both(io, &file);
}

static void destroy_waits_for_what_is_in_flight(void **state)
{
	static struct wick_io_request requests[64];
	struct wick_file file;
	struct wick_io *io = open_both(*state, 16, &file);

	for (unsigned i = 0; i < 64; i++) {
		requests[i] = (struct wick_io_request){ .file = &file, .offset = i * BLOCK };
		requests[i].one = (struct iovec){ arena + i * (size_t)BLOCK, BLOCK };
		wick_io_submit(io, &requests[i]);
	}
	wick_io_kick(io);
	wick_io_destroy(io);
	memset(arena, 0x5a, 64 * BLOCK); /* ours again: a late write would show */
	usleep(20000);
	for (unsigned i = 0; i < 64 * BLOCK; i++)
		assert_int_equal(arena[i], 0x5a);
	wick_file_close(&file);
}

static void *read_in_thread(void *argument)
{
	struct wick_io_request *request = ((void **)argument)[1];

	wick_io_submit(((void **)argument)[0], request);
	return wick_io_wait(((void **)argument)[0]);
}

static void one_thread_after_another(void **state)
{
	struct wick_io_request request = { 0 };
	struct iovec range = { arena, 16 * BLOCK };
	struct wick_file file;
	struct wick_io *io = open_both(*state, 4, &file);
	void *argument[2] = { io, &request }, *back;
	pthread_t thread;

	wick_io_register(io, &range, 1);
	for (unsigned i = 0; i < 9; i++) {
		request = (struct wick_io_request){ .file = &file, .offset = i * BLOCK, .one = { arena, BLOCK } };
		if (i % 3 == 2) { /* after two threads that look alike to pthread_equal */
			read_one(io, &request);
		} else {
			assert_int_equal(pthread_create(&thread, NULL, read_in_thread, argument), 0);
			pthread_join(thread, &back);
			assert_ptr_equal(back, &request);
		}
		assert_int_equal(request.result, 0);
		check_bytes(arena, i * BLOCK, BLOCK);
		if (i == 4) /* by a thread that does not have the ring */
			wick_io_register(io, &range, 1);
	}
	close_both(io, &file);
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* Signals that interrupt the waiting neither lose a read nor end it. */
static void signals_interrupt_nothing(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm }, before;
	struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { 0 };
	struct wick_io_request requests[8] = { 0 };
	struct wick_file file;
	struct wick_io *io = open_both(*state, 4, &file);
	struct wick_io_request *back;

	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &often, NULL);
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < 8; i++) {
			requests[i].file = &file;
			requests[i].offset = (round + i * 31) % 512 * BLOCK;
			requests[i].one = (struct iovec){ arena + i * (size_t)BLOCK, BLOCK };
			wick_io_submit(io, &requests[i]);
		}
		while ((back = wick_io_wait(io))) {
			assert_int_equal(back->result, 0);
			check_bytes(back->one.iov_base, back->offset, BLOCK);
		}
	}
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	close_both(io, &file);
}

static void reading_allocates_nothing(void **state)
{
	struct wick_io_request requests[16] = { 0 };
	struct wick_file file;
	struct wick_io *io = open_both(*state, 4, &file);
	size_t before = 0;

	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 16; i++) {
			requests[i].file = &file;
			requests[i].offset = (round * 16 + i) * BLOCK;
			requests[i].one = (struct iovec){ arena + i * (size_t)BLOCK, BLOCK };
			wick_io_submit(io, &requests[i]);
		}
		while (wick_io_wait(io))
			;
		if (round == 0)
			before = mallinfo2().uordblks;
	}
	assert_int_equal(mallinfo2().uordblks, before);
	close_both(io, &file);
}

/* Pages of the file that are in the page cache. */
static unsigned cached_pages(void)
{
	unsigned char in_core[FILE_BYTES / 4096] = { 0 };
	unsigned count = 0;
	int fd = open(path, O_RDONLY);
	void *map = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);

	assert_true(fd >= 0 && map != MAP_FAILED && mincore(map, FILE_BYTES, in_core) == 0);
	for (unsigned i = 0; i < sizeof(in_core); i++)
		count += in_core[i] & 1;
	munmap(map, FILE_BYTES);
	close(fd);
	return count;
}

#define TRIES 10

static void read_here_and_there(struct wick_io *io, const struct wick_file *file)
{
	struct wick_io_request requests[16] = { 0 };

	for (unsigned i = 0; i < 16; i++) {
		requests[i].file = file;
		requests[i].offset = i * 31 * BLOCK + (file->direct ? 0 : 100);
		requests[i].one = (struct iovec){ arena + i * 4 * (size_t)BLOCK, (1 + i % 4) * BLOCK };
		wick_io_submit(io, &requests[i]);
	}
	for (struct wick_io_request *back; (back = wick_io_wait(io));)
		assert_int_equal(back->result, 0);
}

/* A page that the kernel holds just then stays, so a few tries are allowed. */
static void no_page_cache_is_left(void **state)
{
	struct wick_file file;
	struct wick_io *io = open_both(*state, 4, &file);
	unsigned tries = 0;

	posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED);
	if (cached_pages() == 0) {
		for (read_here_and_there(io, &file); cached_pages() && ++tries < TRIES; read_here_and_there(io, &file))
			posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED);
		assert_true(tries < TRIES);
	} else {
		print_message("skipped: the file system keeps files in memory\n");
	}
	close_both(io, &file);
}

static void registered_memory(void **state)
{
	struct wick_io_request requests[4] = { 0 };
	struct iovec ranges[2] = { { arena, 4 * BLOCK }, { arena + 8 * BLOCK, 4 * BLOCK } };
	struct iovec split[2] = { { arena + 9 * BLOCK, BLOCK }, { arena, BLOCK } };
	struct iovec huge = { arena, (1ull << 30) + BLOCK };
	struct wick_file file;
	struct wick_io *io = open_both(*state, 4, &file);
	int rc = wick_io_register(io, ranges, 2);

	if (rc == 0) {
		assert_int_equal(wick_io_register(io, &huge, 1), -EINVAL);
		assert_int_equal(wick_io_register(io, NULL, 65), -EINVAL);
	} else {
		assert_true(rc == -EOPNOTSUPP || rc == -ENOMEM || rc == -EPERM);
	}
	for (unsigned round = 0; round < 3; round++) {
		/* inside a range, across its end, beside all ranges, scattered */
		requests[0] = (struct wick_io_request){ .file = &file, .one = { arena + 8 * BLOCK, BLOCK } };
		requests[1] = (struct wick_io_request){ .file = &file, .one = { arena + 11 * BLOCK, 2 * BLOCK } };
		requests[2] = (struct wick_io_request){ .file = &file, .one = { arena + 20 * BLOCK, BLOCK } };
		requests[3] = (struct wick_io_request){ .file = &file, .iov = split, .iov_count = 2 };
		for (unsigned i = 0; i < 4; i++) {
			requests[i].offset = (round * 40 + i * 10) * BLOCK;
			wick_io_submit(io, &requests[i]);
		}
		while (wick_io_wait(io))
			;
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(requests[i].result, 0);
		for (unsigned i = 0; i < 3; i++)
			check_bytes(requests[i].one.iov_base, requests[i].offset, requests[i].one.iov_len);
		check_bytes(split[1].iov_base, requests[3].offset + BLOCK, BLOCK);
		if (rc == 0)
			assert_int_equal(wick_io_register(io, ranges, 1 - round % 2), 0);
	}
	close_both(io, &file);
}

static void options_are_checked(void **state)
{
	static const struct wick_io_options wrong[] = {
		{ .method = "uring", .depth = 0 },
		{ .method = "pread", .depth = 4097 },
		{ .method = "teleport", .depth = 1 },
		{ .method = "pread", .depth = 1, .threads = 33 },
		{ .method = "pread", .depth = 1, .sqpoll = true },
		{ .method = "mmap", .depth = 1, .iopoll = true },
	};
	struct wick_io *io;

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(wrong); i++) {
		struct wick_diag diag = { 0 };

		assert_int_equal(wick_io_create(&io, &wrong[i], &diag), -EINVAL);
		assert_null(io);
		assert_true(diag.text[0]);
	}
	wick_io_destroy(NULL);
}

/* The polled kinds of io_uring read as well, or say why not. */
static void polling(void **state)
{
	const struct wick_io_options both[] = { { .depth = 8, .sqpoll = true }, { .depth = 8, .iopoll = true } };
	struct wick_io_request requests[32] = { 0 };
	struct wick_io_request *back;
	struct wick_file file;
	struct wick_io *io;

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct wick_diag diag = { 0 };

		if (wick_io_create(&io, &both[k], &diag) < 0) {
			print_message("refused: %s\n", diag.text);
			assert_true(diag.text[0]);
			continue;
		}
		assert_int_equal(wick_file_open(&file, path, true, NULL), 0);
		for (unsigned i = 0; i < 32; i++) {
			requests[i] = (struct wick_io_request){ .file = &file, .offset = i * BLOCK };
			requests[i].one = (struct iovec){ arena + i * (size_t)BLOCK, BLOCK };
			wick_io_submit(io, &requests[i]);
		}
		while ((back = wick_io_wait(io))) {
			if (both[k].sqpoll || back->result == 0)
				check_bytes(back->one.iov_base, back->offset, BLOCK);
			else
				assert_true(back->result == -EOPNOTSUPP && wick_io_why(io)[0]);
		}
		if (wick_io_why(io)[0])
			print_message("refused: %s\n", wick_io_why(io));
		close_both(io, &file);
	}
}

/* Its thread tells that a read has ended before it gives the read's place back: from memory, as fast as can be. */
static void a_polling_thread_is_slow_to_give_back(void **state)
{
	const struct wick_io_options options = { .depth = 1, .sqpoll = true };
	struct wick_file file = { .fd = memfd_create("zeros", MFD_CLOEXEC), .size = BLOCK, .direct = true, .offset_align = 1,
		.memory_align = 1 };
	struct wick_io_request request = { 0 };
	struct wick_io *io;

	(void)state;
	assert_true(file.fd >= 0 && ftruncate(file.fd, BLOCK) == 0);
	if (wick_io_create(&io, &options, NULL) < 0)
		skip();
	for (unsigned i = 0; i < POLLED_READS; i++) {
		request = (struct wick_io_request){ .file = &file, .one = { arena, BLOCK } };
		wick_io_submit(io, &request);
		while (!wick_io_poll(io))
			;
		assert_int_equal(request.result, 0);
	}
	wick_io_destroy(io);
	close(file.fd);
}

/* As containers do: a system call fails with EPERM from now on. */
static int forbid(uint32_t system_call)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, system_call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { WICK_COUNT_OF(code), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Runs in a child, so that the filter is not ours. 0: as promised; else the line that was not. */
static int fall_back(void)
{
	struct wick_io_options best = { .depth = 8 }, named = { .method = "uring", .depth = 8 };
	struct wick_io_options polled = { .depth = 8, .sqpoll = true };
	struct wick_io_request request = { 0 };
	struct wick_diag diag = { 0 };
	struct wick_file file;
	struct wick_io *io;

	if (forbid(__NR_io_uring_setup))
		return 77;
	if (wick_io_create(&io, &named, &diag) != -EPERM || !strstr(diag.text, "io_uring"))
		return __LINE__;
	if (wick_io_create(&io, &polled, NULL) != -EPERM)
		return __LINE__;
	if (wick_io_create(&io, &best, NULL) || strcmp(wick_io_method(io), "pread"))
		return __LINE__;
	if (!strstr(wick_io_why(io), "io_uring"))
		return __LINE__;
	wick_file_open(&file, path, true, NULL);
	request = (struct wick_io_request){ .file = &file, .offset = BLOCK, .one = { arena, BLOCK } };
	wick_io_submit(io, &request);
	if (wick_io_wait(io) != &request || request.result || arena[5] != byte_at(BLOCK + 5))
		return __LINE__;
	wick_io_destroy(io);
	wick_file_close(&file);
	return 0;
}

/* The kernel refuses what a ring has in it: every read comes back with the reason, the next ones as well. */
static int a_ring_that_takes_nothing(void)
{
	struct wick_io_options options = { .method = "uring", .depth = 4 };
	struct wick_io_request requests[10] = { 0 }, *back;
	unsigned came = 0;
	struct wick_file file;
	struct wick_io *io;

	if (wick_file_open(&file, path, true, NULL) || wick_io_create(&io, &options, NULL))
		return __LINE__;
	if (forbid(__NR_io_uring_enter))
		return 77;
	for (unsigned i = 0; i < 10; i++) {
		requests[i] = (struct wick_io_request){ .file = &file, .one = { arena + i * BLOCK, BLOCK } };
		wick_io_submit(io, &requests[i]);
	}
	for (; (back = wick_io_wait(io)); came++)
		if (back->state != WICK_IO_FAILED || back->result != -EPERM)
			return __LINE__;
	if (came != 10)
		return __LINE__;
	wick_io_destroy(io);
	wick_file_close(&file);
	return 0;
}

static int read_block(struct wick_io *io, const struct wick_file *file)
{
	struct wick_io_request request = { .file = file, .offset = BLOCK, .one = { arena, BLOCK } };
	void *argument[2] = { io, &request };
	pthread_t thread;

	if (pthread_create(&thread, NULL, read_in_thread, argument) || pthread_join(thread, NULL))
		return -ECHILD;
	return request.result;
}

/* Another thread reads, and there is no descriptor left for its ring: that read fails, and the next one does not. */
static int a_ring_that_comes_later(void)
{
	struct wick_io_options options = { .method = "uring", .depth = 4 };
	struct rlimit usual, none = { 0 };
	struct wick_file file;
	struct wick_io *io;
	int rc;

	if (wick_file_open(&file, path, true, NULL) || wick_io_create(&io, &options, NULL) || getrlimit(RLIMIT_NOFILE, &usual))
		return __LINE__;
	none.rlim_max = usual.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &none))
		return __LINE__;
	rc = read_block(io, &file);
	if (setrlimit(RLIMIT_NOFILE, &usual) || rc != -EMFILE)
		return __LINE__;
	if (read_block(io, &file) || arena[5] != byte_at(BLOCK + 5) || read_block(io, &file))
		return __LINE__;
	wick_io_destroy(io);
	wick_file_close(&file);
	return 0;
}

/* An ordinary user with the usual 8 MiB of lockable memory: reads, and learns that 64 MiB cannot be registered. */
static int as_nobody(void)
{
	const struct rlimit usual = { 8u << 20, 8u << 20 };
	struct wick_io_options options = { .method = "uring", .depth = 128 };
	struct wick_io_request request = { 0 };
	struct iovec much = { NULL, 64u << 20 }, little = { arena, 64 * BLOCK };
	struct wick_file file;
	struct wick_io *io;
	int rc;

	if (wick_file_open(&file, path, true, NULL))
		return __LINE__;
	if (setrlimit(RLIMIT_MEMLOCK, &usual) || (geteuid() == 0 && (setresgid(65534, 65534, 65534) ||
		setresuid(65534, 65534, 65534))))
		return 77;
	much.iov_base = mmap(NULL, much.iov_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (much.iov_base == MAP_FAILED || wick_io_create(&io, &options, NULL))
		return __LINE__;
	rc = wick_io_register(io, &much, 1);
	if (rc != -ENOMEM && rc != -EPERM)
		return __LINE__;
	for (unsigned i = 0; i < 3; i++) {
		request = (struct wick_io_request){ .file = &file, .offset = i * BLOCK, .one = { arena, BLOCK } };
		wick_io_submit(io, &request);
		if (wick_io_wait(io) != &request || request.result || arena[7] != byte_at(i * BLOCK + 7))
			return __LINE__;
		if (i == 1 && (rc = wick_io_register(io, &little, 1)) < 0)
			return __LINE__;
	}
	wick_io_destroy(io);
	wick_file_close(&file);
	return 0;
}

/* What leaves by _exit tells a coverage build nothing by itself. */
#ifdef WICK_COVERAGE
void __gcov_dump(void);
#else
#define __gcov_dump() ((void)0)
#endif

static void leave(int status)
{
	__gcov_dump();
	_exit(status);
}

static void in_child(int (*test)(void))
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		leave(test() & 0xff);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_forbidden_uring_is_replaced_and_named(void **state)
{
	(void)state;
	in_child(fall_back);
}

static void need_uring(void)
{
	const struct wick_io_options options = { .method = "uring", .depth = 1 };
	struct wick_io *io;

	if (wick_io_create(&io, &options, NULL) < 0)
		skip();
	wick_io_destroy(io);
}

/* A pipe that nobody writes to. The read is called off, and the queue is as good as before. */
static void a_read_that_never_ends(void **state)
{
	const struct wick_io_options options = { .method = "uring", .depth = 4, .patience_ms = 50 };
	struct wick_io_request request = { 0 };
	struct wick_file file, pipe_file = { .size = FILE_BYTES, .offset_align = 1, .memory_align = 1 };
	struct wick_io *io;
	int pipes[2];

	(void)state;
	need_uring();
	assert_int_equal(wick_io_create(&io, &options, NULL), 0);
	assert_int_equal(wick_file_open(&file, path, false, NULL), 0);
	assert_int_equal(pipe(pipes), 0);
	pipe_file.fd = pipes[0];
	request = (struct wick_io_request){ .file = &pipe_file, .one = { arena, BLOCK } };
	wick_io_submit(io, &request);
	assert_ptr_equal(wick_io_wait(io), &request);
	assert_int_equal(request.result, -ETIMEDOUT);
	assert_string_equal(wick_io_error(request.result), "the drive does not answer");
	request = (struct wick_io_request){ .file = &file, .offset = BLOCK, .one = { arena, BLOCK } };
	read_one(io, &request);
	check_bytes(arena, BLOCK, BLOCK);
	request = (struct wick_io_request){ .file = &pipe_file, .one = { arena, BLOCK } };
	wick_io_submit(io, &request);
	wick_io_kick(io);
	assert_int_equal(wick_io_destroy(io), 0); /* which does not wait for ever either */
	wick_file_close(&file);
	close(pipes[0]);
	close(pipes[1]);
}

static void refused_reads_come_back(void **state)
{
	(void)state;
	need_uring();
	in_child(a_ring_that_takes_nothing);
}

static void a_lost_ring_is_made_again(void **state)
{
	(void)state;
	need_uring();
	in_child(a_ring_that_comes_later);
}

static void an_ordinary_user_reads(void **state)
{
	(void)state;
	need_uring();
	in_child(as_nobody);
}

static struct setting settings[] = {
	{ "uring, direct", "uring", true },
	{ "uring, buffered", "uring", false },
	{ "pread, direct", "pread", true },
	{ "pread, buffered", "pread", false },
	{ "mmap", "mmap", false },
};

#define TEST(function, i) { #function ": " #i, function, NULL, NULL, &settings[i] }
#define EACH(function) TEST(function, 0), TEST(function, 1), TEST(function, 2), TEST(function, 3), TEST(function, 4)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(many_scattered_reads),
		EACH(the_urgent_go_first),
		EACH(the_end_of_the_file),
		EACH(a_truncated_file),
		EACH(what_no_file_can_answer),
		EACH(another_file_with_the_same_number),
		EACH(destroy_waits_for_what_is_in_flight),
		EACH(one_thread_after_another),
		EACH(signals_interrupt_nothing),
		EACH(reading_allocates_nothing),
		EACH(no_page_cache_is_left),
		EACH(registered_memory),
		cmocka_unit_test(options_are_checked),
		cmocka_unit_test(polling),
		cmocka_unit_test(a_polling_thread_is_slow_to_give_back),
		cmocka_unit_test(a_forbidden_uring_is_replaced_and_named),
		cmocka_unit_test(a_read_that_never_ends),
		cmocka_unit_test(refused_reads_come_back),
		cmocka_unit_test(a_lost_ring_is_made_again),
		cmocka_unit_test(an_ordinary_user_reads),
	};

	for (unsigned i = 0; i < WICK_COUNT_OF(settings); i++)
		print_message("%u: %s\n", i, settings[i].name);
	return cmocka_run_group_tests(tests, begin, finish);
}
