/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A stock GGUF file: one that was not packed by wick, or given checksums and alignment by it (version 2), and bundles of
 * neurons in place of an FFN's matrices (version 3), or with experts one by one (version 4). Every family
 * writes the same names and keys there, but for a few; what a family fixes is a line of the table in stock_family.c, the keys
 * are those of stock_keys.c. A key or a tensor that is not known may change what is computed, so it is refused by name. */

#include "model.h"

#define WICK_CHECKSUMS_MORE 2  /* entries of wick.checksums that are of no tensor: the header's, and their own */

struct wick_gguf;
struct wick_gguf_parts;

/* Whether an open file is one, with checksums or without; with them; and with bundles, too. */
bool wick_stock_is(const struct wick_gguf *gguf);
bool wick_stock_is_checked(const struct wick_gguf *gguf);
bool wick_stock_is_bundled(const struct wick_gguf *gguf);

/* Of a packed model of this shape. */
uint32_t wick_stock_version(const struct wick_shape *shape);

/* Fills the shape from the file's keys, but for what the tensors decide (a tied head, biases). kind_of_layer is
 * the caller's to free, after an error too. -EINVAL with a sentence. */
int wick_stock_facts(struct wick_shape *shape, const struct wick_gguf_parts *parts, struct wick_diag *diag);

/* Fills model->tensors, which has room, from the file's directory. -EINVAL with a sentence: a tensor that is missing, of
 * another size than the keys say, of a type that is not supported, or unknown. */
int wick_stock_bind(struct wick_model *model, struct wick_diag *diag);

/* Sees that the tensors of a bound model lie as those of a packed one must, and gives them its checksums. -EINVAL with a
 * sentence; -EBADMSG: the checksums, or the header, are damaged. */
int wick_stock_checksums(struct wick_model *model, struct wick_diag *diag);
