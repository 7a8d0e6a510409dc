/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Idle sessions in a folder, for when their place is needed or the server ends: what a later prompt begins with need not be
 * evaluated again. The files together stay below a size; those unused for longest go first. */

#include <wick/wick.h>

struct wick_shelf_options {
	const char *folder; /* of this server's alone; made where it is missing. NULL: nothing is kept */
	uint64_t bytes_max;
	void (*lost)(const char *why); /* called once, for the first session that could not be written; NULL: nobody */
};

#define WICK_SHELF_IDS_BYTES (8u << 20) /* of memory: no more tokens are kept than these hold */

struct wick_shelf;

/* Looks at what is in the folder, and removes files of other models or options, and damaged ones: they are of no use to anybody.
 * *shelf is NULL where nothing is kept. Options must stay. */
int wick_shelf_open(struct wick_shelf **shelf, const struct wick *wick, const struct wick_shelf_options *options,
	struct wick_diag *diag);
void wick_shelf_close(struct wick_shelf *shelf); /* NULL is fine */

/* Begins to keep a session, in place of those that it goes on from: it rests until wick_shelf_end(), and so do its ids. 1: begun.
 * 0: there is nothing to write. A negative errno: it cannot be kept, which costs time, later. One at a time. NULL is fine. */
int wick_shelf_begin(struct wick_shelf *shelf, const struct wick_session *session, const uint32_t *ids);
bool wick_shelf_is_done(const struct wick_shelf *shelf); /* it is written, and wick_shelf_end() does not wait */
int wick_shelf_end(struct wick_shelf *shelf); /* 0, or a negative errno: it could not be kept */

/* How many of these tokens, in whole blocks, the best file has; NULL: 0. */
uint32_t wick_shelf_has(const struct wick_shelf *shelf, const uint32_t *ids, uint32_t count);

/* A session without tokens goes on from that file. Returns how many tokens it has now, 0 where the file is of no use. */
uint32_t wick_shelf_take(struct wick_shelf *shelf, struct wick_session *session, const uint32_t *ids, uint32_t count);
