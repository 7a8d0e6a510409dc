/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A text of any length, in pieces whose tokens, one behind the other, are the tokens of the whole.
 *
 * Byte-level BPE never merges across what its pre-tokeniser separates, and that always separates a character that is no
 * space from the white space behind it: so a piece ends there.
 */

#include "diag.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define READER_PIECE_BYTES (32u << 10) /* at least, but for the last; more where nothing separates */

struct reader {
	FILE *in;
	const char *name; /* "standard input", or the path */
	char *buffer;     /* (capacity) */
	size_t capacity;
	size_t have;      /* bytes in the buffer */
	size_t given;     /* of those, already handed out */
	uint64_t total_bytes; /* of the file; 0: not known */
	uint64_t done_bytes;  /* handed out */
};

#define READER_BYTES (3 * READER_PIECE_BYTES) /* of memory, where something separates now and then */

int reader_open(struct reader *reader, const char *path, struct wick_diag *diag); /* "-": standard input */
/* The next piece, the reader's until the next call; *bytes is 0 at the end. */
int reader_next(struct reader *reader, const char **text, size_t *bytes, struct wick_diag *diag);
void reader_close(struct reader *reader);
