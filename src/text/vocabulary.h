/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a tokenizer is built from, wherever it is kept: a GGUF file, or arrays in a test. */

#include "diag.h"
#include "gguf.h"
#include "tokenizer.h"

struct wick_vocabulary {
	const char *whose; /* the file, for sentences */
	struct wick_gguf_string pre; /* which pre-tokeniser */
	uint32_t count, merge_count;
	/* Token i spelled in the byte alphabet (an added one, WICK_TOKEN_USER, as text), its WICK_TOKEN_*, merge i as "a b". Asked for in order, repeatedly. */
	struct wick_gguf_string (*token)(const void *from, uint32_t i);
	int64_t (*type)(const void *from, uint32_t i);
	struct wick_gguf_string (*merge)(const void *from, uint32_t i);
	const void *from;
	int64_t bos, eos; /* -1: none */
	uint32_t stop_count;
	int64_t (*stop)(const void *from, uint32_t i); /* a token that ends a text, or -1 */
	bool add_bos, prefix_space;
};

/* Copies what it needs. -EINVAL, token or merge named, for what is no byte-level BPE. */
int wick_tokenizer_build(struct wick_tokenizer **tokenizer, const struct wick_vocabulary *vocabulary,
	struct wick_diag *diag);
