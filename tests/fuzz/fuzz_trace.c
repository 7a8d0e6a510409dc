/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Traces: no input crashes; what is accepted has ascending neurons of the layer and likely ones in order. Checksums are
 * mended first, once, so that what they guard is reached too. */

#include "fuzz.h"
#include "kernels.h"
#include "trace.h"
#include "trace_format.h"

#include <stdlib.h>

static struct wick_kernels kernels;

static void mend(uint8_t *data, size_t from, size_t to)
{
	uint32_t crc = kernels.crc32c(0, data + from, to - from);

	memcpy(data + to, &crc, sizeof(crc));
}

static void mend_all(uint8_t *data, size_t size)
{
	struct wick_trace_record record;
	size_t at = sizeof(struct wick_trace_header), end;

	if (size < sizeof(struct wick_trace_header) + sizeof(struct wick_trace_end))
		return;
	end = size - sizeof(struct wick_trace_end);
	mend(data, 0, at - sizeof(uint32_t));
	mend(data, end, size - sizeof(uint32_t));
	while (end - at >= sizeof(record) + sizeof(uint32_t)) {
		memcpy(&record, data + at, sizeof(record));
		if (record.bytes > end - at - sizeof(record) - sizeof(uint32_t))
			break;
		mend(data, at, at + sizeof(record) + record.bytes);
		at += sizeof(record) + record.bytes + sizeof(uint32_t);
	}
}

static void check_token(const struct wick_trace *trace)
{
	const struct wick_trace_shape *shape = wick_trace_shape(trace);
	uint32_t *ids = malloc(shape->n_ff * sizeof(*ids)), count;
	float *probability = malloc(shape->n_ff * sizeof(*probability));

	wick_require(ids && probability);
	for (uint32_t layer = 0; layer < shape->layers; layer++) {
		count = wick_trace_active(trace, layer, ids);
		wick_require(count <= shape->n_ff);
		for (uint32_t i = 0; i < count; i++)
			wick_require(ids[i] < shape->n_ff && (i == 0 || ids[i] > ids[i - 1]));
		count = wick_trace_likely(trace, layer, ids, probability, shape->n_ff);
		wick_require(count <= shape->n_ff && (shape->lookahead || count == 0));
		for (uint32_t i = 0; i < count; i++)
			wick_require(ids[i] < shape->n_ff && (i == 0 || probability[i] <= probability[i - 1]));
	}
	free(ids);
	free(probability);
}

static void read_trace(const uint8_t *data, size_t size)
{
	int memory = memfd_create("fuzz", MFD_CLOEXEC), rc;
	struct wick_diag diag = { 0 };
	struct wick_trace *trace;
	char path[64];

	wick_require(memory >= 0 && write(memory, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	rc = wick_trace_open(&trace, path, &diag);
	fuzz_check(rc, &diag);
	wick_require((trace != NULL) == (rc == 0));
	for (uint64_t token = 0; !rc && token <= wick_trace_shape(trace)->tokens; token++) {
		rc = wick_trace_seek(trace, token, &diag);
		fuzz_check(rc, &diag);
		check_token(trace); /* after an error there is nothing */
	}
	wick_trace_close(trace);
	close(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *mended = malloc(size ? size : 1);

	if (!kernels.crc32c)
		wick_kernels_init(&kernels, UINT32_MAX);
	read_trace(data, size);
	if (size)
		memcpy(mended, data, size);
	mend_all(mended, size);
	read_trace(mended, size);
	free(mended);
	return 0;
}
