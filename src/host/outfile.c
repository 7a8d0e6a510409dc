/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Write, sync, link, rename (see outfile.h). */

#include "outfile.h"

#include "bits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECT_ALIGN 4096u /* of buffer, offset and length */
#define NAMES_MAX 100      /* temporary names tried */
#define NAME_BYTES 32      /* of them, more than of the path */

static int fail(const struct wick_outfile *out, const char *doing, struct wick_diag *diag)
{
	int code = errno;

	return wick_diag_say(diag, -code, "%s: %s: %s", out->path, doing, strerror(code));
}

/* Whether a run has it open: wick_file_open holds a shared lock on what it reads. It would go on with the old file,
 * which keeps its room on the drive until then, while new runs get another; so that is refused. */
static int check_unused(const char *path, struct wick_diag *diag)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;

	if (fd < 0)
		return 0; /* not ours to read, and to replace all the same */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		rc = wick_diag_say(diag, -EBUSY, "%s: is in use: a process reads it", path);
	close(fd);
	return rc;
}

/* Whether no file is behind the name: it is free, and not a link, which the new file would replace. */
static int settle_free(struct wick_outfile *out, struct wick_diag *diag)
{
	struct stat status;

	if (errno != ENOENT)
		return fail(out, "cannot be written", diag);
	if (lstat(out->path, &status) == 0)
		return wick_diag_say(diag, -ENOENT, "%s: is a link to a file that is not there", out->path);
	return 0;
}

/* Where the file will be in the end, the link at its name followed. */
static int settle_path(struct wick_outfile *out, const char *path, struct wick_diag *diag)
{
	out->path = strdup(path);
	if (!out->path)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to write it", path);
	if (stat(path, &out->old) < 0)
		return settle_free(out, diag);
	if (!S_ISREG(out->old.st_mode))
		return wick_diag_say(diag, -EINVAL, "%s: is there already and is not a regular file", path);
	free(out->path);
	out->path = realpath(path, NULL);
	if (!out->path)
		return wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	return check_unused(path, diag);
}

/* To be written in, and synced in the end: opened now, so that then nothing else can fail. */
static int open_folder(struct wick_outfile *out, struct wick_diag *diag)
{
	char *folder = strdup(out->path), *slash = folder ? strrchr(folder, '/') : NULL;

	if (!folder)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to write it", out->path);
	if (slash)
		slash[slash == folder] = 0;
	out->folder = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	return out->folder < 0 ? fail(out, "cannot be created", diag) : 0;
}

/* The place in /proc that leads to the file while it has no name. */
static void say_self(const struct wick_outfile *out, char self[32])
{
	snprintf(self, 32, "/proc/self/fd/%d", out->fd);
}

static void say_temporary(struct wick_outfile *out, unsigned i)
{
	snprintf(out->temporary, strlen(out->path) + NAME_BYTES, "%s.%d-%u.part", out->path, (int)getpid(), i);
}

/* Whether such a file can get a name in the end: /proc is there, and the name is not too long. */
static bool can_be_named(struct wick_outfile *out)
{
	char self[32];

	say_self(out, self);
	say_temporary(out, 0);
	return access(self, F_OK) == 0 && (access(out->temporary, F_OK) == 0 || errno == ENOENT);
}

/* A file that is gone when the process is, however that ends. 1: not to be had here, or could not be named. */
static int open_nameless(struct wick_outfile *out)
{
	out->fd = openat(out->folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
	if (out->fd < 0) /* the last two are what kernels say that do not know O_TMPFILE */
		return errno == EOPNOTSUPP || errno == EINVAL || errno == EISDIR || errno == ENOENT ? 1 : -errno;
	if (can_be_named(out))
		return 0;
	close(out->fd);
	out->fd = -1;
	return 1;
}

static int open_named(struct wick_outfile *out)
{
	out->fd = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return out->fd < 0 ? -errno : 0;
}

static int link_nameless(struct wick_outfile *out)
{
	char self[32];

	say_self(out, self);
	return linkat(AT_FDCWD, self, AT_FDCWD, out->temporary, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/* Puts the file under the first temporary name that is not taken. */
static int take_name(struct wick_outfile *out, int (*put)(struct wick_outfile *out))
{
	int rc = -EEXIST;

	for (unsigned i = 0; rc == -EEXIST && i < NAMES_MAX; i++) {
		say_temporary(out, i);
		rc = put(out);
	}
	out->named = rc == 0;
	errno = -rc;
	return rc;
}

/* The new file has the permissions of the old one from the beginning. Its owner is kept where that is allowed, as it is
 * to root; a file system that has no permissions of files gives both the same. */
static int keep_access(const struct wick_outfile *out, struct wick_diag *diag)
{
	struct stat new;

	if (!out->old.st_mode)
		return 0;
	if (fstat(out->fd, &new) < 0)
		return fail(out, "cannot be created", diag);
	if ((new.st_uid != out->old.st_uid || new.st_gid != out->old.st_gid) &&
		fchown(out->fd, out->old.st_uid, out->old.st_gid) < 0 && errno != EPERM)
		return fail(out, "keeping its owner", diag);
	if (new.st_mode != out->old.st_mode && fchmod(out->fd, out->old.st_mode & 07777) < 0)
		return fail(out, "keeping its permissions", diag);
	return 0;
}

static int open_file(struct wick_outfile *out, struct wick_diag *diag)
{
	int rc;

	out->temporary = malloc(strlen(out->path) + NAME_BYTES);
	if (!out->temporary)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to write it", out->path);
	rc = open_nameless(out);
	if (rc > 0)
		rc = take_name(out, open_named);
	if (rc)
		return fail(out, "cannot be created", diag);
	out->direct = fcntl(out->fd, F_SETFL, O_DIRECT) == 0;
	return keep_access(out, diag);
}

/* Filesystems that cannot reserve room are written to as they are. */
static int reserve(struct wick_outfile *out, uint64_t bytes, struct wick_diag *diag)
{
	int code;

	while (fallocate(out->fd, 0, 0, bytes) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EOPNOTSUPP || errno == ENOSYS)
			return 0;
		code = errno;
		return wick_diag_say(diag, -code, "%s: no room for its %llu bytes: %s", out->path,
			(unsigned long long)bytes, strerror(code));
	}
	return 0;
}

int wick_outfile_create(struct wick_outfile *out, const char *path, uint64_t total_bytes, struct wick_diag *diag)
{
	int rc;

	*out = (struct wick_outfile){ .fd = -1, .folder = -1 };
	rc = settle_path(out, path, diag);
	if (rc == 0)
		rc = open_folder(out, diag);
	if (rc == 0)
		rc = open_file(out, diag);
	if (rc == 0)
		rc = reserve(out, total_bytes, diag);
	if (rc == 0) {
		out->buffer = aligned_alloc(DIRECT_ALIGN, WICK_OUTFILE_BYTES);
		if (!out->buffer)
			rc = wick_diag_say(diag, -ENOMEM, "%s: no memory to write it", path);
	}
	if (rc)
		wick_outfile_discard(out);
	return rc;
}

/* Not every filesystem takes direct writes, and some say so only at the first one. */
static bool give_up_direct(struct wick_outfile *out)
{
	if (!out->direct || fcntl(out->fd, F_SETFL, 0) < 0)
		return false;
	out->direct = false;
	return true;
}

/* Writes `bytes` of the buffer behind what was flushed before. */
static int flush(struct wick_outfile *out, uint64_t bytes, struct wick_diag *diag)
{
	uint64_t done = 0;

	while (done < bytes) {
		ssize_t put = pwrite(out->fd, out->buffer + done, bytes - done, out->flushed + done);

		if (put < 0 && (errno == EINTR || (errno == EINVAL && give_up_direct(out))))
			continue;
		if (put < 0)
			return fail(out, "writing", diag);
		done += put;
	}
	if (!out->direct && fdatasync(out->fd) < 0)
		return fail(out, "writing", diag);
	if (!out->direct)
		posix_fadvise(out->fd, 0, 0, POSIX_FADV_DONTNEED);
	out->flushed += bytes;
	return 0;
}

int wick_outfile_write(struct wick_outfile *out, const void *data, uint64_t bytes, struct wick_diag *diag)
{
	const uint8_t *from = data;
	int rc = 0;

	while (rc == 0 && bytes > 0) {
		uint64_t held = out->bytes - out->flushed, some = WICK_MIN(bytes, WICK_OUTFILE_BYTES - held);

		memcpy(out->buffer + held, from, some);
		from += some;
		bytes -= some;
		out->bytes += some;
		if (held + some == WICK_OUTFILE_BYTES)
			rc = flush(out, WICK_OUTFILE_BYTES, diag);
	}
	return rc;
}

int wick_outfile_pad(struct wick_outfile *out, uint32_t align, struct wick_diag *diag)
{
	static const uint8_t zeros[4096];
	int rc = 0;

	while (rc == 0 && out->bytes % align)
		rc = wick_outfile_write(out, zeros, WICK_MIN(sizeof(zeros), align - out->bytes % align), diag);
	return rc;
}

/* The rename lasts only when the folder is synced too. Whatever can fail but that comes before; if that fails, the file
 * is in place all the same, and only that it stays there is not certain. */
static int put_in_place(struct wick_outfile *out, struct wick_diag *diag)
{
	int rc = check_unused(out->path, diag);

	if (rc)
		return rc;
	if (!out->named && take_name(out, link_nameless))
		return fail(out, "linking it into place", diag);
	if (rename(out->temporary, out->path) < 0)
		return fail(out, "renaming it into place", diag);
	out->named = false;
	out->in_place = true;
	if (fsync(out->folder) < 0)
		return fail(out, "is in place, and may be gone after a power cut: syncing its folder", diag);
	return 0;
}

/* The rest of the buffer goes out rounded up to a multiple that direct writes take; then the file is cut to its length.
 * Whether a run has begun meanwhile is asked here too, before the caller puts files into place that belong to this
 * one. */
int wick_outfile_finish(struct wick_outfile *out, struct wick_diag *diag)
{
	uint64_t held = out->bytes - out->flushed, rounded = wick_align_up(held, DIRECT_ALIGN);
	int rc;

	memset(out->buffer + held, 0, rounded - held);
	rc = flush(out, rounded, diag);
	if (rc)
		return rc;
	if (ftruncate(out->fd, out->bytes) < 0 || fsync(out->fd) < 0)
		return fail(out, "syncing", diag);
	out->finished = true;
	return check_unused(out->path, diag);
}

int wick_outfile_commit(struct wick_outfile *out, struct wick_diag *diag)
{
	int rc = out->finished ? 0 : wick_outfile_finish(out, diag);

	if (rc == 0)
		rc = put_in_place(out, diag);
	if (rc == 0)
		wick_outfile_discard(out);
	return rc;
}

void wick_outfile_discard(struct wick_outfile *out)
{
	if (out->path && out->fd >= 0)
		close(out->fd);
	if (out->path && out->folder >= 0)
		close(out->folder);
	if (out->named)
		unlink(out->temporary);
	free(out->temporary);
	free(out->path);
	free(out->buffer);
	*out = (struct wick_outfile){ .fd = -1, .folder = -1 };
}
