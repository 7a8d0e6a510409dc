/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Compares the tensors of a checkpoint with those that the model needs, so that none is ignored silently:
 *
 *     needed, and there        its shape and type are checked
 *     needed, and missing      refused
 *     left over, but one that  refused: config.json describes another model, and to compute half of this one would be wrong
 *     models of its family have
 *     left over otherwise      named, and left out: transformers computes nothing with it either
 */

#include "pack_coded.h"

#include "bits.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* The tensors that were asked for. */
struct audit {
	struct wick_pack_job *job;
	const struct wick_source_tensor **used; /* (count), by their place when sorted */
	size_t count, capacity;
};

static int remember(struct audit *audit, const struct wick_source_tensor *tensor)
{
	if (audit->count == audit->capacity) {
		size_t capacity = audit->capacity ? 2 * audit->capacity : 256;
		const struct wick_source_tensor **used = realloc(audit->used, capacity * sizeof(*used));

		if (!used)
			return wick_diag_say(audit->job->diag, -ENOMEM, "no memory to list the checkpoint's tensors");
		audit->used = used;
		audit->capacity = capacity;
	}
	audit->used[audit->count++] = tensor;
	return 0;
}

static void put_shape(char text[96], const uint64_t *shape, unsigned dims)
{
	size_t at = 0;

	text[0] = 0;
	for (unsigned d = 0; d < dims; d++)
		at += snprintf(text + at, 96 - at, "%s%" PRIu64, d ? ", " : "", shape[d]);
}

/* The shape of a tensor's numbers, which are those of another one, too, where they are codes and scales. */
static int look_at(uint64_t shape[4], unsigned *dims, struct audit *audit, const char *name, const struct wick_source_tensor **tensor)
{
	const struct wick_source_tensor *scales;
	int rc;

	if (*tensor && wick_pack_is_coded(audit->job, *tensor)) {
		rc = wick_pack_scales_of(&scales, shape, dims, audit->job, *tensor);
		return rc ? rc : remember(audit, scales);
	}
	rc = wick_checkpoint_need(audit->job->checkpoint, *tensor ? (*tensor)->name : name, tensor, audit->job->diag);
	if (rc)
		return rc;
	*dims = (*tensor)->dims;
	memcpy(shape, (*tensor)->shape, sizeof((*tensor)->shape));
	return 0;
}

/* The tensor must be there, in a type that can be read, of this shape. */
static int need(const struct wick_pack_wanted *wanted, void *user)
{
	struct audit *audit = user;
	struct wick_pack_job *job = audit->job;
	const struct wick_source_tensor *tensor = wick_pack_expert_source(job, wanted->slot, wanted->layer, wanted->expert);
	char found_text[96], wanted_text[96];
	uint64_t shape[4];
	unsigned dims;
	int rc = look_at(shape, &dims, audit, wanted->name, &tensor);

	if (rc)
		return rc;
	if (dims == wanted->dims && memcmp(shape, wanted->shape, dims * sizeof(*shape)) == 0)
		return remember(audit, tensor);
	put_shape(found_text, shape, dims);
	put_shape(wanted_text, wanted->shape, wanted->dims);
	return wick_diag_say(job->diag, -EINVAL, "%s: tensor %s has shape [%s]; config.json asks for [%s]",
		wick_checkpoint_file(job->checkpoint, tensor), wick_diag_name(tensor->name), found_text, wanted_text);
}

/* A tensor is used whichever of its names was asked for. */
static int by_place(const void *left, const void *right)
{
	const struct wick_source_tensor *a = *(const struct wick_source_tensor *const *)left;
	const struct wick_source_tensor *b = *(const struct wick_source_tensor *const *)right;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->entry != b->entry)
		return a->entry < b->entry ? -1 : 1;
	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return a->bytes < b->bytes ? -1 : a->bytes > b->bytes;
}

/* "layers.3.bias" -> "layers.N.bias": what layers have in common is told once. */
static void leave_out_numbers(char *pattern, size_t room, const char *name)
{
	size_t at = 0;

	for (const char *c = name; *c && at + 1 < room; c++) {
		bool part = c == name || c[-1] == '.';
		size_t digits = part ? strspn(c, "0123456789") : 0;

		if (digits && (c[digits] == '.' || !c[digits])) {
			pattern[at++] = 'N';
			c += digits - 1;
		} else {
			pattern[at++] = *c;
		}
	}
	pattern[at] = 0;
}

/* Of a block behind the last layer that nothing uses. */
static bool is_left_out(const struct wick_pack_job *job, const char *name)
{
	const char *at = strstr(name, "layers.");
	unsigned long block = at ? strtoul(at + strlen("layers."), NULL, 10) : 0;

	return at && block >= job->shape.layers && block - job->shape.layers < job->shape.left_out;
}

/* Of a model beside the language model: "vision_tower.", say. NULL: of that itself. */
static const char *other_model(const struct wick_arch_def *arch, const char *name)
{
	const char *const *prefix = arch->left_out;

	while (prefix && *prefix && strncmp(name, *prefix, strlen(*prefix)))
		prefix++;
	return prefix ? *prefix : NULL;
}

static int count_left_over(const struct audit *audit, json_t *left_over, const struct wick_source_tensor *tensor)
{
	struct wick_pack_job *job = audit->job;
	char pattern[WICK_DIAG_NAME_BYTES];

	if ((wick_pack_is_of_family(job->arch, tensor->name) || wick_pack_is_scales(job, tensor->name)) &&
		!is_left_out(job, tensor->name))
		return wick_diag_say(job->diag, -EINVAL, "%s: tensor %s has no place in the %s model that config.json describes",
			wick_checkpoint_file(job->checkpoint, tensor), wick_diag_name(tensor->name),
			job->arch->model_type);
	if (other_model(job->arch, tensor->name))
		snprintf(pattern, sizeof(pattern), "%s", other_model(job->arch, tensor->name));
	else
		leave_out_numbers(pattern, sizeof(pattern), tensor->name);
	if (json_object_set_new(left_over, pattern,
		    json_integer(json_integer_value(json_object_get(left_over, pattern)) + 1)))
		return wick_diag_say(job->diag, -EINVAL, "%s: tensor %s: its name is not text, or no memory for it",
			wick_checkpoint_file(job->checkpoint, tensor), wick_diag_name(tensor->name));
	return 0;
}

static void tell_left_over(const struct wick_pack_job *job, json_t *left_over)
{
	const char *pattern;
	json_t *count;

	json_object_foreach(left_over, pattern, count)
		if (other_model(job->arch, pattern))
			wick_notes_say(&job->notes, "tensors \"%s\" (%lld of them) are left out, which the language model does without", pattern,
				(long long)json_integer_value(count));
		else
			wick_notes_say(&job->notes, "tensor %s (%lld of them) is no part of an %s model: left out, as transformers does",
				pattern, (long long)json_integer_value(count), job->arch->model_type);
}

static int check_left_over(struct audit *audit)
{
	const struct wick_checkpoint *checkpoint = audit->job->checkpoint;
	json_t *left_over = json_object(); /* pattern -> how many */
	int rc = left_over ? 0 : wick_diag_say(audit->job->diag, -ENOMEM, "no memory to list the checkpoint's tensors");

	qsort(audit->used, audit->count, sizeof(*audit->used), by_place);
	for (unsigned i = 0; rc == 0 && i < wick_checkpoint_count(checkpoint); i++) {
		const struct wick_source_tensor *tensor = wick_checkpoint_at(checkpoint, i);

		if (!bsearch(&tensor, audit->used, audit->count, sizeof(*audit->used), by_place))
			rc = count_left_over(audit, left_over, tensor);
	}
	if (rc == 0)
		tell_left_over(audit->job, left_over);
	json_decref(left_over);
	return rc;
}

int wick_pack_check_sources(struct wick_pack_job *job)
{
	struct audit audit = { .job = job };
	const struct wick_source_tensor *head;
	int rc = wick_pack_settle_head(job, &head);

	if (rc == 0 && head)
		rc = remember(&audit, head);
	if (rc == 0)
		rc = job->each_source ? job->each_source(job, need, &audit) :
			wick_pack_each_source(job->arch, &job->shape, need, &audit);
	if (rc == 0)
		rc = check_left_over(&audit);
	free(audit.used);
	return rc;
}
