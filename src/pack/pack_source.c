/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The checkpoint's side of packing: which tensor fills which slot, and its numbers as f32. */

#include "pack_coded.h"

#include "bits.h"
#include "range.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define NAME_MAX_BYTES 160

/* A checkpoint's name of a tensor of the family's table. */
static void spell(char name[NAME_MAX_BYTES], const char *prefix, const char *pattern, uint32_t layer, uint32_t expert)
{
	char tail[NAME_MAX_BYTES / 2];

	snprintf(tail, sizeof(tail), pattern, layer, expert);
	snprintf(name, NAME_MAX_BYTES, "%s%s", prefix, tail + (tail[0] == '/'));
}

/* The prefixes that a name of the table may have in a checkpoint. */
static const char *const *prefixes_of(const struct wick_arch_def *arch, const char *pattern)
{
	return pattern[0] == '/' ? arch->whole_prefixes : arch->prefixes;
}

/* The tensor under the first prefix that it has. */
static const struct wick_source_tensor *find(const struct wick_pack_job *job, const char *pattern, uint32_t layer,
	uint32_t expert)
{
	const struct wick_source_tensor *found = NULL;
	char name[NAME_MAX_BYTES];

	for (const char *const *prefix = prefixes_of(job->arch, pattern); !found && *prefix; prefix++) {
		spell(name, *prefix, pattern, layer, expert);
		found = wick_checkpoint_find(job->checkpoint, name);
	}
	return found;
}

static const char *pattern_of(const struct wick_pack_job *job, enum wick_tensor_id id)
{
	enum wick_part_id part = wick_expert_part(id);

	if (part == WICK_PARTS || !job->merged)
		return job->arch->sources[id];
	return job->turned ? job->arch->experts->turned[part] : job->arch->experts->merged[part];
}

const struct wick_source_tensor *wick_pack_expert_source(
	const struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer, uint32_t expert)
{
	const char *pattern = pattern_of(job, id);
	const struct wick_source_tensor *found = pattern ? find(job, pattern, layer, expert) : NULL;

	if (!found && id == WICK_T_EMBED && job->shape.tied) /* one of two names of one tensor */
		return find(job, job->arch->sources[WICK_T_HEAD], layer, expert);
	return found;
}

const struct wick_source_tensor *wick_pack_source(
	const struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer)
{
	return wick_pack_expert_source(job, id, layer, 0);
}

/* "layers.%u.bias" is "layers.3.bias" of whichever layer. */
static bool matches(const char *pattern, const char *name)
{
	for (; *pattern; pattern++, name++) {
		if (*pattern == '%') {
			size_t digits = strspn(name, "0123456789");

			if (!digits)
				return false;
			pattern++;
			name += digits - 1;
		} else if (*pattern != *name) {
			return false;
		}
	}
	return !*name;
}

static bool is_called(const struct wick_arch_def *arch, const char *pattern, const char *name)
{
	if (!pattern)
		return false;
	for (const char *const *prefix = prefixes_of(arch, pattern); *prefix; prefix++)
		if (!strncmp(name, *prefix, strlen(*prefix)) &&
			matches(pattern + (pattern[0] == '/'), name + strlen(*prefix)))
			return true;
	return false;
}

bool wick_pack_is_of_family(const struct wick_arch_def *arch, const char *name)
{
	bool is = false;

	for (unsigned id = 0; !is && id < WICK_T_COUNT; id++)
		is = is_called(arch, arch->sources[id], name);
	for (unsigned part = 0; !is && arch->experts && part < WICK_PARTS; part++)
		is = is_called(arch, arch->experts->merged[part], name) || is_called(arch, arch->experts->turned[part], name);
	return is;
}

int wick_pack_visit(const struct wick_pack_job *job, struct wick_pack_wanted *wanted,
	int (*visit)(const struct wick_pack_wanted *wanted, void *user), void *user)
{
	const char *pattern = pattern_of(job, wanted->slot);
	char name[NAME_MAX_BYTES];

	spell(name, prefixes_of(job->arch, pattern)[0], pattern, wanted->layer, wanted->expert);
	wanted->name = name;
	return visit(wanted, user);
}

struct walk {
	const struct wick_arch_def *arch;
	const struct wick_shape *shape;
	int (*visit)(const struct wick_pack_wanted *wanted, void *user);
	void *user;
};

static int walk_to(const struct walk *walk, enum wick_tensor_id id, uint32_t layer, unsigned dims, uint64_t rows, uint64_t cols)
{
	struct wick_pack_wanted wanted = { .slot = id, .layer = layer, .dims = dims, .shape = { dims > 1 ? rows : cols, cols } };
	const char *pattern = walk->arch->sources[id];
	char name[NAME_MAX_BYTES];

	spell(name, prefixes_of(walk->arch, pattern)[0], pattern, layer, 0);
	wanted.name = name;
	return walk->visit(&wanted, walk->user);
}

int wick_pack_want(const struct wick_arch_def *arch, enum wick_tensor_id id, uint32_t layer, const struct wick_tensor *tensor,
	int (*visit)(const struct wick_pack_wanted *wanted, void *user), void *user)
{
	struct walk walk = { .arch = arch, .visit = visit, .user = user };

	return walk_to(&walk, id, layer, tensor->vector ? 1 : 2, tensor->rows, tensor->cols);
}

static int walk_parts(const struct walk *walk, uint32_t layer)
{
	uint32_t d_model = walk->shape->d_model, n_ff = walk->shape->n_ff;
	int rc = walk->shape->bundle_parts == WICK_PARTS ? walk_to(walk, WICK_T_GATE, layer, 2, n_ff, d_model) : 0;

	if (rc == 0)
		rc = walk_to(walk, WICK_T_UP, layer, 2, n_ff, d_model);
	return rc ? rc : walk_to(walk, WICK_T_DOWN, layer, 2, d_model, n_ff);
}

int wick_pack_want_parts(const struct wick_arch_def *arch, const struct wick_shape *shape, uint32_t layer,
	int (*visit)(const struct wick_pack_wanted *wanted, void *user), void *user)
{
	struct walk walk = { arch, shape, visit, user };

	return walk_parts(&walk, layer);
}

static int walk_slot(enum wick_tensor_id id, uint32_t layer, void *user)
{
	const struct walk *walk = user;
	struct wick_tensor tensor;

	wick_tensor_describe(&tensor, id, layer, walk->shape);
	switch (wick_tensor_table[id].kind) {
	case WICK_TENSOR_VECTOR:
		return walk_to(walk, id, layer, 1, 1, tensor.cols);
	case WICK_TENSOR_MATRIX:
		return walk_to(walk, id, layer, 2,
			tensor.rows + (id == WICK_T_POSITION ? walk->arch->position_offset : 0), tensor.cols);
	case WICK_TENSOR_BUNDLES:
		return walk_parts(walk, layer);
	default:
		return 0;
	}
}

int wick_pack_each_source(const struct wick_arch_def *arch, const struct wick_shape *shape,
	int (*visit)(const struct wick_pack_wanted *wanted, void *user), void *user)
{
	struct walk walk = { arch, shape, visit, user };

	return wick_tensors_each(shape, walk_slot, &walk);
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

static int read_plain(float *numbers, const struct wick_pack_job *job, const struct wick_source_tensor *source, uint64_t first,
	uint64_t count)
{
	uint64_t width = wick_types[source->type].block_bytes;
	int rc = wick_checkpoint_read(job->checkpoint, source, first * width, job->raw, count * width, job->diag);

	if (rc == 0)
		job->kernels.to_f32[source->type](numbers, job->raw, count);
	return rc;
}

int wick_pack_read(struct wick_pack_job *job, const struct wick_source_tensor *source, uint64_t first, uint64_t count,
	uint64_t at, enum wick_type type)
{
	float *numbers = job->numbers + at;
	int rc = wick_pack_is_coded(job, source) ? wick_pack_read_coded(numbers, job, source, first, count) :
		read_plain(numbers, job, source, first, count);

	if (rc)
		return rc;
	if (wick_all_below(numbers, count, wick_limit_of(type)))
		return 0;
	for (uint64_t i = 0; i < count; i++)
		if (!wick_all_below(&numbers[i], 1, wick_limit_of(type)))
			return refuse_number(job, source, first + i, numbers[i], type);
	return 0;
}

int wick_pack_read_transposed(struct wick_pack_job *job, const struct wick_source_tensor *source,
	const struct wick_pack_transposed *where, uint64_t rows, uint64_t cols, enum wick_type type)
{
	float *made = job->transposed;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < cols; i++) {
		rc = wick_pack_read(job, source, where->first + i * where->stride, (rows - 1) * where->step + 1, 0, type);
		for (uint64_t r = 0; rc == 0 && r < rows; r++)
			made[r * cols + i] = job->numbers[r * where->step];
	}
	job->transposed = job->numbers;
	job->numbers = made;
	return rc;
}
