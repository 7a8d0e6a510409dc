/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A Hugging Face folder whose family has a stock file's keys, as the source of a packed model: config.json becomes those
 * keys, and from then on they say what the model is, as in a stock file. */

#include "pack_general.h"

#include "bits.h"
#include "gguf_write.h"
#include "pack_folder_experts.h"
#include "shape.h"
#include "stock_family.h"
#include "synthetic.h"
#include "tensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OVERHEAD_BYTES (48ull << 20) /* page cache of both files, names and header */
#define MEMORY_DEFAULT (1ull << 30)

/* Of the folder, behind the job: what config.json says. */
struct folder {
	struct wick_pack_general general; /* first: what read() is given */
	struct wick_arch_said said;
};

/* Which of the projections that heads share a tensor is: 0, 1, 2 for queries, keys, values; -1: none. */
static int projection_of(enum wick_tensor_id id)
{
	switch (id) {
	case WICK_T_Q:
	case WICK_T_Q_BIAS:
		return 0;
	case WICK_T_K:
	case WICK_T_K_BIAS:
		return 1;
	case WICK_T_V:
	case WICK_T_V_BIAS:
		return 2;
	default:
		return -1;
	}
}

/* Queries of a head of keys, which are beside it where all projections are one tensor. */
static uint64_t group_of(const struct folder *folder)
{
	return folder->said.heads / folder->said.kv_heads;
}

/* Where row i of a projection comes from. A head's halves turn together, and lie beside each other in the file of some
 * families; in the checkpoints of others a group is its queries, its keys and its values. */
static uint64_t source_row(const struct folder *folder, enum wick_tensor_id id, uint64_t i)
{
	uint64_t dim = folder->said.head_dim, in_head = i % dim, head = i / dim, group = group_of(folder);
	int which = projection_of(id);

	if (folder->general.job.arch->neighbours)
		in_head = in_head % 2 * (dim / 2) + in_head / 2;
	if (folder->general.job.arch->grouped)
		head = which ? head * (group + 2) + group + (uint64_t)which - 1 : head / group * (group + 2) + head % group;
	return head * dim + in_head;
}

static bool is_turned(const struct folder *folder, enum wick_tensor_id id)
{
	const struct wick_arch_def *arch = folder->general.job.arch;
	int which = projection_of(id);

	return arch->grouped ? which >= 0 : arch->neighbours && (which == 0 || which == 1);
}

/* One row, or one number of a bias, after the other. */
static int read_turned(struct folder *folder, enum wick_tensor_id id, const struct wick_source_tensor *source,
	const struct wick_tensor *tensor, uint64_t first, uint64_t rows)
{
	uint64_t width = tensor->vector ? 1 : tensor->cols, count = tensor->vector ? tensor->cols : rows;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < count; i++)
		rc = wick_pack_read(&folder->general.job, source, source_row(folder, id, first + i) * width, width, i * width,
			tensor->type);
	return rc;
}

static bool is_same_source(const struct wick_arch_def *arch, enum wick_tensor_id a, enum wick_tensor_id b)
{
	return arch->sources[a] && arch->sources[b] && !strcmp(arch->sources[a], arch->sources[b]);
}

/* Rows, or numbers of a vector, of all tensors from `first` to before `end` that one of the checkpoint's has. */
static uint64_t shared_rows(const struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer, unsigned first, unsigned end)
{
	struct wick_tensor tensor;
	uint64_t rows = 0;

	for (unsigned part = first; part < end; part++) {
		if (!is_same_source(job->arch, id, part))
			continue;
		wick_tensor_describe(&tensor, part, layer, &job->shape);
		rows += tensor.vector ? tensor.cols : tensor.rows;
	}
	return rows;
}

static bool is_transposed(const struct wick_arch_def *arch, enum wick_tensor_id id)
{
	return arch->transposed && id >= WICK_T_Q && id <= WICK_T_DOWN;
}

/* Rows of a tensor of the checkpoint, or of the part of it that this one is. */
static int read_straight(struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer, const struct wick_tensor *tensor,
	uint64_t first, uint64_t rows)
{
	const struct wick_source_tensor *source = wick_pack_source(job, id, layer);
	uint64_t width = tensor->vector ? 1 : tensor->cols, before = shared_rows(job, id, layer, 0, id);

	if (is_transposed(job->arch, id))
		return wick_pack_read_transposed(job, source, &(struct wick_pack_transposed){ before + first, source->shape[1], 1 }, rows,
			tensor->cols, tensor->type);
	return wick_pack_read(job, source, (before + first) * width, rows * tensor->cols, 0, tensor->type);
}

/* Of some families the numbers of norms say how far they are from 1. */
static void add_one(struct wick_pack_job *job, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		job->numbers[i] += 1;
}

/* What frequencies are divided by is said in config.json. NULL: another tensor. */
static float *const *list_of(const struct folder *folder, enum wick_tensor_id id)
{
	return id >= WICK_T_ROPE_FREQS && id < WICK_T_ROPE_FREQS + WICK_ARCH_LISTS ? &folder->said.divisors[id - WICK_T_ROPE_FREQS] : NULL;
}

/* In the checkpoint a matrix, a row for each of them. */
static bool has_biases_of_experts(const struct wick_tensor *tensor)
{
	return tensor->vector && tensor->experts;
}

static int read_rows(struct wick_pack_general *general, enum wick_tensor_id id, uint32_t layer, uint64_t first, uint64_t rows)
{
	struct folder *folder = (struct folder *)general;
	struct wick_pack_job *job = &general->job;
	const struct wick_tensor *tensor = wick_tensor_at(&general->made, layer, id);
	int rc;

	if (list_of(folder, id)) {
		memcpy(job->packed, *list_of(folder, id), tensor->row_bytes);
		return 0;
	}
	if (wick_expert_part(id) != WICK_PARTS)
		rc = wick_pack_read_experts(job, id, layer, tensor, first, rows);
	else if (has_biases_of_experts(tensor))
		rc = wick_pack_read_expert_biases(job, id, layer, tensor);
	else if (is_turned(folder, id))
		rc = read_turned(folder, id, wick_pack_source(job, id, layer), tensor, first, rows);
	else
		rc = read_straight(job, id, layer, tensor, first, rows);
	if (rc)
		return rc;
	if (job->arch->norms_from_zero && wick_tensor_is_norm(id))
		add_one(job, rows * tensor->cols);
	if (!wick_pack_keeps_blocks(job, id, tensor->type))
		job->kernels.from_f32[tensor->type](job->packed, job->numbers, rows * tensor->cols);
	return 0;
}

static int finish(struct wick_pack_general *general)
{
	return wick_checkpoint_finish(general->job.checkpoint, general->job.diag);
}

/* A zip may be read for long before the first of its numbers is there. */
static int tick(void *user)
{
	return wick_pack_go_on(user);
}

/* Facts are read from the keys that the file will have. */
static int read_facts(struct folder *folder, const struct wick_gguf_writer *writer, const char *whose)
{
	struct wick_pack_job *job = &folder->general.job;
	enum wick_type type = job->shape.type, matrix_type = job->shape.matrix_type;
	int rc = wick_pack_facts(&job->shape, writer, whose, job->diag);

	job->shape.type = type;
	job->shape.matrix_type = matrix_type;
	job->shape.tied = folder->said.tied;
	job->shape.kind[0].two_norms = job->arch->two_norms;
	for (uint32_t kind = 0; kind < job->shape.kinds; kind++)
		job->shape.kind[kind].attn.head_norm |= folder->said.head_norm;
	job->shape.left_out = folder->said.left_out;
	return rc;
}

/* An FFN whose zeros can be skipped becomes bundles; so does one with gates that are to be apart, which thresholds can cut. */
static int settle_bundles(struct folder *folder, const char *out, uint32_t align, const char *whose)
{
	const struct wick_ffn_facts *said = &folder->said.ffn;
	struct wick_shape *shape = &folder->general.job.shape;
	bool by_gate = folder->general.job.by_gate;
	int rc;

	if (by_gate && (!shape->kind[0].ffn.gated || wick_has_experts(shape)))
		return wick_diag_say(folder->general.job.diag, -EINVAL, "%s: predictor gate: its neurons have no gates, or are experts'", whose);
	if (!folder->said.sparse && !by_gate)
		return 0;
	rc = wick_pack_settle_align(&align, &folder->general.job, out, align);
	if (rc)
		return rc;
	for (uint32_t kind = 0; folder->said.sparse && kind < shape->kinds; kind++) {
		shape->kind[kind].ffn.act = said->act;
		shape->kind[kind].ffn.threshold = said->threshold;
		shape->kind[kind].ffn.relu_up = said->relu_up;
	}
	shape->bundle_parts = shape->kind[0].ffn.gated && !by_gate ? 3 : 2;
	shape->predictor = !by_gate;
	shape->predictor_type = wick_shape_predictor_type(shape);
	return wick_shape_complete_bundles(shape, align, whose, folder->general.job.diag);
}

static bool is_wanted(const struct wick_shape *shape, const struct folder *folder, enum wick_tensor_id id, uint32_t layer)
{
	if (list_of(folder, id))
		return *list_of(folder, id);
	if (wick_tensor_table[id].kind != WICK_TENSOR_VECTOR && wick_tensor_table[id].kind != WICK_TENSOR_MATRIX)
		return id != WICK_T_CHECKSUMS && wick_tensor_belongs(shape, id, layer);
	return folder->general.job.arch->sources[id] && (wick_tensor_is_needed(shape, id, layer) || folder->said.has[id]);
}

struct describing {
	struct folder *folder;
	int (*visit)(const struct wick_pack_wanted *wanted, void *user);
	void *user;
};

/* As the checkpoint has it. */
static void transpose(struct wick_tensor *tensor)
{
	uint64_t rows = tensor->rows;

	tensor->rows = tensor->cols;
	tensor->cols = rows;
}

static int ask_for(enum wick_tensor_id id, uint32_t layer, void *user)
{
	const struct describing *describing = user;
	const struct wick_pack_job *job = &describing->folder->general.job;
	struct wick_tensor tensor;

	if (list_of(describing->folder, id) || !is_wanted(&job->shape, describing->folder, id, layer))
		return 0;
	if (id == WICK_T_BUNDLES)
		return wick_pack_want_parts(job->arch, &job->shape, layer, describing->visit, describing->user);
	if (job->arch->sources[id] && wick_expert_part(id) != WICK_PARTS)
		return wick_pack_want_experts(job, id, layer, describing->visit, describing->user);
	if (!job->arch->sources[id] || shared_rows(job, id, layer, 0, id)) /* the first part asks for all */
		return 0;
	wick_tensor_describe(&tensor, id, layer, &job->shape);
	*(tensor.vector ? &tensor.cols : &tensor.rows) = shared_rows(job, id, layer, id, WICK_T_COUNT);
	if (is_transposed(job->arch, id))
		transpose(&tensor);
	if (has_biases_of_experts(&tensor)) {
		tensor.rows = tensor.experts;
		tensor.cols /= tensor.experts;
		tensor.vector = false;
	}
	tensor.vector &= id != WICK_T_SHARED_ROUTER; /* there a matrix of one row */
	return wick_pack_want(job->arch, id, layer, &tensor, describing->visit, describing->user);
}

static int each_source(const struct wick_pack_job *job, int (*visit)(const struct wick_pack_wanted *wanted, void *user),
	void *user)
{
	struct describing describing = { .folder = (struct folder *)job, .visit = visit, .user = user };

	return wick_tensors_all(job->shape.layers, ask_for, &describing);
}

/* Gates, ups and downs, those of experts too. */
static bool is_of_ffn(enum wick_tensor_id id)
{
	return (id >= WICK_T_GATE && id <= WICK_T_DOWN) || (id >= WICK_T_GATE_EXPERTS && id <= WICK_T_SHARED_DOWN);
}

/* The tensors that the file will have. */
static int describe(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct folder *folder = user;
	const struct wick_shape *shape = &folder->general.job.shape;
	struct wick_tensor *tensor = wick_tensor_at(&folder->general.made, layer, id);

	if (!is_wanted(shape, folder, id, layer))
		return 0;
	wick_tensor_describe(tensor, id, layer, shape);
	wick_stock_tensor_name(tensor->name, shape, id, layer);
	if (!shape->bundle_parts && is_of_ffn(id))
		tensor->type = shape->type;
	if (id == WICK_T_ROUTER)
		tensor->type = WICK_F32; /* choices are made in f32 */
	if (wick_tensor_table[id].kind != WICK_TENSOR_VECTOR && wick_tensor_table[id].kind != WICK_TENSOR_MATRIX)
		return 0;
	if (tensor->cols % wick_types[tensor->type].block)
		return wick_diag_say(folder->general.job.diag, -EINVAL,
			"tensor \"%s\" has rows of %llu numbers, no whole blocks of %s: another type is needed", tensor->name,
			(unsigned long long)tensor->cols, wick_types[tensor->type].name);
	tensor->row_bytes = wick_type_bytes(tensor->type, tensor->cols);
	if (wick_expert_part(id) != WICK_PARTS)
		tensor->check_rows = wick_bundle_check_rows(wick_expert_rows(tensor), tensor->row_bytes);
	return 0;
}

static bool has_transposed(const struct wick_pack_job *job)
{
	return job->arch->transposed || job->turned;
}

static int make_room(struct folder *folder, uint64_t memory_bytes)
{
	struct wick_pack_job *job = &folder->general.job;
	uint64_t widest = WICK_MAX(job->shape.d_model, job->shape.n_ff), buffers = has_transposed(job) ? 4 : 3, least, columns;

	widest = WICK_MAX(widest, (uint64_t)folder->said.heads * folder->said.head_dim);
	if (folder->said.has[WICK_T_HEAD_BIAS])
		widest = WICK_MAX(widest, (uint64_t)job->shape.vocab);
	if (job->shape.kind[0].ffn.experts.biased)
		widest = WICK_MAX(widest, job->shape.kind[0].ffn.experts.count * (uint64_t)WICK_MAX(job->shape.d_model, job->shape.n_ff));
	job->chunk = WICK_PACK_GENERAL_NUMBERS(widest);
	columns = job->shape.bundle_parts ? WICK_PACK_COLUMNS_MIN * (uint64_t)job->shape.d_model * sizeof(float) : 0;
	least = OVERHEAD_BYTES + buffers * job->chunk * sizeof(float) + columns;
	memory_bytes = memory_bytes ? memory_bytes : WICK_MAX(MEMORY_DEFAULT, least);
	if (memory_bytes < least)
		return wick_diag_say(job->diag, -EINVAL,
			"packing this model takes at least %llu bytes of memory, more than the %llu allowed", (unsigned long long)least,
			(unsigned long long)memory_bytes);
	folder->general.made.tensors = calloc(wick_tensors_count(job->shape.layers), sizeof(*folder->general.made.tensors));
	job->raw = malloc(job->chunk * sizeof(float));
	job->numbers = malloc(job->chunk * sizeof(float));
	job->transposed = has_transposed(job) ? malloc(job->chunk * sizeof(float)) : NULL;
	if (!folder->general.made.tensors || !job->raw || !job->numbers || (has_transposed(job) && !job->transposed))
		return wick_diag_say(job->diag, -ENOMEM, "no memory to pack");
	return job->shape.bundle_parts ? wick_pack_make_columns(job, memory_bytes - least + columns) : 0;
}

/* Everything of the folder but its numbers. */
static int understand(struct folder *folder, struct wick_gguf_writer *writer, const struct wick_config *config, const char *source,
	const char *out, const struct wick_pack_options *options)
{
	struct wick_pack_job *job = &folder->general.job;
	int rc = wick_pack_put_name(writer, source, job->diag);

	if (rc == 0)
		rc = wick_arch_put_keys(job->arch, &folder->said, config, writer, job->diag);
	job->weights = folder->said.weights;
	wick_pack_keep_types(job, options);
	if (rc == 0)
		rc = read_facts(folder, writer, config->path);
	if (rc == 0)
		rc = settle_bundles(folder, out, options->align, config->path);
	job->shape.vocab = folder->said.vocab;
	if (rc == 0)
		rc = wick_config_check_keys(config, job->arch->keys, &job->notes, job->diag);
	job->each_source = each_source;
	if (rc == 0)
		rc = wick_synthetic_is(source) ? wick_synthetic_open(job, source) :
			wick_checkpoint_open(&job->checkpoint, source, job->diag);
	if (rc)
		return rc;
	wick_pack_find_experts(job);
	wick_checkpoint_explain(job->checkpoint, &job->notes);
	rc = wick_pack_check_sources(job);
	if (rc || wick_synthetic_is(source))
		return rc;
	rc = wick_pack_explain_tokenizer(source, &job->notes, job->diag);
	if (rc == 0)
		rc = wick_pack_explain_generation(source, config, &job->notes, job->diag);
	return rc;
}

static int pack(struct folder *folder, struct wick_gguf_writer *writer, const char *source, const char *out,
	uint64_t memory_bytes)
{
	struct wick_pack_job *job = &folder->general.job;
	int rc = make_room(folder, memory_bytes);

	if (rc == 0)
		rc = wick_tensors_all(job->shape.layers, describe, folder);
	wick_gguf_put_u32(writer, "general.file_type", wick_shape_file_type(job->shape.type));
	if (rc == 0)
		rc = wick_pack_put_tokenizer(writer, job, source);
	if (rc == 0 && !wick_synthetic_is(source))
		rc = wick_pack_put_chat(writer, source, job->diag);
	folder->general.made.shape = job->shape;
	wick_checkpoint_watch(job->checkpoint, tick, job);
	if (rc == 0)
		rc = wick_pack_general_write(&folder->general, writer, out);
	return rc;
}

int wick_pack_folder(const struct wick_pack_job *begun, const struct wick_config *config, const char *source, const char *out,
	const struct wick_pack_options *options)
{
	struct folder folder = { .general = { .job = *begun, .read = read_rows, .finish = finish } };
	struct wick_gguf_writer writer;
	int rc = 0;

	wick_gguf_writer_init(&writer, WICK_FILE_ALIGN);
	rc = understand(&folder, &writer, config, source, out, options);
	if (rc == 0 && options->align && !folder.general.job.shape.bundle_parts)
		rc = wick_diag_say(begun->diag, -EINVAL,
			"%s: an alignment is for bundles of neurons, which a model of this kind has not", source);
	if (rc == 0)
		rc = pack(&folder, &writer, source, out, options->memory_bytes);
	wick_gguf_writer_deinit(&writer);
	wick_arch_said_free(&folder.said);
	wick_checkpoint_close(folder.general.job.checkpoint);
	free((void *)folder.general.job.shape.kind_of_layer);
	free(folder.general.made.tensors);
	free(folder.general.job.raw);
	free(folder.general.job.numbers);
	free(folder.general.job.transposed);
	wick_pack_free_columns(&folder.general.job);
	return rc;
}
