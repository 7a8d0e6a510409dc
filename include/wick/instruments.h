/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For measuring what a part of the engine is worth: switches that change speed and no answer but those of f16_session and trace_apart. A program that runs models
 * has no use for them, and they may go with the parts that they switch off. */

#include "wick.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As wick_options.instruments. Zeros: nothing is switched off. */
struct wick_instruments {
	size_t size;     /* sizeof(struct wick_instruments) */
	bool no_bridge;  /* bundles between two wanted ones are not read with them, even where that pays */
	bool no_overlap; /* a layer is computed when its reads are back, not while they fly */
	bool no_bundles; /* the rows of a bundle are read one by one */
	bool no_gate_first; /* an expert is computed when all of it is there, not its gate and up while down is on its way */
	bool whole_windows; /* layers with a window keep all positions, as others do */
	double memory_mb_per_s; /* of wick_memory_rate(): what the floors of models of experts are reckoned by; 0: there are none */
	bool f16_session; /* the session that is created first, of two or more, has keys and values of f16, to compare another kv_type with: it
	                     shares no positions with others, and has room for a context of its own */
	uint32_t trace_apart; /* of a trace that is replayed, each session that is created begins so many tokens behind the one before it */
};

/* Neurons and experts that are in memory because they were used before are read again when they are wanted. */
WICK_API void wick_forget(struct wick *wick);

#ifdef __cplusplus
}
#endif
