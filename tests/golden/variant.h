/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Stock GGUF files that differ from a fixture in keys or in the list of tensors. Their weights are zeros. */

#include "gguf_write.h"

struct variant {
	const char *without[3];                         /* keys, up to the first NULL */
	void (*put)(struct wick_gguf_writer *writer);   /* what is added; or NULL */
	const char *no_tensor;                          /* left out; or NULL */
	const char *odd_tensor;                         /* has more rows; or NULL */
	uint64_t more_rows;
	const char *new_tensor;                         /* 4 numbers of f32; or NULL */
};

/* Writes the variant of fixtures/stock/FIXTURE/model.gguf to path. */
void variant_write(const char *path, const char *fixture, const struct variant *variant);
