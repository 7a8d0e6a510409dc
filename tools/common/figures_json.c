/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Printing what jansson holds. */

#include "figures_json.h"

#include "progress.h"
#include "text.h"
#include "utf8.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Of a whole character of UTF-8, below U+10000. */
static unsigned code_of(const char *bytes, size_t length)
{
	unsigned code = (uint8_t)bytes[0] & (length == 1 ? 0x7f : 0xffu >> (length + 1));

	for (size_t i = 1; i < length; i++)
		code = code << 6 | ((uint8_t)bytes[i] & 0x3f);
	return code;
}

/* jansson escapes C0 only, and a terminal may be what reads: \u says the same. Newlines stand between strings only. */
static void put_escaped(const char *text, FILE *out)
{
	size_t left = strlen(text);

	while (left) {
		int length = wick_utf8_length(text, left);
		size_t step = length > 0 ? (size_t)length : 1;

		if (*text != '\n' && text_is_control(text, (int)step))
			fprintf(out, "\\u%04x", code_of(text, step));
		else
			fwrite(text, 1, step, out);
		text += step;
		left -= step;
	}
}

int json_print(const json_t *value, FILE *out)
{
	char *text = value ? json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;

	if (!text)
		return -ENOMEM;
	put_escaped(text, out);
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
		put_escaped(text ? text : "", out);
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
