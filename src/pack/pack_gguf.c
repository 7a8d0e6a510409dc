/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A stock GGUF file, of one part or several, as the source of a packed model. */

#include "pack_general.h"

#include "bits.h"
#include "fileio.h"
#include "gguf.h"
#include "gguf_write.h"
#include "stock_family.h"
#include "sums.h"
#include "tensors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* Checksums that are known, the file's own or learned ones, are compared. */
static int check_rows(
	const struct wick_pack_general *general, const struct wick_tensor *tensor, const char *path, uint64_t first, uint64_t rows)
{
	const struct wick_pack_job *job = &general->job;
	uint64_t begin = wick_tensor_place(tensor, first).offset;

	for (uint64_t row = 0; row < rows; row += tensor->check_rows) {
		uint64_t bytes = WICK_MIN(tensor->check_rows, rows - row) * tensor->row_bytes, at = row * tensor->row_bytes;
		uint32_t crc = job->kernels.crc32c(0, job->packed + at, bytes);

		if (!wick_sums_agree(tensor, (first + row) / tensor->check_rows, crc))
			return wick_diag_say(job->diag, -EBADMSG,
				"%s: tensor \"%s\" (bytes %llu to %llu) is damaged: its checksum does not match", path, tensor->name,
				(unsigned long long)(begin + at), (unsigned long long)(begin + at + bytes - 1));
	}
	return 0;
}

static int read_rows(struct wick_pack_general *general, enum wick_tensor_id id, uint32_t layer, uint64_t first, uint64_t rows)
{
	const struct wick_model *from = general->source;
	const struct wick_tensor *tensor = wick_tensor_at(from, layer, id);
	struct wick_place place = wick_tensor_place(tensor, first);
	const struct wick_gguf *gguf = from->parts.at[place.part];
	uint64_t offset = place.offset, bytes = rows * tensor->row_bytes;
	int rc = wick_read_at(wick_gguf_fd(gguf), wick_gguf_path(gguf), general->job.packed, bytes, offset, general->job.diag);

	posix_fadvise(wick_gguf_fd(gguf), (off_t)offset, (off_t)bytes, POSIX_FADV_DONTNEED);
	return rc ? rc : check_rows(general, tensor, wick_gguf_path(gguf), first, rows);
}

static int name_apart(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct wick_pack_general *general = user;

	wick_stock_tensor_name(wick_tensor_at(&general->made, layer, id)->name, &general->made.shape, id, layer);
	return 0;
}

static int pack(struct wick_pack_general *general, const struct wick_gguf *gguf, const char *out)
{
	static const char *const except[] = { "general.alignment", "split.no", "split.count", "split.tensors.count",
		"wick.version", "wick.check_rows", NULL };
	struct wick_gguf_writer writer;
	int rc;

	wick_gguf_writer_init(&writer, WICK_FILE_ALIGN);
	wick_gguf_put_pairs(&writer, gguf, except);
	rc = wick_pack_general_write(general, &writer, out);
	wick_gguf_writer_deinit(&writer);
	return rc;
}

/* Some files have several matrices in one tensor; a packed model has each by itself, by the name that it has elsewhere. The source's
 * own are kept. */
static int take_apart(struct wick_pack_general *general, const struct wick_model *from, struct wick_diag *diag)
{
	uint64_t count = wick_tensors_count(from->shape.layers);

	general->made.tensors = malloc(count * sizeof(*general->made.tensors));
	if (!general->made.tensors)
		return wick_diag_say(diag, -ENOMEM, "no memory to pack");
	memcpy(general->made.tensors, from->tensors, count * sizeof(*general->made.tensors));
	return wick_tensors_all(from->shape.layers, name_apart, general);
}

static int check_options(const char *source, const struct wick_pack_options *options, struct wick_diag *diag)
{
	if (options->type || options->attention_type)
		return wick_diag_say(diag, -EINVAL, "%s: the numbers of a GGUF file are copied as they are: their type cannot be chosen",
			source);
	if (options->align)
		return wick_diag_say(diag, -EINVAL, "%s: an alignment is for bundles of neurons, which a model of this kind has not",
			source);
	if (options->predictor)
		return wick_diag_say(diag, -EINVAL, "%s: predictors and gates apart are for bundles of neurons, and a GGUF file's matrices are "
			"copied as they are: pack the model's folder", source);
	return 0;
}

int wick_pack_gguf(const char *source, const char *out, const struct wick_pack_options *options, struct wick_diag *diag)
{
	struct wick_pack_general general = { .read = read_rows,
		.job = { .progress = options->progress, .user = options->user, .notes = { options->note, options->note_user },
			.diag = diag } };
	struct wick_sums sums = { 0 };
	struct wick_model *model;
	int rc = wick_model_open(&model, source, diag);

	if (rc)
		return rc;
	wick_kernels_init(&general.job.kernels, ~0u);
	if (!model->stock || model->shape.bundle_parts)
		rc = wick_diag_say(diag, -EINVAL, "%s: a packed model already; with --order coactivation its neurons are put in order",
			source);
	if (rc == 0)
		rc = check_options(source, options, diag);
	if (rc == 0)
		rc = wick_sums_open(&sums, model, diag);
	general.source = model;
	general.made.shape = model->shape;
	if (rc == 0)
		rc = take_apart(&general, model, diag);
	if (rc == 0)
		rc = pack(&general, model->gguf, out);
	free(general.made.tensors);
	wick_sums_close(&sums);
	wick_model_close(model);
	return rc;
}
