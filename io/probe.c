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
static void submit(struct wick_probe *probe, unsigned i, const struct wick_probe_load *load, void *user)
{
	uint64_t stride = wick_align_up(load->chunk_bytes, probe->options.file->memory_align);
	uint64_t slot = (probe->options.land_bytes ? probe->landed++ : i) % (probe->memory_bytes / stride);

	probe->requests[i] = (struct wick_io_request){
		.file = probe->options.file,
		.offset = next_offset(probe, load->chunk_bytes, load->sequential),
		.one = { probe->memory + slot * stride, load->chunk_bytes },
		.user = user,
	};
	wick_io_submit(probe->options.io, &probe->requests[i]);
}

static int say_failed(const struct wick_io_request *request, struct wick_diag *diag)
{
	return wick_diag_say(diag, request->result, "%s: reading %" PRIu64 " bytes at %" PRIu64 ": %s",
		request->file->path, request->bytes, request->offset, wick_io_error(request->result));
}

/* The reads of a steady load that count:
 *
 *     | first submitted              time is up |       | the last of those in flight then is back
 *     |<------------------ counts ------------------------------->|<-- load ends: no further reads -->|
 */
struct window {
	const struct wick_probe_load *load;
	struct wick_steady *steady;
	struct wick_histogram *latency;
	uint64_t begun_ns; /* by the clock of the queue */
	bool closing;      /* the time is up */
	unsigned owed;     /* reads in flight since before then */
};

static bool is_time_up(const struct window *window)
{
	const struct wick_probe_load *load = window->load;
	const struct wick_steady *steady = window->steady;

	return steady->ns >= load->duration_ns && (steady->reads >= load->reads_min || steady->ns >= load->limit_ns);
}

/* A read is back. One that was sent after the time was up has a user. */
static void count(struct window *window, const struct wick_io_request *request, unsigned depth)
{
	struct wick_steady *steady = window->steady;

	window->begun_ns = WICK_MIN(window->begun_ns, request->submitted_ns);
	steady->reads++;
	steady->ns = request->completed_ns - window->begun_ns;
	if (window->latency)
		wick_histogram_add(window->latency, request->completed_ns - request->submitted_ns);
	if (!window->closing && is_time_up(window)) {
		window->closing = true;
		window->owed = depth;
	}
	if (window->closing && !request->user)
		window->owed--;
}

static bool stopped(const struct wick_probe *probe)
{
	return probe->options.stop && probe->options.stop();
}

int wick_probe_steady(struct wick_probe *probe, const struct wick_probe_load *load, struct wick_steady *steady,
	struct wick_histogram *latency, struct wick_diag *diag)
{
	const unsigned depth = probe->options.depth;
	struct window window = { .load = load, .steady = steady, .latency = latency, .begun_ns = UINT64_MAX };
	struct wick_io_request *request;
	bool over = false;
	int rc = 0;

	wick_require(load->chunk_bytes && load->chunk_bytes <= probe->options.chunk_bytes_max);
	*steady = (struct wick_steady){ 0 };
	for (unsigned i = 0; i < depth; i++)
		submit(probe, i, load, NULL);
	while ((request = wick_io_wait(probe->options.io))) {
		steady->all_reads++;
		if (request->result < 0 && !rc)
			rc = say_failed(request, diag);
		if (!over)
			count(&window, request, depth);
		if (!over && !rc && stopped(probe))
			rc = -ECANCELED;
		over = over || rc || (window.closing && !window.owed);
		if (!over)
			submit(probe, (unsigned)(request - probe->requests), load, window.closing ? &window : NULL);
	}
	return rc;
}

int wick_probe_burst(struct wick_probe *probe, uint64_t chunk_bytes, unsigned reads, uint64_t *ns, struct wick_diag *diag)
{
	const struct wick_probe_load load = { .chunk_bytes = chunk_bytes };
	uint64_t begun_ns = UINT64_MAX, ended_ns = 0;
	struct wick_io_request *request;
	int rc = stopped(probe) ? -ECANCELED : 0;

	wick_require(chunk_bytes && chunk_bytes <= probe->options.chunk_bytes_max && reads <= probe->options.reads_max);
	for (unsigned i = 0; i < reads && !rc; i++)
		submit(probe, i, &load, NULL);
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
