/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Writing traces: a token is put together in memory, then goes out with its checksum. */

#include "trace.h"

#include "bits.h"
#include "check.h"
#include "kernels.h"
#include "outfile.h"
#include "trace_format.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct wick_trace_writer {
	struct wick_trace_shape shape;
	struct wick_outfile out;
	uint32_t layer;   /* the next one */
	uint8_t *record;  /* (the longest that may be), a token's so far */
	uint64_t bytes;   /* of that */
	uint8_t *levels;  /* (n_ff), of one layer; all 0 between layers */
	uint32_t (*crc32c)(uint32_t crc, const void *data, size_t bytes);
};

static int write_header(struct wick_trace_writer *writer, struct wick_diag *diag)
{
	struct wick_trace_header header = {
		.magic = WICK_TRACE_MAGIC,
		.version = WICK_TRACE_VERSION,
		.flags = (writer->shape.synthetic ? WICK_TRACE_SYNTHETIC : 0) |
			(writer->shape.lookahead ? WICK_TRACE_LOOKAHEAD : 0) | (writer->shape.chosen ? WICK_TRACE_ROUTING : 0),
		.layers = writer->shape.layers,
		.n_ff = writer->shape.n_ff,
		.model_crc = writer->shape.model_crc,
		.chosen = writer->shape.chosen,
		.preset = writer->shape.preset,
		.synthesis = writer->shape.synthesis,
	};

	header.crc = writer->crc32c(0, &header, offsetof(struct wick_trace_header, crc));
	return wick_outfile_write(&writer->out, &header, sizeof(header), diag);
}

/* Of one token. */
static uint64_t record_bytes_max(const struct wick_trace_shape *shape)
{
	return sizeof(struct wick_trace_record) + sizeof(uint32_t) +
		wick_trace_bytes_max(shape->layers, shape->n_ff, shape->lookahead);
}

/* Of the file's buffer as much as its tokens fill. */
uint64_t wick_trace_writer_bytes(const struct wick_trace_shape *shape)
{
	uint64_t record = record_bytes_max(shape), file = wick_mul(shape->tokens, record);

	return sizeof(struct wick_trace_writer) + WICK_MIN(WICK_OUTFILE_BYTES, file) + shape->n_ff + record;
}

int wick_trace_create(struct wick_trace_writer **writer, const char *path, const struct wick_trace_shape *shape,
	struct wick_diag *diag)
{
	struct wick_trace_writer *made = calloc(1, sizeof(*made));
	struct wick_kernels kernels;
	int rc = 0;

	*writer = NULL;
	if (!made)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to write it", path);
	wick_assert(shape->layers >= 1 && shape->layers <= WICK_TRACE_LAYERS_MAX);
	wick_assert(shape->n_ff >= 1 && shape->n_ff <= WICK_TRACE_N_FF_MAX);
	wick_kernels_init(&kernels, UINT32_MAX);
	made->crc32c = kernels.crc32c;
	made->shape = *shape;
	made->shape.tokens = 0;
	made->bytes = sizeof(struct wick_trace_record);
	made->out.fd = -1;
	made->levels = calloc(shape->n_ff, 1);
	made->record = malloc(record_bytes_max(shape));
	if (!made->levels || !made->record)
		rc = wick_diag_say(diag, -ENOMEM, "%s: no memory to write it", path);
	if (!rc)
		rc = wick_outfile_create(&made->out, path, sizeof(struct wick_trace_header), diag);
	if (!rc)
		rc = write_header(made, diag);
	if (rc) {
		wick_trace_discard(made);
		return rc;
	}
	*writer = made;
	return 0;
}

static int end_token(struct wick_trace_writer *writer, struct wick_diag *diag)
{
	struct wick_trace_record record = { writer->shape.tokens, writer->bytes - sizeof(record) };
	uint32_t crc;

	if (writer->bytes > UINT32_MAX)
		return wick_diag_say(diag, -EFBIG, "%s: a token of %llu bytes is too much for a trace", writer->out.path,
			(unsigned long long)writer->bytes);
	if (writer->shape.tokens == UINT32_MAX)
		return wick_diag_say(diag, -EFBIG, "%s: has as many tokens as a trace can have", writer->out.path);
	memcpy(writer->record, &record, sizeof(record));
	crc = writer->crc32c(0, writer->record, writer->bytes);
	memcpy(writer->record + writer->bytes, &crc, sizeof(crc));
	writer->bytes += sizeof(crc);
	writer->shape.tokens++;
	return wick_outfile_write(&writer->out, writer->record, writer->bytes, diag);
}

static void set_bit(uint8_t *bitmap, uint32_t i)
{
	bitmap[i / 8] |= 1u << i % 8;
}

/* The bits, then a level for each in their order. A probability that rounds to 0 is left out. */
static void put_likely(struct wick_trace_writer *writer, const uint32_t *likely, const float *probability, uint32_t count)
{
	uint8_t *bitmap = writer->record + writer->bytes;
	uint32_t n_ff = writer->shape.n_ff;

	for (uint32_t i = 0; i < count; i++)
		writer->levels[likely[i]] = lrintf(probability[i] * WICK_TRACE_LEVELS);
	writer->bytes += wick_trace_bitmap_bytes(n_ff);
	memset(bitmap, 0, wick_trace_bitmap_bytes(n_ff));
	for (uint32_t i = 0; i < n_ff; i++)
		if (writer->levels[i]) {
			set_bit(bitmap, i);
			writer->record[writer->bytes++] = writer->levels[i];
		}
	memset(writer->levels, 0, n_ff);
}

int wick_trace_add(struct wick_trace_writer *writer, uint32_t layer, const uint32_t *ids, uint32_t count,
	const uint32_t *likely, const float *probability, uint32_t likely_count, struct wick_diag *diag)
{
	uint8_t *bitmap = writer->record + writer->bytes;
	int rc;

	wick_assert(layer == writer->layer);
	memset(bitmap, 0, wick_trace_bitmap_bytes(writer->shape.n_ff));
	for (uint32_t i = 0; i < count; i++)
		set_bit(bitmap, ids[i]);
	writer->bytes += wick_trace_bitmap_bytes(writer->shape.n_ff);
	if (writer->shape.lookahead)
		put_likely(writer, likely, probability, likely_count);
	if (++writer->layer < writer->shape.layers)
		return 0;
	rc = end_token(writer, diag);
	writer->layer = 0;
	writer->bytes = sizeof(struct wick_trace_record);
	return rc;
}

uint64_t wick_trace_written(const struct wick_trace_writer *writer)
{
	return writer->out.bytes;
}

int wick_trace_commit(struct wick_trace_writer *writer, struct wick_diag *diag)
{
	struct wick_trace_end end = { .magic = WICK_TRACE_END, .tokens = writer->shape.tokens };
	int rc = 0;

	wick_assert(writer->layer == 0);
	if (!end.tokens)
		rc = wick_diag_say(diag, -EINVAL, "%s: no tokens: there is nothing to write", writer->out.path);
	end.crc = writer->crc32c(0, &end, offsetof(struct wick_trace_end, crc));
	if (!rc)
		rc = wick_outfile_write(&writer->out, &end, sizeof(end), diag);
	if (!rc)
		rc = wick_outfile_commit(&writer->out, diag);
	wick_trace_discard(writer);
	return rc;
}

void wick_trace_discard(struct wick_trace_writer *writer)
{
	if (!writer)
		return;
	wick_outfile_discard(&writer->out);
	free(writer->record);
	free(writer->levels);
	free(writer);
}
