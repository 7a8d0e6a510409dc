/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Files that are written whole, or not left there. */

#include "output.h"

#include "write_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether a descriptor of ours is of this file. */
static bool is_of(int fd, const struct stat *file)
{
	struct stat info;

	return fstat(fd, &info) == 0 && info.st_dev == file->st_dev && info.st_ino == file->st_ino;
}

/* A pipe or device is not ours to remove, nor is what the shell made for standard output or error, which /dev/stdout is
 * a link to. */
static void remove_part(const char *path)
{
	char *real = realpath(path, NULL);
	struct stat info;

	if (real && stat(real, &info) == 0 && S_ISREG(info.st_mode) && !is_of(STDOUT_FILENO, &info) &&
		!is_of(STDERR_FILENO, &info))
		unlink(real);
	free(real);
}

int output_begin(struct output *output, const char *path, struct wick_diag *diag)
{
	*output = (struct output){ .path = path };
	output->to = open_memstream(&output->text, &output->bytes);
	return output->to ? 0 : wick_diag_say(diag, -ENOMEM, "%s: no memory to write it", path);
}

static int write_file(const struct output *output)
{
	int fd = open(output->path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0666), rc;

	if (fd < 0)
		return -errno;
	rc = wick_write_all(fd, output->text, output->bytes);
	if (close(fd) < 0 && !rc)
		rc = -errno;
	if (rc)
		remove_part(output->path);
	return rc;
}

int output_end(struct output *output, int rc, struct wick_diag *diag)
{
	bool failed = ferror(output->to);

	if ((fclose(output->to) || failed) && !rc)
		rc = wick_diag_say(diag, -ENOMEM, "%s: no memory to write it", output->path);
	if (!rc) {
		rc = write_file(output);
		if (rc)
			wick_diag_say(diag, rc, "%s: %s", output->path, strerror(-rc));
	}
	free(output->text);
	return rc;
}

int output_open(FILE **out, const char *path, struct wick_diag *diag)
{
	*out = path ? fopen(path, "wbe") : NULL;
	return path && !*out ? wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno)) : 0;
}

/* A write that failed before the end was reported with its reason by the writer; this is for writers that did not
 * check. */
int output_close(FILE *out, const char *path, int rc, struct wick_diag *diag)
{
	bool failed = out && ferror(out);
	int end = out && fclose(out) ? -errno : failed ? -EIO : 0;

	if (!rc && end)
		rc = wick_diag_say(diag, end, "%s: %s", path, strerror(-end));
	if (out && rc)
		remove_part(path);
	return rc;
}

int output_flush(struct wick_diag *diag)
{
	static int first;

	if (fflush(stdout) && !first)
		first = -errno;
	if (ferror(stdout) && !first)
		first = -EIO;
	return first ? wick_diag_say(diag, first, "standard output: %s", strerror(-first)) : 0;
}

/* A file system of another machine may look for room only at a close. It is one of a copy, since exit closes the stream
 * itself; there is none to be had where it was closed before. */
int output_finish(struct wick_diag *diag)
{
	int rc = output_flush(diag), copy = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);

	if (copy >= 0 && close(copy) < 0 && !rc)
		rc = wick_diag_say(diag, -errno, "standard output: %s", strerror(errno));
	return rc;
}
