/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Printing what jansson holds. */

#include "json.h"

#include "progress.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int json_print(const json_t *value, FILE *out)
{
	char *text = value ? json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;

	if (!text)
		return -ENOMEM;
	fputs(text, out);
	fputc('\n', out);
	free(text);
	return 0;
}

/* A value on its own; byte counts are said the way people read them, too. */
static void print_scalar(const char *key, const json_t *value, FILE *out)
{
	static const char suffix[] = "_bytes";
	size_t length = strlen(key);
	bool is_bytes = length >= strlen(suffix) && !strcmp(key + length - strlen(suffix), suffix);
	char *text;

	if (json_is_real(value)) {
		fprintf(out, json_real_value(value) < 1e5 ? "%.6g" : "%.0f", json_real_value(value));
		text = NULL;
	} else if (json_is_string(value)) {
		text = strdup(json_string_value(value));
		if (text)
			text_clean(text);
		fputs(text ? text : "", out);
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
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

int json_print_lines(json_t *object, FILE *out)
{
	if (!object)
		return -ENOMEM;
	print_members(object, "", out);
	return 0;
}
