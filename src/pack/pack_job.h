/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One packing at work: what pack.c decides, pack_source.c reads and pack_slots.c writes.
 *
 *     checkpoint --read--> raw --to_f32--> numbers --from_f32--> packed --write--> out
 *                          (as stored)     checked               crc
 *
 * Three buffers of one chunk carry everything but the down-projections, whose columns are gathered in `columns`: as
 * many neurons at a time as memory allows.
 */

#include "family.h"
#include "checkpoint.h"
#include "diag.h"
#include "kernels.h"
#include "model.h"
#include "notes.h"
#include "outfile.h"

#include <wick/wick.h>

struct wick_gguf_writer;
struct wick_pack_wanted;

struct wick_pack_job {
	struct wick_shape shape;
	const struct wick_arch_def *arch;
	struct wick_checkpoint *checkpoint;
	/* As wick_pack_each_source(), which NULL means. */
	int (*each_source)(const struct wick_pack_job *job, int (*visit)(const struct wick_pack_wanted *wanted, void *user),
		void *user);
	struct wick_kernels kernels;
	struct wick_outfile out;
	uint64_t total_bytes; /* of the output */
	wick_progress_fn progress;
	void *user;
	struct wick_notes notes;
	struct wick_diag *diag;

	uint64_t chunk;       /* numbers */
	uint8_t *raw;         /* (chunk) as stored, at most 4 bytes each */
	float *numbers;       /* (chunk) */
	uint8_t *packed;      /* (packed_bytes) */
	uint64_t packed_bytes;
	float *transposed;    /* (chunk) where the checkpoint has some columns as rows; else NULL */
	float *columns;       /* (column_neurons, d_model) of a down-projection; this and the next four: wick_pack_make_columns() */
	uint32_t column_neurons;
	uint32_t *bundle_crcs; /* (n_ff) of the current layer */
	float *affine;        /* (2, d_model): weight and bias of the norm in front of an FFN */
	float *pred_bias;     /* (n_ff) of the current predictor; before that, the up-projection's own */
	enum wick_weights weights; /* as config.json says of some of the checkpoint's matrices */
	bool merged;  /* experts of a layer are one tensor of gates and ups, and one of downs */
	bool turned;  /* and each has columns as rows there */
	bool by_gate; /* gates are apart from bundles, and say which neurons fire */
	const struct wick_model *has; /* the tensors are those that this one has; NULL: those that the shape asks for */
	uint32_t *checksums;   /* (wick_pack_checksum_count()) of wick.checksums */
	uint64_t checksum_count; /* so far */
};

/* A tensor that a checkpoint of some shape must have. */
struct wick_pack_wanted {
	const char *name; /* whole, under the family's first prefix */
	enum wick_tensor_id slot;
	uint32_t layer, expert;
	unsigned dims;
	uint64_t shape[3]; /* outermost first */
};

/* Spells the name of what is wanted, and visits it. */
int wick_pack_visit(const struct wick_pack_job *job, struct wick_pack_wanted *wanted,
	int (*visit)(const struct wick_pack_wanted *wanted, void *user), void *user);

/* Calls visit for each of them, in the order of the packed file, until one returns other than 0. */
int wick_pack_each_source(const struct wick_arch_def *arch, const struct wick_shape *shape,
	int (*visit)(const struct wick_pack_wanted *wanted, void *user), void *user);

/* The same for one vector or matrix. */
int wick_pack_want(const struct wick_arch_def *arch, enum wick_tensor_id id, uint32_t layer, const struct wick_tensor *tensor,
	int (*visit)(const struct wick_pack_wanted *wanted, void *user), void *user);

/* And for the matrices that a layer's bundles are made of. */
int wick_pack_want_parts(const struct wick_arch_def *arch, const struct wick_shape *shape, uint32_t layer,
	int (*visit)(const struct wick_pack_wanted *wanted, void *user), void *user);

/* What bundles begin at multiples of, in a file at `out`: what was asked for or, 0, the drive's blocks. -EINVAL. */
int wick_pack_settle_align(uint32_t *align, const struct wick_pack_job *job, const char *out, uint32_t asked);

/* Whether the head is the embedding (shape.tied), then that every tensor is there, of the right shape; what else is
 * there is named or refused. The shape's sizes are no longer right where the head turns out to have numbers of its
 * own. */
int wick_pack_check_sources(struct wick_pack_job *job);
/* *same: a head that is the embedding again, or NULL. */
int wick_pack_settle_head(struct wick_pack_job *job, const struct wick_source_tensor **same);

/* Whether any model of the family has a tensor of this name. */
bool wick_pack_is_of_family(const struct wick_arch_def *arch, const char *name);

/* The source of a vector or matrix, NULL when the checkpoint has none; and of an expert's. */
const struct wick_source_tensor *wick_pack_source(
	const struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer);
const struct wick_source_tensor *wick_pack_expert_source(
	const struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer, uint32_t expert);

/* Numbers [first, first + count) of a tensor, at most a chunk of them, into job->numbers + at; every one is finite and
 * within what the type can hold, or -EINVAL names the tensor and the number. */
int wick_pack_read(struct wick_pack_job *job, const struct wick_source_tensor *source, uint64_t first, uint64_t count,
	uint64_t at, enum wick_type type);

/* Rows of which a tensor has the columns: number i of row r is its number first + i * stride + r * step. */
struct wick_pack_transposed {
	uint64_t first, stride, step;
};

/* At most a chunk of numbers of such rows, into job->numbers, checked likewise. */
int wick_pack_read_transposed(struct wick_pack_job *job, const struct wick_source_tensor *source,
	const struct wick_pack_transposed *where, uint64_t rows, uint64_t cols, enum wick_type type);

/* -EINVAL where the folder has an adapter, which transformers would add to the weights. */
int wick_pack_refuse_adapter(const char *folder, struct wick_diag *diag);
/* Says which of the folder's tokenizers is read, where it has several. */
int wick_pack_explain_tokenizer(const char *folder, const struct wick_notes *notes, struct wick_diag *diag);
/* Names what generation_config.json says of how tokens are chosen: a packed model keeps none of it but the stops, which
 * may not be those of config.json. */
int wick_pack_explain_generation(const char *folder, const struct wick_config *config, const struct wick_notes *notes,
	struct wick_diag *diag);

/* The tokenizer of the source, which is a folder or synthetic. */
int wick_pack_put_tokenizer(struct wick_gguf_writer *writer, const struct wick_pack_job *job, const char *source);
/* The chat templates of a folder, all of them. */
int wick_pack_put_chat(struct wick_gguf_writer *writer, const char *source, struct wick_diag *diag);
/* Puts general.name. */
int wick_pack_put_name(struct wick_gguf_writer *writer, const char *source, struct wick_diag *diag);

/* Calls visit for every tensor of the file that is written, in its order, until one returns other than 0.
 * And entries of its wick.checksums. */
int wick_pack_each(struct wick_pack_job *job, int (*visit)(enum wick_tensor_id id, uint32_t layer, void *user), void *user);
uint64_t wick_pack_checksum_count(struct wick_pack_job *job);

/* Puts the directory behind the pairs in writer; the caller frees the header. */
int wick_pack_header(
	struct wick_pack_job *job, struct wick_gguf_writer *writer, uint8_t **header, uint64_t *header_bytes);
/* Writes the file, its tensors by put_slot, which is given the job; wick_pack_commit() puts it in place, and after an
 * error wick_outfile_discard() does not. */
int wick_pack_write(struct wick_pack_job *job, const char *out_path, const uint8_t *header, uint64_t header_bytes,
	int (*put_slot)(enum wick_tensor_id id, uint32_t layer, void *user));
int wick_pack_commit(struct wick_pack_job *job);

/* A packed model in another order of neurons: wick_pack() with options->order "coactivation". */
int wick_pack_in_order(const char *source, const char *out, const struct wick_pack_options *options,
	struct wick_diag *diag);

/* Rows [first, first + rows) of a packed tensor, whole blocks of them, checked. */
struct wick_gguf;
int wick_pack_read_rows(const struct wick_pack_job *job, const struct wick_gguf *gguf, const struct wick_tensor *tensor,
	uint64_t first, uint64_t rows, uint8_t *into);

/* The trained predictors of the ordered model that was written, into `path`: place i of a layer takes neuron
 * orders[layer][i] of `from`, which are in a file of their own. */
struct wick_predictor_set;
int wick_pack_sidecar_in_order(struct wick_pack_job *job, const struct wick_predictor_set *from, const char *path,
	const uint32_t *orders);

/* -EEXIST: an ordered model under that name, "m" beside "m.gguf", would have the source's file of predictors. */
int wick_pack_check_neighbour(const struct wick_pack_job *job, const struct wick_predictor_set *predictors,
	const char *source, const char *out);

/* Puts the ordered model that was written in its place, and its trained predictors, if it has some, beside it. */
int wick_pack_in_place(struct wick_pack_job *job, const struct wick_predictor_set *predictors, const char *out,
	const uint32_t *orders);

/* Makes a layer's predictor without text and writes its rows; leaves its bias in job->pred_bias. */
int wick_pack_predictor(struct wick_pack_job *job, uint32_t layer, const struct wick_tensor *tensor);

/* Reports progress. -ECANCELED with a sentence when the progress callback cancelled. */
int wick_pack_go_on(struct wick_pack_job *job);

/* Everything that is written passes through put. */
int wick_pack_put(struct wick_pack_job *job, const void *data, uint64_t bytes);
void wick_pack_add_checksum(struct wick_pack_job *job, const void *data, uint64_t bytes);

/* blk.N.ffn_crc from job->bundle_crcs, and wick.checksums. */
int wick_pack_bundle_crcs(struct wick_pack_job *job);
int wick_pack_checksums(struct wick_pack_job *job);

/* Room for bundles and predictors, with columns of so many bytes, but of COLUMNS_MIN neurons at least; -ENOMEM. */
#define WICK_PACK_COLUMNS_MIN 64u /* neurons of a turn: below, the reads get too small */
int wick_pack_make_columns(struct wick_pack_job *job, uint64_t bytes);
void wick_pack_free_columns(struct wick_pack_job *job);

/* Writes one tensor and pads the file. A visitor for wick_pack_each(); user is the job. */
int wick_pack_slot(enum wick_tensor_id id, uint32_t layer, void *user);
