/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* config.json to the keys of a stock GGUF file. */

#include "family.h"

#include "bits.h"
#include "gguf_write.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 96
#define HEAD_DIM_MAX (1u << 14)
#define FATRELU_THRESHOLD 0.01 /* where config.json does not say it */

struct putting {
	const struct wick_arch_def *arch;
	const struct wick_config *config;
	struct wick_gguf_writer *writer;
	struct wick_arch_said *said;
	uint32_t ctx;
	struct wick_diag *diag;
};

static const char *spell(char text[KEY_BYTES], const struct putting *putting, const char *key)
{
	snprintf(text, KEY_BYTES, "%s.%s", putting->arch->stock, key);
	return text;
}

static void put_number(const struct putting *putting, const char *key, uint32_t value)
{
	char text[KEY_BYTES];

	wick_gguf_put_u32(putting->writer, spell(text, putting, key), value);
}

static void put_real(const struct putting *putting, const char *key, double value)
{
	char text[KEY_BYTES];

	wick_gguf_put_f32(putting->writer, spell(text, putting, key), (float)value);
}

static int refuse(const struct putting *putting, const struct wick_config *config, const char *key, const char *why)
{
	return wick_diag_say(putting->diag, -EINVAL, "%s: \"%s\" %s", config->path, key, why);
}

static const struct wick_arch_named *named_of(const struct wick_arch_def *arch)
{
	static const struct wick_arch_named llama = { .n_ff = "intermediate_size", .norm_eps = "rms_norm_eps", .act = "hidden_act",
		.put_eps = "attention.layer_norm_rms_epsilon", .eps = 1e-6, .usual_act = "silu" };

	return arch->named ? arch->named : &llama;
}

static int read_kv_heads(const struct putting *putting)
{
	const struct wick_arch_named *named = named_of(putting->arch);
	struct wick_arch_said *said = putting->said;
	bool one = false;
	int rc = 0;

	if (named->one_kv_head)
		rc = wick_config_flag(putting->config, named->one_kv_head, true, &one, putting->diag);
	said->kv_heads = one ? 1 : said->heads;
	if (rc || named->one_kv_head)
		return rc;
	return wick_config_number(putting->config, named->kv_heads ? named->kv_heads : "num_key_value_heads", said->heads,
		&said->kv_heads, putting->diag);
}

/* Numbers that have the same meaning on both sides. */
static int put_numbers(struct putting *putting)
{
	static const struct {
		const char *config, *gguf;
	} numbers[] = { { "hidden_size", "embedding_length" }, { "num_hidden_layers", "block_count" },
		{ "num_attention_heads", "attention.head_count" },
		{ "max_position_embeddings", "context_length" }, { "vocab_size", "vocab_size" } };
	const struct wick_arch_named *named = named_of(putting->arch);
	uint32_t value = 0, width = 0;
	double eps = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < WICK_COUNT_OF(numbers); i++) {
		rc = wick_config_number(putting->config, numbers[i].config, 0, &value, putting->diag);
		put_number(putting, numbers[i].gguf, value);
	}
	if (rc == 0)
		rc = wick_config_number(putting->config, "max_position_embeddings", 0, &putting->ctx, putting->diag);
	if (rc == 0)
		rc = wick_config_number(putting->config, "vocab_size", 0, &putting->said->vocab, putting->diag);
	if (rc == 0)
		rc = wick_config_number(putting->config, "num_attention_heads", 0, &putting->said->heads, putting->diag);
	if (rc == 0)
		rc = wick_config_number(putting->config, "hidden_size", 0, &width, putting->diag);
	if (rc == 0)
		rc = wick_config_number(putting->config, "head_dim",
			putting->arch->head_dim ? putting->arch->head_dim : width / putting->said->heads, &putting->said->head_dim,
			putting->diag);
	if (rc == 0)
		rc = read_kv_heads(putting);
	if (rc == 0)
		rc = wick_config_number(putting->config, named->n_ff, putting->arch->named ? 4 * width : 0, &value, putting->diag);
	put_number(putting, "feed_forward_length", value);
	if (rc == 0)
		rc = wick_config_real(putting->config, named->norm_eps, named->eps, &eps, putting->diag);
	put_real(putting, named->put_eps, eps);
	return rc;
}

/* Numbers of a head that are turned. Newer files say it among rope's. */
static int put_rotary(const struct putting *putting)
{
	double share = putting->arch->rotary_share > 0 ? putting->arch->rotary_share : 1, usual = share;
	struct wick_config rope;
	int rc = wick_config_real(putting->config, "partial_rotary_factor", share, &share, putting->diag);

	if (rc == 0)
		rc = wick_config_object(&rope, putting->config, "rope_parameters", putting->diag);
	if (rc && rc != -ENOENT)
		return rc;
	if (rc == 0)
		rc = wick_config_real(&rope, "partial_rotary_factor", share, &share, putting->diag);
	else
		rc = 0;
	wick_config_free(&rope);
	if (rc == 0 && (share > 1 || (putting->arch->rotary_share <= 0 && share < usual)))
		return refuse(putting, putting->config, "partial_rotary_factor", "is not 1, which is not supported");
	put_number(putting, "rope.dimension_count", (uint32_t)(share * putting->said->head_dim));
	return rc;
}

static int put_heads(struct putting *putting)
{
	const struct wick_arch_said *said = putting->said;
	uint32_t window = 0;
	int rc = 0;

	if (said->head_dim > HEAD_DIM_MAX || said->head_dim % 2)
		return refuse(putting, putting->config, "head_dim", "is no width that heads can have");
	put_number(putting, "attention.head_count_kv", said->kv_heads);
	put_number(putting, "attention.key_length", said->head_dim);
	put_number(putting, "attention.value_length", said->head_dim);
	rc = put_rotary(putting);
	if (rc == 0 && putting->arch->window && !json_is_null(json_object_get(putting->config->root, "sliding_window")))
		rc = wick_config_number(putting->config, "sliding_window", putting->arch->window, &window, putting->diag);
	if (rc == 0 && window)
		put_number(putting, "attention.sliding_window", window);
	return rc;
}

/* The FFN's activation: that of the stock's files, or one whose zeros can be skipped. */
static int read_activation(const struct putting *putting)
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
	for (size_t i = 0; !putting->arch->experts && !said->sparse && i < WICK_COUNT_OF(sparse); i++) {
		said->sparse = !strcmp(act, sparse[i].name);
		said->ffn.act = sparse[i].act;
	}
	said->ffn.relu_up = said->sparse && putting->arch->relu_up;
	if (!said->sparse && (strcmp(act, stock) || putting->arch->relu_up))
		return wick_diag_say(putting->diag, -EINVAL, "%s: %s \"%.80s\" is not supported (%s, relu, fatrelu and relu2 are)",
			putting->config->path, named->act, act, putting->arch->relu_up ? "none other" : stock);
	if (!strcmp(act, "fatrelu"))
		rc = wick_config_real(putting->config, "hidden_act_param", FATRELU_THRESHOLD, &threshold, putting->diag);
	said->ffn.threshold = (float)threshold;
	return rc;
}

static int check_flags(const struct putting *putting)
{
	const struct wick_arch_flag *flag = putting->arch->flags;
	uint32_t norms = 2;
	int rc = 0;

	if (putting->arch->two_norms)
		rc = wick_config_number(putting->config, "num_ln_in_parallel_attn", 2, &norms, putting->diag);
	if (rc == 0 && norms != 2)
		return refuse(putting, putting->config, "num_ln_in_parallel_attn", "is not 2, which is not supported");

	for (; rc == 0 && flag && flag->key; flag++) {
		bool value;

		rc = wick_config_flag(putting->config, flag->key, flag->usual, &value, putting->diag);
		if (rc == 0 && value != flag->wanted)
			return wick_diag_say(putting->diag, -EINVAL, "%s: \"%s\" is %s, which is not supported", putting->config->path,
				flag->key, value ? "true" : "false");
	}
	return rc;
}

/* What would change the arithmetic, and is not supported. */
static int check_arithmetic(const struct putting *putting)
{
	const json_t *layers = json_object_get(putting->config->root, "layer_types");
	const struct wick_config *config = putting->config;
	bool windows = false;
	int rc = read_activation(putting);

	if (rc == 0)
		rc = check_flags(putting);
	if (rc == 0)
		rc = wick_config_flag(config, "use_sliding_window", false, &windows, putting->diag);
	if (windows)
		return refuse(putting, config, "use_sliding_window", "is true: windows of some layers are not supported");
	if (layers && !json_is_null(layers) && !json_is_array(layers))
		return refuse(putting, config, "layer_types", "is no list");
	for (size_t i = 0; rc == 0 && i < json_array_size(layers); i++) {
		const char *type = json_string_value(json_array_get(layers, i));

		if (!type || strcmp(type, "full_attention"))
			return refuse(putting, config, "layer_types", "has other layers than full_attention, which are not supported");
	}
	return rc;
}

static int read_flags(const struct putting *putting)
{
	struct wick_arch_said *said = putting->said;
	int rc = wick_config_flag(putting->config, "tie_word_embeddings", putting->arch->tied, &said->tied, putting->diag);

	for (const struct wick_arch_bias *bias = putting->arch->biases; rc == 0 && bias->ids; bias++) {
		bool has = true;

		if (bias->key)
			rc = wick_config_flag(putting->config, bias->key, false, &has, putting->diag);
		for (const enum wick_tensor_id *id = bias->ids; *id != WICK_T_COUNT; id++)
			said->has[*id] |= has;
	}
	return rc;
}

/* Each frequency is divided by 1, by factor, or by something between, as its wavelength is (arXiv 2407.21783; in single
 * precision, as those who convert such models compute it). */
static int make_divisors(struct putting *putting, const struct wick_config *rope, float theta, double factor)
{
	double low = 0, high = 0;
	uint32_t original = 0, pairs = putting->said->head_dim / 2;
	int rc = wick_config_real(rope, "low_freq_factor", 0, &low, putting->diag);

	if (rc == 0)
		rc = wick_config_real(rope, "high_freq_factor", 0, &high, putting->diag);
	if (rc == 0)
		rc = wick_config_number(rope, "original_max_position_embeddings", 0, &original, putting->diag);
	if (rc)
		return rc;
	if (!(high > low))
		return refuse(putting, rope, "high_freq_factor", "is not above low_freq_factor");
	putting->said->divisors = calloc(pairs, sizeof(float));
	if (!putting->said->divisors)
		return wick_diag_say(putting->diag, -ENOMEM, "%s: no memory for %u frequencies", rope->path, pairs);
	for (uint32_t i = 0; i < pairs; i++) {
		float frequency = 1 / powf(theta, (float)(2 * i) / (float)putting->said->head_dim);
		float wavelength = 6.283185307179586f / frequency;
		float share = ((float)original / wavelength - (float)low) / (float)(high - low);

		share = wavelength < (float)(original / high) ? 1 : wavelength > (float)(original / low) ? 0 : share;
		putting->said->divisors[i] = 1 / ((1 - share) / (float)factor + share);
	}
	return 0;
}

static int put_yarn(const struct putting *putting, const struct wick_config *rope)
{
	uint32_t original = 0;
	double fast = 0, slow = 0;
	int rc = wick_config_number(rope, "original_max_position_embeddings", putting->ctx, &original, putting->diag);

	if (rc == 0)
		rc = wick_config_real(rope, "beta_fast", 32, &fast, putting->diag);
	if (rc == 0)
		rc = wick_config_real(rope, "beta_slow", 1, &slow, putting->diag);
	if (rc == 0 && (fast < 32 || fast > 32 || slow < 1 || slow > 1))
		return refuse(putting, rope, "beta_fast", "or \"beta_slow\" is not the usual 32 or 1, which is not supported");
	put_number(putting, "rope.scaling.original_context_length", original);
	return rc;
}

/* Every key of the kinds of scaling that are known. */
static int check_rope_keys(const struct putting *putting, const struct wick_config *rope)
{
	static const char *const known[] = { "rope_type", "type", "rope_theta", "factor", "low_freq_factor", "high_freq_factor",
		"original_max_position_embeddings", "beta_fast", "beta_slow", "partial_rotary_factor" };
	const char *key;
	json_t *value;

	json_object_foreach(rope->root, key, value) {
		bool is_known = json_is_null(value);

		for (size_t i = 0; !is_known && i < WICK_COUNT_OF(known); i++)
			is_known = !strcmp(key, known[i]);
		if (!is_known)
			return refuse(putting, rope, wick_diag_name(key), "is not known, and could change what is computed");
	}
	return 0;
}

static int put_scaling(struct putting *putting, const struct wick_config *rope, const char *type, double theta)
{
	static const char *const scalings[] = { "linear", "yarn", "llama3" };
	char text[KEY_BYTES];
	double factor = 0;
	size_t which = 0;
	int rc;

	while (which < WICK_COUNT_OF(scalings) && strcmp(type, scalings[which]))
		which++;
	if (which == WICK_COUNT_OF(scalings))
		return wick_diag_say(putting->diag, -EINVAL,
			"%s: rope_type \"%.80s\" is not supported; default, linear, yarn and llama3 are", rope->path, type);
	rc = wick_config_real(rope, "factor", 0, &factor, putting->diag);
	if (rc)
		return rc;
	if (which == 2 && putting->arch->rotary_share > 0)
		return refuse(putting, rope, "rope_type", "is llama3, which is not supported where heads are turned in part");
	if (which == 2)
		return make_divisors(putting, rope, (float)theta, factor);
	wick_gguf_put_string(putting->writer, spell(text, putting, "rope.scaling.type"), type);
	put_real(putting, "rope.scaling.factor", factor);
	return which ? put_yarn(putting, rope) : 0;
}

/* transformers has written rope's numbers in three ways: rope_theta beside rope_scaling, whose type was "type" at first, and
 * all in rope_parameters. */
static int put_rope(struct putting *putting)
{
	struct wick_config rope;
	const char *type = "default", *old = NULL;
	double theta = 10000;
	int rc = wick_config_object(&rope, putting->config, "rope_parameters", putting->diag);

	if (rc == -ENOENT)
		rc = wick_config_object(&rope, putting->config, "rope_scaling", putting->diag);
	if (rc && rc != -ENOENT)
		return rc;
	rc = wick_config_real(putting->config, "rope_theta", theta, &theta, putting->diag);
	if (rope.root) {
		if (rc == 0)
			rc = wick_config_real(&rope, "rope_theta", theta, &theta, putting->diag);
		if (rc == 0)
			rc = wick_config_string(&rope, "type", "default", &old, putting->diag);
		if (rc == 0)
			rc = wick_config_string(&rope, "rope_type", old, &type, putting->diag);
		if (rc == 0)
			rc = check_rope_keys(putting, &rope);
		if (rc == 0 && strcmp(type, "default"))
			rc = put_scaling(putting, &rope, type, theta);
	}
	wick_config_free(&rope);
	put_real(putting, "rope.freq_base", theta);
	return rc;
}

int wick_arch_put_keys(const struct wick_arch_def *arch, struct wick_arch_said *said, const struct wick_config *config,
	struct wick_gguf_writer *writer, struct wick_diag *diag)
{
	struct putting putting = { .arch = arch, .config = config, .writer = writer, .said = said, .diag = diag };
	int rc;

	*said = (struct wick_arch_said){ 0 };
	rc = check_arithmetic(&putting);
	wick_gguf_put_string(writer, "general.architecture", arch->stock);
	if (rc == 0)
		rc = read_flags(&putting);
	if (rc == 0)
		rc = put_numbers(&putting);
	if (rc == 0)
		rc = put_heads(&putting);
	if (rc == 0)
		rc = put_rope(&putting);
	if (rc == 0)
		rc = wick_arch_put_experts(arch, said, config, writer, diag);
	if (rc)
		wick_arch_said_free(said);
	return rc;
}

void wick_arch_said_free(struct wick_arch_said *said)
{
	free(said->divisors);
	said->divisors = NULL;
}
