/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The checkpoint's side of packing: which tensor fills which slot, and its numbers as f32. */

#include "pack_job.h"

#include "bits.h"
#include "range.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 160

/* The checkpoint's name of a tensor of the family's table. */
static void spell(char name[NAME_MAX_BYTES], const char *prefix, const char *pattern, uint32_t layer)
{
	char tail[NAME_MAX_BYTES / 2];

	snprintf(tail, sizeof(tail), pattern, layer);
	if (tail[0] == '/')
		snprintf(name, NAME_MAX_BYTES, "%s", tail + 1);
	else
		snprintf(name, NAME_MAX_BYTES, "%s%s", prefix, tail);
}

static const struct wick_source_tensor *find(const struct wick_pack_job *job, const char *pattern, uint32_t layer)
{
	char name[NAME_MAX_BYTES];

	spell(name, job->prefix, pattern, layer);
	return wick_checkpoint_find(job->checkpoint, name);
}

const struct wick_source_tensor *wick_pack_source(
	const struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer)
{
	return find(job, job->arch->sources[id], layer);
}

const struct wick_source_tensor *wick_pack_up(const struct wick_pack_job *job, uint32_t layer)
{
	return find(job, job->arch->up, layer);
}

const struct wick_source_tensor *wick_pack_down(const struct wick_pack_job *job, uint32_t layer)
{
	return find(job, job->arch->down, layer);
}

/* The prefix under which the embedding is; the first one when there is no embedding, which will then be missed. */
static void choose_prefix(struct wick_pack_job *job)
{
	for (const char *const *prefix = job->arch->prefixes; *prefix; prefix++) {
		job->prefix = *prefix;
		if (wick_pack_source(job, WICK_T_EMBED, 0))
			return;
	}
	job->prefix = job->arch->prefixes[0];
}

/* The tensors that were asked for. */
struct audit {
	struct wick_pack_job *job;
	const struct wick_source_tensor **used; /* (count), by address when sorted */
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

/* The tensor must be there, in a type that can be read, of this shape. */
static int need(const struct wick_pack_wanted *wanted, void *user)
{
	struct audit *audit = user;
	struct wick_pack_job *job = audit->job;
	const struct wick_source_tensor *tensor;
	char found_text[96], wanted_text[96];
	int rc = wick_checkpoint_need(job->checkpoint, wanted->name, &tensor, job->diag);

	if (rc)
		return rc;
	if (tensor->dims == wanted->dims &&
		memcmp(tensor->shape, wanted->shape, wanted->dims * sizeof(*wanted->shape)) == 0)
		return remember(audit, tensor);
	put_shape(found_text, tensor->shape, tensor->dims);
	put_shape(wanted_text, wanted->shape, wanted->dims);
	return wick_diag_say(job->diag, -EINVAL, "%s: tensor %s has shape [%s]; config.json asks for [%s]",
		wick_checkpoint_file(job->checkpoint, tensor), wick_diag_name(wanted->name), found_text, wanted_text);
}

struct walk {
	const struct wick_arch_def *arch;
	const char *prefix;
	const struct wick_shape *shape;
	int (*visit)(const struct wick_pack_wanted *wanted, void *user);
	void *user;
};

static int walk_to(const struct walk *walk, enum wick_tensor_id id, const char *pattern, uint32_t layer, unsigned dims,
	uint64_t rows, uint64_t cols)
{
	struct wick_pack_wanted wanted = { .slot = id, .dims = dims, .shape = { dims > 1 ? rows : cols, cols } };
	char name[NAME_MAX_BYTES];

	spell(name, walk->prefix, pattern, layer);
	wanted.name = name;
	return walk->visit(&wanted, walk->user);
}

static int walk_slot(enum wick_tensor_id id, uint32_t layer, void *user)
{
	const struct walk *walk = user;
	const struct wick_arch_def *arch = walk->arch;
	uint32_t d_model = walk->shape->d_model, n_ff = walk->shape->n_ff;
	struct wick_tensor tensor;
	int rc;

	wick_tensor_describe(&tensor, id, layer, walk->shape);
	switch (wick_tensor_table[id].kind) {
	case WICK_TENSOR_VECTOR:
		return walk_to(walk, id, arch->sources[id], layer, 1, 1, tensor.cols);
	case WICK_TENSOR_MATRIX:
		return walk_to(walk, id, arch->sources[id], layer, 2,
			tensor.rows + (id == WICK_T_POSITION ? arch->position_offset : 0), tensor.cols);
	case WICK_TENSOR_BUNDLES:
		rc = walk_to(walk, id, arch->up, layer, 2, n_ff, d_model);
		return rc ? rc : walk_to(walk, id, arch->down, layer, 2, d_model, n_ff);
	default:
		return 0;
	}
}

int wick_pack_each_source(const struct wick_arch_def *arch, const char *prefix, const struct wick_shape *shape,
	int (*visit)(const struct wick_pack_wanted *wanted, void *user), void *user)
{
	struct walk walk = { arch, prefix, shape, visit, user };

	return wick_tensors_each(shape, walk_slot, &walk);
}

static bool ignored(const struct wick_pack_job *job, const char *name)
{
	for (const char *const *known = job->arch->ignored; *known; known++)
		if (strcmp(*known, name) == 0)
			return true;
	return false;
}

static int by_address(const void *a, const void *b)
{
	const struct wick_source_tensor *const *x = a, *const *y = b;

	return (*x > *y) - (*x < *y);
}

/* A tensor that nothing asked for would be left out of the arithmetic: better not to pack than to pack half a model. */
static int refuse_unused(struct audit *audit)
{
	struct wick_pack_job *job = audit->job;

	qsort(audit->used, audit->count, sizeof(*audit->used), by_address);
	for (unsigned i = 0; i < wick_checkpoint_count(job->checkpoint); i++) {
		const struct wick_source_tensor *tensor = wick_checkpoint_at(job->checkpoint, i);

		if (bsearch(&tensor, audit->used, audit->count, sizeof(*audit->used), by_address))
			continue;
		if (!ignored(job, tensor->name))
			return wick_diag_say(job->diag, -EINVAL,
				"%s: tensor %s has no place in the %s model that config.json describes",
				wick_checkpoint_file(job->checkpoint, tensor), wick_diag_name(tensor->name),
				job->arch->model_type);
	}
	return 0;
}

int wick_pack_check_sources(struct wick_pack_job *job)
{
	struct audit audit = { .job = job };
	int rc;

	choose_prefix(job);
	rc = wick_pack_each_source(job->arch, job->prefix, &job->shape, need, &audit);
	if (rc == 0)
		rc = refuse_unused(&audit);
	free(audit.used);
	return rc;
}

static int refuse_number(const struct wick_pack_job *job, const struct wick_source_tensor *source, uint64_t at,
	float number, enum wick_type type)
{
	const char *file = wick_checkpoint_file(job->checkpoint, source);

	if (!isfinite(number))
		return wick_diag_say(job->diag, -EINVAL, "%s: tensor %s: number %" PRIu64 " is %s", file, source->name,
			at, isnan(number) ? "NaN" : "infinite");
	return wick_diag_say(job->diag, -EINVAL, "%s: tensor %s: number %" PRIu64 " is %g, more than %s can hold",
		file, source->name, at, (double)number, wick_types[type].name);
}

int wick_pack_read(struct wick_pack_job *job, const struct wick_source_tensor *source, uint64_t first, uint64_t count,
	uint64_t at, enum wick_type type)
{
	uint64_t width = wick_types[source->type].block_bytes;
	float *numbers = job->numbers + at;
	int rc = wick_checkpoint_read(job->checkpoint, source, first * width, job->raw, count * width, job->diag);

	if (rc)
		return rc;
	job->kernels.to_f32[source->type](numbers, job->raw, count);
	if (wick_all_below(numbers, count, wick_limit_of(type)))
		return 0;
	for (uint64_t i = 0; i < count; i++)
		if (!wick_all_below(&numbers[i], 1, wick_limit_of(type)))
			return refuse_number(job, source, first + i, numbers[i], type);
	return 0;
}
