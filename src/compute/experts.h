/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The experts of one layer over the rows of a batch.
 *
 * A row and an expert that it chose are a pair; pairs stand in ascending order of experts, and in that of rows for each:
 *
 *     expert        3           7        9
 *     row        0  2  5        1        0  5          row 5 = weight . expert 3 (row 5) + weight . expert 9 (row 5)
 *     strips    [ - - - - - - - - - ] [ - - - ... ]
 *
 * A strip is as many pairs as there is room for the outputs of. Its experts can be computed in any order, as they come; then
 * it is summed, pair after pair, with one fused multiply-add for each number. So bits depend on no order of arrival, on no
 * cut and on no company. */

#include "compute.h"
#include "route.h"

/* Of every expert of a layer. */
struct wick_expert_matrix {
	enum wick_type type;
	size_t rows, cols, stride;
	const float *bias; /* (experts, rows), or NULL */
};

/* Memory for the pairs of a strip, and for what the rows of a batch chose. */
struct wick_expert_room {
	uint32_t pairs_most, experts_most; /* of a strip */
	float *gathered;      /* (pairs, d_model): rows of an expert side by side */
	float *packed;        /* (pairs, the wider of d_model and n_ff) */
	float *gate, *up;     /* (pairs, n_ff) */
	float *out;           /* (pairs, d_model) */
	uint32_t *ids, *at;   /* (m, chosen), (experts + 1) */
	float *weights;       /* (m, chosen) */
	uint32_t *which;      /* (experts) */
	const uint8_t **data; /* (experts, WICK_PARTS) */
	struct wick_chosen chosen;
	uint64_t gates;          /* numbers of gates that can be 0, by ReLU or a threshold, of all strips so far, */
	_Atomic uint64_t closed; /* and those of them that are 0 */
};

struct wick_experts {
	const struct wick_compute *compute;
	struct wick_expert_room *room;
	enum wick_act act;
	float cut; /* activated gates that are nearer to 0 than this become 0; 0: none */
	struct wick_expert_matrix matrix[WICK_PARTS];
	const float *x; /* (m, d_model) */
	float *y;       /* (m, d_model), begun by the caller: sums are added */
	const struct wick_watch *watch; /* or NULL; with the layer to be said to it */
	uint32_t layer;
};

struct wick_strip {
	uint32_t first, end;     /* pairs */
	uint32_t first_k, end_k; /* of chosen->ids */
};

/* Floats of memory for the room; 0: the model has no experts. */
size_t wick_expert_room_floats(const struct wick_shape *shape, uint32_t batch_tokens);
void wick_expert_room_init(struct wick_expert_room *room, const struct wick_shape *shape, uint32_t batch_tokens, float *memory);

/* Goes on to the next strip of room->chosen; begins with a zeroed one. False: that was the last. */
bool wick_strip_next(struct wick_strip *strip, const struct wick_expert_room *room);

/* Computes parts [first, end) of `count` experts of a strip: all of them, gate and up, or what then is left, down. which[i] is an index
 * of chosen->ids, and data[i * WICK_PARTS + part] is where its rows lie. */
void wick_experts_compute(const struct wick_experts *experts, const struct wick_strip *strip, const uint32_t *which,
	uint32_t count, const uint8_t *const *data, enum wick_part_id first, enum wick_part_id end);
/* Adds a strip, all of whose experts have been computed, to y. */
void wick_experts_sum(const struct wick_experts *experts, const struct wick_strip *strip);
