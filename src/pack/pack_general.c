/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Writing a packed model that has a stock file's keys (see pack_general.h). */

#include "pack_general.h"

#include "bits.h"
#include "gguf.h"
#include "gguf_parts.h"
#include "gguf_write.h"
#include "shape.h"
#include "stock.h"
#include "stock_bundles.h"
#include "stock_scattered.h"
#include "tensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PACKED_BYTES (4ull << 20) /* written at a time */

const struct wick_tensor *wick_pack_general_tensor(
	const struct wick_pack_general *general, enum wick_tensor_id id, uint32_t layer)
{
	uint64_t i = wick_tensor_index(layer, id);

	return wick_tensor_is_own(&general->made, i) ? &general->made.tensors[i] : NULL;
}

int wick_pack_facts(struct wick_shape *shape, const struct wick_gguf_writer *writer, const char *whose, struct wick_diag *diag)
{
	struct wick_gguf *gguf;
	uint64_t bytes = 0;
	uint8_t *header = NULL;
	int rc = wick_gguf_writer_header(writer, &header, &bytes, diag);

	if (rc == 0)
		rc = wick_gguf_of_header(&gguf, whose, header, bytes, diag);
	if (rc)
		return rc;
	rc = wick_stock_facts(shape, &(struct wick_gguf_parts){ .at = &gguf, .count = 1 }, diag);
	wick_gguf_close(gguf);
	return rc;
}

/* A visitor, and what it counts up. */
struct counting {
	struct wick_pack_general *general;
	struct wick_gguf_writer *writer;
	uint64_t blocks, widest_bytes;
};

static void put_one(struct wick_gguf_writer *writer, const struct wick_tensor *tensor, enum wick_tensor_id id)
{
	uint32_t type;
	uint64_t ne[2];

	wick_tensor_directory(tensor, id, &type, ne);
	wick_gguf_put_tensor(writer, tensor->name, type, ne, ne[1] > 1 ? 2 : 1, wick_tensor_bytes(tensor));
}

/* All parts of an expert, then those of the next one. */
static void put_expert_entries(const struct counting *counting, uint32_t layer)
{
	const struct wick_model *made = &counting->general->made;
	uint32_t experts = wick_expert_tensor(made, layer, WICK_PART_GATE)->experts;

	for (uint32_t i = 0; i < experts * WICK_PARTS; i++) {
		struct wick_tensor one = *wick_expert_tensor(made, layer, i % WICK_PARTS);

		wick_stock_expert_name(one.name, i % WICK_PARTS, layer, i / WICK_PARTS);
		one.rows = wick_expert_rows(&one);
		put_one(counting->writer, &one, WICK_T_GATE_EXPERTS);
	}
}

static int put_entry(enum wick_tensor_id id, uint32_t layer, void *user)
{
	enum wick_part_id part = wick_expert_part(id);
	struct counting *counting = user;
	const struct wick_tensor *tensor = wick_pack_general_tensor(counting->general, id, layer);

	if (!tensor)
		return 0;
	if (part == WICK_PARTS)
		put_one(counting->writer, tensor, id);
	else if (part == WICK_PART_GATE)
		put_expert_entries(counting, layer);
	counting->blocks += wick_tensor_blocks(tensor, id);
	counting->widest_bytes = WICK_MAX(counting->widest_bytes, tensor->row_bytes);
	return 0;
}

static void put_version(const struct wick_shape *shape, struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "wick.version", wick_stock_version(shape));
	if (shape->bundle_parts)
		wick_stock_write_bundles(shape, writer);
	else
		wick_gguf_put_u32(writer, "wick.check_rows", WICK_CHECK_ROWS);
}

/* The header, and what has to be held of the file. */
static int make_header(struct wick_pack_general *general, struct wick_gguf_writer *writer, uint8_t **header,
	uint64_t *header_bytes)
{
	struct wick_pack_job *job = &general->job;
	struct counting counting = { .general = general, .writer = writer };
	uint64_t count;
	int rc;

	put_version(&general->made.shape, writer);
	wick_tensors_all(general->made.shape.layers, put_entry, &counting);
	count = counting.blocks + WICK_CHECKSUMS_MORE;
	wick_gguf_put_tensor(writer, wick_tensor_table[WICK_T_CHECKSUMS].name, WICK_GGML_I32, &count, 1,
		count * sizeof(*job->checksums));
	rc = wick_gguf_writer_header(writer, header, header_bytes, job->diag);
	if (rc)
		return rc;
	general->made.crc_count = count;
	job->total_bytes = *header_bytes + writer->data_bytes;
	job->packed_bytes = WICK_MAX(PACKED_BYTES, counting.widest_bytes * WICK_CHECK_ROWS);
	job->packed = malloc(job->packed_bytes);
	job->checksums = malloc(count * sizeof(*job->checksums));
	return job->packed && job->checksums ? 0 : wick_diag_say(job->diag, -ENOMEM, "no memory to pack");
}

static int put_rows(struct wick_pack_general *general, const struct wick_tensor *tensor, uint64_t rows)
{
	struct wick_pack_job *job = &general->job;

	for (uint64_t row = 0; row < rows; row += tensor->check_rows)
		wick_pack_add_checksum(job, job->packed + row * tensor->row_bytes,
			WICK_MIN(tensor->check_rows, rows - row) * tensor->row_bytes);
	return wick_pack_put(job, job->packed, rows * tensor->row_bytes);
}

/* Rows [first, end) of a tensor, and their checksums. */
static int put_range(struct wick_pack_general *general, enum wick_tensor_id id, uint32_t layer, uint64_t first, uint64_t end)
{
	const struct wick_tensor *tensor = wick_pack_general_tensor(general, id, layer);
	uint64_t most = general->job.chunk ? general->job.chunk / tensor->cols : UINT64_MAX;
	uint64_t step = WICK_MIN(general->job.packed_bytes / tensor->row_bytes, most) / tensor->check_rows * tensor->check_rows;
	int rc = 0;

	for (uint64_t row = first; rc == 0 && row < end; row += step) {
		uint64_t rows = WICK_MIN(step, end - row);

		rc = general->read(general, id, layer, row, rows);
		if (rc == 0)
			rc = put_rows(general, tensor, rows);
	}
	return rc ? rc : wick_outfile_pad(&general->job.out, WICK_FILE_ALIGN, general->job.diag);
}

/* The parts of each expert lie together; checksums are those of all gates, then of all ups, then of all downs. */
static int put_experts(struct wick_pack_general *general, uint32_t layer)
{
	uint32_t experts = wick_expert_tensor(&general->made, layer, WICK_PART_GATE)->experts;
	uint64_t next[WICK_PARTS], end = general->job.checksum_count;
	int rc = 0;

	for (unsigned part = 0; part < WICK_PARTS; part++) {
		next[part] = end;
		end += wick_tensor_blocks(wick_expert_tensor(&general->made, layer, part), WICK_T_GATE_EXPERTS + part);
	}
	for (uint32_t i = 0; rc == 0 && i < experts * WICK_PARTS; i++) {
		unsigned part = i % WICK_PARTS;
		uint64_t rows = wick_expert_rows(wick_expert_tensor(&general->made, layer, part)), first = i / WICK_PARTS * rows;

		general->job.checksum_count = next[part];
		rc = put_range(general, WICK_T_GATE_EXPERTS + part, layer, first, first + rows);
		next[part] = general->job.checksum_count;
	}
	general->job.checksum_count = end;
	return rc;
}

static int put_tensor(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct wick_pack_general *general = user;
	const struct wick_tensor *tensor = wick_pack_general_tensor(general, id, layer);
	enum wick_part_id part = wick_expert_part(id);

	if (!tensor)
		return 0;
	if (wick_tensor_table[id].kind != WICK_TENSOR_VECTOR && wick_tensor_table[id].kind != WICK_TENSOR_MATRIX)
		return wick_pack_slot(id, layer, &general->job);
	if (part != WICK_PARTS)
		return part == WICK_PART_GATE ? put_experts(general, layer) : 0;
	return put_range(general, id, layer, 0, tensor->rows);
}

static int put_checksums(struct wick_pack_general *general, uint32_t header_crc)
{
	struct wick_pack_job *job = &general->job;
	uint64_t count = general->made.crc_count, bytes = (count - 1) * sizeof(*job->checksums);
	int rc;

	job->checksums[count - 2] = header_crc;
	job->checksums[count - 1] = job->kernels.crc32c(0, job->checksums, bytes);
	rc = wick_pack_put(job, job->checksums, count * sizeof(*job->checksums));
	return rc ? rc : wick_outfile_pad(&job->out, WICK_FILE_ALIGN, job->diag);
}

static int write_file(struct wick_pack_general *general, const char *out, const uint8_t *header, uint64_t header_bytes)
{
	struct wick_pack_job *job = &general->job;
	int rc = wick_outfile_create(&job->out, out, job->total_bytes, job->diag);

	if (rc == 0)
		rc = wick_outfile_write(&job->out, header, header_bytes, job->diag);
	if (rc == 0)
		rc = wick_tensors_all(general->made.shape.layers, put_tensor, general);
	if (rc == 0)
		rc = put_checksums(general, job->kernels.crc32c(0, header, header_bytes));
	return rc;
}

int wick_pack_general_write(struct wick_pack_general *general, struct wick_gguf_writer *writer, const char *out)
{
	struct wick_pack_job *job = &general->job;
	uint64_t header_bytes = 0;
	uint8_t *header = NULL;
	int rc = make_header(general, writer, &header, &header_bytes);

	if (rc == 0)
		rc = write_file(general, out, header, header_bytes);
	if (rc == 0 && general->finish)
		rc = general->finish(general);
	if (rc == 0)
		rc = wick_pack_commit(job);
	wick_outfile_discard(&job->out);
	free(header);
	free(job->packed);
	free(job->checksums);
	return rc;
}
