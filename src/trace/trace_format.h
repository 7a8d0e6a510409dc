/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The parts of a trace file as they are on the drive (docs/container.md). */

#include "bits.h"
#include "trace.h"

#define WICK_TRACE_MAGIC "wicktrac"
#define WICK_TRACE_END "tracends"
#define WICK_TRACE_VERSION 1
#define WICK_TRACE_LAYERS_MAX (1u << 16)
#define WICK_TRACE_N_FF_MAX (1u << 24)
#define WICK_TRACE_LEVELS 255 /* of a probability */

enum { WICK_TRACE_SYNTHETIC = 1, WICK_TRACE_LOOKAHEAD = 2, WICK_TRACE_ROUTING = 4 };

struct wick_trace_header {
	char magic[8];
	uint32_t version;
	uint32_t flags;
	uint32_t layers;
	uint32_t n_ff;
	uint32_t model_crc;
	uint32_t chosen; /* of routing; else 0 */
	struct wick_trace_synthesis synthesis;
	uint32_t preset; /* of synthetic routing; else 0 */
	uint32_t crc; /* of all before it */
};

/* In front of a token's layers; behind them is the CRC of all that. */
struct wick_trace_record {
	uint32_t token;
	uint32_t bytes; /* of the layers */
};

struct wick_trace_end {
	char magic[8];
	uint32_t tokens;
	uint32_t crc; /* of all before it */
};

_Static_assert(sizeof(struct wick_trace_header) == 64 && sizeof(struct wick_trace_record) == 8 &&
		sizeof(struct wick_trace_end) == 16,
	"the structs are the file's");

/* Of a layer's bits. */
static inline uint64_t wick_trace_bitmap_bytes(uint32_t n_ff)
{
	return wick_align_up(wick_div_up(n_ff, 8), 8);
}

/* The most bytes that a token's layers take: below 2^41. */
static inline uint64_t wick_trace_bytes_max(uint32_t layers, uint32_t n_ff, bool lookahead)
{
	return layers * (lookahead ? 2 * wick_trace_bitmap_bytes(n_ff) + n_ff : wick_trace_bitmap_bytes(n_ff));
}
