/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A model's shape as metadata: one table of keys for the writer and the reader. */

#include "diag.h"
#include "model.h"

struct wick_gguf;
struct wick_gguf_writer;

#define WICK_CONTAINER_VERSION 1
#define WICK_CHECKED_VERSION 2 /* of a stock file with checksums and alignment */
#define WICK_BUNDLED_VERSION 3 /* likewise, whose FFNs are bundles of neurons */
#define WICK_EXPERTS_VERSION 4 /* as 2, with experts that lie one by one */
#define WICK_DIM_MAX (1u << 24) /* of every dimension but layers */
#define WICK_LAYERS_MAX (1u << 16)

extern const char *const wick_arch_names[WICK_ARCH_COUNT]; /* as general.architecture has them */

/* Fills what follows from the rest (head_dim, project, the sizes in bytes) and refuses, with -EINVAL, numbers that
 * contradict each other. The stride is the bundle rounded up to align; with align 0 it stays as it is. whose is the
 * file that the numbers come from. */
int wick_shape_complete(struct wick_shape *shape, uint32_t align, const char *whose, struct wick_diag *diag);

/* general.file_type of a file that is mostly of this type, as llama.cpp numbers them. */
uint32_t wick_shape_file_type(enum wick_type type);

/* What follows from parts, type and d_model of bundles; the stride with align 0 stays as it is. -EINVAL: it does not fit. */
int wick_shape_complete_bundles(struct wick_shape *shape, uint32_t align, const char *whose, struct wick_diag *diag);

/* Of predictors that packing makes: a width that is not in whole blocks of two bits is no published model's, and has 16. */
enum wick_type wick_shape_predictor_type(const struct wick_shape *shape);

/* Which of `count` names the key's value is; a key that is not there is -EINVAL. */
int wick_shape_read_name(unsigned *which, const struct wick_gguf *gguf, const char *key, const char *const *names,
	unsigned count, struct wick_diag *diag);
/* Keys of both kinds of packed models with bundles: wick.encoding, wick.stride, wick.order and wick.predictor are read;
 * written are these, wick.attention_encoding, wick.activation and wick.check_rows. */
int wick_shape_read_bundles(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag);
void wick_shape_write_bundles(const struct wick_shape *shape, struct wick_gguf_writer *writer);

int wick_shape_read(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag);
void wick_shape_write(const struct wick_shape *shape, struct wick_gguf_writer *writer);
