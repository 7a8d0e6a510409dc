/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The processor's side of reading (see read_cost.h). */

#include "read_cost.h"

#include "bits.h"
#include "clock.h"
#include "file.h"
#include "io.h"
#include "mem.h"
#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READS 256u /* together */
#define ROUNDS 3u

/* All reads, sent together; the places are spread over the file. */
static int read_round(struct wick_io *io, struct wick_io_request *requests, const struct wick_file *file, uint64_t bytes,
	uint8_t *into, uint32_t round)
{
	uint64_t room = file->size - bytes, step = room / (READS * ROUNDS);
	struct wick_io_request *back;
	int err = 0;

	for (uint32_t i = 0; i < READS; i++) {
		requests[i] = (struct wick_io_request){ .file = file, .one = { into + i * bytes, bytes },
			.offset = (i * ROUNDS + round) * step / WICK_FILE_ALIGN * WICK_FILE_ALIGN };
		wick_io_submit(io, &requests[i]);
	}
	while ((back = wick_io_wait(io)))
		if (back->state == WICK_IO_FAILED)
			err = back->result;
	return err;
}

int wick_read_cost(
	struct wick_io *io, const struct wick_file *file, uint64_t bytes, double *cpu_us, struct wick_diag *diag)
{
	uint64_t each = wick_align_up(bytes, WICK_FILE_ALIGN);
	struct wick_io_request *requests;
	struct wick_mem into = { 0 }; /* as the bundle caches': what huge pages spare a read is spared here, too */
	int err;

	*cpu_us = 0;
	if (file->size < each)
		return wick_diag_say(diag, -EINVAL, "%s: smaller than the %llu bytes of a read that is to be measured",
			file->path, (unsigned long long)each);
	requests = calloc(READS, sizeof(*requests));
	err = requests ? wick_mem_reserve(&into, READS * each, diag) :
		wick_diag_say(diag, -ENOMEM, "no memory to measure a read");
	if (err) {
		free(requests);
		return err;
	}
	for (uint32_t round = 0; !err && round < ROUNDS; round++) {
		uint64_t begun_ns = wick_cpu_ns();
		double us;

		err = read_round(io, requests, file, each, into.base, round);
		us = (double)(wick_cpu_ns() - begun_ns) / 1e3 / READS;
		*cpu_us = round && *cpu_us < us ? *cpu_us : us; /* the first touches its memory; what disturbs only adds */
	}
	free(requests);
	if (err != -ETIMEDOUT) /* then it may still be the kernel's */
		wick_mem_release(&into);
	if (err)
		wick_diag_say(diag, err, "cannot measure what a read of %s costs: %s", file->path, wick_io_error(err));
	return err;
}
