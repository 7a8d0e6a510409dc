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
	&wick_arch_granite, &wick_arch_gemma2, &wick_arch_gemma3, &wick_arch_gemma3_text,
	&wick_arch_phi3, &wick_arch_falcon_40b, &wick_arch_falcon,
	&wick_arch_phi, &wick_arch_persimmon, &wick_arch_mpt, &wick_arch_starcoder2, &wick_arch_gpt2,
	&wick_arch_mixtral, &wick_arch_olmoe, &wick_arch_qwen2_moe, &wick_arch_qwen3_moe, &wick_arch_granitemoe, &wick_arch_glm4_moe,
	&wick_arch_gpt_oss, &wick_arch_smallthinker,
};

static int refuse(const struct wick_config *config, const char *model_type, struct wick_diag *diag)
{
	char known[512];
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

static int look_inside(struct wick_config *language, const struct wick_arch_def *arch, const struct wick_config *config,
	const struct wick_notes *notes, struct wick_diag *diag)
{
	bool tied = true;
	int rc = wick_config_check_keys(config, arch->outer_keys, notes, diag);

	if (rc == 0)
		rc = wick_config_flag(config, "tie_word_embeddings", true, &tied, diag);
	if (rc)
		return rc;
	if (!tied)
		return wick_diag_say(diag, -EINVAL, "%s: \"tie_word_embeddings\" is false, which is not supported", config->path);
	rc = wick_config_object(language, config, arch->inside, diag);
	if (rc == -ENOENT)
		return wick_diag_say(diag, -EINVAL, "%s: \"%s\" is missing", config->path, arch->inside);
	if (rc == 0)
		wick_notes_say(notes, "%s: \"%s\" is packed, which reads text; what else the model can read is left out", config->path,
			arch->inside);
	return rc;
}

int wick_arch_language_config(struct wick_config *language, const struct wick_arch_def *arch, const struct wick_config *config,
	const struct wick_notes *notes, struct wick_diag *diag)
{
	*language = (struct wick_config){ 0 };
	if (arch->inside)
		return look_inside(language, arch, config, notes, diag);
	language->path = strdup(config->path);
	if (!language->path)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to read it", config->path);
	language->root = json_incref(config->root);
	return 0;
}
