/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Writing a file of predictors. */

#include "sidecar.h"

#include "bits.h"
#include "directory.h"
#include "gguf_write.h"
#include "kernels.h"
#include "outfile.h"

#include <errno.h>
#include <stdlib.h>

struct writing {
	const struct wick_sidecar_shape *shape;
	wick_sidecar_data_fn data;
	void *user;
	struct wick_gguf_writer writer;
	struct wick_outfile out;
	struct wick_kernels kernels;
	uint32_t *crcs;
	uint64_t crc_count;
	struct wick_diag *diag;
};

static int put_entry(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part)
{
	struct writing *writing = user;
	struct wick_tensor tensor;

	wick_sidecar_describe(&tensor, writing->shape, layer, ahead, part);
	wick_gguf_put_tensor(&writing->writer, tensor.name, wick_directory_type(tensor.type),
		(uint64_t[]){ tensor.cols, tensor.rows }, tensor.rows > 1 ? 2 : 1, wick_tensor_bytes(&tensor));
	return 0;
}

/* The first that knows what the file has. */
static uint32_t version_of(const struct wick_sidecar_shape *shape)
{
	return shape->firing ? 3 : shape->levels || shape->residual ? 2 : 1;
}

static void put_keys(struct writing *writing)
{
	const struct wick_sidecar_shape *shape = writing->shape;
	struct wick_gguf_writer *writer = &writing->writer;

	wick_gguf_put_string(writer, "general.architecture", WICK_SIDECAR_ARCH);
	wick_gguf_put_u32(writer, "wick.predictors.version", version_of(shape));
	wick_gguf_put_u32(writer, "wick.predictors.model", shape->model_crc);
	wick_gguf_put_u32(writer, "wick.predictors.layers", shape->layers);
	wick_gguf_put_u32(writer, "wick.predictors.d_model", shape->d_model);
	wick_gguf_put_u32(writer, "wick.predictors.n_ff", shape->n_ff);
	wick_gguf_put_string(writer, "wick.predictors.encoding", wick_types[shape->type].name);
	wick_gguf_put_bool(writer, "wick.predictors.relu", shape->relu);
	wick_gguf_put_bool(writer, "wick.predictors.imported", shape->imported);
	if (version_of(shape) > 1) {
		wick_gguf_put_bool(writer, "wick.predictors.levels", shape->levels);
		wick_gguf_put_bool(writer, "wick.predictors.residual", shape->residual);
	}
	if (version_of(shape) > 2)
		wick_gguf_put_bool(writer, "wick.predictors.firing", shape->firing);
	wick_gguf_put_i32s(writer, "wick.predictors.ranks", (const int32_t *)shape->ranks, shape->layers);
	wick_gguf_put_i32s(writer, "wick.predictors.ahead", (const int32_t *)shape->ahead, shape->layers);
}

static int make_header(struct writing *writing, uint8_t **header, uint64_t *header_bytes)
{
	uint64_t count = wick_sidecar_checksums(writing->shape);

	put_keys(writing);
	wick_sidecar_each(writing->shape, put_entry, writing);
	wick_gguf_put_tensor(&writing->writer, "wick.checksums", WICK_GGML_I32, &count, 1, count * sizeof(uint32_t));
	writing->crcs = calloc(count, sizeof(*writing->crcs));
	if (!writing->crcs)
		return wick_diag_say(writing->diag, -ENOMEM, "no memory for %llu checksums", (unsigned long long)count);
	return wick_gguf_writer_header(&writing->writer, header, header_bytes, writing->diag);
}

static int put_part(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part)
{
	struct writing *writing = user;
	struct wick_tensor tensor;
	const void *data;
	int rc = writing->data(writing->user, layer, ahead, part, &data);

	if (rc)
		return rc;
	wick_sidecar_describe(&tensor, writing->shape, layer, ahead, part);
	for (uint64_t row = 0; row < tensor.rows; row += tensor.check_rows)
		writing->crcs[writing->crc_count++] = writing->kernels.crc32c(0, (const uint8_t *)data + row * tensor.row_bytes,
			WICK_MIN(tensor.check_rows, tensor.rows - row) * tensor.row_bytes);
	rc = wick_outfile_write(&writing->out, data, wick_tensor_bytes(&tensor), writing->diag);
	return rc ? rc : wick_outfile_pad(&writing->out, WICK_FILE_ALIGN, writing->diag);
}

static int put_checksums(struct writing *writing, const uint8_t *header, uint64_t header_bytes)
{
	uint64_t count = writing->crc_count;
	int rc;

	writing->crcs[count] = writing->kernels.crc32c(0, header, header_bytes);
	writing->crcs[count + 1] = writing->kernels.crc32c(0, writing->crcs, (count + 1) * sizeof(*writing->crcs));
	rc = wick_outfile_write(&writing->out, writing->crcs, (count + 2) * sizeof(*writing->crcs), writing->diag);
	return rc ? rc : wick_outfile_pad(&writing->out, WICK_FILE_ALIGN, writing->diag);
}

static int write_all(struct writing *writing, const char *path)
{
	uint64_t header_bytes = 0;
	uint8_t *header = NULL;
	int rc = make_header(writing, &header, &header_bytes);

	if (rc == 0)
		rc = wick_outfile_create(&writing->out, path, header_bytes + writing->writer.data_bytes, writing->diag);
	if (rc == 0)
		rc = wick_outfile_write(&writing->out, header, header_bytes, writing->diag);
	if (rc == 0)
		rc = wick_sidecar_each(writing->shape, put_part, writing);
	if (rc == 0)
		rc = put_checksums(writing, header, header_bytes);
	if (rc == 0)
		rc = wick_outfile_commit(&writing->out, writing->diag);
	wick_outfile_discard(&writing->out);
	free(header);
	return rc;
}

int wick_sidecar_write(const char *path, const struct wick_sidecar_shape *shape, wick_sidecar_data_fn data, void *user,
	struct wick_diag *diag)
{
	struct writing writing = { .shape = shape, .data = data, .user = user, .diag = diag };
	int rc;

	wick_kernels_init(&writing.kernels, ~0u);
	wick_gguf_writer_init(&writing.writer, WICK_FILE_ALIGN);
	rc = write_all(&writing, path);
	wick_gguf_writer_deinit(&writing.writer);
	free(writing.crcs);
	return rc;
}
