/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick_verify() of wick.h: the file from front to back, every block against its checksum and every gap against zero.
 * Opening the model has compared the header and the checksums themselves already. */

#include "bits.h"
#include "fileio.h"
#include "gguf.h"
#include "kernels.h"
#include "model.h"
#include "slot.h"

#include <wick/wick.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES (1u << 20)

struct sweep {
	const struct wick_model *model;
	int fd;
	uint8_t *buffer; /* (BUFFER_BYTES) */
	uint64_t at;     /* of the file, everything before is right */
	uint64_t start;  /* of the buffer in the file */
	uint64_t have;   /* bytes in the buffer */
	uint64_t blocks;
	uint32_t (*crc32c)(uint32_t crc, const void *data, size_t bytes);
	wick_progress_fn progress;
	void *user;
	struct wick_diag *diag;
};

static const char *path_of(const struct sweep *sweep)
{
	return wick_gguf_path(sweep->model->gguf);
}

/* Refills the buffer from sweep->at on, unless something of it is left. */
static int refill(struct sweep *sweep)
{
	uint64_t file_bytes = wick_gguf_file_bytes(sweep->model->gguf);

	if (sweep->at >= sweep->start && sweep->at < sweep->start + sweep->have)
		return 0;
	if (sweep->progress && sweep->progress(sweep->user, sweep->at, file_bytes))
		return wick_diag_say(sweep->diag, -ECANCELED, "stopped before the end of %s", path_of(sweep));
	sweep->start = sweep->at;
	sweep->have = WICK_MIN(BUFFER_BYTES, file_bytes - sweep->at);
	return wick_read_at(sweep->fd, path_of(sweep), sweep->buffer, sweep->have, sweep->start, sweep->diag);
}

/* Passes the next bytes, up to `end`, that lie in the buffer; *from is where. */
static int next_bytes(struct sweep *sweep, uint64_t end, const uint8_t **from, uint64_t *count)
{
	int rc = refill(sweep);

	if (rc)
		return rc;
	*from = sweep->buffer + (sweep->at - sweep->start);
	*count = WICK_MIN(end, sweep->start + sweep->have) - sweep->at;
	sweep->at += *count;
	return 0;
}

static bool all_zero(const uint8_t *bytes, uint64_t count)
{
	uint8_t any = 0;

	for (uint64_t i = 0; i < count; i++)
		any |= bytes[i];
	return !any;
}

/* From where the sweep is to `end`, where the named tensor begins, there is only padding. */
static int check_gap(struct sweep *sweep, uint64_t end, const char *before)
{
	uint64_t first = sweep->at, count;
	const uint8_t *bytes;

	while (sweep->at < end) {
		int rc = next_bytes(sweep, end, &bytes, &count);

		if (rc)
			return rc;
		if (!all_zero(bytes, count))
			return wick_diag_say(sweep->diag, -EBADMSG,
				"%s: the padding in front of %s (bytes %llu to %llu) is damaged: it is not zero",
				path_of(sweep), before, (unsigned long long)first, (unsigned long long)(end - 1));
	}
	return 0;
}

/* " bundle 17" or " rows 16 to 31"; a vector is one block. */
static void name_block(char text[64], enum wick_slot_kind kind, uint64_t row, uint64_t rows)
{
	text[0] = 0;
	if (kind == WICK_KIND_BUNDLES)
		snprintf(text, 64, " bundle %llu", (unsigned long long)row);
	if (kind == WICK_KIND_MATRIX || kind == WICK_KIND_PREDICTOR)
		snprintf(text, 64, " rows %llu to %llu", (unsigned long long)row, (unsigned long long)(row + rows - 1));
}

static int check_block(
	struct sweep *sweep, const struct wick_tensor *tensor, enum wick_slot_kind kind, uint64_t row)
{
	uint64_t rows = WICK_MIN(tensor->check_rows, tensor->rows - row);
	uint64_t first = sweep->at, end = first + rows * tensor->row_bytes, count;
	const uint8_t *bytes;
	uint32_t crc = 0;
	char where[64];

	while (sweep->at < end) {
		int rc = next_bytes(sweep, end, &bytes, &count);

		if (rc)
			return rc;
		crc = sweep->crc32c(crc, bytes, count);
	}
	sweep->blocks++;
	if (crc == tensor->crcs[row / tensor->check_rows])
		return 0;
	name_block(where, kind, row, rows);
	return wick_diag_say(sweep->diag, -EBADMSG,
		"%s: tensor \"%s\"%s (bytes %llu to %llu) is damaged: its checksum does not match", path_of(sweep),
		tensor->name, where, (unsigned long long)first, (unsigned long long)(end - 1));
}

static int check_slot(enum wick_slot_id id, uint32_t layer, void *user)
{
	struct sweep *sweep = user;
	const struct wick_tensor *tensor = wick_slot_tensor(sweep->model, id, layer);
	const struct wick_gguf_tensor *entry;
	struct wick_tensor described;
	int rc;

	wick_slot_describe(&described, id, layer, &sweep->model->shape);
	entry = wick_gguf_tensor(sweep->model->gguf, described.name);
	rc = check_gap(sweep, entry->offset, described.name);
	if (!tensor) {
		sweep->at = entry->offset + entry->bytes;
		sweep->blocks++;
		return rc;
	}
	for (uint64_t row = 0; rc == 0 && row < tensor->rows; row += tensor->check_rows)
		rc = check_block(sweep, tensor, wick_slots[id].kind, row);
	return rc;
}

static int check_all(struct sweep *sweep)
{
	uint64_t file_bytes = wick_gguf_file_bytes(sweep->model->gguf);
	int rc;

	sweep->at = wick_gguf_header_bytes(sweep->model->gguf);
	sweep->blocks = 1;
	rc = wick_slot_each(&sweep->model->shape, check_slot, sweep);
	if (rc == 0)
		rc = check_gap(sweep, file_bytes, "the end of the file");
	if (rc == 0 && sweep->progress)
		sweep->progress(sweep->user, file_bytes, file_bytes);
	return rc;
}

static int sweep_file(struct sweep *sweep)
{
	int rc;

	sweep->buffer = malloc(BUFFER_BYTES);
	if (!sweep->buffer)
		return wick_diag_say(sweep->diag, -ENOMEM, "%s: no memory to verify it", path_of(sweep));
	sweep->fd = open(path_of(sweep), O_RDONLY | O_CLOEXEC);
	if (sweep->fd < 0) {
		rc = wick_diag_say(sweep->diag, -errno, "%s: %s", path_of(sweep), strerror(errno));
	} else {
		rc = check_all(sweep);
		close(sweep->fd);
	}
	free(sweep->buffer);
	return rc;
}

int wick_verify(const char *path, wick_progress_fn progress, void *user, uint64_t *blocks, struct wick_diag *diag)
{
	struct sweep sweep = { .progress = progress, .user = user, .diag = diag };
	struct wick_kernels kernels;
	struct wick_model *model;
	int rc;

	if (diag)
		diag->text[0] = 0;
	rc = wick_model_open(&model, path, diag);
	if (rc)
		return rc;
	wick_kernels_init(&kernels, ~0u);
	sweep.crc32c = kernels.crc32c;
	sweep.model = model;
	rc = sweep_file(&sweep);
	if (blocks)
		*blocks = sweep.blocks;
	wick_model_close(model);
	return rc;
}
