/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Values of config.json, each of the kind that is asked for. */

#include "config.h"

#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int wick_config_load(struct wick_config *config, const char *folder, struct wick_diag *diag)
{
	int rc;

	*config = (struct wick_config){ 0 };
	if (asprintf(&config->path, "%s/config.json", folder) < 0) {
		config->path = NULL;
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to read its config.json", folder);
	}
	rc = wick_json_load(&config->root, config->path, &wick_json_config, WICK_JSON_LAST_KEY_WINS, diag);
	if (rc == 0 && !json_is_object(config->root))
		rc = wick_diag_say(diag, -EINVAL, "%s: not a JSON object", config->path);
	if (rc)
		wick_config_free(config);
	return rc;
}

void wick_config_free(struct wick_config *config)
{
	json_decref(config->root);
	free(config->path);
	*config = (struct wick_config){ 0 };
}

/* NULL: absent, or null. */
static const json_t *find(const struct wick_config *config, const char *key)
{
	const json_t *value = json_object_get(config->root, key);

	return json_is_null(value) ? NULL : value;
}

static int missing(const struct wick_config *config, const char *key, struct wick_diag *diag)
{
	return wick_diag_say(diag, -EINVAL, "%s: \"%s\" is missing", config->path, key);
}

static int wrong_kind(const struct wick_config *config, const char *key, const char *wanted, struct wick_diag *diag)
{
	return wick_diag_say(diag, -EINVAL, "%s: \"%s\" is not %s", config->path, key, wanted);
}

int wick_config_number(const struct wick_config *config, const char *key, uint32_t otherwise, uint32_t *value,
	struct wick_diag *diag)
{
	const json_t *found = find(config, key);
	json_int_t number = json_integer_value(found);

	*value = otherwise;
	if (!found)
		return otherwise ? 0 : missing(config, key, diag);
	if (!json_is_integer(found) || number < 1 || number > UINT32_MAX)
		return wrong_kind(config, key, "a positive whole number of 32 bits", diag);
	*value = number;
	return 0;
}

int wick_config_flag(
	const struct wick_config *config, const char *key, bool otherwise, bool *value, struct wick_diag *diag)
{
	const json_t *found = json_object_get(config->root, key);

	*value = otherwise;
	if (!found)
		return 0;
	if (!json_is_boolean(found))
		return wrong_kind(config, key, "true or false", diag);
	*value = json_is_true(found);
	return 0;
}

int wick_config_string(const struct wick_config *config, const char *key, const char *otherwise, const char **value,
	struct wick_diag *diag)
{
	const json_t *found = find(config, key);

	*value = otherwise;
	if (!found)
		return otherwise ? 0 : missing(config, key, diag);
	if (!json_is_string(found) || strlen(json_string_value(found)) != json_string_length(found))
		return wrong_kind(config, key, "a string", diag);
	*value = json_string_value(found);
	return 0;
}

int wick_config_real(const struct wick_config *config, const char *key, double otherwise, double *value,
	struct wick_diag *diag)
{
	const json_t *found = find(config, key);

	*value = otherwise;
	if (!found)
		return otherwise > 0 ? 0 : missing(config, key, diag);
	if (!json_is_number(found) || !(json_number_value(found) > 0))
		return wrong_kind(config, key, "a number above 0", diag);
	*value = json_number_value(found);
	return 0;
}

int wick_config_object(struct wick_config *object, const struct wick_config *config, const char *key, struct wick_diag *diag)
{
	const json_t *found = find(config, key);

	*object = (struct wick_config){ 0 };
	if (!found)
		return -ENOENT;
	if (!json_is_object(found))
		return wrong_kind(config, key, "an object", diag);
	if (asprintf(&object->path, "%s: \"%s\"", config->path, key) < 0) {
		object->path = NULL;
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to read it", config->path);
	}
	object->root = json_incref((json_t *)found);
	return 0;
}
