/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a user says, message by message: edited on a terminal, or line by line of a pipe. */

#include "diag.h"

#include <stdbool.h>

#define LINE_READER_BYTES_MAX (1u << 20) /* of a message */

struct line_reader;

/* terminal: with libedit, for which standard input and output must be one. */
int line_reader_open(struct line_reader **reader, bool terminal, struct wick_diag *diag);

/* The next message, the reader's until the next call. 1: here it is. 0: there is none any more. -EINTR: Ctrl-C.
 *
 * A line that ends with a backslash goes on with the next one. On a terminal so does one that ends with Alt-Enter, and what is
 * pasted is one message, however many lines it has. */
int line_reader_next(struct line_reader *reader, const char **text, struct wick_diag *diag);

void line_reader_close(struct line_reader *reader); /* NULL is fine */
