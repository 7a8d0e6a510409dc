/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The keys of a packed model of version 3 that a stock file has not: its FFNs are bundles of neurons whose zeros can be
 * skipped. */

#include "diag.h"
#include "model.h"

struct wick_gguf;
struct wick_gguf_writer;

/* Changes the facts of FFNs by these keys, and completes what is known of bundles. The stock's keys were read.
 * -EINVAL with a sentence. */
int wick_stock_read_bundles(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag);
void wick_stock_write_bundles(const struct wick_shape *shape, struct wick_gguf_writer *writer);
