/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The program: a table of commands. Exit 0 ok, 1 failed, 2 used wrongly. */

#include "commands.h"
#include "output.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

static const struct command *const commands[] = {
	&cmd_run, &cmd_chat, &cmd_serve, &cmd_pack, &cmd_train, &cmd_plan, &cmd_info, &cmd_tokenize, &cmd_verify, &cmd_eval, &cmd_bench, &cmd_trace, &cmd_flashbench,
	&cmd_doctor, NULL,
};

/* By the last word of their names. */
static const struct command *find_among(const struct command *const *list, const char *word)
{
	for (; *list; list++) {
		const char *space = strrchr((*list)->name, ' ');

		if (!strcmp(space ? space + 1 : (*list)->name, word))
			return *list;
	}
	return NULL;
}

/* The command that words begin with, moving behind its name. NULL when there is none. Where a part of a command is
 * missing or unknown, it is the command. */
static const struct command *find_command(char ***words)
{
	const struct command *found = find_among(commands, *(*words)++), *part = NULL;

	if (found && found->parts && **words)
		part = find_among(found->parts, **words);
	if (part)
		(*words)++;
	return part ? part : found;
}

static void print_commands(FILE *out)
{
	fputs("wick runs language models that do not fit in memory.\n\n"
	      "usage: wick COMMAND ...\n\n",
		out);
	for (const struct command *const *command = commands; *command; command++)
		fprintf(out, "  %-12s%s\n", (*command)->name, (*command)->purpose);
	fputs("\nFirst steps, with a GGUF file as downloaded:\n\n"
	      "  wick plan model.gguf --memory 4G\n"
	      "  wick run model.gguf --memory 4G --chat -p 'Why is the sea salty?'\n"
	      "  wick chat model.gguf --memory 4G\n"
	      "\n`wick help COMMAND` explains one of them, `wick --version` says which this is.\n",
		out);
}

/* The one place that tells people what went wrong. "wick run: '--foo' ... (see wick help run)" */
static int complain(const struct command *command, struct wick_diag *diag, int exit_code)
{
	const char *name = command ? command->name : "";
	const char *space = command ? " " : "";

	text_clean(diag->text);
	fprintf(stderr, "wick%s%s: %s", space, name, diag->text);
	if (exit_code == EXIT_USAGE)
		fprintf(stderr, " (see wick help%s%s)", space, name);
	fputc('\n', stderr);
	return exit_code;
}

/* Results that could not be written are a failure, however well the command went. */
static int finish_output(const struct command *command, int exit_code)
{
	struct wick_diag diag = { "" };
	int rc = output_finish(&diag);

	return exit_code || !rc ? exit_code : complain(command, &diag, EXIT_FAILURE);
}

/* What the program was started with. */
static char **arguments;

/* The path of a program in the folder of this one; where that is not known, for want of /proc, the name, to be looked for. */
static void find_beside(char path[PATH_MAX], const char *program)
{
	ssize_t bytes = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	path[bytes > 0 ? bytes : 0] = 0;
	slash = strrchr(path, '/');
	if (!slash || slash + 1 + strlen(program) >= path + PATH_MAX)
		snprintf(path, PATH_MAX, "%s", program);
	else
		strcpy(slash + 1, program);
}

/* Returns only when it could not be started. */
static int become(const struct command *command)
{
	struct wick_diag diag = { "" };
	char path[PATH_MAX];

	find_beside(path, command->program);
	execvp(path, arguments);
	wick_diag_say(&diag, -errno, "%s cannot be started: %s", path, strerror(errno));
	return complain(command, &diag, EXIT_FAILURE);
}

static bool is_one_of(const char *word, const char *a, const char *b)
{
	return !strcmp(word, a) || !strcmp(word, b);
}

static int show_help(const struct command *command)
{
	opt_print_help(command, stdout);
	return finish_output(command, EXIT_SUCCESS);
}

/* A command that is nothing without one of its parts. */
static int ask_for_part(const struct command *command, char **words)
{
	struct wick_diag diag = { "" };
	int rc;

	if (*words && is_one_of(*words, "-h", "--help"))
		return show_help(command);
	rc = *words ? wick_diag_say(&diag, -EINVAL, "there is no '%s'", *words) :
		wick_diag_say(&diag, -EINVAL, "%.*s is missing", (int)strcspn(command->synopsis, " "), command->synopsis);
	return rc ? complain(command, &diag, EXIT_USAGE) : EXIT_SUCCESS;
}

static int run_command(const struct command *command, char **words)
{
	struct wick_diag diag = { "" };
	int rc;

	if (command->program)
		return become(command);
	if (command->parts)
		return ask_for_part(command, words);
	if (command->init)
		command->init();
	rc = opt_parse(command, words, &diag);
	if (rc == OPT_HELP)
		return show_help(command);
	if (!rc && command->check)
		rc = command->check(&diag);
	if (rc)
		return complain(command, &diag, EXIT_USAGE);
	rc = output_check(command, &diag);
	if (!rc)
		rc = command->run(&diag);
	wick_diag_say(&diag, rc, "%s", strerror(-rc));
	return finish_output(command, rc ? complain(command, &diag, EXIT_FAILURE) : EXIT_SUCCESS);
}

static int unknown_command(const char *name)
{
	struct wick_diag diag = { "" };

	wick_diag_say(&diag, -EINVAL, "there is no command '%s'", name);
	return complain(NULL, &diag, EXIT_USAGE);
}

static int help(char **words)
{
	const char *name = *words;
	const struct command *command = name ? find_command(&words) : NULL;

	if (name && !command)
		return unknown_command(name);
	if (command && command->program)
		return become(command);
	if (command && command->parts && *words)
		return ask_for_part(command, words);
	if (command)
		opt_print_help(command, stdout);
	else
		print_commands(stdout);
	return finish_output(NULL, EXIT_SUCCESS);
}

/* The descriptor of a stream that was closed when the program started would be that of the next file opened, and output
 * would go there. A stream that fails takes its place: input cannot be read, output cannot be written. */
static void fill_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static int follow(char **words)
{
	const struct command *command;
	const char *first = *words;

	if (!first) {
		print_commands(stderr);
		return EXIT_USAGE;
	}
	if (is_one_of(first, "help", "--help") || !strcmp(first, "-h"))
		return help(words + 1);
	if (is_one_of(first, "version", "--version")) {
		printf("wick %s\n", wick_version());
		return finish_output(NULL, EXIT_SUCCESS);
	}
	command = find_command(&words);
	return command ? run_command(command, words) : unknown_command(first);
}

int main(int argc, char **argv)
{
	fill_streams();
	arguments = argv;
	return argc ? follow(argv + 1) : EXIT_USAGE;
}
