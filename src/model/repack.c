/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The sizes of a model packed the other way (see model.h). */

#include "model.h"

#include "bits.h"
#include "gguf.h"
#include "shape.h"
#include "tensors.h"

#include <errno.h>
#include <stdlib.h>

#include <wick/wick.h>

struct repack {
	struct wick_model *other;
	const struct wick_model *model;
};

/* Tensors that a model has for how it is packed; the others are as the file has them. */
static bool is_turned(enum wick_tensor_id id)
{
	return id == WICK_T_BUNDLES || id == WICK_T_GATE || id == WICK_T_PRED_OUT || id == WICK_T_PRED_BIAS;
}

static int take_tensor(enum wick_tensor_id id, uint32_t layer, void *user)
{
	const struct repack *repack = user;
	struct wick_tensor *tensor = wick_tensor_at(repack->other, layer, id);

	if (!is_turned(id))
		*tensor = *wick_tensor_at(repack->model, layer, id);
	else if (wick_tensor_belongs(&repack->other->shape, id, layer))
		wick_tensor_describe(tensor, id, layer, &repack->other->shape);
	return 0;
}

/* To what bundles were rounded up, which the file does not say: the least that makes them as large as they are. */
static uint32_t align_of(const struct wick_shape *shape)
{
	uint32_t align = WICK_ALIGN_MIN;

	while (align < WICK_ALIGN_MAX && wick_align_up(shape->bundle_bytes, align) < shape->stride)
		align *= 2;
	return align;
}

static int turn_shape(struct wick_shape *shape, const char *whose, struct wick_diag *diag)
{
	uint32_t align = align_of(shape);

	shape->bundle_parts = wick_gate_is_apart(shape) ? 3 : 2;
	shape->predictor = shape->bundle_parts == 3;
	shape->predictor_type = wick_shape_predictor_type(shape);
	return wick_shape_complete_bundles(shape, align, whose, diag);
}

int wick_model_repack(struct wick_model *other, const struct wick_model *model, struct wick_diag *diag)
{
	struct repack repack = { other, model };
	int err;

	*other = *model;
	other->steps = (struct wick_steps){ 0 };
	other->tensors = calloc(wick_tensors_count(model->shape.layers), sizeof(*other->tensors));
	if (!other->tensors)
		return wick_diag_say(diag, -ENOMEM, "no memory for %u layers packed the other way", model->shape.layers);
	err = turn_shape(&other->shape, wick_gguf_path(model->gguf), diag);
	if (!err) {
		wick_tensors_all(model->shape.layers, take_tensor, &repack);
		err = wick_steps_make(&other->steps, other, diag);
	}
	return err;
}

void wick_model_repacked_free(struct wick_model *other)
{
	wick_steps_free(&other->steps);
	free(other->tensors);
}
