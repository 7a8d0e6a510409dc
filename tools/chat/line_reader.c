/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Lines of a terminal, by libedit, and of a pipe. */

#include "line_reader.h"

#include "progress.h"
#include "utf8.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#define HISTORY_MESSAGES 1000
#define PASTE_ON "\033[?2004h" /* bracketed paste: the terminal marks where a paste begins and ends */
#define PASTE_OFF "\033[?2004l"
#define PASTE_BEGINS "\033[200~"
#define PASTE_ENDS L"\033[201~"

struct line_reader {
	EditLine *edit; /* NULL: no terminal */
	History *history;
	char *message;  /* (bytes), with a terminator */
	size_t bytes;
	char *line;     /* of a pipe, getline's */
	size_t line_room;
	bool goes_on;   /* the message has a first line */
};

/* What a signal asks of the one reader that reads a terminal. */
static volatile sig_atomic_t resized, continued;

static void note_terminal(int signal_number)
{
	if (signal_number == SIGWINCH)
		resized = 1;
	else
		continued = 1;
}

static void follow_terminal(EditLine *edit)
{
	if (continued) {
		el_set(edit, EL_PREP_TERM, 1);
		el_set(edit, EL_REFRESH);
	}
	if (resized)
		el_resize(edit);
	resized = continued = 0;
}

/* A byte, or 0 at the end, or -1: Ctrl-C, or the end of the program was asked for. */
static int read_byte(EditLine *edit, char *byte)
{
	for (;;) {
		ssize_t got = read(STDIN_FILENO, byte, 1);

		if (got >= 0)
			return (int)got;
		if (errno != EINTR || interrupted())
			return -1;
		follow_terminal(edit);
	}
}

/* The next character, for libedit. What is no UTF-8 is passed over. */
static int read_character(EditLine *edit, wchar_t *character)
{
	char bytes[4];
	size_t count = 0;

	for (;;) {
		int got = read_byte(edit, bytes + count), length;

		if (got <= 0)
			return got;
		length = wick_utf8_length(bytes, ++count);
		if (length > 0)
			return mbrtowc(character, bytes, (size_t)length, &(mbstate_t){ 0 }) == (size_t)length ? 1 : -1;
		if (length < 0)
			count = 0;
	}
}

static const char *show_prompt(EditLine *edit)
{
	struct line_reader *reader;

	el_get(edit, EL_CLIENTDATA, &reader);
	return reader->goes_on ? ". " : "> ";
}

static unsigned char insert_newline(EditLine *edit, int key)
{
	(void)key;
	return el_winsertstr(edit, L"\n") ? CC_ERROR : CC_REFRESH;
}

/* A pasted character as it is kept: a terminal sends the Enter key's for the end of a line, and other control characters
 * would be commands. */
static wchar_t pasted(wchar_t character)
{
	if (character == L'\r' || character == L'\n')
		return L'\n';
	return character == L'\t' || character >= L' ' ? character : L'?';
}

/* Takes a paste up to its end, so that no character of it is a command. */
static unsigned char take_paste(EditLine *edit, int key)
{
	static const wchar_t end[] = PASTE_ENDS;
	size_t matched = 0;
	wchar_t character[2] = { 0 };

	(void)key;
	while (end[matched]) {
		if (el_wgetc(edit, character) != 1)
			return CC_ERROR;
		if (*character == end[matched]) {
			matched++;
			continue;
		}
		matched = *character == end[0];
		*character = matched ? 0 : pasted(*character);
		if (!matched && el_winsertstr(edit, character))
			return CC_ERROR;
	}
	return CC_REFRESH;
}

static void watch_terminal(void)
{
	const struct sigaction action = { .sa_handler = note_terminal };

	sigaction(SIGWINCH, &action, NULL);
	sigaction(SIGCONT, &action, NULL);
}

static int open_terminal(struct line_reader *reader)
{
	HistEvent event;

	if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX < 4)
		setlocale(LC_CTYPE, "C.UTF-8");
	reader->edit = el_init("wick", stdin, stdout, stderr);
	reader->history = history_init();
	if (!reader->edit || !reader->history)
		return -ENOMEM;
	history(reader->history, &event, H_SETSIZE, HISTORY_MESSAGES);
	history(reader->history, &event, H_SETUNIQUE, 1);
	el_set(reader->edit, EL_CLIENTDATA, reader);
	el_set(reader->edit, EL_EDITOR, "emacs");
	el_set(reader->edit, EL_PROMPT, show_prompt);
	el_set(reader->edit, EL_HIST, history, reader->history);
	el_set(reader->edit, EL_GETCFN, read_character);
	el_wset(reader->edit, EL_ADDFN, L"wick-newline", L"begin a new line of the message", insert_newline);
	el_wset(reader->edit, EL_ADDFN, L"wick-paste", L"take what is pasted", take_paste);
	el_set(reader->edit, EL_BIND, "\033\r", "wick-newline", NULL);
	el_set(reader->edit, EL_BIND, "\033\n", "wick-newline", NULL);
	el_set(reader->edit, EL_BIND, PASTE_BEGINS, "wick-paste", NULL);
	el_set(reader->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
	watch_terminal();
	return 0;
}

int line_reader_open(struct line_reader **reader, bool terminal, struct wick_diag *diag)
{
	int rc;

	*reader = calloc(1, sizeof(**reader));
	rc = !*reader ? -ENOMEM : terminal ? open_terminal(*reader) : 0;
	if (!rc)
		return 0;
	line_reader_close(*reader);
	*reader = NULL;
	return wick_diag_say(diag, rc, "no memory to read from the terminal");
}

/* A line of the terminal with its newline. */
static int edit_line(struct line_reader *reader, const char **line, size_t *bytes)
{
	int count = 0;

	fputs(PASTE_ON, stdout);
	fflush(stdout);
	errno = 0;
	*line = el_gets(reader->edit, &count);
	*bytes = *line && count > 0 ? (size_t)count : 0;
	fputs(PASTE_OFF, stdout);
	fflush(stdout);
	if (*bytes)
		return 1;
	return interrupted() ? -EINTR : 0;
}

static int pipe_line(struct line_reader *reader, const char **line, size_t *bytes)
{
	ssize_t count;

	clearerr(stdin);
	errno = 0;
	count = getline(&reader->line, &reader->line_room, stdin);
	*line = reader->line;
	*bytes = count > 0 ? (size_t)count : 0;
	if (count > 0)
		return 1;
	if (interrupted())
		return -EINTR;
	return ferror(stdin) ? -errno : 0;
}

static int add(struct line_reader *reader, const char *line, size_t bytes, struct wick_diag *diag)
{
	char *grown;

	if (reader->bytes + bytes > LINE_READER_BYTES_MAX)
		return wick_diag_say(diag, -EFBIG, "a message of more than %u bytes", LINE_READER_BYTES_MAX);
	grown = realloc(reader->message, reader->bytes + bytes + 1);
	if (!grown)
		return -ENOMEM;
	reader->message = grown;
	memcpy(grown + reader->bytes, line, bytes);
	reader->bytes += bytes;
	grown[reader->bytes] = 0;
	return 0;
}

/* Adds a line without its end. Whether the message goes on is what its last character says. */
static int add_line(struct line_reader *reader, const char *line, size_t bytes, struct wick_diag *diag)
{
	bool ended = bytes && line[bytes - 1] == '\n';
	int rc;

	bytes -= ended;
	reader->goes_on = ended && bytes && line[bytes - 1] == '\\';
	bytes -= reader->goes_on;
	rc = add(reader, line, bytes, diag);
	return rc || !reader->goes_on ? rc : add(reader, "\n", 1, diag);
}

/* The message as one entry, to be edited and said again. */
static void remember(struct line_reader *reader)
{
	HistEvent event;

	if (reader->history && reader->bytes)
		history(reader->history, &event, H_ENTER, reader->message);
}

int line_reader_next(struct line_reader *reader, const char **text, struct wick_diag *diag)
{
	const char *line;
	size_t bytes;
	int rc;

	reader->bytes = 0;
	reader->goes_on = false;
	do {
		rc = reader->edit ? edit_line(reader, &line, &bytes) : pipe_line(reader, &line, &bytes);
		if (rc < 0 || (!rc && !reader->bytes))
			return rc;
		reader->goes_on = false;
		rc = rc ? add_line(reader, line, bytes, diag) : 0;
		if (rc)
			return rc;
	} while (reader->goes_on);
	while (reader->bytes && reader->message[reader->bytes - 1] == '\n') /* what was pasted may end with them */
		reader->message[--reader->bytes] = 0;
	remember(reader);
	*text = reader->message;
	return 1;
}

void line_reader_close(struct line_reader *reader)
{
	if (!reader)
		return;
	if (reader->edit)
		el_end(reader->edit);
	if (reader->history)
		history_end(reader->history);
	free(reader->message);
	free(reader->line);
	free(reader);
}
