/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The keys of a stock GGUF file to facts of its model (see stock.h). */

#include "stock.h"

#include "bits.h"
#include "gguf.h"
#include "shape.h"
#include "stock_experts.h"
#include "stock_keys.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const char *const rope_scalings[WICK_SCALING_COUNT] = {
	[WICK_SCALING_NONE] = "none", [WICK_SCALING_LINEAR] = "linear", [WICK_SCALING_YARN] = "yarn",
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

	return wick_gguf_u64(gguf, "wick.version", &version, NULL) == -ENOENT;
}

static int read_scaling(struct wick_attn_facts *attn, const struct wick_stock_said *said, const struct wick_stock_family *family,
	const struct wick_gguf *gguf, struct wick_diag *diag)
{
	struct wick_gguf_string type;
	char key[WICK_STOCK_KEY];
	int err;

	attn->rope_factor = (float)(said->linear_scale > 0 ? said->linear_scale : 1);
	attn->rope_scaling = said->linear_scale > 0 ? WICK_SCALING_LINEAR : WICK_SCALING_NONE;
	wick_stock_key(key, family, "rope.scaling.type");
	err = wick_gguf_string(gguf, key, &type, diag);
	if (err)
		return err == -ENOENT ? 0 : err;
	for (unsigned i = 0; i < WICK_SCALING_COUNT; i++)
		if (is(type, rope_scalings[i])) {
			/* A factor of 0 is one that others write for none. */
			attn->rope_scaling = i == WICK_SCALING_LINEAR && said->scaling_factor == 0 ? WICK_SCALING_NONE : i;
			attn->rope_factor = attn->rope_scaling == WICK_SCALING_NONE ? 1 : (float)said->scaling_factor;
			attn->rope_original_ctx = said->original_ctx;
			attn->rope_attn_factor = (float)(said->attn_factor > 0 ? said->attn_factor : 1);
			return 0;
		}
	return wick_diag_say(diag, -EINVAL, "%s: %s \"%.*s\" is not supported; none, linear and yarn are", path_of(gguf), key,
		(int)WICK_MIN(type.length, 80), type.bytes);
}

static int check_scaling(const struct wick_attn_facts *attn, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	if (attn->rope_scaling != WICK_SCALING_NONE && attn->rope_factor < 0)
		return wick_diag_say(diag, -EINVAL, "%s: rope scaling %s without rope.scaling.factor", path_of(gguf),
			rope_scalings[attn->rope_scaling]);
	if (attn->rope_scaling != WICK_SCALING_NONE && !(attn->rope_factor >= 1 && attn->rope_factor < 1e6f))
		return wick_diag_say(diag, -EINVAL, "%s: a rope scaling by %g is not possible", path_of(gguf),
			(double)attn->rope_factor);
	if (attn->rope_scaling == WICK_SCALING_YARN && !attn->rope_original_ctx)
		return wick_diag_say(diag, -EINVAL, "%s: rope scaling yarn without rope.scaling.original_context_length",
			path_of(gguf));
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
	said->kv_heads = said->kv_heads ? said->kv_heads : said->heads;
	said->k_dim = said->k_dim || !said->heads ? said->k_dim : said->d_model / said->heads;
	said->v_dim = said->v_dim ? said->v_dim : said->k_dim;
	said->rope_dim = said->rope_dim ? said->rope_dim : said->k_dim;
	said->rope_base = said->rope_base > 0 ? said->rope_base : 10000;
}

static void set_facts(struct wick_shape *shape, const struct wick_stock_said *said, const struct wick_stock_family *family)
{
	shape->layers = said->layers;
	shape->d_model = shape->d_embed = said->d_model;
	shape->n_ff = said->n_ff;
	shape->ctx_max = said->ctx_max;
	shape->vocab = said->vocab;
	shape->norm = family->norm;
	shape->norm_eps = (float)said->norm_eps;
	shape->final_norm = shape->norm_affine = true;
	shape->kinds = 1;
	shape->kind[0] = (struct wick_layer_facts){ .norm_at = WICK_NORM_BEFORE,
		.attn = { .heads = said->heads, .kv_heads = said->kv_heads, .k_dim = said->k_dim, .v_dim = said->v_dim,
			.rope = family->rope, .rope_dim = said->rope_dim, .rope_base = (float)said->rope_base,
			.scale = 1 / sqrtf((float)said->k_dim), .window = said->window, .head_norm = family->head_norm, .whole_norm = family->whole_norm },
		.ffn = { .act = family->act, .gated = family->gated, .n_ff = said->n_ff } };
}

int wick_stock_facts(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	const struct wick_stock_family *family = NULL;
	struct wick_stock_said said;
	int err = wick_stock_family(&family, gguf, diag);

	memset(shape, 0, sizeof(*shape));
	if (!err)
		err = wick_stock_read(&said, family, gguf, diag);
	if (err)
		return err;
	complete(&said);
	err = check_said(&said, gguf, diag);
	if (err)
		return err;
	set_facts(shape, &said, family);
	err = wick_stock_experts(&shape->kind[0].ffn, &said, family, gguf, diag);
	if (err)
		return err;
	shape->name = family->name;
	err = read_scaling(&shape->kind[0].attn, &said, family, gguf, diag);
	return err ? err : check_scaling(&shape->kind[0].attn, gguf, diag);
}
