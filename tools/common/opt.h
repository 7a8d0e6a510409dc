/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A command and its options, described by a table: the parser, its checks and the help text all come from it. */

#include <stdbool.h>
#include <stdint.h>
#include <wick/wick.h>

enum opt_kind {
	OPT_END,
	OPT_HEADING, /* a line of the help text */
	OPT_FLAG,    /* takes no value */
	OPT_COUNT,   /* a whole number */
	OPT_SEED,    /* likewise, of 63 bits */
	OPT_MASK,    /* 32 bits, as a decimal or hexadecimal number */
	OPT_SIZE,    /* bytes; k, M, G, T (or KiB, ...) are powers of 1024, kB, MB, ... of 1000 */
	OPT_BUDGET,  /* a size, or a share such as 60% */
	OPT_NUMBER,  /* a decimal fraction, perhaps with an exponent */
	OPT_PERCENT, /* a share such as 50%, into.number */
	OPT_TEXT,    /* anything */
	OPT_INPUT,   /* a file to be read */
	OPT_OUTPUT,  /* a file to be written: see output.h */
	OPT_TEXTS,   /* anything, several times: all words up to the next option, and the option may be given again */
	OPT_CHOICE,  /* one of a list */
	OPT_KINDS,
};

#define OPT_TEXTS_MAX 1024

struct opt_texts {
	const char *words[OPT_TEXTS_MAX];
	uint32_t count;
};

struct opt {
	enum opt_kind kind;
	char letter;       /* 0: has a name only */
	const char *name;  /* NULL: has a letter only */
	const char *value; /* what the help text calls the value */
	const char *help;  /* of any length: printing breaks it into lines */
	union {            /* where the value goes; keeps its default when the option is not given */
		bool *flag;
		uint32_t *count;
		uint32_t *mask;
		uint64_t *seed;
		uint64_t *size;
		struct wick_memory *budget;
		float *number;
		const char **text; /* of INPUT, OUTPUT and CHOICE too */
		struct opt_texts *texts;
	} into;
	double min, max;            /* of numbers, inclusive; max 0: no limit */
	const char *zero;           /* of COUNT: a word that stands for 0 */
	const char *const *choices; /* ended by NULL */
	bool is_model;              /* of OUTPUT: a packed model */
};

struct command {
	const char *name;         /* of a part of another command: both words */
	const char *purpose;      /* one line for the list of commands */
	const char *synopsis;     /* what follows the name on the usage line */
	const char *operand;      /* the word without a dash that it needs */
	bool operand_optional;
	const char **operand_into;
	const char **second_into;  /* of one more word, which may be there; may be NULL */
	const char *about;        /* paragraphs under the usage line */
	const char *examples;     /* lines at the end; may be NULL */
	const struct opt *options; /* ended by OPT_END */
	const struct opt *also;    /* those it has in common with other commands, but for its own; may be NULL */
	const struct opt *shared;  /* likewise */
	void (*init)(void);        /* sets the defaults; may be NULL */
	int (*check)(struct wick_diag *diag); /* what a table cannot say; touches no disk; may be NULL */
	int (*run)(struct wick_diag *diag);
	const struct command *const *parts; /* NULL, or its own commands, one of which the next word must be; by NULL */
	const char *program;      /* that has this command, of which only name and purpose are here; NULL: this one */
};

enum { OPT_HELP = 1 }; /* --help was asked for */

/* Parses what follows the command's name. 0, OPT_HELP, or -EINVAL with a sentence that names the bad word. */
int opt_parse(const struct command *command, char **words, struct wick_diag *diag);

/* A size as the options take them, such as 64k, 64KiB or 64kB. */
bool opt_size(const char *word, uint64_t *bytes);

void opt_print_help(const struct command *command, FILE *out);
