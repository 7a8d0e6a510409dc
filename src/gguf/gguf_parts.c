/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The parts of a model (see gguf_parts.h). */

#include "gguf_parts.h"

#include "bits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX_BYTES 24 /* of "-00001-of-00003.gguf", and some */

struct split {
	uint64_t no, count, tensors; /* no: from 0 */
};

static int read_number(uint64_t *value, const struct wick_gguf *gguf, const char *key, uint64_t otherwise,
	struct wick_diag *diag)
{
	int err = wick_gguf_u64(gguf, key, value, diag);

	if (err == -ENOENT)
		*value = otherwise;
	return err == -ENOENT ? 0 : err;
}

static int read_split(struct split *split, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	int err = read_number(&split->no, gguf, "split.no", 0, diag);

	if (!err)
		err = read_number(&split->count, gguf, "split.count", 1, diag);
	if (!err)
		err = read_number(&split->tensors, gguf, "split.tensors.count", wick_gguf_tensor_count(gguf), diag);
	if (!err && !split->count)
		split->count = 1;
	return err;
}

static void suffix(char text[SUFFIX_BYTES], uint32_t no, uint32_t count)
{
	snprintf(text, SUFFIX_BYTES, "-%05u-of-%05u.gguf", no + 1, count);
}

/* What the names of all parts begin with; -EINVAL: the first part is not called as it has to be. */
static int common_name(char **name, const struct wick_gguf *first, uint32_t count, struct wick_diag *diag)
{
	const char *path = wick_gguf_path(first);
	char wanted[SUFFIX_BYTES];
	size_t length = strlen(path), tail;

	suffix(wanted, 0, count);
	tail = strlen(wanted);
	if (length < tail || strcmp(path + length - tail, wanted))
		return wick_diag_say(diag, -EINVAL,
			"%s: split.count says that this is the first of %u parts: then it has to be called NAME%s, by which the others are found",
			path, count, wanted);
	*name = strndup(path, length - tail);
	return *name ? 0 : wick_diag_say(diag, -ENOMEM, "%s: no memory to open it", path);
}

/* A part says which it is, of how many, and how many tensors all have together. */
static int check_part(const struct wick_gguf *part, const struct split *first, uint32_t no, struct wick_diag *diag)
{
	struct split split;
	int err = read_split(&split, part, diag);

	if (err)
		return err;
	if (split.no != no)
		return wick_diag_say(diag, -EINVAL, "%s: split.no is %llu, and that of part %u has to be %u: the file has another part's name",
			wick_gguf_path(part), (unsigned long long)split.no, no + 1, no);
	if (split.count != first->count)
		return wick_diag_say(diag, -EINVAL, "%s: split.count is %llu, and that of the first part is %llu: it is of another model",
			wick_gguf_path(part), (unsigned long long)split.count, (unsigned long long)first->count);
	if (split.tensors != first->tensors)
		return wick_diag_say(diag, -EINVAL,
			"%s: split.tensors.count is %llu, and that of the first part is %llu: it is of another model",
			wick_gguf_path(part), (unsigned long long)split.tensors, (unsigned long long)first->tensors);
	return 0;
}

static int open_part(struct wick_gguf_parts *parts, const char *name, const struct split *first, struct wick_diag *diag)
{
	uint32_t no = parts->count;
	char tail[SUFFIX_BYTES], *path;
	int err;

	suffix(tail, no, (uint32_t)first->count);
	if (asprintf(&path, "%s%s", name, tail) < 0)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to open it", name);
	if (access(path, F_OK) && errno == ENOENT)
		err = wick_diag_say(diag, -ENOENT, "%s: part %u of %llu (split.count) is missing", path, no + 1,
			(unsigned long long)first->count);
	else
		err = wick_gguf_open(&parts->at[no], path, diag);
	free(path);
	if (err)
		return err;
	parts->tensors += wick_gguf_tensor_count(parts->at[no]);
	parts->count++;
	return check_part(parts->at[no], first, no, diag);
}

/* The others, behind the first, which says how many they are. */
static int open_others(struct wick_gguf_parts *parts, const struct split *first, struct wick_diag *diag)
{
	const char *path = wick_gguf_path(parts->at[0]);
	char *name = NULL;
	int err = common_name(&name, parts->at[0], (uint32_t)first->count, diag);

	while (!err && parts->count < first->count)
		err = open_part(parts, name, first, diag);
	free(name);
	if (!err && parts->tensors != first->tensors)
		err = wick_diag_say(diag, -EINVAL, "%s: split.tensors.count is %llu, and its %u parts have %llu tensors", path,
			(unsigned long long)first->tensors, parts->count, (unsigned long long)parts->tensors);
	return err;
}

static int check_first(const struct wick_gguf *gguf, const struct split *split, struct wick_diag *diag)
{
	if (split->no)
		return wick_diag_say(diag, -EINVAL, "%s: part %llu of %llu of a model (split.no, split.count): the first one is to be opened",
			wick_gguf_path(gguf), (unsigned long long)split->no + 1, (unsigned long long)split->count);
	if (split->count > WICK_GGUF_PARTS_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: split.count is %llu; up to %u parts are possible", wick_gguf_path(gguf),
			(unsigned long long)split->count, WICK_GGUF_PARTS_MAX);
	return 0;
}

static int open_all(struct wick_gguf_parts *parts, struct wick_gguf *gguf, struct wick_diag *diag)
{
	struct split split = { .count = 1 };
	int err = read_split(&split, gguf, diag);

	if (!err)
		err = check_first(gguf, &split, diag);
	if (!err) {
		parts->at = calloc(split.count, sizeof(struct wick_gguf *));
		err = parts->at ? 0 : wick_diag_say(diag, -ENOMEM, "%s: no memory to open it", wick_gguf_path(gguf));
	}
	if (err) {
		wick_gguf_close(gguf);
		return err;
	}
	parts->at[0] = gguf;
	parts->count = 1;
	parts->tensors = wick_gguf_tensor_count(gguf);
	return split.count > 1 ? open_others(parts, &split, diag) : 0;
}

int wick_gguf_parts_open(struct wick_gguf_parts *parts, const char *path, struct wick_diag *diag)
{
	struct wick_gguf *gguf;
	int err = wick_gguf_open(&gguf, path, diag);

	*parts = (struct wick_gguf_parts){ 0 };
	if (!err)
		err = open_all(parts, gguf, diag);
	if (err)
		wick_gguf_parts_close(parts);
	return err;
}

void wick_gguf_parts_close(struct wick_gguf_parts *parts)
{
	for (uint32_t i = 0; i < parts->count; i++)
		wick_gguf_close(parts->at[i]);
	free(parts->at);
	*parts = (struct wick_gguf_parts){ 0 };
}

uint64_t wick_gguf_parts_file_bytes(const struct wick_gguf_parts *parts)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < parts->count; i++)
		bytes += wick_gguf_file_bytes(parts->at[i]);
	return bytes;
}

uint64_t wick_gguf_parts_memory_bytes(const struct wick_gguf_parts *parts)
{
	uint64_t bytes = parts->count * sizeof(struct wick_gguf *);

	for (uint32_t i = 0; i < parts->count; i++)
		bytes += wick_gguf_memory_bytes(parts->at[i]);
	return bytes;
}

const struct wick_gguf_tensor *wick_gguf_parts_tensor(
	const struct wick_gguf_parts *parts, const char *name, uint32_t *part, bool *twice)
{
	const struct wick_gguf_tensor *found = NULL;

	*twice = false;
	for (uint32_t i = 0; i < parts->count; i++) {
		const struct wick_gguf_tensor *here = wick_gguf_tensor(parts->at[i], name);

		*twice |= found && here;
		if (here && !found) {
			found = here;
			*part = i;
		}
	}
	return found;
}
