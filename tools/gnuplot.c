/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Running gnuplot. */

#include "gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Runs gnuplot with these as its input and output. 0, a negative errno when it cannot be started, -EIO when it fails. */
static int run_gnuplot(char *const *words, int in, int out)
{
	posix_spawn_file_actions_t actions;
	int rc, status = 0;
	pid_t child;

	posix_spawn_file_actions_init(&actions);
	if (in >= 0)
		posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	rc = -posix_spawnp(&child, words[0], &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc < 0)
		return rc;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int gnuplot_check(struct wick_diag *diag)
{
	char *words[] = { "gnuplot", "--version", NULL };
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int rc = nowhere < 0 ? -errno : run_gnuplot(words, -1, nowhere);

	if (nowhere >= 0)
		close(nowhere);
	return rc < 0 ? wick_diag_say(diag, rc, "--svg draws with gnuplot, which does not run here (%s); Debian has it in "
			"gnuplot-nox", strerror(-rc)) : 0;
}

void gnuplot_text(const char *text, FILE *script)
{
	fputc('\'', script);
	for (; *text; text++) {
		if (*text == '\'')
			fputc('\'', script);
		fputc(*text, script);
	}
	fputc('\'', script);
}

int gnuplot_begin(FILE **script, const char *path, struct wick_diag *diag)
{
	*script = tmpfile();
	if (!*script)
		return wick_diag_say(diag, -errno, "%s: no temporary file: %s", path, strerror(errno));
	fputs("set terminal svg size 760,460 dynamic noenhanced font 'sans-serif,14'\n"
	      "set border 3 linecolor rgb '" GNUPLOT_GRAY "'\n"
	      "set grid ytics linetype 1 linecolor rgb '" GNUPLOT_GRAY "' linewidth 0.25\n", *script);
	return 0;
}

static int draw(FILE *script, const char *path, struct wick_diag *diag)
{
	char *words[] = { "gnuplot", "-", NULL };
	int out = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0666), rc;

	if (out < 0)
		return wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	lseek(fileno(script), 0, SEEK_SET);
	rc = run_gnuplot(words, fileno(script), out);
	if (rc < 0)
		wick_diag_say(diag, rc, "%s: gnuplot failed: %s", path, strerror(-rc));
	if (close(out) < 0 && !rc)
		rc = wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	return rc;
}

int gnuplot_draw(FILE *script, const char *path, struct wick_diag *diag)
{
	int rc = fflush(script) ? wick_diag_say(diag, -errno, "%s: temporary file: %s", path, strerror(errno)) :
		draw(script, path, diag);

	fclose(script);
	return rc;
}
