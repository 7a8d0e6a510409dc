/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Loads that are timed (see probe.h). */

#include "probe.h"

#include "bits.h"
#include "check.h"
#include "file.h"
#include "race.h"
#include "splitmix.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_BYTES (2ull << 20)

struct wick_probe {
	struct wick_probe_options options;
	struct wick_io_request *requests; /* (max(depth, reads_max)) */
	uint8_t *memory;                  /* (slots, chunk bytes of the moment) */
	uint64_t memory_bytes;
	uint64_t state; /* of the random offsets */
	uint64_t next;  /* chunk of the sequential ones */
	uint64_t landed; /* reads sent so far */
};

/* Where the next chunk is: any of them with the same probability, or the one behind the last. */
static uint64_t next_offset(struct wick_probe *probe, uint64_t chunk_bytes, bool sequential)
{
	uint64_t chunks = probe->options.bytes / chunk_bytes;
	uint64_t chunk;

	if (sequential)
		chunk = probe->next++ % chunks;
	else
		chunk = wick_splitmix_draw(&probe->state) % chunks;
	return probe->options.from + chunk * chunk_bytes;
}

/* Sends off request i, into its own slot or the one after the last. Reads longer than the memory go over what came
 * before. */
static void submit(struct wick_probe *probe, unsigned i, uint64_t chunk_bytes, bool sequential)
{
	uint64_t stride = wick_align_up(chunk_bytes, probe->options.file->memory_align);
	uint64_t slot = (probe->options.land_bytes ? probe->landed++ : i) % (probe->memory_bytes / stride);

	probe->requests[i] = (struct wick_io_request){
		.file = probe->options.file,
		.offset = next_offset(probe, chunk_bytes, sequential),
		.one = { probe->memory + slot * stride, chunk_bytes },
	};
	wick_io_submit(probe->options.io, &probe->requests[i]);
}

static int say_failed(const struct wick_io_request *request, struct wick_diag *diag)
{
	return wick_diag_say(diag, request->result, "%s: reading %" PRIu64 " bytes at %" PRIu64 ": %s",
		request->file->path, request->bytes, request->offset, wick_io_error(request->result));
}

/* The window of a steady load: from the first full turn of the queue (or half of the time) to the deadline. */
struct window {
	uint64_t duration_ns;
	uint64_t half_ns, deadline_ns; /* by the clock of the queue; 0: nothing is back yet */
	uint64_t opened_ns;            /* 0: not yet */
	unsigned turn;      /* reads until it opens */
	struct wick_steady *steady;
	struct wick_histogram *latency;
};

/* A read is back. Those seen in the same moment as the one that opened the window came before it. */
static void count(struct window *window, const struct wick_io_request *request)
{
	uint64_t at = request->completed_ns;
	struct wick_steady *steady = window->steady;

	if (!steady->all_reads++) {
		window->half_ns = request->submitted_ns + window->duration_ns / 2;
		window->deadline_ns = request->submitted_ns + window->duration_ns;
	}
	if (!window->opened_ns) {
		if (steady->all_reads >= window->turn || at >= window->half_ns)
			window->opened_ns = at;
		return;
	}
	if (at == window->opened_ns || (at > window->deadline_ns && steady->reads))
		return;
	steady->reads++;
	steady->ns = at - window->opened_ns;
	if (window->latency)
		wick_histogram_add(window->latency, at - request->submitted_ns);
}

static bool is_over(const struct window *window, const struct wick_io_request *request)
{
	return request->completed_ns > window->deadline_ns && window->steady->reads;
}

static bool stopped(const struct wick_probe *probe)
{
	return probe->options.stop && probe->options.stop();
}

int wick_probe_steady(struct wick_probe *probe, uint64_t chunk_bytes, bool sequential, uint64_t duration_ns,
	struct wick_steady *steady, struct wick_histogram *latency, struct wick_diag *diag)
{
	const unsigned depth = probe->options.depth;
	struct window window = { .duration_ns = duration_ns, .turn = depth, .steady = steady, .latency = latency };
	struct wick_io_request *request;
	bool over = false;
	int rc = 0;

	wick_require(chunk_bytes && chunk_bytes <= probe->options.chunk_bytes_max);
	*steady = (struct wick_steady){ 0 };
	for (unsigned i = 0; i < depth; i++)
		submit(probe, i, chunk_bytes, sequential);
	while ((request = wick_io_wait(probe->options.io))) {
		if (request->result < 0 && !rc)
			rc = say_failed(request, diag);
		count(&window, request);
		if (!over && !rc && stopped(probe))
			rc = -ECANCELED;
		over = over || rc || is_over(&window, request);
		if (!over)
			submit(probe, (unsigned)(request - probe->requests), chunk_bytes, sequential);
	}
	return rc;
}

int wick_probe_burst(struct wick_probe *probe, uint64_t chunk_bytes, unsigned reads, uint64_t *ns, struct wick_diag *diag)
{
	uint64_t begun_ns = UINT64_MAX, ended_ns = 0;
	struct wick_io_request *request;
	int rc = stopped(probe) ? -ECANCELED : 0;

	wick_require(chunk_bytes && chunk_bytes <= probe->options.chunk_bytes_max && reads <= probe->options.reads_max);
	for (unsigned i = 0; i < reads && !rc; i++)
		submit(probe, i, chunk_bytes, false);
	while ((request = wick_io_wait(probe->options.io))) {
		if (request->result < 0 && !rc)
			rc = say_failed(request, diag);
		begun_ns = WICK_MIN(begun_ns, request->submitted_ns);
		ended_ns = WICK_MAX(ended_ns, request->completed_ns);
	}
	*ns = ended_ns > begun_ns ? ended_ns - begun_ns : 0;
	return rc;
}

int wick_probe_bursts(struct wick_probe *probe, uint64_t chunk_bytes, unsigned reads, unsigned times, uint64_t limit_ns,
	double *us, struct wick_diag *diag)
{
	uint64_t ns, spent_ns = 0;
	unsigned count = 0;

	do {
		int rc = wick_probe_burst(probe, chunk_bytes, reads, &ns, diag);

		if (rc < 0)
			return rc;
		spent_ns += ns;
		count++;
	} while (count < times && spent_ns < limit_ns);
	*us = (double)spent_ns / 1e3 / count;
	return 0;
}

/* Huge pages where there are some, as the engine's own memory: pinning one is cheaper than pinning 512 small ones. */
static void *take_memory(uint64_t bytes)
{
	void *memory = aligned_alloc(HUGE_BYTES, bytes);

	if (!memory)
		return NULL;
	madvise(memory, bytes, MADV_HUGEPAGE);
	memset(memory, 1, bytes);
	WICK_READ_BY_NOBODY(memory, bytes);
	return memory;
}

/* An optimisation only: without room for it (RLIMIT_MEMLOCK) reads are as they were. */
static void register_memory(const struct wick_probe *probe)
{
	const struct iovec range = { probe->memory, probe->memory_bytes };

	wick_io_register(probe->options.io, &range, 1);
}

static int check(const struct wick_probe_options *options, struct wick_diag *diag)
{
	const struct wick_file *file = options->file;

	if (!options->chunk_bytes_max || options->chunk_bytes_max % file->offset_align)
		return wick_diag_say(diag, -EINVAL, "%s: reads of %" PRIu64 " bytes are no multiple of its alignment, %u",
			file->path, options->chunk_bytes_max, file->offset_align);
	if (options->from % file->offset_align || options->bytes > file->size || options->from > file->size - options->bytes)
		return wick_diag_say(diag, -EINVAL, "%s: %" PRIu64 " bytes at %" PRIu64 " are no part of it that can be read",
			file->path, options->bytes, options->from);
	if (options->bytes < options->chunk_bytes_max)
		return wick_diag_say(diag, -EINVAL, "%s: %" PRIu64 " bytes are less than one read of %" PRIu64, file->path,
			options->bytes, options->chunk_bytes_max);
	return 0;
}

int wick_probe_create(struct wick_probe **probe, const struct wick_probe_options *options, struct wick_diag *diag)
{
	const uint64_t stride = wick_align_up(options->chunk_bytes_max, options->file->memory_align);
	int rc = check(options, diag);
	struct wick_probe *made;

	*probe = NULL;
	if (rc < 0)
		return rc;
	made = calloc(1, sizeof(*made));
	if (!made)
		return wick_diag_say(diag, -ENOMEM, "no memory to read into");
	made->options = *options;
	made->state = options->seed;
	made->memory_bytes = WICK_MIN(wick_mul(options->depth, stride), UINT64_MAX / 2);
	made->memory_bytes = WICK_MAX(made->memory_bytes, options->land_bytes);
	made->memory_bytes = wick_align_up(made->memory_bytes, HUGE_BYTES);
	made->memory = take_memory(made->memory_bytes);
	made->requests = calloc(WICK_MAX(options->depth, options->reads_max), sizeof(*made->requests));
	if (!made->memory || !made->requests) {
		wick_probe_destroy(made);
		return wick_diag_say(diag, -ENOMEM, "no memory for %u reads of %" PRIu64 " bytes at once", options->depth,
			options->chunk_bytes_max);
	}
	register_memory(made);
	*probe = made;
	return 0;
}

void wick_probe_destroy(struct wick_probe *probe)
{
	if (!probe)
		return;
	free(probe->memory);
	free(probe->requests);
	free(probe);
}
