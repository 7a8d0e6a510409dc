/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The keys of a stock GGUF file to facts of its model (see stock.h). */

#include "stock.h"

#include "bits.h"
#include "gguf.h"
#include "gguf_parts.h"
#include "shape.h"
#include "stock_bundles.h"
#include "stock_experts.h"
#include "stock_keys.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define YARN_FAST 32 /* where no key says it (arXiv 2309.00071, section 3.2) */
#define YARN_SLOW 1

static const char *const rope_scalings[WICK_SCALING_COUNT] = {
	[WICK_SCALING_NONE] = "none", [WICK_SCALING_LINEAR] = "linear", [WICK_SCALING_YARN] = "yarn",
	[WICK_SCALING_LONG] = "longrope",
};

static const char *path_of(const struct wick_gguf *gguf)
{
	return wick_gguf_path(gguf);
}

static bool is(struct wick_gguf_string string, const char *text)
{
	return string.length == strlen(text) && !memcmp(string.bytes, text, string.length);
}

bool wick_stock_is(const struct wick_gguf *gguf)
{
	uint64_t version;

	return wick_gguf_u64(gguf, "wick.version", &version, NULL) == -ENOENT || wick_stock_is_checked(gguf);
}

static bool has_tensor(const struct wick_gguf_parts *parts, const char *name)
{
	uint32_t part;
	bool twice;

	return wick_gguf_parts_tensor(parts, name, &part, &twice);
}

/* Phi-3's files have long rope's lists, and often no rope.scaling.type. Half of it would be another model; a list that is missing
 * is found missing with the other tensors. */
static int read_long(struct wick_attn_facts *attn, const struct wick_stock_said *said, const struct wick_gguf_parts *parts,
	struct wick_diag *diag)
{
	const struct {
		bool there;
		const char *what;
	} halves[] = { { said->original_ctx, "rope.scaling.original_context_length" },
		{ said->attn_factor > 0, "rope.scaling.attn_factor" } };

	if (attn->rope_scaling != WICK_SCALING_LONG && !has_tensor(parts, "rope_factors_long.weight") &&
		!has_tensor(parts, "rope_factors_short.weight"))
		return 0;
	for (size_t i = 0; i < WICK_COUNT_OF(halves); i++)
		if (!halves[i].there)
			return wick_diag_say(diag, -EINVAL, "%s: rope scaling longrope without %s", path_of(parts->at[0]), halves[i].what);
	attn->rope_scaling = WICK_SCALING_LONG;
	attn->rope_original_ctx = said->original_ctx;
	attn->rope_attn_factor = (float)said->attn_factor;
	return 0;
}

static int read_scaling(struct wick_attn_facts *attn, const struct wick_stock_said *said, const struct wick_stock_family *family,
	const struct wick_gguf_parts *parts, struct wick_diag *diag)
{
	const struct wick_gguf *gguf = parts->at[0];
	struct wick_gguf_string type;
	char key[WICK_STOCK_KEY];
	int err;

	attn->rope_factor = (float)(said->linear_scale > 0 ? said->linear_scale : 1);
	attn->rope_scaling = said->linear_scale > 0 ? WICK_SCALING_LINEAR : WICK_SCALING_NONE;
	wick_stock_key(key, family, "rope.scaling.type");
	err = wick_gguf_string(gguf, key, &type, diag);
	if (err == -ENOENT && said->scaling_factor > 0 && (said->scaling_factor < 1 || said->scaling_factor > 1))
		return wick_diag_say(diag, -EINVAL, "%s: rope.scaling.factor %g without rope.scaling.type", path_of(gguf),
			said->scaling_factor);
	if (err)
		return err == -ENOENT ? read_long(attn, said, parts, diag) : err;
	for (unsigned i = 0; i < WICK_SCALING_COUNT; i++)
		if (is(type, rope_scalings[i])) {
			/* A factor of 0 is one that others write for none. */
			attn->rope_scaling = i == WICK_SCALING_LINEAR && said->scaling_factor == 0 ? WICK_SCALING_NONE : i;
			attn->rope_factor = attn->rope_scaling == WICK_SCALING_NONE ? 1 : (float)said->scaling_factor;
			attn->rope_original_ctx = said->original_ctx;
			attn->rope_attn_factor = (float)(said->attn_factor > 0 ? said->attn_factor : 1);
			attn->rope_fast = (float)(said->yarn_fast > 0 ? said->yarn_fast : YARN_FAST);
			attn->rope_slow = (float)(said->yarn_slow > 0 ? said->yarn_slow : YARN_SLOW);
			return read_long(attn, said, parts, diag);
		}
	return wick_diag_say(diag, -EINVAL, "%s: %s \"%.*s\" is not supported; none, linear, yarn and longrope are", path_of(gguf), key,
		(int)WICK_MIN(type.length, 80), type.bytes);
}

/* Nobody who converts models writes these beside another type: what is left of a yarn would be another model. A factor of 1
 * changes nothing by any reading. */
static int check_yarn(const struct wick_attn_facts *attn, const struct wick_stock_said *said, const struct wick_gguf *gguf,
	struct wick_diag *diag)
{
	bool yarn = attn->rope_scaling == WICK_SCALING_YARN, grows = said->attn_factor > 0 && (said->attn_factor < 1 || said->attn_factor > 1);
	const struct {
		const char *key, *of;
		bool alone;
	} parts[] = { { "yarn_beta_fast", "yarn", !yarn && said->yarn_fast > 0 }, { "yarn_beta_slow", "yarn", !yarn && said->yarn_slow > 0 },
		{ "attn_factor", "yarn or longrope", !yarn && attn->rope_scaling != WICK_SCALING_LONG && grows } };

	for (size_t i = 0; i < WICK_COUNT_OF(parts); i++)
		if (parts[i].alone)
			return wick_diag_say(diag, -EINVAL, "%s: rope.scaling.%s where rope.scaling.type is not %s", path_of(gguf), parts[i].key,
				parts[i].of);
	return 0;
}

static int check_scaling(const struct wick_attn_facts *attn, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	if (attn->rope_scaling == WICK_SCALING_NONE || attn->rope_scaling == WICK_SCALING_LONG)
		return 0;
	if (attn->rope_factor < 0)
		return wick_diag_say(diag, -EINVAL, "%s: rope scaling %s without rope.scaling.factor", path_of(gguf),
			rope_scalings[attn->rope_scaling]);
	if (!(attn->rope_factor >= 1 && attn->rope_factor < 1e6f))
		return wick_diag_say(diag, -EINVAL, "%s: a rope scaling by %g is not possible", path_of(gguf),
			(double)attn->rope_factor);
	if (attn->rope_scaling == WICK_SCALING_YARN && !attn->rope_original_ctx)
		return wick_diag_say(diag, -EINVAL, "%s: rope scaling yarn without rope.scaling.original_context_length",
			path_of(gguf));
	if (attn->rope_scaling == WICK_SCALING_YARN && !(attn->rope_fast > attn->rope_slow))
		return wick_diag_say(diag, -EINVAL, "%s: rope.scaling.yarn_beta_fast %g is not above rope.scaling.yarn_beta_slow %g",
			path_of(gguf), (double)attn->rope_fast, (double)attn->rope_slow);
	return 0;
}

static int check_said(const struct wick_stock_said *said, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	const struct {
		const char *what;
		uint32_t value, most;
	} numbers[] = { { "block_count", said->layers, WICK_LAYERS_MAX }, { "context_length", said->ctx_max, WICK_DIM_MAX },
		{ "embedding_length", said->d_model, WICK_DIM_MAX }, { "feed_forward_length", said->n_ff, WICK_DIM_MAX },
		{ "attention.head_count", said->heads, 1u << 16 }, { "attention.key_length", said->k_dim, 1u << 14 } };

	for (size_t i = 0; i < WICK_COUNT_OF(numbers); i++)
		if (numbers[i].value < 1 || numbers[i].value > numbers[i].most)
			return wick_diag_say(diag, -EINVAL, "%s: %s is %u; 1 to %u is possible", path_of(gguf), numbers[i].what,
				numbers[i].value, numbers[i].most);
	if (!said->kv_heads || said->heads % said->kv_heads)
		return wick_diag_say(diag, -EINVAL, "%s: %u attention heads cannot share %u heads of keys", path_of(gguf),
			said->heads, said->kv_heads);
	if (said->k_dim != said->v_dim)
		return wick_diag_say(diag, -EINVAL, "%s: keys of %u and values of %u numbers a head are not supported",
			path_of(gguf), said->k_dim, said->v_dim);
	if (said->rope_dim % 2 || !said->rope_dim || said->rope_dim > said->k_dim)
		return wick_diag_say(diag, -EINVAL, "%s: rope.dimension_count %u does not fit heads of %u numbers",
			path_of(gguf), said->rope_dim, said->k_dim);
	if (!((float)said->norm_eps > 0 && (float)said->norm_eps < 1) ||
		!((float)said->rope_base > 1 && said->rope_base < 1e12))
		return wick_diag_say(diag, -EINVAL, "%s: a norm's epsilon of %g or a rope base of %g is not possible",
			path_of(gguf), said->norm_eps, said->rope_base);
	return 0;
}

/* Facts without a key follow from the others, as in each family's own code. */
static void complete(struct wick_stock_said *said)
{
	said->layers -= WICK_MIN(said->layers, said->nextn);
	said->kv_heads = said->kv_heads ? said->kv_heads : said->heads;
	said->k_dim = said->k_dim || !said->heads ? said->k_dim : said->d_model / said->heads;
	said->v_dim = said->v_dim ? said->v_dim : said->k_dim;
	said->rope_dim = said->rope_dim ? said->rope_dim : said->k_dim;
	said->rope_base = said->rope_base > 0 ? said->rope_base : 10000;
}

static void set_scales(struct wick_shape *shape, const struct wick_stock_said *said, const struct wick_stock_family *family)
{
	shape->embed_scale = family->scaled_embedding ? sqrtf((float)said->d_model) : (float)said->embed_scale;
	shape->logit_cap = (float)said->logit_cap;
	shape->residual_scale = (float)said->residual_scale;
	shape->logit_scale = said->logit_scale > 0 ? (float)(1 / said->logit_scale) : 0;
}

static float attention_scale(const struct wick_stock_said *said, const struct wick_stock_family *family)
{
	bool wide = said->layers == family->wide_scale_layers;

	if (said->attn_scale > 0)
		return (float)said->attn_scale;
	return 1 / sqrtf((float)(wide ? said->d_model / said->heads : said->k_dim));
}

static void set_facts(struct wick_shape *shape, const struct wick_stock_said *said, const struct wick_stock_family *family)
{
	shape->layers = said->layers;
	shape->left_out = said->nextn;
	shape->d_model = shape->d_embed = said->d_model;
	shape->n_ff = said->n_ff;
	shape->ctx_max = said->ctx_max;
	shape->vocab = said->vocab;
	shape->norm = family->norm;
	shape->norm_eps = (float)said->norm_eps;
	shape->final_norm = shape->norm_affine = true;
	shape->norm_unbiased = family->norm_unbiased;
	shape->positions = family->positions;
	shape->kinds = 1;
	shape->kind[0] = (struct wick_layer_facts){ .norm_at = family->sandwich ? WICK_NORM_BOTH : WICK_NORM_BEFORE,
		.parallel = family->parallel,
		.attn = { .heads = said->heads, .kv_heads = said->kv_heads, .k_dim = said->k_dim, .v_dim = said->v_dim,
			.rope = family->rope, .rope_dim = said->rope_dim, .rope_base = (float)said->rope_base,
			.scale = attention_scale(said, family), .softcap = (float)said->softcap,
			.clip = (float)said->clip, .alibi = (float)said->alibi, .head_norm = family->head_norm,
			.whole_norm = family->whole_norm, .sinks = family->sinks, .rope_between = family->rope_between },
		.ffn = { .act = family->act, .gated = family->gated, .n_ff = said->n_ff } };
}

/* Which layers look no further than the window, into kind_of_layer. A list says it of each layer; a number n says that of every n
 * layers one looks beyond. */
static int read_pattern(uint8_t *kind_of_layer, uint32_t layers, const struct wick_stock_family *family,
	const struct wick_gguf *gguf, struct wick_diag *diag)
{
	uint64_t count = 0, every = family->full_every;
	enum wick_gguf_type type = WICK_GGUF_BOOL;
	char key[WICK_STOCK_KEY];
	int err;

	wick_stock_key(key, family, "attention.sliding_window_pattern");
	if (!wick_gguf_array(gguf, key, &type, &count, NULL)) {
		if (count != layers || type != WICK_GGUF_BOOL)
			return wick_diag_say(diag, -EINVAL, "%s: %s has %llu entries; true or false is needed for each of %u layers",
				path_of(gguf), key, (unsigned long long)count, layers);
		for (uint32_t i = 0; i < layers; i++)
			kind_of_layer[i] = wick_gguf_array_int(gguf, key, i) != 0;
		return 0;
	}
	err = wick_gguf_u64(gguf, key, &every, diag);
	if (!err && !every)
		return wick_diag_say(diag, -EINVAL, "%s: %s is 0; one of so many layers looks beyond the window", path_of(gguf), key);
	for (uint32_t i = 0; i < layers; i++)
		kind_of_layer[i] = !every || i % every != (family->full_first ? 0 : every - 1);
	return err == -ENOENT ? 0 : err;
}

/* Layers with a window are kind 1, or kind 0 where all have one. */
static int set_windows(struct wick_shape *shape, const struct wick_stock_said *said, const struct wick_stock_family *family,
	const struct wick_gguf *gguf, struct wick_diag *diag)
{
	uint8_t *kind_of_layer = calloc(shape->layers, sizeof(*kind_of_layer));
	struct wick_attn_facts *windowed = &shape->kind[1].attn;
	int err;

	shape->kind_of_layer = kind_of_layer;
	if (!kind_of_layer)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory for %u layers", path_of(gguf), shape->layers);
	err = read_pattern(kind_of_layer, shape->layers, family, gguf, diag);
	shape->kinds = 2;
	shape->kind[1] = shape->kind[0];
	if (family->full_unturned)
		shape->kind[0].attn.rope = WICK_ROPE_NONE;
	windowed->window = said->window;
	if (said->local_rope_base > 0) {
		windowed->rope_base = (float)said->local_rope_base;
		windowed->rope_scaling = WICK_SCALING_NONE;
	}
	if (err || memchr(kind_of_layer, 0, shape->layers))
		return err;
	shape->kind[0] = shape->kind[1];
	shape->kinds = 1;
	memset(kind_of_layer, 0, shape->layers);
	return 0;
}

/* The first layers have an FFN of their own in place of experts, and are kind 1. */
static int set_dense_layers(struct wick_shape *shape, const struct wick_stock_said *said, const struct wick_ffn_facts *dense,
	const struct wick_gguf *gguf, struct wick_diag *diag)
{
	uint8_t *kind_of_layer = calloc(shape->layers, sizeof(*kind_of_layer));

	shape->kind_of_layer = kind_of_layer;
	if (!kind_of_layer)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory for %u layers", path_of(gguf), shape->layers);
	memset(kind_of_layer, 1, said->leading_dense);
	shape->kinds = 2;
	shape->kind[1] = shape->kind[0];
	shape->kind[1].ffn = *dense;
	return 0;
}

static int check_layout(const struct wick_stock_family *family, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	struct wick_gguf_string layout;
	char key[WICK_STOCK_KEY];
	int err = -ENOENT;

	wick_stock_key(key, family, "tensor_data_layout");
	if (family->layout)
		err = wick_gguf_string(gguf, key, &layout, diag);
	if (!err && !is(layout, family->layout))
		return wick_diag_say(diag, -EINVAL, "%s: %s \"%.*s\" is not supported; \"%s\" is", path_of(gguf), key,
			(int)WICK_MIN(layout.length, 80), layout.bytes, family->layout);
	return err == -ENOENT ? 0 : err;
}

/* What single keys allow, and the arithmetic does not know. */
static int check_together(const struct wick_stock_said *said, const struct wick_stock_family *family,
	const struct wick_gguf *gguf, struct wick_diag *diag)
{
	if (family->finetuned_is_rope && said->finetuned[1] && !said->finetuned[0])
		return wick_diag_say(diag, -EINVAL,
			"%s: %s.rope.scaling.finetuned is false: models without a rotary embedding are not supported", path_of(gguf),
			family->name);
	if (said->leading_dense && said->leading_dense >= said->layers)
		return wick_diag_say(diag, -EINVAL, "%s: leading_dense_block_count %u does not fit %u layers", path_of(gguf),
			said->leading_dense, said->layers);
	if (said->leading_dense && !said->experts)
		return wick_diag_say(diag, -EINVAL, "%s: leading_dense_block_count in a model without experts", path_of(gguf));
	if (said->window && said->leading_dense)
		return wick_diag_say(diag, -EINVAL,
			"%s: %s.attention.sliding_window together with leading_dense_block_count is not supported", path_of(gguf),
			family->name);
	return 0;
}

int wick_stock_facts(struct wick_shape *shape, const struct wick_gguf_parts *parts, struct wick_diag *diag)
{
	const struct wick_gguf *gguf = parts->at[0];
	const struct wick_stock_family *family = NULL;
	struct wick_ffn_facts dense;
	struct wick_stock_said said;
	int err = wick_stock_family(&family, gguf, diag);

	memset(shape, 0, sizeof(*shape));
	if (!err)
		err = wick_stock_read(&said, family, gguf, diag);
	if (err)
		return err;
	complete(&said);
	err = check_said(&said, gguf, diag);
	if (!err)
		err = check_together(&said, family, gguf, diag);
	if (err)
		return err;
	set_facts(shape, &said, family);
	set_scales(shape, &said, family);
	dense = shape->kind[0].ffn;
	err = wick_stock_experts(&shape->kind[0].ffn, &said, family, gguf, diag);
	if (err)
		return err;
	shape->name = family->name;
	shape->kind[0].attn.head_norm |= family->head_norm_by && has_tensor(parts, family->head_norm_by);
	shape->kind[0].two_norms = family->second_norm && has_tensor(parts, family->second_norm);
	err = check_layout(family, gguf, diag);
	if (!err)
		err = read_scaling(&shape->kind[0].attn, &said, family, parts, diag);
	if (!err)
		err = check_scaling(&shape->kind[0].attn, gguf, diag);
	if (!err)
		err = check_yarn(&shape->kind[0].attn, &said, gguf, diag);
	if (!err && said.leading_dense)
		err = set_dense_layers(shape, &said, &dense, gguf, diag);
	if (!err && said.window)
		err = set_windows(shape, &said, family, gguf, diag);
	return err || !wick_stock_is_bundled(gguf) ? err : wick_stock_read_bundles(shape, gguf, diag);
}
