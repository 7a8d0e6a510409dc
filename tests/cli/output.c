/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Files that are written whole or not left there, where closing them fails. */

#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[PATH_MAX], path[PATH_MAX + 8], link_path[PATH_MAX + 8];
static struct wick_diag diag;
static int close_error; /* positive errno; 0: it works */

int __real_close(int fd);
int __wrap_close(int fd);

int __wrap_close(int fd)
{
	int rc = __real_close(fd);

	if (!close_error)
		return rc;
	errno = close_error;
	return -1;
}

static int make_folder(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(folder, sizeof(folder), "%s/wick-output-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/out", folder);
	snprintf(link_path, sizeof(link_path), "%s/link", folder);
	diag.text[0] = 0;
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	close_error = 0;
	unlink(path);
	unlink(link_path);
	return rmdir(folder);
}

static bool is_there(const char *name)
{
	return access(name, F_OK) == 0;
}

static void expect_content(const char *wanted)
{
	char got[64] = "";
	FILE *in = fopen(path, "r");

	assert_non_null(in);
	assert_non_null(fgets(got, sizeof(got), in));
	fclose(in);
	assert_string_equal(got, wanted);
}

/* What a command writes, and as what it ends. */
static int write_to(const char *name, const char *text, int rc)
{
	struct output output;

	assert_int_equal(output_begin(&output, name, &diag), 0);
	fputs(text, output.to);
	return output_end(&output, rc, &diag);
}

static void what_is_there_stays_until_then(void **state)
{
	(void)state;
	assert_int_equal(write_to(path, "old", 0), 0);
	expect_content("old");
	assert_int_equal(write_to(path, "new", -EINVAL), -EINVAL);
	expect_content("old");
	assert_int_equal(write_to(path, "new", 0), 0);
	expect_content("new");
	assert_string_equal(diag.text, "");
}

static void a_close_that_fails_is_told(void **state)
{
	(void)state;
	close_error = EDQUOT;
	assert_int_equal(write_to(path, "text", 0), -EDQUOT);
	assert_non_null(strstr(diag.text, "out: Disk quota exceeded"));
	assert_false(is_there(path));
}

static void a_link_is_kept_and_what_it_leads_to_goes(void **state)
{
	(void)state;
	assert_int_equal(symlink("out", link_path), 0);
	close_error = EIO;
	assert_int_equal(write_to(link_path, "text", 0), -EIO);
	assert_false(is_there(path));
	assert_int_equal(readlink(link_path, (char[8]){ "" }, 8), 3);
}

/* As /dev/stdout is, where a shell put it into a file. */
static void standard_output_is_not_removed(void **state)
{
	int kept = dup(STDOUT_FILENO), fd = open(path, O_CREAT | O_WRONLY, 0600);
	int rc;

	(void)state;
	assert_true(kept >= 0 && fd >= 0);
	assert_int_equal(symlink("out", link_path), 0);
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	close_error = EIO;
	rc = write_to(link_path, "text", 0);
	close_error = 0;
	dup2(kept, STDOUT_FILENO);
	close(kept);
	close(fd);
	assert_int_equal(rc, -EIO);
	assert_true(is_there(link_path));
	assert_true(is_there(path));
}

static void standard_output_is_closed_in_the_end(void **state)
{
	(void)state;
	assert_int_equal(output_finish(&diag), 0);
	close_error = ENOSPC;
	assert_int_equal(output_finish(&diag), -ENOSPC);
	assert_string_equal(diag.text, "standard output: No space left on device");
	close_error = 0;
	assert_true(fcntl(STDOUT_FILENO, F_GETFD) >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_there_stays_until_then, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_close_that_fails_is_told, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_link_is_kept_and_what_it_leads_to_goes, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(standard_output_is_not_removed, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(standard_output_is_closed_in_the_end, make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
