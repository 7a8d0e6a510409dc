/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inside of a GGUF header: src/gguf/gguf.c owns one, src/gguf/gguf_parse.c fills it from bytes in memory. */

#include "diag.h"
#include "gguf.h"

#define WICK_GGUF_HEADER_MAX (1ull << 30) /* bytes; a larger header is refused with a sentence */
#define WICK_GGUF_MORE 1                  /* parse: the bytes given are too few, the file has more */

#define WICK_GGUF_SHOWN_MAX 120u          /* characters of a name quoted in a sentence */

/* A name as the arguments of "%.*s". */
#define WICK_GGUF_SHOWN(string) \
	(int)((string).length < WICK_GGUF_SHOWN_MAX ? (string).length : WICK_GGUF_SHOWN_MAX), (string).bytes

struct wick_gguf_pair {
	struct wick_gguf_string key;
	enum wick_gguf_type type;
	enum wick_gguf_type element; /* of an array */
	uint64_t count;              /* of an array */
	const uint8_t *value;        /* of an array: its first element */
	const uint8_t *next;         /* of an array of strings: where element next_i starts */
	uint64_t next_i;
};

struct wick_gguf {
	char *path;
	int fd; /* open as long as this is */
	uint64_t file_bytes;
	uint8_t *header; /* the first header_bytes of the file: strings and values point into it */
	uint64_t header_bytes;
	uint64_t used_bytes; /* of those, to the end of the tensor directory */
	uint64_t data_at; /* where tensor data begins */
	uint64_t alignment;
	struct wick_gguf_pair *pairs; /* (pair_count), in file order */
	uint64_t pair_count;
	struct wick_gguf_tensor *tensors; /* (tensor_count), in file order */
	uint64_t tensor_count;
	uint32_t *pair_order;   /* (pair_count), by key */
	uint32_t *tensor_order; /* (tensor_count), by name */
};

/* Fills everything after header_bytes from header[0..header_bytes). 0; WICK_GGUF_MORE without a sentence; -EINVAL or
 * -ENOMEM. Whatever it returns, wick_gguf_forget() releases what was built. */
int wick_gguf_parse(struct wick_gguf *gguf, struct wick_diag *diag);
void wick_gguf_forget(struct wick_gguf *gguf);

/* Once the pairs (the tensors) are filled: makes the order in which they are found, and refuses a name that is there
 * twice and tensors that overlap. */
int wick_gguf_order_pairs(struct wick_gguf *gguf, struct wick_diag *diag);
int wick_gguf_order_tensors(struct wick_gguf *gguf, struct wick_diag *diag);

struct wick_gguf_pair *wick_gguf_find_pair(const struct wick_gguf *gguf, const char *key); /* NULL: none */

/* A little-endian number of `bytes` bytes, anywhere in memory. */
uint64_t wick_gguf_little(const uint8_t *at, unsigned bytes);

/* Bytes of one value, 0 for strings, arrays and unknown types. */
unsigned wick_gguf_value_bytes(uint32_t type);
