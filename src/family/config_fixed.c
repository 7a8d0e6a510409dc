/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Keys of config.json that may say one thing only, since any other would be another arithmetic (see config_stock.h). */

#include "config_stock.h"

#include "bits.h"

#include <errno.h>
#include <string.h>

int wick_check_alone(const struct wick_putting *putting, const char *const *keys)
{
	for (; keys && *keys; keys++) {
		const json_t *value = json_object_get(putting->config->root, *keys);

		if (value && !json_is_null(value) && !(json_is_array(value) && !json_array_size(value)) && !json_is_false(value))
			return wick_putting_refuse(putting, putting->config, *keys, "is not supported");
	}
	return 0;
}

static int check_flags(const struct wick_putting *putting)
{
	const struct wick_arch_flag *flag = putting->arch->flags;
	uint32_t norms = 2;
	int rc = 0;

	if (putting->arch->two_norms)
		rc = wick_config_number(putting->config, "num_ln_in_parallel_attn", 2, &norms, putting->diag);
	if (rc == 0 && norms != 2)
		return wick_putting_refuse(putting, putting->config, "num_ln_in_parallel_attn", "is not 2, which is not supported");

	for (; rc == 0 && flag && flag->key; flag++) {
		bool value;

		if (!flag->wanted && wick_said_null(putting, flag->key)) /* to transformers that is false */
			continue;
		rc = wick_config_flag(putting->config, flag->key, flag->usual, &value, putting->diag);
		if (rc == 0 && value != flag->wanted)
			return wick_diag_say(putting->diag, -EINVAL, "%s: \"%s\" is %s, which is not supported", putting->config->path,
				flag->key, value ? "true" : "false");
	}
	return rc;
}

static int check_words(const struct wick_putting *putting)
{
	const struct wick_arch_word *word = putting->arch->words;
	int rc = 0;

	for (; rc == 0 && word && word->key; word++) {
		const char *value;
		size_t i = 0;

		rc = wick_config_string(putting->config, word->key, word->of[0], &value, putting->diag);
		while (rc == 0 && i < WICK_COUNT_OF(word->of) && word->of[i] && strcmp(value, word->of[i]))
			i++;
		if (rc == 0 && (i == WICK_COUNT_OF(word->of) || !word->of[i]))
			return wick_diag_say(putting->diag, -EINVAL, "%s: %s \"%.80s\" is not supported (%s is)", putting->config->path,
				word->key, value, word->of[0]);
	}
	return rc;
}

int wick_check_fixed(const struct wick_putting *putting)
{
	int rc = check_flags(putting);

	if (rc == 0)
		rc = check_words(putting);
	return rc ? rc : wick_check_alone(putting, putting->arch->alone);
}
