/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The families that can be packed. */

#include "family.h"

#include <errno.h>
#include <string.h>

static const struct wick_arch_def *const families[WICK_ARCH_COUNT] = {
	[WICK_ARCH_OPT] = &wick_arch_opt,
};

int wick_arch_find(const struct wick_arch_def **arch, const struct wick_config *config, struct wick_diag *diag)
{
	const char *model_type;
	int rc = wick_config_string(config, "model_type", NULL, &model_type, diag);

	if (rc)
		return rc;
	for (unsigned i = 0; i < WICK_ARCH_COUNT; i++) {
		*arch = families[i];
		if (strcmp(families[i]->model_type, model_type) == 0)
			return 0;
	}
	return wick_diag_say(diag, -EINVAL, "%s: models of type \"%.80s\" are not supported (only opt is)",
		config->path, model_type);
}
