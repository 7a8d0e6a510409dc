/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The file that flashbench reads. One that it makes has no name and is opened again through /proc, so that nothing is
 * left behind whatever becomes of the process. */

#include "bits.h"
#include "flash.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BLOCK_BYTES (4u << 20)
#define FREE_SHARE 0.9 /* of the free space may be taken */

/* Bytes that no drive can compress (xorshift64*). */
WICK_WRAPS static void fill_block(uint64_t *words, size_t count, uint64_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15 + 1;

	for (size_t i = 0; i < count; i++) {
		x ^= x >> 12;
		x ^= x << 25;
		x ^= x >> 27;
		words[i] = x * 0x2545f4914f6cdd1d;
	}
}

static int write_block(int fd, const void *block, size_t bytes, uint64_t offset)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t wrote = pwrite(fd, (const char *)block + done, bytes - done, (off_t)(offset + done));

		if (wrote < 0 && errno != EINTR)
			return -errno;
		done += wrote > 0 ? (size_t)wrote : 0;
	}
	return 0;
}

/* Where the kernel cannot sync a part, the fdatasync at the end syncs all. Errors count here: one that was told for a
 * block is not told again by fdatasync. */
static int sync_block(int fd, uint64_t offset, unsigned how)
{
	return sync_file_range(fd, (off_t)offset, BLOCK_BYTES, how) < 0 && errno != ENOSYS ? -errno : 0;
}

/* Puts a block on the drive and drops it from the page cache, which is not ours to fill. */
static int settle_block(int fd, uint64_t offset)
{
	int rc = sync_block(fd, offset,
		SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);

	posix_fadvise(fd, (off_t)offset, BLOCK_BYTES, POSIX_FADV_DONTNEED);
	return rc;
}

/* While one block is written the one before settles. */
static int fill(int fd, uint64_t size, void *block, struct progress *progress)
{
	int rc = 0;

	for (uint64_t at = 0; at < size && !rc; at += BLOCK_BYTES) {
		fill_block(block, BLOCK_BYTES / sizeof(uint64_t), at / BLOCK_BYTES + 1);
		rc = write_block(fd, block, (size_t)WICK_MIN((uint64_t)BLOCK_BYTES, size - at), at);
		if (!rc)
			rc = sync_block(fd, at, SYNC_FILE_RANGE_WRITE);
		if (!rc && at)
			rc = settle_block(fd, at - BLOCK_BYTES);
		if (!rc && progress_show(progress, at, size))
			rc = -ECANCELED;
	}
	if (!rc && fdatasync(fd) < 0)
		rc = -errno;
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return rc;
}

static int refuse_to_fill(const char *folder, uint64_t size, struct wick_diag *diag)
{
	struct statvfs fs;
	double free_bytes;

	if (statvfs(folder, &fs) < 0)
		return wick_diag_say(diag, -errno, "%s: %s", folder, strerror(errno));
	free_bytes = (double)fs.f_bavail * (double)fs.f_frsize;
	if ((double)size > free_bytes * FREE_SHARE)
		return wick_diag_say(diag, -ENOSPC, "%s: %s are free there, and a test file of %s (--size) would fill it",
			folder, BYTES(free_bytes), BYTES(size));
	return 0;
}

/* Where a file system makes no file without a name it has one for a moment. */
static int make_and_unlink(const char *folder)
{
	char *path;
	int fd;

	if (asprintf(&path, "%s/.wick-flashbench-XXXXXX", folder) < 0)
		return -ENOMEM;
	fd = mkostemp(path, O_CLOEXEC);
	fd = fd < 0 ? -errno : fd;
	if (fd >= 0)
		unlink(path);
	free(path);
	return fd;
}

/* A file without a name. Returns its descriptor. */
static int make_nameless(const char *folder, struct wick_diag *diag)
{
	int fd = open(folder, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		fd = make_and_unlink(folder);
	return fd < 0 ? wick_diag_say(diag, fd, "%s: cannot make a test file there: %s", folder, strerror(-fd)) : fd;
}

/* File systems that cannot reserve room are written to as they are. */
static int reserve(int fd, uint64_t size)
{
	while (fallocate(fd, 0, 0, (off_t)size) < 0)
		if (errno != EINTR)
			return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -errno;
	return 0;
}

static int write_file(int fd, const char *folder, uint64_t size, struct wick_diag *diag)
{
	struct progress progress;
	void *block = malloc(BLOCK_BYTES);
	int rc = block ? 0 : -ENOMEM;

	if (!rc)
		rc = reserve(fd, size);
	progress_begin(&progress, "writing the test file,");
	if (!rc)
		rc = fill(fd, size, block, &progress);
	progress_end(&progress);
	free(block);
	if (rc == -ECANCELED)
		return wick_diag_say(diag, rc, "stopped while writing the test file");
	return rc < 0 ? wick_diag_say(diag, rc, "%s: writing a test file of %s: %s", folder, BYTES(size), strerror(-rc)) : 0;
}

/* In sentences the file goes by its folder. */
static int open_nameless(struct wick_file *file, int fd, const char *folder, bool direct, struct wick_diag *diag)
{
	char path[64], *shown;
	int rc;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = wick_file_open(file, path, direct, diag);
	if (rc < 0)
		return rc;
	if (asprintf(&shown, "the test file in %s", folder) >= 0) {
		free(file->path);
		file->path = shown;
	}
	return 0;
}

static int make_file(struct flash_bench *bench, const char *folder, uint64_t size, bool direct, struct wick_diag *diag)
{
	int rc = refuse_to_fill(folder, size, diag), fd;

	if (rc < 0)
		return rc;
	fd = make_nameless(folder, diag);
	if (fd < 0)
		return fd;
	rc = write_file(fd, folder, size, diag);
	if (!rc)
		rc = open_nameless(&bench->file, fd, folder, direct, diag);
	close(fd);
	bench->made = true;
	return rc;
}

int flash_open(struct flash_bench *bench, const char *path, uint64_t size, bool direct, struct wick_diag *diag)
{
	struct stat info;
	int rc;

	bench->file = (struct wick_file){ .fd = -1 };
	if (stat(path, &info) < 0)
		return wick_diag_say(diag, -errno, "%s: %s (PATH is a folder to make a test file in, or a file to read)", path,
			strerror(errno));
	rc = wick_device_of(&bench->device, path, diag);
	if (rc < 0)
		return rc;
	if (S_ISDIR(info.st_mode))
		rc = make_file(bench, path, size, direct, diag);
	else
		rc = wick_file_open(&bench->file, path, direct, diag);
	return rc;
}

void flash_close(struct flash_bench *bench)
{
	wick_file_close(&bench->file);
}
