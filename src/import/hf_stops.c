/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Which tokens end a text: eos_token_id of generation_config.json, one id or a list of them. A folder without that file
 * says it in config.json; where the file is there and names no token, none ends a text. That is transformers' rule
 * (GenerationMixin.adjust_generation_fn). The tokenizer's own eos_token ends nothing. */

#include "hf_source.h"

#include <errno.h>
#include <stdlib.h>

static int add_stop(struct wick_hf_source *source, const char *file, const json_t *id)
{
	struct wick_hf_tokenizer *out = source->out;
	json_int_t value = json_integer_value(id);

	if (!json_is_integer(id))
		return wick_hf_refuse(source, file, "eos_token_id is neither a token's id nor a list of them");
	if (value >= out->count)
		return wick_hf_refuse(source, file, "eos_token_id is %lld, the vocabulary has %u tokens",
			(long long)value, out->count);
	if (value >= 0) /* -1 is written for "none" */
		out->stops[out->stop_count++] = (int32_t)value;
	return 0;
}

static int add_stops(struct wick_hf_source *source, const char *file, const json_t *ids)
{
	size_t count = json_is_array(ids) ? json_array_size(ids) : 1;
	int result = 0;

	if (!ids || json_is_null(ids))
		return 0;
	source->out->stops = calloc(count + 1, sizeof(*source->out->stops));
	if (!source->out->stops)
		return -ENOMEM;
	for (size_t i = 0; i < count && !result; i++)
		result = add_stop(source, file, json_is_array(ids) ? json_array_get(ids, i) : ids);
	return result;
}

int wick_hf_read_stops(struct wick_hf_source *source)
{
	static const char key[] = "eos_token_id", file[] = "generation_config.json";
	json_t *generation;
	int result = wick_hf_read(source, file, &wick_json_config, WICK_JSON_LAST_KEY_WINS, &generation);

	if (result == -ENOENT)
		return add_stops(source, "config.json", json_object_get(source->config, key));
	if (!result)
		result = add_stops(source, file, json_object_get(generation, key));
	json_decref(generation);
	return result;
}
