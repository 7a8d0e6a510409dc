/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The families that can be packed. */

#include "family.h"

#include "bits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct wick_arch_def *const families[] = {
	&wick_arch_opt, &wick_arch_llama, &wick_arch_mistral, &wick_arch_bamboo, &wick_arch_qwen2, &wick_arch_qwen3,
	&wick_arch_falcon_40b, &wick_arch_falcon, &wick_arch_phi, &wick_arch_persimmon,
	&wick_arch_mixtral, &wick_arch_olmoe, &wick_arch_qwen2_moe, &wick_arch_qwen3_moe, &wick_arch_granitemoe, &wick_arch_glm4_moe,
};

static int refuse(const struct wick_config *config, const char *model_type, struct wick_diag *diag)
{
	char known[256];
	size_t at = 0;

	for (size_t i = 0; i < WICK_COUNT_OF(families); i++)
		if (!families[i]->variant)
			at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "", families[i]->model_type);
	return wick_diag_say(diag, -EINVAL, "%s: models of type \"%.80s\" are not supported; %s are", config->path, model_type,
		known);
}

static bool is_variant(const struct wick_arch_def *arch, const struct wick_config *config)
{
	return !arch->variant || json_is_true(json_object_get(config->root, arch->variant));
}

int wick_arch_find(const struct wick_arch_def **arch, const struct wick_config *config, struct wick_diag *diag)
{
	const char *model_type;
	int rc = wick_config_string(config, "model_type", NULL, &model_type, diag);

	if (rc)
		return rc;
	for (size_t i = 0; i < WICK_COUNT_OF(families); i++) {
		*arch = families[i];
		if (!strcmp(families[i]->model_type, model_type) && is_variant(families[i], config))
			return 0;
	}
	return refuse(config, model_type, diag);
}
