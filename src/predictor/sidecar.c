/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Opening a file of predictors. */

#include "sidecar.h"

#include "bits.h"
#include "directory.h"
#include "gguf.h"
#include "predictor_set.h"
#include "shape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDECAR_TYPES WICK_Q4_1 /* the types before it: what predictors are written in */

static uint32_t rank_of(const struct wick_sidecar_shape *shape, uint32_t layer, bool ahead)
{
	return ahead ? shape->ahead[layer] : shape->ranks[layer];
}

void wick_sidecar_describe(struct wick_tensor *tensor, const struct wick_sidecar_shape *shape, uint32_t layer, bool ahead,
	enum wick_sidecar_part part)
{
	uint32_t rank = rank_of(shape, layer, ahead);
	const struct {
		const char *name;
		enum wick_type type;
		uint32_t rows, cols, check_rows;
	} parts[WICK_SIDECAR_KINDS] = {
		[WICK_SIDECAR_IN] = { "_in.weight", shape->type, rank, shape->d_model, WICK_CHECK_ROWS },
		[WICK_SIDECAR_OUT] = { "_out.weight", shape->type, shape->n_ff, rank, WICK_CHECK_ROWS },
		[WICK_SIDECAR_BIAS] = { ".bias", WICK_F32, 1, shape->n_ff, 1 },
		[WICK_SIDECAR_LEVELS] = { "gate_levels", WICK_F32, 1, WICK_GATE_LEVELS, 1 },
		[WICK_SIDECAR_FIRING] = { "firing", WICK_F32, 1, shape->n_ff, 1 },
	};
	const char *of = part >= WICK_SIDECAR_PARTS ? "" : ahead ? "ahead" : "pred";

	*tensor = (struct wick_tensor){ .type = parts[part].type, .rows = parts[part].rows, .cols = parts[part].cols,
		.row_bytes = wick_type_bytes(parts[part].type, parts[part].cols), .check_rows = parts[part].check_rows };
	snprintf(tensor->name, sizeof(tensor->name), "blk.%u.ffn_%s%s", layer, of, parts[part].name);
}

int wick_sidecar_each(const struct wick_sidecar_shape *shape, wick_sidecar_visit_fn visit, void *user)
{
	int rc = 0;

	for (uint32_t layer = 0; layer < shape->layers; layer++) {
		for (unsigned ahead = 0; ahead < 2; ahead++)
			for (unsigned part = 0; rc == 0 && rank_of(shape, layer, ahead) && part < WICK_SIDECAR_PARTS; part++)
				rc = visit(user, layer, ahead, part);
		if (rc == 0 && shape->levels)
			rc = visit(user, layer, false, WICK_SIDECAR_LEVELS);
		if (rc == 0 && shape->firing)
			rc = visit(user, layer, false, WICK_SIDECAR_FIRING);
	}
	return rc;
}

struct sum {
	const struct wick_sidecar_shape *shape;
	uint64_t blocks;
};

static int add_blocks(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part)
{
	struct sum *sum = user;
	struct wick_tensor tensor;

	wick_sidecar_describe(&tensor, sum->shape, layer, ahead, part);
	sum->blocks += wick_div_up(tensor.rows, tensor.check_rows);
	return 0;
}

uint64_t wick_sidecar_checksums(const struct wick_sidecar_shape *shape)
{
	struct sum sum = { shape, 0 };

	wick_sidecar_each(shape, add_blocks, &sum);
	return sum.blocks + 2;
}

/* One file being opened. */
struct opening {
	struct wick_predictor_set *predictors;
	const struct wick_model *model;
	struct wick_sidecar_shape shape;
	uint32_t version;
	uint32_t *ranks; /* (2, layers): those of the layers, those that look ahead */
	struct wick_directory directory;
	const uint32_t *crcs; /* of the next tensor */
	struct wick_diag *diag;
};

static const char *path_of(const struct opening *opening)
{
	return wick_gguf_path(opening->predictors->gguf);
}

static int read_number(const struct opening *opening, const char *key, uint32_t *value)
{
	uint64_t number = 0;
	int rc = wick_gguf_u64(opening->predictors->gguf, key, &number, opening->diag);

	*value = (uint32_t)WICK_MIN(number, UINT32_MAX);
	if (rc == -ENOENT)
		return wick_diag_say(opening->diag, -EINVAL, "%s: key \"%s\" is missing", path_of(opening), key);
	return rc;
}

static bool is_text(struct wick_gguf_string string, const char *text)
{
	return string.length == strlen(text) && memcmp(string.bytes, text, string.length) == 0;
}

bool wick_sidecar_is_of(const struct wick_gguf *gguf, const struct wick_model *model)
{
	uint64_t crc;

	return wick_gguf_u64(gguf, "wick.predictors.model", &crc, NULL) == 0 && crc == wick_model_identity(model);
}

/* Is it a file of predictors, of this version? */
static int check_kind(struct opening *opening)
{
	struct wick_gguf_string arch = { 0 };
	uint32_t version = 0;
	int rc = wick_gguf_string(opening->predictors->gguf, "general.architecture", &arch, opening->diag);

	if (rc && rc != -ENOENT)
		return rc;
	if (rc || !is_text(arch, WICK_SIDECAR_ARCH))
		return wick_diag_say(opening->diag, -EINVAL, "%s: not a file of predictors; move it out of the way",
			path_of(opening));
	rc = read_number(opening, "wick.predictors.version", &version);
	if (rc == 0 && (version < 1 || version > WICK_SIDECAR_VERSION))
		return wick_diag_say(opening->diag, -EINVAL, "%s: predictors of version %u; this program knows versions 1 to %u",
			path_of(opening), version, WICK_SIDECAR_VERSION);
	opening->version = version;
	return rc;
}

/* Is it this model's? */
static int check_model(struct opening *opening)
{
	const struct wick_shape *model = &opening->model->shape;
	const struct {
		const char *key;
		uint32_t wanted;
		uint32_t *value;
	} numbers[] = {
		{ "wick.predictors.model", wick_model_identity(opening->model), &opening->shape.model_crc },
		{ "wick.predictors.layers", model->layers, &opening->shape.layers },
		{ "wick.predictors.d_model", model->d_model, &opening->shape.d_model },
		{ "wick.predictors.n_ff", model->n_ff, &opening->shape.n_ff },
	};

	for (size_t i = 0; i < WICK_COUNT_OF(numbers); i++) {
		int rc = read_number(opening, numbers[i].key, numbers[i].value);

		if (rc)
			return rc;
		if (*numbers[i].value != numbers[i].wanted)
			return wick_diag_say(opening->diag, -EINVAL,
				"%s: these predictors were made for another model (%s is %u, not %u); make them anew with "
				"wick train, or remove them", path_of(opening), numbers[i].key, *numbers[i].value,
				numbers[i].wanted);
	}
	return 0;
}

static int read_type(struct opening *opening)
{
	struct wick_gguf_string name = { 0 };
	int rc = wick_gguf_string(opening->predictors->gguf, "wick.predictors.encoding", &name, opening->diag);

	if (rc && rc != -ENOENT)
		return rc;
	for (unsigned type = 0; rc == 0 && type < SIDECAR_TYPES; type++)
		if (is_text(name, wick_types[type].name)) {
			opening->shape.type = type;
			return 0;
		}
	return wick_diag_say(opening->diag, -EINVAL, "%s: wick.predictors.encoding \"%.*s\" is not supported",
		path_of(opening), (int)WICK_MIN(name.length, 80), name.bytes);
}

/* A list of one rank a layer. */
static int read_ranks(const struct opening *opening, const char *key, uint32_t *ranks, int64_t least)
{
	const struct wick_gguf *gguf = opening->predictors->gguf;
	const struct wick_type_info *type = &wick_types[opening->shape.type];
	enum wick_gguf_type element;
	uint64_t count = 0;
	int rc = wick_gguf_array(gguf, key, &element, &count, opening->diag);

	if (rc && rc != -ENOENT)
		return rc;
	if (count != opening->shape.layers)
		return wick_diag_say(opening->diag, -EINVAL, "%s: %s lists %llu ranks for %u layers", path_of(opening), key,
			(unsigned long long)count, opening->shape.layers);
	for (uint64_t i = 0; i < count; i++) {
		int64_t rank = wick_gguf_array_int(gguf, key, i);

		if (rank < least || rank > WICK_DIM_MAX || rank % type->block)
			return wick_diag_say(opening->diag, -EINVAL, "%s: %s: a rank of %lld in %s is not possible",
				path_of(opening), key, (long long)rank, type->name);
		ranks[i] = (uint32_t)rank;
	}
	return 0;
}

/* Levels are for gates that no predictor is for. */
static int check_levels(const struct opening *opening)
{
	const struct wick_shape *shape = &opening->model->shape;
	bool any = false;

	for (uint32_t i = 0; i < 2 * opening->shape.layers; i++)
		any |= opening->ranks[i] > 0;
	if (!opening->shape.levels || (!any && (wick_gate_is_soft(shape) || wick_has_experts(shape))))
		return 0;
	return wick_diag_say(opening->diag, -EINVAL, any ? "%s: levels of gates beside predictors" :
		"%s: levels of gates, which are for those of experts, and for gates apart from bundles that are not of ReLU", path_of(opening));
}

static int read_all_ranks(struct opening *opening)
{
	uint32_t layers = opening->shape.layers;
	int rc = read_ranks(opening, "wick.predictors.ranks", opening->ranks, opening->shape.levels ? 0 : 1);

	if (rc == 0)
		rc = read_ranks(opening, "wick.predictors.ahead", opening->ranks + layers, 0);
	if (rc == 0 && opening->ranks[2 * layers - 1])
		rc = wick_diag_say(opening->diag, -EINVAL, "%s: nothing can be looked ahead to from the last layer",
			path_of(opening));
	if (rc == 0 && opening->shape.d_model % wick_types[opening->shape.type].block)
		rc = wick_diag_say(opening->diag, -EINVAL, "%s: a width of %u does not fit predictors of %s",
			path_of(opening), opening->shape.d_model, wick_types[opening->shape.type].name);
	opening->shape.ranks = opening->ranks;
	opening->shape.ahead = opening->ranks + layers;
	return rc ? rc : check_levels(opening);
}

static int read_flag(const struct opening *opening, const char *key, bool *flag)
{
	int rc = wick_gguf_bool(opening->predictors->gguf, key, flag, opening->diag);

	if (rc == -ENOENT)
		return wick_diag_say(opening->diag, -EINVAL, "%s: key \"%s\" is missing", path_of(opening), key);
	return rc;
}

/* What there is beside predictors. */
static int make_extras(const struct opening *opening)
{
	struct wick_predictor_set *predictors = opening->predictors;

	if (opening->shape.levels) {
		predictors->levels = calloc(predictors->layers, sizeof(*predictors->levels));
		predictors->memory_bytes += predictors->layers * sizeof(*predictors->levels);
	}
	if (opening->shape.firing) {
		predictors->firing = calloc(predictors->layers, sizeof(*predictors->firing));
		predictors->memory_bytes += predictors->layers * sizeof(*predictors->firing);
	}
	if ((opening->shape.levels && !predictors->levels) || (opening->shape.firing && !predictors->firing))
		return wick_diag_say(opening->diag, -ENOMEM, "no memory for the neurons of %u layers", predictors->layers);
	return 0;
}

static int read_keys(struct opening *opening)
{
	uint32_t layers = opening->model->shape.layers;
	int rc = check_kind(opening);

	if (rc == 0)
		rc = check_model(opening);
	if (rc == 0)
		rc = read_type(opening);
	if (rc == 0)
		rc = read_flag(opening, "wick.predictors.relu", &opening->shape.relu);
	if (rc == 0)
		rc = read_flag(opening, "wick.predictors.imported", &opening->shape.imported);
	if (rc == 0 && opening->version > 1)
		rc = read_flag(opening, "wick.predictors.levels", &opening->shape.levels);
	if (rc == 0 && opening->version > 1)
		rc = read_flag(opening, "wick.predictors.residual", &opening->shape.residual);
	if (rc == 0 && opening->version > 2)
		rc = read_flag(opening, "wick.predictors.firing", &opening->shape.firing);
	if (rc == 0)
		rc = make_extras(opening);
	if (rc)
		return rc;
	opening->ranks = calloc(2 * (size_t)layers, sizeof(*opening->ranks));
	if (!opening->ranks)
		return wick_diag_say(opening->diag, -ENOMEM, "%s: no memory for %u ranks", path_of(opening), 2 * layers);
	return read_all_ranks(opening);
}

static struct wick_tensor *place_of(
	const struct wick_predictor_set *predictors, uint32_t layer, bool ahead, enum wick_sidecar_part part)
{
	struct wick_predictor *predictor = ahead ? &predictors->ahead[layer] : &predictors->layer[layer];
	struct wick_tensor *const parts[WICK_SIDECAR_KINDS] = { &predictor->in, &predictor->out, &predictor->bias,
		predictors->levels ? &predictors->levels[layer].tensor : NULL,
		predictors->firing ? &predictors->firing[layer] : NULL };

	return parts[part];
}

static int match_part(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part)
{
	struct opening *opening = user;
	struct wick_tensor *tensor = place_of(opening->predictors, layer, ahead, part);

	wick_sidecar_describe(tensor, &opening->shape, layer, ahead, part);
	return wick_directory_match(&opening->directory, tensor, wick_directory_type(tensor->type),
		(uint64_t[]){ tensor->cols, tensor->rows });
}

static int match_all(struct opening *opening)
{
	struct wick_tensor checksums = { .name = "wick.checksums" };
	int rc;

	opening->directory = (struct wick_directory){ .gguf = opening->predictors->gguf, .kind = "file",
		.end = wick_gguf_header_bytes(opening->predictors->gguf), .diag = opening->diag };
	rc = wick_sidecar_each(&opening->shape, match_part, opening);
	if (rc == 0)
		rc = wick_directory_match(&opening->directory, &checksums, WICK_GGML_I32,
			(uint64_t[]){ wick_sidecar_checksums(&opening->shape), 1 });
	return rc ? rc : wick_directory_end(&opening->directory);
}

/* Hands each tensor its stretch of wick.checksums. */
static int hand_out(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part)
{
	struct opening *opening = user;
	struct wick_tensor *tensor = place_of(opening->predictors, layer, ahead, part);

	tensor->crcs = opening->crcs;
	opening->crcs += wick_div_up(tensor->rows, tensor->check_rows);
	return 0;
}

static int load_checksums(struct opening *opening)
{
	uint64_t count = wick_sidecar_checksums(&opening->shape);
	int rc;

	opening->predictors->crcs = calloc(count, sizeof(*opening->predictors->crcs));
	if (!opening->predictors->crcs)
		return wick_diag_say(opening->diag, -ENOMEM, "%s: no memory for %llu checksums", path_of(opening),
			(unsigned long long)count);
	rc = wick_directory_checksums(&opening->directory, opening->predictors->crcs);
	opening->crcs = opening->predictors->crcs;
	opening->predictors->memory_bytes += count * sizeof(*opening->crcs);
	return rc ? rc : wick_sidecar_each(&opening->shape, hand_out, opening);
}

int wick_sidecar_bind(struct wick_predictor_set *predictors, const struct wick_model *model, struct wick_diag *diag)
{
	struct opening opening = { .predictors = predictors, .model = model, .diag = diag };
	int rc = read_keys(&opening);

	if (rc == 0)
		rc = match_all(&opening);
	if (rc == 0)
		rc = load_checksums(&opening);
	for (uint32_t i = 0; rc == 0 && i < predictors->layers; i++)
		predictors->layer[i].relu = predictors->ahead[i].relu = opening.shape.relu;
	predictors->residual = opening.shape.residual;
	if (!opening.shape.levels)
		predictors->origin = opening.shape.imported ? WICK_PREDICTORS_IMPORTED : WICK_PREDICTORS_TRAINED;
	free(opening.ranks);
	return rc;
}
