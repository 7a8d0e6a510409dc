/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A model of a published shape as a stock GGUF file: keys, names and types as llama.cpp writes them, numbers that mean nothing.
 * It is for measuring, and made as fast as it can be written: rows are cut out of a piece of random weights in each type. */

#include "pack_job.h"

/* source: "synthetic:NAME,..." of stock_shapes.h. The file appears complete or not at all. */
int wick_pack_synthetic(const char *source, const char *out, const struct wick_pack_options *options, struct wick_diag *diag);
