/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Random models with experts, each of a family that has something which others have not. Experts are large beside everything
 * else, and none of them begins on a block of the drive. */

#include <stdint.h>

enum { EXPERT_LAYERS = 3, EXPERT_D_MODEL = 64, EXPERT_HEADS = 2, EXPERT_HEAD = 32, EXPERT_COUNT = 16, EXPERT_CHOSEN = 3,
	EXPERT_VOCAB = 259 };

struct expert_part;

/* A tensor of a layer's experts; one of each expert, as before April 2024; one of gates and ups; what wick pack makes of the first. */
enum expert_layout { EXPERTS_STACKED, EXPERTS_SPLIT, EXPERTS_MERGED, EXPERTS_PACKED };

struct expert_family {
	const char *name;    /* general.architecture */
	const char *fixture; /* of make_experts.py, whose vocabulary it has */
	const struct expert_part *parts; /* of a layer, until one has no name; experts' matrices last */
	uint32_t n_ff;       /* of an expert */
	uint32_t type;       /* of experts' matrices, as GGUF numbers them */
	uint32_t window;     /* 0: none */
	const char *yarn;    /* a key that says that there is one, or NULL */
	enum expert_layout layout; /* not stacked: otherwise the model in front of it */
	uint32_t layer_1_down; /* the type of layer 1's down-projections, if it is another than that of all: not f32 */
	const char *down;    /* as sentences name the down-projections of layer 2 */
};

extern const struct expert_family expert_families[]; /* until one has no name */

/* Of a gate, an up- or a down-projection of one expert, but those of layer_1_down; and of all that a token chooses. */
uint64_t expert_part_bytes(const struct expert_family *family);
uint64_t expert_cycle_bytes(const struct expert_family *family);

/* How a file differs from one that can be. */
struct expert_fault {
	uint32_t fewer, more; /* experts, of ups of layer 1 where they are stacked */
	uint32_t odd_rows;    /* more, of a merged tensor */
	uint32_t other;       /* expert of layer 1 whose up-projection is of another type; 0: none */
};

void expert_model_write(const char *path, const struct expert_family *family, const struct expert_fault *fault);
