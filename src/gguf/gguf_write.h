/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Making the header of a GGUF v3 file: pairs and tensors in the order in which they are put. Running out of memory on
 * the way is remembered and said by wick_gguf_writer_header(). Tensor data is the caller's. */

#include "diag.h"
#include "gguf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wick_gguf_part {
	uint8_t *bytes;
	size_t count, capacity;
	uint64_t entries;
};

struct wick_gguf_writer {
	uint64_t alignment; /* of tensor data; general.alignment is the first pair */
	struct wick_gguf_part pairs, tensors;
	uint64_t data_bytes; /* of the tensors so far, each rounded up to the alignment */
	bool failed;
};

void wick_gguf_writer_init(struct wick_gguf_writer *writer, uint32_t alignment);
void wick_gguf_writer_deinit(struct wick_gguf_writer *writer);

void wick_gguf_put_u32(struct wick_gguf_writer *writer, const char *key, uint32_t value);
void wick_gguf_put_u64(struct wick_gguf_writer *writer, const char *key, uint64_t value);
void wick_gguf_put_f32(struct wick_gguf_writer *writer, const char *key, float value);
void wick_gguf_put_bool(struct wick_gguf_writer *writer, const char *key, bool value);
void wick_gguf_put_string(struct wick_gguf_writer *writer, const char *key, const char *value);
void wick_gguf_put_strings(struct wick_gguf_writer *writer, const char *key, char *const *values, uint64_t count);
/* As f32 if `narrow`, else as f64. */
void wick_gguf_put_floats(
	struct wick_gguf_writer *writer, const char *key, const double *values, uint64_t count, bool narrow);
void wick_gguf_put_u8s(struct wick_gguf_writer *writer, const char *key, const uint8_t *values, uint64_t count);
void wick_gguf_put_bools(struct wick_gguf_writer *writer, const char *key, const uint8_t *values, uint64_t count);
void wick_gguf_put_i32s(struct wick_gguf_writer *writer, const char *key, const int32_t *values, uint64_t count);

/* The pairs of another file as they are there, but for those with the keys of `except` (NULL at its end). */
void wick_gguf_put_pairs(
	struct wick_gguf_writer *writer, const struct wick_gguf *gguf, const char *const *except);

/* Its data starts at the returned distance from the start of the data. */
uint64_t wick_gguf_put_tensor(struct wick_gguf_writer *writer, const char *name, uint32_t ggml_type,
	const uint64_t *ne, uint32_t dims, uint64_t bytes);

/* The whole header, padded to the alignment; the caller frees it. -ENOMEM. */
int wick_gguf_writer_header(
	const struct wick_gguf_writer *writer, uint8_t **header, uint64_t *bytes, struct wick_diag *diag);
