/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Added tokens: whole strings that are looked for in a text before it is cut into pieces for BPE. Of those that begin
 * at the leftmost place, the longest is taken, as the tokenizers library does it. */

#include <stddef.h>
#include <stdint.h>

struct wick_added {
	uint32_t count;
	uint32_t *ids;       /* (count) by their first byte, then the longest first */
	uint32_t first[257]; /* of the ids that begin with a byte, and one more for the end */
};

struct wick_added_match {
	uint32_t id;
	size_t at, bytes; /* bytes 0: none */
};

/* Puts `ids`, which the caller has filled with count tokens, into order. Where token i lies: bytes[starts[i]] up to
 * starts[i + 1]; none of them is empty. */
void wick_added_sort(struct wick_added *added, const char *bytes, const uint32_t *starts);

/* The first added token in the text. Time: for each byte, that of comparing with every token that begins with it. */
struct wick_added_match wick_added_find(const struct wick_added *added, const char *bytes, const uint32_t *starts,
	const char *text, size_t text_bytes);
