/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The help text of a command, from its table, for a terminal of 80 columns. */

#include "opt.h"

#include <string.h>

#define HELP_COLUMN 26
#define HELP_WIDTH 80

/* "  -n N", "  --io uring|pread|mmap"; returns the columns it took. Many choices go by a name, and stand in the text. */
static int print_option(const struct opt *opt, FILE *out)
{
	int columns = fprintf(out, "  ");

	if (opt->letter)
		columns += fprintf(out, "-%c%s", opt->letter, opt->name ? ", " : "");
	if (opt->name)
		columns += fprintf(out, "--%s", opt->name);
	if (opt->value)
		columns += fprintf(out, " %s", opt->value);
	for (const char *const *choice = opt->choices; choice && *choice && !opt->value; choice++)
		columns += fprintf(out, "%c%s", choice == opt->choices ? ' ' : '|', *choice);
	return columns;
}

/* How much of the text goes on one line: up to the last space that fits, all of a word that is too long. */
static int line_length(const char *text)
{
	int room = HELP_WIDTH - HELP_COLUMN;
	int length = (int)strlen(text);

	if (length <= room)
		return length;
	while (room && text[room] != ' ')
		room--;
	return room ? room : (int)strcspn(text, " ");
}

/* Help has its own column, from the next line on where the option is too wide. */
static void print_option_help(const char *help, int columns, FILE *out)
{
	if (columns > HELP_COLUMN - 2) {
		fputc('\n', out);
		columns = 0;
	}
	while (*help) {
		int length = line_length(help);

		fprintf(out, "%*s%.*s\n", HELP_COLUMN - columns, "", length, help);
		help += length;
		help += strspn(help, " ");
		columns = 0;
	}
}

static bool has_name(const struct opt *options, const char *name)
{
	for (; options && options->kind != OPT_END; options++)
		if (options->name && !strcmp(options->name, name))
			return true;
	return false;
}

/* All but those that the command has its own of. */
static void print_options(const struct opt *opt, const struct opt *own, FILE *out)
{
	for (; opt && opt->kind != OPT_END; opt++) {
		if (opt->kind == OPT_HEADING)
			fprintf(out, "\n%s\n", opt->help);
		else if (!opt->name || !has_name(own, opt->name))
			print_option_help(opt->help, print_option(opt, out), out);
	}
}

/* A default is what the help text of an option ends with, in parentheses. */
static bool has_defaults(const struct opt *opt)
{
	for (; opt && opt->kind != OPT_END; opt++)
		if (opt->kind != OPT_HEADING && opt->help[strlen(opt->help) - 1] == ')')
			return true;
	return false;
}

static void print_examples(const char *line, FILE *out)
{
	fputs("\nExamples:\n", out);
	while (*line) {
		int length = (int)strcspn(line, "\n");

		fprintf(out, "  %.*s\n", length, line);
		line += length + (line[length] == '\n');
	}
}

void opt_print_help(const struct command *command, FILE *out)
{
	fprintf(out, "usage: wick %s %s\n\n%s\n", command->name, command->synopsis, command->about);
	if (has_defaults(command->options) || has_defaults(command->also) || has_defaults(command->shared))
		fputs("\nDefaults stand in parentheses.\n", out);
	print_options(command->options, NULL, out);
	print_options(command->also, command->options, out);
	print_options(command->shared, command->options, out);
	if (command->examples)
		print_examples(command->examples, out);
}
