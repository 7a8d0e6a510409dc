/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Rotary embedding, by config.json (see config_stock.h). */

#include "config_stock.h"

#include "bits.h"
#include "gguf_write.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define THETA 10000 /* where config.json does not say it, and so: */
#define YARN_FAST 32
#define YARN_SLOW 1
#define YARN_SHARPEN 0.1 /* arXiv 2309.00071, section 3.4 */

/* What says how layers are turned, and those with a window where that is another way. .root NULL: nothing does. */
struct ropes {
	struct wick_config rope, local;
};

static float *make_list(struct wick_putting *putting, enum wick_arch_list which)
{
	uint32_t pairs = putting->said->rope_dim / 2;
	float *list = calloc(WICK_MAX(pairs, 1), sizeof(*list));

	putting->said->divisors[which] = list;
	if (!list)
		wick_diag_say(putting->diag, -ENOMEM, "%s: no memory for %u frequencies", putting->config->path, pairs);
	return list;
}

/* Each frequency is divided by 1, by factor, or by something between, as its wavelength is (arXiv 2407.21783; in single
 * precision, as those who convert such models compute it). */
static void divide(float *divisors, uint32_t dim, float theta, double factor, double original, double low, double high)
{
	for (uint32_t i = 0; i < dim / 2; i++) {
		float frequency = 1 / powf(theta, (float)(2 * i) / (float)dim);
		float wavelength = 6.283185307179586f / frequency;
		float share = ((float)original / wavelength - (float)low) / (float)(high - low);

		share = wavelength < (float)(original / high) ? 1 : wavelength > (float)(original / low) ? 0 : share;
		divisors[i] = 1 / ((1 - share) / (float)factor + share);
	}
}

static int put_llama3(struct wick_putting *putting, const struct wick_config *rope, double theta)
{
	double factor = 0, low = 0, high = 0;
	uint32_t original = 0;
	float *divisors;
	int rc = wick_config_real(rope, "factor", 0, &factor, putting->diag);

	if (rc == 0)
		rc = wick_config_real(rope, "low_freq_factor", 0, &low, putting->diag);
	if (rc == 0)
		rc = wick_config_real(rope, "high_freq_factor", 0, &high, putting->diag);
	if (rc == 0)
		rc = wick_config_number(rope, "original_max_position_embeddings", 0, &original, putting->diag);
	if (rc)
		return rc;
	if (putting->arch->rotary_share > 0)
		return wick_putting_refuse(putting, rope, "rope_type", "is llama3, which is not supported where heads are turned in part");
	if (!(high > low))
		return wick_putting_refuse(putting, rope, "high_freq_factor", "is not above low_freq_factor");
	divisors = make_list(putting, WICK_ARCH_FREQS);
	if (divisors)
		divide(divisors, putting->said->rope_dim, (float)theta, factor, original, low, high);
	return divisors ? 0 : -ENOMEM;
}

static int put_linear(struct wick_putting *putting, const struct wick_config *rope, double theta)
{
	double factor = 0;
	int rc = wick_config_real(rope, "factor", 0, &factor, putting->diag);

	(void)theta;
	wick_putting_real(putting, "rope.scaling.factor", factor);
	return rc;
}

/* Where stretching begins and ends; the usual numbers go without saying. */
static int put_betas(struct wick_putting *putting, const struct wick_config *rope)
{
	double fast = YARN_FAST, slow = YARN_SLOW;
	int rc = wick_config_real(rope, "beta_fast", YARN_FAST, &fast, putting->diag);

	if (rc == 0)
		rc = wick_config_real(rope, "beta_slow", YARN_SLOW, &slow, putting->diag);
	if (rc == 0 && !(fast > slow))
		return wick_putting_refuse(putting, rope, "beta_fast", "is not above \"beta_slow\"");
	if (fast < YARN_FAST || fast > YARN_FAST)
		wick_putting_real(putting, "rope.scaling.yarn_beta_fast", fast);
	if (slow < YARN_SLOW || slow > YARN_SLOW)
		wick_putting_real(putting, "rope.scaling.yarn_beta_slow", slow);
	return rc;
}

/* How much cosines and sines grow by a factor, more or less of it. */
static double yarn_growth(double factor, double share)
{
	return factor > 1 ? 1 + YARN_SHARPEN * share * log(factor) : 1;
}

static bool is_said(const struct wick_config *rope, const char *key)
{
	const json_t *value = json_object_get(rope->root, key);

	return value && !json_is_null(value);
}

/* What cosines and sines are multiplied by, as _compute_yarn_parameters() of transformers has it. GGUF's key of it comes beside
 * yarn's own factor. */
static int put_yarn_size(struct wick_putting *putting, const struct wick_config *rope)
{
	bool shares = is_said(rope, "mscale");
	double factor = 1, above = 1, below = 1, usual, size = 1;
	int rc = wick_config_real(rope, "factor", 0, &factor, putting->diag);

	if (shares != is_said(rope, "mscale_all_dim"))
		return wick_putting_refuse(putting, rope, shares ? "mscale_all_dim" : "mscale",
			shares ? "is missing beside \"mscale\"" : "is missing beside \"mscale_all_dim\"");
	if (rc == 0 && shares)
		rc = wick_config_real(rope, "mscale", 0, &above, putting->diag);
	if (rc == 0 && shares)
		rc = wick_config_real(rope, "mscale_all_dim", 0, &below, putting->diag);
	usual = yarn_growth(factor, 1);
	if (rc == 0)
		rc = wick_config_real(rope, "attention_factor", shares ? yarn_growth(factor, above) / yarn_growth(factor, below) : usual,
			&size, putting->diag);
	if (rc == 0 && (size < usual || size > usual))
		wick_putting_real(putting, "rope.scaling.attn_factor", size / usual);
	return rc;
}

static int put_yarn(struct wick_putting *putting, const struct wick_config *rope, double theta)
{
	bool rounded = true;
	uint32_t original = 0;
	int rc = wick_config_number(rope, "original_max_position_embeddings", putting->ctx, &original, putting->diag);

	if (rc == 0)
		rc = wick_config_flag(rope, "truncate", true, &rounded, putting->diag);
	if (rc == 0 && rounded == putting->arch->rope_between)
		return wick_putting_refuse(putting, rope, "truncate", rounded ? "is true, which is not supported in this family" :
			"is false, which is not supported in this family");
	if (rc == 0)
		rc = put_betas(putting, rope);
	if (rc == 0)
		rc = put_yarn_size(putting, rope);
	wick_putting_number(putting, "rope.scaling.original_context_length", original);
	return rc ? rc : put_linear(putting, rope, theta);
}

static int read_list(struct wick_putting *putting, const struct wick_config *rope, const char *key, enum wick_arch_list which)
{
	const json_t *list = json_object_get(rope->root, key);
	uint32_t pairs = putting->said->rope_dim / 2;
	float *divisors;

	if (!json_is_array(list) || json_array_size(list) != pairs)
		return wick_diag_say(putting->diag, -EINVAL, "%s: \"%s\" is no list of %u numbers, one for two that are turned together",
			rope->path, key, pairs);
	divisors = make_list(putting, which);
	if (!divisors)
		return -ENOMEM;
	for (uint32_t i = 0; i < pairs; i++) {
		divisors[i] = (float)json_number_value(json_array_get(list, i));
		if (!(divisors[i] > 0 && isfinite(divisors[i])))
			return wick_putting_refuse(putting, rope, key, "has an entry that is no number above 0");
	}
	return 0;
}

/* How much cosines and sines grow, where config.json does not say it (arXiv 2402.13753, and _compute_longrope_parameters() of
 * transformers). */
static double grown(double factor, double original)
{
	return factor > 1 ? sqrt(1 + log(factor) / log(original)) : 1;
}

/* Phi-3 says how long contexts were before beside rope's numbers. */
static int put_long(struct wick_putting *putting, const struct wick_config *rope, double theta)
{
	static const char key[] = "original_max_position_embeddings";
	double factor = 0, attention = 0;
	uint32_t original = 0;
	int rc = wick_config_number(rope, key, putting->ctx, &original, putting->diag);

	(void)theta;
	if (rc == 0 && putting->arch->long_rope)
		rc = wick_said_number(putting, key, 0, &original);
	if (rc == 0)
		rc = wick_config_real(rope, "factor", (double)putting->ctx / original, &factor, putting->diag);
	if (rc == 0 && factor > 1 && original < 2)
		return wick_putting_refuse(putting, rope, key, "is 1, from which nothing can be stretched");
	if (rc == 0)
		rc = wick_config_real(rope, "attention_factor", grown(factor, original), &attention, putting->diag);
	if (rc == 0)
		rc = read_list(putting, rope, "long_factor", WICK_ARCH_LONG);
	if (rc == 0)
		rc = read_list(putting, rope, "short_factor", WICK_ARCH_SHORT);
	wick_putting_number(putting, "rope.scaling.original_context_length", original);
	wick_putting_real(putting, "rope.scaling.attn_factor", attention);
	return rc;
}

/* put: GGUF's name; NULL: a tensor says it all. */
static const struct scaling {
	const char *type, *put;
	int (*read)(struct wick_putting *putting, const struct wick_config *rope, double theta);
	const char *keys[8]; /* beside those of every type */
} scalings[] = {
	{ "linear", "linear", put_linear, { "factor", "original_max_position_embeddings" } },
	{ "yarn", "yarn", put_yarn,
		{ "factor", "original_max_position_embeddings", "beta_fast", "beta_slow", "truncate", "attention_factor", "mscale",
			"mscale_all_dim" } },
	{ "llama3", NULL, put_llama3,
		{ "factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor" } },
	{ "longrope", "longrope", put_long,
		{ "factor", "original_max_position_embeddings", "attention_factor", "long_factor", "short_factor" } },
	{ "su", "longrope", put_long, /* its name in the first of Phi-3's */
		{ "factor", "original_max_position_embeddings", "attention_factor", "long_factor", "short_factor" } },
};

static const struct scaling none = { .type = "default" };

static bool is_known(const struct scaling *scaling, const char *key)
{
	static const char *const always[] = { "rope_type", "type", "rope_theta", "partial_rotary_factor" };

	for (size_t i = 0; i < WICK_COUNT_OF(always); i++)
		if (!strcmp(key, always[i]))
			return true;
	for (size_t i = 0; i < WICK_COUNT_OF(scaling->keys) && scaling->keys[i]; i++)
		if (!strcmp(key, scaling->keys[i]))
			return true;
	return false;
}

/* A key that its type does not have could be another's half. */
static int check_keys(const struct wick_putting *putting, const struct wick_config *rope, const struct scaling *scaling)
{
	const char *key;
	json_t *value;

	json_object_foreach(rope->root, key, value)
		if (!json_is_null(value) && !is_known(scaling, key))
			return wick_diag_say(putting->diag, -EINVAL,
				"%s: \"%s\" is not known for rope_type %s, and could change what is computed", rope->path, wick_diag_name(key),
				scaling->type);
	return 0;
}

static int find_scaling(const struct scaling **scaling, const struct wick_putting *putting, const struct wick_config *rope)
{
	const char *type = NULL, *old = NULL;
	int rc = wick_config_string(rope, "type", none.type, &old, putting->diag);

	*scaling = &none;
	if (rc == 0)
		rc = wick_config_string(rope, "rope_type", old, &type, putting->diag);
	if (rc || !strcmp(type, none.type))
		return rc;
	for (size_t i = 0; i < WICK_COUNT_OF(scalings); i++) {
		*scaling = &scalings[i];
		if (!strcmp(type, scalings[i].type) && (!putting->arch->long_rope || scalings[i].read == put_long))
			return 0;
	}
	return wick_diag_say(putting->diag, -EINVAL, "%s: rope_type \"%.80s\" is not supported; default, %slongrope are", rope->path,
		type, putting->arch->long_rope ? "" : "linear, yarn, llama3 and ");
}

static int put_scaling(struct wick_putting *putting, const struct wick_config *rope, double theta)
{
	const struct scaling *scaling;
	char text[WICK_CONFIG_KEY_BYTES];
	int rc = find_scaling(&scaling, putting, rope);

	if (rc == 0)
		rc = check_keys(putting, rope, scaling);
	if (rc || !scaling->read)
		return rc;
	if (scaling->put)
		wick_gguf_put_string(putting->writer, wick_putting_spell(text, putting, "rope.scaling.type"), scaling->put);
	return scaling->read(putting, rope, theta);
}

/* Layers with a window: their theta alone. */
static int put_local(const struct wick_putting *putting, const struct wick_config *local)
{
	const struct scaling *scaling = &none;
	double theta = THETA;
	int rc = wick_said_real(putting, "rope_local_base_freq", theta, &theta);

	if (rc == 0 && local->root)
		rc = wick_config_real(local, "rope_theta", theta, &theta, putting->diag);
	if (rc == 0 && local->root)
		rc = find_scaling(&scaling, putting, local);
	if (rc == 0 && scaling != &none)
		return wick_putting_refuse(putting, local, "rope_type", "is not default, which is not supported of layers with a window");
	if (rc == 0 && local->root)
		rc = check_keys(putting, local, scaling);
	wick_putting_real(putting, "rope.freq_base_swa", theta);
	return rc;
}

/* Numbers of a head that are turned. Newer files say it among rope's. */
static int read_share(const struct wick_putting *putting, const struct wick_config *rope)
{
	double usual = putting->arch->rotary_share > 0 ? putting->arch->rotary_share : 1, share = usual;
	int rc = wick_said_real(putting, "partial_rotary_factor", usual, &share);

	if (rc == 0 && rope->root)
		rc = wick_config_real(rope, "partial_rotary_factor", share, &share, putting->diag);
	if (rc == 0 && (share > 1 || (putting->arch->rotary_share <= 0 && share < usual)))
		return wick_putting_refuse(putting, putting->config, "partial_rotary_factor", "is not 1, which is not supported");
	putting->said->rope_dim = (uint32_t)(share * putting->said->head_dim);
	wick_putting_number(putting, "rope.dimension_count", putting->said->rope_dim);
	return rc;
}

/* "full_attention" and "sliding_attention" of an object that has nothing else. */
static int look_into(struct ropes *ropes, const struct wick_putting *putting, const struct wick_config *both)
{
	const char *key;
	json_t *value;
	int rc;

	json_object_foreach(both->root, key, value)
		if (!json_is_null(value) && strcmp(key, "full_attention") && strcmp(key, "sliding_attention"))
			return wick_putting_refuse(putting, both, wick_diag_name(key), "is not known, and could change what is computed");
	rc = wick_config_object(&ropes->rope, both, "full_attention", putting->diag);
	if (rc && rc != -ENOENT)
		return rc;
	rc = wick_config_object(&ropes->local, both, "sliding_attention", putting->diag);
	return rc == -ENOENT ? 0 : rc;
}

/* transformers has written rope's numbers in three ways: rope_theta beside rope_scaling, whose type was "type" at first, and
 * all in rope_parameters, which has one for each kind of layers where there are two. */
static int find_ropes(struct ropes *ropes, const struct wick_putting *putting)
{
	struct wick_config both = { 0 };
	int rc = wick_config_object(&ropes->rope, putting->config, "rope_scaling", putting->diag);

	if (rc && rc != -ENOENT)
		return rc;
	rc = wick_config_object(&both, putting->config, "rope_parameters", putting->diag);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	if (ropes->rope.root && !json_equal(ropes->rope.root, both.root))
		rc = wick_putting_refuse(putting, putting->config, "rope_scaling", "is not what \"rope_parameters\" is");
	wick_config_free(&ropes->rope);
	if (rc == 0 && putting->arch->local_rope) {
		rc = look_into(ropes, putting, &both);
	} else if (rc == 0) {
		ropes->rope = both;
		return 0;
	}
	wick_config_free(&both);
	return rc;
}

static int put_ropes(struct wick_putting *putting, const struct ropes *ropes)
{
	double theta = THETA;
	int rc = wick_said_real(putting, "rope_theta", theta, &theta);

	if (rc == 0 && ropes->rope.root)
		rc = wick_config_real(&ropes->rope, "rope_theta", theta, &theta, putting->diag);
	if (rc == 0 && !ropes->rope.root && putting->arch->rope_between)
		return wick_putting_refuse(putting, putting->config, "rope_scaling", "is missing");
	if (rc == 0)
		rc = read_share(putting, &ropes->rope);
	if (rc == 0 && ropes->rope.root)
		rc = put_scaling(putting, &ropes->rope, theta);
	if (rc == 0 && putting->arch->local_rope)
		rc = put_local(putting, &ropes->local);
	wick_putting_real(putting, "rope.freq_base", theta);
	return rc;
}

int wick_put_rope(struct wick_putting *putting)
{
	struct ropes ropes = { 0 };
	int rc = find_ropes(&ropes, putting);

	if (rc == 0)
		rc = put_ropes(putting, &ropes);
	wick_config_free(&ropes.rope);
	wick_config_free(&ropes.local);
	return rc;
}
