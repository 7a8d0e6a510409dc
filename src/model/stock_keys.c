/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The table of keys of stock GGUF files, and their values (see stock_keys.h). */

#include "stock_keys.h"

#include "bits.h"
#include "gguf.h"
#include "shape.h"

#include <errno.h>
#include <float.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* A factor of 0 is one that others write for none. */
enum kind { NUMBER, REAL, REAL_OR_0, FLAG, IGNORED };

#define FIELD(name) offsetof(struct wick_stock_said, name)

/* Every key of an architecture that is understood. Those ignored say nothing of the arithmetic. */
static const struct key {
	const char *name; /* behind the architecture's */
	enum kind kind;
	bool needed;
	size_t field;
	unsigned of; /* WICK_KEYS_*; 0: of every family */
} keys[] = {
	{ "block_count", NUMBER, true, FIELD(layers), 0 },
	{ "context_length", NUMBER, true, FIELD(ctx_max), 0 },
	{ "embedding_length", NUMBER, true, FIELD(d_model), 0 },
	{ "feed_forward_length", NUMBER, true, FIELD(n_ff), 0 },
	{ "attention.head_count", NUMBER, true, FIELD(heads), 0 },
	{ "attention.layer_norm_rms_epsilon", REAL, true, FIELD(norm_eps), WICK_KEYS_RMS },
	{ "attention.layer_norm_epsilon", REAL, true, FIELD(norm_eps), WICK_KEYS_LAYER_NORM },
	{ "attention.head_count_kv", NUMBER, false, FIELD(kv_heads), 0 },
	{ "attention.key_length", NUMBER, false, FIELD(k_dim), 0 },
	{ "attention.value_length", NUMBER, false, FIELD(v_dim), 0 },
	{ "attention.sliding_window", NUMBER, false, FIELD(window), 0 },
	{ "attention.scale", REAL, false, FIELD(attn_scale), WICK_KEYS_SCALES | WICK_KEYS_SOFTCAPS | WICK_KEYS_ALIBI },
	{ "attention.max_alibi_bias", REAL, true, FIELD(alibi), WICK_KEYS_ALIBI },
	{ "attention.clamp_kqv", REAL, false, FIELD(clip), WICK_KEYS_ALIBI },
	{ "embedding_scale", REAL, false, FIELD(embed_scale), WICK_KEYS_SCALES },
	{ "residual_scale", REAL, false, FIELD(residual_scale), WICK_KEYS_SCALES },
	{ "logit_scale", REAL, true, FIELD(logit_scale), WICK_KEYS_SCALES },
	{ "attn_logit_softcapping", REAL, false, FIELD(softcap), WICK_KEYS_SOFTCAPS },
	{ "final_logit_softcapping", REAL, false, FIELD(logit_cap), WICK_KEYS_SOFTCAPS },
	{ "attention.sliding_window_pattern", IGNORED, false, 0, 0 }, /* a number or a list: read by name */
	{ "rope.freq_base_swa", REAL, false, FIELD(local_rope_base), WICK_KEYS_LOCAL_ROPE },
	{ "tensor_data_layout", IGNORED, false, 0, WICK_KEYS_LAYOUT }, /* read by name */
	{ "vocab_size", NUMBER, false, FIELD(vocab), 0 },
	{ "rope.dimension_count", NUMBER, false, FIELD(rope_dim), 0 },
	{ "rope.freq_base", REAL, false, FIELD(rope_base), 0 },
	{ "rope.scale_linear", REAL_OR_0, false, FIELD(linear_scale), 0 },
	{ "rope.scaling.factor", REAL_OR_0, false, FIELD(scaling_factor), 0 },
	{ "rope.scaling.attn_factor", REAL, false, FIELD(attn_factor), 0 },
	{ "rope.scaling.yarn_beta_fast", REAL, false, FIELD(yarn_fast), 0 },
	{ "rope.scaling.yarn_beta_slow", REAL, false, FIELD(yarn_slow), 0 },
	{ "rope.scaling.original_context_length", NUMBER, false, FIELD(original_ctx), 0 },
	{ "leading_dense_block_count", NUMBER, false, FIELD(leading_dense), WICK_KEYS_EXPERTS },
	{ "nextn_predict_layers", NUMBER, false, FIELD(nextn), WICK_KEYS_EXPERTS },
	{ "expert_count", NUMBER, false, FIELD(experts), WICK_KEYS_EXPERTS },
	{ "expert_used_count", NUMBER, false, FIELD(chosen), WICK_KEYS_EXPERTS },
	{ "expert_feed_forward_length", NUMBER, false, FIELD(expert_n_ff), WICK_KEYS_EXPERTS },
	{ "expert_shared_count", NUMBER, false, FIELD(shared), WICK_KEYS_EXPERTS },
	{ "expert_shared_feed_forward_length", NUMBER, false, FIELD(shared_n_ff), WICK_KEYS_EXPERTS },
	{ "expert_gating_func", NUMBER, false, FIELD(gating), WICK_KEYS_EXPERTS },
	{ "expert_group_count", NUMBER, false, FIELD(groups), WICK_KEYS_EXPERTS },
	{ "expert_group_used_count", NUMBER, false, FIELD(groups_used), WICK_KEYS_EXPERTS },
	{ "expert_weights_scale", REAL_OR_0, false, FIELD(expert_scale), WICK_KEYS_EXPERTS },
	{ "expert_weights_norm", FLAG, false, FIELD(norm_weights), WICK_KEYS_EXPERTS },
	{ "rope.scaling.type", IGNORED, false, 0, 0 }, /* read by name */
	{ "rope.scaling.finetuned", FLAG, false, FIELD(finetuned), 0 },
};

void wick_stock_key(char name[WICK_STOCK_KEY], const struct wick_stock_family *family, const char *key)
{
	snprintf(name, WICK_STOCK_KEY, "%s.%s", family->name, key);
}

static bool is_known(const struct wick_stock_family *family, const struct key *key)
{
	return !key->of || key->of & family->keys;
}

/* Facts are floats: a number that is none of them would become 0 or infinite there. */
static bool is_possible(enum kind kind, double real)
{
	return (kind == REAL_OR_0 && real == 0) || (real >= (double)FLT_MIN && real <= (double)FLT_MAX);
}

/* Where a file says nothing, its family does. */
static int read_flag(struct wick_stock_said *said, const struct key *key, const char *name, const struct wick_gguf *gguf,
	struct wick_diag *diag)
{
	bool *flag = (bool *)((char *)said + key->field);
	int err = wick_gguf_bool(gguf, name, flag, diag);

	flag[1] = !err;
	return err == -ENOENT ? 0 : err;
}

static int read_key(struct wick_stock_said *said, const struct key *key, const char *name, const struct wick_gguf *gguf,
	struct wick_diag *diag)
{
	uint64_t number = 0;
	double real = 1;
	int err = key->kind == NUMBER ? wick_gguf_u64(gguf, name, &number, diag) : wick_gguf_f64(gguf, name, &real, diag);

	if (err == -ENOENT && key->needed)
		return wick_diag_say(diag, -EINVAL, "%s: key \"%s\" is missing", wick_gguf_path(gguf), name);
	if (err == -ENOENT)
		return 0;
	if (!err && number > WICK_DIM_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: %s is %llu; up to %u is possible", wick_gguf_path(gguf), name,
			(unsigned long long)number, WICK_DIM_MAX);
	if (!err && !is_possible(key->kind, real))
		return wick_diag_say(diag, -EINVAL, "%s: %s is %g; a number above 0 is needed", wick_gguf_path(gguf), name, real);
	if (!err && key->kind == NUMBER)
		*(uint32_t *)((char *)said + key->field) = (uint32_t)number;
	if (!err && key->kind != NUMBER)
		*(double *)((char *)said + key->field) = real;
	return err;
}

static int read_keys(struct wick_stock_said *said, const struct wick_stock_family *family, const struct wick_gguf *gguf,
	struct wick_diag *diag)
{
	int err = 0;

	for (size_t i = 0; !err && i < WICK_COUNT_OF(keys); i++) {
		char name[WICK_STOCK_KEY];

		wick_stock_key(name, family, keys[i].name);
		if (keys[i].kind == FLAG && is_known(family, &keys[i]))
			err = read_flag(said, &keys[i], name, gguf, diag);
		else if (keys[i].kind != IGNORED && is_known(family, &keys[i]))
			err = read_key(said, &keys[i], name, gguf, diag);
	}
	return err;
}

static int check_key(const struct wick_stock_family *family, struct wick_gguf_string name, const struct wick_gguf *gguf,
	struct wick_diag *diag)
{
	size_t prefix = strlen(family->name);

	if (name.length <= prefix || memcmp(name.bytes, family->name, prefix) || name.bytes[prefix] != '.')
		return 0;
	for (size_t i = 0; i < WICK_COUNT_OF(keys); i++)
		if (is_known(family, &keys[i]) && name.length == prefix + 1 + strlen(keys[i].name) &&
			!memcmp(name.bytes + prefix + 1, keys[i].name, strlen(keys[i].name)))
			return 0;
	return wick_diag_say(diag, -EINVAL,
		"%s: key \"%.*s\" is not known for models of the architecture %s, and could change what they compute",
		wick_gguf_path(gguf), (int)WICK_MIN(name.length, 120), name.bytes, family->name);
}

int wick_stock_read(struct wick_stock_said *said, const struct wick_stock_family *family, const struct wick_gguf *gguf,
	struct wick_diag *diag)
{
	struct wick_gguf_string name;
	int err = 0;

	*said = (struct wick_stock_said){ .scaling_factor = -1, .window = family->window, .softcap = (double)family->softcap,
		.logit_cap = (double)family->logit_cap, .local_rope_base = (double)family->local_rope_base };
	for (uint64_t i = 0; !err && wick_gguf_key_at(gguf, i, &name); i++)
		err = check_key(family, name, gguf, diag);
	return err ? err : read_keys(said, family, gguf, diag);
}
