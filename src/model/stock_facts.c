/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The keys of a stock GGUF file to facts of its model (see stock.h). */

#include "stock.h"

#include "bits.h"
#include "gguf.h"
#include "shape.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Facts that a family's files leave out. */
static const struct family {
	const char *name; /* general.architecture */
	enum wick_rope rope;
	enum wick_act act;
	bool head_norm;
} families[] = {
	{ "llama", WICK_ROPE_NEIGHBOURS, WICK_ACT_SILU, false },
	{ "qwen2", WICK_ROPE_HALVES, WICK_ACT_SILU, false },
	{ "qwen3", WICK_ROPE_HALVES, WICK_ACT_SILU, true },
};

/* The numbers of the file, before they become facts. */
struct said {
	uint32_t layers, ctx_max, d_model, n_ff, vocab, heads, kv_heads, k_dim, v_dim, rope_dim, window, original_ctx;
	double rms_eps, rope_base, scaling_factor, attn_factor, linear_scale;
};

enum kind { NUMBER, REAL, IGNORED };

#define FIELD(name) offsetof(struct said, name)

/* Every key of an architecture that is understood. Those ignored say nothing of the arithmetic. */
static const struct key {
	const char *name; /* behind the architecture's */
	enum kind kind;
	bool needed;
	size_t field;
} keys[] = {
	{ "block_count", NUMBER, true, FIELD(layers) },
	{ "context_length", NUMBER, true, FIELD(ctx_max) },
	{ "embedding_length", NUMBER, true, FIELD(d_model) },
	{ "feed_forward_length", NUMBER, true, FIELD(n_ff) },
	{ "attention.head_count", NUMBER, true, FIELD(heads) },
	{ "attention.layer_norm_rms_epsilon", REAL, true, FIELD(rms_eps) },
	{ "attention.head_count_kv", NUMBER, false, FIELD(kv_heads) },
	{ "attention.key_length", NUMBER, false, FIELD(k_dim) },
	{ "attention.value_length", NUMBER, false, FIELD(v_dim) },
	{ "attention.sliding_window", NUMBER, false, FIELD(window) },
	{ "vocab_size", NUMBER, false, FIELD(vocab) },
	{ "rope.dimension_count", NUMBER, false, FIELD(rope_dim) },
	{ "rope.freq_base", REAL, false, FIELD(rope_base) },
	{ "rope.scale_linear", REAL, false, FIELD(linear_scale) },
	{ "rope.scaling.factor", REAL, false, FIELD(scaling_factor) },
	{ "rope.scaling.attn_factor", REAL, false, FIELD(attn_factor) },
	{ "rope.scaling.original_context_length", NUMBER, false, FIELD(original_ctx) },
	{ "rope.scaling.type", IGNORED, false, 0 }, /* read by name */
	{ "rope.scaling.finetuned", IGNORED, false, 0 },
};

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

static int find_family(const struct family **family, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	struct wick_gguf_string name;
	int err = wick_gguf_string(gguf, "general.architecture", &name, diag);

	if (err == -ENOENT)
		return wick_diag_say(diag, -EINVAL, "%s: key \"general.architecture\" is missing", path_of(gguf));
	for (size_t i = 0; !err && i < WICK_COUNT_OF(families); i++) {
		*family = &families[i];
		if (is(name, families[i].name))
			return 0;
	}
	return err ? err : wick_diag_say(diag, -EINVAL,
		"%s: models of the architecture \"%.*s\" are not supported; llama, qwen2 and qwen3 are, and what wick pack makes",
		path_of(gguf), (int)WICK_MIN(name.length, 80), name.bytes);
}

static int read_key(struct said *said, const struct key *key, const char *name, const struct wick_gguf *gguf,
	struct wick_diag *diag)
{
	uint64_t number = 0;
	double real = 1;
	int err = key->kind == NUMBER ? wick_gguf_u64(gguf, name, &number, diag) : wick_gguf_f64(gguf, name, &real, diag);

	if (err == -ENOENT && key->needed)
		return wick_diag_say(diag, -EINVAL, "%s: key \"%s\" is missing", path_of(gguf), name);
	if (err == -ENOENT)
		return 0;
	if (!err && number > WICK_DIM_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: %s is %llu; up to %u is possible", path_of(gguf), name,
			(unsigned long long)number, WICK_DIM_MAX);
	/* Facts are floats: a number that is none of them would become 0 or infinite there. */
	if (!err && !(real >= (double)FLT_MIN && real <= (double)FLT_MAX))
		return wick_diag_say(diag, -EINVAL, "%s: %s is %g; a number above 0 is needed", path_of(gguf), name, real);
	if (!err && key->kind == NUMBER)
		*(uint32_t *)((char *)said + key->field) = (uint32_t)number;
	if (!err && key->kind == REAL)
		*(double *)((char *)said + key->field) = real;
	return err;
}

static int read_keys(struct said *said, const struct family *family, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	int err = 0;

	for (size_t i = 0; !err && i < WICK_COUNT_OF(keys); i++) {
		char name[96];

		snprintf(name, sizeof(name), "%s.%s", family->name, keys[i].name);
		if (keys[i].kind != IGNORED)
			err = read_key(said, &keys[i], name, gguf, diag);
	}
	return err;
}

/* An unknown key behind the architecture's name may change the arithmetic. */
static int check_key(const struct family *family, struct wick_gguf_string name, const struct wick_gguf *gguf,
	struct wick_diag *diag)
{
	size_t prefix = strlen(family->name);

	if (name.length <= prefix || memcmp(name.bytes, family->name, prefix) || name.bytes[prefix] != '.')
		return 0;
	for (size_t i = 0; i < WICK_COUNT_OF(keys); i++)
		if (is((struct wick_gguf_string){ name.bytes + prefix + 1, name.length - prefix - 1 }, keys[i].name))
			return 0;
	return wick_diag_say(diag, -EINVAL,
		"%s: key \"%.*s\" is not known for models of the architecture %s, and could change what they compute",
		path_of(gguf), (int)WICK_MIN(name.length, 120), name.bytes, family->name);
}

static int check_keys(const struct family *family, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	struct wick_gguf_string name;
	int err = 0;

	for (uint64_t i = 0; !err && wick_gguf_key_at(gguf, i, &name); i++)
		err = check_key(family, name, gguf, diag);
	return err;
}

static int read_scaling(struct wick_attn_facts *attn, const struct said *said, const struct family *family,
	const struct wick_gguf *gguf, struct wick_diag *diag)
{
	struct wick_gguf_string type;
	char key[96];
	int err;

	attn->rope_factor = (float)(said->linear_scale > 0 ? said->linear_scale : 1);
	attn->rope_scaling = said->linear_scale > 0 ? WICK_SCALING_LINEAR : WICK_SCALING_NONE;
	snprintf(key, sizeof(key), "%s.rope.scaling.type", family->name);
	err = wick_gguf_string(gguf, key, &type, diag);
	if (err)
		return err == -ENOENT ? 0 : err;
	for (unsigned i = 0; i < WICK_SCALING_COUNT; i++)
		if (is(type, rope_scalings[i])) {
			attn->rope_scaling = i;
			attn->rope_factor = i == WICK_SCALING_NONE ? 1 : (float)said->scaling_factor;
			attn->rope_original_ctx = said->original_ctx;
			attn->rope_attn_factor = (float)(said->attn_factor > 0 ? said->attn_factor : 1);
			return 0;
		}
	return wick_diag_say(diag, -EINVAL, "%s: %s \"%.*s\" is not supported; none, linear and yarn are", path_of(gguf), key,
		(int)WICK_MIN(type.length, 80), type.bytes);
}

static int check_scaling(const struct wick_attn_facts *attn, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	if (attn->rope_scaling != WICK_SCALING_NONE && !(attn->rope_factor >= 1 && attn->rope_factor < 1e6f))
		return wick_diag_say(diag, -EINVAL, "%s: a rope scaling by %g is not possible", path_of(gguf),
			(double)attn->rope_factor);
	if (attn->rope_scaling == WICK_SCALING_YARN && !attn->rope_original_ctx)
		return wick_diag_say(diag, -EINVAL, "%s: rope scaling yarn without rope.scaling.original_context_length",
			path_of(gguf));
	return 0;
}

static int check_said(const struct said *said, const struct wick_gguf *gguf, struct wick_diag *diag)
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
	if (said->layers > wick_gguf_tensor_count(gguf))
		return wick_diag_say(diag, -EINVAL, "%s: %u layers are more than its %llu tensors can be", path_of(gguf),
			said->layers, (unsigned long long)wick_gguf_tensor_count(gguf));
	if (!said->kv_heads || said->heads % said->kv_heads)
		return wick_diag_say(diag, -EINVAL, "%s: %u attention heads cannot share %u heads of keys", path_of(gguf),
			said->heads, said->kv_heads);
	if (said->k_dim != said->v_dim)
		return wick_diag_say(diag, -EINVAL, "%s: keys of %u and values of %u numbers a head are not supported",
			path_of(gguf), said->k_dim, said->v_dim);
	if (said->rope_dim % 2 || !said->rope_dim || said->rope_dim > said->k_dim)
		return wick_diag_say(diag, -EINVAL, "%s: rope.dimension_count %u does not fit heads of %u numbers",
			path_of(gguf), said->rope_dim, said->k_dim);
	if (!((float)said->rms_eps > 0 && (float)said->rms_eps < 1) ||
		!((float)said->rope_base > 1 && said->rope_base < 1e12))
		return wick_diag_say(diag, -EINVAL, "%s: a norm's epsilon of %g or a rope base of %g is not possible",
			path_of(gguf), said->rms_eps, said->rope_base);
	return 0;
}

/* Facts without a key follow from the others, as in each family's own code. */
static void complete(struct said *said)
{
	said->kv_heads = said->kv_heads ? said->kv_heads : said->heads;
	said->k_dim = said->k_dim || !said->heads ? said->k_dim : said->d_model / said->heads;
	said->v_dim = said->v_dim ? said->v_dim : said->k_dim;
	said->rope_dim = said->rope_dim ? said->rope_dim : said->k_dim;
	said->rope_base = said->rope_base > 0 ? said->rope_base : 10000;
}

static void set_facts(struct wick_shape *shape, const struct said *said, const struct family *family)
{
	shape->layers = said->layers;
	shape->d_model = shape->d_embed = said->d_model;
	shape->n_ff = said->n_ff;
	shape->ctx_max = said->ctx_max;
	shape->norm = WICK_NORM_RMS;
	shape->norm_eps = (float)said->rms_eps;
	shape->final_norm = shape->norm_affine = true;
	shape->kinds = 1;
	shape->kind[0] = (struct wick_layer_facts){ .norm_at = WICK_NORM_BEFORE,
		.attn = { .heads = said->heads, .kv_heads = said->kv_heads, .k_dim = said->k_dim, .v_dim = said->v_dim,
			.rope = family->rope, .rope_dim = said->rope_dim, .rope_base = (float)said->rope_base,
			.scale = 1 / sqrtf((float)said->k_dim), .window = said->window, .head_norm = family->head_norm },
		.ffn = { .act = family->act, .gated = true, .n_ff = said->n_ff } };
}

int wick_stock_facts(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	const struct family *family = NULL;
	struct said said = { 0 };
	int err = find_family(&family, gguf, diag);

	memset(shape, 0, sizeof(*shape));
	if (!err)
		err = check_keys(family, gguf, diag);
	if (!err)
		err = read_keys(&said, family, gguf, diag);
	if (err)
		return err;
	complete(&said);
	err = check_said(&said, gguf, diag);
	if (err)
		return err;
	set_facts(shape, &said, family);
	shape->name = family->name;
	err = read_scaling(&shape->kind[0].attn, &said, family, gguf, diag);
	return err ? err : check_scaling(&shape->kind[0].attn, gguf, diag);
}
