/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A file comes into place complete or not at all, and leaves nothing else: written without a name, and under a temporary
 * one where the file system has no files without. */

#include "file.h"
#include "outfile.h"
#include "packing.h"

#include "bits.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define BYTES 100001u
#define NAMES 100 /* that are tried */

static const int refusals[] = { 0, EOPNOTSUPP, EISDIR, EINVAL, ENOENT }; /* of O_TMPFILE; 0: not refused */
static int refusal, link_error, folder_error;
static bool no_proc;
static struct folder folder;
static char out_path[300];

int __real_openat64(int at, const char *path, int flags, ...);
int __wrap_openat64(int at, const char *path, int flags, ...);
int __real_linkat(int from_at, const char *from, int to_at, const char *to, int flags);
int __wrap_linkat(int from_at, const char *from, int to_at, const char *to, int flags);
int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

int __wrap_openat64(int at, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = (flags & O_TMPFILE) == O_TMPFILE || (flags & O_CREAT) ? va_arg(args, mode_t) : 0;
	va_end(args);
	errno = refusal;
	return (flags & O_TMPFILE) == O_TMPFILE && refusal ? -1 : __real_openat64(at, path, flags, mode);
}

int __wrap_linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
	errno = link_error;
	return link_error ? -1 : __real_linkat(from_at, from, to_at, to, flags);
}

int __wrap_access(const char *path, int mode)
{
	errno = ENOENT;
	return no_proc && !strncmp(path, "/proc/", 6) ? -1 : __real_access(path, mode);
}

int __wrap_fsync(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	errno = folder_error;
	return folder_error && S_ISDIR(status.st_mode) ? -1 : __real_fsync(fd);
}

/* An old file, and a new one that is written but for its end. Whether it has a name meanwhile. */
static bool begin(struct wick_outfile *out)
{
	static uint8_t data[BYTES];
	unsigned names;

	for (unsigned i = 0; i < BYTES; i++)
		data[i] = (uint8_t)(i * 7 % 251);
	folder_write(&folder, "out", "old", 3);
	assert_int_equal(wick_outfile_create(out, out_path, BYTES, NULL), 0);
	assert_int_equal(wick_outfile_write(out, data, BYTES, NULL), 0);
	names = folder_count(&folder);
	assert_in_range(names, 1, 2);
	assert_true(names == 2 || (!refusal && !no_proc));
	return names == 2;
}

/* What is under the name in the end. */
static void expect(bool new)
{
	struct blob blob = blob_load(out_path);

	assert_int_equal(blob.count, new ? BYTES : 3);
	for (unsigned i = 0; new && i < BYTES; i++)
		assert_int_equal(blob.bytes[i], i * 7 % 251);
	assert_true(new || !memcmp(blob.bytes, "old", 3));
	free(blob.bytes);
}

/* Ends a test: that is all there is. */
static void expect_alone(bool new)
{
	expect(new);
	assert_int_equal(unlink(out_path), 0);
	assert_int_equal(folder_count(&folder), 0);
}

static void comes_into_place(void)
{
	mode_t before = umask(027);
	struct wick_outfile out;
	struct stat status;

	begin(&out);
	expect(false);
	assert_int_equal(wick_outfile_commit(&out, NULL), 0);
	umask(before);
	assert_int_equal(stat(out_path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	expect_alone(true);
}

static void is_discarded(void)
{
	struct wick_outfile out;

	begin(&out);
	wick_outfile_discard(&out);
	expect_alone(false);
	begin(&out);
	assert_int_equal(wick_outfile_finish(&out, NULL), 0);
	wick_outfile_discard(&out);
	expect_alone(false);
}

static const char *name_of(unsigned i)
{
	static char name[64];

	snprintf(name, sizeof(name), "out.%d-%u.part", (int)getpid(), i);
	return name;
}

/* Files of others under the temporary names: one, and all. */
static void goes_round_what_is_there(void)
{
	struct wick_diag diag = { "" };
	struct wick_outfile out;
	int rc;

	folder_write(&folder, name_of(0), "x", 1);
	folder_write(&folder, "out", "old", 3);
	assert_int_equal(wick_outfile_create(&out, out_path, 3, NULL), 0);
	assert_int_equal(wick_outfile_write(&out, "new", 3, NULL), 0);
	assert_int_equal(wick_outfile_commit(&out, NULL), 0);
	assert_int_equal(folder_count(&folder), 2);
	folder_write(&folder, "out", "old", 3);
	for (unsigned i = 0; i < NAMES; i++)
		folder_write(&folder, name_of(i), "x", 1);
	rc = wick_outfile_create(&out, out_path, 3, &diag);
	if (rc == 0)
		rc = wick_outfile_commit(&out, &diag);
	assert_int_equal(rc, -EEXIST);
	assert_non_null(strstr(diag.text, out_path));
	wick_outfile_discard(&out);
	for (unsigned i = 0; i < NAMES; i++)
		assert_int_equal(unlink(folder_path(&folder, name_of(i))), 0);
	expect_alone(false);
}

/* Refused at the very end: nothing stays, and whether the file is in place is told. */
static void fails_at_the_end(void)
{
	struct wick_diag diag = { "" };
	struct wick_outfile out;
	bool named = begin(&out);

	link_error = EIO;
	assert_int_equal(wick_outfile_commit(&out, &diag), named ? 0 : -EIO);
	link_error = 0;
	assert_true(named || !out.in_place);
	wick_outfile_discard(&out);
	expect_alone(named);

	begin(&out);
	assert_int_equal(unlink(out_path), 0);
	assert_int_equal(mkdir(out_path, 0700), 0);
	assert_int_equal(wick_outfile_commit(&out, &diag), -EISDIR);
	assert_false(out.in_place);
	wick_outfile_discard(&out);
	assert_int_equal(rmdir(out_path), 0);
	assert_int_equal(folder_count(&folder), 0);

	begin(&out);
	folder_error = EIO;
	assert_int_equal(wick_outfile_commit(&out, &diag), -EIO);
	folder_error = 0;
	assert_true(out.in_place);
	wick_outfile_discard(&out);
	expect_alone(true);
}

/* A run that begins on the old file while the new one is written, or has just been, keeps it. */
static void is_refused_to_readers(void)
{
	for (int finished = 0; finished < 2; finished++) {
		struct wick_diag diag = { "" };
		struct wick_outfile out;
		struct wick_file reader;

		begin(&out);
		if (finished)
			assert_int_equal(wick_outfile_finish(&out, NULL), 0);
		assert_int_equal(wick_file_open(&reader, out_path, finished, NULL), 0);
		assert_int_equal(wick_outfile_commit(&out, &diag), -EBUSY);
		assert_non_null(strstr(diag.text, "is in use: a process reads it"));
		assert_false(out.in_place);
		wick_outfile_discard(&out);
		wick_file_close(&reader);
		expect_alone(false);
	}
}

/* kill -9 in the midst of it; a child that has a name to leave behind ends otherwise, to say so. */
static void is_killed(void)
{
	struct wick_outfile out;
	int status;
	pid_t child = fork();

	if (child == 0) {
		bool named = begin(&out);

		kill(getpid(), named ? SIGTERM : SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	if (WTERMSIG(status) == SIGKILL) {
		expect_alone(false);
		return;
	}
	assert_int_equal(folder_count(&folder), 2); /* as outfile.h says */
	snprintf(out_path + strlen(folder.path), sizeof(out_path) - strlen(folder.path), "/out.%d-0.part", (int)child);
	assert_int_equal(unlink(out_path), 0);
	snprintf(out_path + strlen(folder.path), sizeof(out_path) - strlen(folder.path), "/out");
	expect_alone(false);
}

/* A name that leaves no room for a temporary one is refused before the work begins. */
static void long_names_are_refused(void)
{
	struct wick_outfile out;
	struct wick_diag diag = { "" };
	char path[512], name[252];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	snprintf(path, sizeof(path), "%s/%s", folder.path, name);
	assert_int_equal(wick_outfile_create(&out, path, BYTES, &diag), -ENAMETOOLONG);
	assert_int_equal(folder_count(&folder), 0);
}

/* As the old file could be read; one that is new, as the umask says. */
static void permissions_are_kept(void)
{
	static const mode_t modes[] = { 0600, 0444, 0666, 0 };
	mode_t before = umask(027);
	struct wick_outfile out;
	struct stat status;

	for (unsigned i = 0; i < WICK_COUNT_OF(modes); i++) {
		if (modes[i]) {
			folder_write(&folder, "out", "old", 3);
			assert_int_equal(chmod(out_path, modes[i]), 0);
		}
		assert_int_equal(wick_outfile_create(&out, out_path, 3, NULL), 0);
		assert_int_equal(fstat(out.fd, &status), 0);
		assert_int_equal(status.st_mode & 07777, modes[i] ? modes[i] : 0640);
		assert_int_equal(wick_outfile_commit(&out, NULL), 0);
		assert_int_equal(stat(out_path, &status), 0);
		assert_int_equal(status.st_mode & 07777, modes[i] ? modes[i] : 0640);
		assert_int_equal(unlink(out_path), 0);
	}
	umask(before);
}

/* A link is kept, and what it leads to becomes the new file; where it leads to nothing, that is said. */
static void links_are_followed(void)
{
	struct wick_diag diag = { "" };
	struct wick_outfile out;
	struct stat status;
	char link_path[300];

	snprintf(link_path, sizeof(link_path), "%s/link", folder.path);
	assert_int_equal(symlink("out", link_path), 0);
	assert_int_equal(wick_outfile_create(&out, link_path, 3, &diag), -ENOENT);
	assert_non_null(strstr(diag.text, "is a link to a file that is not there"));
	folder_write(&folder, "out", "old", 3);
	assert_int_equal(wick_outfile_create(&out, link_path, 3, NULL), 0);
	assert_int_equal(wick_outfile_write(&out, "new", 3, NULL), 0);
	assert_int_equal(wick_outfile_commit(&out, NULL), 0);
	assert_int_equal(lstat(link_path, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_int_equal(unlink(link_path), 0);
	assert_int_equal(unlink(out_path), 0);
	assert_int_equal(folder_count(&folder), 0);
}

static void without_a_name_or_with(void **state)
{
	void (*const *test)(void) = *state;

	for (unsigned i = 0; i < WICK_COUNT_OF(refusals); i++) {
		refusal = refusals[i];
		(*test)();
	}
	refusal = 0;
	no_proc = true;
	(*test)();
	no_proc = false;
}

/* What else is refused is the user's to know. */
static void other_errors_are_said(void **state)
{
	struct wick_outfile out;
	struct wick_diag diag = { "" };

	(void)state;
	refusal = EACCES;
	assert_int_equal(wick_outfile_create(&out, out_path, BYTES, &diag), -EACCES);
	refusal = 0;
	assert_non_null(strstr(diag.text, out_path));
	assert_int_equal(folder_count(&folder), 0);
}

/* So that the tests above are not all of the other way. */
static void has_no_name_here(void **state)
{
	struct wick_outfile out;
	int fd = open(folder.path, O_TMPFILE | O_WRONLY, 0600);

	(void)state;
	if (fd < 0) {
		print_message("  no O_TMPFILE in %s\n", folder.path);
		skip();
	}
	close(fd);
	assert_false(begin(&out));
	wick_outfile_discard(&out);
	expect_alone(false);
}

static void (*const each[])(void) = {
	comes_into_place, is_discarded, goes_round_what_is_there, fails_at_the_end, is_refused_to_readers, is_killed,
	long_names_are_refused, links_are_followed, permissions_are_kept,
};

#define EACH(i, name) { name, without_a_name_or_with, NULL, NULL, (void *)&each[i] }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_no_name_here),
		EACH(0, "comes into place"),
		EACH(1, "is discarded"),
		EACH(2, "goes round what is there"),
		EACH(3, "fails at the end"),
		EACH(4, "is refused to readers"),
		EACH(5, "is killed"),
		EACH(6, "long names are refused"),
		EACH(7, "links are followed"),
		EACH(8, "permissions are kept"),
		cmocka_unit_test(other_errors_are_said),
	};
	int rc;

	folder = folder_make();
	snprintf(out_path, sizeof(out_path), "%s/out", folder.path);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	folder_remove(&folder);
	return rc;
}
