/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One line on standard error, redrawn; and the flag that Ctrl-C sets. */

#include "progress.h"

#include "clock.h"

#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PATIENCE_NS 1000000000ull /* nothing is shown before this */
#define REDRAW_NS 200000000ull
#define WIPE "\r\033[K" /* to the end of the line, where the terminal may have put a ^C */

/* The signal. Lock-free, as a handler needs it; atomic, since threads that read flash ask, too. */
static _Atomic int stop_wanted;

/* None but Ctrl-C is ever forgotten, and so none is noted in place of another. */
static void note_signal(int signal_number)
{
	if (!stop_wanted || stop_wanted == SIGINT)
		stop_wanted = signal_number;
}

/* A signal that was ignored when the program started stays so: a shell does that for jobs in the background. */
static void catch(int signal_number, int flags)
{
	struct sigaction action = { .sa_handler = note_signal, .sa_flags = flags }, old;

	if (!sigaction(signal_number, NULL, &old) && old.sa_handler != SIG_IGN)
		sigaction(signal_number, &action, NULL);
}

static void catch_others(int flags)
{
	catch(SIGTERM, flags | (int)SA_RESETHAND); /* a second one ends it as it is */
	catch(SIGHUP, flags | (int)SA_RESETHAND);
	catch(SIGPIPE, SA_RESTART); /* every write into a broken pipe raises one: that write fails, and says so */
	catch(SIGXFSZ, SA_RESTART); /* likewise beyond the size that a file may have (ulimit -f) */
}

void interrupt_catch(void)
{
	catch(SIGINT, SA_RESTART | (int)SA_RESETHAND);
	catch_others(SA_RESTART);
}

void interrupt_catch_each(void)
{
	catch(SIGINT, 0);
	catch_others(0);
}

void interrupt_forget(void)
{
	int was = SIGINT;

	atomic_compare_exchange_strong(&stop_wanted, &was, 0);
}

bool interrupted(void)
{
	return stop_wanted;
}

struct bytes_unit bytes_unit(double bytes)
{
	static const char *const names[] = { "bytes", "kB", "MB", "GB", "TB" };
	struct bytes_unit unit = { names[0], 1 };

	for (int i = 1; i < 5 && bytes / unit.bytes >= 999.5; i++)
		unit = (struct bytes_unit){ names[i], unit.bytes * 1000 };
	return unit;
}

const char *say_bytes(struct bytes_text *into, double bytes)
{
	struct bytes_unit unit = bytes_unit(bytes);
	double value = bytes / unit.bytes;

	snprintf(into->text, sizeof(into->text), "%.*f %s", unit.bytes > 1 && value < 99.95 ? 1 : 0, value, unit.name);
	return into->text;
}

void progress_begin(struct progress *progress, const char *verb)
{
	*progress = (struct progress){ .verb = verb, .begun_ns = wick_now_ns() };
}

static bool is_time(struct progress *progress)
{
	uint64_t now = wick_now_ns();

	if (now - progress->begun_ns <= PATIENCE_NS || now - progress->shown_ns <= REDRAW_NS || !isatty(STDERR_FILENO))
		return false;
	progress->shown_ns = now;
	return true;
}

/* A line that is longer than the terminal's could not be drawn over. */
static int terminal_columns(void)
{
	struct winsize size;

	return !ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col > 1 ? size.ws_col - 1 : 79;
}

static void redraw(struct progress *progress, const char *line)
{
	fprintf(stderr, WIPE "%.*s", terminal_columns(), line);
	fflush(stderr);
	progress->is_shown = true;
}

/* "packing 1.2 GB of 13.3 GB, 9%, 310 MB/s, 39 s left" */
static void draw(struct progress *progress, double done, double total, double per_s)
{
	char line[120];

	snprintf(line, sizeof(line), "%s %s of %s, %.0f%%, %s/s, %.0f s left", progress->verb,
		BYTES(done), BYTES(total), 100 * done / total, BYTES(per_s), (total - done) / per_s);
	redraw(progress, line);
}

double progress_rate(struct progress *progress, uint64_t bytes_done, uint64_t now_ns)
{
	if (!progress->from_ns || bytes_done < progress->last_bytes) {
		progress->from_ns = now_ns;
		progress->from_bytes = bytes_done;
	}
	progress->last_bytes = bytes_done;
	if (now_ns <= progress->from_ns)
		return 0;
	return (double)(bytes_done - progress->from_bytes) * 1e9 / (double)(now_ns - progress->from_ns);
}

int progress_show(void *user, uint64_t bytes_done, uint64_t bytes_total)
{
	struct progress *progress = user;
	double per_s = progress_rate(progress, bytes_done, wick_now_ns());

	if (per_s > 0 && is_time(progress))
		draw(progress, (double)bytes_done, (double)bytes_total, per_s);
	return interrupted();
}

void progress_say(struct progress *progress, const char *format, ...)
{
	char line[120];
	va_list args;

	if (!is_time(progress))
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	redraw(progress, line);
}

void progress_end(struct progress *progress)
{
	if (progress->is_shown)
		fputs(WIPE, stderr);
	progress->is_shown = false;
}
