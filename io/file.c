/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Opening a file, directly where the kernel lets us (see file.h). */

#include "file.h"

#include "bits.h"
#include "plain_read.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ALIGN_LIMIT (1u << 20)

/* statx's answer about direct I/O, which C libraries and kernel headers before 6.1 do not name. */
#define STATX_DIO 0x2000
#define STATX_DIO_MEMORY_AT 0x98
#define STATX_DIO_OFFSET_AT 0x9c

/* Where statx is silent: the blocks of the drives and file systems in use, the finest first. */
static const uint32_t usual_align[] = { 512, 4096 };

/* Fills in the alignments, 0 where the kernel does not tell. Returns NULL, or the reason why this file cannot be read
 * directly. */
static const char *ask_alignment(struct wick_file *file, int fd)
{
	struct statx answer = { 0 };

	_Static_assert(sizeof(answer) == 256, "the kernel fixed the size of struct statx");
	file->memory_align = file->offset_align = 0;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIO, &answer) < 0 || !(answer.stx_mask & STATX_DIO))
		return NULL;
	memcpy(&file->memory_align, (const char *)&answer + STATX_DIO_MEMORY_AT, sizeof(uint32_t));
	memcpy(&file->offset_align, (const char *)&answer + STATX_DIO_OFFSET_AT, sizeof(uint32_t));
	if (!file->memory_align || !file->offset_align)
		return "its file system cannot read this file directly";
	if (!wick_is_pow2(file->memory_align) || !wick_is_pow2(file->offset_align) ||
		file->memory_align > ALIGN_LIMIT || file->offset_align > ALIGN_LIMIT)
		return "its file system asks for an alignment that makes no sense";
	return NULL;
}

/* Reads one block where only the alignments promised hold: the second block of the file, into memory aligned no better
 * than memory_align. Returns 0 or a negative errno. */
static int prove_alignment(const struct wick_file *file, int fd)
{
	uint64_t offset = file->size >= 2ull * file->offset_align ? file->offset_align : 0;
	size_t align = WICK_MAX(file->memory_align, (uint32_t)sizeof(void *)), bytes = file->offset_align;
	struct wick_file direct = *file;
	uint64_t done;
	void *buffer;
	int rc;

	if (posix_memalign(&buffer, 2 * align, bytes + 2 * align))
		return -ENOMEM;
	direct.fd = fd;
	rc = wick_plain_read(&direct, (char *)buffer + file->memory_align, bytes, offset, &done);
	free(buffer);
	return rc == -ENODATA ? 0 : rc; /* a file of less than a block */
}

/* Proves the alignment that was said or, where none was, finds one of the usual. */
static int find_alignment(struct wick_file *file, int fd)
{
	int rc = -EINVAL;

	if (file->offset_align)
		return prove_alignment(file, fd);
	for (size_t i = 0; rc == -EINVAL && i < WICK_COUNT_OF(usual_align); i++) {
		file->memory_align = file->offset_align = usual_align[i];
		rc = prove_alignment(file, fd);
	}
	return rc;
}

/* A file system that is memory accepts O_DIRECT and ignores it. */
static bool lives_in_memory(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* Its size in bytes, or a negative errno: -EISDIR, -EINVAL when it is nothing that can be read at an offset. */
static int64_t size_of(int fd)
{
	struct stat info;
	off_t size;

	if (fstat(fd, &info) < 0)
		return -errno;
	if (S_ISDIR(info.st_mode))
		return -EISDIR;
	if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode))
		return -EINVAL;
	size = lseek(fd, 0, SEEK_END); /* st_size of a block device is 0 */
	return size < 0 ? -errno : size;
}

/* The open whose failure is the caller's. */
static int open_buffered(struct wick_file *file, const char *path, struct wick_diag *diag)
{
	static atomic_uint_fast64_t serials;
	int64_t size;

	/* O_NONBLOCK keeps a FIFO from waiting for its writer, and means nothing to files. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	size = size_of(fd);
	if (size >= 0)
		file->path = strdup(path);
	if (!file->path) {
		close(fd);
		return wick_diag_say(diag, size < 0 ? (int)size : -ENOMEM, "%s: %s", path,
			size == -EINVAL ? "not a file or block device" : strerror(size < 0 ? (int)-size : ENOMEM));
	}
	file->fd = fd;
	file->size = (uint64_t)size;
	file->serial = atomic_fetch_add(&serials, 1) + 1;
	file->offset_align = file->memory_align = 1;
	return 0;
}

/* Opens the same file again, whatever its path means by now, with O_DIRECT. A descriptor, or -1 with `why` saying why
 * not. */
static int open_direct(struct wick_file *file)
{
	char self[32];
	const char *why;
	int fd, rc;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", file->fd);
	fd = open(self, O_RDONLY | O_CLOEXEC | O_DIRECT);
	if (fd < 0 && errno == ENOENT) /* no /proc here */
		fd = open(file->path, O_RDONLY | O_CLOEXEC | O_DIRECT);

	if (fd < 0) {
		snprintf(file->why, sizeof(file->why), "O_DIRECT refused: %s", strerror(errno));
		return -1;
	}
	why = lives_in_memory(fd) ? "its file system keeps files in memory" : ask_alignment(file, fd);
	rc = why ? 0 : find_alignment(file, fd);
	if (!why && !rc)
		return fd;
	if (why)
		snprintf(file->why, sizeof(file->why), "%s", why);
	else
		snprintf(file->why, sizeof(file->why), "a direct read of %u bytes failed: %s", file->offset_align,
			strerror(-rc));
	close(fd);
	return -1;
}

/* Tells who would overwrite the file that it is being read. Nothing depends on it, and not every file system has
 * locks. */
static void lock_for_reading(int fd)
{
	while (flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EINTR)
		;
}

int wick_file_open(struct wick_file *file, const char *path, bool want_direct, struct wick_diag *diag)
{
	int rc, fd;

	*file = (struct wick_file){ .fd = -1 };
	rc = open_buffered(file, path, diag);
	if (rc < 0)
		return rc;
	fd = want_direct ? open_direct(file) : -1;
	if (fd >= 0) {
		close(file->fd);
		file->fd = fd;
		file->direct = true;
		lock_for_reading(fd);
		return 0;
	}
	file->offset_align = file->memory_align = 1;
	/* No readahead: pages read ahead by the kernel would stay. */
	posix_fadvise(file->fd, 0, 0, POSIX_FADV_RANDOM);
	lock_for_reading(file->fd);
	return 0;
}

int wick_file_open_grained(
	struct wick_file *file, const char *path, bool want_direct, uint32_t grain, struct wick_diag *diag)
{
	int rc = wick_file_open(file, path, want_direct, diag);
	uint32_t asked = rc ? 0 : WICK_MAX(file->offset_align, file->memory_align);

	if (asked <= grain)
		return rc;
	wick_file_close(file);
	rc = wick_file_open(file, path, false, diag);
	if (!rc)
		snprintf(file->why, sizeof(file->why), "the drive reads blocks of %u bytes, and the file is made for %u: pack it with "
			"--align %u", asked, grain, asked);
	return rc;
}

void wick_file_close(struct wick_file *file)
{
	if (file->path) {
		/* A ring that it was registered with holds it, and its lock, for a while after both are closed. */
		flock(file->fd, LOCK_UN);
		close(file->fd);
	}
	wick_file_abandon(file);
}

void wick_file_abandon(struct wick_file *file)
{
	free(file->path);
	*file = (struct wick_file){ .fd = -1 };
}

void wick_file_forget(const struct wick_file *file, uint64_t offset, uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t from = wick_align_down(offset, page), to = wick_align_up(offset + bytes, page);

	posix_fadvise(file->fd, (off_t)from, (off_t)(to - from), POSIX_FADV_DONTNEED);
}
