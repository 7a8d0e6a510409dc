/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Writing a synthetic stock file (see pack_synthetic.h). */

#include "pack_synthetic.h"

#include "bits.h"
#include "gguf.h"
#include "gguf_write.h"
#include "pack_general.h"
#include "shape.h"
#include "splitmix.h"
#include "stock_family.h"
#include "stock_mix.h"
#include "stock_shapes.h"
#include "synthetic.h"
#include "synthetic_source.h"
#include "tensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 32                /* of stock files */
#define POOL_NUMBERS (1ull << 18)   /* of which rows are cut */
#define PACKED_BYTES (4ull << 20)   /* written at a time */
#define POOL_NAME "pool"

/* Tensors that some files have as one, under this name: the rows of those behind the first are the next ones. */
static const struct {
	const char *name;
	enum wick_tensor_id part[3];
	uint32_t parts;
} fused[] = {
	{ "blk.%u.attn_qkv.weight", { WICK_T_Q, WICK_T_K, WICK_T_V }, 3 },
	{ "blk.%u.ffn_up.weight", { WICK_T_GATE, WICK_T_UP }, 2 },
};

struct making {
	struct wick_pack_job job; /* of which it uses the output, and progress */
	struct wick_stock_model model;
	const struct wick_stock_mix *mix;
	uint8_t *pool[WICK_WEIGHT_TYPES]; /* (POOL_NUMBERS) of each type, made when it is needed */
	struct wick_gguf_writer *writer;
};

static void put_number(struct making *making, const char *key, uint32_t value)
{
	char name[96];

	snprintf(name, sizeof(name), "%s.%s", making->model.arch, key);
	wick_gguf_put_u32(making->writer, name, value);
}

static void put_real(struct making *making, const char *key, double value)
{
	char name[96];

	snprintf(name, sizeof(name), "%s.%s", making->model.arch, key);
	wick_gguf_put_f32(making->writer, name, (float)value);
}

static void put_numbers(struct making *making)
{
	const struct wick_stock_model *model = &making->model;
	const struct {
		const char *key;
		uint32_t value;
	} numbers[] = { { "block_count", model->layers }, { "context_length", model->ctx }, { "embedding_length", model->d_model },
		{ "feed_forward_length", model->n_ff }, { "vocab_size", model->vocab }, { "attention.head_count", model->heads },
		{ "attention.head_count_kv", model->kv_heads }, { "attention.key_length", model->head_dim },
		{ "attention.value_length", model->head_dim }, { "rope.dimension_count", model->head_dim },
		{ "expert_count", model->experts }, { "expert_used_count", model->chosen },
		{ "expert_feed_forward_length", model->expert_n_ff } };

	for (size_t i = 0; i < WICK_COUNT_OF(numbers); i++)
		if (numbers[i].value)
			put_number(making, numbers[i].key, numbers[i].value);
}

static void put_extras(struct making *making)
{
	for (const struct wick_stock_extra *extra = making->model.extra; extra->key; extra++) {
		char name[96];

		snprintf(name, sizeof(name), "%s.%s", making->model.arch, extra->key);
		if (extra->text)
			wick_gguf_put_string(making->writer, name, extra->text);
		else if (extra->real > 0)
			wick_gguf_put_f32(making->writer, name, (float)extra->real);
		else
			wick_gguf_put_u32(making->writer, name, extra->number);
	}
}

static int put_keys(struct making *making, const char *source)
{
	const struct wick_stock_model *model = &making->model;
	int rc;

	wick_gguf_put_string(making->writer, "general.architecture", model->arch);
	rc = wick_pack_put_name(making->writer, source, making->job.diag);
	wick_gguf_put_u32(making->writer, "general.file_type", wick_stock_mix_file_type(making->mix));
	wick_gguf_put_u32(making->writer, "general.quantization_version", 2);
	put_numbers(making);
	put_real(making, model->layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", model->eps);
	put_real(making, "rope.freq_base", model->rope_base);
	put_extras(making);
	return rc;
}

/* What the file will be, by the keys that it will have. */
static int read_facts(struct making *making, const char *source)
{
	struct wick_pack_job *job = &making->job;
	int rc = wick_pack_facts(&job->shape, making->writer, source, job->diag);

	job->shape.vocab = making->model.vocab;
	job->shape.tied = making->model.tied;
	return rc;
}

static bool is_attention_bias(enum wick_tensor_id id)
{
	return id == WICK_T_Q_BIAS || id == WICK_T_K_BIAS || id == WICK_T_V_BIAS || id == WICK_T_O_BIAS;
}

/* A tensor of the file; false: it has none of that kind, or as a part of another. */
static bool describe(const struct making *making, struct wick_tensor *tensor, enum wick_tensor_id id, uint32_t layer)
{
	const struct wick_shape *shape = &making->job.shape;

	if (!wick_tensor_is_needed(shape, id, layer) && !(making->model.biased && is_attention_bias(id)))
		return false;
	wick_tensor_describe(tensor, id, layer, shape);
	wick_stock_tensor_name(tensor->name, shape, id, layer);
	for (size_t f = 0; making->model.fused && f < WICK_COUNT_OF(fused); f++)
		for (uint32_t p = 0; p < fused[f].parts && wick_tensor_is_needed(shape, fused[f].part[0], layer); p++) {
			struct wick_tensor part;

			wick_tensor_describe(&part, fused[f].part[p], layer, shape);
			if (id == fused[f].part[0] && p)
				tensor->rows += part.rows;
			else if (id == fused[f].part[0])
				snprintf(tensor->name, sizeof(tensor->name), fused[f].name, layer);
			else if (id == fused[f].part[p])
				return false;
		}
	if (!tensor->vector) /* one that is fused is of the type that the last of its parts has */
		tensor->type = wick_stock_mix_type(making->mix, shape, making->model.fused && id == WICK_T_Q ? WICK_T_V : id, layer,
			tensor->cols);
	tensor->row_bytes = wick_type_bytes(tensor->type, tensor->cols);
	return true;
}

static int put_entry(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct making *making = user;
	struct wick_tensor tensor;
	uint32_t type, dims;
	uint64_t ne[3];

	if (!describe(making, &tensor, id, layer))
		return 0;
	wick_tensor_directory(&tensor, id, &type, ne);
	dims = tensor.rows > 1 ? 2 : 1;
	if (tensor.experts && tensor.vector) {
		ne[0] = tensor.cols / tensor.experts;
		ne[1] = tensor.experts;
		dims = 2;
	} else if (tensor.experts) {
		ne[1] = tensor.rows / tensor.experts;
		ne[2] = tensor.experts;
		dims = 3;
	}
	wick_gguf_put_tensor(making->writer, tensor.name, type, ne, dims, wick_tensor_bytes(&tensor));
	return 0;
}

static int make_pool(struct making *making, enum wick_type type)
{
	struct wick_pack_job *job = &making->job;

	if (making->pool[type])
		return 0;
	making->pool[type] = malloc(wick_type_bytes(type, POOL_NUMBERS));
	if (!making->pool[type])
		return wick_diag_say(job->diag, -ENOMEM, "no memory for random weights");
	wick_synthetic_numbers(job->numbers, POOL_NAME, 0, POOL_NUMBERS);
	job->kernels.from_f32[type](making->pool[type], job->numbers, POOL_NUMBERS);
	return 0;
}

/* Rows [first, first + rows) of a matrix, each from another place of the pool. */
static void cut_rows(const struct making *making, const struct wick_tensor *tensor, uint64_t first, uint64_t rows)
{
	const struct wick_type_info *type = &wick_types[tensor->type];
	uint64_t places = (POOL_NUMBERS - tensor->cols) / type->block + 1, seed = wick_synthetic_seed(tensor->name);

	for (uint64_t i = 0; i < rows; i++)
		memcpy(making->job.packed + i * tensor->row_bytes, making->pool[tensor->type] +
			wick_splitmix_mix(seed + (first + i) * WICK_SPLITMIX_STEP) % places * type->block_bytes, tensor->row_bytes);
}

static int put_matrix(struct making *making, const struct wick_tensor *tensor)
{
	struct wick_pack_job *job = &making->job;
	uint64_t step = job->packed_bytes / tensor->row_bytes;
	int rc = make_pool(making, tensor->type);

	for (uint64_t row = 0; rc == 0 && row < tensor->rows; row += step) {
		uint64_t rows = WICK_MIN(step, tensor->rows - row);

		cut_rows(making, tensor, row, rows);
		rc = wick_pack_put(job, job->packed, rows * tensor->row_bytes);
	}
	return rc;
}

/* Norms lie around 1, biases around 0. */
static int put_vector(struct making *making, const struct wick_tensor *tensor, enum wick_tensor_id id)
{
	wick_synthetic_numbers(making->job.numbers, tensor->name, wick_tensor_is_norm(id), tensor->cols);
	return wick_pack_put(&making->job, making->job.numbers, wick_tensor_bytes(tensor));
}

static int put_tensor(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct making *making = user;
	struct wick_tensor tensor;
	int rc;

	if (!describe(making, &tensor, id, layer))
		return 0;
	rc = tensor.vector ? put_vector(making, &tensor, id) : put_matrix(making, &tensor);
	return rc ? rc : wick_outfile_pad(&making->job.out, ALIGNMENT, making->job.diag);
}

static int write_file(struct making *making, const char *out)
{
	struct wick_pack_job *job = &making->job;
	uint64_t header_bytes = 0;
	uint8_t *header = NULL;
	int rc;

	job->packed_bytes = PACKED_BYTES;
	job->packed = malloc(job->packed_bytes);
	job->numbers = malloc(POOL_NUMBERS * sizeof(float));
	if (!job->packed || !job->numbers)
		return wick_diag_say(job->diag, -ENOMEM, "no memory to write with");
	wick_tensors_all(job->shape.layers, put_entry, making);
	rc = wick_gguf_writer_header(making->writer, &header, &header_bytes, job->diag);
	job->total_bytes = rc ? 0 : header_bytes + making->writer->data_bytes;
	if (rc == 0 && job->progress && job->progress(job->user, 0, job->total_bytes)) /* before the room is taken */
		rc = wick_diag_say(job->diag, -ECANCELED, "stopped; %s was not written", out);
	if (rc == 0)
		rc = wick_outfile_create(&job->out, out, job->total_bytes, job->diag);
	if (rc == 0)
		rc = wick_outfile_write(&job->out, header, header_bytes, job->diag);
	if (rc == 0)
		rc = wick_tensors_all(job->shape.layers, put_tensor, making);
	if (rc == 0)
		rc = wick_pack_commit(job);
	wick_outfile_discard(&job->out);
	free(header);
	return rc;
}

static int choose(struct making *making, const char *source, const struct wick_pack_options *options)
{
	const char *type = options->type ? options->type : "q4_k_m";
	char names[160];

	making->mix = wick_stock_mix_find(type);
	if (!making->mix) {
		wick_stock_mix_names(names, sizeof(names));
		return wick_diag_say(making->job.diag, -EINVAL, "a stock file is not made as \"%.40s\"; possible are %s", type, names);
	}
	if (options->attention_type || options->align)
		return wick_diag_say(making->job.diag, -EINVAL,
			"%s: in stock layout the type of each tensor, and its place, follow from the file's", source);
	if (options->predictor)
		return wick_diag_say(making->job.diag, -EINVAL, "%s: a file in stock layout has no predictors", source);
	return wick_stock_model_find(&making->model, source + strlen(WICK_SYNTHETIC), making->job.diag);
}

int wick_pack_synthetic(const char *source, const char *out, const struct wick_pack_options *options, struct wick_diag *diag)
{
	struct making making = { .job = { .progress = options->progress, .user = options->user, .diag = diag } };
	struct wick_gguf_writer writer;
	int rc = choose(&making, source, options);

	if (rc)
		return rc;
	wick_kernels_init(&making.job.kernels, ~0u);
	wick_gguf_writer_init(&writer, ALIGNMENT);
	making.writer = &writer;
	rc = put_keys(&making, source);
	if (rc == 0)
		rc = read_facts(&making, source);
	if (rc == 0)
		rc = wick_pack_put_tokenizer(&writer, &making.job, source);
	if (rc == 0)
		rc = write_file(&making, out);
	wick_gguf_writer_deinit(&writer);
	free((void *)making.job.shape.kind_of_layer);
	free(making.job.packed);
	free(making.job.numbers);
	for (size_t i = 0; i < WICK_COUNT_OF(making.pool); i++)
		free(making.pool[i]);
	return rc;
}
