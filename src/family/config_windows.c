/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Windows of attention, by config.json (see config_stock.h). */

#include "config_stock.h"

#include "gguf_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whether a layer has a window where no list says it. */
static bool has_window(uint32_t layer, uint32_t from, uint32_t every)
{
	return layer >= from && (!every || (layer + 1) % every);
}

/* layer_types has an entry for each layer. */
static int read_types(const struct wick_putting *putting, const json_t *types, uint8_t *windowed)
{
	if (!json_is_array(types) || json_array_size(types) != putting->layers)
		return wick_putting_refuse(putting, putting->config, "layer_types", "is no list with an entry for each layer");
	for (uint32_t i = 0; i < putting->layers; i++) {
		const char *type = json_string_value(json_array_get(types, i));

		windowed[i] = type && !strcmp(type, "sliding_attention");
		if (!windowed[i] && (!type || strcmp(type, "full_attention")))
			return wick_putting_refuse(putting, putting->config, "layer_types",
				"has other layers than sliding_attention and full_attention, which are not supported");
	}
	return 0;
}

static int read_windowed(const struct wick_putting *putting, const struct wick_arch_windows *windows, uint8_t *windowed)
{
	const json_t *types = json_object_get(putting->config->root, "layer_types");
	uint32_t from = 0, every = windows->full_every;
	int rc = 0;

	if (types && !json_is_null(types))
		return read_types(putting, types, windowed);
	if (windows->from)
		rc = wick_said_number(putting, windows->from, windows->from_otherwise, &from);
	if (rc == 0 && windows->every)
		rc = wick_said_number(putting, windows->every, windows->full_every, &every);
	for (uint32_t i = 0; rc == 0 && i < putting->layers; i++)
		windowed[i] = has_window(i, from, every);
	return rc;
}

/* A list, which says it of each layer. */
static int put_pattern(const struct wick_putting *putting, const struct wick_arch_windows *windows)
{
	uint8_t *windowed = calloc(putting->layers, sizeof(*windowed));
	char key[WICK_CONFIG_KEY_BYTES];
	int rc = windowed ? read_windowed(putting, windows, windowed) :
		wick_diag_say(putting->diag, -ENOMEM, "%s: no memory for %u layers", putting->config->path, putting->layers);

	wick_putting_spell(key, putting, "attention.sliding_window_pattern");
	if (rc == 0)
		wick_gguf_put_bools(putting->writer, key, windowed, putting->layers);
	free(windowed);
	return rc;
}

/* Layers that are not what the family's are. */
static int check_types(const struct wick_putting *putting)
{
	const json_t *types = json_object_get(putting->config->root, "layer_types");

	if (types && !json_is_null(types) && !json_is_array(types))
		return wick_putting_refuse(putting, putting->config, "layer_types", "is no list");
	for (size_t i = 0; i < json_array_size(types); i++) {
		const char *type = json_string_value(json_array_get(types, i));

		if (!type || strcmp(type, "full_attention"))
			return wick_putting_refuse(putting, putting->config, "layer_types",
				"has other layers than full_attention, which are not supported");
	}
	return 0;
}

/* A list of 0 and 1 for each layer. */
static int read_layout(const struct wick_putting *putting, const char *key, uint8_t otherwise, uint8_t *layout)
{
	const json_t *list = json_object_get(putting->config->root, key);

	memset(layout, otherwise, putting->layers);
	if (!list)
		return 0;
	if (!json_is_array(list) || json_array_size(list) != putting->layers)
		return wick_putting_refuse(putting, putting->config, key, "is no list with an entry for each layer");
	for (uint32_t i = 0; i < putting->layers; i++) {
		const json_t *entry = json_array_get(list, i);

		layout[i] = json_integer_value(entry) == 1;
		if (!json_is_integer(entry) || (!layout[i] && json_integer_value(entry)))
			return wick_putting_refuse(putting, putting->config, key, "has other entries than 0 and 1");
	}
	return 0;
}

/* Where there are windows, layers with one have rotary embedding, and no others: a stock file has no key for anything else. */
static int put_layouts(const struct wick_putting *putting, const struct wick_arch_windows *windows, uint8_t *windowed, uint8_t *turned)
{
	char key[WICK_CONFIG_KEY_BYTES];
	uint32_t window = 0;
	int rc = read_layout(putting, windows->layout, 0, windowed);
	bool some = memchr(windowed, 1, putting->layers);

	if (rc == 0)
		rc = read_layout(putting, windows->turned, 1, turned);
	for (uint32_t i = 0; rc == 0 && i < putting->layers; i++)
		if (turned[i] != (windowed[i] || !some))
			return wick_putting_refuse(putting, putting->config, windows->turned,
				"has other layers than those with a window or, without any, not all, which is not supported");
	if (rc || !some)
		return rc;
	rc = wick_said_number(putting, windows->size, windows->window, &window);
	wick_putting_number(putting, "attention.sliding_window", window);
	wick_gguf_put_bools(putting->writer, wick_putting_spell(key, putting, "attention.sliding_window_pattern"), windowed,
		putting->layers);
	return rc;
}

static int put_layout(const struct wick_putting *putting, const struct wick_arch_windows *windows)
{
	uint8_t *layouts = calloc(2 * (size_t)putting->layers, sizeof(*layouts));
	int rc = layouts ? put_layouts(putting, windows, layouts, layouts + putting->layers) :
		wick_diag_say(putting->diag, -ENOMEM, "%s: no memory for %u layers", putting->config->path, putting->layers);

	free(layouts);
	return rc;
}

int wick_put_windows(const struct wick_putting *putting)
{
	static const char key[] = "sliding_window", use[] = "use_sliding_window";
	const struct wick_arch_windows *windows = putting->arch->windows;
	bool used = false;
	uint32_t window = 0;
	int rc;

	if (windows && windows->layout)
		return put_layout(putting, windows);
	rc = wick_config_flag(putting->config, use, false, &used, putting->diag);
	if (rc)
		return rc;
	if (used && !(windows && windows->by_flag))
		return wick_putting_refuse(putting, putting->config, use, "is true, which is not supported");
	if (!windows || (windows->by_flag && !used))
		return check_types(putting);
	if (wick_said_null(putting, key) || (!windows->window && !json_object_get(putting->config->root, key)))
		return windows->some && !windows->by_flag ?
			wick_putting_refuse(putting, putting->config, key, "is null, which is not supported") : check_types(putting);
	rc = wick_said_number(putting, key, windows->window, &window);
	wick_putting_number(putting, "attention.sliding_window", window);
	if (rc)
		return rc;
	return windows->some ? put_pattern(putting, windows) : check_types(putting);
}
