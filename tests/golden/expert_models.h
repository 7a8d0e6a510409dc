/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Random models with experts, each of a family that has something which others have not. Experts are large beside everything
 * else, and none of them begins on a block of the drive. */

#include <stdint.h>

enum { EXPERT_LAYERS = 3, EXPERT_D_MODEL = 64, EXPERT_HEADS = 2, EXPERT_HEAD = 32, EXPERT_COUNT = 16, EXPERT_CHOSEN = 3,
	EXPERT_VOCAB = 259 };

struct expert_part;

struct expert_family {
	const char *name;    /* general.architecture */
	const char *fixture; /* of make_experts.py, whose vocabulary it has */
	const struct expert_part *parts; /* of a layer, until one has no name; experts' matrices last */
	uint32_t n_ff;       /* of an expert */
	uint32_t type;       /* of experts' matrices, as GGUF numbers them */
	uint32_t window;     /* 0: none */
	const char *yarn;    /* a key that says that there is one, or NULL */
};

extern const struct expert_family expert_families[]; /* until one has no name */

/* Of a gate, an up- or a down-projection of one expert. */
uint64_t expert_part_bytes(const struct expert_family *family);

/* The last tensor of the file is the down-projection of the last layer's experts. */
void expert_model_write(const char *path, const struct expert_family *family);
