/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* How weights are quantised, by config.json (see config_stock.h). */

#include "config_stock.h"

#include "bits.h"

#include <errno.h>
#include <string.h>

static const char key[] = "quantization_config";

/* A word that has to be this one. */
static int check_word(const struct wick_putting *putting, const struct wick_config *quantised, const char *name, const char *wanted)
{
	const char *word;
	int rc = wick_config_string(quantised, name, wanted, &word, putting->diag);

	if (rc == 0 && strcmp(word, wanted))
		return wick_diag_say(putting->diag, -EINVAL, "%s: %s \"%.80s\" is not supported (%s is)", quantised->path, name, word,
			wanted);
	return rc;
}

/* Activations that are quantised as they come are another arithmetic, which is left to those who quantise; scales of theirs in
 * the checkpoint would be half of a model. */
static int check_fp8(const struct wick_putting *putting, const struct wick_config *quantised)
{
	const json_t *size = json_object_get(quantised->root, "weight_block_size");
	int rc = check_word(putting, quantised, "fmt", "e4m3");

	if (rc == 0)
		rc = check_word(putting, quantised, "activation_scheme", "dynamic");
	if (rc)
		return rc;
	for (size_t i = 0; i < 2; i++)
		if (json_array_size(size) != 2 || json_integer_value(json_array_get(size, i)) != WICK_FP8_BLOCK)
			return wick_putting_refuse(putting, quantised, "weight_block_size", "is not [128, 128], which is not supported");
	return 0;
}

/* A key of no known meaning could change what numbers mean. Which modules are quantised is seen by their tensors. */
static const struct method {
	const char *name;
	enum wick_weights weights;
	int (*check)(const struct wick_putting *putting, const struct wick_config *quantised); /* or NULL */
	const char *keys[8];
} methods[] = {
	{ "mxfp4", WICK_WEIGHTS_MXFP4, NULL, { "modules_to_not_convert", "dequantize" } },
	{ "fp8", WICK_WEIGHTS_FP8, check_fp8,
		{ "fmt", "activation_scheme", "weight_block_size", "modules_to_not_convert", "ignored_layers", "dequantize" } },
};

static bool is_known(const struct method *method, const char *name)
{
	if (!strcmp(name, "quant_method"))
		return true;
	for (size_t i = 0; i < WICK_COUNT_OF(method->keys) && method->keys[i]; i++)
		if (!strcmp(name, method->keys[i]))
			return true;
	return false;
}

static int check_keys(const struct wick_putting *putting, const struct wick_config *quantised, const struct method *method)
{
	const char *name;
	json_t *value;

	json_object_foreach(quantised->root, name, value)
		if (!json_is_null(value) && !is_known(method, name))
			return wick_diag_say(putting->diag, -EINVAL,
				"%s: \"%s\" is not known for quant_method %s, and could change what is computed", quantised->path,
				wick_diag_name(name), method->name);
	return 0;
}

static int read_method(const struct wick_putting *putting, const struct wick_config *quantised)
{
	const char *name;
	int rc = wick_config_string(quantised, "quant_method", NULL, &name, putting->diag);

	if (rc)
		return rc;
	for (size_t i = 0; i < WICK_COUNT_OF(methods); i++) {
		if (strcmp(name, methods[i].name) || methods[i].weights != putting->arch->weights)
			continue;
		putting->said->weights = methods[i].weights;
		rc = check_keys(putting, quantised, &methods[i]);
		return rc || !methods[i].check ? rc : methods[i].check(putting, quantised);
	}
	return wick_diag_say(putting->diag, -EINVAL, "%s: the weights are quantised in a way that is not supported, \"%.80s\"",
		quantised->path, name);
}

int wick_read_weights(const struct wick_putting *putting)
{
	struct wick_config quantised;
	int rc = wick_config_object(&quantised, putting->config, key, putting->diag);

	if (rc == -ENOENT || (rc == 0 && putting->arch->weights == WICK_WEIGHTS_PLAIN)) /* or wick_config_check_keys() refuses it */
		rc = 0;
	else if (rc == 0)
		rc = read_method(putting, &quantised);
	wick_config_free(&quantised);
	return rc;
}
