/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Printing what jansson holds. */

#include "json.h"

#include "progress.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void json_print(const json_t *value, FILE *out)
{
	json_dumpf(value, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	fputc('\n', out);
}

/* A value on its own; byte counts are said the way people read them, too. */
static void print_scalar(const char *key, const json_t *value, FILE *out)
{
	static const char suffix[] = "_bytes";
	size_t length = strlen(key);
	bool is_bytes = length >= strlen(suffix) && !strcmp(key + length - strlen(suffix), suffix);
	char *text;

	if (json_is_string(value)) {
		text = strdup(json_string_value(value));
		if (text)
			text_clean(text);
		fputs(text ? text : "", out);
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));
		fputs(text ? text : "", out);
	}
	free(text);
	if (is_bytes && json_number_value(value) >= 1000)
		fprintf(out, " (%s)", BYTES(json_number_value(value)));
	fputc('\n', out);
}

static void print_members(json_t *object, const char *prefix, FILE *out)
{
	const char *key;
	json_t *value;
	char name[128];

	json_object_foreach(object, key, value) {
		snprintf(name, sizeof(name), "%s%s", prefix, key);
		if (json_is_object(value)) {
			strncat(name, ".", sizeof(name) - strlen(name) - 1);
			print_members(value, name, out);
			continue;
		}
		text_clean(name);
		fprintf(out, "%-24s ", name);
		print_scalar(name, value, out);
	}
}

void json_print_lines(json_t *object, FILE *out)
{
	print_members(object, "", out);
}

json_t *json_text(const char *bytes, size_t count)
{
	static const char replacement[] = "\xef\xbf\xbd";
	char *clean = malloc(3 * count + 1);
	size_t used = 0;
	json_t *value;

	if (!clean)
		return NULL;
	while (count) {
		int length = utf8_length(bytes, count);
		size_t step = length > 0 ? (size_t)length : 1;

		memcpy(clean + used, length > 0 ? bytes : replacement, length > 0 ? step : 3);
		used += length > 0 ? step : 3;
		bytes += step;
		count -= step;
	}
	value = json_stringn(clean, used);
	free(clean);
	return value;
}
