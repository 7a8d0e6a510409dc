/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Experts of stock GGUF files that have no tensor of all gates, ups or downs of a layer: one of both gates and ups, an expert's
 * rows of the former in front of its rows of the latter, or one of each expert (files before April 2024). */

#include "bundle.h"
#include "model.h"

/* An expert's own tensor, and all of them, as sentences name them. */
void wick_stock_expert_name(char name[WICK_TENSOR_NAME], enum wick_part_id part, uint32_t layer, uint32_t expert);
void wick_stock_experts_name(char name[WICK_TENSOR_NAME], enum wick_part_id part, uint32_t layer);

/* Where the marks of a part's tensors begin in used (parts.tensors), part by part. */
bool *wick_stock_used(const struct wick_model *model, bool *used, uint32_t part);

/* Binds the tensor of this id to where its experts are, and marks what of the file it uses. 1: bound; 0: the file has it in
 * neither way; -EINVAL with a sentence: counts, shapes or types that do not fit each other. */
int wick_stock_scattered(struct wick_model *model, enum wick_tensor_id id, uint32_t layer, bool *used, struct wick_diag *diag);
