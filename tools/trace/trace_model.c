/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The sizes of a model (see trace_commands.h). */

#include "model.h"
#include "trace_commands.h"

int trace_model_read(const char *path, struct trace_model *into, struct wick_diag *diag)
{
	const struct wick_expert_facts *experts;
	struct wick_model *model;
	int rc = wick_model_open(&model, path, diag);

	if (rc)
		return rc;
	*into = (struct trace_model){
		.layers = model->shape.layers,
		.n_ff = model->shape.n_ff,
		.ctx_max = model->shape.ctx_max,
		.vocab = model->shape.vocab,
		.crc = wick_model_identity(model),
		.stride = model->shape.stride,
		.relu = wick_is_relu(&model->shape),
	};
	experts = wick_experts_of(&model->shape);
	if (experts) {
		into->experts = experts->count;
		into->chosen = experts->chosen;
		while (!wick_kind(&model->shape, into->dense_layers)->ffn.experts.count)
			into->dense_layers++;
	}
	wick_model_close(model);
	return 0;
}
