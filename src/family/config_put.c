/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Values of config.json with the family's defaults, and keys of a stock GGUF file (see config_stock.h). */

#include "config_stock.h"

#include "gguf_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *wick_putting_spell(char text[WICK_CONFIG_KEY_BYTES], const struct wick_putting *putting, const char *key)
{
	snprintf(text, WICK_CONFIG_KEY_BYTES, "%s.%s", putting->arch->stock, key);
	return text;
}

void wick_putting_number(const struct wick_putting *putting, const char *key, uint32_t value)
{
	char text[WICK_CONFIG_KEY_BYTES];

	wick_gguf_put_u32(putting->writer, wick_putting_spell(text, putting, key), value);
}

void wick_putting_real(const struct wick_putting *putting, const char *key, double value)
{
	char text[WICK_CONFIG_KEY_BYTES];

	wick_gguf_put_f32(putting->writer, wick_putting_spell(text, putting, key), (float)value);
}

int wick_putting_refuse(const struct wick_putting *putting, const struct wick_config *config, const char *key, const char *why)
{
	return wick_diag_say(putting->diag, -EINVAL, "%s: \"%s\" %s", config->path, key, why);
}

/* What a key is where config.json leaves it out. */
static double default_of(const struct wick_arch_def *arch, const char *key, double otherwise)
{
	for (const struct wick_arch_default *known = arch->defaults; known && known->key; known++)
		if (!strcmp(known->key, key))
			return known->value;
	return otherwise;
}

int wick_said_number(const struct wick_putting *putting, const char *key, uint32_t otherwise, uint32_t *value)
{
	return wick_config_number(putting->config, key, (uint32_t)default_of(putting->arch, key, otherwise), value, putting->diag);
}

int wick_said_real(const struct wick_putting *putting, const char *key, double otherwise, double *value)
{
	return wick_config_real(putting->config, key, default_of(putting->arch, key, otherwise), value, putting->diag);
}

bool wick_said_null(const struct wick_putting *putting, const char *key)
{
	return json_is_null(json_object_get(putting->config->root, key));
}
