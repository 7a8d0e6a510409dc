/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* JSON from files that strangers made (see json.h). */

#include "json.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INT64_DIGITS "9223372036854775807"

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

/* Rewrites in place what jansson refuses though it is JSON. Text that is not JSON may come out as other text that is
 * not JSON. There is no NUL in it. */
static void prepare(char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes;) {
		if (text[i] == '"')
			i = visit_string(text, bytes, i);
		else if (isdigit((unsigned char)text[i]))
			i = visit_number(text, bytes, i);
		else
			i++;
	}
}

int wick_json_parse(json_t **root, char *text, size_t bytes, enum wick_json_keys keys, const char *name,
	struct wick_diag *diag)
{
	size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | (keys == WICK_JSON_UNIQUE_KEYS ? JSON_REJECT_DUPLICATES : 0);
	const char *nul = memchr(text, 0, bytes);
	json_error_t error;

	*root = NULL;
	if (nul)
		return wick_diag_say(
			diag, -EINVAL, "%s: bad JSON: a NUL byte at offset %zu", name, (size_t)(nul - text));
	if (bytes >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		return wick_diag_say(diag, -EINVAL, "%s: bad JSON: it begins with a byte order mark", name);
	prepare(text, bytes);
	*root = json_loadb(text, bytes, flags, &error);
	if (*root)
		return 0;
	if (json_error_code(&error) == json_error_out_of_memory || !error.text[0]) /* not all of jansson sets a code */
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", name);
	return wick_diag_say(diag, -EINVAL, "%s: bad JSON: line %d, column %d: %s", name, error.line, error.column,
		error.text);
}

/* Fills text with the whole file. A file that shrinks or grows meanwhile is an error. */
static int read_whole(int fd, const char *path, char *text, size_t bytes, struct wick_diag *diag)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t got = read(fd, text + done, bytes - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
		if (got == 0)
			return wick_diag_say(diag, -EIO, "%s: ends at %zu of %zu bytes", path, done, bytes);
		done += got;
	}
	return 0;
}

static int load_open_file(json_t **root, int fd, const char *path, uint64_t bytes_max, enum wick_json_keys keys,
	struct wick_diag *diag)
{
	struct stat stat;
	char *text;
	int ret;

	if (fstat(fd, &stat))
		return wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(stat.st_mode))
		return wick_diag_say(diag, -EINVAL, "%s: not a regular file", path);
	if ((uint64_t)stat.st_size > bytes_max)
		return wick_diag_say(diag, -EFBIG, "%s: %llu bytes, more than the %llu that such a file may have", path,
			(unsigned long long)stat.st_size, (unsigned long long)bytes_max);
	text = malloc(stat.st_size + 1);
	if (!text)
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", path);
	ret = read_whole(fd, path, text, stat.st_size, diag);
	if (!ret)
		ret = wick_json_parse(root, text, stat.st_size, keys, path, diag);
	free(text);
	return ret;
}

int wick_json_load(json_t **root, const char *path, uint64_t bytes_max, enum wick_json_keys keys,
	struct wick_diag *diag)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret;

	*root = NULL;
	if (fd < 0)
		return wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	ret = load_open_file(root, fd, path, bytes_max, keys, diag);
	close(fd);
	return ret;
}
