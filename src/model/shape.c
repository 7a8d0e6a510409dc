/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The keys of a packed model's shape, each with its place in struct wick_shape. */

#include "shape.h"

#include "bits.h"
#include "gguf.h"
#include "gguf_write.h"
#include "tensors.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

const char *const wick_act_names[WICK_ACT_COUNT] = {
	[WICK_ACT_RELU] = "relu", [WICK_ACT_GELU] = "gelu", [WICK_ACT_GELU_TANH] = "gelu_tanh", [WICK_ACT_SILU] = "silu",
	[WICK_ACT_RELU2] = "relu2",
	[WICK_ACT_SWIGLU_OAI] = "swiglu_oai",
};

const char *const wick_arch_names[WICK_ARCH_COUNT] = { [WICK_ARCH_OPT] = "opt" };

struct key {
	const char *name; /* behind the architecture's, or behind "wick" */
	bool ours;
	size_t place;
};

static const struct key number_keys[] = {
	{ "block_count", false, offsetof(struct wick_shape, layers) },
	{ "context_length", false, offsetof(struct wick_shape, ctx_max) },
	{ "embedding_length", false, offsetof(struct wick_shape, d_model) },
	{ "feed_forward_length", false, offsetof(struct wick_shape, n_ff) },
	{ "attention.head_count", false, offsetof(struct wick_shape, kind[0].attn.heads) },
	{ "attention.head_count_kv", false, offsetof(struct wick_shape, kind[0].attn.kv_heads) },
	{ "vocab_size", false, offsetof(struct wick_shape, vocab) },
	{ "embed_length", true, offsetof(struct wick_shape, d_embed) },
	{ "parts", true, offsetof(struct wick_shape, bundle_parts) },
};

static const struct key flag_keys[] = {
	{ "norm_affine", true, offsetof(struct wick_shape, norm_affine) },
	{ "final_norm", true, offsetof(struct wick_shape, final_norm) },
	{ "bias", true, offsetof(struct wick_shape, bias) },
	{ "tied", true, offsetof(struct wick_shape, tied) },
};

static const struct key eps_key = { "attention.layer_norm_epsilon", false, offsetof(struct wick_shape, norm_eps) };

/* general.file_type: what most of the file is, as others number it. */
static const uint32_t file_types[WICK_TYPE_COUNT] = {
	[WICK_F32] = 0, [WICK_F16] = 1, [WICK_BF16] = 32, [WICK_Q8_0] = 7, [WICK_Q4_0] = 2,
	[WICK_Q4_1] = 3, [WICK_Q5_0] = 8, [WICK_Q5_1] = 9, [WICK_Q4_K] = 14, [WICK_Q5_K] = 16, [WICK_Q6_K] = 18,
	[WICK_Q2_K] = 10, [WICK_Q3_K] = 12, [WICK_IQ4_NL] = 25, [WICK_IQ4_XS] = 30, [WICK_MXFP4] = 38,
	[WICK_IQ2_XXS] = 19, [WICK_IQ2_XS] = 20, [WICK_IQ3_XXS] = 23, [WICK_IQ3_S] = 26, [WICK_IQ2_S] = 28,
};

uint32_t wick_shape_file_type(enum wick_type type)
{
	return file_types[type];
}

static const char *spell(char spelled[64], const struct key *key, enum wick_arch arch)
{
	snprintf(spelled, 64, "%s.%s", key->ours ? "wick" : wick_arch_names[arch], key->name);
	return spelled;
}

static int check_numbers(const struct wick_shape *shape, const char *whose, struct wick_diag *diag)
{
	for (size_t k = 0; k < WICK_COUNT_OF(number_keys); k++) {
		uint32_t value = *(const uint32_t *)((const char *)shape + number_keys[k].place);
		bool layers = number_keys[k].place == offsetof(struct wick_shape, layers);
		uint32_t most = layers ? WICK_LAYERS_MAX : WICK_DIM_MAX;
		char key[64];

		if (value < 1 || value > most)
			return wick_diag_say(diag, -EINVAL, "%s: %s is %u; 1 to %u is possible", whose,
				spell(key, &number_keys[k], shape->arch), value, most);
	}
	return 0;
}

static int check_relations(const struct wick_shape *shape, const char *whose, struct wick_diag *diag)
{
	const struct wick_type_info *type = &wick_types[shape->type], *matrix = &wick_types[shape->matrix_type];
	const struct wick_attn_facts *attn = &shape->kind[0].attn;

	if (shape->d_model % attn->heads)
		return wick_diag_say(diag, -EINVAL, "%s: a model of width %u cannot have %u attention heads", whose,
			shape->d_model, attn->heads);
	if (attn->heads % attn->kv_heads)
		return wick_diag_say(diag, -EINVAL, "%s: %u attention heads cannot share %u heads of keys", whose,
			attn->heads, attn->kv_heads);
	if (shape->d_model % type->block || shape->d_model % matrix->block || shape->d_embed % matrix->block)
		return wick_diag_say(diag, -EINVAL,
			"%s: widths of %u and %u are not both multiples of the %u numbers in a block of %s", whose,
			shape->d_model, shape->d_embed, WICK_MAX(type->block, matrix->block),
			(type->block > matrix->block ? type : matrix)->name);
	if (shape->bundle_parts != 2)
		return wick_diag_say(diag, -EINVAL, "%s: bundles of %u parts; %s has 2", whose, shape->bundle_parts,
			wick_arch_names[shape->arch]);
	if (!(shape->norm_eps > 0 && shape->norm_eps < 1))
		return wick_diag_say(diag, -EINVAL, "%s: the norm's epsilon is %g; more than 0 and less than 1 is possible", whose,
			(double)shape->norm_eps);
	return 0;
}

static int check_bundles(const struct wick_shape *shape, const char *whose, struct wick_diag *diag)
{
	if (shape->d_model % wick_types[shape->type].block)
		return wick_diag_say(diag, -EINVAL, "%s: a width of %u is no multiple of the %u numbers in a block of %s", whose,
			shape->d_model, wick_types[shape->type].block, wick_types[shape->type].name);
	if (shape->predictor && shape->d_model % wick_types[shape->predictor_type].block)
		return wick_diag_say(diag, -EINVAL, "%s: a width of %u does not fit predictors of %s", whose, shape->d_model,
			wick_types[shape->predictor_type].name);
	if (shape->stride % 512 || shape->stride < shape->bundle_bytes || shape->stride - shape->bundle_bytes >= 4096)
		return wick_diag_say(diag, -EINVAL, "%s: a stride of %llu bytes does not fit bundles of %llu", whose,
			(unsigned long long)shape->stride, (unsigned long long)shape->bundle_bytes);
	return 0;
}

enum wick_type wick_shape_predictor_type(const struct wick_shape *shape)
{
	return shape->d_model % wick_types[WICK_Q2].block ? WICK_BF16 : WICK_Q2;
}

int wick_shape_complete_bundles(struct wick_shape *shape, uint32_t align, const char *whose, struct wick_diag *diag)
{
	shape->part_bytes = wick_type_bytes(shape->type, shape->d_model);
	shape->bundle_bytes = shape->bundle_parts * shape->part_bytes;
	if (align)
		shape->stride = wick_align_up(shape->bundle_bytes, align);
	return check_bundles(shape, whose, diag);
}

int wick_shape_complete(struct wick_shape *shape, uint32_t align, const char *whose, struct wick_diag *diag)
{
	struct wick_attn_facts *attn = &shape->kind[0].attn;
	int rc = check_numbers(shape, whose, diag);

	if (rc)
		return rc;
	attn->k_dim = attn->v_dim = shape->d_model / attn->heads;
	attn->scale = 1.0f / sqrtf((float)attn->k_dim);
	shape->kind[0].ffn.n_ff = shape->n_ff;
	shape->kinds = 1;
	shape->positions = true;
	shape->project = shape->d_embed != shape->d_model;
	rc = check_relations(shape, whose, diag);
	if (rc == 0)
		rc = wick_shape_complete_bundles(shape, align, whose, diag);
	shape->source_bytes = wick_tensors_source_bytes(shape);
	return rc;
}

/* A key that has to be there. */
static int needed(int rc, const struct wick_gguf *gguf, const char *key, struct wick_diag *diag)
{
	if (rc != -ENOENT)
		return rc;
	return wick_diag_say(diag, -EINVAL, "%s: key \"%s\" is missing", wick_gguf_path(gguf), key);
}

static int read_number(uint64_t *value, const struct wick_gguf *gguf, const char *key, struct wick_diag *diag)
{
	return needed(wick_gguf_u64(gguf, key, value, diag), gguf, key, diag);
}

static int read_numbers(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < WICK_COUNT_OF(number_keys); k++) {
		char key[64];
		uint64_t value = 0;

		rc = read_number(&value, gguf, spell(key, &number_keys[k], shape->arch), diag);
		*(uint32_t *)((char *)shape + number_keys[k].place) = WICK_MIN(value, UINT32_MAX);
	}
	return rc;
}

static int read_flags(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	bool norm_first = false;
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < WICK_COUNT_OF(flag_keys); k++) {
		bool *flag = (bool *)((char *)shape + flag_keys[k].place);
		char key[64];

		spell(key, &flag_keys[k], shape->arch);
		rc = needed(wick_gguf_bool(gguf, key, flag, diag), gguf, key, diag);
	}
	if (rc == 0)
		rc = needed(wick_gguf_bool(gguf, "wick.norm_first", &norm_first, diag), gguf, "wick.norm_first", diag);
	shape->kind[0].norm_at = norm_first ? WICK_NORM_BEFORE : WICK_NORM_AFTER;
	return rc;
}

int wick_shape_read_name(unsigned *which, const struct wick_gguf *gguf, const char *key, const char *const *names,
	unsigned count, struct wick_diag *diag)
{
	struct wick_gguf_string value;
	int rc = needed(wick_gguf_string(gguf, key, &value, diag), gguf, key, diag);

	if (rc)
		return rc;
	for (*which = 0; *which < count; ++*which)
		if (strlen(names[*which]) == value.length && memcmp(names[*which], value.bytes, value.length) == 0)
			return 0;
	return wick_diag_say(diag, -EINVAL, "%s: %s \"%.*s\" is not supported", wick_gguf_path(gguf), key,
		(int)WICK_MIN(value.length, 80), value.bytes);
}

/* wick.attention_encoding is not in every file. */
static int read_matrix_type(struct wick_shape *shape, const char *const types[WICK_WEIGHT_TYPES],
	const struct wick_gguf *gguf, struct wick_diag *diag)
{
	struct wick_gguf_string value;
	unsigned type = 0;
	int rc = wick_gguf_string(gguf, "wick.attention_encoding", &value, diag);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	rc = wick_shape_read_name(&type, gguf, "wick.attention_encoding", types, WICK_WEIGHT_TYPES, diag);
	shape->matrix_type = type;
	return rc;
}

static void list_types(const char *types[WICK_WEIGHT_TYPES])
{
	for (unsigned t = 0; t < WICK_WEIGHT_TYPES; t++)
		types[t] = wick_types[t].name;
}

static int read_names(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	static const char *const activations[] = { "gelu", "relu" };
	const char *types[WICK_WEIGHT_TYPES];
	unsigned activation = 0;
	int rc = wick_shape_read_name(&activation, gguf, "wick.activation", activations, WICK_COUNT_OF(activations), diag);

	shape->matrix_type = shape->type;
	list_types(types);
	if (rc == 0)
		rc = read_matrix_type(shape, types, gguf, diag);
	shape->kind[0].ffn.act = activation == 1 ? WICK_ACT_RELU : WICK_ACT_GELU;
	return rc;
}

/* A key whose value this version leaves no choice about. */
static int read_fixed(const struct wick_gguf *gguf, const char *key, uint64_t wanted, struct wick_diag *diag)
{
	uint64_t value = 0;
	int rc = read_number(&value, gguf, key, diag);

	if (rc == 0 && value != wanted)
		return wick_diag_say(diag, -EINVAL, "%s: %s is %llu, not %llu", wick_gguf_path(gguf), key,
			(unsigned long long)value, (unsigned long long)wanted);
	return rc;
}

/* A file of another time is told apart before its keys are asked for; one of another tool is a stock file. */
static int read_version(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	uint64_t version = 0;
	unsigned arch = 0;
	int rc = wick_gguf_u64(gguf, "wick.version", &version, diag);

	if (rc == 0 && version != WICK_CONTAINER_VERSION)
		return wick_diag_say(diag, -EINVAL, "%s: a packed model of version %llu; this program knows versions %u to %u",
			wick_gguf_path(gguf), (unsigned long long)version, WICK_CONTAINER_VERSION, WICK_EXPERTS_VERSION);
	if (rc == 0)
		rc = read_fixed(gguf, "general.alignment", WICK_FILE_ALIGN, diag);
	if (rc == 0)
		rc = read_fixed(gguf, "wick.check_rows", WICK_CHECK_ROWS, diag);
	if (rc == 0)
		rc = wick_shape_read_name(&arch, gguf, "general.architecture", wick_arch_names, WICK_ARCH_COUNT, diag);
	if (rc)
		return rc;
	shape->arch = arch;
	shape->name = wick_arch_names[arch];
	return 0;
}

/* wick.predictor is not in every file. */
static int read_predictor(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	static const char *const types[] = { "q2", "bf16" };
	struct wick_gguf_string value;
	unsigned which;
	int rc = wick_gguf_string(gguf, "wick.predictor", &value, diag);

	if (rc == -ENOENT)
		return 0;
	if (rc == 0)
		rc = wick_shape_read_name(&which, gguf, "wick.predictor", types, WICK_COUNT_OF(types), diag);
	if (rc)
		return rc;
	shape->predictor = true;
	shape->predictor_type = which ? WICK_BF16 : WICK_Q2;
	return 0;
}

int wick_shape_read_bundles(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	static const char *const orders[] = { "natural", "coactivation" };
	const char *types[WICK_WEIGHT_TYPES];
	unsigned type = 0, order = 0;
	int rc = read_number(&shape->stride, gguf, "wick.stride", diag);

	list_types(types);
	if (rc == 0)
		rc = wick_shape_read_name(&type, gguf, "wick.encoding", types, WICK_COUNT_OF(types), diag);
	if (rc == 0)
		rc = wick_shape_read_name(&order, gguf, "wick.order", orders, WICK_COUNT_OF(orders), diag);
	shape->type = type;
	return rc ? rc : read_predictor(shape, gguf, diag);
}

void wick_shape_write_bundles(const struct wick_shape *shape, struct wick_gguf_writer *writer)
{
	wick_gguf_put_string(writer, "wick.encoding", wick_types[shape->type].name);
	if (shape->matrix_type != shape->type)
		wick_gguf_put_string(writer, "wick.attention_encoding", wick_types[shape->matrix_type].name);
	wick_gguf_put_string(writer, "wick.activation", wick_act_names[shape->kind[0].ffn.act]);
	if (shape->predictor)
		wick_gguf_put_string(writer, "wick.predictor", wick_types[shape->predictor_type].name);
	wick_gguf_put_string(writer, "wick.order", "natural");
	wick_gguf_put_u32(writer, "wick.check_rows", WICK_CHECK_ROWS);
	wick_gguf_put_u64(writer, "wick.stride", shape->stride);
}

static int read_eps(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	char key[64];
	double eps = 0;
	int rc = wick_gguf_f64(gguf, spell(key, &eps_key, shape->arch), &eps, diag);

	shape->norm_eps = eps;
	return needed(rc, gguf, key, diag);
}

int wick_shape_read(struct wick_shape *shape, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	int (*const steps[])(struct wick_shape *, const struct wick_gguf *, struct wick_diag *) = {
		read_version, read_numbers, read_flags, wick_shape_read_bundles, read_names, read_eps,
	};
	uint64_t source_bytes = 0;
	int rc = 0;

	memset(shape, 0, sizeof(*shape));
	for (size_t i = 0; rc == 0 && i < WICK_COUNT_OF(steps); i++)
		rc = steps[i](shape, gguf, diag);
	if (rc == 0)
		rc = read_number(&source_bytes, gguf, "wick.source_bytes", diag);
	if (rc == 0)
		rc = wick_shape_complete(shape, 0, wick_gguf_path(gguf), diag);
	if (rc == 0 && source_bytes != shape->source_bytes)
		return wick_diag_say(diag, -EINVAL, "%s: wick.source_bytes is %llu, but this model has %llu",
			wick_gguf_path(gguf), (unsigned long long)source_bytes,
			(unsigned long long)shape->source_bytes);
	return rc;
}

void wick_shape_write(const struct wick_shape *shape, struct wick_gguf_writer *writer)
{
	char key[64];

	wick_gguf_put_string(writer, "general.architecture", wick_arch_names[shape->arch]);
	wick_gguf_put_u32(writer, "general.file_type", wick_shape_file_type(shape->type));
	for (size_t k = 0; k < WICK_COUNT_OF(number_keys); k++)
		wick_gguf_put_u32(writer, spell(key, &number_keys[k], shape->arch),
			*(const uint32_t *)((const char *)shape + number_keys[k].place));
	wick_gguf_put_f32(writer, spell(key, &eps_key, shape->arch), shape->norm_eps);
	wick_gguf_put_bool(writer, "wick.norm_first", shape->kind[0].norm_at == WICK_NORM_BEFORE);
	for (size_t k = 0; k < WICK_COUNT_OF(flag_keys); k++)
		wick_gguf_put_bool(writer, spell(key, &flag_keys[k], shape->arch),
			*(const bool *)((const char *)shape + flag_keys[k].place));
	wick_gguf_put_u32(writer, "wick.version", WICK_CONTAINER_VERSION);
	wick_shape_write_bundles(shape, writer);
	wick_gguf_put_u64(writer, "wick.source_bytes", shape->source_bytes);
}
