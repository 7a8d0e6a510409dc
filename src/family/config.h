/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A checkpoint's config.json. Every reader takes the value to use when the key is absent, and says -EINVAL with file
 * and key when it is of another kind. A number or string that is null is absent, as transformers write it; a flag that
 * is null is refused, since to transformers it means false, whatever an absent one means. */

#include "diag.h"
#include "notes.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct wick_config {
	json_t *root; /* an object */
	char *path;
};

int wick_config_load(struct wick_config *config, const char *folder, struct wick_diag *diag);
void wick_config_free(struct wick_config *config); /* a zeroed one is fine */

/* Keys that make transformers compute something else than the tensors alone say (quantization_config) are -EINVAL, unless they are in `used`. Those
 * that are neither in `used`, NULL at the end, nor known to change nothing are named. */
int wick_config_check_keys(const struct wick_config *config, const char *const *used, const struct wick_notes *notes,
	struct wick_diag *diag);

/* Whether a key is known to change nothing in any family. */
bool wick_config_is_idle(const char *key);

/* A positive number of 32 bits; otherwise 0: it must be there. */
int wick_config_number(const struct wick_config *config, const char *key, uint32_t otherwise, uint32_t *value,
	struct wick_diag *diag);
int wick_config_flag(
	const struct wick_config *config, const char *key, bool otherwise, bool *value, struct wick_diag *diag);
/* otherwise NULL: it must be there. The string is the config's. */
int wick_config_string(const struct wick_config *config, const char *key, const char *otherwise, const char **value,
	struct wick_diag *diag);
/* A number above 0; otherwise 0: it must be there. */
int wick_config_real(const struct wick_config *config, const char *key, double otherwise, double *value,
	struct wick_diag *diag);
/* An object inside, as a config whose sentences name both; wick_config_free() frees it. -ENOENT: absent, or null. */
int wick_config_object(struct wick_config *object, const struct wick_config *config, const char *key, struct wick_diag *diag);
