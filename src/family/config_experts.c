/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Experts, by config.json, to the keys of a stock GGUF file. */

#include "config_stock.h"

#include "gguf_write.h"

#include <math.h>
#include <stdio.h>

#define GATING_SOFTMAX 1 /* of expert_gating_func */

static int refuse(const struct wick_putting *putting, const char *key, const char *why)
{
	return wick_putting_refuse(putting, putting->config, key, why);
}

/* The value of a key by whichever of its names config.json has it; NULL: absent, or null. */
static const json_t *find(const struct wick_putting *putting, const struct wick_arch_expert_key *key, const char **name)
{
	const json_t *value = json_object_get(putting->config->root, key->key);

	*name = key->key;
	if (value || !key->also)
		return json_is_null(value) ? NULL : value;
	value = json_object_get(putting->config->root, key->also);
	*name = value ? key->also : key->key;
	return json_is_null(value) ? NULL : value;
}

static bool is_of_kind(const json_t *value, enum wick_arch_expert_kind kind)
{
	switch (kind) {
	case WICK_EXPERTS_NUMBER:
		return json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= UINT32_MAX;
	case WICK_EXPERTS_REAL:
		return json_is_number(value) && isfinite((float)json_number_value(value));
	default:
		return json_is_boolean(value);
	}
}

static double value_of(const json_t *value)
{
	return json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
}

static void put(const struct wick_putting *putting, const struct wick_arch_expert_key *key, double value)
{
	char name[WICK_CONFIG_KEY_BYTES];

	if (key->kind == WICK_EXPERTS_NUMBER)
		wick_putting_number(putting, key->put, (uint32_t)value);
	else if (key->kind == WICK_EXPERTS_REAL)
		wick_putting_real(putting, key->put, value);
	else
		wick_gguf_put_bool(putting->writer, wick_putting_spell(name, putting, key->put), value > 0);
}

static int put_key(const struct wick_putting *putting, const struct wick_arch_expert_key *key)
{
	static const char *const kinds[] = { [WICK_EXPERTS_NUMBER] = "a whole number of 32 bits", [WICK_EXPERTS_REAL] = "a number",
		[WICK_EXPERTS_FLAG] = "true or false" };
	char why[64];
	const char *name;
	const json_t *found = find(putting, key, &name);
	double value = found ? value_of(found) : key->otherwise;

	snprintf(why, sizeof(why), "is not %s", kinds[key->kind]);
	if (found && !is_of_kind(found, key->kind))
		return refuse(putting, name, why);
	if (key->put)
		put(putting, key, value);
	else if (value < key->wanted || value > key->wanted) {
		snprintf(why, sizeof(why), "is not %.6g, which is not supported", key->wanted);
		return refuse(putting, name, why);
	}
	return 0;
}

/* Blocks behind the last layer, which guess further tokens and are left out. */
static int read_behind(const struct wick_putting *putting, const char *key)
{
	const json_t *value = json_object_get(putting->config->root, key);

	if (!value || json_is_null(value))
		return 0;
	putting->said->left_out = (uint32_t)json_integer_value(value);
	return is_of_kind(value, WICK_EXPERTS_NUMBER) ? 0 :
		refuse(putting, key, "is not a whole number of 32 bits");
}

int wick_put_experts(const struct wick_putting *putting)
{
	static const struct wick_arch_expert_key gating = { .put = "expert_gating_func" };
	const struct wick_arch_experts *experts = putting->arch->experts;
	bool softmax = false;
	int rc = 0;

	if (!experts)
		return 0;
	for (const struct wick_arch_expert_key *key = experts->keys; rc == 0 && key->key; key++)
		rc = put_key(putting, key);
	if (rc == 0 && experts->softmax)
		rc = wick_config_flag(putting->config, experts->softmax, false, &softmax, putting->diag);
	if (experts->gating)
		put(putting, &gating, softmax ? GATING_SOFTMAX : experts->gating);
	if (rc == 0)
		rc = wick_check_alone(putting, experts->alone);
	if (rc == 0 && experts->head_norm)
		rc = wick_config_flag(putting->config, experts->head_norm, false, &putting->said->head_norm, putting->diag);
	return rc == 0 && experts->behind ? read_behind(putting, experts->behind) : rc;
}
