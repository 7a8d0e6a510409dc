/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A text of any length, in pieces whose tokens, one behind the other, are the tokens of the whole.
 *
 * A piece ends in front of white space (cut.h). Where there is none for 32 KiB, it ends behind any character, and the
 * tokens on both sides may be other ones than those of the whole: so that no text takes more memory than another, nor
 * more than a look at each of its bytes.
 */

#include "diag.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define READER_PIECE_BYTES (16u << 10)             /* at a time are read, until there is a place to cut */
#define READER_HELD_BYTES (2 * READER_PIECE_BYTES) /* at most are searched for one */
#define READER_PIECE_MAX (3 * READER_PIECE_BYTES)  /* a piece is never longer */

struct reader {
	FILE *in;
	const char *name; /* "standard input", or the path */
	char *buffer;     /* (capacity) */
	size_t capacity;
	size_t have;      /* bytes in the buffer */
	size_t given;     /* of those, already handed out */
	size_t searched;  /* of those that were not: no place to cut is among them */
	uint64_t looked_bytes; /* bytes that were searched */
	uint64_t total_bytes; /* of the file; 0: not known */
	uint64_t done_bytes;  /* handed out */
};

#define READER_BYTES (4 * READER_PIECE_BYTES) /* of memory: the buffer, and the one before while it grows */
#define READER_TOKENIZE_BYTES (32 * READER_PIECE_MAX) /* and the tokenizer's, for a piece in which nothing separates */

int reader_open(struct reader *reader, const char *path, struct wick_diag *diag); /* "-": standard input */
/* The next piece, the reader's until the next call; *bytes is 0 at the end. */
int reader_next(struct reader *reader, const char **text, size_t *bytes, struct wick_diag *diag);
void reader_close(struct reader *reader);
