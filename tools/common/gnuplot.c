/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Running gnuplot. */

#include "gnuplot.h"

#include "output.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Starts gnuplot with these as its input and output. */
static int start(pid_t *child, char *const *words, int in, int out)
{
	posix_spawn_file_actions_t actions;
	int rc;

	posix_spawn_file_actions_init(&actions);
	if (in >= 0)
		posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	rc = -posix_spawnp(child, words[0], &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

/* Waits for its end: -EIO when it failed. */
static int await(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static int run_version(int nowhere)
{
	char *words[] = { "gnuplot", "--version", NULL };
	pid_t child;
	int rc = start(&child, words, -1, nowhere);

	return rc ? rc : await(child);
}

int gnuplot_check(struct wick_diag *diag)
{
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int rc = nowhere < 0 ? -errno : run_version(nowhere);

	if (nowhere >= 0)
		close(nowhere);
	return rc < 0 ? wick_diag_say(diag, rc, "--svg draws with gnuplot, which does not run here (%s); Debian has it in "
			"gnuplot-nox", strerror(-rc)) : 0;
}

/* A newline would end the string, and gnuplot would take the rest for commands. */
void gnuplot_text(const char *text, FILE *script)
{
	struct text_shown clean;

	fputc('\'', script);
	for (text = text_show(&clean, text); *text; text++) {
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

/* All that comes out of the pipe. */
static int take_figure(int from, FILE *figure)
{
	char piece[4096];
	ssize_t got;

	while ((got = read(from, piece, sizeof(piece))) != 0) {
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0 && fwrite(piece, 1, (size_t)got, figure) != (size_t)got)
			return -ENOMEM;
	}
	return 0;
}

/* Through a pipe: gnuplot exits 0 when what it writes to is full, and the figure would end in its midst. */
static int draw(FILE *script, FILE *figure)
{
	char *words[] = { "gnuplot", "-", NULL };
	int ends[2], rc, taken;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	lseek(fileno(script), 0, SEEK_SET);
	rc = start(&child, words, fileno(script), ends[1]);
	close(ends[1]);
	taken = rc ? rc : take_figure(ends[0], figure);
	close(ends[0]); /* which ends gnuplot, too, should taking have failed */
	if (!rc)
		rc = await(child);
	return taken ? taken : rc;
}

/* Whether the script is there as it was written: what failed in its midst is not told again by the end. */
static int end_script(FILE *script, const char *path, struct wick_diag *diag)
{
	if (fflush(script))
		return wick_diag_say(diag, -errno, "%s: temporary file: %s", path, strerror(errno));
	return ferror(script) ? wick_diag_say(diag, -EIO, "%s: temporary file: %s", path, strerror(EIO)) : 0;
}

int gnuplot_draw(FILE *script, const char *path, struct wick_diag *diag)
{
	struct output figure;
	int rc = end_script(script, path, diag);

	if (!rc)
		rc = output_begin(&figure, path, diag);
	if (!rc) {
		rc = draw(script, figure.to);
		if (rc)
			wick_diag_say(diag, rc, "%s: gnuplot failed: %s", path, strerror(-rc));
		rc = output_end(&figure, rc, diag);
	}
	fclose(script);
	return rc;
}
