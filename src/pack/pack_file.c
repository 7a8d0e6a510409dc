/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Packed files as packing writes and reads them: header, tensors by a visitor, checksums, rows of another one (see
 * pack_job.h). */

#include "pack_job.h"

#include "bits.h"
#include "directory.h"
#include "fileio.h"
#include "gguf.h"
#include "gguf_write.h"

#include <errno.h>

int wick_pack_go_on(struct wick_pack_job *job)
{
	if (!job->progress || !job->progress(job->user, job->out.bytes, job->total_bytes))
		return 0;
	return wick_diag_say(job->diag, -ECANCELED, "stopped; %s was not written", job->out.path);
}

int wick_pack_put(struct wick_pack_job *job, const void *data, uint64_t bytes)
{
	int rc = wick_outfile_write(&job->out, data, bytes, job->diag);

	return rc ? rc : wick_pack_go_on(job);
}

void wick_pack_add_checksum(struct wick_pack_job *job, const void *data, uint64_t bytes)
{
	job->checksums[job->checksum_count++] = job->kernels.crc32c(0, data, bytes);
}

struct tour {
	const struct wick_model *has;
	int (*visit)(enum wick_tensor_id id, uint32_t layer, void *user);
	void *user;
};

static int visit_own(enum wick_tensor_id id, uint32_t layer, void *user)
{
	const struct tour *tour = user;

	if (id != WICK_T_CHECKSUMS && !wick_tensor_is_own(tour->has, wick_tensor_index(layer, id)))
		return 0;
	return tour->visit(id, layer, tour->user);
}

int wick_pack_each(struct wick_pack_job *job, int (*visit)(enum wick_tensor_id id, uint32_t layer, void *user), void *user)
{
	struct tour tour = { job->has, visit, user };

	return job->has ? wick_tensors_all(job->shape.layers, visit_own, &tour) : wick_tensors_each(&job->shape, visit, user);
}

static void describe(struct wick_tensor *tensor, struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer)
{
	wick_tensor_describe(tensor, id, layer, &job->shape);
	if (id == WICK_T_CHECKSUMS)
		tensor->cols = wick_pack_checksum_count(job);
	else if (job->has)
		*tensor = *wick_tensor_at(job->has, layer, id);
	tensor->row_bytes = id == WICK_T_CHECKSUMS ? tensor->cols * sizeof(uint32_t) : tensor->row_bytes;
}

struct sum {
	struct wick_pack_job *job;
	uint64_t blocks;
};

static int add_blocks(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct sum *sum = user;
	struct wick_tensor tensor;

	if (id == WICK_T_CHECKSUMS)
		return 0;
	describe(&tensor, sum->job, id, layer);
	sum->blocks += wick_tensor_blocks(&tensor, id);
	return 0;
}

uint64_t wick_pack_checksum_count(struct wick_pack_job *job)
{
	struct sum sum = { job, 0 };

	wick_pack_each(job, add_blocks, &sum);
	return sum.blocks + 2; /* the header's, and that of all before it */
}

struct directory {
	struct wick_pack_job *job;
	struct wick_gguf_writer *writer;
};

static int put_entry(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct directory *directory = user;
	struct wick_tensor tensor;
	uint32_t type;
	uint64_t ne[2];

	describe(&tensor, directory->job, id, layer);
	wick_tensor_directory(&tensor, id, &type, ne);
	wick_gguf_put_tensor(
		directory->writer, tensor.name, type, ne, tensor.rows > 1 ? 2 : 1, wick_tensor_bytes(&tensor));
	return 0;
}

int wick_pack_header(
	struct wick_pack_job *job, struct wick_gguf_writer *writer, uint8_t **header, uint64_t *header_bytes)
{
	struct directory directory = { .job = job, .writer = writer };
	int rc;

	wick_pack_each(job, put_entry, &directory);
	rc = wick_gguf_writer_header(writer, header, header_bytes, job->diag);
	job->total_bytes = rc ? 0 : *header_bytes + writer->data_bytes;
	return rc;
}

int wick_pack_write(struct wick_pack_job *job, const char *out_path, const uint8_t *header, uint64_t header_bytes,
	int (*put_slot)(enum wick_tensor_id id, uint32_t layer, void *user))
{
	int rc = wick_outfile_create(&job->out, out_path, job->total_bytes, job->diag);

	if (rc)
		return rc;
	job->checksums[wick_pack_checksum_count(job) - 2] = job->kernels.crc32c(0, header, header_bytes);
	rc = wick_outfile_write(&job->out, header, header_bytes, job->diag);
	if (rc == 0)
		rc = wick_pack_each(job, put_slot, job);
	return rc ? rc : wick_outfile_finish(&job->out, job->diag);
}

int wick_pack_commit(struct wick_pack_job *job)
{
	int rc = wick_outfile_commit(&job->out, job->diag);

	if (rc == 0 && job->progress)
		job->progress(job->user, job->total_bytes, job->total_bytes);
	return rc;
}

int wick_pack_bundle_crcs(struct wick_pack_job *job)
{
	uint64_t bytes = job->shape.n_ff * sizeof(*job->bundle_crcs);

	wick_pack_add_checksum(job, job->bundle_crcs, bytes);
	return wick_pack_put(job, job->bundle_crcs, bytes);
}

/* The header's checksum was put at the end when the header was written; the entry behind it is over all before it. */
int wick_pack_checksums(struct wick_pack_job *job)
{
	uint64_t count = wick_pack_checksum_count(job);

	job->checksums[count - 1] = job->kernels.crc32c(0, job->checksums, (count - 1) * sizeof(*job->checksums));
	return wick_pack_put(job, job->checksums, count * sizeof(*job->checksums));
}

int wick_pack_read_rows(const struct wick_pack_job *job, const struct wick_gguf *gguf, const struct wick_tensor *tensor,
	uint64_t first, uint64_t rows, uint8_t *into)
{
	struct wick_directory directory = { .gguf = gguf, .diag = job->diag };
	uint64_t offset = tensor->offset + first * tensor->row_bytes;
	int rc = wick_read_at(
		wick_gguf_fd(gguf), wick_gguf_path(gguf), into, rows * tensor->row_bytes, offset, job->diag);

	for (uint64_t row = 0; rc == 0 && row < rows; row += tensor->check_rows) {
		uint64_t bytes = WICK_MIN(tensor->check_rows, rows - row) * tensor->row_bytes, at = row * tensor->row_bytes;

		if (job->kernels.crc32c(0, into + at, bytes) != tensor->crcs[(first + row) / tensor->check_rows])
			rc = wick_directory_damaged(&directory, tensor->name, offset + at, bytes);
	}
	return rc;
}
