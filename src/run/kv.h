/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Keys and values of the context, f16. All positions of a head lie in a row, as attention reads them:
 *
 *     layer 0                                       layer 1
 *     | head 0: ctx x key_bytes | head 1: ... | ... |
 */

#include "model.h"

#include <stdint.h>

struct wick_mem;

struct wick_kv_layer {
	uint8_t *keys, *values; /* (heads, ctx, bytes) */
	uint32_t heads;
	uint64_t key_bytes, value_bytes; /* of one head at one position */
};

struct wick_kv {
	struct wick_kv_layer *layer; /* (layers) */
	uint32_t ctx;
};

uint64_t wick_kv_bytes(const struct wick_shape *shape, uint32_t ctx);
void wick_kv_init(struct wick_kv *kv, const struct wick_shape *shape, uint32_t ctx, struct wick_mem *mem);
