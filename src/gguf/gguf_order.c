/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Keys by name and tensors by name and by place: found by bisection, none twice, none over another. */

#include "gguf_parse.h"

#include "bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(const struct wick_gguf *gguf, struct wick_diag *diag)
{
	return wick_diag_say(diag, -ENOMEM, "%s: no memory for its header", gguf->path);
}

static int compare_strings(struct wick_gguf_string a, struct wick_gguf_string b)
{
	int order = memcmp(a.bytes, b.bytes, WICK_MIN(a.length, b.length));

	return order ? order : (a.length > b.length) - (a.length < b.length);
}

/* For ordering entries by name: the file, and where entry i keeps its name. */
struct names {
	const struct wick_gguf *gguf;
	struct wick_gguf_string (*at)(const struct wick_gguf *gguf, uint32_t i);
};

static struct wick_gguf_string pair_key(const struct wick_gguf *gguf, uint32_t i)
{
	return gguf->pairs[i].key;
}

static struct wick_gguf_string tensor_name(const struct wick_gguf *gguf, uint32_t i)
{
	return gguf->tensors[i].name;
}

static int by_name(const void *a, const void *b, void *user)
{
	const struct names *names = user;

	return compare_strings(
		names->at(names->gguf, *(const uint32_t *)a), names->at(names->gguf, *(const uint32_t *)b));
}

static int by_offset(const void *a, const void *b, void *user)
{
	const struct wick_gguf *gguf = user;
	uint64_t x = gguf->tensors[*(const uint32_t *)a].offset, y = gguf->tensors[*(const uint32_t *)b].offset;

	return (x > y) - (x < y);
}

/* 0..count-1 in the order of compare, or NULL. */
static uint32_t *sorted(uint64_t count, int (*compare)(const void *, const void *, void *), void *user)
{
	uint32_t *order = calloc(count + 1, sizeof(*order));

	if (!order)
		return NULL;
	for (uint64_t i = 0; i < count; i++)
		order[i] = i;
	qsort_r(order, count, sizeof(*order), compare, user);
	return order;
}

/* Makes the order that find() searches, and sees that no name is there twice. */
static int order_names(
	struct names names, const char *kind, uint64_t count, uint32_t **order, struct wick_diag *diag)
{
	*order = sorted(count, by_name, &names);
	if (!*order)
		return no_memory(names.gguf, diag);
	for (uint64_t i = 1; i < count; i++) {
		struct wick_gguf_string name = names.at(names.gguf, (*order)[i]);

		if (compare_strings(names.at(names.gguf, (*order)[i - 1]), name) == 0)
			return wick_diag_say(diag, -EINVAL, "%s: %s \"%.*s\" is there twice", names.gguf->path, kind,
				WICK_GGUF_SHOWN(name));
	}
	return 0;
}

static int refuse_overlaps(struct wick_gguf *gguf, struct wick_diag *diag)
{
	uint32_t *order = sorted(gguf->tensor_count, by_offset, gguf);
	const struct wick_gguf_tensor *last = NULL;
	int rc = 0;

	if (!order)
		return no_memory(gguf, diag);
	for (uint64_t i = 0; !rc && i < gguf->tensor_count; i++) {
		const struct wick_gguf_tensor *tensor = &gguf->tensors[order[i]];

		if (last && last->offset + last->bytes > tensor->offset)
			rc = wick_diag_say(diag, -EINVAL, "%s: tensors \"%.*s\" and \"%.*s\" overlap at byte %llu",
				gguf->path, WICK_GGUF_SHOWN(last->name), WICK_GGUF_SHOWN(tensor->name),
				(unsigned long long)tensor->offset);
		if (tensor->bytes)
			last = tensor;
	}
	free(order);
	return rc;
}

/* The entry of that name, or -1. */
static int64_t find(struct names names, const uint32_t *order, uint64_t count, const char *name)
{
	struct wick_gguf_string wanted = { name, strlen(name) };
	uint64_t low = 0, high = count;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		int side = compare_strings(names.at(names.gguf, order[middle]), wanted);

		if (side == 0)
			return order[middle];
		if (side < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

struct wick_gguf_pair *wick_gguf_find_pair(const struct wick_gguf *gguf, const char *key)
{
	int64_t i = find((struct names){ gguf, pair_key }, gguf->pair_order, gguf->pair_count, key);

	return i < 0 ? NULL : &gguf->pairs[i];
}

const struct wick_gguf_tensor *wick_gguf_tensor(const struct wick_gguf *gguf, const char *name)
{
	int64_t i = find((struct names){ gguf, tensor_name }, gguf->tensor_order, gguf->tensor_count, name);

	return i < 0 ? NULL : &gguf->tensors[i];
}

int wick_gguf_order_pairs(struct wick_gguf *gguf, struct wick_diag *diag)
{
	return order_names((struct names){ gguf, pair_key }, "key", gguf->pair_count, &gguf->pair_order, diag);
}

int wick_gguf_order_tensors(struct wick_gguf *gguf, struct wick_diag *diag)
{
	struct names names = { gguf, tensor_name };
	int rc = order_names(names, "tensor", gguf->tensor_count, &gguf->tensor_order, diag);

	return rc ? rc : refuse_overlaps(gguf, diag);
}
