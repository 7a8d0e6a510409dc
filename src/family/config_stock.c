/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* config.json to the keys of a stock GGUF file. */

#include "config_stock.h"

#include "bits.h"
#include "gguf_write.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_DIM_MAX (1u << 14)
#define FATRELU_THRESHOLD 0.01 /* where config.json does not say it */

static const struct wick_arch_named *named_of(const struct wick_arch_def *arch)
{
	static const struct wick_arch_named llama = { .n_ff = "intermediate_size", .norm_eps = "rms_norm_eps", .act = "hidden_act",
		.put_eps = "attention.layer_norm_rms_epsilon", .eps = 1e-6, .usual_act = "silu" };

	return arch->named ? arch->named : &llama;
}

/* Without the key they are as many as those of queries, or as many as the family usually has. */
static int read_kv_heads(const struct wick_putting *putting)
{
	const struct wick_arch_named *named = named_of(putting->arch);
	const char *key = named->kv_heads ? named->kv_heads : "num_key_value_heads";
	struct wick_arch_said *said = putting->said;
	bool one = false;
	int rc = 0;

	if (named->one_kv_head)
		rc = wick_config_flag(putting->config, named->one_kv_head, true, &one, putting->diag);
	said->kv_heads = one ? 1 : said->heads;
	if (rc || named->one_kv_head || wick_said_null(putting, key))
		return rc;
	return wick_said_number(putting, key, said->heads, &said->kv_heads);
}

static int read_n_ff(const struct wick_putting *putting, uint32_t width, uint32_t *n_ff)
{
	const struct wick_arch_named *named = named_of(putting->arch);
	uint32_t times = 4;
	int rc = 0;

	if (!named->n_ff_by)
		return wick_said_number(putting, named->n_ff, putting->arch->named ? 4 * width : 0, n_ff);
	rc = wick_said_number(putting, named->n_ff_by, times, &times);
	*n_ff = (uint32_t)WICK_MIN((uint64_t)width * times, UINT32_MAX);
	return rc;
}

/* Numbers that have the same meaning on both sides. */
static int put_numbers(struct wick_putting *putting)
{
	const struct wick_arch_named *named = named_of(putting->arch);
	uint32_t width = 0, n_ff = 0;
	const struct {
		const char *config, *gguf;
		uint32_t *value;
	} numbers[] = { { named->width ? named->width : "hidden_size", "embedding_length", &width },
		{ named->layers ? named->layers : "num_hidden_layers", "block_count", &putting->layers },
		{ named->heads ? named->heads : "num_attention_heads", "attention.head_count", &putting->said->heads },
		{ named->ctx ? named->ctx : "max_position_embeddings", "context_length", &putting->ctx }, { "vocab_size", "vocab_size", &putting->said->vocab } };
	double eps = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < WICK_COUNT_OF(numbers); i++) {
		rc = wick_said_number(putting, numbers[i].config, 0, numbers[i].value);
		wick_putting_number(putting, numbers[i].gguf, *numbers[i].value);
	}
	if (rc == 0)
		rc = wick_said_number(putting, "head_dim", width / putting->said->heads, &putting->said->head_dim);
	if (rc == 0)
		rc = read_kv_heads(putting);
	if (rc == 0)
		rc = read_n_ff(putting, width, &n_ff);
	wick_putting_number(putting, "feed_forward_length", n_ff);
	if (rc == 0)
		rc = wick_said_real(putting, named->norm_eps, named->eps, &eps);
	wick_putting_real(putting, named->put_eps, eps);
	return rc;
}

static int put_heads(const struct wick_putting *putting)
{
	const struct wick_arch_said *said = putting->said;

	if (said->head_dim > HEAD_DIM_MAX || said->head_dim % 2)
		return wick_putting_refuse(putting, putting->config, "head_dim", "is no width that heads can have");
	wick_putting_number(putting, "attention.head_count_kv", said->kv_heads);
	wick_putting_number(putting, "attention.key_length", said->head_dim);
	wick_putting_number(putting, "attention.value_length", said->head_dim);
	return 0;
}

/* A factor that is null where the family has one would be another arithmetic. */
static int put_scales(const struct wick_putting *putting)
{
	const struct wick_arch_scale *scale = putting->arch->scales;
	int rc = 0;

	for (; rc == 0 && scale && scale->key; scale++) {
		double value = 0;

		if (scale->otherwise > 0 && wick_said_null(putting, scale->key))
			return wick_putting_refuse(putting, putting->config, scale->key, "is null, which is not supported");
		if (!(scale->otherwise > 0) && (wick_said_null(putting, scale->key) || !json_object_get(putting->config->root, scale->key)))
			continue;
		rc = wick_said_real(putting, scale->key, scale->otherwise, &value);
		wick_putting_real(putting, scale->put, value);
	}
	return rc;
}

/* Where a key says by the root of which number scores are divided. */
static int put_score_scale(const struct wick_putting *putting)
{
	double value = putting->said->head_dim;
	int rc = 0;

	if (!putting->arch->scale_root)
		return 0;
	rc = wick_said_real(putting, putting->arch->scale_root, value, &value);
	wick_putting_real(putting, "attention.scale", (double)(1 / sqrtf((float)value)));
	return rc;
}

/* Two names of one: GELU by tanh. */
static bool is_tanh(const char *act)
{
	return !strcmp(act, "gelu_new") || !strcmp(act, "gelu_pytorch_tanh");
}

static int refuse_act(const struct wick_putting *putting, const char *act, const char *stock)
{
	const char *more = putting->arch->dense ? " is" : ", relu, fatrelu and relu2 are";

	return wick_diag_say(putting->diag, -EINVAL, "%s: %s \"%.80s\" is not supported (%s%s)", putting->config->path,
		named_of(putting->arch)->act, act, putting->arch->relu_up ? "none other" : stock, more);
}

/* The FFN's activation: that of the stock's files, or one whose zeros can be skipped. */
static int read_activation(const struct wick_putting *putting)
{
	static const struct {
		const char *name;
		enum wick_act act;
	} sparse[] = { { "relu", WICK_ACT_RELU }, { "fatrelu", WICK_ACT_RELU }, { "relu2", WICK_ACT_RELU2 } };
	const struct wick_arch_named *named = named_of(putting->arch);
	const char *act, *stock = putting->arch->act ? putting->arch->act : "silu";
	struct wick_arch_said *said = putting->said;
	double threshold = 0;
	int rc = wick_config_string(putting->config, named->act, named->usual_act, &act, putting->diag);

	if (rc)
		return rc;
	for (size_t i = 0; !putting->arch->dense && !putting->arch->experts && !said->sparse && i < WICK_COUNT_OF(sparse); i++) {
		said->sparse = !strcmp(act, sparse[i].name);
		said->ffn.act = sparse[i].act;
	}
	said->ffn.relu_up = said->sparse && putting->arch->relu_up;
	if (!said->sparse && ((strcmp(act, stock) && !(is_tanh(act) && is_tanh(stock))) || putting->arch->relu_up))
		return refuse_act(putting, act, stock);
	if (!strcmp(act, "fatrelu"))
		rc = wick_config_real(putting->config, "hidden_act_param", FATRELU_THRESHOLD, &threshold, putting->diag);
	said->ffn.threshold = (float)threshold;
	return rc;
}

static int check_within_keys(const struct wick_putting *putting)
{
	const char *key;
	json_t *value;

	json_object_foreach(putting->config->root, key, value) {
		const char *const *known = putting->arch->keys;

		while (*known && strcmp(*known, key))
			known++;
		if (!*known && !wick_config_is_idle(key) && !json_is_null(value))
			return wick_putting_refuse(putting, putting->config, wick_diag_name(key),
				"is not known, and could change what is computed");
	}
	return 0;
}

/* An object that is missing is one that says nothing. */
static int put_within(const struct wick_putting *putting)
{
	struct wick_putting within = *putting;
	struct wick_config object;
	int rc;

	if (!putting->arch->within)
		return 0;
	rc = wick_config_object(&object, putting->config, putting->arch->within->model_type, putting->diag);
	if (rc && rc != -ENOENT)
		return rc;
	within.arch = putting->arch->within;
	within.config = &object;
	rc = check_within_keys(&within);
	if (rc == 0)
		rc = wick_check_fixed(&within);
	if (rc == 0)
		rc = put_scales(&within);
	wick_config_free(&object);
	return rc;
}

static int read_flags(const struct wick_putting *putting)
{
	struct wick_arch_said *said = putting->said;
	int rc = wick_config_flag(putting->config, "tie_word_embeddings", putting->arch->tied, &said->tied, putting->diag);

	for (const struct wick_arch_bias *bias = putting->arch->biases; rc == 0 && bias->ids; bias++) {
		bool has = true;

		if (bias->key)
			rc = wick_config_flag(putting->config, bias->key, bias->usual, &has, putting->diag);
		for (const enum wick_tensor_id *id = bias->ids; *id != WICK_T_COUNT; id++)
			said->has[*id] |= has;
	}
	return rc;
}

int wick_arch_put_keys(const struct wick_arch_def *arch, struct wick_arch_said *said, const struct wick_config *config,
	struct wick_gguf_writer *writer, struct wick_diag *diag)
{
	struct wick_putting putting = { .arch = arch, .config = config, .writer = writer, .said = said, .diag = diag };
	int rc;

	*said = (struct wick_arch_said){ 0 };
	rc = read_activation(&putting);
	wick_gguf_put_string(writer, "general.architecture", arch->stock);
	if (rc == 0)
		rc = wick_check_fixed(&putting);
	if (rc == 0)
		rc = read_flags(&putting);
	if (rc == 0)
		rc = wick_read_weights(&putting);
	if (rc == 0)
		rc = put_numbers(&putting);
	if (rc == 0)
		rc = put_heads(&putting);
	if (rc == 0)
		rc = put_scales(&putting);
	if (rc == 0)
		rc = put_score_scale(&putting);
	if (rc == 0)
		rc = put_within(&putting);
	if (rc == 0)
		rc = wick_put_windows(&putting);
	if (rc == 0)
		rc = arch->unturned ? 0 : wick_put_rope(&putting);
	if (rc == 0)
		rc = wick_put_experts(&putting);
	if (rc)
		wick_arch_said_free(said);
	return rc;
}

void wick_arch_said_free(struct wick_arch_said *said)
{
	for (unsigned i = 0; i < WICK_ARCH_LISTS; i++) {
		free(said->divisors[i]);
		said->divisors[i] = NULL;
	}
}
