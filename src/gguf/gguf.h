/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reading and writing GGUF v3: metadata and tensor directory. Tensor data stays in the file. */

#include "diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wick_gguf_type { /* of a metadata value, as the format numbers them */
	WICK_GGUF_U8, WICK_GGUF_I8, WICK_GGUF_U16, WICK_GGUF_I16, WICK_GGUF_U32, WICK_GGUF_I32, WICK_GGUF_F32,
	WICK_GGUF_BOOL, WICK_GGUF_STRING, WICK_GGUF_ARRAY, WICK_GGUF_U64, WICK_GGUF_I64, WICK_GGUF_F64,
};

enum { WICK_GGML_F32 = 0, WICK_GGML_F16 = 1, WICK_GGML_Q4_0 = 2, WICK_GGML_Q4_1 = 3, WICK_GGML_Q5_0 = 6,
	WICK_GGML_Q5_1 = 7, WICK_GGML_Q8_0 = 8, WICK_GGML_Q2_K = 10, WICK_GGML_Q3_K = 11, WICK_GGML_Q4_K = 12,
	WICK_GGML_Q5_K = 13, WICK_GGML_Q6_K = 14, WICK_GGML_IQ2_XXS = 16, WICK_GGML_IQ2_XS = 17,
	WICK_GGML_IQ3_XXS = 18, WICK_GGML_IQ4_NL = 20, WICK_GGML_IQ3_S = 21, WICK_GGML_IQ2_S = 22,
	WICK_GGML_IQ4_XS = 23, WICK_GGML_I8 = 24,
	WICK_GGML_I32 = 26, WICK_GGML_BF16 = 30, WICK_GGML_MXFP4 = 39 }; /* tensor types, as the format numbers them */

struct wick_gguf_string {
	const char *bytes; /* not terminated */
	uint64_t length;
};

struct wick_gguf_tensor {
	struct wick_gguf_string name;
	uint32_t dims;
	uint64_t ne[4]; /* innermost first, 1 beyond dims */
	uint32_t type;  /* WICK_GGML_* or another number, which is kept */
	uint64_t offset; /* bytes from the start of the file */
	uint64_t bytes;  /* 0 when the type is unknown: its range is not checked */
};

struct wick_gguf;

/* Reads and checks the header: every count, length, type, alignment and tensor range against the file's size; no
 * overlapping tensors, no name twice. -EINVAL with the file and the place named. */
int wick_gguf_open(struct wick_gguf **gguf, const char *path, struct wick_diag *diag);
/* The same of a header without tensors that is in memory, which it owns from now on, whatever it returns; whose is what
 * sentences name. No file is behind it. */
int wick_gguf_of_header(struct wick_gguf **gguf, const char *whose, uint8_t *header, uint64_t bytes, struct wick_diag *diag);
void wick_gguf_close(struct wick_gguf *gguf);
uint64_t wick_gguf_header_bytes(const struct wick_gguf *gguf); /* where tensor data begins; memory held is about this */
uint64_t wick_gguf_file_bytes(const struct wick_gguf *gguf);
uint64_t wick_gguf_memory_bytes(const struct wick_gguf *gguf);
const char *wick_gguf_path(const struct wick_gguf *gguf);

/* The file that the header was read from stays open, so that later reads are of the same file, whatever its path
 * means by then. wick_gguf_header: the header as it was parsed, but for the padding behind it. */
int wick_gguf_fd(const struct wick_gguf *gguf);
const void *wick_gguf_header(const struct wick_gguf *gguf, uint64_t *bytes);

/* fd was opened by the same path: -ESTALE, with a sentence, when it is another file, or not as it was. */
int wick_gguf_check_same(const struct wick_gguf *gguf, int fd, struct wick_diag *diag);

uint64_t wick_gguf_tensor_count(const struct wick_gguf *gguf);
const struct wick_gguf_tensor *wick_gguf_tensor_at(const struct wick_gguf *gguf, uint64_t i);
const struct wick_gguf_tensor *wick_gguf_tensor(const struct wick_gguf *gguf, const char *name); /* NULL: none */

/* Key i in file order; false behind the last. */
bool wick_gguf_key_at(const struct wick_gguf *gguf, uint64_t i, struct wick_gguf_string *key);

/* Values by key. 0, or -ENOENT when the key is absent (no sentence is written), or -EINVAL with a sentence when it is
 * of another kind. Integers of any width and sign are accepted where they fit. */
int wick_gguf_u64(const struct wick_gguf *gguf, const char *key, uint64_t *value, struct wick_diag *diag);
int wick_gguf_f64(const struct wick_gguf *gguf, const char *key, double *value, struct wick_diag *diag);
int wick_gguf_bool(const struct wick_gguf *gguf, const char *key, bool *value, struct wick_diag *diag);
int wick_gguf_string(const struct wick_gguf *gguf, const char *key, struct wick_gguf_string *value,
	struct wick_diag *diag);
int wick_gguf_array(const struct wick_gguf *gguf, const char *key, enum wick_gguf_type *type, uint64_t *count,
	struct wick_diag *diag);

/* Elements of an array of strings (in order: O(1); not from two threads at once), of integers and bools, or of numbers
 * with a fraction. Nothing, or 0, where there is no such array or element. */
struct wick_gguf_string wick_gguf_array_string(const struct wick_gguf *gguf, const char *key, uint64_t i);
int64_t wick_gguf_array_int(const struct wick_gguf *gguf, const char *key, uint64_t i);
double wick_gguf_array_f64(const struct wick_gguf *gguf, const char *key, uint64_t i);
/* All (count) elements of an array of 8-bit integers, until the file is closed. NULL: there is no such array. */
const uint8_t *wick_gguf_array_bytes(const struct wick_gguf *gguf, const char *key, uint64_t *count);

