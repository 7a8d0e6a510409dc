/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Which tensor a name means (see checkpoint_parts.h). */

#include "checkpoint_parts.h"

#include "bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Keys under which scripts save a model, and modules that they train it in. Transformers does not look into them: it
 * would find none of the model's tensors there and make up all of them. */
static const char *const wrappers[] = { "state_dict.", "model_state_dict.", "module.", "_orig_mod." };

static const char *skip_wrapper(const char *name)
{
	for (size_t i = 0; i < WICK_COUNT_OF(wrappers); i++) {
		size_t bytes = strlen(wrappers[i]);

		if (!strncmp(name, wrappers[i], bytes) && name[bytes])
			return name + bytes;
	}
	return NULL;
}

const char *wick_checkpoint_bare_name(const char *name)
{
	for (const char *bare = name; bare; bare = skip_wrapper(bare))
		name = bare;
	return name;
}

/* By name; of one name, the tensor itself before an alias, and the last file's first. */
static int by_name(const void *left, const void *right)
{
	const struct wick_source_tensor *a = *(const struct wick_source_tensor *const *)left;
	const struct wick_source_tensor *b = *(const struct wick_source_tensor *const *)right;
	int order = strcmp(a->name, b->name);

	if (order)
		return order;
	if (a->alias != b->alias)
		return a->alias ? 1 : -1;
	return a->file > b->file ? -1 : a->file < b->file;
}

/* kept and other have one name. */
static int supersede(struct wick_checkpoint *checkpoint, const struct wick_source_tensor *kept,
	const struct wick_source_tensor *other, struct wick_diag *diag)
{
	if (other->alias)
		return 0;
	if (kept->file == other->file)
		return wick_diag_say(diag, -EINVAL, "%s: has two tensors called %s",
			wick_checkpoint_file(checkpoint, other), wick_diag_name(other->name));
	if (!checkpoint->superseded_count++) {
		checkpoint->superseded = other;
		checkpoint->superseding = kept;
	}
	return 0;
}

int wick_checkpoint_sort_names(struct wick_checkpoint *checkpoint, struct wick_diag *diag)
{
	const struct wick_source_tensor **names = calloc(checkpoint->list.count + 1, sizeof(*names));
	int ret = 0;

	if (!names)
		return wick_checkpoint_no_memory(checkpoint, diag);
	checkpoint->by_name = names;
	for (unsigned i = 0; i < checkpoint->list.count; i++)
		names[i] = &checkpoint->list.tensors[i];
	qsort(names, checkpoint->list.count, sizeof(*names), by_name);
	for (unsigned i = 0; !ret && i < checkpoint->list.count; i++) {
		const struct wick_source_tensor *last = checkpoint->name_count ? names[checkpoint->name_count - 1] : NULL;

		if (last && !strcmp(last->name, names[i]->name))
			ret = supersede(checkpoint, last, names[i], diag);
		else
			names[checkpoint->name_count++] = names[i];
	}
	return ret;
}
