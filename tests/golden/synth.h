/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Random OPT checkpoints of any size, for tests where a fixture of a few hundred kilobytes is too small to stream. */

#include <linux/limits.h>
#include <stdbool.h>
#include <stdint.h>

struct synth_shape {
	unsigned layers, d_model, heads, ffn;
	unsigned vocab; /* at least the fixtures' 274 */
	unsigned ctx;
	unsigned embed; /* the 350M model's: embeddings of this width, norms behind; 0: d_model, norms before */
};

/* Writes config.json, model.safetensors (BF16) and the fixtures' tokenizer into an existing folder. The same shape
 * gives the same weights. */
void synth_checkpoint(const char *folder, const struct synth_shape *shape);

/* Those that faults of the drive are tried on: norms before the layers' parts and behind them, predictors in a file of
 * their own, neurons with a gate, and attention beside the FFN, whose reads go out before it. They have so many neurons that a
 * budget holds a part of them. */
#define SYNTH_MODELS 5

struct synth_model {
	const char *name, *type; /* what it is packed as */
	struct synth_shape shape;
	bool trained; /* it has predictors */
	const char *source; /* packed instead, of so many layers and neurons; NULL: none */
};

extern const struct synth_model synth_models[SYNTH_MODELS];

/* What to pack: a new folder in scratch, or the source. */
void synth_model_folder(char folder[PATH_MAX], const struct synth_model *model, const char *scratch);
