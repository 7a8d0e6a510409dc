/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* JSON from files that strangers made (see json.h). */

#include "json.h"

#include "whole_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define INT64_DIGITS "9223372036854775807"

const struct wick_json_bounds wick_json_config = { .file_bytes = 4 << 20, .memory_bytes = 64 << 20 };
const struct wick_json_bounds wick_json_tokenizer = { .file_bytes = 64 << 20, .memory_bytes = 1 << 30 };
const struct wick_json_bounds wick_json_index = { .file_bytes = 64 << 20, .memory_bytes = 256 << 20 };
const struct wick_json_bounds wick_json_header = { .file_bytes = 16 << 20, .memory_bytes = 512 << 20 };

/* The place after the string that opens at `from`, or `bytes` when it never closes. */
static size_t string_end(const char *text, size_t bytes, size_t from, bool *has_nul)
{
	for (size_t i = from + 1; i < bytes; i++) {
		if (text[i] == '"')
			return i + 1;
		if (text[i] != '\\')
			continue;
		*has_nul |= bytes - i >= 6 && !memcmp(text + i, "\\u0000", 6);
		i++;
	}
	return bytes;
}

/* Is the string that ended before `from` the key of an object? */
static bool is_key(const char *text, size_t bytes, size_t from)
{
	while (from < bytes && strchr(" \t\r\n", text[from]))
		from++;
	return from < bytes && text[from] == ':';
}

/* Every \u0000 of a string becomes \u2400. */
static void show_nul(char *text, size_t from, size_t end)
{
	for (size_t i = from; i < end; i++) {
		if (text[i] != '\\')
			continue;
		if (end - i >= 6 && !memcmp(text + i, "\\u0000", 6))
			text[i + 2] = '2', text[i + 3] = '4';
		i++;
	}
}

static size_t visit_string(char *text, size_t bytes, size_t from)
{
	bool has_nul = false;
	size_t end = string_end(text, bytes, from, &has_nul);

	if (has_nul && is_key(text, bytes, end))
		show_nul(text, from, end);
	return end;
}

/* The last two digits of an integer beyond int64 become "e2": the same number, as near as a double can come to it. */
static size_t visit_number(char *text, size_t bytes, size_t from)
{
	const size_t most = strlen(INT64_DIGITS);
	size_t end = from, digits;

	while (end < bytes && isdigit((unsigned char)text[end]))
		end++;
	digits = end - from;
	if (end < bytes && strchr(".eE", text[end])) {
		while (end < bytes && strchr("0123456789.eE+-", text[end]))
			end++;
		return end;
	}
	if (digits > most || (digits == most && memcmp(text + from, INT64_DIGITS, most) > 0))
		memcpy(text + end - 2, "e2", 2);
	return end;
}

/* Jansson takes no more memory than that for each, much of it malloc's overhead. The texts of strings come on top: no
 * more than the file's own bytes. */
static uint64_t memory_of(char c)
{
	switch (c) {
	case '{':
		return 232;
	case '[':
		return 136;
	case ',': /* one value more, of whatever kind */
	case ':': /* a key */
		return 96;
	default:
		return 0;
	}
}

/* Rewrites in place what jansson refuses though it is JSON. Text that is not JSON may come out as other text that is
 * not JSON. There is no NUL in it. Returns how many bytes of memory its values will take, or a few more. */
static uint64_t prepare(char *text, size_t bytes)
{
	uint64_t memory_bytes = bytes;

	for (size_t i = 0; i < bytes;) {
		if (text[i] == '"')
			i = visit_string(text, bytes, i);
		else if (isdigit((unsigned char)text[i]))
			i = visit_number(text, bytes, i);
		else
			memory_bytes += memory_of(text[i++]);
	}
	return memory_bytes;
}

int wick_json_parse(json_t **root, char *text, size_t bytes, const struct wick_json_bounds *bounds,
	enum wick_json_keys keys, const char *name, struct wick_diag *diag)
{
	size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | (keys == WICK_JSON_UNIQUE_KEYS ? JSON_REJECT_DUPLICATES : 0);
	const char *nul = memchr(text, 0, bytes);
	uint64_t memory_bytes;
	json_error_t error;

	*root = NULL;
	if (nul)
		return wick_diag_say(
			diag, -EINVAL, "%s: bad JSON: a NUL byte at offset %zu", name, (size_t)(nul - text));
	if (bytes >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		return wick_diag_say(diag, -EINVAL, "%s: bad JSON: it begins with a byte order mark", name);
	memory_bytes = prepare(text, bytes);
	if (memory_bytes > bounds->memory_bytes)
		return wick_diag_say(diag, -EFBIG, "%s: %llu bytes of memory for its values, more than the %llu that "
			"those of such a file may take", name, (unsigned long long)memory_bytes,
			(unsigned long long)bounds->memory_bytes);
	*root = json_loadb(text, bytes, flags, &error);
	if (*root)
		return 0;
	if (json_error_code(&error) == json_error_out_of_memory || !error.text[0]) /* not all of jansson sets a code */
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", name);
	return wick_diag_say(diag, -EINVAL, "%s: bad JSON: line %d, column %d: %s", name, error.line, error.column,
		error.text);
}

int wick_json_load(json_t **root, const char *path, const struct wick_json_bounds *bounds, enum wick_json_keys keys,
	struct wick_diag *diag)
{
	size_t bytes;
	char *text;
	int ret = wick_whole_file_read(&text, &bytes, path, bounds->file_bytes, diag);

	*root = NULL;
	if (!ret)
		ret = wick_json_parse(root, text, bytes, bounds, keys, path, diag);
	free(text);
	return ret;
}
