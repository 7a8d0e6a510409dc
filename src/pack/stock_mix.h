/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which type each tensor of a stock file has, by the name of the whole: llama.cpp's rules, as far as they need no data. */

#include "model.h"

struct wick_stock_mix;

/* By name, "q4_k_m"; NULL: there is none. wick_stock_mix_names: for messages. */
const struct wick_stock_mix *wick_stock_mix_find(const char *name);
void wick_stock_mix_names(char *names, size_t bytes);
uint32_t wick_stock_mix_file_type(const struct wick_stock_mix *mix); /* general.file_type */

/* Of a matrix with rows of `cols` numbers. */
enum wick_type wick_stock_mix_type(const struct wick_stock_mix *mix, const struct wick_shape *shape, enum wick_tensor_id id,
	uint32_t layer, uint64_t cols);
