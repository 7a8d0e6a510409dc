/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The k-th system call fails (see failing.h). */

#include "failing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK 4096u /* of direct I/O */

static const struct failing *wanted;
static _Atomic uint64_t calls, failing_call; /* 0: none fails */

/* Counts a call of this kind; true when it has to fail. */
static bool fails(unsigned kind)
{
	uint64_t k = atomic_load(&failing_call);

	if (!k || !(wanted->calls & kind) || atomic_fetch_add(&calls, 1) + 1 != k)
		return false;
	errno = wanted->code;
	return true;
}

static bool is_direct(int fd)
{
	return fcntl(fd, F_GETFL) & O_DIRECT;
}

/* How many bytes of so many; -1 with errno for none. A direct call takes whole blocks. */
static ssize_t bytes_left(int fd, size_t bytes, unsigned kind)
{
	bool whole = is_direct(fd);

	if (!atomic_load(&failing_call) || (whole && bytes <= BLOCK && !wanted->code) || !fails(kind))
		return (ssize_t)bytes;
	if (wanted->code || wanted->none)
		return wanted->code ? -1 : 0;
	return (ssize_t)(whole ? (bytes + BLOCK) / 2 / BLOCK * BLOCK : (bytes + 1) / 2);
}

#define REAL(type, name, ...) \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

int __wrap_open64(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	return fails(FAILING_OPEN) ? -1 : __real_open64(path, flags, mode);
}

int __real_openat64(int at, const char *path, int flags, ...);
int __wrap_openat64(int at, const char *path, int flags, ...);

/* All that the library opens so are files without a name. */
int __wrap_openat64(int at, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	if (atomic_load(&failing_call) && wanted->named) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return fails(FAILING_NAMELESS) ? -1 : __real_openat64(at, path, flags, mode);
}

int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);

/* Some take a pointer instead, which is no longer. */
int __wrap_fcntl64(int fd, int command, ...)
{
	va_list args;
	long value;

	va_start(args, command);
	value = va_arg(args, long);
	va_end(args);
	if (command == F_SETFL && (value & O_DIRECT) && fails(FAILING_FLAGS))
		return -1;
	return __real_fcntl64(fd, command, value);
}

REAL(ssize_t, read, int fd, void *into, size_t bytes)
{
	ssize_t left = bytes_left(fd, bytes, FAILING_READ);

	return left <= 0 ? left : __real_read(fd, into, (size_t)left);
}

REAL(ssize_t, __read_chk, int fd, void *into, size_t bytes, size_t room)
{
	ssize_t left = bytes_left(fd, bytes, FAILING_READ);

	return left <= 0 ? left : __real___read_chk(fd, into, (size_t)left, room);
}

REAL(ssize_t, pread64, int fd, void *into, size_t bytes, off64_t at)
{
	ssize_t left = bytes_left(fd, bytes, FAILING_READ_AT);

	return left <= 0 ? left : __real_pread64(fd, into, (size_t)left, at);
}

/* Of half the bytes those of the first part alone. */
REAL(ssize_t, preadv64, int fd, const struct iovec *parts, int count, off64_t at)
{
	size_t bytes = 0;
	ssize_t left;

	for (int i = 0; i < count; i++)
		bytes += parts[i].iov_len;
	left = bytes_left(fd, bytes, FAILING_READ_AT);
	if (left <= 0)
		return left;
	if ((size_t)left == bytes)
		return __real_preadv64(fd, parts, count, at);
	return __real_pread64(fd, parts[0].iov_base, (size_t)left < parts[0].iov_len ? (size_t)left : parts[0].iov_len, at);
}

REAL(ssize_t, write, int fd, const void *from, size_t bytes)
{
	ssize_t left = bytes_left(fd, bytes, FAILING_WRITE);

	return left <= 0 ? left : __real_write(fd, from, (size_t)left);
}

REAL(ssize_t, pwrite64, int fd, const void *from, size_t bytes, off64_t at)
{
	ssize_t left = bytes_left(fd, bytes, is_direct(fd) ? FAILING_DIRECT : FAILING_WRITE);

	return left <= 0 ? left : __real_pwrite64(fd, from, (size_t)left, at);
}

REAL(int, fsync, int fd)
{
	return fails(FAILING_SYNC) ? -1 : __real_fsync(fd);
}

REAL(int, fdatasync, int fd)
{
	return fails(FAILING_SYNC) ? -1 : __real_fdatasync(fd);
}

REAL(int, ftruncate64, int fd, off64_t bytes)
{
	return fails(FAILING_CUT) ? -1 : __real_ftruncate64(fd, bytes);
}

REAL(int, fallocate64, int fd, int mode, off64_t at, off64_t bytes)
{
	return fails(FAILING_RESERVE) ? -1 : __real_fallocate64(fd, mode, at, bytes);
}

REAL(int, rename, const char *from, const char *to)
{
	return fails(FAILING_RENAME) ? -1 : __real_rename(from, to);
}

REAL(int, linkat, int from_at, const char *from, int to_at, const char *to, int flags)
{
	return fails(FAILING_LINK) ? -1 : __real_linkat(from_at, from, to_at, to, flags);
}

REAL(off64_t, lseek64, int fd, off64_t at, int whence)
{
	return fails(FAILING_LOOK) ? -1 : __real_lseek64(fd, at, whence);
}

REAL(int, stat64, const char *path, struct stat64 *status)
{
	return fails(FAILING_LOOK) ? -1 : __real_stat64(path, status);
}

REAL(int, fstat64, int fd, struct stat64 *status)
{
	return fails(FAILING_LOOK) ? -1 : __real_fstat64(fd, status);
}

REAL(char *, realpath, const char *path, char *into)
{
	return fails(FAILING_LOOK) ? NULL : __real_realpath(path, into);
}

void failing_begin(const struct failing *failing, uint64_t k)
{
	wanted = failing;
	atomic_store(&calls, 0);
	atomic_store(&failing_call, k);
}

bool failing_end(void)
{
	return atomic_load(&calls) >= atomic_exchange(&failing_call, 0);
}
