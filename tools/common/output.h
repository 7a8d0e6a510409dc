/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files that commands write, over which nothing of worth may be lost, and of which no part is taken for the whole. */

#include "opt.h"

#include <stdio.h>

/* Looks at every option of kind OUTPUT before the command begins, and creates nothing: what is read must not be written
 * over, nor any GGUF file but by a packed model, nor one output by another; and it must be possible to write it. */
int output_check(const struct command *command, struct wick_diag *diag);

/* A file whose content is known in the end: it is put together in memory, so that the old file of that name stays until
 * the new one is whole. */
struct output {
	FILE *to; /* memory: what is printed here is the file */
	const char *path;
	char *text;
	size_t bytes;
};

int output_begin(struct output *output, const char *path, struct wick_diag *diag);

/* Writes it, unless rc says that there is nothing to write, and frees it in any case. 0 is a file that is whole; after
 * a failure there is none, unless the name is of a pipe or a device. */
int output_end(struct output *output, int rc, struct wick_diag *diag);

/* A file whose content comes bit by bit; *out is NULL without a path. */
int output_open(FILE **out, const char *path, struct wick_diag *diag);

/* Ends it (NULL is fine), rc being what became of the content, and returns rc or why the file is not whole. After a
 * failure there is none, as above. */
int output_close(FILE *out, const char *path, int rc, struct wick_diag *diag);

/* Hands on what was printed to standard output. 0, or the first error that there was: it is kept, as errno is not. */
int output_flush(struct wick_diag *diag);

/* Likewise, when there is nothing more to print: closing may fail, too. */
int output_finish(struct wick_diag *diag);
