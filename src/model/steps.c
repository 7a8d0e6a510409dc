/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The definition of a transformer block (see steps.h). The list is composed twice: first to count, then into place. */

#include "steps.h"

#include "bits.h"
#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct composer {
	const struct wick_model *model;
	const struct wick_shape *shape;
	struct wick_steps *steps; /* arrays NULL: only counted */
	uint32_t layer;
};

static bool has(const struct composer *c, enum wick_tensor_id id)
{
	return id < WICK_T_COUNT && wick_tensor_at(c->model, c->layer, id)->rows > 0;
}

static uint8_t vector(const struct composer *c, enum wick_tensor_id id)
{
	return has(c, id) ? (uint8_t)id : WICK_NO_VECTOR;
}

static void widen(struct composer *c, enum wick_buffer buffer, uint32_t width)
{
	c->steps->width[buffer] = WICK_MAX(c->steps->width[buffer], width);
}

static void add(struct composer *c, struct wick_step step)
{
	step.layer = c->layer;
	if (step.op != WICK_OP_CHOOSE && step.op != WICK_OP_BUNDLES)
		step.set = WICK_NO_SET;
	if (c->steps->step)
		c->steps->step[c->steps->count] = step;
	c->steps->count++;
}

static void add_plain(struct composer *c, enum wick_op op, enum wick_buffer in, enum wick_buffer out)
{
	add(c, (struct wick_step){ .op = op, .in = in, .out = out, .tensor = WICK_NO_VECTOR, .bias = WICK_NO_VECTOR,
		.matrix = WICK_NO_MATRIX });
}

static void add_act(struct composer *c, enum wick_op op, enum wick_buffer in, enum wick_buffer out, uint32_t width)
{
	add(c, (struct wick_step){ .op = op, .in = in, .out = out, .tensor = WICK_NO_VECTOR, .bias = WICK_NO_VECTOR,
		.matrix = WICK_NO_MATRIX, .width = width });
}

/* Where the model has such a factor. */
static void add_factor(struct composer *c, enum wick_op op, enum wick_buffer out, float factor)
{
	if (factor != 0)
		add(c, (struct wick_step){ .op = op, .out = out, .tensor = WICK_NO_VECTOR, .bias = WICK_NO_VECTOR,
			.matrix = WICK_NO_MATRIX, .factor = factor });
}

static uint32_t add_matrix(struct composer *c, enum wick_tensor_id id, enum wick_keep keep, bool lookup, bool bundles)
{
	if (c->steps->matrix)
		c->steps->matrix[c->steps->matrices] = (struct wick_step_matrix){ .tensor = id, .keep = keep,
			.lookup = lookup, .bundles = bundles, .layer = c->layer };
	return c->steps->matrices++;
}

/* The same kind as one before, or a new one. */
static const struct wick_bundle_kind *keep_kind(struct wick_steps *steps, const struct wick_bundle_kind *kind)
{
	for (uint32_t i = 0; i < steps->kinds; i++)
		if (!memcmp(&steps->kind[i], kind, sizeof(*kind)))
			return &steps->kind[i];
	memcpy(&steps->kind[steps->kinds], kind, sizeof(*kind));
	return &steps->kind[steps->kinds++];
}

/* The neurons of the layer, as they are packed. */
static uint32_t add_neurons(struct composer *c)
{
	const struct wick_tensor *bundles = wick_tensor_at(c->model, c->layer, WICK_T_BUNDLES);
	struct wick_bundle_kind kind;

	wick_bundle_of_neurons(&kind, c->shape, bundles);
	if (c->steps->set)
		c->steps->set[c->steps->sets] = (struct wick_bundle_set){ .kind = keep_kind(c->steps, &kind), .layer = c->layer,
			.count = (uint32_t)bundles->rows, .tensor = { bundles } };
	return c->steps->sets++;
}

static void add_norm(struct composer *c, enum wick_buffer in, enum wick_buffer out, enum wick_tensor_id weight,
	enum wick_tensor_id bias)
{
	widen(c, out, c->shape->d_model);
	add(c, (struct wick_step){ .op = WICK_OP_NORM, .in = in, .out = out, .tensor = vector(c, weight),
		.bias = vector(c, bias), .matrix = WICK_NO_MATRIX });
}

static void add_product(struct composer *c, enum wick_op op, enum wick_tensor_id id, enum wick_keep keep, enum wick_buffer in,
	enum wick_buffer out, uint8_t bias)
{
	widen(c, out, (uint32_t)wick_tensor_at(c->model, c->layer, id)->rows);
	add(c, (struct wick_step){ .op = op, .in = in, .out = out, .tensor = WICK_NO_VECTOR, .bias = bias,
		.matrix = add_matrix(c, id, keep, false, false) });
}

static void add_linear(struct composer *c, enum wick_tensor_id id, enum wick_keep keep, enum wick_buffer in,
	enum wick_buffer out, uint8_t bias)
{
	add_product(c, WICK_OP_LINEAR, id, keep, in, out, bias);
}

static void add_head_norm(struct composer *c, enum wick_tensor_id id, enum wick_buffer out)
{
	enum wick_tensor_id bias = id == WICK_T_Q_NORM ? WICK_T_Q_NORM_BIAS : WICK_T_K_NORM_BIAS;

	add(c, (struct wick_step){ .op = WICK_OP_HEAD_NORM, .in = out, .out = out, .tensor = id, .bias = vector(c, bias),
		.matrix = WICK_NO_MATRIX });
}

/* Queries, keys and values of in. */
static void add_projections(struct composer *c, const struct wick_attn_facts *attn, enum wick_buffer in)
{
	add_linear(c, WICK_T_Q, WICK_KEEP_ATTENTION, in, WICK_Q, vector(c, WICK_T_Q_BIAS));
	add_linear(c, WICK_T_K, WICK_KEEP_ATTENTION, in, WICK_K, vector(c, WICK_T_K_BIAS));
	add_linear(c, WICK_T_V, WICK_KEEP_ATTENTION, in, WICK_V, vector(c, WICK_T_V_BIAS));
	for (enum wick_buffer out = WICK_Q; out <= WICK_V; out++)
		add_factor(c, WICK_OP_CLIP, out, attn->clip);
}

/* Y = attention of in. */
static void add_attention(struct composer *c, const struct wick_layer_facts *facts, enum wick_buffer in)
{
	/* A parallel block needs its norm once more. */
	enum wick_buffer heads = facts->parallel ? WICK_HEADS : WICK_XNORM;

	add_projections(c, &facts->attn, in);
	if (facts->attn.head_norm || facts->attn.whole_norm) {
		add_head_norm(c, WICK_T_Q_NORM, WICK_Q);
		add_head_norm(c, WICK_T_K_NORM, WICK_K);
	}
	if (facts->attn.rope != WICK_ROPE_NONE) {
		add_plain(c, WICK_OP_ROPE, WICK_Q, WICK_Q);
		add_plain(c, WICK_OP_ROPE, WICK_K, WICK_K);
	}
	widen(c, heads, wick_heads_width(&facts->attn));
	add(c, (struct wick_step){ .op = WICK_OP_ATTEND, .in = WICK_Q, .out = heads, .tensor = vector(c, WICK_T_SINKS),
		.bias = WICK_NO_VECTOR, .matrix = WICK_NO_MATRIX });
	add_linear(c, WICK_T_O, WICK_KEEP_ATTENTION, heads, WICK_Y, vector(c, WICK_T_O_BIAS));
}

/* Which experts a row of in goes to. */
static void add_router(struct composer *c, enum wick_buffer in)
{
	add_linear(c, WICK_T_ROUTER, WICK_KEEP_PROJECTION, in, WICK_ROUTES, vector(c, WICK_T_ROUTER_BIAS));
	add(c, (struct wick_step){ .op = WICK_OP_ROUTE, .in = WICK_ROUTES, .out = WICK_ROUTES,
		.tensor = vector(c, WICK_T_ROUTER_CHOICE), .bias = WICK_NO_VECTOR, .matrix = WICK_NO_MATRIX });
}

/* out += the expert that all rows go through. */
static void add_shared(struct composer *c, const struct wick_expert_facts *experts, enum wick_buffer in, enum wick_buffer out)
{
	add_linear(c, WICK_T_SHARED_GATE, WICK_KEEP_ATTENTION, in, WICK_GATE, WICK_NO_VECTOR);
	add_linear(c, WICK_T_SHARED_UP, WICK_KEEP_ATTENTION, in, WICK_UP, WICK_NO_VECTOR);
	add_act(c, WICK_OP_GLU, WICK_UP, WICK_GATE, experts->shared_n_ff);
	add_linear(c, WICK_T_SHARED_DOWN, WICK_KEEP_ATTENTION, WICK_GATE, WICK_Z, WICK_NO_VECTOR);
	if (experts->shared_gate)
		add(c, (struct wick_step){ .op = WICK_OP_SHARE, .in = in, .out = WICK_Z, .tensor = WICK_T_SHARED_ROUTER,
			.bias = WICK_NO_VECTOR, .matrix = WICK_NO_MATRIX });
	add_plain(c, WICK_OP_ADD, WICK_Z, out);
}

static void add_experts(struct composer *c, const struct wick_expert_facts *experts, enum wick_buffer in, enum wick_buffer out)
{
	uint32_t first;

	if (!experts->early)
		add_router(c, in);
	first = add_matrix(c, WICK_T_GATE_EXPERTS, WICK_KEEP_EXPERTS, false, false);
	add_matrix(c, WICK_T_UP_EXPERTS, WICK_KEEP_EXPERTS, false, false);
	add_matrix(c, WICK_T_DOWN_EXPERTS, WICK_KEEP_EXPERTS, false, false);
	add(c, (struct wick_step){ .op = WICK_OP_EXPERTS, .in = in, .out = out, .tensor = WICK_NO_VECTOR,
		.bias = WICK_NO_VECTOR, .matrix = first });
	if (experts->shared_n_ff)
		add_shared(c, experts, in, out);
}

static void add_choose(struct composer *c, enum wick_buffer in)
{
	if (has(c, WICK_T_BUNDLES) && wick_gate_is_apart(c->shape))
		add_product(c, WICK_OP_GATES, WICK_T_GATE, WICK_KEEP_GATE, in, WICK_GATE, vector(c, WICK_T_GATE_BIAS));
	if (has(c, WICK_T_BUNDLES))
		add(c, (struct wick_step){ .op = WICK_OP_CHOOSE, .in = in, .tensor = WICK_NO_VECTOR, .bias = WICK_NO_VECTOR,
			.matrix = WICK_NO_MATRIX, .set = add_neurons(c) });
}

/* out = FFN of in: over bundles that have been chosen where the file has them, else by matrices. */
static void add_ffn(struct composer *c, const struct wick_layer_facts *facts, enum wick_buffer in, enum wick_buffer out)
{
	widen(c, out, c->shape->d_model);
	if (has(c, WICK_T_BUNDLES)) {
		add(c, (struct wick_step){ .op = WICK_OP_BUNDLES, .in = in, .out = out, .tensor = WICK_NO_VECTOR,
			.bias = vector(c, WICK_T_DOWN_BIAS), .set = c->steps->sets - 1,
			.matrix = add_matrix(c, WICK_T_BUNDLES, WICK_KEEP_FFN, false, true) });
		return;
	}
	if (facts->ffn.experts.count) {
		add_experts(c, &facts->ffn.experts, in, out);
		return;
	}
	if (facts->ffn.gated)
		add_linear(c, WICK_T_GATE, WICK_KEEP_FFN, in, WICK_GATE, vector(c, WICK_T_GATE_BIAS));
	add_linear(c, WICK_T_UP, WICK_KEEP_FFN, in, WICK_UP, vector(c, WICK_T_UP_BIAS));
	if (facts->ffn.gated)
		add_act(c, WICK_OP_GLU, WICK_UP, WICK_GATE, facts->ffn.n_ff);
	else
		add_act(c, WICK_OP_ACT, WICK_UP, WICK_UP, facts->ffn.n_ff);
	add_linear(c, WICK_T_DOWN, WICK_KEEP_FFN, facts->ffn.gated ? WICK_GATE : WICK_UP, out, vector(c, WICK_T_DOWN_BIAS));
}

static void add_parallel_layer(struct composer *c, const struct wick_layer_facts *facts, enum wick_buffer in)
{
	/* Bundles are chosen before attention by what the FFN is given, which has to last; their products are not in UP. */
	bool early = facts->two_norms && has(c, WICK_T_BUNDLES);
	enum wick_buffer ffn_in = early ? WICK_UP : in;

	if (early)
		add_norm(c, WICK_X, ffn_in, WICK_T_FFN_NORM, WICK_T_FFN_NORM_BIAS);
	add_choose(c, ffn_in);
	add_attention(c, facts, in);
	if (facts->two_norms && !early)
		add_norm(c, WICK_X, WICK_XNORM, WICK_T_FFN_NORM, WICK_T_FFN_NORM_BIAS);
	add_ffn(c, facts, ffn_in, WICK_Z);
	add_plain(c, WICK_OP_ADD, WICK_Z, WICK_Y);
	add_factor(c, WICK_OP_SCALE, WICK_Y, c->shape->residual_scale);
	add_plain(c, WICK_OP_ADD, WICK_Y, WICK_X);
	if (facts->norm_at == WICK_NORM_AFTER)
		add_norm(c, WICK_X, WICK_X, WICK_T_ATTN_NORM, WICK_T_ATTN_NORM_BIAS);
}

static void add_layer(struct composer *c)
{
	const struct wick_layer_facts *facts = wick_kind(c->shape, c->layer);
	bool before = facts->norm_at != WICK_NORM_AFTER, both = facts->norm_at == WICK_NORM_BOTH;
	enum wick_buffer in = before ? WICK_XNORM : WICK_X;

	if (facts->ffn.experts.early)
		add_router(c, WICK_X);
	if (before)
		add_norm(c, WICK_X, WICK_XNORM, WICK_T_ATTN_NORM, WICK_T_ATTN_NORM_BIAS);
	if (facts->parallel) {
		add_parallel_layer(c, facts, in);
		return;
	}
	add_attention(c, facts, in);
	if (both)
		add_norm(c, WICK_Y, WICK_Y, WICK_T_ATTN_POST_NORM, WICK_T_COUNT);
	add_factor(c, WICK_OP_SCALE, WICK_Y, c->shape->residual_scale);
	add_plain(c, WICK_OP_ADD, WICK_Y, WICK_X);
	if (before)
		add_norm(c, WICK_X, WICK_XNORM, WICK_T_FFN_NORM, WICK_T_FFN_NORM_BIAS);
	else
		add_norm(c, WICK_X, WICK_X, WICK_T_ATTN_NORM, WICK_T_ATTN_NORM_BIAS);
	add_choose(c, in);
	add_ffn(c, facts, in, WICK_Y);
	if (both)
		add_norm(c, WICK_Y, WICK_Y, WICK_T_FFN_POST_NORM, WICK_T_COUNT);
	add_factor(c, WICK_OP_SCALE, WICK_Y, c->shape->residual_scale);
	add_plain(c, WICK_OP_ADD, WICK_Y, WICK_X);
	if (!before)
		add_norm(c, WICK_X, WICK_X, WICK_T_FFN_NORM, WICK_T_FFN_NORM_BIAS);
}

/* From ids to the residual. A tied head is the table of embeddings, and comes last: its step is patched then. */
static void add_embedding(struct composer *c)
{
	bool project = c->shape->project;
	enum wick_buffer out = project ? WICK_EMBEDDED : WICK_X;

	widen(c, out, c->shape->d_embed);
	widen(c, WICK_X, c->shape->d_model);
	widen(c, WICK_Y, c->shape->d_model); /* a position's row */
	add(c, (struct wick_step){ .op = WICK_OP_EMBED, .out = out, .tensor = WICK_NO_VECTOR, .bias = WICK_NO_VECTOR,
		.matrix = c->shape->tied ? WICK_NO_MATRIX : add_matrix(c, WICK_T_EMBED, WICK_KEEP_EMBEDDING, true, false) });
	if (project)
		add_linear(c, WICK_T_PROJECT_IN, WICK_KEEP_PROJECTION, WICK_EMBEDDED, WICK_X, WICK_NO_VECTOR);
	add_factor(c, WICK_OP_SCALE, WICK_X, c->shape->embed_scale);
	if (has(c, WICK_T_POSITION))
		add(c, (struct wick_step){ .op = WICK_OP_POSITION, .out = WICK_X, .tensor = WICK_NO_VECTOR,
			.bias = WICK_NO_VECTOR, .matrix = add_matrix(c, WICK_T_POSITION, WICK_KEEP_TABLE, true, false) });
}

/* From the residual to logits. */
static void add_tail(struct composer *c)
{
	enum wick_buffer in = WICK_X;

	if (c->shape->final_norm)
		add_norm(c, WICK_X, WICK_X, WICK_T_OUT_NORM, WICK_T_OUT_NORM_BIAS);
	if (c->shape->project) {
		add_linear(c, WICK_T_PROJECT_OUT, WICK_KEEP_PROJECTION, WICK_X, WICK_EMBEDDED, WICK_NO_VECTOR);
		in = WICK_EMBEDDED;
	}
	add_linear(c, WICK_T_HEAD, WICK_KEEP_HEAD, in, WICK_LOGITS, vector(c, WICK_T_HEAD_BIAS));
	add_factor(c, WICK_OP_SCALE, WICK_LOGITS, c->shape->logit_scale);
	add_factor(c, WICK_OP_CAP, WICK_LOGITS, c->shape->logit_cap);
	if (c->shape->tied && c->steps->step)
		c->steps->step[0].matrix = c->steps->matrices - 1;
}

static void mark(struct composer *c, uint32_t section)
{
	if (!c->steps->first)
		return;
	c->steps->first[section] = c->steps->count;
	c->steps->first_matrix[section] = c->steps->matrices;
}

static void compose(struct composer *c)
{
	uint32_t layers = c->shape->layers;

	c->layer = 0;
	add_embedding(c);
	for (; c->layer < layers; c->layer++) {
		mark(c, c->layer);
		add_layer(c);
	}
	c->layer = 0;
	mark(c, layers);
	add_tail(c);
	mark(c, layers + 1);
}

int wick_steps_make(struct wick_steps *steps, const struct wick_model *model, struct wick_diag *diag)
{
	struct wick_steps counted = { .layers = model->shape.layers };
	struct composer c = { .model = model, .shape = &model->shape, .steps = &counted };
	size_t sections = (size_t)counted.layers + 2;

	compose(&c);
	*steps = (struct wick_steps){ .layers = counted.layers };
	steps->step = calloc(counted.count, sizeof(*steps->step));
	steps->matrix = calloc(counted.matrices, sizeof(*steps->matrix));
	steps->first = calloc(sections, sizeof(*steps->first));
	steps->first_matrix = calloc(sections, sizeof(*steps->first_matrix));
	if (counted.sets) {
		steps->set = calloc(counted.sets, sizeof(*steps->set));
		steps->kind = calloc(counted.sets, sizeof(*steps->kind));
	}
	if (!steps->step || !steps->matrix || !steps->first || !steps->first_matrix ||
		(counted.sets && (!steps->set || !steps->kind))) {
		wick_steps_free(steps);
		return wick_diag_say(diag, -ENOMEM, "no memory for the %u steps of a token", counted.count);
	}
	c.steps = steps;
	compose(&c);
	steps->memory_bytes = steps->count * sizeof(*steps->step) + steps->matrices * sizeof(*steps->matrix) +
		steps->sets * (sizeof(*steps->set) + sizeof(*steps->kind)) + 2 * sections * sizeof(*steps->first);
	return 0;
}

void wick_steps_free(struct wick_steps *steps)
{
	free(steps->step);
	free(steps->matrix);
	free(steps->set);
	free(steps->kind);
	free(steps->first);
	free(steps->first_matrix);
	*steps = (struct wick_steps){ 0 };
}

const struct wick_bundle_set *wick_steps_set(const struct wick_steps *steps, uint32_t layer)
{
	for (uint32_t i = steps->first[layer]; i < steps->first[layer + 1]; i++)
		if (steps->step[i].set != WICK_NO_SET)
			return &steps->set[steps->step[i].set];
	return NULL;
}

uint32_t wick_steps_bundles(const struct wick_steps *steps, uint32_t layer)
{
	for (uint32_t i = steps->first_matrix[layer]; i < steps->first_matrix[layer + 1]; i++)
		if (steps->matrix[i].bundles)
			return i;
	return WICK_NO_MATRIX;
}
